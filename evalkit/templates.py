"""Strict, sandboxed Jinja for prompts, target expressions and filters of rows.

A row's value is only ever data: it is substituted, never compiled. An unknown variable is an
error, not an empty string. Beside Jinja's own filters there are ``json`` (as text, without HTML
escapes; ``json(2)`` indents) and ``truncate_tokens(n)`` (the beginning, about n tokens of it).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jinja2 import (
    BaseLoader,
    Environment,
    StrictUndefined,
    TemplateNotFound,
    TemplateSyntaxError,
    UndefinedError,
    meta,
    nodes,
)
from jinja2 import TemplateError as JinjaError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from evalkit.errors import TemplateError

# English text is about 4 bytes a token on the models of 2024-26, code and other scripts fewer.
BYTES_PER_TOKEN = 3.5
_RENDERING = (
    JinjaError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


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


class _Library(BaseLoader):
    """The texts a template may include, by name; there is no way from here to a file."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        if template not in self._texts:
            raise TemplateNotFound(template)
        text = self._texts[template]
        # Jinja drops a template's last line end; an included file keeps it, as its lines are meant.
        return (f"{text}\n" if text.endswith("\n") else text), template, None


def _environment(texts: Mapping[str, str]) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,
        loader=_Library(texts),
        # A tag on a line of its own leaves no empty line in the prompt.
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["json"] = as_json
    environment.filters["truncate_tokens"] = truncate_tokens
    return environment


class Template:
    """A compiled template. ``where`` names it in errors, for example ``prompts.concise.user``.

    ``origin`` is the file its text was read from, ``library`` the texts it may include, by name.
    """

    def __init__(
        self,
        source: str,
        where: str,
        *,
        origin: str | None = None,
        library: Mapping[str, str] | None = None,
    ) -> None:
        self.source = source
        self.where = where
        self._origin = origin
        self._file = origin or f"<{where}>"
        self._library = library or {}
        environment = _environment(self._library)
        try:
            code = environment.compile(source, self._file, self._file)
            self.variables = frozenset(_variables(environment, source, self._library))
        except TemplateSyntaxError as error:
            raise TemplateError(
                f"{self._at(error.name, error.lineno)}: {error.message}",
                "Check the braces; text that is no template goes into {% raw %} … {% endraw %}.",
            ) from error
        self._compiled = environment.template_class.from_code(
            environment, code, environment.make_globals(None)
        )

    def render(self, values: Mapping[str, Any]) -> str:
        """The text for one row.

        Raises TemplateError naming the template, its line and, for an unknown variable, what
        there is.
        """
        try:
            return self._compiled.render(values)
        except UndefinedError as error:
            raise TemplateError(
                f"{self._place(error)}: {error.message}; the row has {_names(values)}",
                "Use one of the row's columns, or `| default('')` where a column may be missing.",
            ) from error
        except TemplateNotFound as error:
            raise TemplateError(f"{self._place(error)}: includes no file {error.name}") from error
        except _RENDERING as error:
            # A filter or method met a value it cannot take: the row's fault or the template's.
            raise TemplateError(f"{self._place(error)}: {type(error).__name__}: {error}") from error

    def _place(self, error: BaseException) -> str:
        """Where rendering failed: the innermost template line of the traceback."""
        name, line = None, None
        traceback = error.__traceback__
        while traceback is not None:
            file = traceback.tb_frame.f_code.co_filename
            if file == self._file or file in self._library:
                name, line = file, traceback.tb_lineno
            traceback = traceback.tb_next
        return self._at(name, line)

    def _at(self, name: str | None, line: int | None) -> str:
        """``prompts.p.user, template line 2``; in a file ``prompts.p.user (intro.md:2)``."""
        file = name if name in self._library else self._origin
        if file is None:
            return f"{self.where}, template line {line}" if line else self.where
        return f"{self.where} ({file}:{line})" if line else f"{self.where} ({file})"


class Expression:
    """A compiled expression over a row's columns, such as ``level == 'hard'``."""

    def __init__(self, source: str, where: str) -> None:
        self.where = where
        environment = _environment({})
        try:
            self._compiled = environment.compile_expression(source, undefined_to_none=False)
            tree = environment.parse("{{ (" + source + ") }}")
        except TemplateSyntaxError as error:
            raise TemplateError(
                f"{where}: {error.message}", "For example: level == 'hard' and question|length < 80"
            ) from error
        self.variables = frozenset(meta.find_undeclared_variables(tree))

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it is true of a row; raises TemplateError where it cannot be said."""
        try:
            return bool(self._compiled(values))
        except UndefinedError as error:
            raise TemplateError(
                f"{self.where}: {error.message}; the row has {_names(values)}",
                "Use the row's columns.",
            ) from error
        except _RENDERING as error:
            raise TemplateError(
                f"{self.where}: {type(error).__name__}: {error}",
                "Cells of CSV files are text: write score|float > 0.5.",
            ) from error


def _variables(
    environment: Environment,
    source: str,
    library: Mapping[str, str],
    seen: frozenset[str] = frozenset(),
) -> Iterator[str]:
    """Variables that a template, or one that it includes, takes from the row."""
    tree = environment.parse(source)
    yield from meta.find_undeclared_variables(tree)
    # What a template sets itself, those it includes may use.
    own = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"}
    for name in meta.find_referenced_templates(tree):
        if name is not None and name in library and name not in seen:
            yield from set(_included(environment, name, library, seen | {name})) - own


def _included(
    environment: Environment, name: str, library: Mapping[str, str], seen: frozenset[str]
) -> Iterator[str]:
    try:
        yield from _variables(environment, library[name], library, seen)
    except TemplateSyntaxError as error:
        error.name = error.name or name
        raise


def unknown_variables(template: Template | Expression, columns: frozenset[str]) -> list[str]:
    """Variables a template uses that no row has, in order."""
    return sorted(template.variables - columns)


def attributes_of(template: Template, variable: str) -> frozenset[str]:
    """The names that a template looks up in a variable: ``a`` and ``b`` of ``x.a`` and ``x['b']``.

    What it includes is not looked into.
    """
    tree = _environment({}).parse(template.source)
    found = {
        node.attr
        for node in tree.find_all(nodes.Getattr)
        if isinstance(node.node, nodes.Name) and node.node.name == variable
    }
    return frozenset(found) | {
        str(node.arg.value)
        for node in tree.find_all(nodes.Getitem)
        if isinstance(node.node, nodes.Name)
        and node.node.name == variable
        and isinstance(node.arg, nodes.Const)
    }


def _names(values: Mapping[str, Any]) -> str:
    return ", ".join(str(name) for name in values) or "no columns"
