"""The embedded local model: a real language model behind a real ``/v1/messages`` on loopback.

llama.cpp's own server runs in a child process with a session of its own, so that a terminal's
Ctrl-C does not reach it and requests under way can finish. It always goes with its parent.
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from evalkit.errors import LocalModelError
from evalkit.server.weights import find_weights

MODEL = "smollm2-135m"
HOST = "127.0.0.1"
CONTEXT_TOKENS = 2048
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 5.0
MAX_THREADS = 4
THREADS_ENV = "EVALKIT_LOCAL_THREADS"
SPIN_ENV, SPIN_COUNT = "GOMP_SPINCOUNT", "2000"
"""How long a thread spins for the others before it sleeps. The OpenMP default is so long that two
threads on two cores of which one is busy are some ten times slower than one thread alone."""

THINKING_TEMPLATE = Path(__file__).with_name("thinking.jinja")
CHILD = Path(__file__).with_name("local_child.py")


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A running local model. ``slots`` requests are answered at once; further ones wait."""

    base_url: str
    model: str
    pid: int
    slots: int
    threads: int


@contextmanager
def local_server(
    *,
    weights: Path | None = None,
    template: Path = THINKING_TEMPLATE,
    port: int = 0,
    slots: int | None = None,
    threads: int | None = None,
    start_timeout_s: float = START_TIMEOUT_S,
) -> Iterator[LocalServer]:
    """Run the local model while the block runs; port 0 means any free one.

    ``threads`` defaults to :func:`default_threads`, ``slots`` to one for each thread: more of them
    answer no faster, and each reads the template's worked examples once. Raises
    ``LocalModelError`` when the library or the weights are missing or the server does not come up.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise LocalModelError(
            "the local model needs the package xllamacpp, which is not installed",
            hint="run: pip install 'evalkit[local]'",
        )
    require_free(port)
    threads = threads or default_threads()
    slots = slots or threads
    settings: dict[str, Any] = {
        "weights": str(weights or find_weights()),
        "template": template.read_text(encoding="utf-8"),
        "model": MODEL,
        "host": HOST,
        "port": port,
        "slots": slots,
        "threads": threads,
        "context_tokens": CONTEXT_TOKENS,
    }
    with tempfile.TemporaryFile() as complaints, start(settings, complaints) as child:
        try:
            base_url = await_ready(child, complaints, time.monotonic() + start_timeout_s)
            yield LocalServer(base_url, MODEL, child.pid, slots, threads)
        finally:
            stop(child)


def require_free(port: int) -> None:
    """Raise ``LocalModelError`` if ``port`` is taken; the library tells it in words of its own."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers bind
        try:
            trial.bind((HOST, port))
        except OSError as error:
            raise LocalModelError(
                f"the local model cannot listen on port {port} of {HOST}: {error.strerror}",
                hint="name another port, or none for any that is free",
            ) from error


def default_threads() -> int:
    """The number in ``EVALKIT_LOCAL_THREADS``, else half the usable cores, from 1 to 4.

    Half, because the threads wait for one another in step: each core that something else uses
    slows all of them down.
    """
    wanted = os.environ.get(THREADS_ENV)
    if not wanted:
        return max(1, min(usable_cores() // 2, MAX_THREADS))
    if not wanted.isdecimal() or int(wanted) < 1:
        raise LocalModelError(f"{THREADS_ENV} must be a whole number from 1 on, not {wanted!r}")
    return int(wanted)


def usable_cores() -> int:
    """Cores this process may run on, a container's CPU quota included (cgroup v2 ``cpu.max``)."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, int(quota) // int(period)))


def start(settings: dict[str, Any], complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start the child; its stdin is the rope that ties it to us."""
    return subprocess.Popen(
        [sys.executable, "-P", str(CHILD), json.dumps(settings)],
        env={SPIN_ENV: SPIN_COUNT} | os.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=complaints,
        start_new_session=True,
    )


def stop(child: subprocess.Popen[bytes]) -> None:
    """End the child: by closing its stdin, and by force if it does not heed that."""
    assert child.stdin is not None
    child.stdin.close()
    try:
        child.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def await_ready(child: subprocess.Popen[bytes], complaints: IO[bytes], deadline: float) -> str:
    """The server's base URL once it answers; raises ``LocalModelError`` if it ends instead."""
    assert child.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        if not selector.select(max(0.0, deadline - time.monotonic())):
            raise LocalModelError(
                "the local model was not ready in time; is this machine very busy?",
                hint="try again, or name another endpoint",
            )
    word, _, base_url = child.stdout.readline().decode().strip().partition(" ")
    if word == "READY" and is_healthy(base_url):
        return base_url
    stop(child)
    complaints.seek(0)
    raise failure(child.returncode, complaints.read().decode(errors="replace"))


def is_healthy(base_url: str) -> bool:
    """Whether the server answers; goes straight to loopback, past any proxy in the environment."""
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=10)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def failure(returncode: int, stderr: str) -> LocalModelError:
    """Why a child ended before it was ready, in one sentence."""
    if returncode == -signal.SIGILL:
        return LocalModelError(
            "this processor lacks instructions that the local model's library needs (AVX2)",
            hint="use another machine or another endpoint",
        )
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    # llama.cpp writes "<time> E <where>: <what>"; the first such line is the cause of the others.
    causes = [line.partition(" E ")[2].strip() for line in lines if " E " in line]
    reason = (causes or lines[-1:] or [f"its process ended with {returncode}"])[0]
    hint = "check the weights with: evalkit local-model fetch"
    if "libgomp" in reason:
        hint = "install the OpenMP library, on Debian: apt-get install libgomp1"
    return LocalModelError(f"the local model did not start: {reason}", hint=hint)
