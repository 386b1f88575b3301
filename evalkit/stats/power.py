"""How much data a conclusion needs, and what given data could have found.

Formulas: Miller (2024), Adding Error Bars to Evals, equations 9 and 10. They use the margin or a
named effect, never the observed one.
"""

from __future__ import annotations

from math import ceil, sqrt

from evalkit.stats.distributions import critical, normal_quantile
from evalkit.stats.estimates import Estimate, wilson
from evalkit.stats.paired import Paired
from evalkit.stats.unpaired import Unpaired

CAUTION = 0.80
"""One-sided confidence of the discordance that planning reckons with."""


def rows_for(effect: float, row_variance: float, alpha: float, power: float) -> float:
    """Rows at which a one-sided test at ``alpha`` finds ``effect`` with ``power``.

    ``row_variance`` is the variance of one row's difference. Two-sided tests halve ``alpha``.
    """
    return row_variance * ((normal_quantile(1 - alpha) + normal_quantile(power)) / effect) ** 2


def detectable_effect(row_variance: float, rows: float, alpha: float, power: float) -> float:
    """The effect that ``rows`` find with ``power``: the inverse of :func:`rows_for`."""
    return sqrt(rows_for(1.0, row_variance, alpha, power) / rows)


def cautious_row_variance(paired: Paired | Unpaired) -> float:
    """The variance of one row's difference, never 0.

    For plain 0/1 rows the upper limit of the discordance, so that "0 of 30 disagree" promises
    nothing; likewise for other rows that do not vary at all. Else as observed, clusters included.
    """
    limit = normal_quantile(CAUTION)
    if isinstance(paired, Unpaired):
        return max(paired.row_variance(), wilson(0.0, paired.units, limit)[1])
    if paired.is_plain:
        return wilson((paired.gains + paired.losses) / paired.n, paired.n, limit)[1]
    if paired.variance == 0:
        return wilson(0.0, paired.units, limit)[1] * paired.n / paired.units
    return paired.variance * paired.n


def needs_rows(paired: Paired | Unpaired, margin: float) -> int:
    """How many more rows would settle a comparison with this ``margin``; 0: enough already.

    At that size equivalence is found with 80 % power if there is no difference, and a difference
    of ``margin`` with somewhat more.
    """
    wanted = rows_for(margin, cautious_row_variance(paired), alpha=0.05, power=0.90)
    return max(0, ceil(wanted) - paired.n)


def detectable_difference(paired: Paired | Unpaired) -> float:
    """The smallest true difference found with 80 % power at a two-sided 5 %; at most 1."""
    effect = detectable_effect(cautious_row_variance(paired), paired.n, alpha=0.025, power=0.80)
    return min(1.0, effect)


def needs_samples(
    paired: Paired | Unpaired, noise: float, within: float, margin: float
) -> int | None:
    """How many samples of each row would settle a comparison on the rows there are.

    ``noise`` is the part of a row difference's variance that more samples would remove, ``within``
    the two arms' variances of one sample together. None where the rest is too much by itself.
    """
    between = max(0.0, cautious_row_variance(paired) - noise)
    room = paired.n / rows_for(margin, 1.0, alpha=0.05, power=0.90) - between
    return max(1, ceil(within / room)) if room > 0 else None


def detectable_distance(mean: Estimate) -> float | None:
    """The smallest distance of a mean from a fixed value found with 80 % power at two-sided 5 %."""
    if mean.se is None or mean.n_eff is None:
        return None
    limit = wilson(0.0, mean.n_eff, normal_quantile(CAUTION))[1]
    variance = mean.se**2 if mean.se > 0 else limit / mean.n_eff
    return min(1.0, detectable_effect(variance, 1.0, alpha=0.025, power=0.80))


def power_of_t(rows: float, effect: float, deviation: float, alpha: float = 0.05) -> float:
    """The power of a two-sided t test of two groups of ``rows`` each (R's ``power.t.test``).

    By the noncentral t distribution; like R without the chance of finding the wrong direction.
    """
    from scipy import special

    df = 2 * (rows - 1)
    shift = sqrt(rows / 2) * effect / deviation
    return float(1 - special.nctdtr(df, shift, critical(1 - alpha, df)))


def rows_for_t(effect: float, deviation: float, power: float, alpha: float = 0.05) -> float:
    """Rows a group at which :func:`power_of_t` is ``power``, not rounded."""
    low, high = 2.0, 4.0
    while power_of_t(high, effect, deviation, alpha) < power:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        if power_of_t(middle, effect, deviation, alpha) < power:
            low = middle
        else:
            high = middle
    return high
