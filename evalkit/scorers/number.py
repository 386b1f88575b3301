"""Scorers that compare numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from evalkit.types import Case, Response, Score

# A sign counts only where it cannot be a minus or a hyphen: not after a digit, letter or bracket.
# Separators count only where they stand between groups of three.
_UNSIGNED = r"(?:\d{1,3}(?:[,_'’\u00a0\u202f]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
_NUMBER = re.compile(
    r"(?<![\w.)\]/])(?P<sign>[-−+]?)\s?[$€£¥₹]?\s?"
    rf"(?:(?P<whole>\d+)[ ](?=\d+/\d))?(?P<digits>{_UNSIGNED})(?![\d.]*/\d+/)"
    rf"(?:/(?P<below>{_UNSIGNED})(?!/))?"
    r"(?P<exponent>[eE][-+]?\d{1,3}(?!\w)|\s?(?:[x×*]|\\times|\\cdot)\s?10\s?\^\s?"
    r"\{?\s?[-−+]?\d{1,3}\}?)?"
    r"(?:\s?(?P<scale>thousand|million|billion|trillion)\b)?(?P<percent>\s?%)?",
    re.IGNORECASE,
)
_MARKED = re.compile(r"####\s*(?P<marked>[^\n]+)")
_BOXED = re.compile(r"\\boxed\s*\{(?P<marked>(?:[^{}]|\{[^{}]*\}|\{(?:[^{}]|\{[^{}]*\})*\})+)\}")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{\s*(-?[\d.,]+)\s*\}\s*\{\s*([\d.,]+)\s*\}")
_SCALES = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_EXPONENT = re.compile(r"[-−+]?\d{1,3}\}?$")


def find_number(
    text: str, *, percent_as_share: bool = False, decimal_comma: bool = False
) -> Decimal | None:
    r"""The number a text gives as its answer.

    After the last ``####`` or inside the last ``\boxed{…}`` if there is one, else the last number
    of the text. Reads separators of thousands, currency signs, fractions (``3/4``, ``1 1/2``,
    ``\frac{3}{4}``), powers of ten (``2e3``, ``2 x 10^3``) and words (``2 million``).
    ``percent_as_share`` reads 12% as 0.12; ``decimal_comma`` reads 1.234,5 as 1234.5. None when
    there is no number.
    """
    if "\\" in text or "{," in text:
        text = _without_latex(text)
    if decimal_comma:
        text = text.translate({ord(","): ".", ord("."): ","})
    for pattern, mark in ((_MARKED, "####"), (_BOXED, "\\boxed")):
        marked = [match["marked"] for match in pattern.finditer(text)] if mark in text else []
        if marked and (number := _read(marked[-1], percent_as_share, first=True)) is not None:
            return number
    return _read(text, percent_as_share, first=False)


def _without_latex(text: str) -> str:
    text = text.replace("{,}", ",").replace("\\$", "$").replace("\\%", "%")
    text = text.replace("\\!", "").replace("\\,", " ")
    return _FRACTION.sub(r" \1/\2", text)


def _read(text: str, percent_as_share: bool, *, first: bool) -> Decimal | None:
    matches = list(_NUMBER.finditer(text))
    for match in matches if first else reversed(matches):
        number = _value(match, percent_as_share)
        if number is not None:
            return number
    return None


def _value(match: re.Match[str], percent_as_share: bool) -> Decimal | None:
    try:
        number = _decimal(match["digits"])
        if match["below"]:
            number /= _decimal(match["below"])
        if match["whole"]:
            number += Decimal(match["whole"])
        if exponent := match["exponent"]:
            power = _EXPONENT.search(exponent)
            number = number.scaleb(int(power[0].rstrip("}").replace("−", "-")) if power else 0)
        if scale := match["scale"]:
            number = number.scaleb(_SCALES[scale.casefold()])
    except (InvalidOperation, ZeroDivisionError):
        return None
    if percent_as_share and match["percent"]:
        number = number.scaleb(-2)
    return -number if match["sign"] in ("-", "−") and match["sign"] else number


def _decimal(digits: str) -> Decimal:
    return Decimal(re.sub(r"[^\d.]", "", digits))


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
