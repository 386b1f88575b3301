"""Compiled pages kept beside their templates, as Python keeps its modules: compiling is slow."""

from __future__ import annotations

import contextlib
import pickle
import sys
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket, FileSystemBytecodeCache

_FOLDER = Path(__file__).parent / "templates" / "__pycache__"


class CompiledPages(FileSystemBytecodeCache):
    """Does nothing where the folder cannot be written; a changed template is compiled anew."""

    def __init__(self, folder: Path = _FOLDER) -> None:
        self._folder = folder
        super().__init__(str(folder), f"%s.jinja-{jinja2.__version__}")

    def load_bytecode(self, bucket: Bucket) -> None:
        """See BytecodeCache."""
        try:
            super().load_bytecode(bucket)
        except (OSError, EOFError, pickle.UnpicklingError):
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """See BytecodeCache."""
        if sys.dont_write_bytecode:
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            super().dump_bytecode(bucket)
