"""What the doctor finds at endpoints of every kind, and says to do."""

import email.utils
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from evalkit.pipeline.doctor import examine

SUITE = """\
dataset: {path: rows.jsonl, id: id, target: answer}
prompts: "{{ question }}"
models: claude-haiku-4-5
scorers: number
"""
ROW = '{"id": "a", "question": "1 + 1?", "answer": "2"}\n'


def error(kind, message):
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}})


class Odd(BaseHTTPRequestHandler):
    status, body, late_s = 200, "{}", 0.0

    def do_GET(self):
        self.send_response(self.status)
        self.send_header("location", "https://elsewhere.example/")
        self.send_header("content-length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body.encode())

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.do_GET()

    def date_time_string(self, timestamp=None):
        return email.utils.formatdate(time.time() - self.late_s, usegmt=True)

    def log_message(self, *_):
        pass


@contextmanager
def odd_endpoint(**behaviour):
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OddAs", (Odd,), behaviour))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def checks(folder, env, suite=SUITE):
    (folder / "rows.jsonl").write_text(ROW)
    (folder / "suite.yaml").write_text(suite)
    return list(examine(folder / "runs", env, folder / "suite.yaml"))


MODEL = '{"id": "claude-haiku-4-5", "type": "model"}'


@pytest.mark.parametrize(
    ("behaviour", "name", "status", "words"),
    [
        ({"body": "<html>hello"}, "model", "warning", "neither tells of models nor counts"),
        ({"status": 404, "body": "no"}, "model", "warning", "neither tells of models nor counts"),
        ({"body": '{"input_tokens": 8}'}, "model", "ok", "counts tokens"),
        ({"body": MODEL}, "model", "ok", "claude-haiku-4-5 is there"),
        (
            {"status": 404, "body": error("not_found_error", "model: claude-haiku-4-5")},
            "model",
            "problem",
            "has no claude-haiku-4-5",
        ),
        (
            {"status": 403, "body": error("permission_error", "not yours")},
            "key of",
            "problem",
            "refuses the key: not yours",
        ),
        ({"status": 529, "body": error("overloaded_error", "busy")}, "model", "warning", "busy"),
        ({"status": 302}, "endpoint of", "problem", "sends us elsewhere"),
        ({"body": MODEL, "late_s": 7200}, "clock", "warning", "2 h ahead of the endpoint"),
        ({"body": MODEL, "late_s": -10800}, "clock", "warning", "3 h behind the endpoint"),
    ],
)
def test_what_an_endpoint_says(tmp_path, behaviour, name, status, words):
    with odd_endpoint(**behaviour) as url:
        found = checks(tmp_path, {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "sk-test"})
    check = [one for one in found if one.name.startswith(name)][-1]
    assert (check.status, words in check.finding) == (status, True), check
    assert check.advice or status == "ok"
    assert "sk-test" not in str(found)


def test_a_missing_key_and_a_wrong_address_are_told(tmp_path):
    found = {
        one.name: one for one in checks(tmp_path, {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"})
    }
    key, endpoint = found["key of claude-haiku-4-5"], found["endpoint of claude-haiku-4-5"]
    assert key.finding == "no key: the variable ANTHROPIC_API_KEY is not set"
    assert (endpoint.status, "Connection refused" in endpoint.finding) == ("problem", True)
    found = {one.name: one for one in checks(tmp_path, {"ANTHROPIC_BASE_URL": "gateway"})}
    assert "'gateway'" in found["endpoint"].finding


def test_the_judges_models_are_asked_about_as_well(tmp_path):
    judge = "scorers: {type: judge, name: tone, rubric: 'Kind?', model: claude-sonnet-4-6}\n"
    with odd_endpoint(body=MODEL) as url:
        env = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "k"}
        found = checks(tmp_path, env, SUITE.replace("scorers: number\n", judge))
    assert "model claude-sonnet-4-6" in {one.name for one in found}


def test_runs_need_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    (disk, *_) = examine(tmp_path / "file", {})
    assert (disk.status, disk.name) == ("problem", "disk")
    assert "is a file" in disk.finding


def test_a_suite_at_fault_is_told_whole(tmp_path):
    (_, suite) = checks(tmp_path, {}, SUITE.replace("number", "nubmer") + "samples: 0\n")
    assert suite.status == "problem"
    assert len(suite.finding.splitlines()) == 2


def test_rows_that_a_run_would_stop_at_are_found(tmp_path):
    env = {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}
    found = {one.name: one for one in checks(tmp_path, env)}
    assert (found["dataset"].status, found["dataset"].finding) == ("ok", "1 case for 1 variant")
    (tmp_path / "rows.jsonl").write_text(ROW + "{\n" + ROW)
    told = {one.name: one for one in examine(tmp_path / "runs", env, tmp_path / "suite.yaml")}
    assert told["dataset"].status == "problem"
    assert len(told["dataset"].finding.splitlines()) == 2
