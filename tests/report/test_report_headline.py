"""The five answers claim what the verdicts prove and nothing more."""

from __future__ import annotations

from dataclasses import replace

from report_builders import OFF, World, analysis, comparison, gap, report, share

from evalkit.analysis.results import Analysis, Comparison, VariantSummary
from evalkit.report.figures import needs_words
from evalkit.report.headline import headline

ALONE = World(prompts=("plain",))
QUESTIONS = [
    "What won?",
    "By how much?",
    "How sure are we?",
    "What did it cost?",
    "What should I do?",
]


def answers(concluded: Analysis) -> dict[str, tuple[str, ...]]:
    return {one.question: one.sentences for one in headline(concluded)}


def judged(*comparisons: Comparison, world: World = ALONE, **more: object) -> dict[str, str]:
    """The answers for these comparisons, each in one line."""
    concluded = replace(analysis(world), comparisons=comparisons, curves=(), **more)  # type: ignore[arg-type]
    return {question: " ".join(told) for question, told in answers(concluded).items()}


def against_off(budget: int, verdict: str, *interval: float, **more: object) -> Comparison:
    middle, low, high = interval
    key = f"plain/local/think-{budget}"
    return comparison(key, "plain/local/off", gap(middle, low, high), verdict, **more)


BETTER = against_off(32, "superior", 0.2, 0.041, 0.352)
WORSE = against_off(8, "inferior", -0.15, -0.27, -0.03)
OPEN = against_off(128, "inconclusive", 0.08, -0.03, 0.19, needs_cases=5_136)
EQUAL = against_off(128, "equivalent", 0.001, -0.012, 0.014)
FEW = against_off(128, "too few", 0.3, None, None)  # type: ignore[arg-type]


def test_the_questions_come_in_their_order() -> None:
    for world in (ALONE, World(scorers=()), World(p_failed=1.0), World(n_cases=3)):
        told = answers(analysis(world))
        assert list(told) == QUESTIONS
        assert all(sentences and all(sentences) for sentences in told.values())


def test_a_proven_winner_is_named_with_its_amount() -> None:
    told = judged(BETTER)
    assert told["What won?"] == "A 32-token budget is better than thinking off."
    assert told["By how much?"].startswith("+20 points (+4 to +35) for a 32-token budget, ")
    assert told["What should I do?"] == "Use a 32-token budget."


def test_without_proof_nothing_has_won() -> None:
    told = judged(OPEN)
    assert told["What won?"] == "No setting is proven better than thinking off."
    assert told["By how much?"] == (
        "The largest difference seen is that of a 128-token budget, +8 points (−3 to +19), "
        "which may be chance."
    )
    assert "1 inconclusive" in told["How sure are we?"]
    assert "about 5,100 more cases" in told["How sure are we?"]
    assert told["What should I do?"] == "Keep thinking off until more cases settle the rest."


def test_each_verdict_has_its_sentence() -> None:
    told = judged(WORSE, BETTER, OPEN)
    assert told["What won?"] == (
        "A 32-token budget is better than thinking off. An 8-token budget is worse. "
        "A 128-token budget is not settled."
    )
    assert (
        "3 comparisons, paired over 50 cases: 1 superior, 1 inferior, 1 inconclusive."
        in (told["How sure are we?"])
    )
    told = judged(WORSE, FEW)
    assert told["What won?"] == (
        "No setting is proven better than thinking off. An 8-token budget is worse. "
        "A 128-token budget had too few cases for a verdict."
    )
    assert "−15 points (−27 to −3) for an 8-token budget" in told["By how much?"]


def test_comparisons_of_different_cases_are_not_called_paired() -> None:
    apart = {"is_paired": False, "n_pairs": 0}
    told = judged(replace(BETTER, **apart))  # type: ignore[arg-type]
    assert "1 comparison, not paired, the cases differ: 1 superior." in told["How sure are we?"]
    told = judged(replace(BETTER, **apart), replace(OPEN, n_pairs=1))  # type: ignore[arg-type]
    assert "2 comparisons, paired over 1 case, 1 not paired" in told["How sure are we?"]


def test_equivalence_is_not_called_unproven() -> None:
    told = judged(EQUAL)
    assert told["What won?"] == (
        "No setting is better than thinking off. A 128-token budget does as well, within ±2 points."
    )
    assert "chance" not in told["By how much?"]
    assert told["What should I do?"] == (
        "Take the cheapest of thinking off and a 128-token budget."
    )


def test_where_nothing_was_answered_nothing_is_said_to_have_been_found() -> None:
    """Failures count as 0, but 0 against 0 is no result."""
    concluded = analysis(ALONE)
    unanswered = tuple(
        replace(one, n_answered=0, n_failed=one.n_asked) for one in concluded.variants
    )
    told = judged(FEW, variants=unanswered)
    assert told["What won?"] == "Nothing: none of 200 trials was answered."
    assert told["By how much?"] == "There is no score to measure a difference with."
    assert told["How sure are we?"].startswith("Nothing was answered")
    assert told["What should I do?"].startswith("Look at the failures")


