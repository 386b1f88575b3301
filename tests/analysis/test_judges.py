"""What verdicts tell of the judge: agreement of raters, preference for a place, what is missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from evalkit.analysis.judges import judge_quality, judge_warnings
from evalkit.analysis.results import JudgeQuality
from evalkit.tables import VERDICTS


def verdict(answer: int, value: float | None, **fields: object) -> dict[str, object]:
    told = {"model": "m", "shown": "alone", "vote": 0, "is_repaired": False, **fields}
    question = f"q{answer}-{told['shown']}-{told['model']}-{told['vote']}"
    return {
        "trial_key": f"t{answer}",
        "case_id": f"c{answer}",
        "variant_key": "v",
        "sample": 0,
        "question_key": question,
        "value": value,
        **told,
    }


def quality(rows: Sequence[dict[str, object]]) -> JudgeQuality:
    table = pa.Table.from_pylist(list(rows), schema=VERDICTS)
    return judge_quality("kind", table, seed=1, confidence=0.95)


def test_one_vote_has_no_agreement_but_counts() -> None:
    rows = [verdict(1, 0.5), verdict(2, None), verdict(3, 1.0, is_repaired=True)]
    found = quality(rows)
    assert (found.n_answers, found.n_questions, found.n_unread, found.n_repaired) == (3, 3, 1, 1)
    assert (found.agreement, found.position) == (None, None)
    assert list(judge_warnings((found,))) == ["kind: 1 verdict missing (33%)"]


def test_alpha_of_votes_is_krippendorffs() -> None:
    # Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", example C: interval 0.849.
    raters = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    rows = [
        verdict(answer, None if grade is None else (grade - 1) / 4, vote=vote)
        for vote, grades in enumerate(raters)
        for answer, grade in enumerate(grades)
    ]
    agreement = quality(rows).agreement
    assert agreement is not None
    assert agreement.alpha == pytest.approx(0.849, abs=5e-4)
    assert (agreement.n_raters, agreement.n_answers) == (4, 11)
    assert agreement.same.value == pytest.approx(8 / 11)
    assert agreement.alpha_interval is not None
    low, high = agreement.alpha_interval
    assert low < 0.849 < high


def test_answers_judged_as_one_count_once() -> None:
    rows = [verdict(answer, answer % 2, vote=vote) for answer in range(20) for vote in (0, 1)]
    twins = [{**row, "trial_key": f"{row['trial_key']}-twin"} for row in rows]
    alone, together = quality(rows), quality([*rows, *twins])
    assert together.n_answers == 2 * alone.n_answers
    assert together.n_questions == alone.n_questions
    assert together.agreement == alone.agreement


def preferring(first: float, n: int = 400) -> JudgeQuality:
    """A judge that between equals takes what it is shown first with this probability."""
    rng = np.random.default_rng(3)
    return quality(
        [
            verdict(answer, float(rng.random() < chance), shown=shown)
            for answer in range(n)
            for shown, chance in (("first", first), ("second", 1 - first))
        ]
    )


def test_a_preference_for_the_first_place_is_found_and_told() -> None:
    position = preferring(0.7).position
    assert position is not None
    assert position.bias.value == pytest.approx(0.4, abs=0.1)
    assert (position.bias.low or 0) > 0
    assert (position.n_pairs, position.bias.units) == (400, 400)
    (told,) = judge_warnings((preferring(0.7),))
    assert "prefers what it is shown first" in told
    (told,) = judge_warnings((preferring(0.2),))
    assert "prefers what it is shown second" in told


def test_a_judge_without_the_preference_is_not_accused() -> None:
    fair = preferring(0.5)
    assert fair.position is not None
    assert (fair.position.bias.low or 0) < 0 < (fair.position.bias.high or 0)
    assert not list(judge_warnings((fair,)))


def test_a_judge_that_never_heeds_the_place_is_known_to_within_a_few_points() -> None:
    rng = np.random.default_rng(8)
    rows = [
        verdict(answer, float(value), shown=shown)
        for answer, value in enumerate(rng.integers(0, 2, 120))
        for shown in ("first", "second")
    ]
    position = quality(rows).position
    assert position is not None
    # No pair of 120 differs: Tango's limits are z^2 / (n + z^2) on either side.
    assert position.bias.high == pytest.approx(1.96**2 / (120 + 1.96**2), abs=1e-4)
    assert position.bias.low == pytest.approx(-(1.96**2) / (120 + 1.96**2), abs=1e-4)


def test_answers_to_one_case_are_no_independent_evidence() -> None:
    rng = np.random.default_rng(6)
    rows, crowd = [], []
    for case in range(30):
        for vote, value in enumerate(rng.integers(0, 2, 2)):
            rows.append(verdict(case, float(value), vote=vote))
            for answer in range(case * 4, case * 4 + 4):
                crowd.append({**verdict(answer, float(value), vote=vote), "case_id": f"c{case}"})
    alone, together = quality(rows).agreement, quality(crowd).agreement
    assert alone is not None
    assert together is not None
    assert together.n_answers == 4 * alone.n_answers
    for one in (alone, together):
        assert one.alpha_interval is not None
    width, wide = (one.alpha_interval[1] - one.alpha_interval[0] for one in (alone, together))
    assert wide == pytest.approx(width, rel=0.1)
    assert together.same.units == 30


def test_ratings_that_scatter_are_no_firm_ground() -> None:
    rng = np.random.default_rng(5)
    rows = [
        verdict(answer, float(rng.integers(0, 5)) / 4, vote=vote)
        for answer in range(100)
        for vote in range(3)
    ]
    found = quality(rows)
    assert found.agreement is not None
    assert abs(found.agreement.alpha or 0) < 0.2
    (told,) = judge_warnings((found,))
    assert "no firm ground" in told
