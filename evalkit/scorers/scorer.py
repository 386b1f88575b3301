"""Scorer: a small dataclass of options with one method, from a response to a grade."""

from __future__ import annotations

from typing import Protocol

from evalkit.types import Case, Response, Score


class Scorer(Protocol):
    """Grades one response against its case.

    Returns a Score with a value in [0, 1], or None with the reason it cannot be had. An exception
    becomes a null score for that response alone.
    """

    @property
    def name(self) -> str:
        """What the scores are filed under."""
        ...

    @property
    def needs_target(self) -> bool:
        """Whether a case without a target cannot be graded."""
        ...

    def score(self, case: Case, response: Response) -> Score:
        """The grade; thinking text is there to look at, but is never graded by default."""
        ...
