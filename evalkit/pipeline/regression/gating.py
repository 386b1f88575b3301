"""A stored run held against a baseline: no request is sent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from evalkit.analysis.bank import LEAST_MARGIN_IN_ERRORS, Bank
from evalkit.analysis.changes import case_changes, flakiness, tag_changes
from evalkit.analysis.evidence import MAX_MISSING
from evalkit.analysis.gate import judge, make_tests
from evalkit.analysis.gate_plan import Subjects, questions, shuffled_units
from evalkit.analysis.gate_tests import GateTest, Question
from evalkit.analysis.measures import measures
from evalkit.analysis.trials import Trials
from evalkit.analysis.verdicts import GateVerdict
from evalkit.analysis.wording import in_points
from evalkit.errors import (
    EXIT_API,
    EXIT_GATE_FAILED,
    EXIT_INCONCLUSIVE,
    EXIT_OK,
    EXIT_USAGE,
    UsageError,
)
from evalkit.pipeline.regression.bank_checks import bank_for, changed_models, void_because
from evalkit.pipeline.regression.nights_before import nights_before
from evalkit.pipeline.stored import StoredRun, load_run, models_answered, seed_of, trials_of
from evalkit.policies import GatePolicy, ScoreRule
from evalkit.report.gate_report import GateReport, Usage
from evalkit.stats.arrays import IntArray
from evalkit.store.baselines import Baseline
from evalkit.store.runs import RunFolder
from evalkit.suite.schema import Suite

DEFAULT_MARGIN = 0.05
_MOST_CASES = 200
_EXITS: dict[GateVerdict, int] = {
    "pass": EXIT_OK,
    "regression": EXIT_GATE_FAILED,
    "inconclusive": EXIT_INCONCLUSIVE,
    "unmeasured": EXIT_API,
}


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A run with its tests, none of which has seen anything yet."""

    run: StoredRun
    trials: Trials
    tests: tuple[GateTest, ...]
    subjects: Subjects
    policy: GatePolicy
    seed: int
    warnings: tuple[str, ...]


def gate_policy(suite: Suite) -> GatePolicy:
    """The suite's gate; without rules, no loss of 5 points on its first scorer.

    Raises UsageError for a suite that grades nothing.
    """
    policy = suite.gate.policy()
    if policy.rules:
        return policy
    if not suite.scorers:
        raise UsageError(
            "the suite has no scorer and no gate, so there is nothing to hold it to",
            "Add scorers, or gate: {rules: [...]} about its metrics.",
        )
    return replace(policy, rules=(ScoreRule(suite.scorers[0].name, DEFAULT_MARGIN),))


def needs_baseline(policy: GatePolicy) -> bool:
    """Whether any rule compares with what was before."""
    return any(
        rule.max_drop is not None if isinstance(rule, ScoreRule) else rule.max_increase is not None
        for rule in policy.rules
    )


def prepare(
    folder: RunFolder,
    baseline: Baseline | None,
    policy: GatePolicy,
    *,
    imagined: Callable[[Trials], Bank] | None = None,
    units: Callable[[Trials], tuple[IntArray, ...]] | None = None,
) -> Prepared:
    """Read a run and fix the tests: rules, margins, errors and the order of cases.

    ``imagined`` makes a bank where there is no baseline, for a plan; ``units`` says in which order
    cases count, in place of the run's own. Raises UsageError
    for rules that ask what the baseline does not have, and for a margin under four times the
    bank's own error.
    """
    run = load_run(folder)
    trials = trials_of([run])
    seed = seed_of([run], "gate")
    subjects = Subjects(
        variants=tuple(variant.key for variant in trials.variants),
        n_cases=len(trials.cases.ids),
        tags=trials.cases.tags,
        units=(
            units(trials)
            if units is not None
            else shuffled_units(trials.cases.ids, trials.cases.clusters, seed)
        ),
        samples=run.suite.samples,
    )
    bank = bank_for(baseline, trials.cases.ids) if baseline else None
    if bank is None and imagined is not None:
        bank = imagined(trials)
    try:
        asked = questions(policy, subjects, bank)
    except ValueError as error:
        raise UsageError(
            str(error),
            "Name another baseline, or collect it anew: evalkit baseline collect NAME SUITE.",
        ) from error
    _check_margins(asked, subjects, bank)
    return Prepared(
        run=run,
        trials=trials,
        tests=tuple(make_tests(asked, policy.a_fail)),
        subjects=subjects,
        policy=policy,
        seed=seed,
        warnings=tuple(_warnings(baseline)) if baseline else (),
    )


def _check_margins(asked: Sequence[Question], subjects: Subjects, bank: Bank | None) -> None:
    for question in asked:
        key = subjects.variants[question.variant]
        if question.bound != "max_drop" or bank is None:
            continue
        error = bank.variants[key].error.get(question.measure)
        if error is not None and question.limit < LEAST_MARGIN_IN_ERRORS * error:
            name = question.subject.removeprefix("score:")
            raise UsageError(
                f"{name} max_drop {question.limit:g} is too fine for the baseline '{bank.name}': "
                f"its own error on {key} is {in_points(error)}, and a margin must be "
                f"{LEAST_MARGIN_IN_ERRORS:g} times that, {in_points(4 * error)}",
                "Bank more runs (evalkit baseline collect NAME SUITE --repeat 8), take more cases, "
                "or widen the margin.",
            )


