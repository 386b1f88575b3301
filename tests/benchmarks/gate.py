"""How often the gate errs, and what it saves: simulations of one night and of many.

    python tests/benchmarks/gate.py [gate|defaults|nights ...] [--runs N]

Rows have difficulties from Beta(2, 0.5), new ones in every run; the bank holds 8 runs, the margin
is 5 points, a_pass 5 %, a_fail 1 %. ``gate``: as many rows as both arms, asked in full, need for a
power of 90 %; requests are counted against that. ``defaults``: sizes from 200 to 1,000 rows.
``nights``: 500 rows, 100 a night and more when suspicious, an alarm at 30.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

from evalkit.stats.power import rows_for
from evalkit.stats.rehearsal import Runs, rehearse
from evalkit.stats.sequential import Cusum, Design

Floats = npt.NDArray[np.float64]
BANK, MARGIN, MEAN = 8, 0.05, 0.8
DIFFICULTY = (2.0, 0.5)
WITHIN = 2.0 * 0.5 / (2.5 * 3.5)
"""The mean of p (1 - p), the variance of one answer."""


@dataclass
class Night:
    """What nights after one another came to."""

    rows: list[int]
    alarms: int
    first: list[int]


def draw(runs: int, rows: int, drop: float, seed: int) -> tuple[Floats, Floats]:
    """Differences against a bank, and of two arms asked once each; runs x rows."""
    generator = np.random.default_rng(seed)
    right = generator.beta(*DIFFICULTY, (runs, rows))
    bank = generator.binomial(BANK, right) / BANK
    candidate = generator.random((runs, rows)) < right * (1 - drop / MEAN)
    other = generator.random((runs, rows)) < right
    return candidate - bank, candidate.astype(float) - other


def fixed_passes(differences: Floats) -> float:
    """The share of runs in which all rows together prove that the loss is within the margin."""
    mean, error = differences.mean(axis=1), differences.std(axis=1, ddof=1)
    return float(((mean + MARGIN) / (error / differences.shape[1] ** 0.5) > 1.645).mean())


def one_night(rows: int, drop: float, runs: int) -> tuple[Runs, float]:
    """The gate over ``rows`` rows, and the power of both arms asked in full."""
    banked, both = draw(runs, rows, drop, seed=rows + round(1000 * drop))
    design = Design(MARGIN, rows, 0.05, 0.01, WITHIN * (1 + 1 / BANK))
    return rehearse(banked, design), fixed_passes(both)


def full_size() -> int:
    """Rows for which both arms asked in full have a power of 90 %."""
    return ceil(rows_for(MARGIN, 2 * WITHIN, 0.05, 0.90))


def show_gate(sizes: list[int], runs: int) -> None:
    """One line a size and a true loss."""
    print(f"{'rows':>5} {'loss':>6} {'pass %':>7} {'fail %':>7} {'both arms pass %':>17}", end="")
    print(f" {'rows used':>10} {'of both arms':>13}")
    for rows in sizes:
        for drop in (0.0, 0.025, MARGIN, 2 * MARGIN, 4 * MARGIN):
            found, fixed = one_night(rows, drop, runs)
            print(
                f"{rows:>5} {drop:>6.3f} {100 * found.passes:>7.1f} {100 * found.fails:>7.2f}"
                f" {100 * fixed:>17.1f} {found.used:>10.0f} {found.used / (2 * rows):>13.1%}"
            )


def nights(drop: float, runs: int, length: int, rows: int = 500, *, alarm: float = 30.0) -> Night:
    """``runs`` jobs of ``length`` nights: a deck of rows, dealt 100 a night, more on suspicion."""
    generator = np.random.default_rng(round(1000 * drop) + 7)
    told = Night([], 0, [])
    for _ in range(runs):
        right = generator.beta(*DIFFICULTY, rows)
        bank = generator.binomial(BANK, right) / BANK
        cusum = Cusum(MARGIN, float((right * (1 - right)).mean() * (1 + 1 / BANK)), alarm)
        w, first, deck = 1.0, 0, np.empty(0, dtype=np.int64)
        for night in range(1, length + 1):
            answers = generator.random(rows) < right * (1 - drop / MEAN)
            if len(deck) < 100:
                deck = generator.permutation(rows)
            order = np.concatenate(
                [deck, generator.permutation(np.setdiff1d(np.arange(rows), deck))]
            )
            used, units = 100, [(d, 1) for d in (answers - bank)[order].tolist()]
            w = cusum.night(w, units[:100])
            while 2 < w < alarm and used < rows:
                w = cusum.night(w, units[used : used + 50], is_new=False)
                used += 50
            deck = deck[100:]
            told.rows.append(used)
            if w >= alarm:
                told.alarms, w = told.alarms + 1, 1.0
                first = first or night
                if drop:
                    break
        told.first.append(first)
    return told


def show_nights(runs: int) -> None:
    """Quiet nights by the year, then how soon a loss is found."""
    quiet = nights(0.0, runs, 365)
    per_year = quiet.alarms / runs
    print(f"no change: {np.mean(quiet.rows) / 500:.1%} of the rows a night,", end=" ")
    print(f"{per_year:.2f} false alarms a year")
    for drop in (0.025, 0.05, 0.1):
        found = nights(drop, runs, 100)
        seen = [first for first in found.first if first]
        print(
            f"loss {drop:.3f}: found in {np.mean(seen):.1f} nights on average, "
            f"{1 - len(seen) / runs:.0%} not within 100,"
            f" {np.mean(found.rows) / 500:.1%} of the rows"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["gate", "defaults", "nights"])
    parser.add_argument("--runs", type=int, default=20_000)
    chosen = parser.parse_args()
    if "gate" in chosen.what:
        show_gate([full_size()], chosen.runs)
    if "defaults" in chosen.what:
        show_gate([200, 300, 500, 1000], max(chosen.runs // 4, 100))
    if "nights" in chosen.what:
        show_nights(max(chosen.runs // 40, 20))
