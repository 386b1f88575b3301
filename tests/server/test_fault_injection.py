"""Which fault strikes when, and what the switches accept."""

from __future__ import annotations

from collections import Counter

import pytest

from evalkit.errors import UsageError
from evalkit.server.faults import FAULTS, FaultPlan, Setting, demanded, parse_fault


def struck(plan: FaultPlan, count: int = 2000) -> list[str | None]:
    strikes = [plan.strike(n, f"b2:{n}", 0, "req", is_stream=False) for n in range(1, count + 1)]
    return [strike.name if strike else None for strike in strikes]


def test_each_fault_has_its_own_probability() -> None:
    plan = FaultPlan([parse_fault("500=0.1"), parse_fault("reset=0.2"), parse_fault("hang=0.05")])
    counts = Counter(struck(plan))
    assert counts["500"] == pytest.approx(200, abs=50)
    assert counts["reset"] == pytest.approx(400, abs=70)
    assert counts["hang"] == pytest.approx(100, abs=40)
    assert counts[None] == pytest.approx(1300, abs=90)


def test_faults_follow_the_seed_and_the_request_not_the_order() -> None:
    settings = [parse_fault("500=0.5")]
    assert struck(FaultPlan(settings, seed=1)) == struck(FaultPlan(settings, seed=1))
    assert struck(FaultPlan(settings, seed=1)) != struck(FaultPlan(settings, seed=2))


def test_the_next_attempt_at_a_request_has_luck_of_its_own() -> None:
    plan = FaultPlan([parse_fault("500=0.5")])
    attempts = [plan.strike(1, "b2:x", n, "req", is_stream=False) is None for n in range(50)]
    assert 10 < sum(attempts) < 40


def test_keys_may_be_refused_after_so_many_requests() -> None:
    assert struck(FaultPlan([parse_fault("401-after=3")]), 5) == [None] * 3 + ["401-after"] * 2


def test_a_setting_carries_its_number() -> None:
    assert parse_fault("cut=0.25:7") == Setting("cut", 0.25, 7)
    strike = FaultPlan([parse_fault("cut=1:7")]).strike(1, "b2:x", 0, "req", is_stream=True)
    assert strike is not None
    assert strike.extra == 7


@pytest.mark.parametrize(
    "text", ["nope=0.1", "500", "500=", "500=x", "500=1.5", "500=-0.1", "500=0.1:3", "cut=0.1:x"]
)
def test_a_wrong_switch_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_fault(text)


def test_probabilities_may_not_add_up_to_more_than_one() -> None:
    with pytest.raises(UsageError, match="add up"):
        FaultPlan([parse_fault("500=0.6"), parse_fault("reset=0.6")])
    FaultPlan([parse_fault("500=0.6"), parse_fault("batch-errored=0.6")])


def test_a_request_may_demand_a_fault_of_single_requests() -> None:
    strike = demanded("cut:3", "req", is_stream=True)
    assert strike is not None
    assert (strike.name, strike.extra) == ("cut", 3)
    assert demanded("batch-expired", "req", is_stream=False) is None
    assert demanded("nope", "req", is_stream=False) is None


def test_every_fault_says_what_it_does() -> None:
    assert all(fault.meaning for fault in FAULTS.values())
    for fault in FAULTS.values():
        assert sum(1 for part in (fault.instead, fault.reword, fault.spoil) if part) <= 1
