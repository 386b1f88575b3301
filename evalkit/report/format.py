"""How numbers and foreign text are written: one way for every page.

Scores are shares in [0, 1] and shown as percent; differences of scores are shown in percentage
points. A number shows as many digits as its uncertainty leaves meaningful. What is unknown is
never written as 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from evalkit.stats.estimates import Estimate

UNKNOWN = "–"
UNPRICED = "unpriced"
MINUS = "\N{MINUS SIGN}"

_HIDDEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 and C1 controls, all but tab and line feed
    "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # direction, separators, invisible
    "\u00ad\u180e"  # hyphens and vowel signs that show only at times
    "\ud800-\udfff\ufff9-\ufffb\ufffe\uffff"  # lone surrogates, annotation, no characters
    "\U000e0000-\U000e007f"  # tag characters: invisible ASCII
    "]"
)


def neutral(text: str) -> str:
    """Foreign text with everything that acts instead of showing made visible.

    Line ends become ``\\n``; other C0 controls become their pictures (``␛``), all else that hides
    or reorders text (bidirectional overrides, zero-width signs, C1 controls) ``⟨U+202E⟩``.
    """
    return _HIDDEN.sub(_shown, text.replace("\r\n", "\n").replace("\r", "\n"))


def _shown(match: re.Match[str]) -> str:
    return f"⟨U+{ord(match[0]):04X}⟩"


def one_line(text: str) -> str:
    """Foreign text on one line."""
    return " ".join(neutral(text).split())


def name(text: str) -> str:
    """A foreign name on one line, of bearable length."""
    return shortened(one_line(text), 60)


def shortened(text: str, width: int) -> str:
    """``text`` in at most ``width`` characters, cut in the middle: both ends of a key tell."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def percent(value: float | None, digits: int = 0) -> str:
    """A share as percent: ``56%``. All and nothing are only said where they are exact."""
    if value is None:
        return UNKNOWN
    while digits < 3 and value not in (0.0, 1.0) and round(100 * value, digits) in (0.0, 100.0):
        digits += 1
    return f"{_signed(100 * value, digits)}%"


def points(value: float | None, digits: int = 0) -> str:
    """A difference of shares with its sign: ``+20``, ``−3.1``; unit: percentage points."""
    if value is None:
        return UNKNOWN
    while digits < 3 and value != 0 and round(100 * value, digits) == 0:
        digits += 1
    return _signed(100 * value, digits, plus="+")


def digits_for(estimate: Estimate) -> int:
    """Decimals of a percentage that its uncertainty leaves meaningful.

    Rounding may move a number by at most about a quarter of its interval's half-width.
    """
    if estimate.low is None or estimate.high is None:
        return 0
    half_width = 50 * (estimate.high - estimate.low)
    if half_width >= 2:
        return 0
    return 1 if half_width >= 0.2 else 2


def score(estimate: Estimate) -> str:
    """A mean score without its interval: ``56%``."""
    return percent(estimate.value, digits_for(estimate))


def interval(estimate: Estimate) -> str:
    """The interval of a mean score: ``42–69%``, or nothing where there is none."""
    if estimate.low is None or estimate.high is None:
        return ""
    digits = digits_for(estimate)
    return f"{percent(estimate.low, digits).rstrip('%')}–{percent(estimate.high, digits)}"


def difference(estimate: Estimate) -> str:
    """A difference of scores in points, with its sign: ``+20``."""
    return points(estimate.value, digits_for(estimate))


def difference_interval(estimate: Estimate) -> str:
    """The interval of a difference: ``+4 to +35``, or nothing where there is none."""
    if estimate.low is None or estimate.high is None:
        return ""
    digits = digits_for(estimate)
    return f"{points(estimate.low, digits)} to {points(estimate.high, digits)}"


def confidence(estimate: Estimate) -> str:
    """The confidence of an interval: ``95%``."""
    return f"{100 * estimate.confidence:g}%"


def p_value(value: float | None) -> str:
    """``0.03``, ``<0.001``; three digits are as many as a p-value deserves."""
    if value is None:
        return UNKNOWN
    if round(value, 3) == 0.05 and value < 0.05:
        return f"{value:.4f}"  # on which side of 5 % it lies must show
    return "<0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def money(usd: float | None) -> str:
    """US dollars: ``$12.30``, ``$0.0012``; ``unpriced`` where unknown."""
    if usd is None:
        return UNPRICED
    if usd == 0:
        return "$0"
    if abs(usd) >= 100:
        return f"${usd:,.0f}"
    if abs(usd) >= 0.1:
        return f"${usd:.2f}"
    return "<$0.000001" if usd < 0.000001 else f"${_significant(usd, 2)}"


def tokens(count: float | None) -> str:
    """A number of tokens: ``7.4``, ``312``, ``1.2k``, ``3.4M``."""
    if count is None:
        return UNKNOWN
    if count < 9.95 and count != int(count):
        return f"{count:.1f}"
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if count >= size * 0.9995:
            return f"{count / size:.{1 if count < 9.95 * size else 0}f}{unit}"
    return f"{count:.0f}"


def seconds(duration: float | None) -> str:
    """A duration given in seconds: ``43 ms``, ``1.2 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if duration is None:
        return UNKNOWN
    if duration < 0.9995:
        return f"{1000 * duration:.0f} ms" if duration >= 0.001 else "<1 ms"
    if duration < 9.95:
        return f"{duration:.1f} s"
    whole = round(duration)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    minutes = round(duration / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """``1 case``, ``1,319 cases``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def roughly(number: int) -> str:
    """A number known only roughly, with two significant digits: ``5,100``."""
    return f"{float(f'{number:.2g}'):,.0f}"


def listed(items: Sequence[str], conjunction: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {conjunction} {items[-1]}"


def moment(time: datetime | None) -> str:
    """A time in UTC: ``2026-11-23 11:28:05 UTC``."""
    if time is None:
        return UNKNOWN
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _significant(number: float, digits: int) -> str:
    """``number`` with that many significant digits, without an exponent."""
    decimals = digits - 1 - math.floor(math.log10(abs(number)))
    return f"{number:.{max(decimals, 0)}f}"


def _signed(number: float, digits: int, plus: str = "") -> str:
    sign = MINUS if number < 0 else plus if number > 0 else ""
    return f"{sign}{abs(number):,.{digits}f}"
