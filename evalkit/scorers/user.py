"""A user's own scorer: a Python function or class, from a file or an installed plugin."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from evalkit.imports import admit_pandas
from evalkit.scorers.scorer import Scorer
from evalkit.types import Case, Response, Score

ENTRY_POINTS = "evalkit.scorers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """Calls ``function(case, response, **options)``.

    It returns a number in [0, 1], a truth value, None (no score), a pair of value and reason, or a
    Score.
    """

    name: str
    function: Callable[..., Any]
    options: dict[str, Any] = field(default_factory=dict)
    needs_target: bool = False

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        return _as_score(self.name, self.function(case, response, **self.options))


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """Calls the ``score`` method of a user's object, under the name the suite gives it."""

    name: str
    scorer: Any

    @property
    def needs_target(self) -> bool:
        """See Scorer."""
        return bool(getattr(self.scorer, "needs_target", False))

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        return _as_score(self.name, self.scorer.score(case, response))


def _as_score(name: str, given: Any) -> Score:
    if isinstance(given, Score):
        return Score(name, given.value, given.answer, given.reason)
    value, reason = given if isinstance(given, tuple) else (given, None)
    if value is None:
        return Score(name, None, reason=reason or "the scorer gave none")
    return Score(name, float(value), reason=reason)


def scorer_from_file(place: str, name: str, options: dict[str, Any]) -> Scorer:
    """The scorer at ``file.py:name``; raises ValueError if it cannot be had."""
    path, _, attribute = place.rpartition(":")
    if not path or not attribute.isidentifier():
        raise ValueError(f"python is file.py:function, found {place!r}")
    try:
        found = getattr(_module(Path(path)), attribute)
    except AttributeError:
        raise ValueError(f"{path} has no '{attribute}'") from None
    except Exception as error:
        raise ValueError(f"{path}: {type(error).__name__}: {error}") from error
    return _wrapped(found, name, options)


def scorer_from_plugin(kind: str, name: str, options: dict[str, Any]) -> Scorer | None:
    """The scorer an installed package offers by that name, or None; raises ValueError."""
    for entry in entry_points(group=ENTRY_POINTS, name=kind):
        try:
            admit_pandas()
            found = entry.load()
        except Exception as error:
            raise ValueError(
                f"the plugin {entry.value}: {type(error).__name__}: {error}"
            ) from error
        return _wrapped(found, name, options)
    return None


def plugin_names() -> list[str]:
    """What installed packages offer."""
    return sorted(entry_points(group=ENTRY_POINTS).names)


def _wrapped(found: Any, name: str, options: dict[str, Any]) -> Scorer:
    if inspect.isclass(found):
        try:
            return Method(name=name, scorer=found(**options))
        except TypeError as error:
            raise ValueError(f"{found.__name__}: {error}") from error
    if not callable(found):
        raise ValueError(f"'{name}' is neither a function nor a class, but {found!r}")
    try:
        inspect.signature(found).bind(None, None, **options)
    except TypeError as error:
        raise ValueError(
            f"'{name}' is called with case, response and its options: {error}"
        ) from None
    return Function(name=name, function=found, options=options)


@lru_cache(maxsize=32)
def _module(path: Path) -> Any:
    name = f"evalkit_user_{path.stem}_{abs(hash(path))}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError("not a Python file")
    admit_pandas()
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name while they are made.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
