"""A difference between two means on different cases: each one's interval, combined.

For plain 0/1 rows this is Newcombe's hybrid score interval (1998, method 10); the same combination
(MOVER) serves clusters, several samples and partial credit. Pairing is worth more: this is for when
it is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

from evalkit.stats.distributions import critical
from evalkit.stats.estimates import Estimate, wilson

_BISECTIONS = 50


@dataclass(frozen=True, slots=True)
class Unpaired:
    """Two means with intervals, the candidate's minus the baseline's."""

    candidate: Estimate
    baseline: Estimate

    @property
    def value(self) -> float:
        """The difference of the means."""
        return _known(self.candidate.value) - _known(self.baseline.value)

    @property
    def n(self) -> int:
        """Rows of the side that has fewer: what a margin's size is reckoned by."""
        return min(self.candidate.n, self.baseline.n)

    @property
    def units(self) -> int:
        """Independent units of the side that has fewer."""
        return min(self.candidate.units, self.baseline.units)

    def interval(self, confidence: float) -> tuple[float, float]:
        """The two-sided interval of the difference."""
        (l1, u1), (l2, u2) = (_limits(one, confidence) for one in (self.candidate, self.baseline))
        p1, p2 = _known(self.candidate.value), _known(self.baseline.value)
        return self.value - hypot(p1 - l1, u2 - p2), self.value + hypot(u1 - p1, p2 - l2)

    def p_value(self) -> float:
        """1 minus the confidence at which the interval just reaches 0."""
        inside, outside = 1.0, 0.0
        for _ in range(_BISECTIONS):
            middle = (inside + outside) / 2
            low, high = self.interval(middle)
            if low <= 0 <= high:
                inside = middle
            else:
                outside = middle
        return 1 - outside

    def is_equivalent(self, margin: float, alpha: float = 0.05) -> bool:
        """Whether a loss and a gain of ``margin`` or more are both rejected."""
        low, high = self.interval(1 - 2 * alpha)
        return low > -margin and high < margin

    def row_variance(self) -> float:
        """The variance of one row's difference as if paired rows were independent."""
        return sum(_known(one.se) ** 2 * one.n for one in (self.candidate, self.baseline))

    def estimate(self, confidence: float = 0.95) -> Estimate:
        """The difference with its interval; ``n`` counts the rows of both sides."""
        low, high = self.interval(confidence)
        is_plain = self.candidate.df is None and self.baseline.df is None
        return Estimate(
            value=self.value,
            low=low,
            high=high,
            se=hypot(_known(self.candidate.se), _known(self.baseline.se)),
            n=self.candidate.n + self.baseline.n,
            units=self.units,
            n_eff=None,
            confidence=confidence,
            method="Newcombe, unpaired" if is_plain else "MOVER, unpaired",
            note="not paired: the cases differ",
        )


def unpaired(candidate: Estimate, baseline: Estimate) -> Unpaired | None:
    """Two means made ready; None where one of them has no interval."""
    if candidate.n_eff is None or baseline.n_eff is None:
        return None
    return Unpaired(candidate, baseline)


def _limits(mean: Estimate, confidence: float) -> tuple[float, float]:
    limit = critical(confidence, mean.df)
    return wilson(_known(mean.value), _known(mean.n_eff), limit)


def _known(number: float | None) -> float:
    """A field that every mean with an interval has."""
    assert number is not None
    return number
