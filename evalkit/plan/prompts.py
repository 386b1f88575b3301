"""A prompt and a case become the messages of a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.errors import TemplateError
from evalkit.suite.schema import PromptSpec, Suite
from evalkit.templates import Template
from evalkit.types import Case


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt filled in for one case, wire-shaped."""

    system: str | None
    messages: tuple[Mapping[str, Any], ...]

    def as_text(self) -> str:
        """The prompt as one text, for people and for counting."""
        turns = [f"[{turn['role']}]\n{turn['content']}" for turn in self.messages]
        return "\n\n".join([f"[system]\n{self.system}"] * (self.system is not None) + turns)


class Prompt:
    """A named prompt with its templates compiled once.

    Raises TemplateError when a template does not compile.
    """

    def __init__(self, name: str, spec: PromptSpec, suite: Suite) -> None:
        self.name = name
        self.stop_sequences = spec.stop_sequences or suite.stop_sequences
        self._system = (
            Template(spec.system, f"prompts.{name}.system") if spec.system is not None else None
        )
        turns = [(turn.role, turn.content) for turn in spec.messages]
        if spec.user is not None:
            turns = [("user", spec.user)]
        self._turns = [
            (role, Template(text, f"prompts.{name}.{'user' if spec.user else 'messages'}"))
            for role, text in turns
        ]

    @property
    def templates(self) -> list[Template]:
        """Every template of the prompt."""
        return [*([self._system] if self._system else []), *(turn for _, turn in self._turns)]

    def render(self, case: Case) -> Rendered:
        """The prompt for one case; raises TemplateError naming the case, also for empty text."""
        try:
            system = self._system.render(case.inputs) if self._system else None
            messages = tuple(
                {"role": role, "content": template.render(case.inputs)}
                for role, template in self._turns
            )
        except TemplateError as error:
            raise TemplateError(f"case '{case.id}': {error.message}", error.hint) from error
        if not all(turn["content"].strip() for turn in messages):
            raise TemplateError(
                f"case '{case.id}': prompt '{self.name}' renders to nothing",
                "The API refuses empty messages; check the template and the row.",
            )
        return Rendered(system, messages)
