"""Reports of made-up runs that hang together: counts, intervals and cases agree."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from evalkit.analysis.agreement import Agreement, Unanimity
from evalkit.analysis.details import Details
from evalkit.analysis.flips import Flip, Flips
from evalkit.analysis.results import (
    OUTCOME_CLASSES,
    Analysis,
    Comparison,
    CurvePoint,
    ScoreSummary,
    TagScore,
    ThinkingCurve,
    VariantSummary,
)
from evalkit.analysis.speeds import Speed
from evalkit.analysis.timeline import Timeline, TimelinePoint
from evalkit.analysis.tradeoff import tradeoff
from evalkit.report.report import (
    Answer,
    CaseExample,
    Grade,
    ModelUsed,
    PromptSent,
    Provenance,
    Report,
    Section,
    Table,
    Try,
    Turn,
    build_report,
)
from evalkit.stats.estimates import Estimate
from evalkit.types import Thinking, Variant

OFF = Thinking("off")
BUDGETS = (OFF, Thinking("budget", 8), Thinking("budget", 32), Thinking("budget", 128))
TAGS = ("addition", "subtraction", "multiplication", "division")

HOSTILE = (
    "<script>window.hacked = 1</script></script><img src=x onerror='window.hacked = 2'>"
    '<a href="javascript:window.hacked = 3">click</a> \x1b[31mred\x1b]0;owned\x07 \x00 \x9b31m '
    "\u202egnirts desrever\u202c \" ' & {{ 7 * 7 }} ]]> --> </details></pre></style> \u2028 \ud800"
)


def share(right: float, n: int, *, method: str = "wilson") -> Estimate:
    """A share with Wilson's interval."""
    if n == 0:
        return Estimate(None, None, None, None, 0, 0, None, 0.95, method, "nothing to estimate")
    z, p = 1.959964, right / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low, high = max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)
    return Estimate(p, low, high, math.sqrt(p * (1 - p) / n), n, n, float(n), 0.95, method)


def gap(value: float | None, low: float | None, high: float | None, n: int = 50) -> Estimate:
    """A difference with a given interval."""
    return Estimate(value, low, high, None, n, n, float(n), 0.95, "tango")


def comparison(
    candidate: str, baseline: str, difference: Estimate, verdict: str, **more: object
) -> Comparison:
    """A comparison on ``number`` with sensible counts."""
    fields: dict[str, object] = {
        "scorer": "number",
        "margin": 0.02,
        "n_pairs": difference.n,
        "n_unpaired": 0,
        "wins": 12,
        "losses": 4,
        "ties": max(difference.n - 16, 0),
        "p_value": 0.02,
        "p_adjusted": 0.04,
    }
    return Comparison(
        baseline=baseline,
        candidate=candidate,
        difference=difference,
        verdict=verdict,  # type: ignore[arg-type]
        **{**fields, **more},  # type: ignore[arg-type]
    )


@dataclass(frozen=True)
class World:
    """A made-up run: which variants, how able they are, what goes wrong."""

    prompts: Sequence[str] = ("plain", "number-only")
    models: Sequence[str] = ("local",)
    settings: Sequence[Thinking] = BUDGETS
    n_cases: int = 50
    skill: Callable[[Variant], float] = lambda variant: {None: 0.35, 8: 0.2}.get(
        variant.thinking.budget_tokens, 0.58
    )
    price: float | None = None
    p_failed: float = 0.0
    p_truncated: float = 0.02
    scorers: Sequence[str] = ("number",)
    seed: int = 7
    more: Mapping[str, object] = field(default_factory=dict)


def variants(world: World) -> list[Variant]:
    """Every variant of a world, in the order of a suite."""
    return [
        Variant(prompt, model, thinking)
        for prompt in world.prompts
        for model in world.models
        for thinking in world.settings
    ]


def cases(world: World) -> list[CaseExample]:
    """What happened in a world, case by case; the same on every call."""
    dice = random.Random(world.seed)
    return [_case(world, index, dice) for index in range(world.n_cases)]


