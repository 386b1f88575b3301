"""The betting gate: reference trajectories, exact enumeration, errors and savings by simulation."""

from __future__ import annotations

import timeit
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from evalkit.stats.power import rows_for
from evalkit.stats.rehearsal import Deck, Population, rehearse, rehearse_nights
from evalkit.stats.sequential import Cusum, Design, Gate, Level, Process, largest_loss

REFERENCE = Design(margin=0.05, units=120, alpha_pass=0.05, alpha_fail=0.05, variance=0.25)
NO_CHANGE = [0, 0, 1, 0, 0, -1] + [0, 0, 0, 0, 0, 0, 1, 0, 0, -1] * 11 + [0] * 4


def gates_at(differences: list[int], rows: list[int]) -> dict[int, tuple[float, float]]:
    gate, seen = Gate(REFERENCE), {}
    for row, difference in enumerate(differences, start=1):
        gate.update(difference)
        if row in rows:
            seen[row] = gate.passing.log_e, gate.failing.log_e
    return seen


def test_no_change_follows_the_reference():
    seen = gates_at(NO_CHANGE, [10, 30, 60, 120])
    assert len(NO_CHANGE) == 120
    passing = [0.0571937935216, 0.144888750283, 0.16278213775, -1.94554270306]
    failing = [-0.22563875978, -0.876003755347, -2.94214728492, -7.90221872402]
    assert [pair[0] for pair in seen.values()] == pytest.approx(passing, abs=1e-9)
    assert [pair[1] for pair in seen.values()] == pytest.approx(failing, abs=1e-9)


def test_equal_answers_pass_at_row_89():
    gate = Gate(REFERENCE)
    seen = []
    for row in range(1, 121):
        gate.update(0.0)
        if row in (10, 30, 60, 120):
            seen.append(gate.passing.log_e)
    expected = [0.244157510115, 0.85588042014, 1.94157543939, 3.00468976339]
    assert seen == pytest.approx(expected, abs=1e-9)
    assert (gate.passing.crossed_at, gate.failing.crossed_at) == (89, None)
    assert gate.failing.log_e == 0.0


@pytest.mark.parametrize(
    ("chances", "span", "sign", "ever"),
    [
        ((0.075, 0.8, 0.125), 0.95, 1, 0.000145212110081),
        ((0.1, 0.8, 0.1), 1.0, -1, 4.7918e-05),
    ],
    ids=["pass", "fail"],
)
def test_the_mean_at_the_boundary_is_one_by_enumeration(chances, span, sign, ever):
    """All 3^9 paths: a fair game, and Ville's bound."""
    mean = crossed = 0.0
    for path in product((1, 0, -1), repeat=9):
        chance = float(np.prod([chances[1 - d] for d in path]))
        process = Process(0.05, span, 0.05, 9, 0.05, adapts=sign < 0)
        for d in path:
            process.feed(d + 0.05 if sign > 0 else -d, d)
        mean += chance * process.e_value
        crossed += chance * (process.crossed_at is not None)
    assert mean == pytest.approx(1.0, abs=1e-9)
    assert crossed == pytest.approx(ever, abs=1e-9)
    assert crossed <= 0.05


def test_a_bet_that_follows_the_loss_is_fair_too():
    """Enumerated past the units after which the stake follows what was seen."""
    process_mean, crossed = 0.0, 0.0
    for path in product((1, -1), repeat=7):
        process = Process(0.2, 1.0, 0.05, 28, 0.05, adapts=True)
        for d in (*[-1, 1, -1] * 7, *path):  # 21 units seen, then every continuation
            process.feed(-d, d)
        start = Process(0.2, 1.0, 0.05, 28, 0.05, adapts=True)
        for d in [-1, 1, -1] * 7:
            start.feed(-d, d)
        if start.crossed_at is None:
            process_mean += process.e_value / start.e_value / 2**7
            crossed += (process.crossed_at is not None) / 2**7
    assert process_mean == pytest.approx(1.0, abs=1e-9)


def test_missing_rows_enter_at_their_worst_and_best():
    honest, kind = Gate(REFERENCE), Gate(REFERENCE)
    for _ in range(60):
        honest.update(low=-0.5, high=0.5)
        kind.update(0.0)
    assert honest.passing.log_e < kind.passing.log_e
    assert honest.failing.log_e < kind.failing.log_e


