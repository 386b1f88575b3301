"""A job's nights as one stream of tests: of all its alarms, few are false, however long it runs.

Each night is tested at a level that follows from how many nights and alarms came before (e-LOND).
It is fixed in the night's ``job.json`` before the first answer, and the next night counts on from
there: so the stream goes on though older runs are thinned out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from evalkit.analysis.gate import GateResult
from evalkit.analysis.verdicts import FACTS
from evalkit.pipeline.regression.jobs import Earlier
from evalkit.policies import GatePolicy
from evalkit.report.gate_report import Stream
from evalkit.stats.multiplicity import e_lond_level
from evalkit.store.jobs import read_job
from evalkit.store.runs import RunFolder


def next_in_stream(share: float, earlier: Earlier) -> Stream:
    """Tonight's place, after the jobs before it; a stream with another share begins anew."""
    before = [job for _, job in earlier if job.get("stream", {}).get("share") == share]
    night, alarms = 1, 0
    if before:
        last = before[-1]
        night = int(last["stream"]["night"]) + 1
        alarms = int(last["stream"]["alarms"]) + bool(last.get("is_alarm"))
    return Stream(share, night, alarms, e_lond_level(night, alarms, share))


def stream_of(folder: RunFolder) -> Stream | None:
    """The place that a job's run was given when it began; None for other runs."""
    told: Mapping[str, Any] | None = (read_job(folder.path) or {}).get("stream")
    return Stream(**told) if told else None


def as_told(stream: Stream) -> dict[str, Any]:
    """A place as ``job.json`` has it."""
    return asdict(stream)


def at_its_level(policy: GatePolicy, folder: RunFolder) -> GatePolicy:
    """The rules at the level of a run's place in its stream, if it has one."""
    stream = stream_of(folder)
    return policy if stream is None else replace(policy, a_fail=stream.level)


def is_alarm(result: GateResult) -> bool:
    """Whether a loss was proven: how many requests failed is no test, and no alarm of one."""
    return any(one.outcome == "regression" and one.subject not in FACTS for one in result.rules)
