"""A user's own scorer: a Python function or class, from a file or an installed plugin."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from evalkit.scorers.scorer import Scorer
from evalkit.types import Case, Response, Score

ENTRY_POINTS = "evalkit.scorers"
Range = tuple[float, float]
SHARES: Range = (0.0, 1.0)
# A mean of ones may come to 1.0000000000000002.
_NOISE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """Calls ``function(case, response, **options)``.

    It returns a number in the ``score_range``, a truth value, None (no score), a pair of value and
    reason, or a Score.
    """

    name: str
    function: Callable[..., Any]
    options: dict[str, Any] = field(default_factory=dict)
    score_range: Range = SHARES
    needs_target: bool = False

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        given = self.function(case, response, **self.options)
        return as_score(self.name, given, self.score_range)


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """Calls the ``score`` method of a user's object, under the name the suite gives it."""

    name: str
    scorer: Any
    score_range: Range = SHARES

    @property
    def needs_target(self) -> bool:
        """See Scorer."""
        return bool(getattr(self.scorer, "needs_target", False))

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        return as_score(self.name, self.scorer.score(case, response), self.score_range)


def range_of(options: dict[str, Any]) -> Range:
    """Take from a scorer's options the ``score_range`` it grades in; ValueError for none."""
    given = options.pop("score_range", SHARES)
    ends = given if isinstance(given, list | tuple) and len(given) == 2 else ("", "")
    if not all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends):
        raise ValueError(f"score_range is [lowest, highest], such as [1, 5], found {given!r}")
    low, high = map(float, ends)
    if not low < high < float("inf") or low == float("-inf"):
        raise ValueError(f"score_range goes from a number to a larger one, found {given!r}")
    return low, high


def as_score(name: str, given: Any, score_range: Range = SHARES) -> Score:
    """What a user's scorer returned, as a Score; null with the reason where it is none.

    Grades of another ``score_range`` than [0, 1] become shares of it; the answer tells them as they
    were.
    """
    value, answer, reason = _parts(given)
    if value is None:
        return Score(name, None, reason=reason or "the scorer gave none")
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    low, high = score_range
    if isinstance(value, str) or not low - _NOISE <= number <= high + _NOISE:
        wanted = f"not a number in [{low:g}, {high:g}]"
        return Score(name, None, reason=f"the scorer returned {repr(given)[:80]}, {wanted}")
    if score_range != SHARES:
        answer = answer or f"{number:g}"
    share = (min(max(number, low), high) - low) / (high - low)
    return Score(name, share, answer, reason)


def _parts(given: Any) -> tuple[Any, str | None, str | None]:
    """Value, answer and reason."""
    parts: tuple[Any, Any, Any] = (given, None, None)
    if isinstance(given, Score):
        parts = (given.value, given.answer, given.reason)
    elif isinstance(given, tuple) and len(given) == 2:
        parts = (given[0], None, given[1])
    value, answer, reason = parts
    return value, None if answer is None else str(answer), None if reason is None else str(reason)


def scorer_from_file(place: str, name: str, options: dict[str, Any]) -> Scorer:
    """The scorer at ``file.py:name``; raises ValueError if it cannot be had."""
    path, _, attribute = place.rpartition(":")
    module = _module(Path(path))
    if not hasattr(module, attribute):
        there = [key for key, value in vars(module).items() if _is_defined_in(module, value)]
        raise ValueError(f"{path} has no '{attribute}'; it has: {', '.join(there) or 'nothing'}")
    return _wrapped(getattr(module, attribute), name, options)


def check_place(place: str) -> None:
    """Raise ValueError for what is no ``file.py:name``, or names a file that is not there."""
    path, _, attribute = place.rpartition(":")
    if not path or not attribute.isidentifier():
        raise ValueError(f"python is file.py:function, found {place!r}")
    if not Path(path).is_file():
        raise ValueError(f"there is no file {path}")


def scorer_from_plugin(kind: str, name: str, options: dict[str, Any]) -> Scorer:
    """The scorer an installed package offers by that name; raises ValueError."""
    for entry in entry_points(group=ENTRY_POINTS, name=kind):
        try:
            found = entry.load()
        except Exception as error:
            raise ValueError(
                f"the plugin {entry.value}: {type(error).__name__}: {error}"
            ) from error
        return _wrapped(found, name, options)
    raise ValueError(f"no installed package offers '{kind}'")


def plugin_names() -> list[str]:
    """What installed packages offer."""
    return sorted(entry_points(group=ENTRY_POINTS).names)


def _is_defined_in(module: Any, value: Any) -> bool:
    return callable(value) and getattr(value, "__module__", None) == module.__name__


def _wrapped(found: Any, name: str, given: dict[str, Any]) -> Scorer:
    options = dict(given)
    score_range = range_of(options)
    if inspect.isclass(found):
        try:
            scorer = found(**options)
        except Exception as error:
            raise ValueError(f"{found.__name__}: {_told(error)}") from error
        if not callable(getattr(scorer, "score", None)):
            raise ValueError(f"the class {found.__name__} has no method score(case, response)")
        return Method(name=name, scorer=scorer, score_range=score_range)
    if not callable(found):
        raise ValueError(f"'{name}' is neither a function nor a class, but {found!r}")
    try:
        inspect.signature(found).bind(None, None, **options)
    except TypeError as error:
        raise ValueError(
            f"'{name}' is called with case, response and its options: {error}"
        ) from None
    return Function(name=name, function=found, options=options, score_range=score_range)


class _Fresh(SourceFileLoader):
    """Reads a file as it is now, never its bytecode, which a change within a second leaves."""

    def path_stats(self, path: str | bytes) -> Mapping[str, Any]:
        """Told as unknown, so that bytecode is neither used nor written."""
        raise OSError(f"{path!r}: bytecode is not asked for")


def _module(path: Path) -> Any:
    """The module in a file, which may import what lies beside it."""
    name = f"evalkit_user_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_Fresh(name, str(path)))
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name while they are made.
    sys.modules[name] = module
    sys.path.append(str(path.parent))
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise ValueError(f"{error.filename}:{error.lineno}: {_told(error)}") from error
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(path)]
        raise ValueError(f"{path}:{lines[-1] if lines else 1}: {_told(error)}") from error
    return module


def _told(error: BaseException) -> str:
    words = error.msg if isinstance(error, SyntaxError) else error
    return f"{type(error).__name__}: {words}"
