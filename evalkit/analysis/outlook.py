"""A hint which thinking setting to try next, from a curve through the scores. Never a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from evalkit.analysis.evidence import MIN_UNITS
from evalkit.analysis.results import CurvePoint
from evalkit.analysis.wording import in_points, roughly
from evalkit.stats.saturation import MIN_SETTINGS, Saturation, fit_saturation


def outlook(points: Sequence[CurvePoint], margin: float) -> Iterator[str]:
    """That more thinking may still pay, or that less may do; nothing where neither is likely."""
    known = [
        (tokens, one.score.value, one.score.n_eff)
        for one in points
        if (tokens := _tokens(one)) is not None
        and one.score.value is not None
        and one.score.n_eff is not None
        and one.score.units >= MIN_UNITS
    ]
    if len(known) < max(MIN_SETTINGS, len(points)):
        return
    curve = fit_saturation(*np.array(known, dtype=np.float64).T)
    if curve is not None:
        yield from _told(curve, sorted(tokens for tokens, *_ in known), margin)


def _told(curve: Saturation, tokens: Sequence[float], margin: float) -> Iterator[str]:
    most = tokens[-1]
    at_most = curve.score(most)
    above = min(1.0, curve.highest) - at_most
    if above > margin:
        yield (
            f"a curve through the scores still rises at {most:,.0f} thinking tokens: about"
            f" {in_points(round(above, 2))} more may be had; worth trying twice as many (a guess,"
            " not a result)"
        )
        return
    enough = curve.tokens_for(at_most - margin / 2)
    if enough is not None and enough < 0.7 * most and enough > tokens[-2]:
        yield (
            f"a curve through the scores levels off: about {roughly(round(enough))} thinking tokens"
            " may do as well (a guess, not a result)"
        )


def _tokens(point: CurvePoint) -> float | None:
    """Measured thinking tokens; none without a sign of thinking."""
    if point.thinking_tokens_mean is not None:
        return point.thinking_tokens_mean
    return 0.0 if point.thinking.mode == "off" and not point.n_thinking else None
