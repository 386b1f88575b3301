"""What an endpoint tells of its limits while it counts tokens, in the time an estimate gives."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from evalkit.pipeline.estimate import estimate_suite
from evalkit.suite.load import load_suite

ROWS = "".join(json.dumps({"id": n, "q": f"{n} + {n}?"}) + "\n" for n in range(50))
SUITE = "dataset: {path: rows.jsonl, id: id}\nprompts: '{{ q }}'\nmodels: claude-haiku-4-5\n"
JUDGE = "scorers: [{type: judge, model: claude-sonnet-4-6, rubric: Kind}]\n"


@contextmanager
def counting(headers):
    """A server that counts nine tokens in everything, and sends these headers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            body = b'{"input_tokens": 9}'
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("headers", "limits", "minutes"),
    [
        ({"anthropic-ratelimit-requests-limit": "25"}, "", 2.0),
        ({"anthropic-ratelimit-requests-limit": "25"}, JUDGE, 2.0),
        ({"x-ratelimit-limit-requests": "25"}, "limits: {requests_per_minute: 10}\n", 5.0),
        ({"anthropic-ratelimit-output-tokens-limit": "1500"}, "", 10.0),
        ({}, "", None),
    ],
)
def test_time_follows_from_the_limits_the_endpoint_tells(tmp_path, headers, limits, minutes):
    (tmp_path / "rows.jsonl").write_text(ROWS)
    (tmp_path / "suite.yaml").write_text(SUITE + limits)
    with counting(headers) as address:
        env = {"ANTHROPIC_BASE_URL": address, "ANTHROPIC_API_KEY": "k"}
        loaded = load_suite(tmp_path / "suite.yaml", env=env)
        told = estimate_suite(loaded, env, ask=True)
    assert told.n_counted == 4
    assert told.expected_minutes == minutes
