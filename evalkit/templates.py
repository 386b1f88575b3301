"""Templates of prompts and targets, and filters of rows: compiled once, filled in for each.

A row's value is only ever data: it is substituted, never compiled. An unknown variable is an
error, not an empty string.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Set
from typing import Any

from jinja2 import (
    Environment,
    TemplateNotFound,
    TemplateSyntaxError,
    UndefinedError,
    meta,
    nodes,
)
from jinja2 import TemplateError as JinjaError

from evalkit.errors import TemplateError
from evalkit.jinja import PromptEnvironment

# The whole row, for templates and expressions that name it.
ROW = "row"
_RENDERING = (
    JinjaError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


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
        environment = PromptEnvironment(self._library)
        try:
            code = environment.compile(source, self._file, self._file)
            self.variables = frozenset(_variables(environment, source, self._library))
        except TemplateSyntaxError as error:
            raise TemplateError(
                f"{self._at(error.name, error.lineno)}: {_syntax(error, environment)}",
                "Check the braces; text that is no template goes into {% raw %} … {% endraw %}.",
            ) from error
        self._allowance = environment.allowance
        self._compiled = environment.template_class.from_code(
            # A plain dict: Jinja's own chain of two is copied item by item at every rendering.
            environment,
            code,
            dict(environment.make_globals(None)),
        )

    def render(self, values: Mapping[str, Any]) -> str:
        """The text for one row.

        Raises TemplateError naming the template, its line and, for an unknown variable, what
        there is.
        """
        self._allowance.renew()
        try:
            return self._compiled.render(with_row(values, self.variables))
        except UndefinedError as error:
            raise TemplateError(
                f"{self._place(error)}: {error.message}; the row has {_names(values)}",
                "Use one of the row's columns, or `| default('')` where a column may be missing.",
            ) from error
        except TemplateNotFound as error:
            raise TemplateError(f"{self._place(error)}: includes no file {error.name}") from error
        except _RENDERING as error:
            # A filter or method met a value it cannot take: the row's fault or the template's.
            raise TemplateError(f"{self._place(error)}: {_reason(error)}") from error

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
        environment = PromptEnvironment({})
        self._allowance = environment.allowance
        try:
            self._compiled = environment.compile_expression(source, undefined_to_none=False)
            tree = environment.parse("{{ (" + source + ") }}")
        except TemplateSyntaxError as error:
            raise TemplateError(
                f"{where}: {_expression_syntax(error, environment, source)}",
                "For example: level == 'hard' and question|length < 80",
            ) from error
        self.variables = frozenset(meta.find_undeclared_variables(tree))

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it is true of a row; raises TemplateError where it cannot be said."""
        self._allowance.renew()
        try:
            return bool(self._compiled(with_row(values, self.variables)))
        except UndefinedError as error:
            raise TemplateError(
                f"{self.where}: {error.message}; the row has {_names(values)}",
                "Use the row's columns.",
            ) from error
        except _RENDERING as error:
            raise TemplateError(
                f"{self.where}: {_reason(error)}",
                "Cells of CSV files are text: write score|float > 0.5."
                if isinstance(error, TypeError | ValueError)
                else None,
            ) from error


def _reason(error: BaseException) -> str:
    """Why a template could not be filled in; Python's own errors say of which kind they are."""
    if isinstance(error, RecursionError):
        return "a macro or an include leads back to itself without end"
    if isinstance(error, JinjaError | MemoryError):
        return str(error) or "needs more memory than there is"
    return f"{type(error).__name__}: {error}"


def _syntax(error: TemplateSyntaxError, environment: Environment) -> str:
    """What Jinja says, with the name that may have been meant."""
    message = error.message or "does not compile"
    unknown = re.match(r"No (filter|test) named '(.*)'", message)
    if unknown is None:
        return message
    known = environment.filters if unknown[1] == "filter" else environment.tests
    near = difflib.get_close_matches(unknown[2], known, n=1)
    return f"no {unknown[1]} is called '{unknown[2]}'" + (
        f"; did you mean '{near[0]}'?" if near else ""
    )


def _expression_syntax(error: TemplateSyntaxError, environment: Environment, source: str) -> str:
    """What Jinja says, in words about an expression."""
    if "{{" in source or "{%" in source:
        return "an expression stands by itself, without {{ }}"
    if error.message == "chunk after expression":
        return "there is more behind the expression; compare with ==, join with and, or"
    return _syntax(error, environment)


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
    return sorted(template.variables - columns - {ROW})


def with_row(values: Mapping[str, Any], used: Set[str]) -> Mapping[str, Any]:
    """The values, and all of them as ``row`` where that is used: for columns with odd names."""
    return {ROW: values, **values} if ROW in used else values


def attributes_of(template: Template, variable: str) -> frozenset[str]:
    """The names that a template looks up in a variable: ``a`` and ``b`` of ``x.a`` and ``x['b']``.

    What it includes is not looked into.
    """
    tree = PromptEnvironment({}).parse(template.source)
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
