"""The endpoints over ASGI: requests, answers, refusals, keys, the log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from evalkit.server.answers import AnswerBook, Entry
from evalkit.server.app import build_app
from evalkit.server.backend import Answer, Call
from evalkit.server.faults import FaultPlan, Setting
from evalkit.server.limits import RateLimits
from evalkit.server.requestlog import RequestLog
from evalkit.server.service import Service
from evalkit.server.simulated import Simulated, Skill

VERSION = {"anthropic-version": "2023-06-01"}
BOOK = AnswerBook(Entry(f"What is {n} times 7?", str(7 * n)) for n in range(60))


def client(*, seed: int = 0, skill: Skill | None = None, **options: Any) -> TestClient:
    backend = Simulated(seed=seed, skill=skill, answers=BOOK)
    service = Service(backend=backend, seed=seed, **options)
    return TestClient(build_app(service), headers=VERSION)


def body(question: str = "What is 6 times 7?", **fields: Any) -> dict[str, Any]:
    return {
        "model": "claude-haiku-4-5",
        "max_tokens": 500,
        "messages": [{"role": "user", "content": question}],
        **fields,
    }


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


def test_an_answer_has_the_form_of_the_api() -> None:
    reply = client().post("/v1/messages", json=body())
    message = reply.json()
    assert reply.status_code == 200
    assert message["type"] == "message"
    assert message["role"] == "assistant"
    assert message["model"] == "claude-haiku-4-5-20251001"
    assert [block["type"] for block in message["content"]] == ["text"]
    assert message["stop_reason"] == "end_turn"
    assert message["usage"]["output_tokens"] > 0
    assert message["usage"]["output_tokens_details"] == {"thinking_tokens": 0}
    assert reply.headers["request-id"].startswith("req_")


def test_a_stream_carries_the_same_message_as_a_whole_answer() -> None:
    asked = body(thinking={"type": "enabled", "budget_tokens": 1024}, max_tokens=2000)
    whole = client().post("/v1/messages", json=asked).json()
    reply = client().post("/v1/messages", json={**asked, "stream": True})
    assert reply.headers["content-type"].startswith("text/event-stream")
    sent = events(reply.text)
    assert [event["type"] for event in sent][:2] == ["message_start", "content_block_start"]
    assert sent[-1] == {"type": "message_stop"}
    parts: dict[int, dict[str, str]] = {}
    for event in sent:
        if event["type"] == "content_block_delta":
            delta = dict(event["delta"])
            kind = delta.pop("type")
            block = parts.setdefault(event["index"], {})
            for name, value in delta.items():
                block[name] = value if kind == "signature_delta" else block.get(name, "") + value
    thinking, text = whole["content"]
    assert parts[0] == {"thinking": thinking["thinking"], "signature": thinking["signature"]}
    assert parts[1] == {"text": text["text"]}
    closing = next(event for event in sent if event["type"] == "message_delta")
    assert closing["delta"]["stop_reason"] == whole["stop_reason"]
    assert closing["usage"]["output_tokens"] == whole["usage"]["output_tokens"]
    assert closing["usage"]["output_tokens_details"] == whole["usage"]["output_tokens_details"]
    opening = sent[0]["message"]
    assert opening["id"] == whole["id"]
    assert opening["usage"]["input_tokens"] == whole["usage"]["input_tokens"]
    assert opening["content"] == []
    assert opening["stop_reason"] is None


def test_the_same_seed_gives_the_same_answers_and_another_seed_others() -> None:
    def texts(seed: int) -> list[str]:
        asker = client(seed=seed)
        replies = [asker.post("/v1/messages", json=body()).text for _ in range(5)]
        assert len(set(replies)) == 5, "every draw of a request is another answer"
        return replies

    assert texts(1) == texts(1)
    assert texts(1) != texts(2)


def test_answers_do_not_depend_on_the_order_of_requests() -> None:
    questions = [f"What is {n} times 7?" for n in range(10)]

    def ask(order: list[str]) -> dict[str, str]:
        asker = client()
        return {text: asker.post("/v1/messages", json=body(text)).text for text in order}

    assert ask(questions) == ask(questions[::-1])


def test_a_perfect_model_is_right_and_a_hopeless_one_wrong() -> None:
    for share, is_right in ((1.0, True), (0.0, False)):
        asker = client(skill=Skill(base=share, gain=0.0))
        for n in range(20):
            asked = body(f"What is {n} times 7? Answer with the number only.")
            text = asker.post("/v1/messages", json=asked).json()["content"][0]["text"]
            assert (text == str(7 * n)) == is_right


def test_a_draw_that_was_not_delivered_is_given_again() -> None:
    clean = [client().post("/v1/messages", json=body()).json()["id"]]
    asker = client(faults=FaultPlan([Setting("truncated", 0.5)], seed=3))
    ids = []
    for _ in range(40):
        reply = asker.post("/v1/messages", json=body())
        try:
            ids.append(reply.json()["id"])
        except json.JSONDecodeError:
            continue
        break
    assert ids == clean


def test_keys_are_demanded_and_x_api_key_goes_first() -> None:
    asker = client(api_key="sk-right")

    def ask(**headers: str) -> tuple[int, str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = asker.post("/v1/messages", json=body(), headers=named)
        error = reply.json().get("error", {})
        return reply.status_code, error.get("message", "")

    assert ask() == (401, "x-api-key header is required")
    assert ask(x_api_key="sk-wrong") == (401, "invalid x-api-key")
    assert ask(authorization="Bearer sk-wrong")[0] == 401
    assert ask(authorization="Basic sk-right")[0] == 401
    assert ask(x_api_key="sk-wrong", authorization="Bearer sk-right")[0] == 401
    assert ask(x_api_key="sk-right", authorization="Bearer sk-wrong")[0] == 200
    assert ask(authorization="Bearer sk-right")[0] == 200


def test_versions_and_betas_are_checked_unless_lenient() -> None:
    for is_lenient, status in ((False, 400), (True, 200)):
        asker = client(is_lenient=is_lenient)
        for headers in (
            {"anthropic-version": ""},
            {"anthropic-version": "2024-01-01"},
            {"anthropic-beta": "output-128k-2025-02-19, made-up-2025-01-01"},
        ):
            reply = asker.post("/v1/messages", json=body(), headers=headers)
            assert reply.status_code == status, headers
    known = {"anthropic-beta": "output-128k-2025-02-19,interleaved-thinking-2025-05-14"}
    assert client().post("/v1/messages", json=body(), headers=known).status_code == 200


def test_an_unknown_beta_is_named() -> None:
    headers = {"anthropic-beta": "made-up-2025-01-01"}
    error = client().post("/v1/messages", json=body(), headers=headers).json()["error"]
    assert error["type"] == "invalid_request_error"
    assert "Unexpected value(s) `made-up-2025-01-01`" in error["message"]


def test_lenient_takes_what_gateways_take() -> None:
    asker = client(is_lenient=True)
    asked = body(model="some/model", chat_template_kwargs={}, temperature=1.7)
    del asked["max_tokens"]
    reply = asker.post("/v1/messages", json=asked)
    assert reply.status_code == 200
    assert reply.json()["model"] == "some/model"
    assert asker.post("/v1/messages", json=body(messages="hello")).status_code == 400


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"model": "\\ud800"}', b'{"a": "\xff"}'])
def test_what_is_no_json_object_is_a_400(content: bytes) -> None:
    reply = client().post("/v1/messages", content=content)
    assert reply.status_code == 400
    assert reply.json()["error"]["type"] == "invalid_request_error"


def test_a_body_over_the_limit_is_a_413(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalkit.server.app.MAX_BODY_BYTES", 1000)
    reply = client().post("/v1/messages", json=body("x" * 1000))
    assert reply.status_code == 413
    assert reply.json()["error"]["type"] == "request_too_large"


def test_unknown_paths_and_methods_answer_in_the_form_of_the_api() -> None:
    asker = client()
    missing = asker.get("/v1/nothing")
    assert missing.status_code == 404
    assert missing.json()["error"]["type"] == "not_found_error"
    assert missing.json()["request_id"] == missing.headers["request-id"]
    assert asker.get("/v1/messages").status_code == 405
    assert asker.get("/health").json() == {"status": "ok"}


def test_counting_tokens_needs_no_max_tokens_and_grows_with_the_prompt() -> None:
    asker = client()

    def count(text: str, **fields: Any) -> Any:
        asked = body(text, **fields)
        del asked["max_tokens"]
        return asker.post("/v1/messages/count_tokens", json=asked).json()

    short, long = count("hello"), count("hello " * 100)
    assert 0 < short["input_tokens"] < long["input_tokens"]
    assert count("hello", temperature=1)["error"]["message"].startswith("temperature: Extra")


def test_the_count_is_what_the_answer_then_reports() -> None:
    asker = client()
    system = [{"type": "text", "text": "Answer briefly."}]
    counted = body(system=system)
    del counted["max_tokens"]
    tokens = asker.post("/v1/messages/count_tokens", json=counted).json()["input_tokens"]
    usage = asker.post("/v1/messages", json=body(system=system)).json()["usage"]
    assert usage["input_tokens"] == tokens


def test_limits_are_reported_and_enforced() -> None:
    asker = client(limits=RateLimits(requests_per_minute=6, burst=2, now_s=0.0))
    replies = [asker.post("/v1/messages", json=body()) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [200, 200, 429]
    remaining = [reply.headers["anthropic-ratelimit-requests-remaining"] for reply in replies]
    assert remaining == ["1", "0", "0"]
    assert replies[0].headers["anthropic-ratelimit-requests-limit"] == "6"
    assert 1 <= int(replies[2].headers["retry-after"]) <= 10
    assert replies[2].json()["error"]["type"] == "rate_limit_error"


def test_output_tokens_are_charged_when_generated() -> None:
    asker = client(limits=RateLimits(output_tokens_per_minute=10, now_s=0.0))
    first = asker.post("/v1/messages", json=body())
    assert first.json()["usage"]["output_tokens"] > 10
    second = asker.post("/v1/messages", json=body())
    assert second.status_code == 429
    assert "output tokens" in second.json()["error"]["message"]


def test_the_log_has_a_line_for_each_request_and_counts_duplicates(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = RequestLog(path)
    asker = client(log=log)
    for question in ("What is 1 times 7?", "What is 2 times 7?", "What is 1 times 7?"):
        asker.post("/v1/messages", json=body(question))
    asker.post("/v1/messages", json={**body("What is 1 times 7?"), "stream": True})
    asker.post("/v1/messages", json=body(max_tokens=-1))
    asker.get("/v1/models")
    log.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["status"] for line in lines] == [200, 200, 200, 200, 400, 200]
    assert [line["duplicate"] for line in lines] == [False, False, True, True, False, False]
    assert [line["draw"] for line in lines] == [0, 0, 1, 2, None, None]
    assert [line["answered"] for line in lines] == [True, True, True, True, False, False]
    assert {line["outcome"] for line in lines} == {"completed"}
    assert lines[0]["digest"] == lines[3]["digest"] != lines[1]["digest"]
    assert lines[0]["model"] == "claude-haiku-4-5"
    summary = log.summary()
    assert summary["requests"] == 6
    assert summary["distinct"] == 3
    assert summary["answered"] == 4
    assert summary["duplicates"] == 2
    assert summary["statuses"] == {"200": 5, "400": 1}


def test_reset_forgets_requests_and_draws() -> None:
    asker = client()
    first = asker.post("/v1/messages", json=body()).json()
    assert asker.post("/_evalkit/reset").json()["requests"] == 0
    assert asker.post("/v1/messages", json=body()).json() == first
    assert asker.get("/_evalkit/log").json()["duplicates"] == 0


def test_a_request_may_ask_for_its_fault() -> None:
    asker = client()
    reply = asker.post("/v1/messages", json=body(), headers={"x-evalkit-fault": "429:7"})
    assert reply.status_code == 429
    assert reply.headers["retry-after"] == "7"
    unknown = asker.post("/v1/messages", json=body(), headers={"x-evalkit-fault": "nope"})
    assert unknown.status_code == 400
    assert asker.get("/_evalkit/log").json()["faults"] == {"429": 1}


def test_a_bug_of_the_server_is_a_500_and_told(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Simulated):
        def answer(self, call: Call) -> Answer:
            raise ZeroDivisionError("no such luck")

    app = build_app(Service(backend=Broken()))
    asker = TestClient(app, headers=VERSION, raise_server_exceptions=False)
    reply = asker.post("/v1/messages", json=body())
    assert reply.status_code == 500
    assert reply.json()["error"]["type"] == "api_error"
    assert "no such luck" in caplog.text


def test_models_come_in_pages_newest_first() -> None:
    asker = client()
    first = asker.get("/v1/models?limit=3").json()
    assert len(first["data"]) == 3
    assert first["has_more"]
    assert first["first_id"] == first["data"][0]["id"]
    second = asker.get(f"/v1/models?limit=1000&after_id={first['last_id']}").json()
    assert not second["has_more"]
    everything = first["data"] + second["data"]
    dates = [model["created_at"] for model in everything]
    assert dates == sorted(dates, reverse=True)
    assert "retired" not in {model["lifecycle"] for model in everything}
    before = asker.get(f"/v1/models?limit=2&before_id={first['last_id']}").json()
    assert before["data"] == first["data"][:2]
    assert not before["has_more"]
    retired = asker.get("/v1/models?lifecycle=retired&limit=50").json()["data"]
    assert {model["lifecycle"] for model in retired} == {"retired"}
    for query in ("limit=0", "limit=x", "limit=1001", "after_id=nope"):
        assert asker.get(f"/v1/models?{query}").status_code == 400


def test_a_model_says_what_it_accepts() -> None:
    asker = client()
    model = asker.get("/v1/models/claude-haiku-4-5").json()
    assert model["id"] == "claude-haiku-4-5-20251001"
    assert model["display_name"] == "Claude Haiku 4.5"
    assert model["max_tokens"] == 64000
    types = model["capabilities"]["thinking"]["types"]
    assert types["enabled"] == {"supported": True}
    assert types["adaptive"] == {"supported": False}
    assert model["capabilities"]["effort"]["supported"] is False
    assert asker.get("/v1/models/nope").status_code == 404


def test_what_models_declare_is_what_messages_accept() -> None:
    asker = client()
    for model in asker.get("/v1/models?limit=1000").json()["data"]:
        thinking = model["capabilities"]["thinking"]["types"]
        for kind, settings in (
            ("adaptive", {"type": "adaptive"}),
            ("disabled", {"type": "disabled"}),
            ("between_tools", {"type": "between_tools"}),
            ("enabled", {"type": "enabled", "budget_tokens": 1024}),
        ):
            asked = body(model=model["id"], max_tokens=2000, thinking=settings)
            status = asker.post("/v1/messages", json=asked).status_code
            assert (status == 200) == thinking[kind]["supported"], (model["id"], kind)
        efforts = model["capabilities"]["effort"]
        for level in ("low", "medium", "high", "xhigh", "max"):
            asked = body(model=model["id"], output_config={"effort": level})
            status = asker.post("/v1/messages", json=asked).status_code
            assert (status == 200) == efforts[level]["supported"], (model["id"], level)
