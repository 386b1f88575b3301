"""What a run may have been charged beyond what is stored, kept so that a cap outlasts a sitting.

``held.json`` holds dollars: at the end of a sitting what is in doubt, during one at least what is
in flight and in doubt, so that it is known after a crash.
"""

from __future__ import annotations

from pathlib import Path

import orjson

from evalkit.errors import StoreError
from evalkit.store.files import write_atomically

HELD = "held.json"


def write_held(folder: Path, held_usd: float) -> None:
    """Keep an amount; nothing is kept of none. Raises StoreError."""
    path = folder / HELD
    if held_usd > 0:
        data = orjson.dumps({"held_usd": held_usd})

        def fill(aside: Path) -> None:
            aside.write_bytes(data)

        write_atomically(path, fill)
    elif path.exists():
        path.unlink()


def read_held(folder: Path) -> float:
    """The amount kept of a run, 0 if there is none. Raises StoreError where it cannot be read."""
    path = folder / HELD
    try:
        return max(0.0, float(orjson.loads(path.read_bytes())["held_usd"]))
    except FileNotFoundError:
        return 0.0
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StoreError(
            f"{path}: cannot be read: {error}",
            "It tells what may have been charged beyond what is stored; without it a cost cap "
            "does not count that. Delete it to go on so.",
        ) from error
