"""A gate's report as text, Markdown, JSON, JUnit XML and GitHub annotations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from evalkit.analysis.changes import CaseChange, Flakiness, TagChange
from evalkit.analysis.verdicts import RuleOutcome, RuleResult
from evalkit.errors import EXIT_GATE_FAILED
from evalkit.report import format as fmt
from evalkit.report import json as report_json
from evalkit.report import junit
from evalkit.report.gate_report import GateReport, Stream, Usage
from evalkit.report.markdown import code, table
from evalkit.report.markdown import text as escaped

WORDS: dict[RuleOutcome, str] = {
    "pass": "pass",
    "regression": "REGRESSION",
    "inconclusive": "inconclusive",
    "unmeasured": "could not measure",
}
FORMAT = 1
_SHOWN_RULES = 12
_SHOWN_CASES = 10
_SHOWN_TAGS = 8
_STATUS: dict[RuleOutcome, junit.Status] = {
    "pass": "passed",
    "regression": "failed",
    "inconclusive": "skipped",
    "unmeasured": "error",
}


def documents(report: GateReport) -> dict[str, str]:
    """Every page by the name of its file."""
    return {
        "gate.txt": "\n".join(lines(report)) + "\n",
        "gate.json": to_json(report),
        "gate.md": markdown(report),
        "gate.junit.xml": to_junit(report),
    }


def lines(report: GateReport) -> Iterator[str]:
    """The report as plain text."""
    yield fmt.one_line(report.headline)
    if report.baseline:
        yield f"  baseline @{report.baseline}: {report.banked}"
    for reason in report.void:
        yield f"  void: {fmt.one_line(reason)}"
    for warning in report.warnings:
        yield f"  warning: {fmt.one_line(warning)}"
    yield from _rule_lines(report.result.rules)
    yield from _changes(report)
    if report.cause and report.verdict == "regression":
        yield f"  cause: {fmt.one_line(report.cause)}"
    yield f"  {_usage(report)}"
    if report.stopped_because:
        yield f"  stopped: {fmt.one_line(report.stopped_because)}"
    if report.stream:
        yield f"  {stream_words(report.stream, report.result.n_tests)}"
    if report.night:
        yield f"  {night_words(report)}"


def _rule_lines(rules: Sequence[RuleResult]) -> Iterator[str]:
    """Every rule; of many, those that are not kept."""
    open_ = [one for one in rules if one.outcome != "pass"]
    shown = rules if len(rules) <= _SHOWN_RULES else open_
    for one in shown:
        yield f"  {WORDS[one.outcome]:<17} {_where(one)}: {one.why}"
        if one.decides:
            yield f"{'':20}to decide: {one.decides}"
        if evidence := _evidence(one):
            yield f"{'':20}{evidence}"
    if len(shown) < len(rules):
        yield f"  {fmt.count(len(rules) - len(shown), 'rule')} kept; gate.json has them all"


def _where(one: RuleResult) -> str:
    return f"{fmt.one_line(one.name)} ({fmt.one_line(one.variant)})"


def _evidence(one: RuleResult) -> str:
    if one.e_pass is None and one.e_fail is None:
        return ""
    told = []
    if one.e_pass is not None:
        told.append(f"e-value for pass {one.e_pass:.3g}")
    if one.e_fail is not None:
        told.append(f"for a loss {one.e_fail:.3g}")
    at = f", decided at case {one.decided_at:,}" if one.decided_at else ""
    return f"{', '.join(told)}; {one.seen:,} of {one.units:,} units seen{at}"


def _changes(report: GateReport) -> Iterator[str]:
    if report.verdict != "regression":
        return
    tags = [one for one in report.tags if one.difference < 0][:_SHOWN_TAGS]
    if tags:
        yield "  tags that lost most:"
        yield from (f"    {_tag(one)}" for one in tags)
    if report.cases:
        yield f"  cases that did worse ({report.n_worse:,}), the most surprising first:"
        yield from (f"    {_case(one)}" for one in report.cases[:_SHOWN_CASES])
    yield from (f"  {flaky_words(one)}" for one in report.flaky if one.flaky)


def _tag(one: TagChange) -> str:
    sure = " (significant)" if one.is_finding else ""
    return f"{fmt.name(one.tag)}: {fmt.points(one.difference)} points on {one.n:,} cases{sure}"


def _case(one: CaseChange) -> str:
    tags = f" [{', '.join(fmt.name(tag) for tag in one.tags)}]" if one.tags else ""
    label = f", {one.label}" if one.label else ""
    chance = "" if one.surprise is None else f", chance {one.surprise:.2g}"
    since = ""
    if one.seen is not None and one.n_seen > one.n_banked:
        since = f" ({fmt.percent(one.seen)} of {one.n_seen:,} with quiet runs since)"
    return (
        f"{fmt.name(one.case_id)}{tags}: {fmt.percent(one.baseline)} of {one.n_banked:,} in the"
        f" bank{since}{label}, now {fmt.percent(one.now)}{chance}"
    )


def flaky_words(one: Flakiness) -> str:
    """How many of a variant's cases are flaky; they are labelled and stay in."""
    stable, share = one.stable_pass + one.stable_fail, fmt.percent(one.share_of_noise)
    return (
        f"{fmt.count(one.flaky, 'flaky case')}, {stable:,} stable ({fmt.one_line(one.variant)}):"
        f" the flaky make {share} of the noise; none is left out"
    )


