"""What goes over the wire, seen by a server that is none of ours."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd
import pytest
from end_to_end_shell import Shell

ANSWER = {
    "id": "msg_01",
    "type": "message",
    "role": "assistant",
    "model": "claude-3-7-sonnet-20250219",
    "content": [
        {"type": "thinking", "thinking": "Seven and five is twelve.", "signature": "EqoBCkgIARAB"},
        {"type": "text", "text": "The answer is "},
        {"type": "text", "text": "12."},
    ],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 2095, "output_tokens": 503},
}


class Recorder(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.seen.append((self.path, dict(self.headers.items()), json.loads(body)))
        answer = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("request-id", "req_011")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        return None


@pytest.fixture
def recorder() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    server.seen = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def suite(model: str) -> str:
    return f"""\
name: wire
dataset: {{path: rows.jsonl, id: id, target: answer}}
prompts: {{plain: "{{{{ question }}}}"}}
models: [{model}]
thinking: [{{budget: 16000}}]
answer_tokens: 4000
scorers: [number]
"""


def run(shell: Shell, model: str, base_url: str, **variables: str):
    (shell.folder / "rows.jsonl").write_text('{"id": "a", "question": "7 + 5?", "answer": "12"}\n')
    done = shell(
        "run", shell.suite(suite(model)), "-y", "--json", ANTHROPIC_BASE_URL=base_url, **variables
    )
    assert done.code == 0, done.err
    return done


def headers(seen) -> dict[str, str]:
    return {name.lower(): value for name, value in seen[1].items()}


def test_the_public_description_of_the_api_exactly(tmp_path, recorder):
    shell = Shell(tmp_path)
    base = f"http://127.0.0.1:{recorder.server_port}"
    model = "{model: claude-3-7-sonnet-20250219, beta: [output-128k-2025-02-19], stream: false}"
    done = run(shell, model, base, ANTHROPIC_API_KEY="sk-test-1")
    (seen,) = recorder.seen
    assert seen[0] == "/v1/messages"
    assert seen[2] == {
        "model": "claude-3-7-sonnet-20250219",
        "max_tokens": 20000,
        "messages": [{"role": "user", "content": "7 + 5?"}],
        "thinking": {"type": "enabled", "budget_tokens": 16000},
    }
    sent = headers(seen)
    assert sent["x-api-key"] == "sk-test-1"
    assert sent["anthropic-version"] == "2023-06-01"
    assert sent["anthropic-beta"] == "output-128k-2025-02-19"
    assert sent["content-type"] == "application/json"
    assert "authorization" not in sent

    part = next((shell.folder / done.json["run"]).rglob("part-*.parquet"))
    row = pd.read_parquet(part).iloc[0]
    assert row.text == "The answer is 12."
    assert row.thinking_text == "Seven and five is twelve."
    assert (row.input_tokens, row.output_tokens) == (2095, 503)
    assert pd.isna(row.thinking_tokens)
    assert (row.request_id, row.message_id) == ("req_011", "msg_01")
    assert done.json["variants"][0]["scores"]["number"]["mean"] == 1.0


@pytest.mark.parametrize(
    ("model", "path", "variables", "expected"),
    [
        ("m", "/v1", {"ANTHROPIC_API_KEY": "k1"}, {"x-api-key": "k1"}),
        ("m", "/", {"ANTHROPIC_AUTH_TOKEN": "t1"}, {"authorization": "Bearer t1"}),
        (
            "{model: m, auth: bearer, api_key_env: GATE}",
            "",
            {"GATE": "g1"},
            {"authorization": "Bearer g1"},
        ),
        (
            "{model: m, auth: both, api_key_cmd: echo c1, headers: {x-team: evals}}",
            "/v1/",
            {},
            {"authorization": "Bearer c1", "x-api-key": "c1", "x-team": "evals"},
        ),
        ("{model: m, auth: none}", "", {}, {}),
    ],
)
def test_every_way_to_sign(tmp_path, recorder, model, path, variables, expected):
    base = f"http://127.0.0.1:{recorder.server_port}{path}"
    run(Shell(tmp_path), model, base, **variables)
    (seen,) = recorder.seen
    assert seen[0] == "/v1/messages"
    sent = headers(seen)
    signed = {name: sent[name] for name in ("authorization", "x-api-key", "x-team") if name in sent}
    assert signed == expected


def test_a_key_from_a_dot_env_file(tmp_path, recorder):
    shell = Shell(tmp_path)
    (tmp_path / ".env").write_text("ANTHROPIC_API_KEY=from-file\n")
    run(shell, "m", f"http://127.0.0.1:{recorder.server_port}")
    assert headers(recorder.seen[0])["x-api-key"] == "from-file"
