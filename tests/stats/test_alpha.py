"""The quick alpha for grades against the general one, and its interval in simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.stats.agreement import krippendorff_alpha
from evalkit.stats.alpha import interval_alpha, interval_alpha_limits


@given(
    st.lists(
        st.lists(st.sampled_from([np.nan, 0.0, 0.25, 0.5, 1.0]), min_size=3, max_size=3),
        min_size=1,
        max_size=12,
    )
)
def test_it_is_krippendorffs(columns):
    ratings = np.array(columns).T
    quick = interval_alpha(ratings)
    if np.isnan(ratings).all():
        assert quick is None
        return
    general = krippendorff_alpha(ratings, "interval")
    assert quick == (None if general is None else pytest.approx(general, abs=1e-9))


def test_no_two_ratings_are_no_agreement():
    assert interval_alpha(np.array([[1.0, np.nan], [np.nan, 0.0]])) is None
    assert interval_alpha(np.ones((2, 5))) is None
    assert interval_alpha_limits(np.ones((2, 5)), seed=1) is None


@pytest.mark.slow
def test_the_interval_covers_the_alpha_of_many_subjects():
    rng = np.random.default_rng(4)

    def ratings(n):
        truth = rng.integers(0, 5, n)
        noise = rng.integers(-1, 2, (3, n)) * (rng.random((3, n)) < 0.6)
        return np.clip(truth + noise, 0, 4) / 4

    true = interval_alpha(ratings(200_000))
    covered = 0
    for seed in range(200):
        low, high = interval_alpha_limits(ratings(150), seed=seed)
        covered += low <= true <= high
    assert covered / 200 == pytest.approx(0.95, abs=0.04)