def _usage(report: GateReport) -> str:
    usage = report.usage
    cost = "" if usage.cost_usd is None else f", ${usage.cost_usd:.4f}"
    saved = ""
    if usage.saved:
        dollars = "" if usage.saved_usd is None else f" (about ${usage.saved_usd:.4f})"
        why = "not needed" if report.verdict in ("pass", "regression") else "not asked"
        saved = f"; {usage.saved:,} {why}{dollars}"
    return f"{usage.asked:,} of {usage.planned:,} trials asked{_outcomes(usage)}{cost}{saved}"


def _outcomes(usage: Usage) -> str:
    """What became of the trials asked, failures always among it."""
    if usage.model_errors is None or usage.lost is None:
        return ""
    unscored = f", {usage.unscored:,} unscored" if usage.unscored else ""
    return (
        f" ({fmt.count(usage.model_errors, 'model error')}, {usage.lost:,} lost to"
        f" infrastructure{unscored})"
    )


def stream_words(stream: Stream, n_tests: int) -> str:
    """At which level a night of a stream is tested, in a line."""
    return (
        f"night {stream.night:,} of the job, after {fmt.count(stream.alarms, 'alarm')}: another"
        f" needs evidence of {n_tests / stream.level:,.0f}, so that no more than"
        f" {fmt.percent(stream.share)} of all alarms are false"
    )


def night_words(report: GateReport) -> str:
    """What evidence over nights came to, in a line."""
    night = report.night
    told = (
        f"over nights: evidence {night['w']:.3g} of {night['alarm']:g} for an alarm after "
        f"{fmt.count(night['nights'], 'night')}; {fmt.count(night['rows'], 'case')} tonight"
    )
    if night["is_drifting"]:
        told += (
            f"; nights differ by more than chance (p {night['drift_p']:.2g}), by"
            f" {100 * night['between_nights']:.1f} points from one to the next: tonight's mean has"
            f" a standard error of {100 * night['error']:.1f} points"
        )
    return told


