from __future__ import annotations

from typing import Any

import pytest

from evalkit.messages.capabilities import (
    EFFORT_LEVELS,
    Capabilities,
    accepted_settings,
    check_thinking,
    find_capabilities,
    from_models_endpoint,
)
from evalkit.messages.models import models_table
from evalkit.types import Sampling, Thinking

OFF, ADAPTIVE, DEFAULT = Thinking("off"), Thinking("adaptive"), Thinking()
BUDGET = Thinking("budget", 4096)


def problems(
    model: str,
    thinking: Thinking = DEFAULT,
    sampling: Sampling = Sampling(),  # noqa: B008  frozen
    answer_tokens: int = 1024,
) -> list[str]:
    return check_thinking(model, thinking, sampling, answer_tokens, find_capabilities(model))


def known(model: str) -> Capabilities:
    found = find_capabilities(model)
    assert found is not None
    return found


# What each model answers to a budget, adaptive thinking, off; and its effort levels.
MATRIX = {
    "claude-fable-5-2": (False, True, False, EFFORT_LEVELS),
    "claude-mythos-5-1": (False, True, False, EFFORT_LEVELS),
    "claude-fable-5": (False, True, False, EFFORT_LEVELS),
    "claude-opus-5-5": (False, True, False, EFFORT_LEVELS),
    "claude-sonnet-5-5": (False, True, False, EFFORT_LEVELS),
    "claude-haiku-5-5": (False, True, True, EFFORT_LEVELS),
    "claude-opus-5": (False, True, True, EFFORT_LEVELS),
    "claude-sonnet-5": (False, True, True, EFFORT_LEVELS),
    "claude-opus-4-8": (False, True, True, EFFORT_LEVELS),
    "claude-opus-4-7": (False, True, True, EFFORT_LEVELS),
    "claude-opus-4-6": (True, True, True, ("low", "medium", "high", "max")),
    "claude-sonnet-4-6": (True, True, True, ("low", "medium", "high", "max")),
    "claude-opus-4-5": (True, False, True, ("low", "medium", "high")),
    "claude-sonnet-4-5": (True, False, True, ()),
    "claude-haiku-4-5": (True, False, True, ()),
    "claude-3-7-sonnet-20250219": (True, False, True, ()),
    "claude-3-haiku-20240307": (False, False, True, ()),
}


@pytest.mark.parametrize("model", MATRIX)
def test_what_each_model_accepts(model: str) -> None:
    budget, adaptive, off, efforts = MATRIX[model]
    assert (problems(model, BUDGET) == []) is (budget and known(model).max_output_tokens > 5120)
    assert (problems(model, ADAPTIVE) == []) is adaptive
    assert (problems(model, OFF) == []) is off
    assert problems(model, DEFAULT) == []
    accepted = tuple(
        level for level in EFFORT_LEVELS if problems(model, Thinking(effort=level)) == []
    )
    assert accepted == efforts


@pytest.mark.parametrize(
    ("model", "thinking", "sentence"),
    [
        (
            "claude-sonnet-5-5",
            BUDGET,
            "claude-sonnet-5-5 takes no budget (thinking budget 4096): "
            "use adaptive, low, medium, high, xhigh or max",
        ),
        (
            "claude-opus-5",
            BUDGET,
            "claude-opus-5 takes no budget (thinking budget 4096): "
            "use off, adaptive, low, medium, high, xhigh or max",
        ),
        (
            "claude-haiku-4-5",
            ADAPTIVE,
            "claude-haiku-4-5 takes no adaptive thinking: "
            "use off or a budget of 1024 tokens or more",
        ),
        (
            "claude-opus-5-5",
            OFF,
            "claude-opus-5-5 cannot switch thinking off (thinking off): "
            "use adaptive, low, medium, high, xhigh or max",
        ),
        (
            "claude-haiku-4-5",
            Thinking(effort="high"),
            "claude-haiku-4-5 takes no effort (effort high): "
            "use off or a budget of 1024 tokens or more",
        ),
        (
            "claude-opus-4-6",
            Thinking("adaptive", effort="xhigh"),
            "claude-opus-4-6 takes no effort xhigh: use low, medium, high or max",
        ),
        (
            "claude-opus-5",
            Thinking("off", effort="max"),
            "claude-opus-5 can switch thinking off only with effort low, medium or high "
            "(effort max)",
        ),
        (
            "claude-haiku-4-5",
            Thinking("budget", 512),
            "claude-haiku-4-5 takes budgets of 1024 tokens or more (thinking budget 512)",
        ),
        (
            "claude-haiku-4-5",
            Thinking("budget", 63_000),
            "claude-haiku-4-5 writes at most 64000 tokens, less than answer_tokens 1024 + "
            "budget 63000: lower one of them",
        ),
        (
            "claude-3-haiku-20240307",
            BUDGET,
            "claude-3-haiku-20240307 takes no budget (thinking budget 4096): use off",
        ),
        (
            "claude-sonnet-4-6",
            Thinking("off", display="summarized"),
            "claude-sonnet-4-6: display summarized needs a budget or adaptive thinking "
            "(thinking off)",
        ),
    ],
)
def test_a_refusal_names_the_model_the_setting_and_what_would_do(
    model: str, thinking: Thinking, sentence: str
) -> None:
    assert problems(model, thinking) == [sentence]


