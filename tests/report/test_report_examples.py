"""Few cases are shown, the most telling ones, and none of them is huge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from report_builders import World, analysis, cases, comparison, gap, report

from evalkit.report import examples
from evalkit.report.examples import Answer, CaseExample, Grade, PromptSent, Turn, choose, cut

OFF, ON = "p/m/off", "p/m/think-8"
PAIRS = [comparison(ON, OFF, gap(0.1, -0.1, 0.3), "inconclusive")]


def case(name: str, off: Answer, on: Answer) -> CaseExample:
    return CaseExample(name, (PromptSent("p", (Turn("user", "What is 1 + 1?"),)),), (off, on))


RIGHT = Answer(OFF, outcome="right", score=1.0, text="2")
WRONG = Answer(OFF, outcome="wrong", score=0.0, text="3")
CUT = Answer(OFF, outcome="truncated", score=0.0, text="The")
LOST = Answer(OFF, outcome="infra_error", failure="timeout: no answer in time")


def on(answer: Answer) -> Answer:
    from dataclasses import replace

    return replace(answer, variant=ON)


def test_flips_come_first_then_faults_then_wrong_answers_then_others() -> None:
    given = [
        case("right", RIGHT, on(RIGHT)),
        case("wrong", WRONG, on(WRONG)),
        case("lost", RIGHT, on(LOST)),
        case("flip", WRONG, on(RIGHT)),
        case("cut", CUT, on(CUT)),
        case("right too", RIGHT, on(RIGHT)),
        case("flip back", RIGHT, on(WRONG)),
    ]
    chosen = choose(given, PAIRS)
    assert chosen.n_cases == 7
    assert [one.case.id for one in chosen.shown] == [
        "flip",
        "flip back",
        "lost",
        "cut",
        "wrong",
        "right",
        "right too",
    ]
    marks = {one.case.id: (one.is_flip, one.has_fault, one.has_wrong) for one in chosen.shown}
    assert marks["flip"] == (True, False, True)
    assert marks["cut"] == (False, True, False)
    assert marks["right"] == (False, False, False)


def test_only_variants_that_were_compared_can_flip() -> None:
    (shown,) = choose([case("a", WRONG, on(RIGHT))], []).shown
    assert not shown.is_flip


def test_samples_of_a_variant_are_averaged_before_they_flip() -> None:
    mixed = CaseExample(
        "a", (), (WRONG, RIGHT, Answer(OFF, sample=2, score=1.0), on(WRONG), on(RIGHT))
    )
    assert not choose([mixed], PAIRS).shown[0].is_flip


def test_cases_are_read_once_and_lazily() -> None:
    def many() -> Iterator[CaseExample]:
        for number in range(4_000):
            yield case(f"{number:04}", RIGHT, on(RIGHT if number % 2 else WRONG))

    chosen = choose(many(), PAIRS)
    assert chosen.n_cases == 4_000
    assert len(chosen.shown) == examples.MAX_CASES
    assert [one.case.id for one in chosen.shown[:3]] == ["0000", "0002", "0004"]


def test_huge_texts_are_cut_and_say_so() -> None:
    text = cut("x" * 5_000_000)
    assert text.startswith("x" * examples.MAX_CHARS + "\n[… 4,996,000 more characters")
    assert len(text) < examples.MAX_CHARS + 60
    assert cut("short") == "short"


def test_every_text_of_a_case_is_cut() -> None:
    huge = "y" * 100_000
    answer = Answer(
        OFF,
        text=huge,
        thinking=huge,
        grades=(Grade("number", 0.0, huge, huge),),
        failure=huge,
        score=0.0,
    )
    given = CaseExample(
        "a", (PromptSent("p", (Turn("user", huge),)),), (answer,), target=huge, tags=("t",)
    )
    (shown,) = choose([given], PAIRS).shown
    (kept,) = shown.case.answers
    (grade,) = kept.grades
    texts = (kept.text, kept.thinking, grade.extracted, grade.reason, kept.failure)
    assert all(text is not None and len(text) < 4_100 for text in texts)
    assert len(shown.case.prompts[0].turns[0].text) < 4_100
    assert len(shown.case.target or "") < 4_100


def test_a_page_holds_only_so_many_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "MAX_TOTAL_CHARS", 10_000)
    long = Answer(OFF, text="z" * 4_000, outcome="wrong", score=0.0)
    chosen = choose([case(str(n), long, on(RIGHT)) for n in range(9)], PAIRS)
    assert (len(chosen.shown), chosen.n_cases) == (2, 9)
    monkeypatch.setattr(examples, "MAX_TOTAL_CHARS", 10)
    assert len(choose([case("a", long, on(RIGHT))], PAIRS).shown) == 1


def test_the_selection_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert report(World(n_cases=12)).selection == "All 12 cases, the most telling first."
    monkeypatch.setattr(examples, "MAX_CASES", 60)
    some = report(World(n_cases=100))
    assert len(some.examples) == 60
    assert some.selection.startswith("60 of 100 cases: ")
    assert some.n_cases == len(cases(World(n_cases=100))) == analysis(World(n_cases=100)).n_cases
