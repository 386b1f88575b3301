import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.client.buckets import Bucket, Charge, Forecast
from evalkit.client.concurrency import (
    BEFORE_AN_ANSWER,
    FIRST_CONCURRENCY,
    MOST_CONCURRENCY,
    Concurrency,
    Slowness,
)
from evalkit.client.limits import Limiter
from evalkit.client.pace import Pace
from evalkit.messages.headers import RateLimit, RateLimits


@given(
    st.integers(1, 6000),
    st.lists(st.tuples(st.floats(0, 5), st.floats(0.1, 50)), min_size=1, max_size=60),
)
def test_a_bucket_never_gives_more_than_its_rate_and_what_it_holds(per_minute, wishes):
    bucket = Bucket(0.5, per_minute)
    now, taken, largest = 0.0, 0.0, 0.0
    bucket.level(now)
    for gap, amount in wishes:
        now += gap
        now += bucket.wait_s(amount, now)
        bucket.take(amount, now)
        taken += amount
        largest = max(largest, amount)
    held = max(1.0, per_minute / 120)
    # Debt: one request larger than the bucket may overdraw it, and it is paid before the next.
    assert taken <= held + per_minute / 60 * now + largest + 1e-6


def test_a_bucket_without_a_limit_never_waits():
    bucket = Bucket(0.5)
    assert not bucket.is_known
    assert bucket.wait_s(1e9, 0.0) == 0.0
    bucket.take(1e9, 0.0)
    assert bucket.wait_s(1.0, 0.0) == 0.0


def test_the_server_teaches_a_limit_and_what_is_left():
    bucket = Bucket(0.5)
    bucket.observe(RateLimit(limit=600, remaining=0), 10.0)
    assert bucket.wait_s(1.0, 10.0) == pytest.approx(0.1)
    assert bucket.wait_s(1.0, 10.2) == 0.0


@pytest.mark.parametrize(("told", "server", "rate"), [(60, 600, 60), (600, 60, 60), (60, None, 60)])
def test_of_two_limits_the_tighter_counts(told, server, rate):
    bucket = Bucket(0.5, told)
    bucket.observe(RateLimit(limit=server), 0.0)
    bucket.drain(0.0)
    assert bucket.wait_s(1.0, 0.0) == pytest.approx(60 / rate)


def test_what_was_charged_too_much_is_given_back():
    bucket = Bucket(2.0, 6000)
    assert bucket.wait_s(200.0, 0.0) == 0.0
    bucket.take(200.0, 0.0)
    bucket.take(50.0 - 200.0, 0.0)
    assert bucket.level(0.0) == 150.0


def rounds(concurrency, count, service_s=0.1, slowness=1.0, *, is_full=True, start=0.0):
    now = start
    for _ in range(count):
        if is_full:
            concurrency.wanted()
        for _ in range(concurrency.limit):
            concurrency.begun()
            concurrency.answered(now, service_s, slowness)
        now += service_s
    return now


def begun():
    """One that has had its first answers."""
    concurrency = Concurrency(None)
    for _ in range(FIRST_CONCURRENCY):
        concurrency.begun()
        concurrency.answered(0.0, 0.1)
    return concurrency


def test_a_fixed_number_is_used_after_the_first_answer():
    concurrency = Concurrency(64)
    assert concurrency.limit == BEFORE_AN_ANSWER
    concurrency.begun()
    assert concurrency.limit == 64
    concurrency.refused(1.0)
    assert concurrency.limit == 64
    assert Concurrency(3).limit == 3


def test_by_itself_it_doubles_and_is_bounded():
    concurrency = begun()
    seen = []
    for number in range(8):
        rounds(concurrency, 1, start=number)
        seen.append(concurrency.limit)
    assert seen[:4] == [16, 32, 64, 128]
    assert seen[-1] == MOST_CONCURRENCY


def test_answers_that_come_all_at_once_count_as_those_that_come_one_by_one():
    """Somebody waited for a place before they came, though after them all places are free."""
    concurrency = begun()
    concurrency.wanted()
    for _ in range(8):
        concurrency.begun()
    for _ in range(8):
        concurrency.answered(1.0, 0.1)
    assert concurrency.limit == 16


def test_answers_that_take_long_hold_up_no_growth_once_they_begin():
    concurrency = begun()
    for _ in range(5):
        concurrency.wanted()
        for _ in range(concurrency.limit):
            concurrency.begun()
    assert concurrency.limit == MOST_CONCURRENCY


def test_it_grows_only_while_somebody_waits_for_a_place():
    concurrency = begun()
    rounds(concurrency, 20, is_full=False)
    assert concurrency.limit == FIRST_CONCURRENCY