def test_several_problems_are_told_at_once() -> None:
    setting = Thinking("budget", 4096, effort="max")
    assert len(problems("claude-opus-4-5", Thinking("adaptive", effort="max"))) == 2
    assert len(problems("claude-haiku-4-5", setting, Sampling(temperature=0.0))) == 2


@pytest.mark.parametrize("budget", [1, 1023])
def test_the_least_budget(budget: int) -> None:
    assert problems("claude-haiku-4-5", Thinking("budget", budget)) != []
    assert problems("claude-haiku-4-5", Thinking("budget", 1024)) == []


def test_room_for_the_answer_and_the_budget_together() -> None:
    assert problems("claude-haiku-4-5", Thinking("budget", 60_000), answer_tokens=4_000) == []
    assert problems("claude-haiku-4-5", Thinking("budget", 60_001), answer_tokens=4_000) != []
    assert problems("claude-opus-5", ADAPTIVE, answer_tokens=128_000) == []
    assert problems("claude-opus-5", ADAPTIVE, answer_tokens=128_001) == [
        "claude-opus-5 writes at most 128000 tokens, less than answer_tokens 128001: lower it"
    ]


def test_a_retired_model_at_a_gateway_keeps_the_room_the_gateway_gives() -> None:
    setting = Thinking("budget", 100_000)
    assert problems("claude-3-7-sonnet-20250219", setting, answer_tokens=20_000) == []


@pytest.mark.parametrize(
    ("model", "thinking", "sampling", "refused"),
    [
        ("claude-haiku-4-5", OFF, Sampling(temperature=0.0), []),
        ("claude-haiku-4-5", DEFAULT, Sampling(temperature=0.5, top_k=5), []),
        ("claude-haiku-4-5", BUDGET, Sampling(temperature=0.0), ["temperature 0"]),
        ("claude-haiku-4-5", BUDGET, Sampling(temperature=1.0), []),
        ("claude-haiku-4-5", BUDGET, Sampling(top_k=5), ["top_k 5"]),
        ("claude-haiku-4-5", BUDGET, Sampling(top_p=0.95), []),
        ("claude-haiku-4-5", BUDGET, Sampling(top_p=0.9), ["top_p 0.9"]),
        ("claude-sonnet-4-6", ADAPTIVE, Sampling(temperature=0.2), ["temperature 0.2"]),
        ("claude-haiku-4-5", OFF, Sampling(temperature=0.5, top_p=0.9), ["temperature or top_p"]),
        ("claude-3-7-sonnet-20250219", OFF, Sampling(temperature=0.5, top_p=0.9), []),
        (
            "claude-opus-5",
            OFF,
            Sampling(temperature=0.0),
            ["temperature 0", "only at its defaults"],
        ),
        ("claude-opus-5", OFF, Sampling(temperature=1.0), []),
        ("claude-opus-4-7", DEFAULT, Sampling(top_p=0.9, top_k=3), ["top_p 0.9 or top_k 3"]),
    ],
)
def test_sampling_fields_a_model_refuses(
    model: str, thinking: Thinking, sampling: Sampling, refused: list[str]
) -> None:
    told = problems(model, thinking, sampling)
    assert len(told) == bool(refused)
    assert all(words in told[0] and model in told[0] for words in refused)


@pytest.mark.parametrize("thinking", [OFF, DEFAULT, ADAPTIVE, Thinking("budget", 1)])
def test_nothing_is_refused_for_a_model_nobody_knows(thinking: Thinking) -> None:
    assert problems("my-own-model", thinking, Sampling(0.5, 0.5, 5), 10**9) == []


def test_a_suite_s_own_word_about_a_gateway_model() -> None:
    own = Capabilities("mine", ("disabled", "enabled"), min_budget_tokens=None)
    assert accepted_settings(own) == "off or a budget"
    assert check_thinking("mine", Thinking("budget", 4), Sampling(), 100, own) == []
    assert check_thinking("mine", ADAPTIVE, Sampling(temperature=0), 100, own) == [
        "mine takes no adaptive thinking: use off or a budget",
        "mine takes no temperature 0 together with thinking (thinking adaptive): "
        "only top_p from 0.95 to 1",
    ]
    assert accepted_settings(Capabilities("bare", ())) == "default"


