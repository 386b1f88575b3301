"""Scorers that compare numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from evalkit.types import Case, Response, Score

# A sign counts only where it cannot be a minus or a hyphen: not after a digit, letter or bracket.
# Commas count as thousands separators only where they stand in groups of three.
_NUMBER = re.compile(
    r"(?<![\w.)\]])[-−+]?\s?[$€£]?\s?"
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?P<exponent>[eE][-+]?\d{1,3})?"
)
_MARKED = re.compile(r"####\s*(?P<marked>[^\n]+)")
_BOXED = re.compile(r"\\boxed\s*\{(?P<marked>[^{}]+)\}")


def find_number(text: str) -> Decimal | None:
    r"""The number a text gives as its answer.

    After the last ``####`` or inside the last ``\boxed{…}`` if there is one, else the last number
    of the text. None when there is no number.
    """
    for pattern in (_MARKED, _BOXED):
        marked = [match["marked"] for match in pattern.finditer(text)]
        if marked and (number := _first(marked[-1])) is not None:
            return number
    numbers = _numbers(text)
    return numbers[-1] if numbers else None


def _first(text: str) -> Decimal | None:
    numbers = _numbers(text)
    return numbers[0] if numbers else None


def _numbers(text: str) -> list[Decimal]:
    found = []
    for match in _NUMBER.finditer(text):
        sign = "-" if match.group().lstrip()[:1] in ("-", "−") else ""
        digits = match["digits"].replace(",", "") + (match["exponent"] or "")
        try:
            found.append(Decimal(sign + digits))
        except InvalidOperation:
            continue
    return found


@dataclass(frozen=True, slots=True)
class Number:
    """Right when the answer's number equals the target's, within ``tolerance`` (absolute)."""

    name: str = "number"
    tolerance: float = 0.0
    needs_target: bool = True

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        if case.target is None:
            return Score(self.name, None, reason="the case has no target")
        target = find_number(case.target)
        if target is None:
            return Score(self.name, None, reason=f"the target {case.target!r} is no number")
        number = find_number(response.text)
        if number is None:
            return Score(self.name, 0.0, reason="no number in the answer")
        is_right = abs(number - target) <= Decimal(str(self.tolerance))
        reason = None if is_right else f"expected {_plain(target)}"
        return Score(self.name, float(is_right), answer=_plain(number), reason=reason)


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}" if abs(number.adjusted()) < 40 else str(number)
