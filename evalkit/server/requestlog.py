"""Every request as one line: when it came, what it asked, how it ended, and whether it was needed.

A request is a *duplicate* when an equal one had already been answered whole: work paid for twice.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import orjson

Outcome = Literal["completed", "aborted"]


@dataclass(slots=True)
class Record:
    """One request while it is served. Times are UTC, durations seconds."""

    number: int
    arrived_at: datetime
    method: str
    path: str
    request_id: str
    model: str | None = None
    digest: str | None = None
    arrival: int | None = None
    draw: int | None = None
    stream: bool = False
    fault: str | None = None
    duplicate: bool = False
    status: int | None = None
    outcome: Outcome = "aborted"
    answered: bool = False
    elapsed_s: float = 0.0


class RequestLog:
    """Counts requests and, given a path, appends a JSON line for each as soon as it has ended."""

    def __init__(self, path: Path | None = None) -> None:
        self._file = path.open("ab", buffering=0) if path else None
        self._in_flight = 0
        self.reset()

    def reset(self) -> None:
        """Forget all that was counted (the file keeps its lines)."""
        self._arrivals: Counter[str] = Counter()
        self._answered: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._requests = self._duplicates = self._aborted = 0
        self._most_in_flight = self._in_flight

    def arrive(self, method: str, path: str, request_id: str) -> Record:
        """Note that a request has come in."""
        self._requests += 1
        self._in_flight += 1
        self._most_in_flight = max(self._most_in_flight, self._in_flight)
        return Record(self._requests, datetime.now(UTC), method, path, request_id)

    def identify(self, record: Record, digest: str) -> None:
        """Note what a request asks, once its body has been read."""
        record.digest = digest
        record.arrival = self._arrivals[digest]
        record.duplicate = self._answered[digest] > 0
        self._arrivals[digest] += 1
        self._duplicates += record.duplicate

    def batch_item(self, digest: str) -> None:
        """Note a request of a batch that was answered."""
        self._arrivals[digest] += 1
        self._duplicates += self._answered[digest] > 0
        self._answered[digest] += 1

    def end(self, record: Record) -> None:
        """Note how a request ended and write its line."""
        self._in_flight -= 1
        self._statuses[str(record.status)] += 1
        self._aborted += record.outcome == "aborted"
        if record.fault:
            self._faults[record.fault] += 1
        if record.digest is not None and record.answered:
            self._answered[record.digest] += 1
        if self._file is not None:
            self._file.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))

    def summary(self) -> dict[str, Any]:
        """What was counted since the start or the last reset."""
        return {
            "requests": self._requests,
            "distinct": len(self._arrivals),
            "answered": sum(self._answered.values()),
            "duplicates": self._duplicates,
            "aborted": self._aborted,
            "in_flight": self._in_flight,
            "most_in_flight": self._most_in_flight,
            "statuses": dict(self._statuses),
            "faults": dict(self._faults),
        }

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
