"""How often intervals cover the truth and tests err, ours beside what textbooks print.

    python tests/benchmarks/coverage.py [--runs 10000]

Every interval is nominally 95 %. Means of 0/1 rows and paired 0/1 rows are weighed exactly or
drawn as tables; the rest is simulated, seeded. Cells of tables: mean over truths (worst).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[1] / "stats"))
from regimes import DIFFERENCES, LOPSIDED, MEANS, SHARES, STEEP, TABLES, Regime

from evalkit.stats import textbook
from evalkit.stats.bootstrap import bca_interval
from evalkit.stats.distributions import critical
from evalkit.stats.estimates import Estimate, mean_estimate, wilson
from evalkit.stats.labels import bounded_mean, corrected_mean
from evalkit.stats.paired import difference_estimate, mcnemar_mid_p, pair, tango_interval
from evalkit.stats.ratios import amount_estimate

Interval = tuple[float, float]
Z = critical(0.95, None)

ONE_SHARE: dict[str, Callable[[int, int], Interval]] = {
    "mean ± z SE (CLT)": textbook.wald,
    "**Wilson (ours)**": lambda k, n: wilson(k / n, n, Z),
    "Clopper-Pearson": textbook.clopper_pearson,
    "Jeffreys": lambda k, n: textbook.beta_interval(k, n, prior=0.5),
    "Beta(1, 1)": textbook.beta_interval,
}
PAIRS: dict[str, Callable[[int, int, int], Interval]] = {
    "mean ± z SE": textbook.paired_wald,
    "**Tango (ours)**": lambda gains, losses, n: tango_interval(gains, losses, n, Z),
    "Agresti-Min": textbook.agresti_min,
    "Bonett-Price": textbook.bonett_price,
}


def row(name: str, cells: Sequence[object]) -> None:
    """One line of a Markdown table."""
    print(f"| {name} | {' | '.join(str(cell) for cell in cells)} |")


def header(first: str, sizes: Sequence[int]) -> None:
    """The head of a table over sample sizes."""
    row(first, [f"{size:,}" for size in sizes])
    row("---", ["---"] * len(sizes))


def mean_and_worst(found: Sequence[float]) -> str:
    """``95.2 (93.1)``."""
    return f"{100 * np.mean(found):.1f} ({100 * min(found):.1f})"


def one_share() -> None:
    """Exact coverage of one share."""
    sizes = (10, 20, 50, 100, 300, 1000)
    header("one mean of 0/1 rows", sizes)
    for name, interval in ONE_SHARE.items():
        cells = []
        for n in sizes:
            ends = np.array([interval(k, n) for k in range(n + 1)])
            found = []
            for share in SHARES:
                weights = stats.binom.pmf(np.arange(n + 1), n, share)
                inside = (ends[:, 0] - 1e-12 <= share) & (share <= ends[:, 1] + 1e-12)
                found.append(float(weights @ inside))
            cells.append(mean_and_worst(found))
        row(name, cells)


def pairs(runs: int) -> None:
    """Coverage of a paired difference of shares."""
    sizes = (10, 20, 50, 100, 300, 1000)
    header("paired difference of 0/1 rows", sizes)
    for name, interval in PAIRS.items():
        cells = []
        for n in sizes:
            found = []
            for gain, loss in TABLES:
                rng = np.random.default_rng(11)
                drawn = rng.multinomial(n, [gain, loss, 1 - gain - loss], size=runs)
                tables, counts = np.unique(drawn[:, :2], axis=0, return_counts=True)
                ends = np.array([interval(int(b), int(c), n) for b, c in tables])
                inside = (ends[:, 0] <= gain - loss) & (gain - loss <= ends[:, 1])
                found.append(float(inside @ counts) / runs)
            cells.append(mean_and_worst(found))
        row(name, cells)


def errors(runs: int) -> None:
    """How often no difference is called one, and a loss of the margin is called none."""
    sizes = (20, 50, 100, 300, 1000)
    header("type I error at 5 %, mean (largest)", sizes)
    tests: dict[str, Callable[[int, int, int], float]] = {
        "**no difference, T(0) (ours)**": lambda b, c, n: _paired(b, c, n).p_value(),
        "no difference, mid-p McNemar": lambda b, c, n: mcnemar_mid_p(b, c),
        "no difference, exact McNemar": lambda b, c, n: textbook.mcnemar_exact_p(b, c),
    }
    for name, p_value in tests.items():
        row(name, [_error(p_value, 0.0, n, runs, 0.05) for n in sizes])
    row(
        "**loss of 5 points passes as none (ours)**",
        [
            _error(lambda b, c, n: 1.0 - _paired(b, c, n).is_non_inferior(0.05), 0.05, n, runs, 0.5)
            for n in sizes
        ],
    )


def _paired(gains: int, losses: int, n: int):  # type: ignore[no-untyped-def]
    return pair(np.repeat([1.0, -1.0, 0.0], [gains, losses, n - gains - losses]))


def _error(
    p_value: Callable[[int, int, int], float], loss: float, n: int, runs: int, level: float
) -> str:
    found = []
    for discordant in (0.1, 0.2, 0.4):
        rng = np.random.default_rng(12)
        odds = [(discordant - loss) / 2, (discordant + loss) / 2, 1 - discordant]
        drawn = rng.multinomial(n, odds, size=runs)
        tables, counts = np.unique(drawn[:, :2], axis=0, return_counts=True)
        wrong = np.array([p_value(int(b), int(c), n) < level for b, c in tables])
        found.append(float(wrong @ counts) / runs)
    return f"{100 * np.mean(found):.1f} ({100 * max(found):.1f})"


def simulated(
    regimes: dict[str, Regime],
    estimate: Callable[..., Estimate],
    runs: int,
    sizes: Sequence[int] = (10, 20, 50, 300),
) -> None:
    """Coverage in every regime by independent units."""
    for name, regime in regimes.items():
        cells = []
        for units in sizes:
            rng = np.random.default_rng(13)
            covered = 0
            for _ in range(runs):
                one = estimate(*regime.draw(rng, units))
                covered += one.low is not None and one.low <= regime.truth <= (one.high or 0.0)
            cells.append(f"{100 * covered / runs:.1f}")
        row(name, cells)


def amounts(runs: int) -> None:
    """Coverage of the mean of exponential amounts (skewed, as costs and times are)."""
    sizes = (10, 20, 50)
    header("mean of exponential amounts", sizes)
    t, bca = [], []
    for n in sizes:
        rng = np.random.default_rng(14)
        inside = np.zeros(2)
        for run in range(runs):
            values = rng.exponential(size=n)
            one = amount_estimate(values)
            low, high = bca_interval(values, _mean, seed=run, draws=1_999) or (9.0, 9.0)
            inside += [one.low <= 1 <= one.high, low <= 1 <= high]  # type: ignore[operator]
        for cells, share in zip((t, bca), inside / runs, strict=True):
            cells.append(f"{100 * share:.1f}")
    row("**Student's t (ours)**", t)
    row("BCa bootstrap", bca)


def _mean(values: np.ndarray) -> np.ndarray:
    return np.asarray(values.mean(axis=-1))


def labels(runs: int) -> None:
    """Coverage of a judge's mean corrected by labels; it is right about 95 % of 0/1 cases."""
    sizes = (10, 20, 50, 100)
    for share in (0.7, 0.9):
        header(f"corrected by labels, {share:.0%} pass; labels", sizes)
        plain, ours = [], []
        for n in sizes:
            rng = np.random.default_rng(15)
            inside = np.zeros(2)
            for _ in range(runs):
                human = (rng.random(10 * n) < share).astype(float)
                judge = np.where(rng.random(10 * n) < 0.95, human, 1 - human)
                found = corrected_mean(human[:n], judge[:n], judge[n:])
                one, other = found.mean, bounded_mean(found)
                inside += [one.low <= share <= one.high, other.low <= share <= other.high]  # type: ignore[operator]
            for cells, covered in zip((plain, ours), inside / runs, strict=True):
                cells.append(f"{100 * covered:.1f}")
        row("PPI++ ± z SE", plain)
        row("**Wilson on it, t (ours)**", ours)


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    runs = parser.parse_args().runs
    print(f"{runs:,} runs a cell: a Monte-Carlo error of {100 * np.sqrt(0.05 * 0.95 / runs):.2f}\n")
    one_share()
    print()
    pairs(runs)
    print()
    errors(runs)
    print()
    sizes = (10, 20, 50, 300)
    header("means, by independent units", sizes)
    simulated(MEANS, mean_estimate, runs)
    print()
    header("paired differences, by independent units", sizes)
    simulated(DIFFERENCES, difference_estimate, runs)
    simulated({"lopsided: rare large losses": LOPSIDED}, difference_estimate, runs)
    simulated({"clusters of 1 to 30, steep": STEEP}, mean_estimate, runs)
    print()
    amounts(runs // 4)
    print()
    labels(runs // 2)


if __name__ == "__main__":
    main()
