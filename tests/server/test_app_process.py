"""``evalkit serve`` as a process: its one line, its log, its ends, its options."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from servers import RunningServer, simulated_server

from evalkit.cli.serve import command
from evalkit.errors import DatasetError, UsageError
from evalkit.messages.request import request_digest

BODY: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "What is 2 plus 2? Number only."}],
}


def post(server: RunningServer, body: dict[str, Any] = BODY, **headers: str) -> Any:
    named = {"anthropic-version": "2023-06-01", "content-type": "application/json"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(
        f"{server.base_url}/v1/messages", json.dumps(body).encode(), named
    )
    with urllib.request.urlopen(request, timeout=20) as reply:
        return json.load(reply)


def test_it_says_where_it_listens_and_nothing_else(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "evalkit", "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    post(RunningServer(line.split()[-1], tmp_path / "none", process))
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=10)
    assert line.startswith("listening on http://127.0.0.1:")
    assert (rest, errors) == ("", "")
    assert process.returncode == 0


def test_answers_come_from_the_file(tmp_path: Path) -> None:
    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"question": "What is 2 plus 2?", "answer": 4}\n')
    with simulated_server("--answers", answers, "--skill", "1", "--gain", "0") as server:
        assert post(server)["content"][0]["text"] == "4"


def test_a_hanging_request_does_not_keep_it_from_ending() -> None:
    with simulated_server("--latency", "60") as server:
        done = threading.Event()

        def ask() -> None:
            with pytest.raises((urllib.error.URLError, OSError)):
                post(server)
            done.set()

        thread = threading.Thread(target=ask)
        thread.start()
        for _ in range(200):
            if server.summary()["in_flight"]:
                break
            done.wait(0.02)
        assert server.stop() == 0
        thread.join(10)
        assert done.is_set()
        (record,) = server.requests()
    assert record["outcome"] == "aborted"
    assert record["answered"] is False


def test_the_log_can_be_read_while_it_runs() -> None:
    with simulated_server() as server:
        for count in range(1, 4):
            post(server)
            records = server.requests()
            assert len(records) == count
            assert records[-1]["digest"] == request_digest(BODY)
            assert records[-1]["duplicate"] == (count > 1)
        assert server.summary()["duplicates"] == 2
        server.reset()
        assert server.summary()["requests"] == 0


def test_a_latency_is_waited_for() -> None:
    with simulated_server("--latency", "0.3") as server:
        post(server)
        (record,) = server.requests()
    assert record["elapsed_s"] >= 0.3


def test_a_slow_stream_comes_in_time_order() -> None:
    with simulated_server("--tokens-per-second", "200") as server:
        body = {**BODY, "stream": True, "messages": [{"role": "user", "content": "Tell me."}]}
        request = urllib.request.Request(
            f"{server.base_url}/v1/messages",
            json.dumps(body).encode(),
            {"anthropic-version": "2023-06-01"},
        )
        with urllib.request.urlopen(request, timeout=20) as reply:
            text = reply.read().decode()
        (record,) = server.requests()
    closing = next(
        line for line in text.splitlines() if '"message_delta"' in line and "data" in line
    )
    tokens = json.loads(closing[6:])["usage"]["output_tokens"]
    assert record["elapsed_s"] >= tokens / 200


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(command, ["--port", str(port)])
    assert isinstance(result.exception, UsageError)
    assert f"cannot listen on 127.0.0.1:{port}" in result.exception.message


def test_faults_are_listed() -> None:
    result = CliRunner().invoke(command, ["--list-faults"])
    assert result.exit_code == 0
    assert "reset-mid-body" in result.output
    assert "429" in result.output


@pytest.mark.parametrize(
    ("args", "error"),
    [
        (["--fault", "nope=1"], UsageError),
        (["--effect", "carefully"], UsageError),
        (["--answers", "does-not-exist.jsonl"], DatasetError),
    ],
)
def test_wrong_options_are_refused(args: list[str], error: type[Exception]) -> None:
    result = CliRunner().invoke(command, ["--port", "0", *args])
    assert isinstance(result.exception, error)


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("evalkit.server.listen", "evalkit.server.app"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    result = CliRunner().invoke(command, ["--port", "0"])
    assert isinstance(result.exception, UsageError)
    assert result.exception.hint == "pip install 'evalkit[serve]'"