def _case(world: World, index: int, dice: random.Random) -> CaseExample:
    a, b = dice.randint(12, 99), dice.randint(3, 40)
    question = (
        f"A farmer has {a} hens and buys {b} more. How many hens does the farmer have now?"
        if index % 2
        else f"There are {a} seats in a hall and {b} of them are taken. How many are free?"
    )
    target = a + b if index % 2 else a - b
    luck = dice.random()
    return CaseExample(
        id=f"case-{index:03d}",
        target=str(target),
        tags=(TAGS[index % 4],),
        prompts=tuple(
            PromptSent(
                prompt,
                (Turn("user", question),)
                if prompt == "plain"
                else (Turn("system", "Answer with a single number."), Turn("user", question)),
            )
            for prompt in world.prompts
        ),
        answers=tuple(_answer(world, variant, target, luck, dice) for variant in variants(world)),
    )


def _answer(
    world: World, variant: Variant, target: int, luck: float, dice: random.Random
) -> Answer:
    budget = variant.thinking.budget_tokens or 0
    tokens = dice.randint(6, 30) + round(budget * dice.uniform(0.2, 0.6))
    base = Answer(
        variant.key,
        input_tokens=dice.randint(40, 70),
        output_tokens=tokens,
        elapsed_s=round(0.12 + tokens * 0.021 + dice.random() * 0.1, 3),
        cost_usd=None if world.price is None else tokens * world.price,
    )
    if dice.random() < world.p_failed:
        return replace(
            base,
            outcome="infra_error",
            failure="timeout: no answer in time",
            input_tokens=None,
            output_tokens=None,
            cost_usd=None,
        )
    thinking = f"The numbers give {target}. So the answer is {target}." if budget else None
    if dice.random() < world.p_truncated:
        return replace(
            base, outcome="truncated", text="The answer", stop_reason="max_tokens", score=0.0
        )
    is_right = 0.7 * luck + 0.3 * dice.random() < world.skill(variant)
    said = target if is_right else target + dice.choice((-10, -1, 1, 2, 10))
    return replace(
        base,
        outcome=("right" if is_right else "wrong") if world.scorers else "unscored",
        text=f"Answer: {said}" if variant.prompt != "plain" else f"So there are {said} in all.",
        thinking=thinking,
        score=float(is_right) if world.scorers else None,
        grades=tuple(
            Grade(scorer, float(is_right), str(said), f"{said} is{'' if is_right else ' not'} it")
            for scorer in world.scorers
        ),
        attempts=(Try(529, "overloaded", 0.0, 0.1), Try(200, None, 0.4, 0.9)) if luck > 0.9 else (),
        stop_reason="end_turn",
    )


def analysis(world: World) -> Analysis:
    """What an analysis would conclude about a world."""
    answers: dict[str, list[Answer]] = {variant.key: [] for variant in variants(world)}
    tagged: dict[tuple[str, str], list[Answer]] = {}
    for case in cases(world):
        for answer in case.answers:
            answers[answer.variant].append(answer)
            for tag in case.tags:
                tagged.setdefault((tag, answer.variant), []).append(answer)
    summaries = tuple(_summary(world, variant, answers[variant.key]) for variant in variants(world))
    scored = bool(world.scorers)
    concluded = Analysis(
        scorers=tuple(world.scorers),
        leading_scorer=world.scorers[0] if scored else None,
        baseline=variants(world)[0].key if scored else None,
        margin=0.02,
        n_cases=world.n_cases,
        variants=summaries,
        comparisons=tuple(_comparisons(world, answers)) if scored else (),
        curves=tuple(_curves(world, summaries)) if scored and len(world.settings) > 1 else (),
        tags=tuple(TagScore(tag, key, _mean(some)) for (tag, key), some in sorted(tagged.items()))
        if scored
        else (),
    )
    return replace(concluded, **world.more)  # type: ignore[arg-type]


def _mean(answers: Sequence[Answer]) -> Estimate:
    graded = [answer.score for answer in answers if answer.score is not None]
    return share(sum(graded), len(graded))


