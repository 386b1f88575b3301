"""YAML as people expect it: the core schema of YAML 1.2, and syntax errors with what to do.

The safe loader of PyYAML follows YAML 1.1, in which ``off`` is false, ``010`` is 8, ``1:30`` is 90
and ``2026-11-25`` a date. Here they stay what they look like: words, ten, and texts.
"""

from __future__ import annotations

import re

import yaml

_CORE = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
)


class SuiteLoader(yaml.SafeLoader):
    """The safe loader with YAML 1.2's core schema."""

    yaml_implicit_resolvers = {}  # noqa: RUF012


for _tag, _pattern, _first in _CORE:
    SuiteLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first)
    )


def _whole_number(loader: SuiteLoader, node: yaml.ScalarNode) -> int | str:
    text = str(loader.construct_scalar(node))
    if len(text) > 4000:  # more digits than Python makes a number of
        return text
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


SuiteLoader.add_constructor("tag:yaml.org,2002:int", _whole_number)

# What PyYAML says, and what to do about it.
_ADVICE = (
    ("'\\t' that cannot start", "a tab cannot indent; use spaces"),
    ("unhashable key", 'quote a value that begins with {, as in "{{ question }}"'),
    ("mapping values are not allowed", "mend the indentation, or quote a value with ': ' in it"),
    ("that cannot start any token", "quote a value that begins with this sign"),
    ("scanning an alias", "quote a value that begins with *"),
    ("undefined alias", "quote a value that begins with *"),
    ("constructor for the tag", "quote a value that begins with !"),
    ("expected ',' or '}'", "close the braces, or quote a value with ? : , { or } in it"),
    ("expected ',' or ']'", "close the brackets, or quote a value with ? : , [ or ] in it"),
    ("another document", "a suite is one document; take the line --- out"),
)


def fault_line(error: yaml.MarkedYAMLError) -> int:
    """The line to look at: of what is never closed, where it begins."""
    is_open = any(sign in (error.problem or "") for sign in ("end of stream", "<stream end>"))
    mark = (error.context_mark if is_open else None) or error.problem_mark
    return mark.line + 1 if mark else 1


def told_kindly(error: yaml.MarkedYAMLError) -> str:
    """What is wrong with the syntax, and what to do about it where that is known."""
    problem = error.problem or ""
    if error.context == "while scanning a quoted scalar" and "end of stream" in problem:
        return "not valid YAML: a quote opens here and is never closed"
    told = f"not valid YAML: {', '.join(part for part in (error.context, problem) if part)}"
    snippet = error.problem_mark.get_snippet() if error.problem_mark else ""
    if "${" in (snippet or ""):
        return f"{told}; quote a value with ${{…}} in it"
    return next((f"{told}; {advice}" for sign, advice in _ADVICE if sign in told), told)
