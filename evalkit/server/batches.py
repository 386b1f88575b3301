"""Message Batches: made, processed in their own time, listed, cancelled, deleted, read."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from evalkit.server.refusals import Refusal, invalid

_CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_CANCEL_S = 0.1
_COUNTS = ("processing", "succeeded", "errored", "canceled", "expired")


@dataclass(slots=True)
class Batch:
    """One batch. Requests are done one after another over ``duration_s`` from ``made_at``."""

    id: str
    requests: list[Mapping[str, Any]]
    made_at: datetime
    duration_s: float
    version: str
    betas: tuple[str, ...] = ()
    cancelled_at: datetime | None = None
    results: list[dict[str, Any]] | None = None
    ended_at: datetime | None = None

    def end(self) -> datetime:
        """When processing ends, as things stand."""
        whole = self.made_at + timedelta(seconds=self.duration_s)
        if self.cancelled_at is None:
            return whole
        return min(whole, self.cancelled_at + timedelta(seconds=min(_CANCEL_S, self.duration_s)))

    def done_by(self, moment: datetime) -> int:
        """How many requests are done at that moment."""
        if self.duration_s <= 0:
            return len(self.requests)
        share = (moment - self.made_at).total_seconds() / self.duration_s
        return min(len(self.requests), int(len(self.requests) * share))


Process = Callable[[Mapping[str, Any], Batch], dict[str, Any]]


@dataclass(slots=True)
class Batches:
    """All batches of the server. ``process`` turns one of its requests into a result."""

    process: Process
    delay_s: float = 0.0
    seed: int = 0
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    _batches: dict[str, Batch] = field(default_factory=dict)

    def create(
        self, body: Any, base_url: str, *, version: str, betas: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """Take a batch in. Requests are validated only while they are processed."""
        requests = body.get("requests") if isinstance(body, dict) else None
        if not isinstance(requests, list) or not requests:
            raise invalid("requests: Field required")
        seen: set[str] = set()
        for number, request in enumerate(requests):
            _check_item(request, number, seen)
        luck = random.Random(f"{self.seed}:batch:{len(self._batches)}")
        name = f"msgbatch_01{luck.getrandbits(88):022x}"
        batch = Batch(name, requests, self.now(), self.delay_s, version, betas)
        self._batches[batch.id] = batch
        return self._document(batch, base_url)

    def get(self, batch_id: str, base_url: str) -> dict[str, Any]:
        """One batch as it stands."""
        return self._document(self._find(batch_id), base_url)

    def all(self, base_url: str) -> list[dict[str, Any]]:
        """All batches, newest first."""
        return [self._document(batch, base_url) for batch in reversed(self._batches.values())]

    def cancel(self, batch_id: str, base_url: str) -> dict[str, Any]:
        """Stop a batch soon; what is done by then stays done."""
        batch = self._find(batch_id)
        self._settle(batch)
        if batch.ended_at is None and batch.cancelled_at is None:
            batch.cancelled_at = self.now()
        return self._document(batch, base_url)

    def delete(self, batch_id: str) -> dict[str, Any]:
        """Forget a batch that has ended."""
        batch = self._find(batch_id)
        self._settle(batch)
        if batch.ended_at is None:
            raise invalid(f"Batch {batch_id} cannot be deleted while it is in progress.")
        del self._batches[batch_id]
        return {"id": batch_id, "type": "message_batch_deleted"}

    def results(self, batch_id: str) -> list[dict[str, Any]]:
        """Result lines of a batch that has ended, in no particular order."""
        batch = self._find(batch_id)
        self._settle(batch)
        if batch.results is None:
            raise invalid(f"Batch {batch_id} has no results yet: it is still in progress.")
        return batch.results

    def _find(self, batch_id: str) -> Batch:
        batch = self._batches.get(batch_id)
        if batch is None:
            raise Refusal(404, f"Batch {batch_id} not found")
        return batch

    def _settle(self, batch: Batch) -> None:
        """Make the results once the time has come."""
        end = batch.end()
        if batch.results is not None or self.now() < end:
            return
        done = batch.done_by(end)
        lines = []
        for number, request in enumerate(batch.requests):
            result = self.process(request, batch) if number < done else {"type": "canceled"}
            lines.append({"custom_id": request["custom_id"], "result": result})
        random.Random(f"{self.seed}:{batch.id}").shuffle(lines)
        batch.results, batch.ended_at = lines, end

    def _document(self, batch: Batch, base_url: str) -> dict[str, Any]:
        self._settle(batch)
        counts = dict.fromkeys(_COUNTS, 0)
        status = "canceling" if batch.cancelled_at else "in_progress"
        url = None
        if batch.results is None:
            counts["processing"] = len(batch.requests)
        else:
            status = "ended"
            url = f"{base_url}/v1/messages/batches/{batch.id}/results"
            for line in batch.results:
                counts[line["result"]["type"]] += 1
        return {
            "id": batch.id,
            "type": "message_batch",
            "processing_status": status,
            "request_counts": counts,
            "created_at": _moment(batch.made_at),
            "expires_at": _moment(batch.made_at + timedelta(hours=24)),
            "ended_at": _moment(batch.ended_at),
            "cancel_initiated_at": _moment(batch.cancelled_at),
            "archived_at": None,
            "results_url": url,
        }


def _check_item(request: Any, number: int, seen: set[str]) -> None:
    name = request.get("custom_id") if isinstance(request, dict) else None
    if not isinstance(name, str) or not _CUSTOM_ID.fullmatch(name):
        raise invalid(
            f"requests.{number}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'"
        )
    if name in seen:
        raise invalid(f"requests.{number}.custom_id: Duplicate custom_id {name}")
    seen.add(name)
    if not isinstance(request.get("params"), dict):
        raise invalid(f"requests.{number}.params: Field required")


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