def test_a_cluster_is_one_unit_and_rows_of_one_are_rows():
    rows, units = Gate(REFERENCE), Gate(REFERENCE)
    clustered = Gate(Design(0.05, 60, 0.05, 0.05, 0.25, largest=2, mean_size=2.0))
    for d in NO_CHANGE:
        rows.update(d)
        units.update(d, size=1)
    for first in range(0, 120, 2):
        clustered.update(sum(NO_CHANGE[first : first + 2]), size=2)
    assert rows.passing.log_e == units.passing.log_e
    assert clustered.seen == 60


@pytest.mark.parametrize("low", [-1.5, 1.5, float("nan")])
def test_an_impossible_difference_is_refused(low):
    with pytest.raises(ValueError, match="cannot differ"):
        Gate(REFERENCE).update(low)


@pytest.mark.parametrize("margin", [0.0, -0.1, 1.0])
def test_an_impossible_margin_is_refused(margin):
    with pytest.raises(ValueError, match="margin"):
        Design(margin, 10)


def test_the_bound_is_where_the_gate_would_just_pass():
    gate, units = Gate(REFERENCE), [(0.0, 1)] * 120
    bound = largest_loss(REFERENCE, units)
    for _ in range(120):
        gate.update(0.0)
    assert gate.passing.crossed_at is not None
    assert 0 < bound < 0.05
    assert largest_loss(REFERENCE, units[:40]) > 0.05
    assert largest_loss(REFERENCE, []) == 1.0


def test_the_rehearsal_is_the_gate():
    differences = Population(0.75, 0.1, banked=4).draw(0.1, runs=40, rows=80, seed=3)
    design = Design(0.1, 80, 0.05, 0.01, 0.2)
    runs = rehearse(differences, design)
    for row, one in enumerate(differences):
        gate = Gate(design)
        for d in one:
            gate.update(d)
        assert (gate.passing.crossed_at or 0) == runs.pass_at[row]
        assert (gate.failing.crossed_at or 0) == runs.fail_at[row]


def test_a_rehearsal_in_clusters_is_the_gate():
    generator = np.random.default_rng(1)
    sizes = generator.integers(1, 4, 60)
    sums = np.array([[generator.integers(-n, n + 1) for n in sizes] for _ in range(20)], float)
    design = Design(0.1, 60, 0.05, 0.01, 0.2, largest=3, mean_size=float(sizes.mean()))
    runs = rehearse(sums, design, sizes)
    for row, one in enumerate(sums):
        gate = Gate(design)
        for d, n in zip(one.tolist(), sizes.tolist(), strict=True):
            gate.update(d, size=n)
        assert (gate.passing.crossed_at or 0) == runs.pass_at[row]
        assert (gate.failing.crossed_at or 0) == runs.fail_at[row]


def test_a_population_has_the_mean_and_the_noise_it_is_given():
    differences = Population(0.8, 0.1, banked=8).draw(0.0, runs=50, rows=2000, seed=1)
    assert differences.mean() == pytest.approx(0.0, abs=0.003)
    assert differences.var() == pytest.approx(0.1 * 9 / 8, rel=0.05)
    assert Population(0.8, 0.1, 8).draw(0.1, 50, 2000).mean() == pytest.approx(-0.1, abs=0.003)


def beta_runs(drop: float, runs: int, rows: int) -> tuple[np.ndarray, float]:
    generator = np.random.default_rng(11)
    right = generator.beta(2.0, 0.5, (runs, rows))
    bank = generator.binomial(8, right) / 8
    return (generator.random((runs, rows)) < right * (1 - drop / 0.8)) - bank, 1 / 8.75


def test_errors_and_savings_with_a_bank_of_eight():
    """Rows sized for 90 % power of both arms asked in full; the benchmark gate.py does more."""
    rows = int(rows_for(0.05, 2 / 8.75, 0.05, 0.90))
    runs, error = 1500, 3 * (0.05 * 0.95 / 1500) ** 0.5
    found = {}
    for drop in (0.0, 0.05, 0.1):
        differences, within = beta_runs(drop, runs, rows)
        found[drop] = rehearse(differences, Design(0.05, rows, 0.05, 0.01, within * 9 / 8))
    assert found[0.05].passes <= 0.05 + error
    assert found[0.0].fails <= 0.01 + 3 * (0.01 * 0.99 / runs) ** 0.5
    assert found[0.0].passes >= 0.90
    assert found[0.0].used <= 0.30 * 2 * rows
    assert found[0.1].used <= 0.15 * 2 * rows
    assert found[0.1].fails > 0.99