def _warnings(baseline: Baseline) -> Iterator[str]:
    if len(baseline.runs) == 1 and baseline.samples == 1:
        yield (
            f"the baseline '{baseline.name}' is a single run: its luck looks like a change; "
            "bank 8 (evalkit baseline collect NAME SUITE --repeat 8)"
        )


def gate_run(
    folder: RunFolder,
    baseline: Baseline | None,
    policy: GatePolicy,
    *,
    allowed: Collection[str] = (),
) -> GateReport:
    """Hold a stored run to its rules. Sends nothing; see :func:`prepare` for what it raises.

    ``allowed`` changes (``prompt``, ``model``, ``settings``) do not void the baseline.
    """
    prepared = prepare(folder, baseline, policy)
    report = conclude(prepared, baseline, allowed)
    if not report.void and too_many_failed(report, prepared.run.suite):
        return unmeasured_for_failures(report)
    return report


def too_many_failed(report: GateReport, suite: Suite) -> bool:
    """Whether what was measured is not what was asked, whatever is proven of the rest."""
    usage = report.usage
    lost, errors = usage.lost or 0, usage.model_errors or 0
    return (
        lost > MAX_MISSING * usage.planned
        or lost + errors > suite.limits.max_failed_share * usage.asked
    )


def unmeasured_for_failures(report: GateReport) -> GateReport:
    """The report without a verdict, since too many trials failed."""
    usage = report.usage
    failed = (usage.lost or 0) + (usage.model_errors or 0)
    told = f"{failed:,} of {usage.asked:,} trials failed: too many to say anything of the rest"
    return replace(
        report, verdict="unmeasured", exit_code=EXIT_API, warnings=(*report.warnings, told)
    )


def conclude(
    prepared: Prepared, baseline: Baseline | None, allowed: Collection[str] = ()
) -> GateReport:
    """Feed what is stored to the tests and say what follows."""
    run, trials, policy = prepared.run, prepared.trials, prepared.policy
    void = []
    if baseline is not None:
        void = void_because(baseline, run, allowed)
        void += changed_models(baseline, models_answered(trials), allowed)
    result = judge(
        trials,
        prepared.tests,
        samples=run.suite.samples,
        a_fail=policy.a_fail,
        seed=prepared.seed,
    )
    verdict: GateVerdict = "unmeasured" if void else result.verdict
    manifest = run.manifest
    report = GateReport(
        suite=manifest.name,
        run_id=manifest.run_id,
        run_path=str(run.folder.path),
        verdict=verdict,
        exit_code=EXIT_USAGE if void else exit_code(verdict, policy),
        result=result,
        usage=_usage(run, trials),
        started_at=manifest.started_at,
        baseline=baseline.name if baseline else None,
        banked=_banked(baseline) if baseline else None,
        void=tuple(void),
        warnings=prepared.warnings,
        stopped_because=manifest.stopped_because,
        cause=_cause(baseline, run, void) if baseline else None,
    )
    return _with_changes(report, prepared, baseline)


def exit_code(verdict: GateVerdict, policy: GatePolicy) -> int:
    """The exit code of a verdict."""
    if verdict == "inconclusive" and policy.on_inconclusive == "fail":
        return EXIT_GATE_FAILED
    return _EXITS[verdict]


def _usage(run: StoredRun, trials: Trials) -> Usage:
    manifest, found = run.manifest, measures(trials)
    costs = [
        manifest.totals.get("cost_usd"),
        *(j.get("cost_usd") for j in manifest.judges.values()),
    ]
    known = [cost for cost in costs if cost is not None]
    count = {name: int(found[name].sums.sum()) for name in ("failed", "lost", "unscored")}
    return Usage(
        manifest.planned,
        len(trials.variant),
        sum(known) if known else None,
        model_errors=count["failed"] - count["lost"],
        lost=count["lost"],
        unscored=count["unscored"],
    )


def _cause(baseline: Baseline, run: StoredRun, void: Collection[str]) -> str | None:
    """What lies between the bank and this run, so far as digests tell."""
    if void:
        return None
    changed = void_because(baseline, run)
    if changed:
        return f"since the bank, {'; '.join(changed)}"
    return (
        "prompts, settings, scorers and data are those of the bank: what changed, changed behind"
        " the API"
    )


def _banked(baseline: Baseline) -> str:
    runs = f"{len(baseline.runs)} run{'s' if len(baseline.runs) != 1 else ''}"
    return f"{runs} banked {baseline.created_at[:10]} by {baseline.by}"


def _with_changes(report: GateReport, prepared: Prepared, baseline: Baseline | None) -> GateReport:
    """Add where the differences lie: tags and cases of every score that a rule compares."""
    if baseline is None:
        return report
    trials = prepared.trials
    bank, found = bank_for(baseline, trials.cases.ids), measures(trials)
    pairs = dict.fromkeys(
        (test.question.variant, test.question.measure)
        for test in prepared.tests
        if test.question.bound == "max_drop"
    )
    before = nights_before(prepared.run.folder, baseline, trials.cases.ids)
    tags, cases, flaky = [], [], []
    for row, measure in pairs:
        key = trials.variants[row].key
        column = bank.variants[key].columns[measure]
        tags += tag_changes(key, trials.cases, column, found[measure], row)
        seen = column.plus(before.get((key, measure)))
        cases += case_changes(key, trials.cases, (column, seen), found[measure], row)
        label = flakiness(key, seen)
        flaky += [label] if label else []
    return replace(
        report,
        tags=tuple(tags),
        cases=tuple(cases[:_MOST_CASES]),
        n_worse=len(cases),
        flaky=tuple(flaky),
    )
