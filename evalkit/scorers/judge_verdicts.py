"""Several verdicts on one answer become one score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Literal

from evalkit.scorers.judge_form import Order
from evalkit.scorers.judge_scale import Reading
from evalkit.types import Score

Combine = Literal["mean", "median", "majority"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A reading, and who gave it: a model by its name, the vote, the order it was asked in."""

    model: str
    order: Order
    vote: int
    reading: Reading


def combined(name: str, verdicts: Sequence[Verdict], combine: Combine) -> Score:
    """The score of an answer: over both orders first, then over votes and models.

    A pair of orders counts only whole, since one alone carries the bias of its position. What
    could not be read is left out; null if nothing is left, never 0.
    """
    rounds: dict[tuple[str, int], list[Verdict]] = {}
    for verdict in verdicts:
        rounds.setdefault((verdict.model, verdict.vote), []).append(verdict)
    whole = [
        found
        for found in rounds.values()
        if all(verdict.reading.value is not None for verdict in found)
    ]
    problems = [one.reading.problem for one in verdicts if one.reading.problem]
    if not whole:
        return Score(name, None, reason=problems[0] if problems else "it was not judged")
    values = [fmean(one.reading.value or 0.0 for one in found) for found in whole]
    return Score(
        name, _COMBINE[combine](values), _answer(whole), _reason(whole, problems, len(rounds))
    )


def _majority(values: Sequence[float]) -> float:
    """The most frequent value; of several as frequent ones their mean."""
    counts = Counter(values)
    most = max(counts.values())
    return fmean(value for value, count in counts.items() if count == most)


_COMBINE: dict[Combine, Callable[[Sequence[float]], float]] = {
    "mean": fmean,
    "median": median,
    "majority": _majority,
}


def _answer(rounds: Sequence[Sequence[Verdict]]) -> str:
    """The verdicts in the judge's own terms: ``4``; ``4, 5, 4``; ``better``."""
    return ", ".join(_word(found) for found in rounds)


def _word(found: Sequence[Verdict]) -> str:
    if found[0].order == "alone":
        return found[0].reading.answer or ""
    values = [one.reading.value for one in found]
    if len(set(values)) > 1:
        return "depends on the order"
    return {1.0: "better", 0.0: "worse"}.get(values[0] or 0.0, "as good")


def _reason(
    rounds: Sequence[Sequence[Verdict]], problems: Sequence[str], n_rounds: int
) -> str | None:
    """The first round's explanation, grades of criteria before it, and what is missing."""
    parts = []
    grades = rounds[0][0].reading.grades
    if grades:
        parts.append(", ".join(f"{name} {grade:g}" for name, grade in grades.items()))
    for one in rounds[0]:
        if one.reading.explanation:
            place = "" if one.order == "alone" else f"shown {one.order}: "
            parts.append(f"{place}{one.reading.explanation}")
    if len(rounds) < n_rounds:
        missing = n_rounds - len(rounds)
        parts.append(f"[{missing} of {n_rounds} verdicts missing: {problems[0]}]")
    return "; ".join(parts) or None
