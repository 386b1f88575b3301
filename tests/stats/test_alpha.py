"""The quick alpha for grades against the general one and NLTK's, and its interval in simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.metrics.agreement import AnnotationTask
from nltk.metrics.distance import binary_distance, interval_distance

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


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_it_is_that_of_the_library(missing):
    rng = np.random.default_rng(int(10 * missing))
    truth = rng.integers(1, 6, 40)
    ratings = np.clip(truth + rng.integers(-1, 2, (4, 40)), 1, 5).astype(float)
    ratings[rng.random(ratings.shape) < missing] = np.nan
    rows = [
        (f"rater {rater}", f"subject {subject}", grade)
        for (rater, subject), grade in np.ndenumerate(ratings)
        if not np.isnan(grade)
    ]
    theirs = AnnotationTask(rows, distance=interval_distance).alpha()
    assert interval_alpha(ratings) == pytest.approx(theirs, abs=1e-12)
    nominal = AnnotationTask(rows, distance=binary_distance).alpha()
    assert krippendorff_alpha(ratings, "nominal") == pytest.approx(nominal, abs=1e-12)


def test_no_two_ratings_are_no_agreement():
    assert interval_alpha(np.array([[1.0, np.nan], [np.nan, 0.0]])) is None
    assert interval_alpha(np.ones((2, 5))) is None
    assert interval_alpha_limits(np.ones((2, 5)), seed=1) is None


def test_answers_to_one_case_are_drawn_together():
    rng = np.random.default_rng(9)
    ratings = rng.integers(0, 5, (2, 50)) / 4
    copies, cases = np.repeat(ratings, 4, axis=1), np.repeat(np.arange(50), 4)
    assert interval_alpha_limits(copies, seed=1, clusters=cases) == pytest.approx(
        interval_alpha_limits(ratings, seed=1), abs=0.02
    )
    assert interval_alpha_limits(copies[:, :4], seed=1, clusters=cases[:4]) is None


@pytest.mark.slow
def test_the_interval_covers_where_judges_differ_by_case():
    rng = np.random.default_rng(2)

    def ratings(n):
        spread = np.repeat(rng.choice([0, 2.5], n), 5)
        truth = np.repeat(rng.integers(0, 5, n), 5)
        noise = rng.normal(size=(3, 5 * n)) * spread
        return np.clip(np.rint(truth + noise), 0, 4) / 4, np.repeat(np.arange(n), 5)

    true = interval_alpha(ratings(40_000)[0])
    covered = 0
    for seed in range(200):
        found, cases = ratings(60)
        low, high = interval_alpha_limits(found, seed=seed, clusters=cases)
        covered += low <= true <= high
    assert covered / 200 >= 0.91


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
