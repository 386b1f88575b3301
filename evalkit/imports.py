"""Which foreign modules a command may load, where loading them unasked costs time."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class _NoPandas(MetaPathFinder):
    """Finds everything but pandas."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "pandas":
            raise ModuleNotFoundError("pandas is not loaded unasked", name=name)
        return None


_NO_PANDAS = _NoPandas()


def postpone_pandas() -> None:
    """Keep pyarrow from loading pandas, which it does at the first array it builds.

    evalkit never uses pandas, and loading it takes longer than most commands. To be called before
    pyarrow is loaded, in a process that is evalkit's own.
    """
    sys.meta_path.insert(0, _NO_PANDAS)


def admit_pandas() -> None:
    """Let pandas be loaded after all: code that is not evalkit's own is about to run."""
    if _NO_PANDAS not in sys.meta_path:
        return
    sys.meta_path.remove(_NO_PANDAS)
    if "pyarrow" in sys.modules:
        # It has noted that there is no pandas, and is made to forget it.
        sys.modules["pyarrow"].lib._pandas_api.__init__()
