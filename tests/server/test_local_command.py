"""``evalkit local-model``: what it prints and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from evalkit.server.weights import fetch_weights

EVALKIT = [sys.executable, "-m", "evalkit", "local-model"]
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def run(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*EVALKIT, *args],
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.local_model
def test_fetch_and_path_print_the_same_file() -> None:
    weights = f"{fetch_weights()}\n"
    fetched, found = run("fetch"), run("path")
    assert (fetched.returncode, fetched.stdout) == (0, weights)
    assert (found.returncode, found.stdout) == (0, weights)


def test_unreachable_weights_end_with_one_sentence(tmp_path: Path) -> None:
    env = {"EVALKIT_CACHE_DIR": str(tmp_path), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    done = run("fetch", PIP_CONFIG_FILE=os.devnull, **env)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "No matching distribution" in done.stderr


@pytest.mark.local_model
def test_serve_answers_until_interrupted() -> None:
    fetch_weights()
    with subprocess.Popen([*EVALKIT, "serve"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        base_url = process.stdout.readline().strip()
        with DIRECT.open(f"{base_url}/health", timeout=10) as response:
            assert response.status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
