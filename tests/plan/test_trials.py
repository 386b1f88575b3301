from collections import Counter

import pytest
from builders import a_case, a_suite

from evalkit.errors import TemplateError, UsageError
from evalkit.plan.estimate import estimate_plan
from evalkit.plan.matrix import plan_variants
from evalkit.plan.probe import Probe
from evalkit.plan.trials import plan_trials
from evalkit.suite.schema import Suite
from evalkit.types import Endpoint


def planned(only=(), **fields):
    suite = Suite.model_validate(a_suite(**fields))
    endpoints = {model.name: Endpoint(model.name, "http://127.0.0.1") for model in suite.models}
    return plan_variants(suite, endpoints, only)


SWEEP = {
    "prompts": {
        "plain": "{{ question }}",
        "brief": {"system": "Be brief.", "user": "{{ question }}"},
    },
    "thinking": ["off", 1024, "4k"],
    "answer_tokens": 100,
}


def test_variants_are_prompts_by_models_by_thinking():
    keys = [item.variant.key for item in planned(**SWEEP)]
    assert keys == [
        f"{prompt}/claude-haiku-4-5/{thinking}"
        for prompt in ("plain", "brief")
        for thinking in ("off", "think-1024", "think-4096")
    ]


def test_only_keeps_what_matches():
    assert [item.variant.key for item in planned(["brief/*/off"], **SWEEP)] == [
        "brief/claude-haiku-4-5/off"
    ]
    with pytest.raises(UsageError, match="matches no variant"):
        planned(["nothing"], **SWEEP)


def test_every_setting_has_the_same_room_for_the_answer():
    assert {
        item.max_tokens - (item.variant.thinking.budget_tokens or 0) for item in planned(**SWEEP)
    } == {100}


def test_trials_are_interleaved_and_all_different():
    cases = [a_case("a"), a_case("b", question="8 + 5?")]
    trials = list(plan_trials(planned(**SWEEP), cases, samples=2))
    assert len({trial.key for trial in trials}) == len(trials) == 2 * 6 * 2
    assert [trial.case_id for trial in trials] == ["a"] * 12 + ["b"] * 12
    assert Counter(trial.sample for trial in trials) == {0: 12, 1: 12}


def test_a_trial_keeps_its_key_until_its_row_or_prompt_changes():
    def keys(question="7 + 5?", **fields):
        return {
            trial.key for trial in plan_trials(planned(**fields), [a_case(question=question)], 1)
        }

    assert keys() == keys()
    assert keys() != keys(question="7 + 6?")
    assert keys() != keys(prompts={"plain": "Q: {{ question }}"})


def test_equal_requests_of_two_variants_are_two_trials():
    trials = list(
        plan_trials(planned(prompts={"a": "{{ question }}", "b": "{{ question }}"}), [a_case()], 1)
    )
    assert trials[0].request_digest == trials[1].request_digest
    assert trials[0].key != trials[1].key


def test_a_prompt_that_renders_to_nothing_names_the_case():
    with pytest.raises(TemplateError, match="case 'c1': prompt 'plain' renders to nothing"):
        list(plan_trials(planned(prompts={"plain": "{{ question }}"}), [a_case(question=" ")], 1))


def test_turns_and_system_become_messages():
    prompts = {
        "chat": {
            "system": "Add {{ unit }}.",
            "messages": [
                {"role": "user", "content": "1 + 1?"},
                {"role": "assistant", "content": "2"},
                {"role": "user", "content": "{{ question }}"},
            ],
        }
    }
    trial = next(plan_trials(planned(prompts=prompts), [a_case(question="x?", unit="apples")], 1))
    assert trial.request.system == "Add apples."
    assert [turn["content"] for turn in trial.request.messages] == ["1 + 1?", "2", "x?"]


def test_an_estimate_is_a_range_and_says_what_has_no_price():
    variants = planned(models=["claude-haiku-4-5", "mystery-1"], thinking=[2048], answer_tokens=100)
    estimate = estimate_plan(variants, Probe.of([a_case()]), n_cases=10, samples=3)
    priced, unpriced = estimate.variants
    assert estimate.requests == 60
    assert priced.max_output_tokens == 30 * 2148
    assert priced.expected_cost_usd is not None and priced.max_cost_usd is not None
    # 2,148 output tokens at $5 a million are most of the cap.
    assert 30 * 2148 * 5e-6 < priced.max_cost_usd < 30 * 2148 * 5e-6 + 0.01
    assert 0 < priced.expected_cost_usd < priced.max_cost_usd
    assert estimate.unpriced == (unpriced.variant,)
    assert unpriced.max_cost_usd is None
