"""How much of a limit is used and how often it is overstepped: whole runs in virtual time."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from limited_api import LimitedApi
from paced import Paced, pace, trials

from evalkit.client.limits import Limiter

REQUESTS = 1500
# 50 at once, then 50 a second.
IDEAL_S = (REQUESTS - 50) / 50
TOLD_AS = [
    "none",
    "seconds",
    pytest.param("ms", marks=pytest.mark.slow),
    pytest.param("date", marks=pytest.mark.slow),
]


def tenfold(seed: int) -> Callable[[], int]:
    """Lengths of answers between 30 and 300 tokens."""
    chance = random.Random(seed)
    return lambda: int(30 * 10 ** chance.random())


def sizes(number: int) -> int:
    return random.Random(number).choice([200, 400, 800, 2000])


def all_answered(paced: Paced, count: int) -> None:
    assert (paced.answered, paced.failed) == (count, 0)
    assert paced.limiter.in_flight == 0


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ({"tells": False}, 3000),
        ({}, None),
        ({}, 3000),
        ({}, 6000),
        ({"requests_per_minute": 6000}, 3000),
        ({"burst_s": 60.0}, 3000),
    ],
)
def test_3000_requests_a_minute_are_used_and_none_is_refused(server, told):
    api = LimitedApi(**{"requests_per_minute": 3000, **server})
    paced = pace(api, trials(REQUESTS), limiter=Limiter(100, told))
    all_answered(paced, REQUESTS)
    assert paced.span_s <= 1.05 * IDEAL_S
    assert not api.refused_at_s


def test_a_server_that_lets_one_at_a_time_through_is_met_evenly():
    api = LimitedApi(60)
    paced = pace(api, trials(60), limiter=Limiter(100, 60))
    assert not api.refused_at_s
    assert paced.span_s <= 1.03 * 59


@pytest.mark.parametrize("burst_s", [1.0, 5.0, 60.0])
@pytest.mark.parametrize(("tells", "told"), [(True, None), (False, 60_000), (True, 60_000)])
def test_an_input_limit_is_used_and_kept(burst_s, tells, told):
    api = LimitedApi(input_per_minute=60_000, burst_s=burst_s, tells=tells)
    paced = pace(api, trials(500, sizes), limiter=Limiter(100, None, told))
    all_answered(paced, 500)
    assert api.input_tokens / paced.span_s >= 0.95 * 1000
    assert paced.refused_share <= 0.005


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("latency_s", [0.5, 5.0])
@pytest.mark.parametrize(("tells", "told"), [(True, None), (False, 60_000), (True, 60_000)])
def test_an_output_limit_is_used_and_kept_when_answers_vary_tenfold(seed, latency_s, tells, told):
    api = LimitedApi(output_per_minute=60_000, burst_s=60.0, tells=tells)
    paced = pace(
        api,
        trials(600),
        limiter=Limiter(100, None, None, told),
        latency_s=lambda request: latency_s,
        output_tokens=tenfold(seed),
    )
    all_answered(paced, 600)
    # The first answers and the last ones are no steady state.
    assert api.output_tokens / (paced.span_s - 2 * latency_s) >= 0.95 * 1000
    assert paced.refused_share <= 0.005


@pytest.mark.parametrize("told_as", TOLD_AS)
@pytest.mark.parametrize("concurrency", [100, None])
def test_a_rate_nobody_tells_is_found_out(told_as, concurrency):
    api = LimitedApi(3000, tells=False, told_as=told_as)
    paced = pace(api, trials(REQUESTS), limiter=Limiter(concurrency))
    all_answered(paced, REQUESTS)
    assert paced.span_s <= 1.05 * IDEAL_S
    assert paced.refused_share <= 0.015
    # The first burst finds it out; after that a refusal is rare.
    later = [at_s for at_s in api.refused_at_s if at_s > 5.0]
    assert len(later) <= 0.005 * REQUESTS


@pytest.mark.parametrize("told_as", ["none", "seconds"])
def test_a_server_that_refuses_before_its_own_limit_is_met_slower(told_as):
    """A gateway before the API: it has a limit, and passes on what the API tells of its own."""

    class Gateway(LimitedApi):
        def headers(self, now_s):
            name = "anthropic-ratelimit-requests-"
            return {f"{name}limit": "60000", f"{name}remaining": "59000"}

    paced = pace(Gateway(3000, told_as=told_as), trials(REQUESTS))
    all_answered(paced, REQUESTS)
    assert paced.span_s <= 1.06 * IDEAL_S
    assert paced.refused_share <= 0.015


@pytest.mark.parametrize("told_as", ["none", "seconds"])
@pytest.mark.parametrize("concurrency", [100, None])
def test_more_at_once_than_a_server_takes(told_as, concurrency):
    api = LimitedApi(at_once=20, tells=False, told_as=told_as)
    paced = pace(api, trials(REQUESTS), limiter=Limiter(concurrency))
    all_answered(paced, REQUESTS)
    assert paced.span_s <= 1.45 * REQUESTS / 20 * 0.51
    assert paced.refused_share <= 0.015


@pytest.mark.parametrize("told_as", ["none", "seconds"])
@pytest.mark.parametrize("concurrency", [50, pytest.param(None, marks=pytest.mark.slow)])
@pytest.mark.parametrize("from_s", [0.0, pytest.param(10.0, marks=pytest.mark.slow)])
def test_a_server_that_refuses_everything_for_a_while_is_not_met_slower_for_it(
    told_as, concurrency, from_s
):
    class Shut(LimitedApi):
        def arrive(self, input_tokens, now_s):
            if from_s <= now_s < from_s + 5:
                return self._refuse("shut", 1.0, now_s)
            return super().arrive(input_tokens, now_s)

    paced = pace(Shut(tells=False, told_as=told_as), trials(3000), limiter=Limiter(concurrency))
    all_answered(paced, 3000)
    open_s = pace(LimitedApi(), trials(3000), limiter=Limiter(concurrency)).span_s
    # The gate is closed for up to 4 s at a time where the server names none.
    assert paced.span_s <= 1.2 * open_s + 5 + 4
    assert len(paced.api.refused_at_s) <= 60


@pytest.mark.parametrize("told", [None, 6000])
def test_a_limit_that_falls_on_the_way_is_followed(told):
    api = LimitedApi(3000)
    paced = pace(
        api,
        trials(REQUESTS),
        limiter=Limiter(100, told),
        during=lambda api: lambda: api.buckets["requests"].change(1500, 10.0),
        change_at_s=10.0,
    )
    all_answered(paced, REQUESTS)
    assert paced.span_s <= 1.1 * (10 + (REQUESTS - 550) / 25)
    assert paced.refused_share <= 0.005


def test_a_limit_that_rises_on_the_way_is_used():
    paced = pace(
        LimitedApi(3000),
        trials(REQUESTS),
        during=lambda api: lambda: api.buckets["requests"].change(6000, 10.0),
        change_at_s=10.0,
    )
    all_answered(paced, REQUESTS)
    assert paced.span_s <= 1.1 * (10 + (REQUESTS - 550) / 100)
    assert not paced.api.refused_at_s


def test_without_any_limit_it_is_as_fast_as_its_places():
    paced = pace(LimitedApi(), trials(3000), limiter=Limiter(None))
    assert paced.span_s <= 1.4 * 3000 / 200 * 0.51
    assert paced.api.most_in_flight == 200


def test_answers_of_ten_times_the_length_are_no_collapse():
    """A variant that thinks beside one that does not: slower answers, but not a slower server."""
    from builders import a_request, a_trial

    asked = [
        a_trial(
            number, request=a_request(variant_key=f"v{number % 2}", max_tokens=500 + number % 2)
        )
        for number in range(2000)
    ]
    lengths = {500: 20, 501: 2000}

    def latency_s(request):
        return 0.5 + lengths[request.max_tokens] / 80 * random.Random(id(request)).uniform(0.5, 1.5)

    paced = pace(LimitedApi(), asked, limiter=Limiter(None), latency_s=latency_s)
    assert paced.api.most_in_flight >= 150