def all_scoring(value: float) -> tuple[VariantSummary, ...]:
    return tuple(
        replace(
            one,
            scores={
                name: replace(score, mean=replace(score.mean, value=value))
                for name, score in one.scores.items()
            },
        )
        for one in analysis(ALONE).variants
    )


def test_scores_that_are_all_alike_call_for_a_look_at_the_cases() -> None:
    same = against_off(128, "inconclusive", 0.0, -0.16, 0.16)
    told = judged(same, variants=all_scoring(0.0))
    assert told["By how much?"] == "No difference was seen (−16 to +16 points)."
    assert told["What should I do?"].startswith("Look at the cases first: no answer scored at all.")
    told = judged(same, variants=all_scoring(1.0))
    assert told["What should I do?"].startswith("Take the cheapest, or ask harder cases")


def test_what_the_dataset_cannot_settle_is_said() -> None:
    short = replace(OPEN, needs_cases=None, lacks_cases=8_437)
    told = judged(short)["How sure are we?"]
    assert "It would take about 8,400 cases more than the dataset has." in told
    also = replace(against_off(8, "inconclusive", 0.1, -0.1, 0.3), lacks_cases=1_612)
    told = judged(short, also, BETTER)["How sure are we?"]
    assert "The open ones would take about 1,600 to 8,400 cases more than the dataset has." in told
    assert needs_words(short) == "8,400 new"


def test_one_case_is_one_case() -> None:
    one = against_off(128, "too few", 0.3, None, None, n_pairs=1)  # type: ignore[arg-type]
    assert "paired over 1 case: 1 too few" in judged(one)["How sure are we?"]
    assert judged(n_cases=1)["How sure are we?"].startswith(
        "Nothing was compared; scores are of 1 case."
    )


def test_too_few_cases_yield_no_claim() -> None:
    told = judged(FEW)
    assert told["What won?"] == "Too few cases for a verdict against thinking off."
    assert "better" not in told["What won?"]


def test_several_winners_are_not_ranked() -> None:
    also = against_off(128, "superior", 0.25, 0.1, 0.4)
    told = judged(BETTER, also)
    assert told["What won?"] == ("Budgets of 32 and 128 tokens are better than thinking off.")
    assert "not compared with one another" in told["What should I do?"]


def test_many_variants_are_counted_not_listed() -> None:
    many = [against_off(8 * n, "superior", 0.2 + n / 100, 0.1, 0.4) for n in range(1, 13)]
    world = World(
        prompts=("plain",),
        settings=(OFF, *(replace(OFF, mode="budget", budget_tokens=8 * n) for n in range(1, 13))),
    )
    told = judged(*many, world=world)
    assert "56, 64 and 4 more sizes are better than thinking off" in told["What won?"]


def test_prompts_keep_the_spelling_of_the_suite() -> None:
    world = World(prompts=("plain", "eBay"), settings=(OFF,))
    one = comparison("eBay/local/off", "plain/local/off", gap(0.2, 0.1, 0.3), "superior")
    told = judged(one, world=world)
    assert told["What won?"] == "eBay is better than plain."
    told = judged(replace(one, verdict="inconclusive"), world=world)
    assert told["What won?"] == "No prompt is proven better than plain."


def test_prompts_at_several_settings_are_a_duel() -> None:
    world = World()
    duel = [
        comparison(f"number-only/local/{key}", f"plain/local/{key}", gap(value, -0.1, 0.3), verdict)
        for key, value, verdict in (
            ("off", 0.2, "superior"),
            ("think-8", 0.01, "inconclusive"),
            ("think-32", -0.2, "inferior"),
        )
    ]
    told = judged(*duel, world=world)
    assert told["What won?"] == (
        "number-only against plain: better with thinking off; worse with a 32-token budget; "
        "not settled with an 8-token budget."
    )
    assert told["What should I do?"] == (
        "number-only against plain: prefer number-only with thinking off; "
        "prefer plain with a 32-token budget."
    )
    open_ = [replace(one, verdict="inconclusive") for one in duel]
    told = judged(*open_, world=world)
    assert told["What won?"] == "number-only against plain: not settled with any setting."
    assert told["What should I do?"].endswith("nothing speaks for a change yet.")


def test_models_duel_under_each_prompt() -> None:
    world = World(models=("haiku", "sonnet"))
    one = comparison("plain/sonnet/off", "plain/haiku/off", gap(0.2, 0.1, 0.3), "superior")
    told = judged(one, world=world)
    assert told["What won?"].startswith("sonnet against haiku with plain: better with")


def test_only_so_many_contests_are_told_and_the_proven_ones_first() -> None:
    world = World(prompts=("a", "b", "c", "d", "e", "f", "g", "h"))
    shaky = [
        comparison(f"{p}/local/think-8", f"{p}/local/off", gap(0.1, -0.1, 0.3), "inconclusive")
        for p in "abcdefg"
    ]
    proven = comparison("h/local/think-8", "h/local/off", gap(0.2, 0.1, 0.3), "superior")
    concluded = replace(analysis(world), comparisons=(*shaky, proven), curves=())
    won = answers(concluded)["What won?"]
    assert won == (
        "h: an 8-token budget is better than thinking off.",
        "a, b and 5 others: no setting is proven better than thinking off.",
    )
    amounts = answers(concluded)["By how much?"]
    assert (len(amounts), amounts[-1]) == (5, "The table of comparisons has the others.")


