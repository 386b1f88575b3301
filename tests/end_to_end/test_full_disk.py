"""A disk that is really full, by the real command line: told, nothing lost, gone on with."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from end_to_end_shell import DATASET, KEY, Shell
from servers import simulated_server

from evalkit.store.runs import list_runs

SUITE = f"""\
name: sums
dataset: {{path: {DATASET}, id: id, target: answer, limit: 25}}
prompts: {{plain: "{{{{ question }}}}"}}
models: [claude-haiku-4-5]
thinking: [off, 1024, 2k, 4k]
answer_tokens: 64
scorers: [number]
"""
CONCURRENCY = 4
SMALL_KIB, LARGE_KIB = 320, 20_000


@contextmanager
def small_disk(folder: Path) -> Iterator[Callable[[], None]]:
    """A disk too small for the run at ``folder``, and what makes it large enough.

    Where nothing can be mounted, a limit on the size of files stands for it.
    """
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_KIB}k", "tmpfs", str(folder)]
    if subprocess.run(mount, stderr=subprocess.DEVNULL, check=False).returncode == 0:
        grow = ["mount", "-o", f"remount,size={LARGE_KIB}k", str(folder)]
        try:
            yield lambda: subprocess.run(grow, check=True)
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_KIB * 1024 // 2, hard))
    try:
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    options = ("--answers", DATASET, "--api-key", KEY, "--latency", "0.01")
    with simulated_server(*options) as server:
        shell = Shell(tmp_path, ANTHROPIC_BASE_URL=server.base_url, ANTHROPIC_API_KEY=KEY)
        shell.suite(SUITE)
        shell.server = server
        yield shell


def test_a_full_disk_stops_the_run_and_nothing_stored_is_asked_again(shell, tmp_path):
    disk = tmp_path / "disk"
    with small_disk(disk) as grow:
        first = shell("run", "sums.yaml", "-y", "-j", str(CONCURRENCY), "--runs", disk)
        assert first.code == 2, first.err
        assert "sums/" in first.err and "space" in first.err and "Traceback" not in first.err
        (run,) = list_runs(disk)
        kept = {
            row["trial_key"]: row["request_id"]
            for row in run.responses(["trial_key", "request_id"]).to_pylist()
        }
        asked = shell.server.summary()["requests"]
        assert 0 < len(kept) < 100
        assert asked - len(kept) <= CONCURRENCY
        shown = shell("list", "--runs", disk).out
        assert "interrupted" in shown and f"{len(kept)}/100 answered" in shown
        grow()
        rest = shell("resume", "--runs", disk, "--json")
        assert rest.code == 0, rest.err
        assert rest.json["trials"]["ok"] == 100
        assert shell.server.summary()["requests"] == asked + 100 - len(kept)
        now = run.responses(["trial_key", "request_id"]).to_pylist()
        assert kept.items() <= {row["trial_key"]: row["request_id"] for row in now}.items()
