"""What a suite may say of a scorer of type ``judge``: a model that grades by a rubric."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from evalkit.suite.fields import Name, Section, Temperature, Tokens
from evalkit.suite.matrix_schema import ThinkingSpec
from evalkit.suite.schema import ModelSpec, ScorerSpec

JUDGE = "judge"
_RANGE = re.compile(r"^\s*(\d+)\s*(?:-|–|to)\s*(\d+)\s*$")
_BINARY = ("binary", "pass/fail", "yes/no")
_MOST_POINTS = 100


def _kind(value: Any) -> str:
    return "ModelSpec" if isinstance(value, dict | ModelSpec) else "str"


Named = Annotated[
    Annotated[str, Tag("str")] | Annotated[ModelSpec, Tag("ModelSpec")], Discriminator(_kind)
]


class ScaleSpec(Section):
    """Whole grades from ``low`` (worst) to ``high`` (best); ``levels`` says what some of them mean.

    Short forms: ``1-5``, ``[1, 5]``, ``binary``, or a mapping of grades to what they mean.
    """

    low: int = 1
    high: int = 5
    levels: dict[int, str] = Field(default_factory=dict)
    is_binary: bool = False

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if isinstance(value, str) and value.strip().lower() in _BINARY:
            return {"low": 0, "high": 1, "is_binary": True}
        match = _RANGE.match(value) if isinstance(value, str) else None
        if match:
            return {"low": int(match[1]), "high": int(match[2])}
        if isinstance(value, list) and len(value) == 2:
            return {"low": value[0], "high": value[1]}
        if isinstance(value, dict) and value and not set(value) <= set(cls.model_fields):
            grades = [int(key) for key in value if str(key).isdigit()]
            odd = [key for key in value if not str(key).isdigit()]
            if grades and odd:
                raise ValueError(f"grades of a scale are whole numbers, found {odd[0]!r}")
            if grades:
                return {"low": min(grades), "high": max(grades), "levels": value}
        if isinstance(value, dict):
            return value
        raise ValueError(
            f"{value!r} is no scale; write 1-5, binary, or what grades mean: {{1: poor, 5: good}}"
        )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.low < 0 or self.high - self.low < 1:
            raise ValueError(
                f"a scale goes up from a whole number, such as 1-5; found {self.low}-{self.high}"
            )
        if self.high - self.low > _MOST_POINTS:
            raise ValueError(
                f"{self.low}-{self.high} has more than {_MOST_POINTS} steps, more than any judge"
                " can tell apart; 1-5 is usual"
            )
        outside = [grade for grade in self.levels if not self.low <= grade <= self.high]
        if outside:
            raise ValueError(f"level {outside[0]} is outside of {self.low}-{self.high}")
        return self


class CriterionSpec(Section):
    """One thing to look at, graded on the judge's scale. Short form: its rubric."""

    rubric: str = Field(min_length=1)
    weight: Annotated[float, Field(gt=0)] = 1.0

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        return {"rubric": value} if isinstance(value, str) else value


class PairwiseSpec(Section):
    """Which answer is better, this or a rival's. Short form: the rival's variant.

    The rival is the answer of a ``variant`` of this run: a key, or a prompt's name for the variant
    of that prompt with the same model and thinking. Or it is that of a stored ``run`` (a path,
    name, id or ``@baseline``; of the same variant unless one is named). ``ties`` lets the judge
    say that neither is better.
    """

    variant: str | None = None
    run: str | None = None
    ties: bool = True

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"variant": value}
        if isinstance(value, dict) and "baseline" in value:
            value = {"variant": value["baseline"], **value}
            del value["baseline"]
        return value

    @model_validator(mode="after")
    def _has_rival(self) -> Self:
        if self.variant is None and self.run is None:
            raise ValueError(
                "pairwise needs whom to compare with: variant (a key of this suite, or a prompt),"
                " or run"
            )
        return self


class TextSpec(Section):
    """A text written here or read from a ``file`` beside the suite. Short form: the text."""

    text: str | None = None
    file: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        return {"text": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.text is None) == (self.file is None):
            raise ValueError("give a text or a file")
        if self.text is not None and not self.text.strip():
            raise ValueError("the text is empty")
        return self


class JudgePromptSpec(Section):
    """Templates in place of the judge's own. Short form: the user turn."""

    system: TextSpec | None = None
    user: TextSpec | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        is_text = isinstance(value, str) or (isinstance(value, dict) and set(value) == {"file"})
        return {"user": value} if is_text else value

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.system is None and self.user is None:
            raise ValueError("a judge's prompt has system, user or both")
        return self


class JudgeSpec(Section):
    """The options of a judge.

    ``model``: names of ``models:``, model ids, or mappings as in ``models:``; several judge apart.
    ``votes`` are draws of each; ``combine`` makes one grade of all verdicts. ``reference`` shows
    the case's target (or what a template makes of the row). ``task`` is a template of what the
    judge is told was asked; without it, the prompt as it was sent. ``structure`` is how a verdict
    is asked for: by an output schema, a forced tool, JSON spelt out in the text, or (``free``) in
    whatever words the prompt has; auto takes what the model knows.
    ``label`` is a column of human grades. ``max_tokens`` is for the verdict, thinking comes on top.
    """

    model: tuple[Named, ...] = Field(min_length=1)
    rubric: TextSpec | None = None
    scale: ScaleSpec = ScaleSpec()
    criteria: dict[Name, CriterionSpec] = Field(default_factory=dict)
    reference: bool | str = False
    pairwise: PairwiseSpec | None = None
    votes: Annotated[int, Field(ge=1, le=100)] = 1
    combine: Literal["mean", "median", "majority"] = "mean"
    thinking: ThinkingSpec = ThinkingSpec()
    max_tokens: Annotated[Tokens, Field(ge=16)] = 1024
    temperature: Temperature | None = None
    prompt: JudgePromptSpec | None = None
    task: str | None = None
    see_thinking: bool = False
    structure: Literal["auto", "schema", "tool", "text", "free"] = "auto"
    label: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        value = dict(value)
        if "models" in value and "model" not in value:
            value["model"] = value.pop("models")
        if isinstance(value.get("model"), str | dict):
            value["model"] = [value["model"]]
        return value

    @model_validator(mode="after")
    def _knows_what_is_good(self) -> Self:
        has_words = self.rubric is not None or self.criteria or self.prompt is not None
        if not has_words and self.pairwise is None:
            raise ValueError(
                'a judge needs a rubric: what makes an answer good (rubric: "…"), or criteria'
            )
        if self.pairwise is not None and self.criteria:
            raise ValueError("criteria are graded one answer at a time; pairwise takes a rubric")
        if self.pairwise is not None and "scale" in self.model_fields_set:
            raise ValueError("pairwise has no scale: an answer is better, worse or as good")
        return self


def judge_of(spec: ScorerSpec) -> JudgeSpec:
    """The options of a scorer of type judge; raises pydantic.ValidationError."""
    return JudgeSpec.model_validate(spec.options)


def model_of(named: str | ModelSpec, models: tuple[ModelSpec, ...]) -> ModelSpec:
    """The model a judge names: one of the suite's by its name, else one of its own."""
    if isinstance(named, ModelSpec):
        return named
    return next((model for model in models if model.name == named), ModelSpec.model_validate(named))