class TestTable:
    def test_facts_of_one_model(self) -> None:
        assert known("claude-haiku-4-5") == Capabilities(
            model="claude-haiku-4-5-20251001",
            thinking_types=("disabled", "enabled"),
            when_omitted="off",
            display_default="summarized",
            min_budget_tokens=1024,
            max_output_tokens=64_000,
            context_window=200_000,
            accepts_sampling=True,
            temperature_or_top_p=True,
            accepts_prefill=True,
            accepts_forced_tool_choice=True,
            accepts_structured_outputs=True,
            cache_min_tokens=4096,
            lifecycle="active",
        )

    def test_the_effort_a_model_takes_by_itself(self) -> None:
        assert known("claude-opus-5-5").default_effort == "medium"
        assert known("claude-opus-5").default_effort == "high"

    def test_models_that_are_gone_or_going(self) -> None:
        going = known("claude-sonnet-4-5")
        assert (going.lifecycle, going.retires_on) == ("deprecated", "2026-11-30")
        assert known("claude-3-7-sonnet-latest").lifecycle == "retired"

    def test_only_exact_ids_and_aliases(self) -> None:
        assert find_capabilities("claude-haiku-4-5-20250101") is None
        assert find_capabilities("Claude-Haiku-4-5") is None

    @pytest.mark.parametrize("model", sorted(models_table()["models"]))
    def test_the_table_is_consistent(self, model: str) -> None:
        facts = known(model)
        entry = models_table()["models"][model]
        assert facts.thinking_types
        assert set(facts.effort_levels) <= set(EFFORT_LEVELS)
        assert ("enabled" in facts.thinking_types) == (facts.min_budget_tokens is not None)
        assert (facts.default_effort is None) == (facts.effort_levels == ())
        assert facts.max_output_tokens <= facts.context_window
        assert (facts.lifecycle == "active") == (facts.retires_on is None)
        assert ("disabled" in facts.thinking_types) == ("always on" not in facts.when_omitted) or (
            model == "claude-sonnet-5-5"
        )
        assert set(entry["sources"]) <= set(models_table()["sources"])

    def test_aliases_lead_to_models(self) -> None:
        table = models_table()
        assert set(table["aliases"].values()) <= set(table["models"])
        assert not set(table["aliases"]) & set(table["models"])


def model_info(model: str = "claude-new-6", **changes: Any) -> dict[str, Any]:
    yes, no = {"supported": True}, {"supported": False}
    return {
        "type": "model",
        "id": model,
        "display_name": "New",
        "created_at": "2026-11-20T00:00:00Z",
        "lifecycle": "deprecated",
        "retires_at": "2027-01-31T00:00:00Z",
        "max_input_tokens": 500_000,
        "max_tokens": 32_000,
        "capabilities": {
            "structured_outputs": yes,
            "thinking": {
                "supported": True,
                "types": {"adaptive": yes, "enabled": no, "disabled": yes, "between_tools": no},
            },
            "effort": {
                "supported": True,
                "low": yes,
                "medium": yes,
                "high": yes,
                "max": no,
                "xhigh": None,
            },
        },
        **changes,
    }


class TestModelsEndpoint:
    def test_a_model_the_table_has_not(self) -> None:
        assert from_models_endpoint(model_info()) == Capabilities(
            model="claude-new-6",
            thinking_types=("disabled", "adaptive"),
            effort_levels=("low", "medium", "high"),
            max_output_tokens=32_000,
            context_window=500_000,
            accepts_structured_outputs=True,
            lifecycle="deprecated",
            retires_on="2027-01-31",
        )

    def test_the_server_s_word_goes_before_the_table_s(self) -> None:
        told = from_models_endpoint(model_info("claude-haiku-4-5"))
        assert told is not None
        assert told.thinking_types == ("disabled", "adaptive")
        assert told.max_output_tokens == 32_000
        assert told.cache_min_tokens == 4096

    def test_what_it_does_not_tell_comes_from_the_table(self) -> None:
        told = from_models_endpoint({"id": "claude-opus-5", "capabilities": {}})
        assert told == known("claude-opus-5")

    def test_an_older_form_without_all_thinking_types(self) -> None:
        info = model_info("claude-opus-5-5")
        info["capabilities"]["thinking"]["types"] = {"adaptive": {"supported": True}}
        told = from_models_endpoint(info)
        assert told is not None
        assert told.thinking_types == ("adaptive",)

    def test_no_effort(self) -> None:
        info = model_info()
        info["capabilities"]["effort"] = {"supported": False, "low": {"supported": True}}
        told = from_models_endpoint(info)
        assert told is not None
        assert told.effort_levels == ()

    @pytest.mark.parametrize(
        "info",
        [
            {},
            {"id": 3, "capabilities": {}},
            {"id": "m", "object": "model", "created": 1, "owned_by": "x"},
            {"id": "m", "capabilities": None},
            {"id": "m", "capabilities": ["completion"]},
            {"id": "m", "capabilities": {"thinking": {"types": {"enabled": True}}}},
        ],
    )
    def test_forms_that_tell_nothing(self, info: dict[str, Any]) -> None:
        assert from_models_endpoint(info) is None
