"""Jinja as prompts have it: sandboxed, strict, the same at every rendering, and bounded.

Beside Jinja's own filters there are ``json`` (as text, without HTML escapes; ``json(2)`` indents)
and ``truncate_tokens(n)`` (the beginning, about n tokens of it); ``random`` and ``lipsum`` are not
there, since a prompt must be the same each time it is asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any

from jinja2 import BaseLoader, StrictUndefined, TemplateNotFound, TemplateRuntimeError, Undefined
from jinja2.exceptions import SecurityError
from jinja2.filters import do_center, do_format, do_indent
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

# English text is about 4 bytes a token on the models of 2024-26, code and other scripts fewer.
BYTES_PER_TOKEN = 3.5
# The API takes requests of 32 MB; nothing that a template makes may be longer.
MOST_SIGNS = 32 * 1024 * 1024
_MOST_BITS = 1 << 16
_NUMBER = re.compile(r"\d{7,}")


def as_json(value: Any, indent: int | None = None) -> str:
    """A value as JSON text, for a prompt: no escapes but JSON's own."""
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
    if callable(value) and not isinstance(value, Undefined):
        name = getattr(value, "__name__", "this")
        raise TemplateRuntimeError(
            f"'{name}' is a method here: call it, or write ['{name}'] for a key of that name"
        )
    return value


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that pads or formats, held to widths that a prompt can have."""

    def filtered(value: Any, *args: Any, **named: Any) -> Any:
        _check_widths(value, (*args, *named.values()))
        return function(value, *args, **named)

    return filtered


def _check_widths(text: object, numbers: Iterable[object]) -> None:
    # What follows from a width that stands in a format, or is handed over.
    is_wide = isinstance(text, str) and "%" in text and _NUMBER.search(text)
    if is_wide or any(isinstance(one, int) and abs(one) > MOST_SIGNS for one in numbers):
        raise _too_long()


def _too_long() -> SecurityError:
    return SecurityError(f"makes a text of more than {MOST_SIGNS:,} characters")


def joined(parts: Iterable[str]) -> str:
    """The parts of a rendered template in one; raises SecurityError where they are too long."""
    kept, size = [], 0
    for part in parts:
        size += len(part)
        if size > MOST_SIGNS:
            raise _too_long()
        kept.append(part)
    return "".join(kept)


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


class PromptEnvironment(ImmutableSandboxedEnvironment):
    """The sandbox in which templates compile and render; ``texts`` are those they may include."""

    intercepted_binops = frozenset({"*", "**", "%"})
    concat = staticmethod(joined)

    def __init__(self, texts: Mapping[str, str]) -> None:
        super().__init__(
            undefined=StrictUndefined,
            autoescape=False,
            finalize=_as_shown,
            loader=Library(texts),
            # A tag on a line of its own leaves no empty line in the prompt.
            trim_blocks=True,
            lstrip_blocks=True,
        )
        del self.globals["lipsum"], self.filters["random"]
        self.filters["json"] = as_json
        self.filters["truncate_tokens"] = truncate_tokens
        for name, function in (("center", do_center), ("indent", do_indent), ("format", do_format)):
            self.filters[name] = _bounded(function)

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Globals as a plain dictionary: every row's context copies them."""
        return {**self.globals, **(d or {})}

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """An operation that can make much of little, unless it would."""
        if operator == "**" and isinstance(left, int) and isinstance(right, int):
            if left.bit_length() * right > _MOST_BITS:
                raise SecurityError("makes a number of too many digits")
        elif operator == "%":
            _check_widths(left, right if isinstance(right, tuple) else (right,))
        elif operator == "*":
            sequence, times = (right, left) if isinstance(left, int) else (left, right)
            is_repeated = isinstance(sequence, str | bytes | list | tuple) and isinstance(
                times, int
            )
            if is_repeated and len(sequence) * times > MOST_SIGNS:
                raise _too_long()
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """A call, with the methods of texts held to widths that a prompt can have."""
        text = getattr(__obj, "__self__", None)
        if isinstance(text, str):
            _check_widths(None, (*args, *kwargs.values()))
            if __obj.__name__ in ("format", "format_map") and _NUMBER.search(text):
                raise _too_long()
        return super().call(__context, __obj, *args, **kwargs)
