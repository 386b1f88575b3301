"""The few phrases that sentences of the analysis share."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """``1 case``, ``1,319 cases``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def roughly(number: int) -> str:
    """A number known only roughly, with two significant digits: ``5,100``."""
    return f"{float(f'{number:.2g}'):,.0f}"


def in_points(share: float) -> str:
    """A difference of shares in percentage points: ``2 points``, ``0.5 points``."""
    text = f"{100 * share:.2f}".rstrip("0").rstrip(".")
    return f"{text} {'point' if text == '1' else 'points'}"


def as_percent(share: float) -> str:
    """A share: ``58%``; small ones with a digit more, so that something is never 0%."""
    digits = 1 if 0 < share < 0.01 else 0
    return "<0.1%" if 0 < share < 0.0005 else f"{100 * share:.{digits}f}%"
