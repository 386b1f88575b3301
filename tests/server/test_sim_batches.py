"""Message batches: their states, results and rules, by a clock of their own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evalkit.server.batches import Batches
from evalkit.server.faults import FaultPlan, parse_fault
from evalkit.server.refusals import Refusal
from evalkit.server.service import Service
from evalkit.server.simulated import Simulated

URL = "http://host"


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def item(name: str, **fields: Any) -> dict[str, Any]:
    params = {
        "model": "claude-haiku-4-5",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": f"question {name}"}],
        **fields,
    }
    return {"custom_id": name, "params": params}


def batches(*faults: str, delay_s: float = 0.0) -> tuple[Batches, Clock, Service]:
    plan = FaultPlan([parse_fault(text) for text in faults])
    service = Service(backend=Simulated(), batch_delay_s=delay_s, faults=plan)
    clock = Clock()
    service.batches.now = clock
    return service.batches, clock, service


def create(made: Batches, *items: dict[str, Any]) -> dict[str, Any]:
    return made.create({"requests": list(items)}, URL, version="2023-06-01")


def by_name(made: Batches, name: str) -> dict[str, dict[str, Any]]:
    return {line["custom_id"]: line["result"] for line in made.results(name)}


def test_a_batch_is_in_progress_until_its_time_has_come() -> None:
    made, clock, _ = batches(delay_s=10)
    batch = create(made, item("a"), item("b"))
    assert batch["type"] == "message_batch"
    assert batch["processing_status"] == "in_progress"
    assert batch["request_counts"] == {
        "processing": 2, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0,
    }  # fmt: skip
    assert batch["results_url"] is None
    with pytest.raises(Refusal, match="no results yet"):
        made.results(batch["id"])
    clock.pass_s(9)
    assert made.get(batch["id"], URL)["request_counts"]["processing"] == 2
    clock.pass_s(1)
    ended = made.get(batch["id"], URL)
    assert ended["processing_status"] == "ended"
    assert ended["request_counts"]["succeeded"] == 2
    assert ended["results_url"] == f"{URL}/v1/messages/batches/{batch['id']}/results"
    assert ended["ended_at"] == "2026-01-01T00:00:10Z"
    message = by_name(made, batch["id"])["a"]["message"]
    assert message["usage"]["service_tier"] == "batch"


def test_results_come_in_another_order() -> None:
    made, _, _ = batches()
    names = [f"r{n}" for n in range(30)]
    batch = create(made, *map(item, names))
    got = [line["custom_id"] for line in made.results(batch["id"])]
    assert got != names
    assert sorted(got) == sorted(names)


def test_bad_requests_surface_only_in_the_results() -> None:
    made, _, _ = batches()
    batch = create(
        made,
        item("good"),
        item("typo", temprature=1),
        item("streamed", stream=True),
        item("warm", max_tokens=0),
        item("gone", model="claude-3-7-sonnet-20250219"),
    )
    results = by_name(made, batch["id"])
    assert results["good"]["type"] == "succeeded"
    errors = {name: result["error"] for name, result in results.items() if name != "good"}
    assert {error["type"] for error in errors.values()} == {"error"}
    assert errors["typo"]["error"]["message"] == "temprature: Extra inputs are not permitted"
    assert errors["typo"]["error"]["type"] == "invalid_request_error"
    assert errors["gone"]["error"]["type"] == "not_found_error"
    assert "not supported in batches" in errors["streamed"]["error"]["message"]
    assert "not supported in batches" in errors["warm"]["error"]["message"]


def test_a_cancelled_batch_keeps_what_was_done() -> None:
    made, clock, _ = batches(delay_s=10)
    batch = create(made, *(item(f"r{n}") for n in range(10)))
    clock.pass_s(4)
    assert made.cancel(batch["id"], URL)["processing_status"] == "canceling"
    clock.pass_s(1)
    ended = made.get(batch["id"], URL)
    assert ended["processing_status"] == "ended"
    assert ended["request_counts"]["succeeded"] == 4
    assert ended["request_counts"]["canceled"] == 6
    assert made.cancel(batch["id"], URL)["processing_status"] == "ended"


def test_only_what_has_ended_can_be_deleted() -> None:
    made, clock, _ = batches(delay_s=10)
    batch = create(made, item("a"))
    with pytest.raises(Refusal, match="in progress"):
        made.delete(batch["id"])
    clock.pass_s(10)
    assert made.delete(batch["id"]) == {"id": batch["id"], "type": "message_batch_deleted"}
    with pytest.raises(Refusal) as caught:
        made.get(batch["id"], URL)
    assert caught.value.status == 404


def test_batches_are_listed_newest_first() -> None:
    made, _, _ = batches()
    names = [create(made, item("a"))["id"] for _ in range(3)]
    assert [batch["id"] for batch in made.all(URL)] == names[::-1]


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"requests": []},
        {"requests": [{"custom_id": "has space", "params": {}}]},
        {"requests": [{"custom_id": "x" * 65, "params": {}}]},
        {"requests": [{"custom_id": "a"}]},
        {"requests": [item("a"), item("a")]},
    ],
)
def test_a_batch_that_is_none_is_refused(body: Any) -> None:
    made, _, _ = batches()
    with pytest.raises(Refusal) as caught:
        made.create(body, URL, version="2023-06-01")
    assert caught.value.status == 400


def test_some_requests_expire_or_fail_by_their_probability() -> None:
    made, _, service = batches("batch-expired=0.3", "batch-errored=0.2")
    batch = create(made, *(item(f"r{n}") for n in range(200)))
    counts = made.get(batch["id"], URL)["request_counts"]
    assert counts["expired"] == pytest.approx(60, abs=20)
    assert counts["errored"] == pytest.approx(40, abs=20)
    assert counts["succeeded"] == 200 - counts["expired"] - counts["errored"]
    failed = [line for line in made.results(batch["id"]) if line["result"]["type"] == "errored"]
    assert {line["result"]["error"]["error"]["type"] for line in failed} == {"api_error"}
    assert service.log.summary()["answered"] == counts["succeeded"]


def test_a_request_answered_twice_is_a_duplicate() -> None:
    made, _, service = batches()
    create(made, item("a"), item("b"))
    create(made, item("a"))
    made.all(URL)
    assert service.log.summary()["duplicates"] == 1
