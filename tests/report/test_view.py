"""``evalkit view``: the browser over a whole run, and who may ask it."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from browsing import PHONE
from report_builders import HOSTILE
from stored_runs import a_run

from evalkit.analysis.results import OUTCOME_CLASSES
from evalkit.cli.main import COMMANDS
from evalkit.pipeline.browsing import StoredCases
from evalkit.pipeline.viewing import ViewServer
from evalkit.store.manifest import write_manifest
from evalkit.store.runs import RunFolder

GRADES = {"off": [1.0, 0.0, 0.0] * 20, 1024: [1.0, 1.0, 0.0] * 19 + [None, None, 0.0]}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """60 cases, of which one is hostile, under two settings."""
    ids = [f"c{place}" for place in range(58)] + ["odd\n\u202eone", "last one"]
    text = HOSTILE.replace("\ud800", "")
    rows = {
        "text": f"It is {text}",
        "thinking_text": text,
        "attempts": [
            {"status": 529, "error_kind": "overloaded", "waited_s": 0.0, "elapsed_s": 0.1},
            {"status": 200, "error_kind": None, "waited_s": 1.0, "elapsed_s": 0.9},
        ],
    }
    folder = tmp_path_factory.mktemp("view")
    return a_run(folder / "runs", "20261123T120000Z-aa11", GRADES, cases=ids, rows=rows)


@pytest.fixture(scope="module")
def server(run: RunFolder) -> Iterator[ViewServer]:
    cases = StoredCases(run)
    before = sorted((path, path.stat().st_mtime_ns) for path in run.path.rglob("*"))
    with ViewServer(cases) as serving:
        cases.read_on()
        thread = threading.Thread(target=serving.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()
    assert before == sorted((path, path.stat().st_mtime_ns) for path in run.path.rglob("*"))


def ask(
    server: ViewServer, path: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    try:
        connection.putrequest(method, path, skip_host=True)
        for name, value in {"Host": f"127.0.0.1:{server.server_port}", **headers}.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_a_run_that_goes_on_is_said_to(server: ViewServer, tmp_path: Path) -> None:
    run = a_run(tmp_path, "20261123T120000Z-bb22", {"off": [1.0]})
    write_manifest(run.path, replace(run.manifest(), status="running"))
    with ViewServer(StoredCases(run)) as other:
        assert "This run has not ended." in other.page
    assert "has not ended" not in server.page


def test_only_the_one_who_has_the_token_sees_anything(server: ViewServer) -> None:
    token = server.token
    assert len(token) >= 32
    assert ask(server, f"/{token}/")[0] == 200
    for path in (
        "/",
        "//",
        f"/{token}",
        f"/{token[:-1]}/",
        f"/x{token}/",
        "/index",
        f"/{token}x/index",
    ):
        status, _, body = ask(server, path)
        assert (status, token.encode() in body) == (404, False), path


def test_a_rebound_name_and_a_foreign_page_are_refused(server: ViewServer) -> None:
    path = f"/{server.token}/rows?at=0"
    own = f"http://127.0.0.1:{server.server_port}"
    assert ask(server, path, Origin=own)[0] == 200
    assert ask(server, path, Host=f"localhost:{server.server_port}")[0] == 200
    for host in ("evil.example", "127.0.0.1", f"evil.example:{server.server_port}", ""):
        assert ask(server, path, Host=host)[0] == 421, host
    for origin in ("https://evil.example", "null", own + "1", own.replace("http", "https")):
        assert ask(server, path, Origin=origin)[0] == 403, origin
    assert ask(server, path, Sec_Fetch_Site="cross-site")[0] == 403


def test_it_is_read_only_and_says_little(server: ViewServer) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert ask(server, f"/{server.token}/", method)[0] == 405
    status, headers, body = ask(server, f"/{server.token}/", "HEAD")
    assert (status, body) == (200, b"")
    assert "connect-src 'self'" in headers["Content-Security-Policy"]
    assert "script-src 'sha256-" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Server"].strip() == "evalkit"


@pytest.mark.parametrize(
    "path",
    ["rows?at=60", "rows?at=-1", "rows?at=x", "rows", "case?at=1e9", "nothing", "../manifest.json",
     "%2e%2e/manifest.json", "case?at=99999999999999999999", "find", "rows?at=0,"],
)  # fmt: skip
def test_nonsense_is_not_found(server: ViewServer, path: str) -> None:
    status, _, body = ask(server, f"/{server.token}/{path}")
    assert (status, body) == (404, b"there is no such thing")


def test_what_is_served_is_what_is_stored(server: ViewServer, run: RunFolder) -> None:
    def got(path: str) -> object:
        return json.loads(ask(server, f"/{server.token}/{path}")[2])

    assert got("rows?at=0,59") == [["c0", "c0?"], ["last one", "last one?"]]
    assert got("find?id=last%20one") == {"at": 59}
    assert got("find?id=nobody") == {"at": -1}
    assert got("find?id=odd%20%E2%9F%A8U%2B202E%E2%9F%A9one") == {"at": 58}  # as pages show it
    case = got("case?at=1")
    assert isinstance(case, dict)
    assert [answer[0] for answer in case["answers"]] == [0, 1]
    assert [answer[5][0][1] for answer in case["answers"]] == ["0%", "100%"]
    assert case["target"] == "4"
    assert case["answers"][0][6][0].startswith("HTTP 529 overloaded")
    assert "\u202e" not in json.dumps(case, ensure_ascii=False)
    failed = got("case?at=57")
    assert isinstance(failed, dict)
    assert failed["answers"][1][3] == "timeout: too late"
    assert got("search?q=LAST") == {"at": [59]}
    assert got("search?q=Window.Hacked%20c5%3F") == {"at": [5]}
    assert got("search?q=%20") == {"at": []}


def test_a_case_is_found_before_the_run_is_read(run: RunFolder) -> None:
    early = StoredCases(run)
    assert [answer[0] for answer in early.case(59)["answers"]] == [0, 1]
    late = StoredCases(run)
    late.read_on().join()
    assert early.case(58)["answers"][0][1] == late.case(58)["answers"][0][1]


def test_a_run_without_scores_tells_failures_and_scores_nothing(tmp_path: Path) -> None:
    unscored = a_run(tmp_path, "20261123T120000Z-bb22", {"off": [1.0, None]})
    (unscored.scores_path / "number.parquet").unlink()
    cases = StoredCases(unscored)
    cases.read_on().join()
    codes = base64.b64decode(cases.index()["outcome"])
    assert [OUTCOME_CLASSES[code] for code in codes] == ["unscored", "infra_error"]
    assert not list(unscored.scores_path.iterdir())


@pytest.mark.browser
def test_the_browser_shows_the_run(visit, server: ViewServer) -> None:
    seen = visit(server.url)
    assert seen.count() == 60
    seen.choose("wins")
    assert seen.count() == 19
    seen.choose("failures")
    assert seen.count() == 2
    seen.choose("")
    seen.page.locator("#words").fill("last")
    seen.page.wait_for_function("() => document.querySelector('#count').textContent[0] === '1'")
    seen.page.locator(".row").first.click()
    seen.page.wait_for_function("() => location.hash.includes('case=last+one')")
    assert seen.shown_case() == "last one"
    assert "window.hacked" in seen.page.locator("#detail").inner_text()
    seen.assert_quiet()
    seen.assert_fits()
    seen.assert_accessible()


@pytest.mark.browser
def test_a_deep_link_into_a_served_run(visit, server: ViewServer) -> None:
    seen = visit(server.url, width=PHONE, scheme="dark", fragment="#case=c17&show=wrong")
    seen.page.wait_for_function("() => document.querySelector('#detail h3')?.textContent === 'c17'")
    assert seen.page.locator("#detail .reply").count() == 2
    seen.assert_quiet()
    seen.assert_fits()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_it_cleanly(run: RunFolder, number: signal.Signals) -> None:
    assert "view" in COMMANDS
    done = subprocess.Popen(
        [sys.executable, "-m", "evalkit", "view", str(run.path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(run.path),
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert done.stdout is not None
    assert done.stdout.readline().startswith("http://127.0.0.1:")
    assert done.stderr is not None and done.stderr.readline() == "Ctrl-C ends it.\n"
    done.send_signal(number)
    out, err = done.communicate(timeout=20)
    assert (done.returncode, out) == (0, "")
    # The signal may meet the process at the end of its first line, which then comes once more.
    assert " ".join(err.split()).removeprefix("Ctrl-C ends it. ") == "Stopped."
