"""What must hold of means and paired differences whatever the data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evalkit.stats.distributions import critical
from evalkit.stats.estimates import Estimate, mean_estimate
from evalkit.stats.multiplicity import holm
from evalkit.stats.paired import Paired, difference_estimate, pair, tango_interval, tango_statistic
from evalkit.stats.permutation import sign_flip_p

quick = settings(max_examples=60)

counts = st.integers(0, 60)
grades = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=2, max_size=60)
changes = st.lists(
    st.sampled_from([-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0]), min_size=2, max_size=60
)
plain_changes = st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=2, max_size=80)
shares = st.floats(-1, 1)


def limits(estimate: Estimate) -> tuple[float, float]:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.high


def paired_of(differences: list[float], clusters: list[int] | None = None) -> Paired:
    paired = pair(differences, clusters)
    assert paired is not None
    return paired


@quick
@given(counts, counts, counts, shares)
def test_exchanging_the_arms_turns_the_sign(gains: int, losses: int, same: int, x: float) -> None:
    n = gains + losses + same
    assume(n > 0)
    assert tango_statistic(gains, losses, n, x) == -tango_statistic(losses, gains, n, -x)
    low, high = tango_interval(gains, losses, n, 1.96)
    assert tango_interval(losses, gains, n, 1.96) == (-high, -low)


@quick
@given(counts, counts, counts, shares, shares)
def test_the_statistic_never_rises(gains: int, losses: int, same: int, x: float, y: float) -> None:
    n = gains + losses + same
    assume(n > 0)
    low, high = sorted((x, y))
    at_low, at_high = (tango_statistic(gains, losses, n, at) for at in (low, high))
    assert at_high <= at_low + 1e-9 * (1 + abs(at_low))


@quick
@given(changes)
def test_an_interval_contains_its_difference(differences: list[float]) -> None:
    estimate = difference_estimate(differences)
    low, high = limits(estimate)
    assert estimate.value is not None
    assert -1 <= low <= estimate.value <= high <= 1
    assert high - low > 0


@quick
@given(grades)
def test_an_interval_contains_its_mean(scores: list[float]) -> None:
    estimate = mean_estimate(scores)
    low, high = limits(estimate)
    assert estimate.value is not None
    assert 0 <= low <= estimate.value <= high <= 1
    assert high - low > 0


@quick
@given(plain_changes)
def test_more_of_the_same_narrows_an_interval(differences: list[float]) -> None:
    once, often = (
        limits(difference_estimate(differences)),
        limits(difference_estimate(differences * 4)),
    )
    assert often[1] - often[0] < once[1] - once[0]


@quick
@given(changes)
def test_clusters_of_one_are_rows(differences: list[float]) -> None:
    alone = paired_of(differences)
    clustered = paired_of(differences, list(range(len(differences))))
    assert clustered.variance == pytest.approx(alone.variance, abs=1e-15)
    if not alone.is_plain:
        assert limits(clustered.estimate()) == pytest.approx(limits(alone.estimate()), abs=1e-9)


@quick
@given(grades)
def test_a_row_repeated_within_its_cluster_adds_nothing(scores: list[float]) -> None:
    once = mean_estimate(scores, np.arange(len(scores)))
    twice = mean_estimate(np.repeat(scores, 2), np.repeat(np.arange(len(scores)), 2))
    assert twice.se == pytest.approx(once.se, abs=1e-12)
    assert limits(twice) == pytest.approx(limits(once), abs=1e-9)


@quick
@given(changes)
def test_a_pair_repeated_within_its_cluster_adds_nothing(differences: list[float]) -> None:
    units = np.arange(len(differences))
    once = paired_of(differences, units.tolist())
    twice = paired_of(np.repeat(differences, 2).tolist(), np.repeat(units, 2).tolist())
    assert twice.variance == pytest.approx(once.variance, abs=1e-12)
    assert limits(twice.estimate()) == pytest.approx(limits(once.estimate()), abs=1e-9)


@quick
@given(changes, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(differences: list[float], random: object) -> None:
    shuffled = list(differences)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert limits(difference_estimate(shuffled)) == pytest.approx(
        limits(difference_estimate(differences)), abs=1e-9
    )
    assert sign_flip_p(shuffled, seed=1) == pytest.approx(
        sign_flip_p(differences, seed=1), abs=0.03
    )


@quick
@given(changes, st.floats(0.01, 0.99))
def test_equivalence_and_interval_say_the_same(differences: list[float], margin: float) -> None:
    paired = paired_of(differences)
    low, high = limits(paired.estimate(confidence=0.90))
    assume(min(abs(low + margin), abs(high - margin)) > 1e-9)
    assert paired.is_equivalent(margin) == (low > -margin and high < margin)
    assert paired.is_non_inferior(margin) == (low > -margin)


@quick
@given(changes)
def test_significance_and_interval_say_the_same(differences: list[float]) -> None:
    paired = paired_of(differences)
    low, high = limits(paired.estimate())
    assume(min(abs(low), abs(high)) > 1e-9)
    assert (paired.p_value() < 0.05) == (low > 0 or high < 0)


@quick
@given(plain_changes)
def test_plain_rows_are_tangos_own(differences: list[float]) -> None:
    gains, losses = differences.count(1.0), differences.count(-1.0)
    expected = tango_interval(gains, losses, len(differences), critical(0.95, None))
    assert limits(difference_estimate(differences)) == pytest.approx(expected, abs=1e-12)


@quick
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_is_monotone_and_never_below_the_raw_p(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(raw <= p <= 1 for raw, p in zip(p_values, adjusted, strict=True))
    by_raw = [p for _, p in sorted(zip(p_values, adjusted, strict=True))]
    assert by_raw == sorted(by_raw)
