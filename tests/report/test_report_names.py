"""Variants are called by what tells them apart."""

from __future__ import annotations

from report_builders import OFF, World, analysis

from evalkit.report.names import Names, thinking_phrase, thinking_tick
from evalkit.types import Thinking


def names(**world: object) -> Names:
    return Names(analysis(World(**world)).variants)  # type: ignore[arg-type]


def test_settings_in_words() -> None:
    assert thinking_phrase(OFF) == "thinking off"
    assert thinking_phrase(Thinking("budget", 32)) == "a 32-token budget"
    assert thinking_phrase(Thinking("budget", 8)) == "an 8-token budget"
    assert thinking_phrase(Thinking("budget", 11_000)) == "an 11,000-token budget"
    assert thinking_phrase(Thinking("budget", 1_100)) == "a 1,100-token budget"
    assert (
        thinking_phrase(Thinking("adaptive", effort="high")) == "adaptive thinking at high effort"
    )
    assert thinking_phrase(Thinking(effort="low")) == "low effort"
    assert thinking_phrase(Thinking()) == "default thinking"


def test_settings_on_an_axis() -> None:
    settings = (OFF, Thinking("budget", 4096), Thinking("adaptive", effort="high"))
    assert [thinking_tick(one) for one in settings] == ["off", "4096", "adaptive high"]
    assert thinking_tick(Thinking(effort="low")) == "low"


def test_what_all_variants_share_is_left_out() -> None:
    named = names()
    assert named["plain/local/think-8"].short == "plain/think-8"
    assert named["plain/local/think-8"].phrase == "plain with an 8-token budget"
    assert named.group("plain", "local") == "plain"
    assert named.noun == "variant"


def test_only_thinking_differs() -> None:
    named = names(prompts=("plain",))
    assert named["plain/local/off"].short == "off"
    assert named.group("plain", "local") == ""
    assert named.noun == "setting"
    assert [(group, len(found)) for group, found in named.grouped()] == [("", 4)]


def test_only_prompts_differ() -> None:
    named = names(settings=(OFF,))
    assert named["plain/local/off"].short == "plain"
    assert named.noun == "prompt"
    assert [group for group, _ in named.grouped()] == [""]


def test_one_variant_is_its_key() -> None:
    named = names(prompts=("plain",), settings=(OFF,))
    assert named["plain/local/off"].short == "plain/local/off"
    assert named["plain/local/off"].phrase == "plain/local/off"


def test_settings_stand_under_the_prompt_and_model_they_share() -> None:
    named = names(models=("haiku", "sonnet"))
    assert [(group, [label for label, _ in found]) for group, found in named.grouped()][1] == (
        "plain on sonnet",
        ["off", "think-8", "think-32", "think-128"],
    )


def test_a_candidate_is_told_by_what_it_changes() -> None:
    named = names(models=("haiku", "sonnet"))
    assert named.apart("plain/haiku/think-8", "plain/haiku/off") == "think-8"
    assert named.apart("number-only/haiku/off", "plain/sonnet/off") == "number-only/haiku"


def test_unknown_keys_are_their_own_names() -> None:
    assert names()["other/model/off"].short == "other/model/off"
    assert names().apart("other/model/off", "plain/local/off") == "other/model/off"