def test_rare_large_losses_do_not_pass():
    """3 % of rows lose half a point on average, so that the true loss is the margin."""
    generator = np.random.default_rng(5)
    runs, rows = 600, 200
    lost = generator.random((runs, rows)) < 0.03
    differences = np.where(lost, -generator.random((runs, rows)), 0.0)
    passes = rehearse(differences, Design(0.015, rows, 0.05, 0.01, 0.25)).passes
    assert passes <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def test_a_level_is_proven_from_either_side_and_seldom_at_it():
    generator = np.random.default_rng(2)
    ends = {"above": 0, "below": 0}
    for _ in range(400):
        level = Level(0.8, 200, alpha_above=0.05, alpha_below=0.01, effect=0.05)
        for value in generator.random(200) < 0.8:
            level.update(float(value))
        ends["above"] += level.above.crossed_at is not None
        ends["below"] += level.below.crossed_at is not None
    assert ends["above"] / 400 <= 0.05 + 0.033
    assert ends["below"] / 400 <= 0.01 + 0.015
    good = Level(0.8, 200, alpha_above=0.05, alpha_below=0.01, effect=0.05)
    bad = Level(0.8, 200, alpha_above=0.05, alpha_below=0.01, effect=0.05)
    for place in range(200):
        good.update(1.0)
        bad.update(float(place % 2))
    assert good.above.crossed_at is not None
    assert bad.below.crossed_at is not None


def test_nights_add_up_and_forget_good_ones():
    cusum = Cusum(0.05, 0.12)
    rows = [(-0.1, 1)] * 100
    assert cusum.night(0.01, [(0.0, 1)] * 100) < 1.0
    w = 1.0
    for _ in range(3):
        w = cusum.night(w, rows)
    assert w > cusum.alarm
    split = cusum.night(cusum.night(1.0, rows[:60]), rows[60:], is_new=False)
    assert split == pytest.approx(cusum.night(1.0, rows))


def test_a_row_costs_microseconds():
    gate = Gate(Design(0.05, 10**6, 1e-300, 1e-300))
    best = min(timeit.repeat(lambda: gate.update(0.0), number=2000, repeat=5)) / 2000
    assert best < 100e-6  # about 5 here; room for a busy machine


def test_nights_are_rehearsed_as_they_are_watched():
    """Of one night and no noise, the evidence is that of the CUSUM itself."""
    sure = Population(1.0 - 1e-9, 0.0, banked=8)
    cusum = Cusum(0.05, 0.1, alarm=1e9)
    deck = Deck(np.ones(200, dtype=np.int64), a_night=50, more=25)
    quiet = rehearse_nights(sure, cusum, deck, 0.0, jobs=2, length=3)
    assert (quiet.rows, quiet.alarms, quiet.nights, quiet.found_in) == (50.0, 0, 6, None)
    broken = rehearse_nights(sure, replace(cusum, alarm=30.0), deck, 0.999, jobs=3, length=3)
    # Every answer is lost: 50 of them cross 30 at once.
    assert cusum.night(1.0, [(-1.0, 1)] * 50) > 30
    assert (broken.rows, broken.found_in, broken.missed) == (50.0, 1.0, 0.0)


def test_nights_find_what_the_benchmark_says():
    within = 0.114
    cusum = Cusum(0.05, within * 9 / 8)
    deck = Deck(np.ones(500, dtype=np.int64), a_night=100, more=50)
    population = Population(0.8, within, banked=8)
    quiet = rehearse_nights(population, cusum, deck, 0.0, jobs=40)
    assert 100 <= quiet.rows <= 125
    assert 365 * quiet.alarms / quiet.nights < 1
    lost = rehearse_nights(population, cusum, deck, 0.1, jobs=40)
    assert lost.found_in is not None
    assert lost.found_in <= 2
    assert lost.missed == 0
