"""The tests of a row, as pieces of code that check something when they are run."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from typing import Any

_DEFINE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IDLE = (*_DEFINE, ast.Import, ast.ImportFrom, ast.Pass)


def tests_of(row: Mapping[str, Any], column: str | None, entry_point: str | None) -> list[str]:
    """One program, or several statements (also written as a list in a cell); none where none are.

    What a program defines and does not call is called: ``check`` with the ``entry_point``, test
    functions, and the classes of unittest. Raises ValueError for tests that check nothing: they
    would pass for any answer.
    """
    names = [column] if column else ["test", "test_list"]
    found = next((row[name] for name in names if row.get(name)), None)
    if isinstance(found, str) and found.lstrip().startswith("["):
        found = _list_in(found) or found
    if isinstance(found, str):
        found = [found]
    tests = [test for test in found or () if isinstance(test, str) and test.strip()]
    return [_checking(test, entry_point) for test in tests]


def _list_in(cell: str) -> list[str] | None:
    """A list written in a cell of a CSV file, as JSON or as Python writes it."""
    try:
        value = json.loads(cell)
    except ValueError:
        try:
            value = ast.literal_eval(cell)
        except (ValueError, SyntaxError):
            return None
    return value if isinstance(value, list) else None


def _checking(test: str, entry_point: str | None) -> str:
    """A test with the calls that it leaves to others."""
    try:
        body = ast.parse(test).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return test  # perhaps another interpreter's; the sandbox says what is wrong
    run = [node for node in body if not isinstance(node, _DEFINE) and not _is_for_scripts(node)]
    called = {
        inner.func.id
        for node in run
        for inner in ast.walk(node)
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name)
    }
    calls = [
        call
        for node in body
        if isinstance(node, _DEFINE) and node.name not in called
        for call in _calls_of(node, entry_point)
    ]
    if not calls and all(isinstance(node, _IDLE) or _says_something(node) for node in run):
        raise ValueError("the tests of the row check nothing")
    return "\n".join([_without_main(test, body), *calls]) if calls else test


def _calls_of(node: ast.stmt, entry_point: str | None) -> Iterator[str]:
    """How what a test defines is run, if it is there to be run."""
    if isinstance(node, ast.ClassDef):
        if any("TestCase" in ast.unparse(base) for base in node.bases):
            loaded = f"unittest.defaultTestLoader.loadTestsFromTestCase({node.name})"
            yield f"import unittest\n{loaded}.debug()"
    elif isinstance(node, ast.FunctionDef) and node.name == "check":
        if not entry_point:
            raise ValueError("the row's check() needs a column 'entry_point' that says of what")
        yield f"check({entry_point})"
    elif isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
        if len(node.args.posonlyargs + node.args.args) > len(node.args.defaults):
            raise ValueError(f"the row's {node.name}() takes arguments that nobody gives")
        yield f"{node.name}()"


def _is_for_scripts(node: ast.stmt) -> bool:
    """Whether it is an ``if __name__ == "__main__"``, which is not run here."""
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def _says_something(node: ast.stmt) -> bool:
    """Whether it is a text or names a value, and calls nothing."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    is_assignment = isinstance(node, ast.Assign | ast.AnnAssign)
    return is_assignment and not any(isinstance(inner, ast.Call) for inner in ast.walk(node))


def _without_main(test: str, body: list[ast.stmt]) -> str:
    """A test without ``unittest.main()``, which would look for its classes elsewhere and leave."""
    lines = test.splitlines()
    for node in body:
        if isinstance(node, ast.Expr) and ast.unparse(node).startswith("unittest.main("):
            for place in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[place] = ""
    return "\n".join(lines)
