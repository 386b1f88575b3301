"""People's grades as a dataset has them: read one by one, and checked before anything is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evalkit.errors import ConfigError, Problem, UsageError
from evalkit.suite.judge_schema import JUDGE, JudgeSpec, judge_of
from evalkit.suite.load import LoadedSuite
from evalkit.types import Case

Range = tuple[int, int]
"""The lowest and the highest grade of a scale."""

_WORDS: Mapping[str, float] = {
    **dict.fromkeys(("true", "yes", "pass", "good", "right", "correct", "better"), 1.0),
    **dict.fromkeys(("false", "no", "fail", "bad", "wrong", "incorrect", "worse"), 0.0),
    **dict.fromkeys(("tie", "as good"), 0.5),
}


def label_scale(judge: JudgeSpec) -> Range | None:
    """What numbers in a judge's column of labels mean; None: they are in [0, 1] as they are."""
    if judge.scale.is_binary or judge.pairwise is not None:
        return None
    return judge.scale.low, judge.scale.high


def human_grade(case: Case, column: str, variant: str, scale: Range | None = None) -> float | None:
    """The grade in [0, 1] that people gave a variant's answer to a case; None where they did not.

    A cell holds a grade, which is for every variant's answer, or an object of grades by variant
    key. Raises UsageError for one that says something else.
    """
    value = case.inputs.get(column)
    value = value.get(variant) if isinstance(value, dict) else value
    text = "" if value is None else str(value).strip().lower()
    if text in ("", "nan"):
        return None
    if text in _WORDS:
        return _WORDS[text]
    low, high = scale or (0, 1)
    try:
        grade = (float(text) - low) / (high - low)
    except ValueError:
        grade = -1.0
    if not 0 <= grade <= 1:
        whose = ", the judge's scale" if scale else ""
        raise UsageError(
            f"{column} of case {case.id} is no grade: {value!r}",
            f"A label is a number from {low} to {high}{whose}, or a word: yes/no, pass/fail, "
            "good/bad, better/tie/worse.",
        )
    return grade


class LabelCheck:
    """Whether the columns of labels that judges name hold grades, noted as the cases pass.

    Most cases may have none; a dataset that is cut short may have none at all.
    """

    def __init__(self, loaded: LoadedSuite, variants: Sequence[str]) -> None:
        suite = loaded.suite
        self._source = loaded.source
        self._variants = variants
        self._is_whole = suite.dataset.limit is None and suite.dataset.sample is None
        self._columns = {
            index: (judge.label, label_scale(judge))
            for index, scorer in enumerate(suite.scorers)
            if scorer.type == JUDGE
            for judge in [judge_of(scorer)]
            if judge.label is not None
        }
        self._without = set(self._columns)

    def note(self, case: Case) -> None:
        """Check the labels of the next case. Raises UsageError."""
        for index, (column, scale) in self._columns.items():
            for variant in self._variants:
                if human_grade(case, column, variant, scale) is not None:
                    self._without.discard(index)

    def settle(self) -> None:
        """After the last case: raises ConfigError for judges whose column holds no label."""
        problems = [
            Problem(
                self._source.where(("scorers", index, "label")),
                f"no row has a label in '{self._columns[index][0]}'"
                f" for an answer of {self._variants[0]}{' …' if len(self._variants) > 1 else ''}",
            )
            for index in sorted(self._without if self._is_whole else ())
        ]
        if problems:
            raise ConfigError(problems, "Nothing was sent.")
