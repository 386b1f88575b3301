"""What a suite may say of its variants: thinking settings, cells left out or added, overrides."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from evalkit.suite.fields import TOKENS, Name, Section, Temperature, Tokens, TopK, TopP
from evalkit.types import Thinking

EFFORTS = ("low", "medium", "high", "xhigh", "max")


class ThinkingSpec(Section):
    """A thinking setting; in short ``off``, ``default``, ``adaptive``, ``4k``, ``high``.

    ``room`` is what ``max_tokens`` keeps for thinking where the model decides how much it thinks
    (default 16k); with a budget, the budget is the room.
    """

    mode: Literal["default", "off", "budget", "adaptive"] = "default"
    budget: Tokens | None = None
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    display: Literal["summarized", "omitted"] | None = None
    room: Annotated[Tokens, Field(ge=1)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if value is False:
            return {"mode": "off"}
        if isinstance(value, dict):
            return {"mode": "budget", **value} if "budget" in value else value
        if not isinstance(value, str | int) or isinstance(value, bool):
            return value
        text = str(value).strip().lower()
        if text in ("off", "default", "adaptive"):
            return {"mode": text}
        if text in EFFORTS:
            return {"mode": "adaptive", "effort": text}
        if not TOKENS.match(text):
            choices = "off, default, adaptive, a budget such as 1024 or 4k, or " + ", ".join(
                EFFORTS
            )
            raise ValueError(f"{value!r} is no thinking setting; accepted: {choices}")
        return {"mode": "budget", "budget": text}

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.mode == "budget") != (self.budget is not None):
            raise ValueError("a budget goes with mode 'budget', and mode 'budget' needs one")
        if self.mode in ("off", "budget") and self.room is not None:
            raise ValueError("room goes with adaptive or default; a budget is its own room")
        if self.mode == "budget" and self.budget == 0:
            raise ValueError("a budget of 0 tokens is 'off': write off")
        return self

    def setting(self) -> Thinking:
        """The value the rest of evalkit works with."""
        return Thinking(self.mode, self.budget, self.effort, self.display)


class ExcludeSpec(Section):
    """Variants that are not asked. Short form: a glob such as ``few-shot/*/off``.

    The long form matches prompt and model by name or glob, thinking by its key (``think-4096``) or
    as the suite writes it; what is not given matches everything.
    """

    variants: str | None = None
    prompt: str | None = None
    model: str | None = None
    thinking: tuple[ThinkingSpec, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"variants": value}
        if isinstance(value, dict) and not isinstance(value.get("thinking", []), list | tuple):
            return {**value, "thinking": [value["thinking"]]}
        return value

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.variants or self.prompt or self.model or self.thinking):
            raise ValueError("say what to leave out: a glob, or prompt, model, thinking")
        return self


class IncludeSpec(Section):
    """One variant more than the product has, by the names of its prompt and model."""

    prompt: Name
    model: Name
    thinking: ThinkingSpec = ThinkingSpec()


class MatrixSpec(Section):
    """Which cells are asked: prompts x models x thinking but ``exclude``, and ``include``."""

    exclude: tuple[ExcludeSpec, ...] = ()
    include: tuple[IncludeSpec, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            key: [item] if key in cls.model_fields and isinstance(item, str | dict) else item
            for key, item in value.items()
        }


class OverrideSpec(Section):
    """What is different for the variants whose key matches a glob; the last match wins."""

    variants: tuple[str, ...] = Field(min_length=1)
    answer_tokens: Annotated[Tokens, Field(ge=1)] | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    top_k: TopK | None = None
    stop_sequences: tuple[str, ...] | None = None
    extra_body: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("variants"), str):
            return {**value, "variants": [value["variants"]]}
        return value

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.model_fields_set == {"variants"}:
            raise ValueError("an override changes nothing; give it, for example, answer_tokens")
        return self