def _summary(world: World, variant: Variant, answers: Sequence[Answer]) -> VariantSummary:
    answered = [answer for answer in answers if answer.failure is None]
    outcomes = Counter(answer.outcome for answer in answers)
    cost = sum(answer.cost_usd or 0 for answer in answered) if world.price is not None else None
    times = sorted(answer.elapsed_s or 0 for answer in answered)
    failed = len(answers) - len(answered)

    def average(values: Sequence[int | None]) -> float | None:
        return sum(value or 0 for value in values) / len(values) if values else None

    return VariantSummary(
        variant=variant.key,
        prompt=variant.prompt,
        model=variant.model,
        thinking=variant.thinking,
        n_asked=len(answers),
        n_answered=len(answered),
        n_failed=failed,
        n_truncated=outcomes["truncated"],
        n_refused=outcomes["refused"],
        scores={
            scorer: ScoreSummary(
                scorer,
                _mean(answers),
                {name: outcomes[name] for name in OUTCOME_CLASSES},
                cost / outcomes["right"] if cost is not None and outcomes["right"] else None,
            )
            for scorer in world.scorers
        },
        models_answered=("smollm2-135m",),
        cost_usd=cost,
        elapsed_p50_s=times[len(times) // 2] if times else None,
        elapsed_p95_s=times[int(len(times) * 0.95)] if times else None,
        first_token_p50_s=0.081 if times else None,
        input_tokens_mean=average([answer.input_tokens for answer in answered]),
        output_tokens_mean=average([answer.output_tokens for answer in answered]),
        failures={"timeout": failed} if failed else {},
    )


def _comparisons(world: World, answers: Mapping[str, Sequence[Answer]]) -> list[Comparison]:
    found = []
    for prompt in world.prompts:
        for model in world.models:
            first, *others = (Variant(prompt, model, setting).key for setting in world.settings)
            found += [_compared(answers, first, other, "thinking") for other in others]
    for prompt in world.prompts[1:]:
        for model in world.models:
            for setting in world.settings:
                first = Variant(world.prompts[0], model, setting).key
                found.append(
                    _compared(answers, first, Variant(prompt, model, setting).key, "prompt")
                )
    return found


def _compared(
    answers: Mapping[str, Sequence[Answer]], first: str, other: str, axis: str
) -> Comparison:
    gaps = [
        b.score - a.score
        for a, b in zip(answers[first], answers[other], strict=True)
        if a.score is not None and b.score is not None
    ]
    n = len(gaps)
    if n == 0:
        nothing = gap(None, None, None, 0)
        return comparison(other, first, nothing, "too few", wins=0, losses=0, ties=0)
    mean = sum(gaps) / n
    se = math.sqrt(sum((one - mean) ** 2 for one in gaps) / n / n) or 0.5 / n
    low, high = max(-1.0, mean - 1.96 * se), min(1.0, mean + 1.96 * se)
    verdict = "superior" if low > 0 else "inferior" if high < 0 else "inconclusive"
    p = math.erfc(abs(mean / se) / math.sqrt(2))
    return comparison(
        other,
        first,
        gap(mean, low, high, n),
        "too few" if n < 10 else verdict,
        wins=sum(one > 0 for one in gaps),
        losses=sum(one < 0 for one in gaps),
        ties=sum(one == 0 for one in gaps),
        n_unpaired=len(answers[first]) - n,
        p_value=p,
        p_adjusted=min(1.0, 3 * p),
        needs_cases=round(8.56 * n * se * se / 0.02**2) if verdict == "inconclusive" else None,
        axis=axis,
    )


def _curves(world: World, summaries: Sequence[VariantSummary]) -> list[ThinkingCurve]:
    curves = []
    for prompt in world.prompts:
        for model in world.models:
            points = tuple(
                CurvePoint(
                    one.variant,
                    one.thinking,
                    one.scores[world.scorers[0]].mean,
                    one.n_asked,
                    one.n_truncated,
                    one.cost_usd,
                    one.elapsed_p50_s,
                    one.output_tokens_mean,
                    one.thinking_tokens_mean,
                )
                for one in summaries
                if (one.prompt, one.model) == (prompt, model)
            )
            best = max(points, key=lambda point: point.score.value or 0)
            curves.append(
                ThinkingCurve(
                    prompt,
                    model,
                    world.scorers[0],
                    points,
                    best.thinking.key,
                    f"Use {best.thinking.key}: it scored best and nothing cheaper is proven to "
                    "come within 2 points of it.",
                )
            )
    return curves


def provenance(world: World, **more: object) -> Provenance:
    """Where a made-up run comes from."""
    fields: dict[str, object] = {
        "suite": "quickstart",
        "run_id": "20261123T112805Z-4f2a",
        "run_path": "runs/quickstart/20261123T112805Z-4f2a",
        "evalkit_version": "0.1.0",
        "description": "Does a little thinking help a very small model with arithmetic?",
        "status": "complete",
        "suite_digest": "b2:5f1c9a0e44d27c31",
        "dataset": "datasets/arithmetic.jsonl",
        "dataset_digest": "b2:91d3a7be20c4f5e8",
        "dataset_rows": world.n_cases,
        "prompt_digests": {
            prompt: f"b2:0{index}77aa" for index, prompt in enumerate(world.prompts)
        },
        "endpoint_hosts": ("127.0.0.1:41873",),
        "models": tuple(
            ModelUsed(model, "smollm2-135m", ("smollm2-135m",)) for model in world.models
        ),
        "started_at": datetime(2026, 11, 23, 11, 28, 5, tzinfo=UTC),
        "ended_at": datetime(2026, 11, 23, 11, 31, 47, tzinfo=UTC),
        "pricing": None if world.price is None else "built-in prices of 2026-11-20",
    }
    return Provenance(**{**fields, **more})  # type: ignore[arg-type]


def report(world: World | None = None, **more: object) -> Report:
    """The report of a world; ``more`` replaces fields of its provenance."""
    world = world or World()
    concluded = analysis(world)
    return build_report(
        concluded, provenance(world, **more), cases(world), details=details(world, concluded)
    )


def details(world: World, concluded: Analysis) -> Details:
    """What a report of a world shows besides its conclusions."""
    told = cases(world)
    scores = {
        variant.key: {case.id: answer.score for case in told for answer in case.answers
                      if answer.variant == variant.key and answer.score is not None}
        for variant in variants(world)
    }  # fmt: skip
    flips = []
    for one in concluded.comparisons:
        base, other = scores[one.baseline], scores[one.candidate]
        gaps = [Flip(case, base[case], other[case]) for case in base if case in other]
        won = tuple(flip for flip in gaps if flip.candidate > flip.baseline)
        lost = tuple(flip for flip in gaps if flip.candidate < flip.baseline)
        flips.append(Flips(one.baseline, one.candidate, len(won), len(lost), won[:20], lost[:20]))
    keys = list(scores)
    pairs = [
        Agreement(one, other, len(both), share(sum(both), len(both)), 0.4 if both else None)
        for at, one in enumerate(keys)
        for other in keys[at + 1 :]
        for both in [
            [scores[one][c] == scores[other][c] for c in scores[one] if c in scores[other]]
        ]
    ]
    times = {
        key: sorted(answer.elapsed_s for case in told for answer in case.answers
                    if answer.variant == key and answer.failure is None and answer.elapsed_s)
        for key in keys
    }  # fmt: skip
    edges = tuple(0.1 * 1.2**step for step in range(37))
    speeds = tuple(
        Speed(
            key,
            len(found),
            tuple(found[int(at * (len(found) - 1))] for at in (0.05, 0.25, 0.5, 0.75, 0.95)),
            found[-1],
            edges,
            tuple(sum(low <= one < high for one in found) for low, high in pairwise(edges)),
        )
        for key, found in times.items()
        if found
    )
    scorer = concluded.leading_scorer
    return Details(
        agreements=tuple(pairs) if scorer else (),
        unanimity=Unanimity(world.n_cases, 3, 2) if scorer and len(keys) > 1 else None,
        flips=tuple(flips),
        speeds=speeds,
        tradeoff=tradeoff(concluded.variants, scorer) if scorer else None,
    )


def a_timeline(variant: str, n: int = 12) -> Timeline:
    """A score over some nights, with a change of model in between and a night without a score."""
    start = datetime(2026, 11, 1, 3, tzinfo=UTC)
    return Timeline(
        variant,
        "number",
        tuple(
            TimelinePoint(
                run=f"2026110{night}T030000Z-ab{night:02d}",
                at=start + timedelta(days=night),
                score=share(38 + night % 3 - 9 * (night > 8), 50) if night != 5 else share(0, 0),
                cost_usd=replace(share(1, 50), value=0.02 + 0.001 * night),
                elapsed_p50_s=None if night == 2 else replace(share(1, 2), value=1.2),
                verdict="regression" if night > 8 else "pass",
                changes={"model answered": "haiku-1 to haiku-2"} if night == 9 else {},
            )
            for night in range(n)
        ),
    )


GATE = Section(
    "gate",
    "Gate",
    ("Regression: number fell by 9 points.",),
    (
        Table(
            "Rules",
            ("Rule", "Verdict", "Measured"),
            (("number max_drop 0.02", "regression", "−9"),),
        ),
    ),
)


def hostile_report() -> Report:
    """A report in which every foreign text attacks."""
    world = World(
        prompts=("plain", f"p{HOSTILE}"),
        models=(f"m{HOSTILE}",),
        n_cases=12,
        more={"warnings": (f"warned {HOSTILE}",)},
    )
    attacked = [
        replace(
            case,
            id=f"{case.id}{HOSTILE}" if index else case.id,
            target=HOSTILE,
            tags=(HOSTILE, *case.tags),
            prompts=tuple(
                replace(sent, turns=(*sent.turns, Turn(HOSTILE, HOSTILE))) for sent in case.prompts
            ),
            answers=tuple(
                replace(
                    answer,
                    text=HOSTILE + "x" * 5_000_000 * (index == 1),
                    thinking=HOSTILE,
                    grades=(Grade(HOSTILE, 0.5, HOSTILE, HOSTILE),),
                    attempts=(Try(529, HOSTILE, 0.1, 0.2),),
                    stop_reason=HOSTILE,
                    failure=HOSTILE if index == 2 else None,
                )
                for answer in case.answers
            ),
        )
        for index, case in enumerate(cases(world))
    ]
    concluded = analysis(world)
    concluded = replace(
        concluded,
        tags=tuple(replace(tag, tag=HOSTILE) for tag in concluded.tags),
        curves=tuple(replace(c, sentence=HOSTILE, notes=(HOSTILE,)) for c in concluded.curves),
        comparisons=tuple(replace(c, notes=(HOSTILE,)) for c in concluded.comparisons),
        variants=tuple(replace(v, failures={HOSTILE: 2}) for v in concluded.variants),
    )
    where = provenance(
        world,
        suite=HOSTILE,
        description=HOSTILE,
        run_path=HOSTILE,
        dataset=HOSTILE,
        endpoint_hosts=(HOSTILE,),
        models=(ModelUsed(HOSTILE, HOSTILE, (HOSTILE,)),),
        prompt_digests={HOSTILE: HOSTILE},
    )
    shown = build_report(concluded, where, attacked, details=details(world, concluded))
    flips = tuple(
        replace(
            one,
            won=tuple(replace(flip, case=f"{flip.case}{HOSTILE}") for flip in one.won),
            lost=tuple(replace(flip, case=HOSTILE) for flip in one.lost),
        )
        for one in shown.details.flips
    )
    attack = Section(HOSTILE, HOSTILE, (HOSTILE,), (Table(HOSTILE, (HOSTILE,), ((HOSTILE,),)),))
    line = a_timeline(f"v{HOSTILE}")
    night = replace(line.points[3], run=HOSTILE, verdict=HOSTILE, changes={HOSTILE: HOSTILE})
    return replace(
        shown,
        details=replace(shown.details, flips=flips),
        sections=(attack,),
        timelines=(replace(line, points=(*line.points, night)),),
    )
