"""Strict, sandboxed Jinja for prompts and target expressions.

A row's value is only ever data: it is substituted, never compiled. An unknown variable is an
error, not an empty string.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError, meta
from jinja2 import TemplateError as JinjaError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from evalkit.errors import TemplateError


class Template:
    """A compiled template. ``where`` names it in errors, for example ``prompts.concise.user``."""

    def __init__(self, source: str, where: str) -> None:
        self.source = source
        self.where = where
        environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
        try:
            tree = environment.parse(source)
            self._compiled = environment.from_string(source)
        except TemplateSyntaxError as error:
            raise TemplateError(
                f"{where}, template line {error.lineno}: {error.message}",
                "Check the braces; text that is no template goes into {% raw %} … {% endraw %}.",
            ) from error
        self.variables = frozenset(meta.find_undeclared_variables(tree))

    def render(self, values: Mapping[str, Any]) -> str:
        """The text for one row.

        Raises TemplateError naming the template and, for an unknown variable, what there is.
        """
        try:
            return self._compiled.render(values)
        except UndefinedError as error:
            raise TemplateError(
                f"{self.where}: {error.message}; the row has {_names(values)}",
                "Use one of the row's columns, or `| default('')` where a column may be missing.",
            ) from error
        except (
            JinjaError,
            ArithmeticError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:
            # A filter or method met a value it cannot take: the row's fault or the template's.
            raise TemplateError(f"{self.where}: {type(error).__name__}: {error}") from error


def unknown_variables(template: Template, columns: frozenset[str]) -> list[str]:
    """Variables a template uses that no row has, in order."""
    return sorted(template.variables - columns)


def _names(values: Mapping[str, Any]) -> str:
    return ", ".join(str(name) for name in values) or "no columns"
