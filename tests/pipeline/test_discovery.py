from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from builders import a_suite

from evalkit.pipeline.discovery import discover
from evalkit.suite.schema import Suite
from evalkit.types import Endpoint


def told(model: str) -> dict:
    yes, no = {"supported": True}, {"supported": False}
    return {
        "type": "model",
        "id": model,
        "max_tokens": 4000,
        "capabilities": {
            "thinking": {
                "supported": True,
                "types": {"adaptive": yes, "enabled": no, "disabled": yes},
            },
            "effort": {"supported": True, "low": yes, "high": yes},
        },
    }


class Models(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append((self.path, self.headers["x-api-key"]))
        status, body = self.server.answers.get(self.path, (404, b"{}"))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        return None


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    running = ThreadingHTTPServer(("127.0.0.1", 0), Models)
    running.seen, running.answers = [], {}
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


def ask(server, *models):
    suite = Suite.model_validate(a_suite(models=list(models)))
    base = f"http://127.0.0.1:{server.server_port}"
    endpoints = {model.name: Endpoint(model.name, base) for model in suite.models}
    return discover(suite, endpoints, {model.name: "k1" for model in suite.models})


def test_an_unknown_model_is_asked_about_at_its_endpoint(server):
    path = "/v1/models/gate%2Fnew-1"
    server.answers[path] = (200, json.dumps(told("gate/new-1")).encode())
    found = ask(server, {"model": "gate/new-1", "name": "new"})
    assert server.seen == [(path, "k1")]
    assert found["new"].thinking_types == ("disabled", "adaptive")
    assert found["new"].effort_levels == ("low", "high")
    assert found["new"].max_output_tokens == 4000


def test_what_is_known_is_not_asked_about(server):
    stated = {"model": "mystery", "capabilities": {"thinking": ["off"]}}
    assert ask(server, "claude-haiku-4-5", stated, "local") == {}
    assert server.seen == []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b"{}"),
        (500, b"oops"),
        (200, b"<html>"),
        (200, b'{"id": "mystery", "object": "model"}'),
        (200, b"[]"),
    ],
)
def test_an_endpoint_that_does_not_tell_keeps_nobody(server, status, body):
    server.answers["/v1/models/mystery"] = (status, body)
    assert ask(server, "mystery") == {}


def test_an_endpoint_that_is_not_there_keeps_nobody(server):
    server.server_port = 9
    assert ask(server, "mystery") == {}
