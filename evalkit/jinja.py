"""Jinja as prompts have it: sandboxed, strict, the same at every rendering, and bounded.

Beside Jinja's own filters there are ``json`` (as text, without HTML escapes; ``json(2)`` indents)
and ``truncate_tokens(n)`` (the beginning, about n tokens of it); ``random`` and ``lipsum`` are not
there, since a prompt must be the same each time it is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, MutableMapping
from functools import wraps
from typing import Any, cast

from jinja2 import (
    BaseLoader,
    Environment,
    StrictUndefined,
    TemplateNotFound,
    TemplateRuntimeError,
    Undefined,
    nodes,
    pass_environment,
)
from jinja2.filters import do_center, do_format, do_indent, do_sum, make_attrgetter
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from evalkit.bounds import Allowance, check_extent, check_format, check_widths, joined

# English text is about 4 bytes a token on the models of 2024-26, code and other scripts fewer.
BYTES_PER_TOKEN = 3.5


def as_json(value: Any, indent: int | None = None) -> str:
    """A value as JSON text, for a prompt: no escapes but JSON's own."""
    check_extent(value)
    return json.dumps(value, ensure_ascii=False, indent=indent, default=str)


def truncate_tokens(text: object, tokens: int, end: str = "…") -> str:
    """The beginning of a text, about ``tokens`` long by estimate, cut between words."""
    whole = str(text)
    encoded = whole.encode("utf-8", "replace")
    room = int(tokens * BYTES_PER_TOKEN)
    if len(encoded) <= room:
        return whole
    cut = encoded[:room].decode("utf-8", "ignore")
    words, space, _ = cut.rpartition(" ")
    return f"{words if space else cut}{end}"


def _as_shown(value: Any) -> Any:
    """What a template shows of a value.

    A missing one leaves its place empty; as the word None it would become part of a prompt, as a
    method would by its address.
    """
    if value is None:
        return ""
    if isinstance(value, dict | list | tuple):
        check_extent(value)
    if callable(value) and not isinstance(value, Undefined):
        name = getattr(value, "__name__", "this")
        raise TemplateRuntimeError(
            f"'{name}' is a method here: call it, or write ['{name}'] for a key of that name"
        )
    return value


def _held(allowance: Allowance) -> dict[str, Callable[..., Any]]:
    """The filters that make much of little, held to what a prompt can have."""

    def held(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def filtered(value: Any, *args: Any, **named: Any) -> Any:
            check_widths(value, (*args, *named.values()))
            return allowance.made(function(value, *args, **named))

        return filtered

    @pass_environment
    def join(
        environment: Environment, value: Any, between: object = "", attribute: Any = None
    ) -> str:
        of = make_attrgetter(environment, attribute) if attribute is not None else None
        return allowance.concat(map(of, value) if of else value, str(between))

    def replace(value: object, old: object, new: object, count: int | None = None) -> str:
        text, olds, news = str(value), str(old), str(new)
        allowance.before_replace(text, olds, news)
        return text.replace(olds, news, -1 if count is None else count)

    padding = {"center": do_center, "indent": do_indent, "format": do_format, "sum": do_sum}
    return {
        **{name: held(function) for name, function in padding.items()},
        "join": join,
        "replace": replace,
        "_steps": allowance.steps,
        "_concat": allowance.concat,
    }


def _shown_whole(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that makes text of a whole value, unless it holds too much."""

    @wraps(function)
    def filtered(*args: Any, **named: Any) -> Any:
        check_extent(args)
        return function(*args, **named)

    return filtered


class Library(BaseLoader):
    """The texts a template may include, by name; there is no way from here to a file."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def get_source(
        self, environment: Any, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """The text of an included template; raises TemplateNotFound."""
        if template not in self._texts:
            raise TemplateNotFound(template)
        text = self._texts[template]
        # Jinja drops a template's last line end; an included file keeps it, as its lines are meant.
        return (f"{text}\n" if text.endswith("\n") else text), template, None


class Missing(StrictUndefined):
    """What a row does not have: an error wherever it is used, also within a list that is shown."""

    __slots__ = ()
    __repr__ = StrictUndefined._fail_with_undefined_error


class _Counted(NodeTransformer):
    """Has every loop count its turns, and ``~`` what it makes."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.iter = _filter(node.iter, "_steps")
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filter(nodes.List(node.nodes, lineno=node.lineno), "_concat")


def _filter(node: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(cast("nodes.Expr", node), name, [], [], None, None, lineno=node.lineno)


class PromptEnvironment(ImmutableSandboxedEnvironment):
    """The sandbox in which templates compile and render; ``texts`` are those they may include.

    One rendering after another: each begins with ``allowance.renew()``.
    """

    intercepted_binops = frozenset({"+", "*", "**", "%"})
    concat = staticmethod(joined)

    def __init__(self, texts: Mapping[str, str]) -> None:
        super().__init__(
            undefined=Missing,
            autoescape=False,
            finalize=_as_shown,
            loader=Library(texts),
            # A tag on a line of its own leaves no empty line in the prompt.
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.allowance = Allowance()
        del self.globals["lipsum"], self.filters["random"]
        self.filters["json"] = as_json
        self.filters["truncate_tokens"] = truncate_tokens
        self.filters |= _held(self.allowance)
        for name in ("pprint", "string", "tojson"):
            self.filters[name] = _shown_whole(self.filters[name])

    def _generate(self, source: nodes.Template, *args: Any, **named: Any) -> str:
        return super()._generate(_Counted().visit(source), *args, **named)

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Globals as a plain dictionary: every row's context copies them."""
        return {**self.globals, **(d or {})}

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """An operation that can make much of little, unless it would."""
        self.allowance.before_operation(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """A text's ``format`` or ``format_map``, held to widths that a prompt can have."""
        wrapped = super().wrap_str_format(value)
        if wrapped is None:
            return None

        def formatted(*args: Any, **named: Any) -> str:
            inner = (item for one in args if isinstance(one, Mapping) for item in one.values())
            check_format(value.__self__, (*args, *named.values(), *inner))
            return wrapped(*args, **named)

        return formatted

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """A call, with the methods of texts held to what a prompt can have."""
        text = getattr(__obj, "__self__", None)
        if isinstance(text, str):
            if __obj.__name__ == "join" and args:
                return __self.allowance.concat(args[0], text)
            __self.allowance.before_call(__obj.__name__, text, (*args, *kwargs.values()))
        elif isinstance(__obj, LoopContext) and args:
            args = (__self.allowance.steps(args[0]), *args[1:])
        return __self.allowance.made(super().call(__context, __obj, *args, **kwargs))