def test_a_refusal_cuts_it_once_a_burst_and_then_it_grows_by_one():
    concurrency = begun()
    now = rounds(concurrency, 3)
    assert concurrency.limit == 64
    for _ in range(30):
        concurrency.refused(now)
    assert concurrency.limit == int(64 * 0.7)
    rounds(concurrency, 3, start=now + 2)
    assert concurrency.limit == int(64 * 0.7) + 3


def test_it_is_not_cut_again_before_the_answers_to_the_cut_are_in():
    concurrency = begun()
    now = rounds(concurrency, 30, service_s=20.0)
    before = concurrency.limit
    for second in range(12):
        concurrency.refused(now + second)
    assert concurrency.limit == int(before * 0.7)


def test_it_never_falls_below_one():
    concurrency = begun()
    for number in range(100):
        concurrency.refused(number * 2.0)
        concurrency.begun(number * 2.0 + 1)
    assert concurrency.limit == 1


def test_it_is_not_cut_again_while_everything_is_refused():
    concurrency = begun()
    concurrency.refused(0.0)
    before = concurrency.limit
    for number in range(1, 100):
        concurrency.begun(-1.0)  # the answer to what was sent before the cut
        concurrency.refused(number * 2.0)
    assert concurrency.limit == before


def test_it_backs_off_when_answers_slow_down():
    """A server that serves 20 at a time: beyond that, more in flight only means longer waits."""
    concurrency, slowness, now = begun(), Slowness(), 0.0
    for _ in range(60):
        service = 0.1 * max(1.0, concurrency.limit / 20)
        told = [slowness.note("v", service, 50, now) for _ in range(concurrency.limit)]
        now = rounds(concurrency, 1, service, told[-1], start=now) + 0.01
    assert 15 <= concurrency.limit <= 70


def test_slowness_is_against_the_best_of_the_same_variant():
    slowness = Slowness()
    for number in range(100):
        # One answers at once, the other thinks for twenty seconds.
        slowness.note("plain", 0.5, 5, number)
        assert slowness.note("thinks", 20.0, 1600, number) < 1.1
    for number in range(100):
        slowness.note("plain", 2.0, 5, 100 + number)
        told = slowness.note("thinks", 80.0, 1600, 100 + number)
    assert told > 3


def test_longer_answers_are_not_slower_ones():
    slowness, chance = Slowness(), random.Random(1)
    for number in range(300):
        tokens = int(10 ** chance.uniform(0.5, 3))
        assert slowness.note("v", 1.0 + tokens / 80, tokens, number) < 1.5


def test_a_pace_is_learned_from_refusals_and_forgotten_without_them():
    pace, now = Pace(), 0.0
    assert pace.wait_s(now) == 0.0
    for number in range(200):  # 50 a second, for four seconds
        now = number / 50
        pace.enter(now)
        pace.begun(now)
    pace.refused(now, now)
    assert pace.per_s(now) == pytest.approx(45, rel=0.05)
    for _ in range(30):  # a burst that was sent before the first refusal came back
        pace.refused(now - 0.01, now + 0.01)
    assert 35 <= pace.per_s(now) <= 45
    assert pace.wait_s(now) == pytest.approx(1 / pace.per_s(now))
    assert pace.per_s(now + 2) == pytest.approx(pace.per_s(now) / 0.9)
    assert pace.per_s(now + 300) == float("inf")


def test_few_requests_do_not_cut_a_pace_deeply():
    pace = Pace()
    for number in range(200):
        pace.enter(number / 50)
        pace.begun(number / 50)
    pace.refused(4.0, 4.0)
    before = pace.per_s(5.0)
    pace.enter(5.0)
    pace.begun(5.0)
    pace.refused(5.0, 5.05)
    assert pace.per_s(5.05) >= 0.6 * before


def test_a_server_that_refuses_everything_teaches_no_pace():
    pace = Pace()
    for number in range(200):
        pace.enter(number / 50)
        pace.refused(number / 50, number / 50 + 0.01)
    assert pace.per_s(4.0) == float("inf")
    pace.rest(5.0)
    assert pace.wait_s(5.0) == 0.0  # single requests find out whether it answers again
    pace.enter(5.0)
    assert pace.wait_s(5.0) == pytest.approx(0.1)
    pace.begun(5.0)
    assert pace.wait_s(5.01) == 0.0


def test_forecasts_learn_input_by_size_and_output_by_variant():
    forecast = Forecast()
    first = forecast.charge("a", 700, 1000)
    assert (first.input_tokens, first.output_tokens) == (pytest.approx(200), 250)
    for _ in range(60):
        forecast.learn("a", 700, 350, 40)
        forecast.learn("b", 700, 350, 400)
    charge = forecast.charge("a", 700, 1000)
    assert charge.input_tokens == pytest.approx(350, rel=0.01)
    assert charge.output_tokens == pytest.approx(40)
    assert forecast.charge("b", 700, 1000).output_tokens == pytest.approx(400)
    assert forecast.charge("b", 700, 100).output_tokens == 100
    forecast.learn("a", 700, None, None)
    assert forecast.charge("a", 700, 1000).output_tokens == pytest.approx(40)


