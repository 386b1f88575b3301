"""The simulated server in a process of its own, for end-to-end tests."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_READY = "listening on "
_STOP_S = 10.0


@dataclass
class RunningServer:
    """A server that takes requests at ``base_url`` and writes them to ``log_path``."""

    base_url: str
    log_path: Path
    process: subprocess.Popen[str]

    def requests(self, path: str | None = "/v1/messages") -> list[dict[str, Any]]:
        """Every request that has ended, oldest end first; of one path, or of all (None)."""
        if self.process.poll() is None:
            self.summary()  # lines are written before the next request is looked at
        lines = self.log_path.read_text().splitlines()
        records: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [record for record in records if path in (None, record["path"])]

    def summary(self) -> dict[str, Any]:
        """What the server counted since its start or last reset."""
        with urllib.request.urlopen(f"{self.base_url}/_evalkit/log", timeout=10) as response:
            summary: dict[str, Any] = json.load(response)
        return summary

    def reset(self) -> None:
        """Let the server forget requests and draws (the log file keeps its lines)."""
        url = f"{self.base_url}/_evalkit/reset"
        with urllib.request.urlopen(url, data=b"", timeout=10) as response:
            response.read()

    def stop(self) -> int:
        """End the server and return its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout=_STOP_S)


@contextmanager
def simulated_server(*args: str | Path) -> Iterator[RunningServer]:
    """Run ``evalkit serve --port 0`` with these further options until the block ends.

    A ``--log`` is added unless one is among the options.
    """
    options = [str(arg) for arg in args]
    with tempfile.TemporaryDirectory(prefix="evalkit-serve-") as folder:
        if "--log" not in options:
            options += ["--log", str(Path(folder, "requests.jsonl"))]
        log_path = Path(options[options.index("--log") + 1])
        errors = Path(folder, "stderr.txt")
        command = [sys.executable, "-m", "evalkit", "serve", "--port", "0", *options]
        with errors.open("wb") as stderr:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
        assert process.stdout is not None
        with process.stdout:
            line = process.stdout.readline()
            if not line.startswith(_READY):
                process.kill()
                process.wait()
                raise RuntimeError(f"evalkit serve did not start: {line}{errors.read_text()}")
            server = RunningServer(line.removeprefix(_READY).strip(), log_path, process)
            try:
                yield server
            finally:
                server.stop()


@contextmanager
def limited_server(**served: Any) -> Iterator[tuple[str, Callable[[], list[dict[str, Any]]]]]:
    """The server of ``limited_server.py``: its URL, and a function that gets its log."""
    command = [sys.executable, str(Path(__file__).with_name("limited_server.py"))]
    process = subprocess.Popen([*command, json.dumps(served)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        url = process.stdout.readline().removeprefix(_READY).strip()

    def log() -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{url}/log", timeout=10) as response:
            found: list[dict[str, Any]] = json.load(response)
        return found

    try:
        yield url, log
    finally:
        process.terminate()
        process.wait(timeout=_STOP_S)
