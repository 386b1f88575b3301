"""A bank's own error and false alarms; flaky cases, and which did surprisingly worse."""

from __future__ import annotations

import numpy as np
import pytest
from analysis_builders import run_of, variant

from evalkit.analysis.bank import Column, false_alarms, own_error, within_variance
from evalkit.analysis.changes import case_changes, flakiness, labels, surprise, tag_changes
from evalkit.analysis.measures import measures

OFF = variant()


def column(passed: list[float], asked: int = 8) -> Column:
    return Column(np.array(passed, dtype=float), np.full(len(passed), asked))


def test_the_banks_own_error_is_the_noise_left_in_its_means():
    generator = np.random.default_rng(4)
    right = generator.beta(2, 0.5, 500)
    passed = generator.binomial(8, right, 500).astype(float)
    counts = np.full(500, 8)
    within = within_variance(passed, passed, counts)
    assert within == pytest.approx(1 / 8.75, rel=0.1)  # the mean of p (1 - p)
    error = own_error(within, counts)
    assert error == pytest.approx(0.0053, abs=0.0004)  # half a point, as section 7.5 says
    assert within_variance(passed, passed, np.ones(500, dtype=int)) is None
    assert own_error(None, counts) is None


def test_each_run_against_the_others():
    generator = np.random.default_rng(5)
    right = generator.beta(2, 0.5, 300)
    runs = [column((generator.random(300) < right).astype(float).tolist(), 1) for _ in range(8)]
    found = false_alarms(runs, 0.1, 1 / 8.75)
    assert found is not None
    assert (found.gates, found.fails) == (8, 0)
    assert found.passes >= 6
    broken = column([0.0] * 300, 1)
    assert false_alarms([*runs[:4], broken], 0.1, 1 / 8.75).fails >= 1
    assert false_alarms(runs[:1], 0.1, None) is None


def test_labels_need_five_trials_and_are_never_dropped():
    assert labels(column([32, 0, 16, 30], 32)) == ["stable pass", "stable fail", "flaky", "flaky"]
    assert labels(column([4, 0], 4)) == [None, None]
    assert labels(column([5, 4, 0], 5)) == [None, "flaky", None]
    assert labels(column([2.5], 8)) == [None]
    told = flakiness("v", column([32, 32, 0, 16], 32))
    assert told is not None
    assert (told.stable_pass, told.stable_fail, told.flaky) == (2, 1, 1)
    assert told.share_of_noise == 1.0


def test_surprise_is_the_beta_binomial_tail():
    chance = surprise(column([8, 0, 4]), np.array([0.0, 0.0, 1.0]), np.array([1, 1, 1]))
    assert chance == pytest.approx([0.5 / 9, 8.5 / 9, 1.0])
    two = surprise(column([8]), np.array([0.0]), np.array([2]))
    assert two == pytest.approx([0.5 * 1.5 / (9 * 10)])


def test_cases_and_tags_that_did_worse_come_first():
    grades = [0.0] * 20 + [1.0] * 40
    tags = {place: ["hard" if place < 30 else "easy"] for place in range(60)}
    trials = run_of({OFF: grades}, tags=tags)
    bank = column([32.0] * 60, 32)
    found = measures(trials)["score:number"]
    cases = case_changes(OFF.key, trials.cases, (bank, bank), found, 0)
    assert len(cases) == 20
    assert all(one.is_finding and one.tags == ("hard",) for one in cases)
    assert cases[0].surprise == pytest.approx(0.5 / 33)
    first, second = tag_changes(OFF.key, trials.cases, bank, found, 0)
    assert (first.tag, first.n, first.is_finding) == ("hard", 30, True)
    assert first.difference == pytest.approx(-20 / 30)
    assert second.difference == 0