def use(limiter: Limiter, charge: Charge, actual: int, seconds: float) -> float:
    """Tokens used in so many seconds by someone who always wants to go."""
    now, used = 0.0, 0.0
    while now < seconds:
        wait, reason = limiter.wait_s(charge, now)
        if reason:
            now += max(wait, 1e-3)
            continue
        limiter.enter(charge, now)
        limiter.leave()
        limiter.settle(charge, None, actual, now)
        used += actual
    return used


def test_a_limit_is_used_to_the_full_when_the_guess_is_wrong():
    for guess in (10.0, 100.0, 1000.0):
        limiter = Limiter(concurrency=10, output_tokens_per_minute=6000)
        limiter.begun()
        used = use(limiter, Charge(0, guess), 100, 60.0)
        assert 0.95 * 6000 <= used <= 1.06 * 6000


def test_a_limit_is_used_to_the_full_when_answers_vary_tenfold():
    chance = random.Random(1)
    limiter = Limiter(concurrency=10, output_tokens_per_minute=60_000)
    limiter.begun()
    forecast, now, used = Forecast(), 0.0, 0
    while now < 60.0:
        charge = forecast.charge("v", 100, 4096)
        wait, reason = limiter.wait_s(charge, now)
        if reason:
            now += max(wait, 1e-3)
            continue
        actual = round(100 * 10 ** chance.random())
        limiter.enter(charge, now)
        limiter.leave()
        limiter.settle(charge, None, actual, now)
        forecast.learn("v", 100, None, actual)
        used += actual
    assert 0.95 * 60_000 <= used <= 1.06 * 60_000


def test_a_limiter_says_what_it_waits_for():
    limiter = Limiter(concurrency=1, requests_per_minute=60)
    charge = Charge(10, 10)
    assert limiter.wait_s(charge, 0.0) == (0.0, None)
    limiter.enter(charge, 0.0)
    assert limiter.wait_s(charge, 0.0)[1] == "concurrency"
    limiter.leave()
    assert limiter.wait_s(charge, 0.0) == (pytest.approx(1 / 0.99), "requests per minute")
    limiter.refused(9.0, 0.0)
    assert limiter.wait_s(charge, 0.0) == (9.0, "server refusal")
    limiter.is_paused = True
    assert limiter.wait_s(charge, 99.0)[1] == "paused"


def test_headers_reach_their_buckets():
    limiter = Limiter()
    limiter.observe(
        RateLimits(
            requests=RateLimit(limit=60, remaining=0), output=RateLimit(limit=600, remaining=0)
        ),
        0.0,
    )
    wait, reason = limiter.wait_s(Charge(0, 10), 0.0)
    # What is left is told rounded down: there may be almost one left.
    assert (reason, wait) == (None, 0.0)
    limiter.enter(Charge(0, 0), 0.0)
    wait, reason = limiter.wait_s(Charge(0, 0), 0.0)
    assert reason == "requests per minute"
    assert wait == pytest.approx(1 / 0.99)


def test_tokens_in_all_are_a_limit_where_a_server_has_no_other():
    limiter = Limiter()
    limiter.observe(RateLimits(tokens=RateLimit(limit=6000, remaining=0)), 0.0)
    limiter.enter(Charge(300, 300), 0.0)
    assert limiter.wait_s(Charge(10, 10), 0.0)[1] == "tokens per minute"
    apart = Limiter()
    tightest = RateLimit(limit=6000, remaining=0)
    apart.observe(RateLimits(input=tightest, tokens=tightest), 0.0)
    apart.enter(Charge(0, 600), 0.0)
    assert apart.wait_s(Charge(0, 600), 0.0)[1] is None


@pytest.mark.parametrize("named_s", [None, 0.0, 86_400.0])
def test_no_time_and_one_beyond_all_patience_close_the_gate_for_a_moment(named_s):
    limiter = Limiter()
    limiter.refused(named_s, 0.0)
    assert limiter.wait_s(Charge(0, 0), 0.0) == (0.5, "server refusal")


def test_the_first_requests_are_spread_and_that_is_called_no_refusal():
    limiter, charge, now_s = Limiter(concurrency=500), Charge(0, 0), 0.0
    limiter.begun()
    went = 0
    while went < 200:
        wait_s, reason = limiter.wait_s(charge, now_s)
        if reason is None:
            limiter.enter(charge, now_s)
            went += 1
        else:
            assert (reason, wait_s) == ("beginning", pytest.approx(0.001, rel=0.01))
            now_s += wait_s
    assert now_s == pytest.approx(0.19, abs=0.001)
    # From then on as many as there is room for.
    assert limiter.wait_s(charge, now_s) == (0.0, None)
