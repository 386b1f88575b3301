"""A score over many runs of a suite, as pages draw it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from evalkit.stats.estimates import Estimate


@dataclass(frozen=True, slots=True)
class TimelinePoint:
    """One variant in one run. ``at`` is aware; ``verdict`` is that of a gate, if there was one.

    ``changes`` says what is not as in the run before (``model answered``, ``prompt``, ``prices``)
    and how, in words.
    """

    run: str
    at: datetime
    score: Estimate
    cost_usd: float | None = None
    elapsed_p50_s: float | None = None
    verdict: str | None = None
    changes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timeline:
    """One variant's score by one scorer over the runs, oldest first."""

    variant: str
    scorer: str
    points: tuple[TimelinePoint, ...]
