"""The real command line, as a person has it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from evalkit.cli.main import run_command

ROOT = Path(__file__).parents[1]
DATASET = ROOT / "datasets" / "arithmetic.jsonl"
KEY = "sk-test-5f1c"

SUITE = f"""\
name: sums
dataset: {{path: {DATASET}, id: id, target: answer, tags: [operation], limit: 10}}
prompts:
  plain: "{{{{ question }}}}"
  number: {{system: Answer with a single number., user: "{{{{ question }}}}"}}
models: [claude-haiku-4-5]
thinking: [off, 1024, 4k]
answer_tokens: 64
scorers: [number, exact]
retries: {{attempts: 3, within_s: 20}}
"""


@dataclass
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Shell:
    """The real command line in an empty folder with a clean environment."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.environ = {**kept, "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", ""), **variables}
        if not self.environ["XDG_CACHE_HOME"]:
            del self.environ["XDG_CACHE_HOME"]

    def start(self, *args: str | Path, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "evalkit", *map(str, args)],
            cwd=self.folder,
            env={**self.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *args: str | Path, **variables: str) -> Finished:
        process = self.start(*args, **variables)
        out, err = process.communicate(timeout=120)
        return Finished(process.returncode, out, err)

    def inside(self, *args: str | Path, **variables: str) -> Finished:
        """The command within this process: a second less, for one that ends before it asks."""
        environ = {**dict.fromkeys(os.environ), **self.environ, **variables}
        streams = CliRunner().isolation(env=environ)
        with contextlib.chdir(self.folder), streams as (out, err, _):
            code = run_command(list(map(str, args)))
        return Finished(code, out.getvalue().decode(), err.getvalue().decode())

    def suite(self, text: str = SUITE, name: str = "sums.yaml") -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path
