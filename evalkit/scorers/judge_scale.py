"""Scales, criteria and readings: what a judge may say, as a value in [0, 1]."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from evalkit.scorers.judge_words import number
from evalkit.templates import Template

_YES = ("1", "true", "yes", "pass", "passes", "passed", "good", "correct", "right", "holds")
_NUMERALS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
# "4", "4/5", "4 out of 5", "4 - good", "4 (good)".
_GRADE = re.compile(
    r"([-+]?\d+(?:[.,]\d+)?)\s*(?:(?:/|out\s+of|of)\s*(\d+)|[-–—:(,]\s*[^\W\d][^\d]*)?"
)
_NO = ("0", "false", "no", "fail", "fails", "failed", "bad", "incorrect", "wrong")


@dataclass(frozen=True, slots=True)
class Scale:
    """Grades from ``low`` to ``high``; ``levels`` are (grade, meaning)."""

    low: int = 1
    high: int = 5
    levels: tuple[tuple[int, str], ...] = ()
    is_binary: bool = False

    @property
    def grades(self) -> list[int]:
        """Every grade there is."""
        return list(range(self.low, self.high + 1))

    def grade(self, said: object) -> float | None:
        """The grade that a judge's word means, or None if it means none."""
        if isinstance(said, str):
            return self._grade_in_words(said.strip().lower().rstrip("."))
        if isinstance(said, bool):
            return float(said) if self.is_binary else None
        if not isinstance(said, int | float) or not self.low <= said <= self.high:
            return None
        if self.is_binary and said not in (0, 1):
            return None
        return float(said)

    def _grade_in_words(self, word: str) -> float | None:
        if self.is_binary and word in (*_YES, *_NO):
            return float(word in _YES)
        meant = [grade for grade, meaning in self.levels if meaning.strip().lower() == word]
        if len(meant) == 1:
            return float(meant[0])
        if word in _NUMERALS:
            return self.grade(_NUMERALS.index(word))
        match = _GRADE.fullmatch(word)
        if match is None or (match[2] and int(match[2]) != self.high):
            return None
        return self.grade(number(match[1]))

    def share(self, grade: float) -> float:
        """A grade in [0, 1]."""
        return (grade - self.low) / (self.high - self.low)


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing to look at, and how much it counts."""

    name: str
    rubric: str | Template
    weight: float = 1.0

    def rubric_for(self, row: Mapping[str, object]) -> str:
        """The rubric for one row. Raises TemplateError."""
        return self.rubric if isinstance(self.rubric, str) else self.rubric.render(row)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one verdict says: ``value`` in [0, 1], or the ``problem`` why there is none.

    ``answer`` is the verdict in the judge's own terms (``4``, ``first``), ``grades`` those of
    criteria. ``is_final``: asking once more in better words would not help.
    """

    value: float | None
    answer: str | None = None
    explanation: str | None = None
    problem: str | None = None
    grades: Mapping[str, float] = field(default_factory=dict)
    is_final: bool = True
