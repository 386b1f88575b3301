"""The local model's process: starts, says why not, and never outlives its parent."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import LocalModelError
from evalkit.server import local as module
from evalkit.server.local import LocalServer, default_threads, failure, local_server
from evalkit.server.weights import fetch_weights

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def post(server: LocalServer, **body: Any) -> dict[str, Any]:
    question = {"role": "user", "content": "A box holds 2 red and 2 blue pens. How many pens?"}
    whole = {"model": server.model, "temperature": 0, "max_tokens": 60, "messages": [question]}
    request = urllib.request.Request(
        f"{server.base_url}/v1/messages",
        json.dumps(whole | body).encode(),
        {"content-type": "application/json"},
    )
    with DIRECT.open(request, timeout=60) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


def thinking(budget_tokens: int) -> dict[str, Any]:
    return {
        "thinking": {"type": "enabled", "budget_tokens": budget_tokens},
        "chat_template_kwargs": {"enable_thinking": True},
        "max_tokens": 60 + budget_tokens,
    }


def is_gone(pid: int) -> bool:
    """Whether the process ends within some seconds. A zombie nobody waits for has ended."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        status = Path(f"/proc/{pid}/stat")
        if status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    fetch_weights()
    with local_server() as running:
        yield running


@pytest.mark.local_model
def test_without_thinking_there_is_only_text(server: LocalServer) -> None:
    answer = post(server, chat_template_kwargs={"enable_thinking": False})
    assert [block["type"] for block in answer["content"]] == ["text"]
    assert answer["content"][0]["text"].strip()
    assert answer["model"] == server.model == "smollm2-135m"


@pytest.mark.local_model
def test_with_thinking_a_thought_comes_before_the_answer(server: LocalServer) -> None:
    thought, text = post(server, **thinking(64))["content"]
    assert thought["type"] == "thinking"
    assert "So the answer is" in thought["thinking"]
    assert "think>" not in text["text"]
    assert text["text"].startswith("Answer: ")


@pytest.mark.local_model
def test_small_budget_cuts_the_thought_short(server: LocalServer) -> None:
    thought, text = post(server, **thinking(3))["content"]
    assert thought["thinking"].endswith("... So I answer now.")
    assert text["text"].startswith("Answer: ")


@pytest.mark.slow
@pytest.mark.local_model
def test_conversations_and_system_blocks_render(server: LocalServer) -> None:
    turns = [
        {"role": "user", "content": [{"type": "text", "text": "What is 1 + 1?"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "1 + 1 = 2.", "signature": ""},
                {"type": "text", "text": "Answer: 2"},
            ],
        },
        {"role": "user", "content": "And 2 + 2?"},
    ]
    system = [{"type": "text", "text": "Answer with a single number."}]
    answer = post(server, messages=turns, system=system, **thinking(32))
    assert [block["type"] for block in answer["content"]] == ["thinking", "text"]


@pytest.mark.local_model
def test_terminal_signals_do_not_reach_it(server: LocalServer) -> None:
    assert os.getsid(server.pid) == server.pid


@pytest.mark.local_model
def test_proxy_settings_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with local_server(slots=1) as running:
        assert running.base_url.startswith("http://127.0.0.1:")


@pytest.mark.local_model
def test_ends_with_the_block_even_in_the_middle_of_a_request() -> None:
    broken = []

    def ask(running: LocalServer) -> None:
        try:
            post(running, max_tokens=1500, messages=[{"role": "user", "content": "Tell a story."}])
        except OSError as error:
            broken.append(error)

    pid = 0
    with pytest.raises(ZeroDivisionError), local_server(slots=1) as running:
        pid = running.pid
        asking = threading.Thread(target=ask, args=(running,))
        asking.start()
        time.sleep(0.5)
        raise ZeroDivisionError
    asking.join(10)
    assert broken
    assert is_gone(pid)


@pytest.mark.local_model
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_ends_with_its_parent(end: signal.Signals) -> None:
    script = (
        "import time\n"
        "from evalkit.server.local import local_server\n"
        "with local_server(slots=1) as server:\n"
        "    print(server.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        os.kill(pid, 0)  # it runs
        parent.send_signal(end)
    assert is_gone(pid)


@pytest.mark.local_model
def test_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(LocalModelError, match=f"cannot listen on port {port} .*in use"),
            local_server(port=port),
        ):
            pass


def test_file_that_is_no_model(tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"not a model")
    with (
        pytest.raises(LocalModelError, match="did not start: .*magic") as raised,
        local_server(weights=bad),
    ):
        pass
    assert "\n" not in raised.value.message


def test_not_ready_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid_file = tmp_path / "pid"
    slow = tmp_path / "slow.py"
    slow.write_text(
        f"import os, sys\nopen({str(pid_file)!r}, 'w').write(str(os.getpid()))\nsys.stdin.read()\n"
    )
    monkeypatch.setattr(module, "CHILD", slow)
    with (
        pytest.raises(LocalModelError, match="not ready in time"),
        local_server(weights=slow, start_timeout_s=2),
    ):
        pass
    assert is_gone(int(pid_file.read_text()))


def test_library_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        module.importlib.util, "find_spec", lambda name: None if name == "xllamacpp" else real(name)
    )
    with pytest.raises(LocalModelError, match="not installed") as raised, local_server():
        pass
    assert raised.value.hint == "run: pip install 'evalkit[local]'"


def test_processor_without_the_instructions() -> None:
    assert "AVX2" in failure(-signal.SIGILL, "").message


def test_system_library_missing() -> None:
    error = failure(1, "libgomp.so.1: cannot open shared object file: No such file or directory\n")
    assert "libgomp.so.1" in error.message
    assert "apt-get install libgomp1" in str(error.hint)


def test_end_without_a_word() -> None:
    assert failure(-signal.SIGKILL, "").message.endswith("its process ended with -9")


def test_threads_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALKIT_LOCAL_THREADS", "3")
    assert default_threads() == 3
    for wrong in ("0", "many", "-1", "1.5"):
        monkeypatch.setenv("EVALKIT_LOCAL_THREADS", wrong)
        with pytest.raises(LocalModelError, match="EVALKIT_LOCAL_THREADS"):
            default_threads()


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (3, 1), (4, 2), (64, 4)])
def test_half_the_cores_by_default(
    monkeypatch: pytest.MonkeyPatch, cores: int, threads: int
) -> None:
    monkeypatch.delenv("EVALKIT_LOCAL_THREADS", raising=False)
    monkeypatch.setattr(module, "usable_cores", lambda: cores)
    assert default_threads() == threads
