"""A paired difference: Tango's score interval on effective counts.

Interval, test of no difference, margin test and equivalence all come from one statistic T(x), so
they cannot contradict one another. T(0) is McNemar's z; T(-m) is the score test of non-inferiority
(Tango 1998, Statistics in Medicine 17:891; Nam 1997).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import copysign, inf, sqrt

import numpy as np
import numpy.typing as npt

from evalkit.stats.distributions import critical, two_sided_p
from evalkit.stats.estimates import Estimate, without_interval
from evalkit.stats.jackknife import unit_mean

_BISECTIONS = 60
_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Paired:
    """Differences of at least two units, reduced to what Tango's formula needs.

    ``gains`` and ``losses`` are effective counts out of ``n_eff``: for plain -1/0/1 rows the
    discordant pairs out of ``n``. ``variance`` belongs to ``value``, the mean difference.
    """

    value: float
    variance: float
    n: int
    units: int
    gains: float
    losses: float
    n_eff: float
    df: int | None

    @property
    def is_plain(self) -> bool:
        """Whether every row is an independent -1, 0 or 1."""
        return self.df is None

    def statistic(self, x: float = 0.0) -> float:
        """How far the data lie above a true difference of ``x``, in standard errors."""
        return tango_statistic(self.gains, self.losses, self.n_eff, x)

    def p_value(self) -> float:
        """Two-sided p of no difference; below 1 - confidence exactly if the interval omits 0."""
        return two_sided_p(self.statistic(), self.df)

    def is_non_inferior(self, margin: float, alpha: float = 0.05) -> bool:
        """Whether a loss of ``margin`` or more is rejected, one-sided at ``alpha``."""
        return self.statistic(-margin) > critical(1 - 2 * alpha, self.df)

    def is_equivalent(self, margin: float, alpha: float = 0.05) -> bool:
        """Whether a loss and a gain of ``margin`` or more are both rejected (TOST)."""
        limit = critical(1 - 2 * alpha, self.df)
        return self.statistic(-margin) > limit and self.statistic(margin) < -limit

    def estimate(self, confidence: float = 0.95) -> Estimate:
        """The mean difference with Tango's interval."""
        limit = critical(confidence, self.df)
        low, high = tango_interval(self.gains, self.losses, self.n_eff, limit)
        return Estimate(
            value=self.value,
            low=low,
            high=high,
            se=sqrt(self.variance),
            n=self.n,
            units=self.units,
            n_eff=self.n_eff,
            confidence=confidence,
            method="Tango" if self.df is None else f"Tango on effective counts, t({self.df})",
            note="no variation between rows" if self.variance == 0 else None,
            df=self.df,
        )


def pair(differences: npt.ArrayLike, clusters: npt.ArrayLike | None = None) -> Paired | None:
    """Differences in [-1, 1], one a row, made ready; None with fewer than two units.

    The effective size is ``(P + Q - D²) / variance`` with P and Q the mean gain and loss. Where
    nothing varies it is the number of units, so that the interval keeps a width. Raises
    ``ValueError`` for a difference that is not a number in [-1, 1].
    """
    d = np.asarray(differences, dtype=np.float64)
    if not (np.abs(d) <= 1).all():
        raise ValueError("a difference is not a number in [-1, 1]")
    if len(d) == 0:
        return None
    mean = unit_mean(d, clusters)
    if mean.variance is None:
        return None
    gain, loss = float(np.maximum(d, 0).mean()), float(np.maximum(-d, 0).mean())
    is_plain = clusters is None and bool((d == np.rint(d)).all())
    if is_plain or mean.variance == 0:
        n_eff = float(mean.units)
    else:
        n_eff = (gain + loss - (gain - loss) ** 2) / mean.variance
    return Paired(
        value=mean.value,
        variance=mean.variance,
        n=mean.n,
        units=mean.units,
        gains=n_eff * gain,
        losses=n_eff * loss,
        n_eff=n_eff,
        df=None if is_plain else mean.units - 1,
    )


def difference_estimate(
    differences: npt.ArrayLike, clusters: npt.ArrayLike | None = None, confidence: float = 0.95
) -> Estimate:
    """The mean of paired differences in [-1, 1] with its interval; see :func:`pair`."""
    paired = pair(differences, clusters)
    if paired is not None:
        return paired.estimate(confidence)
    d = np.asarray(differences, dtype=np.float64)
    return without_interval(float(d.mean()) if len(d) else None, len(d), confidence)


def tango_statistic(gains: float, losses: float, n: float, x: float) -> float:
    """T(x) for ``gains`` against ``losses`` out of ``n`` pairs, at a true difference of ``x``.

    Computed for x >= 0 only, where nothing cancels; T is antisymmetric in the exchange of arms.
    """
    if x < 0:
        return -tango_statistic(losses, gains, n, -x)
    numerator = gains - losses - n * x
    a, b, c = 2 * n, -gains - losses + (2 * n - gains + losses) * x, -losses * x * (1 - x)
    root = sqrt(b * b - 4 * a * c)
    nuisance = (root - b) / (2 * a) if b <= 0 else -2 * c / (root + b)
    spread = n * (2 * nuisance + x * (1 - x))
    if abs(numerator) <= 1e-12 * n:
        return 0.0
    return numerator / sqrt(spread) if spread > _TINY else copysign(inf, numerator)


def tango_interval(
    gains: float, losses: float, n: float, critical_value: float
) -> tuple[float, float]:
    """All x with \\|T(x)\\| <= ``critical_value``, by bisection."""
    return (
        -_upper_limit(losses, gains, n, critical_value),
        _upper_limit(gains, losses, n, critical_value),
    )


def _upper_limit(gains: float, losses: float, n: float, critical_value: float) -> float:
    inside, outside = min(1.0, (gains - losses) / n), 1.0
    if tango_statistic(gains, losses, n, outside) >= -critical_value:
        return 1.0
    for _ in range(_BISECTIONS):
        middle = (inside + outside) / 2
        if tango_statistic(gains, losses, n, middle) >= -critical_value:
            inside = middle
        else:
            outside = middle
    return inside


def mcnemar_mid_p(gains: int, losses: int) -> float:
    """McNemar's mid-p for discordant counts (Fagerland, Lydersen, Laake 2013); 1 for none."""
    fewer, discordant = min(gains, losses), gains + losses
    if discordant == 0:
        return 1.0
    # Loaded where it is needed: it takes longer than all of numpy.
    from scipy import special

    at_most = special.bdtr(fewer, discordant, 0.5)
    below = special.bdtr(fewer - 1, discordant, 0.5) if fewer else 0.0
    return float(min(1.0, at_most + below))
