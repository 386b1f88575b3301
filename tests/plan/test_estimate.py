import itertools

import pytest
from builders import a_case, a_suite

from evalkit.plan.estimate import Calibration, Rates, estimate_plan, prompt_bytes
from evalkit.plan.matrix import plan_variants
from evalkit.plan.probe import Probe
from evalkit.suite.schema import Suite
from evalkit.types import Endpoint

NO_RATES = Rates()


def estimate(calibrations=None, rates=NO_RATES, **fields):
    suite = Suite.model_validate(a_suite(answer_tokens=100, **fields))
    variants = plan_variants(suite, {m.name: Endpoint(m.name, "http://x") for m in suite.models})
    probe = Probe.of([a_case(question="x" * 350)])
    return estimate_plan(variants, probe, 10, 2, calibrations=calibrations, rates=rates)


def test_thinking_is_a_range_from_expected_use_to_its_cap():
    plan = estimate(thinking=["off", 4096])
    off, on = plan.variants
    assert (off.expected_thinking_tokens, off.max_thinking_tokens) == (0, 0)
    assert on.expected_thinking_tokens == 20 * 2048
    assert on.max_thinking_tokens == 20 * 4096
    assert on.max_output_tokens - off.max_output_tokens == on.max_thinking_tokens


def test_more_effort_is_expected_to_think_more():
    plan = estimate(models=["claude-sonnet-5-5"], thinking=["low", "medium", "high", "max"])
    used = [item.expected_thinking_tokens for item in plan.variants]
    assert used == sorted(used)
    assert len(set(used)) == 4
    assert len({item.max_thinking_tokens for item in plan.variants}) == 1


def test_newer_tokenizers_make_more_tokens_of_the_same_text():
    older, newer = estimate(models=["claude-haiku-4-5", "claude-sonnet-5-5"]).variants
    assert newer.input_tokens > 1.2 * older.input_tokens


def test_an_endpoints_count_goes_before_the_guess():
    plan = estimate({"claude-haiku-4-5": Calibration(0.5, 0.6, 8)})
    assert plan.variants[0].input_tokens == 20 * 175
    assert plan.n_counted == 8
    assert estimate().n_counted == 0


@pytest.mark.parametrize(
    ("rates", "minutes"),
    [(Rates(), None), (Rates(10), 2.0), (Rates(requests=10, output_tokens=100), 20.0)],
)
def test_time_is_that_of_the_tightest_limit(rates, minutes):
    assert estimate(rates=rates, thinking=["off"]).expected_minutes == minutes


@pytest.mark.parametrize(
    ("suites", "told", "minutes", "limits_told"),
    [
        (Rates(), Rates(requests=10), 2.0, True),
        (Rates(requests=5), Rates(requests=10), 4.0, False),
        (Rates(requests=40), Rates(requests=10), 2.0, True),
        (Rates(requests=10), Rates(input_tokens=1000), 20 * 175 / 1000, True),
    ],
)
def test_limits_that_the_endpoint_tells_hold_beside_the_suites(suites, told, minutes, limits_told):
    plan = estimate({"claude-haiku-4-5": Calibration(0.5, 0.6, 8, told)}, suites, thinking=["off"])
    assert (plan.expected_minutes, plan.limits_told) == (minutes, limits_told)


def test_models_run_side_by_side():
    two = estimate(rates=Rates(10), models=["claude-haiku-4-5", "mystery"])
    assert two.expected_minutes == 2.0


def test_prompt_bytes_count_what_is_sent():
    suite = Suite.model_validate(a_suite())
    (planned,) = plan_variants(suite, {"claude-haiku-4-5": Endpoint("m", "http://x")})
    assert prompt_bytes(planned.prompt.render(a_case(question="é" * 10))) == 20


def test_a_cached_prefix_is_paid_for_once_and_read_from_then_on():
    prompt = {"system": "s" * 35_000, "user": "{{ question }}"}
    plain = estimate(prompts={"p": prompt}).variants[0]
    cached = estimate(prompts={"p": {**prompt, "cache_prefix": True}}).variants[0]
    prefix = cached.cached_tokens / 19
    assert plain.cached_tokens == 0
    assert prefix == pytest.approx(10_000, rel=0.02)
    # Haiku 4.5: 1 USD a million of input, 1.25 written to the cache, 0.1 read from it.
    saved = prefix * (20 * 1.0 - 1.25 - 19 * 0.1) / 1e6
    assert plain.expected_cost_usd - cached.expected_cost_usd == pytest.approx(saved, rel=0.01)
    assert cached.max_cost_usd == plain.max_cost_usd


@pytest.mark.parametrize("system", ["short", "{{ question }}" + "s" * 35_000])
def test_a_prefix_that_is_short_or_differs_is_not_cached(system):
    suite = a_suite(prompts={"p": {"system": system, "user": "x", "cache_prefix": True}})
    suite = Suite.model_validate(suite)
    variants = plan_variants(suite, {m.name: Endpoint(m.name, "http://x") for m in suite.models})
    cases = [a_case(question="one"), a_case(question="two")]
    assert estimate_plan(variants, Probe.of(cases), 2, 1).variants[0].cached_tokens == 0


def test_the_local_model_is_free_and_no_price_is_missing():
    suite = Suite.model_validate(a_suite(models=["local", "mystery"]))
    endpoints = {
        "local": Endpoint("local", "", is_embedded=True),
        "mystery": Endpoint("mystery", "http://x"),
    }
    plan = estimate_plan(plan_variants(suite, endpoints), Probe.of([a_case()]), 2, 1)
    local, mystery = plan.variants
    assert (local.is_free, mystery.is_free) == (True, False)
    assert plan.unpriced == (mystery.variant,)
    assert plan.expected_cost_usd is None


def test_a_dataset_in_order_of_length_is_estimated_from_all_of_it():
    suite = Suite.model_validate(a_suite(answer_tokens=100))
    variants = plan_variants(suite, {"claude-haiku-4-5": Endpoint("claude-haiku-4-5", "http://x")})
    cases = [a_case(question="x" * (10 * n)) for n in range(1, 1001)]
    whole = sum(prompt_bytes(variants[0].prompt.render(case)) for case in cases) / 1000
    cases.insert(3, a_case(question="x" * 100_000))
    plan = estimate_plan(variants, Probe.of(cases), 1001, 1).variants[0]
    assert plan.input_tokens / 1001 == pytest.approx(whole / 3.5 + 16, rel=0.05)
    assert plan.max_cost_usd > 1001 * (100_000 / 2.5) * 1e-6  # every prompt as long as the longest


@pytest.mark.parametrize("n", [1, 7, 200, 201, 1000, 12_345])
def test_a_probe_is_spread_over_all_cases(n):
    probe = Probe.of(a_case(id=str(number)) for number in range(n))
    numbers = [int(case.id) for case in probe.cases]
    steps = {after - before for before, after in itertools.pairwise(numbers)}
    assert numbers[0] == 0 and len(steps) <= 1
    assert min(n, 100) <= len(numbers) <= 200
    assert len(probe.spread(4)) == min(n, 4)
