"""Webhooks: what they are sent, when, how often tried, and that their address stays a secret."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from evalkit.analysis.gate import GateResult
from evalkit.pipeline.notify import ATTEMPTS, NotTold, Webhook, is_wanted, tell_webhook
from evalkit.report.gate_report import GateReport, Usage


def a_report(verdict: Any = "regression", **fields: Any) -> GateReport:
    codes = {"pass": 0, "regression": 1, "inconclusive": 5, "unmeasured": 3}
    return GateReport(
        **{
            "suite": "sums",
            "run_id": "aaaaaa",
            "run_path": "runs/sums/x-aaaaaa",
            "verdict": verdict,
            "exit_code": codes[verdict],
            "result": GateResult(verdict, (), 1, 0.05, 0.01, 7, 10, None),
            "usage": Usage(10, 10, 0.01),
            "started_at": "2026-11-25T12:00:00+00:00",
            **fields,
        }
    )


class Hook:
    """A webhook on loopback that answers from a script."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.bodies: list[tuple[str, bytes]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hook.bodies.append((self.headers["content-type"], body))
                self.send_response(hook.answers.pop(0) if hook.answers else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/secret-path"


@pytest.fixture
def hook() -> Iterator[Hook]:
    found = Hook()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def test_slack_is_sent_text_and_others_the_report(hook: Hook) -> None:
    tell_webhook(Webhook(hook.url), a_report())
    tell_webhook(Webhook(hook.url, "json"), a_report())
    (kind, slack), (_, whole) = hook.bodies
    assert kind.startswith("application/json")
    assert json.loads(slack)["text"].startswith("REGRESSION sums")
    assert json.loads(whole)["verdict"] == "regression"


def test_a_template_says_it_its_own_way(hook: Hook, tmp_path: Path) -> None:
    template = tmp_path / "message.j2"
    template.write_text('{"blocks": [{{ headline | tojson }}], "n": {{ report.usage.asked }}}')
    tell_webhook(Webhook(hook.url, template=template), a_report())
    assert json.loads(hook.bodies[0][1]) == {"blocks": ["REGRESSION sums"], "n": 10}
    template.write_text("{{ ''.__class__.__mro__ }}")
    with pytest.raises(NotTold, match="does not render"):
        tell_webhook(Webhook(hook.url, template=template), a_report())


def test_trouble_is_tried_again_and_refusal_is_not(hook: Hook) -> None:
    waits: list[float] = []
    hook.answers = [503, 429]
    tell_webhook(Webhook(hook.url), a_report(), sleep=waits.append)
    assert len(hook.bodies) == 3
    assert waits == sorted(waits)
    assert len(waits) == 2
    hook.answers = [500] * ATTEMPTS
    with pytest.raises(NotTold, match=f"it answered 500, {ATTEMPTS} times") as caught:
        tell_webhook(Webhook(hook.url), a_report(), sleep=waits.append)
    assert "secret-path" not in str(caught.value)
    hook.answers = [404]
    with pytest.raises(NotTold, match="it answered 404"):
        tell_webhook(Webhook(hook.url), a_report(), sleep=waits.append)
    assert len(hook.bodies) == 3 + ATTEMPTS + 1


@pytest.mark.parametrize("url", ["ftp://host/x", "file:///etc/passwd", "nonsense"])
def test_only_http_is_told(url: str) -> None:
    with pytest.raises(NotTold, match="no http"):
        tell_webhook(Webhook(url), a_report())


def test_when_it_is_worth_a_message() -> None:
    passed, failed = a_report("pass"), a_report()
    assert not is_wanted("change", passed)
    assert is_wanted("change", failed)
    assert is_wanted("change", replace(passed, previous="regression"))
    assert not is_wanted("change", replace(failed, previous="regression"))
    assert [is_wanted("failure", one) for one in (passed, failed)] == [False, True]
    assert is_wanted("always", passed)