def test_what_holds_under_several_prompts_is_said_once() -> None:
    world = World(models=("haiku", "sonnet"))
    both = [
        comparison(f"{p}/sonnet/off", f"{p}/haiku/off", gap(0.2, 0.1, 0.3), "superior")
        for p in world.prompts
    ]
    told = judged(*both, world=world)
    assert told["What won?"] == (
        "sonnet against haiku with plain and number-only: better with thinking off."
    )


def test_only_so_many_sentences_are_told() -> None:
    budgets = [replace(OFF, mode="budget", budget_tokens=8 * n) for n in range(1, 9)]
    world = World(prompts=("a", "b", "c", "d", "e", "f", "g", "h"), settings=(OFF, *budgets))
    found = [
        comparison(f"{p}/local/think-{8 * n}", f"{p}/local/off", gap(-0.2, -0.3, -0.1), "inferior")
        for n, p in enumerate("abcdefgh", 1)
    ]
    concluded = replace(analysis(world), comparisons=tuple(found), curves=())
    won = answers(concluded)["What won?"]
    assert len(won) == 7
    assert won[-1] == "2 further comparisons in the table, 2 of them proven."


def test_other_scorers_do_not_speak_in_the_headline() -> None:
    told = judged(replace(BETTER, scorer="exact"))
    assert (
        told["What won?"] == "Nothing can be said to have won: no two variants could be compared."
    )


def test_the_recommendation_is_the_curves() -> None:
    told = answers(analysis(World()))["What should I do?"]
    assert told[0].startswith("plain and number-only: use think-")
    assert told[1] == "number-only against plain: nothing speaks for a change yet."
    assert answers(analysis(ALONE))["What should I do?"][0].startswith("Use think-")


def test_one_variant_is_not_compared() -> None:
    told = answers(analysis(World(prompts=("plain",), settings=(OFF,))))
    assert told["What won?"] == ("There was one variant and nothing to compare it with.",)
    assert "plain/local/off scored 26% (95% interval 16–40%)" in told["By how much?"][0]
    assert "Add a second prompt" in told["What should I do?"][0]


def test_without_a_scorer_nothing_won() -> None:
    told = answers(analysis(World(scorers=())))
    assert told["What won?"] == ("Nothing can be said to have won: no answer was scored.",)
    assert told["What should I do?"] == (
        "Add a scorer to the suite, so that answers can be graded.",
    )


def test_nothing_answered_says_where_to_look() -> None:
    concluded = analysis(World(p_failed=1.0, more={"comparisons": (), "curves": ()}))
    told = answers(concluded)
    assert told["What won?"] == ("Nothing: none of 400 trials was answered.",)
    assert told["What did it cost?"] == ("No answer came back to be paid for.",)
    assert told["What should I do?"] == (
        "Look at the failures below, mend their cause and run again.",
    )


def test_unknown_prices_are_not_free() -> None:
    assert answers(analysis(ALONE))["What did it cost?"][0] == (
        "Unpriced: no price is known for local."
    )


def test_a_partly_priced_run_costs_at_least_what_is_known() -> None:
    concluded = analysis(World(prompts=("plain",), price=1e-5))
    first, *others = concluded.variants
    some = replace(concluded, variants=(replace(first, cost_usd=None), *others))
    told = answers(some)["What did it cost?"][0]
    assert told.startswith("At least $0.0")
    assert told.endswith("1 of 4 variants are unpriced.")


def test_the_cost_says_from_what_to_what() -> None:
    told = answers(analysis(World(prompts=("plain",), price=1e-5)))["What did it cost?"]
    assert " in all: from $" in told[0]
    assert told[0].endswith("for a 128-token budget.")
    assert told[1].endswith("output tokens.")
    assert "for thinking off to" in told[2]


def test_unknown_tokens_and_times_are_left_out() -> None:
    concluded = analysis(ALONE)
    blind = tuple(
        replace(one, output_tokens_mean=None, elapsed_p50_s=None) for one in concluded.variants
    )
    assert len(answers(replace(concluded, variants=blind))["What did it cost?"]) == 1


def test_losses_are_told() -> None:
    told = " ".join(answers(analysis(World(p_failed=0.2)))["How sure are we?"])
    assert " failed and " in told
    assert "cut off by the token limit" in told


def test_a_score_without_interval_is_told_without_one() -> None:
    concluded = analysis(World(prompts=("plain",), settings=(OFF,)))
    (variant,) = concluded.variants
    bare = replace(share(1, 2), low=None, high=None)
    summary = replace(variant.scores["number"], mean=bare)
    told = answers(replace(concluded, variants=(replace(variant, scores={"number": summary}),)))
    assert told["By how much?"][0].endswith("plain/local/off scored 50%.")


def test_the_report_carries_warnings_and_headline() -> None:
    shown = report(World(more={"warnings": ("mind the gap",)}))
    assert shown.warnings == ("mind the gap",)
    assert shown.headline == headline(shown.analysis)
