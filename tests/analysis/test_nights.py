"""Evidence over nights: questions share the alarm, missing answers count at their best, drift."""

from __future__ import annotations

import numpy as np
import pytest
from analysis_builders import run_of, variant
from test_gate_rules import DROP, GOOD, bank_of, made_of

from evalkit.analysis.nights import drift_of, night_result, watch_nights
from evalkit.policies import MetricRule

OFF = variant()


def watched(grades, bank, *rules, before=None, **more):
    trials = run_of({OFF: grades}, **more)
    tests = made_of(trials, bank, *rules)
    return watch_nights(trials, tests, before or {}, samples=1, alarm=30.0)


def test_a_loss_adds_up_and_no_change_is_forgotten():
    lost = [1.0] * 140 + [0.0] * 60
    (first,) = watched(lost, bank_of(GOOD), DROP)
    assert first.after > 2
    (second,) = watched(lost, bank_of(GOOD), DROP, before={first.key: 5.0})
    assert second.after == pytest.approx(5 * first.after)
    (quiet,) = watched(GOOD, bank_of(GOOD), DROP, before={first.key: 0.01})
    assert quiet.before == 0.01
    assert quiet.after < 1
    result = night_result(quiet, OFF.key, 4)
    assert (result.outcome, result.seen) == ("pass", 200)
    assert "after 4 nights" in result.why


def test_several_questions_share_the_alarm():
    share = MetricRule("refused", max_increase=0.1)
    both = watched(GOOD, bank_of(GOOD), DROP, share)
    assert [one.alarm for one in both] == [60.0, 60.0]
    assert len({one.key for one in both}) == 2


def test_what_is_missing_counts_at_its_best_and_too_much_is_no_night():
    few = list(GOOD)
    few[:8] = ["timeout"] * 8
    (held,) = watched(few, bank_of(GOOD), DROP)
    (whole,) = watched(GOOD, bank_of(GOOD), DROP)
    assert held.is_measured
    assert held.after <= whole.after + 1e-9
    many = list(GOOD)
    many[:20] = ["timeout"] * 20
    (lost,) = watched(many, bank_of(GOOD), DROP, before={held.key: 1e6})
    assert not lost.is_measured
    assert not lost.is_alarm
    assert night_result(lost, OFF.key, 1).outcome == "unmeasured"


def test_nights_that_differ_by_more_than_chance():
    generator = np.random.default_rng(3)
    errors = [0.02] * 20
    same = [(float(generator.normal(0, 0.02)), 0.02) for _ in errors]
    other = [(float(generator.normal(0, 0.08)), 0.02) for _ in errors]
    quiet, drifting = drift_of(same), drift_of(other)
    assert quiet is not None
    assert drifting is not None
    assert (quiet.is_there, drifting.is_there) == (False, True)
    assert quiet.widened(0.02) == 0.02
    assert drifting.between == pytest.approx(0.08, rel=0.35)
    assert drifting.widened(0.02) == pytest.approx(np.hypot(0.02, drifting.between))
    assert drift_of(same[:2]) is None


def test_the_variance_between_nights_is_that_of_dersimonian_and_laird():
    nights = [(0.0, 0.1), (0.3, 0.2), (0.6, 0.1)]
    weights = np.array([100.0, 25.0, 100.0])
    centre = (25 * 0.3 + 100 * 0.6) / 225
    q = float((weights * (np.array([0.0, 0.3, 0.6]) - centre) ** 2).sum())
    drift = drift_of(nights)
    assert drift is not None
    assert drift.between**2 == pytest.approx((q - 2) / (225 - (weights**2).sum() / 225))
