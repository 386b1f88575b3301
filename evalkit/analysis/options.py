"""What the user decides about an analysis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

By = Literal["thinking", "prompt", "model", "variant", "run"]
Estimand = Literal["population", "dataset"]


@dataclass(frozen=True, slots=True)
class Options:
    """How to analyse a run. ``seed`` (derived from the run's id) drives every random step.

    ``by`` says what shall differ in a comparison (None: each axis in turn; ``variant``: anything).
    ``margin`` is the difference of scores that does not matter; ``leading_scorer`` and
    ``baseline`` (a variant's key) are chosen from the run where None. ``n_left`` is how many
    more cases the dataset has (None: unknown). ``estimand`` says what intervals speak of: the
    population that the cases came from, or these cases alone, of which only answers are drawn.
    Raises ``ValueError`` for a margin or confidence that is not between 0 and 1.
    """

    seed: int
    margin: float = 0.02
    confidence: float = 0.95
    leading_scorer: str | None = None
    baseline: str | None = None
    by: By | None = None
    n_left: int | None = None
    estimand: Estimand = "population"

    def __post_init__(self) -> None:
        for name in ("margin", "confidence"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must lie between 0 and 1, not {getattr(self, name)}")

    @property
    def alpha(self) -> float:
        """The p-value below which a difference is significant."""
        return 1 - self.confidence