def markdown(report: GateReport) -> str:
    """For pull requests and step summaries."""
    rows = [
        (one.name, one.variant, WORDS[one.outcome], one.why, one.decides or "")
        for one in report.result.rules
    ]
    parts = [f"### {escaped(report.headline)}\n"]
    if report.baseline:
        parts.append(f"Baseline {code('@' + report.baseline)}: {escaped(report.banked or '')}.\n")
    parts += [f"- **void**: {escaped(reason)}" for reason in report.void]
    parts += [f"- warning: {escaped(warning)}" for warning in report.warnings]
    if rows:
        titles = ("rule", "variant", "result", "why", "what would decide")
        parts.append("\n" + table(titles, rows, 100, is_prose=True))
    if report.verdict == "regression":
        tags = [
            (
                one.tag,
                f"{fmt.points(one.difference)}",
                f"{one.n:,}",
                "yes" if one.is_finding else "",
            )
            for one in report.tags
            if one.difference < 0
        ]
        if tags:
            parts.append(table(("tag", "points", "cases", "significant"), tags, _SHOWN_TAGS))
        cases = [
            (
                one.case_id,
                ", ".join(one.tags),
                fmt.percent(one.baseline),
                fmt.percent(one.now),
                one.label or "",
            )
            for one in report.cases
        ]
        if cases:
            titles = ("case", "tags", "bank", "now", "otherwise")
            parts.append(table(titles, cases, 2 * _SHOWN_CASES))
        parts += [f"{escaped(flaky_words(one))}.\n" for one in report.flaky if one.flaky]
    if report.cause and report.verdict == "regression":
        parts.append(f"Cause: {escaped(report.cause)}.\n")
    parts.append(
        f"{escaped(_usage(report))}. Run {code(report.run_id)}, seed {report.result.seed}."
    )
    if report.stream:
        parts.append(f"\n{escaped(stream_words(report.stream, report.result.n_tests))}.")
    if report.night:
        parts.append(f"\n{escaped(night_words(report))}.")
    return "\n".join(parts) + "\n"


def to_json(report: GateReport) -> str:
    """The report as a JSON document; evidence beyond a float's range is null, as is the unknown."""
    usage = report.usage
    found = {
        "format": FORMAT,
        "headline": report.headline,
        **report_json.plain(report),
        "usage": {
            **report_json.plain(usage),
            "saved": usage.saved,
            "saved_usd": usage.saved_usd,
        },
    }
    return json.dumps(found, ensure_ascii=True, allow_nan=False, indent=1) + "\n"


def to_junit(report: GateReport) -> str:
    """One test case a rule: failed for a regression, skipped while open, error if not measured."""
    checks = [_check(report, one) for one in report.result.rules]
    if report.void:
        told = "; ".join(report.void)
        checks = [junit.Check("baseline", "evalkit.gate", "error", f"void: {told}"), *checks]
    if report.night:
        bad = report.night["is_alarm"]
        status: junit.Status = "failed" if bad else "passed"
        checks.append(junit.Check("over nights", "evalkit.gate", status, night_words(report)))
    facts = (
        ("verdict", report.verdict),
        ("run", report.run_id),
        ("baseline", report.baseline or "none"),
        ("seed", str(report.result.seed)),
        ("trials asked", str(report.usage.asked)),
        ("trials planned", str(report.usage.planned)),
    )
    at = datetime.fromisoformat(report.started_at)
    suite = junit.Suite(report.suite, tuple(checks), at, facts, "\n".join(lines(report)))
    return junit.document([suite])


def _check(report: GateReport, one: RuleResult) -> junit.Check:
    status = _STATUS[one.outcome]
    if one.outcome == "inconclusive" and report.exit_code == EXIT_GATE_FAILED:
        status = "failed"  # on_inconclusive: fail
    message = one.why + (f". To decide: {one.decides}" if one.decides else "")
    detail = [message, _evidence(one)]
    if one.outcome == "regression":
        detail += [f"tag {_tag(tag)}" for tag in report.tags if tag.difference < 0][:_SHOWN_TAGS]
        cases = [case for case in report.cases if case.variant == one.variant]
        detail += [f"case {_case(case)}" for case in cases[:_SHOWN_CASES]]
    return junit.Check(one.name, f"gate.{one.variant}", status, message, "\n".join(detail))


def workflow_commands(report: GateReport) -> Iterator[str]:
    """GitHub's workflow commands: an error for each regression, a warning for what stayed open."""
    for reason in report.void:
        yield _annotation("error", f"{report.suite}: baseline void", reason)
    for one in report.result.rules:
        if one.outcome != "pass":
            kind = "warning" if one.outcome == "inconclusive" else "error"
            told = one.why + (f" To decide: {one.decides}" if one.decides else "")
            yield _annotation(kind, f"{report.suite}: {WORDS[one.outcome]} {one.name}", told)


def _annotation(kind: str, title: str, message: str) -> str:
    return f"::{kind} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return fmt.neutral(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
