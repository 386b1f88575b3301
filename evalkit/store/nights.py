"""What nights add up to, beside the baseline they are held against: ``NAME.nights.json``.

It belongs to one job: not into git, but kept from run to run (a shared folder, a CI cache).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import orjson

from evalkit.errors import StoreError
from evalkit.store.baselines import NIGHTS, baseline_path
from evalkit.store.files import write_atomically

FORMAT = 1
_MOST_NIGHTS = 400


@dataclass(frozen=True, slots=True)
class Night:
    """One night: its run, cases asked, and mean difference and its error by question."""

    run: str
    at: str
    cases: int
    means: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Nights:
    """Evidence by question, and how far the deck of cases is dealt.

    ``of`` tells which baseline and gate it belongs to: with another one it begins anew.
    """

    of: str
    w: Mapping[str, float] = field(default_factory=dict)
    cycle: int = 0
    place: int = 0
    count: int = 0
    nights: tuple[Night, ...] = ()
    format: int = FORMAT


def read_nights(folder: Path, name: str, of: str) -> Nights:
    """The evidence so far; none yet where it belongs to another baseline or gate.

    Raises StoreError for a damaged file.
    """
    path = nights_path(folder, name)
    try:
        data = orjson.loads(path.read_bytes())
        nights = tuple(
            Night(**{**one, "means": {key: tuple(pair) for key, pair in one["means"].items()}})
            for one in data["nights"]
        )
        found = Nights(**{**data, "nights": nights})
    except FileNotFoundError:
        return Nights(of)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (orjson.JSONDecodeError, TypeError, KeyError, AttributeError) as error:
        raise StoreError(
            f"{path}: damaged: {error}", "Delete it: the evidence of nights begins anew."
        ) from error
    return found if found.of == of and found.format == FORMAT else Nights(of)


def write_nights(folder: Path, name: str, nights: Nights) -> None:
    """Keep the evidence, whole or not at all; of nights the last 400. Raises StoreError."""
    kept = replace(nights, nights=nights.nights[-_MOST_NIGHTS:])
    data = orjson.dumps(asdict(kept), option=orjson.OPT_INDENT_2)

    def fill(aside: Path) -> None:
        aside.write_bytes(data)

    write_atomically(nights_path(folder, name), fill)


def nights_path(folder: Path, name: str) -> Path:
    """Where the evidence of a baseline's nights lies."""
    return folder / (baseline_path(folder, name).stem + NIGHTS)
