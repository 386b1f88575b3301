"""Scorers that compare numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from evalkit.scorers.numerals import NUMBER, plain, value_of
from evalkit.types import Case, Response, Score

_HASHES = re.compile(r"####\s*(?P<marked>[^\n]+)")
_BOXED = re.compile(
    r"\\f?box(?:ed)?\s*\{(?P<marked>(?:[^{}]++|\{[^{}]*\}|\{(?:[^{}]++|\{[^{}]*\})*\})+)\}"
)
# Only a number that follows at once: "the answer is what we get from 3 and 4" marks none.
_ANSWER = re.compile(
    r"\banswer\b[*_\"' ]*(?:\([^()\n]{0,40}\))?\s*"
    r"(?:(?:is|was|would be|will be|should be|must be|equals|[:=])[\s*_]*)+"
    r"(?:(?:therefore|thus|so|approximately|about|around|exactly|roughly|equal to|simply|just|now"
    r"|\\approx|[≈~]|[A-Za-z] ?=)[\s:]*)*[\s*_`(\[\\]*",
    re.IGNORECASE,
)
# What may stand between the first number of a calculation and the sign before its result.
_CALCULATION = re.compile(r"\s*|[^,;()]*[-+*/×÷·\\][^,;()]*")
_OF_A_LOSS = re.compile(r"\(\s*(?:[$€£¥₹] ?\d[\d,.']*|\d{1,3}(?:[,']\d{3})+(?:\.\d+)?)\s*\)\.?")


def find_number(
    text: str, *, percent_as_share: bool = False, decimal_comma: bool = False
) -> Decimal | None:
    r"""The number a text gives as its answer.

    After the last ``####``, else inside the last ``\boxed{…}``, else right after "the answer is"
    (or ``Answer:``), else the last number of the text. Where a mark is followed by a calculation,
    what it comes to. Reads separators of thousands, currency signs, fractions (``3/4``, ``1 1/2``,
    ``½``, ``\frac{3}{4}``), powers (``2e3``, ``2 x 10^3``, ``10⁻³``) and words (``2 million``).
    An amount that stands alone in brackets, ``($1,200)``, is a loss. ``percent_as_share`` reads
    12% as 0.12; ``decimal_comma`` reads 1.234,5 as 1234.5. None when there is no number.
    """
    text = plain(text)
    if decimal_comma:
        text = text.translate({ord(","): ".", ord("."): ","})
    for marked in _marked(text):
        if (match := _result(marked)) is not None:
            number = value_of(match, percent_as_share=percent_as_share)
            if number is not None:
                return -number if _OF_A_LOSS.fullmatch(marked.strip()) else number
    for match in reversed(list(NUMBER.finditer(text))):
        number = value_of(match, percent_as_share=percent_as_share)
        if number is not None:
            return -number if _OF_A_LOSS.fullmatch(text.strip()) else number
    return None


def _marked(text: str) -> list[str]:
    """The parts that are marked as the answer, the surest first."""
    found = []
    for pattern, mark in ((_HASHES, "####"), (_BOXED, "box")):
        parts = [match["marked"] for match in pattern.finditer(text)] if mark in text else []
        found += parts[-1:]
    for answer in reversed(list(_ANSWER.finditer(text))):
        if NUMBER.match(text, answer.end()):
            return [*found, text[answer.end() :].partition("\n")[0]]
    return found


def _result(marked: str) -> re.Match[str] | None:
    """The first number of a marked part, or what the calculation that begins with it comes to."""
    marked = re.sub(r"(?<=\d) / (?=\d)", "/", marked)
    first = NUMBER.search(marked)
    if first is None:
        return None
    before, equals, result = marked.rpartition("=")
    if equals and _CALCULATION.fullmatch(before, min(first.end(), len(before))):
        return NUMBER.search(result) or first
    return first


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """Right when the answer's number equals the target's.

    Within ``tolerance`` (absolute) or ``relative`` (a share of the target), whichever allows more.
    See :func:`find_number` for what is read as a number.
    """

    name: str = "number"
    tolerance: float = 0.0
    relative: float = 0.0
    percent_as_share: bool = False
    decimal_comma: bool = False
    needs_target: bool = True

    def score(self, case: Case, response: Response) -> Score:
        """See Scorer."""
        if case.target is None:
            return Score(self.name, None, reason="the case has no target")
        target = self._find(case.target)
        if target is None:
            return Score(self.name, None, reason=f"the target {case.target!r} is no number")
        number = self._find(response.text)
        if number is None:
            return Score(self.name, 0.0, reason="no number in the answer")
        allowed = max(Decimal(str(self.tolerance)), abs(target) * Decimal(str(self.relative)))
        is_right = abs(number - target) <= allowed
        reason = None if is_right else f"expected {_plain(target)}"
        return Score(self.name, float(is_right), answer=_plain(number), reason=reason)

    def _find(self, text: str) -> Decimal | None:
        return find_number(
            text, percent_as_share=self.percent_as_share, decimal_comma=self.decimal_comma
        )


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}" if abs(number.adjusted()) < 40 else str(number)
