"""A whole run while the server does everything wrong: what is told, stored and shown."""

from __future__ import annotations

import re
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest
from certificates import make_certificate, server_context
from end_to_end_shell import DATASET, Finished, Shell
from servers import RunningServer, simulated_server

from evalkit.errors import FAILURES

pytestmark = pytest.mark.slow

MIXED = (
    "408=0.03 409=0.03 413=0.04 429=0.05:0.05 429-bare=0.02 500=0.04 500-openai=0.02 502=0.03 "
    "503=0.03 504=0.02 529=0.02 reset=0.03 reset-mid-body=0.04 hang=0.02 hang-mid-body=0.02 "
    "empty=0.03 html=0.03 truncated=0.04 cut=0.05 error-event=0.03 "
    "odd-stream=0.05 drip=0.03:0.001 gzip=0.03 wrong-type=0.03"
)
HOSTILE = "odd-text=0.3 surrogate=0.25 invalid-utf8=0.25 huge=0.1 redacted=0.05 refusal=0.05"
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]")


def serving(faults: str, *args: str):
    options = [word for fault in faults.split() for word in ("--fault", fault)]
    return simulated_server("--answers", DATASET, "--seed", "5", *options, *args)


def shell_for(folder: Path, server: RunningServer) -> Shell:
    return Shell(folder, ANTHROPIC_BASE_URL=server.base_url, ANTHROPIC_API_KEY="k")


def stored(shell: Shell) -> pd.DataFrame:
    return pd.concat(map(pd.read_parquet, sorted((shell.folder / "runs").rglob("part-*.parquet"))))


def told_failures(done: Finished) -> tuple[int, int, Counter[str]]:
    """Answered and failed trials as the summary tells them, and the kinds it names."""
    line = re.search(r"^(\d+) of 60 answered, (\d+) failed \((.*)\)", done.err, re.MULTILINE)
    assert line, done.err
    named = (part.split(maxsplit=1) for part in line[3].split(", "))
    return int(line[1]), int(line[2]), Counter({kind: int(count) for count, kind in named})


def test_every_trial_ends_whatever_happens(tmp_path):
    with serving(MIXED) as server:
        shell = shell_for(tmp_path, server)
        quickly = ("--set", "retries.attempts=2", "--set", "limits.idle_timeout_s=1")
        done = shell("run", shell.suite(), "-y", "--json", *quickly)
        requests = server.summary()["requests"]
        frame = stored(shell)
        again = shell("resume", "--retry-failed", "--json")
    assert "Traceback" not in done.err + again.err
    assert len(frame) == 60
    assert frame.trial_key.is_unique
    failed = frame[frame.status == "failed"]
    trials = done.json["trials"]
    assert (trials["planned"], trials["ok"], trials["failed"]) == (
        60,
        60 - len(failed),
        len(failed),
    )
    assert 5 < len(failed) < 40
    assert done.code == (3 if len(failed) > 0.25 * 60 else 0)

    answered, count, kinds = told_failures(done)
    assert (answered, count) == (trials["ok"], trials["failed"])
    assert kinds.total() == count
    kinds.pop("of other kinds", None)
    assert kinds.items() <= Counter(failed.error_kind).items()
    assert "request_too_large" in kinds
    assert set(failed.error_kind) <= FAILURES.keys()
    assert failed.error_message.str.len().min() > 10

    attempts = frame.attempts.explode().apply(pd.Series)
    assert len(attempts) == requests
    assert set(attempts.error_kind.dropna()) == {
        *("timeout", "conflict", "request_too_large", "rate_limit", "overloaded"),
        *("server_error", "connection", "malformed", "stream_cut"),
    }

    assert again.json["trials"]["ok"] > trials["ok"]
    assert stored(shell).trial_key.is_unique


def test_hostile_text_is_stored_and_shown_without_harm(tmp_path):
    with serving(HOSTILE) as server:
        shell = shell_for(tmp_path, server)
        done = shell("run", shell.suite(), "-y", "--json")
        assert done.code == 0, done.err
        assert server.summary()["faults"].keys() == {
            fault.split("=")[0] for fault in HOSTILE.split()
        }
    texts = stored(shell).text.tolist()
    for odd in ("nul \x00 bell \x07 rtl \u202e", "\U0001f469\u200d\U0001f52c", "\ufffd"):
        assert any(odd in text for text in texts)
    assert max(map(len, texts)) > 5_000_000

    compared = shell("compare")
    assert compared.code == 0, compared.err
    for shown in (done.out, done.err, compared.out, compared.err):
        assert not CONTROLS.search(shown)
    (page,) = (tmp_path / "reports").rglob("report.html")
    html = page.read_text(encoding="utf-8")
    assert not CONTROLS.search(html)
    assert len(html) < 3_000_000


def test_a_key_refused_on_the_way_keeps_what_was_answered(tmp_path):
    count = 25
    with serving(f"401-after={count}") as server:
        shell = shell_for(tmp_path, server)
        done = shell("run", shell.suite(), "-y", "--json")
        assert done.code == 3
        assert done.json["status"] == "stopped"
        assert done.json["trials"]["ok"] == count
        assert "the key was refused (401 authentication_error)" in done.err
        assert "Check the key in the environment variable" in done.err
        server.reset()  # the key works again, for as long
        more = shell("resume", "--json")
        assert (more.code, more.json["trials"]["ok"]) == (3, 2 * count)
        server.reset()
        rest = shell("resume", "--json")
        assert (rest.code, rest.json["trials"]["ok"]) == (0, 60)
    assert stored(shell).trial_key.is_unique


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        answer = b'{"content": [{"type": "text", "text": "12"}], "stop_reason": "end_turn"}'
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        return None


def test_a_certificate_nobody_vouches_for_stops_the_run(tmp_path):
    bundle = make_certificate(tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.socket = server_context(bundle).wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # a client that hangs up during the handshake
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        address = f"https://127.0.0.1:{server.server_port}"
        shell = Shell(tmp_path, ANTHROPIC_BASE_URL=address, ANTHROPIC_API_KEY="k")
        done = shell("run", shell.suite(), "-y", "--json", "-n", "2")
        assert (done.code, done.json["status"]) == (3, "stopped")
        assert "is not trusted: self-signed certificate" in done.err
        assert "Set SSL_CERT_FILE to the CA bundle of your proxy or server." in done.err
        rest = shell("resume", "--json", SSL_CERT_FILE=str(bundle))
        assert (rest.code, rest.json["trials"]["ok"]) == (0, 12), rest.err
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
