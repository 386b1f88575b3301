"""The scorer of mathematical answers: right when they mean the same (math-verify)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from evalkit.types import Case, Response, Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Math:
    r"""Right when the answer's expression equals the target's: ``1/2``, ``0.5``, ``\frac12``.

    Equations, sets, intervals, matrices and LaTeX are understood. ``digits`` says to how many
    decimal places numbers must agree. An expression may take for ever: after ``timeout_s`` seconds
    the score is null.
    """

    name: str = "math"
    digits: int = 6
    timeout_s: float = 10.0
    needs_target: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.digits <= 15:
            raise ValueError(f"digits is from 0 to 15, found {self.digits}")

    def is_quick(self, case: Case, response: Response) -> bool:
        """Never surely."""
        return False

    def prepare(self) -> None:
        """Load what takes long to load, so that it takes none of an answer's time."""
        logging.getLogger("math_verify").setLevel(logging.ERROR)
        _parsed("$1$")

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        from math_verify import verify

        if case.target is None:
            return Score(self.name, None, reason="the case has no target")
        target = _parsed(case.target) or _parsed(f"${case.target}$")
        if not target:
            return Score(self.name, None, reason=f"the target {case.target!r} is no mathematics")
        found = _parsed(response.text)
        if not found:
            return Score(self.name, 0.0, reason="no mathematics in the answer")
        is_right = verify(
            target, found, float_rounding=self.digits, timeout_seconds=None, raise_on_error=True
        )
        reason = None if is_right else f"expected {case.target}"
        return Score(self.name, float(is_right), answer=str(found[0])[:500], reason=reason)


def _parsed(text: str) -> list[Any]:
    """What math-verify reads: expressions first, the text they were read from last."""
    from math_verify import parse

    parsed: list[Any] = parse(text, parsing_timeout=None)
    return parsed
