"""What a job's verdict is worth, seen how its run ended: the exit code, and whether it is final."""

from __future__ import annotations

from dataclasses import replace

from evalkit.analysis.verdicts import GateVerdict
from evalkit.errors import EXIT_API, EXIT_OK, EXIT_USAGE
from evalkit.pipeline.regression.gating import too_many_failed, unmeasured_for_failures
from evalkit.pipeline.run import RunOutcome
from evalkit.report.gate_report import GateReport
from evalkit.suite.schema import Suite


def weighed(report: GateReport, outcome: RunOutcome, suite: Suite) -> tuple[GateReport, bool]:
    """A verdict that is proven stands, however the run ended; else its end decides.

    And whether that is the last word: what ended for want of money, time or a server may go on.
    Where too many trials failed, nothing stands.
    """
    stopped = outcome.stopped if outcome.manifest.status != "complete" else None
    ended = stopped.exit_code if stopped else outcome.exit_code
    if stopped and stopped.hint:
        report = replace(report, stopped_because=f"{stopped.message}. {stopped.hint}")
    if report.void:
        return report, True
    if too_many_failed(report, suite):
        return unmeasured_for_failures(report), False
    if _is_proven(report) and ended != EXIT_USAGE:
        return report, True
    if ended == EXIT_OK and report.verdict != "unmeasured":
        return report, True
    if ended in (EXIT_OK, EXIT_API):
        return replace(report, verdict="unmeasured", exit_code=EXIT_API), False
    # Kept or broken so far, and only as seen: that may still change.
    verdict: GateVerdict = "unmeasured" if report.verdict == "unmeasured" else "inconclusive"
    return replace(report, verdict=verdict, exit_code=ended), False


def _is_proven(report: GateReport) -> bool:
    """Whether more answers would change nothing."""
    return report.result.decided_at is not None or bool(report.night.get("is_alarm"))
