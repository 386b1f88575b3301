"""Scorers that compare numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from evalkit.scorers.numerals import NUMBER, plain, value_of, with_decimal_point
from evalkit.types import Case, Response, Score

_BOX = re.compile(r"\\f?box(?:ed)?\s*\{")
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
_LOSS = re.compile(r"\(\s*(?:[$€£¥₹] ?\d[\d,.']*|\d{1,3}(?:[,']\d{3})+(?:\.\d+)?)\s*\)\.?")
_HEADING = re.compile(r"\d+[.):]\s+\S")
_NOISE_DIGITS, _NOISE = 16, Decimal("1e-14")
_ANY_DIGIT = re.compile(r"[\d¼-¾⅐-⅞]")


@dataclass(frozen=True, slots=True)
class Reading:
    """How numbers are read: 12% as 0.12, 1.234,5 as 1234.5."""

    percent_as_share: bool = False
    decimal_comma: bool = False

    def first(self, text: str) -> Decimal | None:
        """The first number of a text, or what the calculation that begins with it comes to."""
        text = re.sub(r"(?<=\d) / (?=\d)", "/", self._plain(text))
        found = NUMBER.search(text)
        if found is None:
            return None
        before, equals, result = text.rpartition("=")
        if equals and _CALCULATION.fullmatch(before, min(found.end(), len(before))):
            found = NUMBER.search(result) or found
        return self._value(found, text)

    def last(self, text: str) -> Decimal | None:
        """The last number of a text."""
        text = self._plain(text)
        values = (self._value(found, text) for found in reversed(list(NUMBER.finditer(text))))
        return next((value for value in values if value is not None), None)

    def begins(self, text: str) -> bool:
        """Whether a text begins with a number."""
        return NUMBER.match(self._plain(text)) is not None

    def _plain(self, text: str) -> str:
        text = plain(text)
        return with_decimal_point(text) if self.decimal_comma else text

    def _value(self, found: re.Match[str], text: str) -> Decimal | None:
        value = value_of(found, percent_as_share=self.percent_as_share)
        return -value if value is not None and _LOSS.fullmatch(text.strip()) else value


def find_number(
    text: str, *, percent_as_share: bool = False, decimal_comma: bool = False
) -> Decimal | None:
    r"""The number a text gives as its answer.

    After the last ``####``, else inside the last ``\boxed{…}``, else right after "the answer is"
    (or ``Answer:``), else the last number of the text. Where a mark is followed by a calculation,
    what it comes to. Reads separators of thousands, currency signs, fractions (``3/4``, ``1 1/2``,
    ``½``, ``\frac{3}{4}``), powers (``2e3``, ``2 x 10^3``, ``10⁻³``) and words (``2 million``).
    What stands in a box and is no number (``3\sqrt{2}``) is none. An amount that stands alone in
    brackets, ``($1,200)``, is a loss. ``percent_as_share`` reads
    12% as 0.12; ``decimal_comma`` reads 1.234,5 as 1234.5. None when there is no number.
    """
    reading = Reading(percent_as_share, decimal_comma)
    for marked, is_all in _marked(text, reading):
        number = reading.first(marked)
        if number is not None or is_all:
            return number
    for line in reversed(text.splitlines()):
        if _ANY_DIGIT.search(line) and (number := reading.last(line)) is not None:
            return number
    return None


def _marked(text: str, reading: Reading) -> Iterator[tuple[str, bool]]:
    """The parts that are marked as the answer, the surest first, and whether there is no other."""
    if "####" in text:
        rest = text[text.rindex("####") :].lstrip("# *_`\\").partition("\n")[0]
        if reading.begins(rest.lstrip("(")) and not _HEADING.match(rest):
            yield rest, False
    if "box" in text:
        yield from [(box, True) for box in _boxes(text) if box.strip()][-1:]
    if "nswer" in text or "NSWER" in text:
        for answer in reversed(list(_ANSWER.finditer(text))):
            rest = text[answer.end() :].partition("\n")[0]
            if reading.begins(rest):
                yield rest, False
                return


def _boxes(text: str) -> Iterator[str]:
    """What is in each outermost box, of those that are closed."""
    place = 0
    while (box := _BOX.search(text, place)) is not None:
        depth, place = 1, box.end()
        for brace in re.compile(r"[{}]").finditer(text, place):
            depth += 1 if brace[0] == "{" else -1
            if depth == 0:
                yield text[place : brace.start()]
                place = brace.end()
                break
        else:
            return


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

    def __post_init__(self) -> None:
        for option in ("tolerance", "relative"):
            if not 0 <= getattr(self, option) < math.inf:
                raise ValueError(f"{option} is 0 or more, found {getattr(self, option):g}")

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
        share = max(Decimal(str(self.relative)), _noise(number, target))
        allowed = max(Decimal(str(self.tolerance)), abs(target) * share)
        is_right = abs(number - target) <= allowed
        reason = None if is_right else f"expected {_plain(target)}"
        return Score(self.name, float(is_right), answer=_plain(number), reason=reason)

    def _find(self, text: str) -> Decimal | None:
        return find_number(
            text, percent_as_share=self.percent_as_share, decimal_comma=self.decimal_comma
        )


def _noise(*numbers: Decimal) -> Decimal:
    """The share by which fractions differ that binary arithmetic has made: 0.1 + 0.2 and 0.3."""
    fractions = [number.as_tuple() for number in numbers if number != number.to_integral_value()]
    is_noisy = any(len(fraction.digits) >= _NOISE_DIGITS for fraction in fractions)
    return _NOISE if is_noisy else Decimal(0)


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}" if abs(number.adjusted()) < 40 else str(number)
