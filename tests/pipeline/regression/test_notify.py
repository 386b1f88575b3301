"""Webhooks: what they are sent, when, how often tried, and that their address stays a secret."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from evalkit.analysis.gate import GateResult
from evalkit.pipeline.regression.notify import (
    ATTEMPTS,
    Message,
    NoAddress,
    NotTold,
    Webhook,
    check_address,
    tell_webhook,
)
from evalkit.report import gate as pages
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


def a_message(verdict: Any = "regression", **fields: Any) -> Message:
    report = a_report(verdict, **fields)
    return Message(json.loads(pages.to_json(report)), "\n".join(pages.lines(report)) + "\n")


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
    tell_webhook(Webhook(hook.url), a_message())
    tell_webhook(Webhook(hook.url, "json"), a_message())
    (kind, slack), (_, whole) = hook.bodies
    assert kind.startswith("application/json")
    assert json.loads(slack)["text"].startswith("REGRESSION sums")
    assert json.loads(whole)["verdict"] == "regression"


def test_a_template_says_it_its_own_way(hook: Hook, tmp_path: Path) -> None:
    template = tmp_path / "message.j2"
    template.write_text('{"blocks": [{{ headline | tojson }}], "n": {{ report.usage.asked }}}')
    tell_webhook(Webhook(hook.url, template=template), a_message())
    assert json.loads(hook.bodies[0][1]) == {"blocks": ["REGRESSION sums"], "n": 10}
    template.write_text("{{ ''.__class__.__mro__ }}")
    with pytest.raises(NotTold, match="does not render"):
        tell_webhook(Webhook(hook.url, template=template), a_message())


def test_trouble_is_tried_again_and_refusal_is_not(hook: Hook) -> None:
    waits: list[float] = []
    hook.answers = [503, 429]
    tell_webhook(Webhook(hook.url), a_message(), sleep=waits.append)
    assert len(hook.bodies) == 3
    assert waits == sorted(waits)
    assert len(waits) == 2
    hook.answers = [500] * ATTEMPTS
    with pytest.raises(NotTold, match=f"it answered 500, {ATTEMPTS} times") as caught:
        tell_webhook(Webhook(hook.url), a_message(), sleep=waits.append)
    assert "secret-path" not in str(caught.value)
    hook.answers = [404]
    with pytest.raises(NotTold, match="it answered 404"):
        tell_webhook(Webhook(hook.url), a_message(), sleep=waits.append)
    assert len(hook.bodies) == 3 + ATTEMPTS + 1


def test_a_redirect_is_not_followed(hook: Hook) -> None:
    hook.answers = [302]
    with pytest.raises(NotTold, match="answered 302, a redirect"):
        tell_webhook(Webhook(hook.url), a_message())
    assert len(hook.bodies) == 1


def test_what_does_not_speak_http_is_not_told_and_breaks_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def talk() -> None:
            for _ in range(ATTEMPTS):
                connection, _ = server.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(b"220 mail.example ready\r\n")

        thread = threading.Thread(target=talk)
        thread.start()
        webhook = Webhook(f"http://127.0.0.1:{server.getsockname()[1]}/secret")
        with pytest.raises(NotTold, match="BadStatusLine") as caught:
            tell_webhook(webhook, a_message(), sleep=lambda _: None)
        thread.join()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/x",
        "file:///etc/passwd",
        "nonsense",
        "",
        "http://host:8x/secret",
        "http://host/a b",
        "http://[::1/secret",
        "http://host/\u00e9",
    ],
)
def test_only_http_is_told(url: str) -> None:
    with pytest.raises(NoAddress, match="no http") as caught:
        check_address(url)
    assert "secret" not in str(caught.value)
    with pytest.raises(NotTold, match="no http"):
        tell_webhook(Webhook(url), a_message())


def test_no_name_of_a_case_calls_anybody_on_slack(hook: Hook) -> None:
    message = replace(a_message(), text="case <!channel> & others")
    tell_webhook(Webhook(hook.url), message)
    assert json.loads(hook.bodies[0][1])["text"] == "case &lt;!channel&gt; &amp; others"


def test_when_it_is_worth_a_message() -> None:
    assert not a_message("pass").is_wanted("change")
    assert a_message().is_wanted("change")
    assert a_message("pass", previous="regression").is_wanted("change")
    assert not a_message(previous="regression").is_wanted("change")
    assert [one.is_wanted("failure") for one in (a_message("pass"), a_message())] == [False, True]
    assert a_message("pass").is_wanted("always")
