"""Keeps an answer from changing what its tests rely on. Sent into the sandbox with the harness."""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

_OWN_TO_MODULES = ("__name__", "__doc__", "__package__", "__loader__", "__spec__")
_MADE_IN_PYTHON = 1 << 9  # Py_TPFLAGS_HEAPTYPE
_COMPARISONS = {"__eq__": "equal to", "__lt__": "less than", "__le__": "less than"}
_SIGNS = {"__eq__": "==", "__lt__": "<", "__le__": "<="}

# As in harness.py.
Runner = Callable[[types.CodeType, dict[str, Any]], str]


def forbid(event: str, _: object) -> None:
    """An audit hook: code may not look through what is not its own."""
    if event in (
        "gc.get_objects",
        "gc.get_referrers",
        "gc.get_referents",
        "sys._current_frames",
        "sys._current_exceptions",
        "sys.monitoring.register_callback",
    ):
        raise RuntimeError(f"{event} is not for answers")


class Guard:
    """Python's own names and the modules that tests import, as they were before the answer ran."""

    def __init__(self, tests: Sequence[str]) -> None:
        self._mention_mocks = any("mock" in test for test in tests)
        self._builtins = {**vars(builtins)}
        self._table = sys.modules
        self._modules = dict(_imported(tests))
        self._kept = [
            (owner, {**vars(owner)})
            for module in self._modules.values()
            for owner in (module, *_classes_of(module))
        ]
        self._known = {id(kind): kind for kind in _all_classes()}
        self._shadowed: dict[str, object] = {}
        self._had_mocks = False

    def look_at(self, answer: Mapping[str, Any]) -> None:
        """Note what the answer has called as Python calls something of its own."""
        self._shadowed = {
            name: value
            for name, value in answer.items()
            if name in self._builtins and name not in _OWN_TO_MODULES
        }
        self._had_mocks = "unittest.mock" in self._table

    def space_for_tests(self, answer: dict[str, Any], called: Iterable[str]) -> dict[str, Any]:
        """Where tests run: among the answer's names, but what Python calls ``set`` is that.

        Unless such a name is all that the tests call: then it is what was asked for.
        """
        asked = [name for name in called if name in answer]
        if not self._shadowed or all(name in self._shadowed for name in asked):
            return answer
        return {
            name: value
            for name, value in answer.items()
            if name not in self._shadowed or value is not self._shadowed[name]
        }

    def restore(self, space: dict[str, Any]) -> None:
        """Make everything that tests rely on what it was."""
        vars(builtins).update(self._builtins)
        space["__builtins__"] = builtins
        self._table.update(self._modules)
        for owner, kept in self._kept:
            _restore(owner, kept)

    def trick(self, run: Runner) -> str:
        """What made the tests pass that would make any test pass; nothing if there is no such."""
        if "unittest.mock" in self._table and not (self._had_mocks or self._mention_mocks):
            return "it returned mocks, which pass for anything"
        for kind in _all_classes():
            if id(kind) in self._known:
                continue
            for name, what in _COMPARISONS.items():
                if _is_always_true(kind, name, run):
                    return f"objects of its class {_of(kind, '__name__')} are {what} anything"
        return ""


def _is_always_true(kind: type, name: str, run: Runner) -> bool:
    """Whether a comparison defined in the answer holds even with an object it cannot know."""
    method = _of(kind, "__dict__").get(name)
    if method is None or type(method) is types.WrapperDescriptorType:
        return False
    if type(method) is types.FunctionType and not method.__code__.co_filename.startswith("<"):
        return False  # a library's
    try:
        mro = _of(kind, "__mro__")
        base = next(base for base in mro if not _of(base, "__flags__") & _MADE_IN_PYTHON)
        made = type.__new__(kind, "Made", (), {}) if base is type else base.__new__(kind)
    except (TypeError, ValueError):
        return False  # such objects cannot be made without more
    code = compile(f"found = made {_SIGNS[name]} other", "<comparison>", "exec")
    space = {"made": made, "other": object()}
    return not run(code, space) and space.get("found") is True


def _of(kind: type, name: str) -> Any:
    """An attribute of a class itself, whatever its metaclass says."""
    return vars(type)[name].__get__(kind)


def _all_classes() -> Iterator[type]:
    seen: dict[int, type] = {}
    waiting: list[type] = [object]
    while waiting:
        kind = waiting.pop()
        if id(kind) not in seen:
            seen[id(kind)] = kind
            yield kind
            waiting += type.__subclasses__(kind)


def _imported(tests: Iterable[str]) -> Iterator[tuple[str, types.ModuleType]]:
    """The modules that tests import, by name."""
    for test in tests:
        with contextlib.suppress(SyntaxError, ValueError, RecursionError):
            for node in ast.walk(ast.parse(test)):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names = [node.module]
                for name in names:
                    with contextlib.suppress(Exception):
                        yield name, importlib.import_module(name)


def _classes_of(module: types.ModuleType) -> list[type]:
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and value.__flags__ & _MADE_IN_PYTHON
    ]


def _restore(owner: Any, kept: Mapping[str, object]) -> None:
    """Give a module or class its attributes back."""
    now = vars(owner)
    for name, value in kept.items():
        if name not in now or now[name] is not value:
            with contextlib.suppress(AttributeError, TypeError):
                setattr(owner, name, value)
