"""Small bars that stand beside a number: a mean in its interval, outcomes in their shares."""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.analysis.results import OutcomeClass
from evalkit.report.charts.svg import Scale
from evalkit.stats.estimates import Estimate


def score_bar(estimate: Estimate) -> str:
    """A mean and its interval on a track from 0 to 100 %; decoration beside the number."""
    if estimate.value is None:
        return ""
    x = Scale(0, 1, 4, 96)
    low = estimate.value if estimate.low is None else estimate.low
    high = estimate.value if estimate.high is None else estimate.high
    return (
        '<svg class="bar" viewBox="0 0 100 12" width="100" height="12" aria-hidden="true">'
        '<line class="track" x1="4" y1="6" x2="96" y2="6" stroke="currentColor"/>'
        f'<line class="range" x1="{x(low)}" y1="6" x2="{x(high)}" y2="6" stroke="currentColor"/>'
        f'<circle class="dot" cx="{x(estimate.value)}" cy="6" r="3.5" fill="currentColor"/></svg>'
    )


def outcome_bar(outcomes: Mapping[OutcomeClass, int]) -> str:
    """Outcome counts as one stacked bar; decoration beside the counts."""
    total = sum(outcomes.values())
    if not total:
        return ""
    x = Scale(0, total, 0, 200)
    parts, start = [], 0
    for outcome, count in outcomes.items():
        if count:
            width = round(x(start + count) - x(start), 1)
            parts.append(
                f'<rect class="o-{outcome}" x="{x(start)}" y="0" width="{width}" height="12" '
                'fill="currentColor"/>'
            )
        start += count
    return (
        '<svg class="outcome" viewBox="0 0 200 12" width="200" height="12" '
        f'preserveAspectRatio="none" aria-hidden="true">{"".join(parts)}</svg>'
    )
