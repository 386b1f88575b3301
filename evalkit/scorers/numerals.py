r"""How numbers are written: one regular expression, and what is first made plain for it.

Unicode minus signs, spaces, fractions and superscripts become ASCII, LaTeX becomes text, and what
has digits but is no number (dates, versions, the exponents of units) is taken out.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

_DIGITS = (
    r"(?:(?<!\d )\d{1,3}(?: \d{3})+(?![\d/])(?:\.\d++)?"  # 1 234 567.8
    r"|\d{1,3}(?:[,_']\d{3})+(?!\d)(?:\.\d++)?"  # 1,234,567.8
    r"|\d{1,2}(?:,\d{2}){1,6},\d{3}(?!\d)(?:\.\d++)?"  # 12,34,567.8
    r"|\d{1,3}(?:\.\d{3}){2,}(?!\d)"  # 1.234.567
    r"|\d++(?:\.\d++)?|\.\d++)"
)
# A sign counts only where it cannot be a minus or a hyphen: not after a digit, letter or bracket.
NUMBER = re.compile(
    r"(?<![\w.)\]/])(?P<sign>[-+]?)(?P<currency>[$€£¥₹])?[ ]?"
    rf"(?:(?P<whole>\d++)[ ](?=\d+/\d))?(?P<digits>{_DIGITS})(?!/\d+/)"
    rf"(?:/(?P<below>{_DIGITS})(?!/))?"
    r"(?:(?:\^|\*\*)\{?[ ]?(?P<power>[-+]?\d{1,3})\}?"
    r"|[eE](?P<exponent>[-+]?\d{1,3})(?!\w)"
    r"|[ ]?(?:[xX×*·]|\\times|\\cdot)[ ]?10[ ]?(?:\^|\*\*)[ ]?\{?[ ]?(?P<tens>[-+]?\d{1,3})\}?)?"
    r"(?:[ ]?(?P<scale>(?i:thousand|lakh|million|crore|billion|trillion))s?\b"
    r"|(?P<suffix>bn|mn|[kKMBmb])(?![A-Za-z]))?"
    r"(?P<percent>\s?(?:%|(?i:per ?cent|pct)\b))?",
)
_SCALES = {"thousand": 3, "lakh": 5, "million": 6, "crore": 7, "billion": 9, "trillion": 12}
_SUFFIXES = {"k": 3, "K": 3, "m": 6, "mn": 6, "M": 6, "b": 9, "B": 9, "bn": 9}

_SIGNS = str.maketrans(
    dict.fromkeys("\u2212\u2013\u2011\ufe63\uff0d", "-")
    | dict.fromkeys("\u00a0\u2007\u2009\u202f", " ")
    | {"\u2019": "'", "\u2044": "/", "\uff04": "$", "\uff05": "%"}
)
_VULGAR = re.compile(r"(?<=\d)?[ ]?([¼-¾⅐-⅞])")
_VULGAR_AS = {
    "¼": "1/4",
    "½": "1/2",
    "¾": "3/4",
    "⅐": "1/7",
    "⅑": "1/9",
    "⅒": "1/10",
    "⅓": "1/3",
    "⅔": "2/3",
    "⅕": "1/5",
    "⅖": "2/5",
    "⅗": "3/5",
    "⅘": "4/5",
    "⅙": "1/6",
    "⅚": "5/6",
    "⅛": "1/8",
    "⅜": "3/8",
    "⅝": "5/8",
    "⅞": "7/8",
}
_RAISED = re.compile("[⁺⁻]?[⁰¹²³⁴-⁹]+")
_RAISED_AS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_FRACTION = re.compile(r"\\[dt]?frac\s*(?:\{\s*(-?[\d.,]+)\s*\}\s*\{\s*([\d.,]+)\s*\}|(\d)\s*(\d))")
_WRAPPED = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mbox)\s*\{([^{}]*)\}")
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?"
_NO_NUMBER = re.compile(
    r"(?<![\d.])(?:\d{4}-\d{2}-\d{2}|\d{1,2}/\d{1,2}/\d{2,4})(?![\d/])"
    r"|(?<![\w.])v?(?!\d{1,3}(?:\.\d{3}){2,}(?!\d))\d{1,4}(?:\.\d+){2,}"
    rf"|\b{_MONTH}[ ]\d{{1,2}}(?:st|nd|rd|th)?,?[ ]\d{{4}}\b"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)?[ ]{_MONTH},?[ ]\d{{4}}\b"
    r"|(?<=[A-Za-z)\]}°])\^\{?-?\d+\}?"
    r"|(?<=[A-Za-z])_\{?\d+\}?"
)
# Roots and multiples of pi, with what they stand in.
_IRRATIONAL = re.compile(
    r"(?:\d[\d./]{0,12} ?)?(?:\\sqrt ?(?:\[\d\])? ?(?:\{[^{}]{0,40}\}|\d)|√ ?\(?\d*)"
    r"|(?:\d[\d./]{0,12} ?)?(?:\\pi(?![A-Za-z])|π)"
    r"|\\[dt]?frac ?\{[^{}]{0,40}\\(?:pi|sqrt)(?:\{[^{}]{0,40}\})?[^{}]{0,40}\} ?\{[^{}]{0,40}\}"
)
_EMPHASIS = re.compile(r"(?<!\w)(__?)(?=\S)([^_\n]+)\1(?!\w)")
# Writing without spaces: the number of 答えは25です begins where the kana end.
_UNSPACED = re.compile(r"(?<=[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af])(?=[-+$€£¥]?\d)")
_GROUPED = re.compile(r"\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*")
_WORDED_SIGN = re.compile(r"(?<![\d.])(?<!\d )\b(?:minus|negative) (?=[$€£¥₹]?\d)", re.IGNORECASE)
_LOOSE_SIGN = re.compile(r"([=(]\s*)-\s+(?=[$€£¥₹]?[\d.])")


def plain(text: str) -> str:
    """The text as :data:`NUMBER` expects it."""
    if not text.isascii():
        text = text.translate(_SIGNS)
        text = _VULGAR.sub(lambda found: f" {_VULGAR_AS[found[1]]}", text)
        text = _UNSPACED.sub(" ", text)
        text = _RAISED.sub(lambda found: f"^{found[0].translate(_RAISED_AS)}", text)
    if "\\" in text or "{," in text:
        text = _without_latex(text)
    if "_" in text:
        text = _EMPHASIS.sub(r"\2", text)
    if "\\pi" in text or "sqrt" in text or "π" in text or "√" in text:
        text = _IRRATIONAL.sub("", text)
    text = _NO_NUMBER.sub("", text)
    if "- " in text:
        text = _LOOSE_SIGN.sub(r"\1-", text)
    return _WORDED_SIGN.sub("-", text) if "s " in text or "e " in text else text


def with_decimal_point(text: str) -> str:
    """A text whose numbers have a decimal comma, with a decimal point and no other separators.

    What can only be meant otherwise is left: ``1234.56``, ``0.125`` and ``1,234,567``.
    """
    return re.sub(r"\d[\d.,]*\d", lambda found: _pointed(found[0]), text)


def _pointed(number: str) -> str:
    comma, point = number.rfind(","), number.rfind(".")
    if comma >= 0 and point >= 0:
        whole, _, rest = number.rpartition("," if comma > point else ".")
        return f"{re.sub('[.,]', '', whole)}.{rest}"
    if number.count(",") == 1:
        return number.replace(",", ".")
    if _GROUPED.fullmatch(number) and not number.startswith("0"):
        return re.sub("[.,]", "", number)
    return number


def _without_latex(text: str) -> str:
    text = re.sub(r"(?<=\d)(?:\{,\}|\\[,;:!]) ?(?=\d{3})", ",", text)
    text = text.replace("\\$", "$").replace("\\%", "%").replace("\\!", "").replace("\\,", " ")
    text = _WRAPPED.sub(r"\1", text)
    return _FRACTION.sub(_as_division, text)


def _as_division(found: re.Match[str]) -> str:
    above, below = found[1] or found[3], found[2] or found[4]
    before = found.string[found.start() - 1 : found.start()]
    return f"{' ' if before.isdigit() else ''}{above}/{below}"


def value_of(match: re.Match[str], *, percent_as_share: bool = False) -> Decimal | None:
    """What a match of :data:`NUMBER` amounts to; None where that is no number (1/0)."""
    try:
        number = _decimal(match["digits"])
        if match["below"]:
            number /= _decimal(match["below"])
        if match["whole"]:
            number += Decimal(match["whole"])
        if match["power"]:
            number **= int(match["power"])
        places = int(match["exponent"] or match["tens"] or 0) + _scale(match)
        number = number.scaleb(places)
    except (InvalidOperation, ZeroDivisionError, OverflowError):
        return None
    if percent_as_share and match["percent"]:
        number = number.scaleb(-2)
    return -number if match["sign"] == "-" else number


def _scale(match: re.Match[str]) -> int:
    """Powers of ten from words and letters: ``K``, ``M`` and ``B`` only of money."""
    if scale := match["scale"]:
        return _SCALES[scale.casefold()]
    suffix = match["suffix"]
    return _SUFFIXES[suffix] if suffix and (suffix == "k" or match["currency"]) else 0


def _decimal(digits: str) -> Decimal:
    if digits.count(".") > 1:
        digits = digits.replace(".", "")
    return Decimal(re.sub(r"[^\d.]", "", digits))
