"""The intervals and tests that textbooks and other tools use for the same questions.

No verdict rests on them. They are here so that ours can be held against them: on published tables,
and in simulations of how often each covers the truth (``docs/statistics.md``).
"""

from __future__ import annotations

from math import sqrt

from scipy import special

from evalkit.stats.distributions import critical, two_sided_p
from evalkit.stats.estimates import wilson


def clopper_pearson(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of a share (1934): never covers too little, mostly too much."""
    tail = (1 - confidence) / 2
    low = special.betaincinv(successes, n - successes + 1, tail) if successes else 0.0
    high = special.betaincinv(successes + 1, n - successes, 1 - tail) if successes < n else 1.0
    return float(low), float(high)


def beta_interval(
    successes: int, n: int, prior: float = 1.0, confidence: float = 0.95
) -> tuple[float, float]:
    """The central posterior interval of a share under Beta(prior, prior).

    A prior of 1 is uniform, one of 0.5 is Jeffreys'.
    """
    tail = (1 - confidence) / 2
    a, b = successes + prior, n - successes + prior
    return float(special.betaincinv(a, b, tail)), float(special.betaincinv(a, b, 1 - tail))


def wald(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Share ± z standard errors: what most tools print. Has no width at 0 and at 1."""
    share = successes / n
    reach = critical(confidence, None) * sqrt(share * (1 - share) / n)
    return share - reach, share + reach


def paired_wald(gains: int, losses: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """A paired difference of shares ± z standard errors (Miller 2024, equation 7)."""
    difference = (gains - losses) / n
    reach = critical(confidence, None) * sqrt(gains + losses - n * difference**2) / n
    return difference - reach, difference + reach


def agresti_min(gains: int, losses: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The paired Wald interval with half a case added to each of four cells (2005)."""
    gained, lost, cases = gains + 0.5, losses + 0.5, n + 2.0
    difference = (gained - lost) / cases
    reach = critical(confidence, None) * sqrt(gained + lost - cases * difference**2) / cases
    return max(-1.0, difference - reach), min(1.0, difference + reach)


def bonett_price(gains: int, losses: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The paired Wald interval with one case added to either discordant count (2012)."""
    gained, lost = (gains + 1) / (n + 2), (losses + 1) / (n + 2)
    difference = gained - lost
    reach = critical(confidence, None) * sqrt((gained + lost - difference**2) / (n + 2))
    return max(-1.0, difference - reach), min(1.0, difference + reach)


def newcombe_paired(
    both: int, gains: int, losses: int, neither: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Newcombe's hybrid score interval of a paired difference (1998c, method 10).

    Wilson's intervals of the two shares, combined with the correlation of the outcomes.
    """
    n = both + gains + losses + neither
    first, second = (both + gains) / n, (both + losses) / n
    limit = critical(confidence, None)
    (l1, u1), (l2, u2) = wilson(first, n, limit), wilson(second, n, limit)
    correlation = _corrected_phi(both, gains, losses, neither)

    def reach(one: float, other: float) -> float:
        return sqrt(max(0.0, one**2 - 2 * correlation * one * other + other**2))

    difference = first - second
    return difference - reach(first - l1, u2 - second), difference + reach(u1 - first, second - l2)


def _corrected_phi(both: int, gains: int, losses: int, neither: int) -> float:
    """The correlation of two outcomes, with Newcombe's continuity correction."""
    n = both + gains + losses + neither
    margins = (both + gains) * (losses + neither) * (both + losses) * (gains + neither)
    if margins == 0:
        return 0.0
    cross = both * neither - gains * losses
    return (max(cross - n / 2, 0.0) if cross > 0 else float(cross)) / sqrt(margins)


def mcnemar_exact_p(gains: int, losses: int) -> float:
    """McNemar's exact conditional p, too cautious to be used; 1 for no discordant pair."""
    return float(min(1.0, 2 * special.bdtr(min(gains, losses), gains + losses, 0.5)))


def mcnemar_corrected_p(gains: int, losses: int) -> float:
    """McNemar's test with Edwards' continuity correction; 1 for no discordant pair."""
    if gains == losses:
        return 1.0
    return two_sided_p((abs(gains - losses) - 1) / sqrt(gains + losses), None)
