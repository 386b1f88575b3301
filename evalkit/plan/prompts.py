"""A prompt and a case become the messages of a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.errors import DatasetError, TemplateError
from evalkit.plan.images import image_block
from evalkit.suite.schema import PromptSpec, Suite
from evalkit.templates import Template
from evalkit.types import Case

Content = str | list[dict[str, Any]]
System = str | tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt filled in for one case, wire-shaped; ``options`` are further body fields.

    ``is_cached``: what comes before the last turn is marked for the server's prompt cache.
    """

    system: System | None
    messages: tuple[Mapping[str, Any], ...]
    options: Mapping[str, Any]
    is_cached: bool = False

    @property
    def shared_prefix(self) -> list[Any] | None:
        """What the server is asked to cache; None where nothing is."""
        if not self.is_cached:
            return None
        return [self.options.get("tools"), self.system, *self.messages[:-1]]

    def turns(self) -> list[tuple[str, str]]:
        """(role, text) of every turn, images named rather than shown; for people and counting."""
        turns = [(str(turn["role"]), _flat(turn["content"])) for turn in self.messages]
        return [("system", _flat(self.system)), *turns] if self.system else turns


class Prompt:
    """A named prompt with its templates compiled once.

    Raises TemplateError when a template does not compile.
    """

    def __init__(self, name: str, spec: PromptSpec, suite: Suite) -> None:
        self.name = name
        self.stop_sequences = spec.stop_sequences or suite.stop_sequences
        self._spec = spec
        self._folder = Path(suite.dataset.path).parent
        self._library = suite.templates
        self._system = None if spec.system is None else self._template(spec.system, "system")
        if spec.user is not None:
            self._turns = [("user", self._template(spec.user, "user", spec.origin))]
        else:
            self._turns = [
                (turn.role, self._template(turn.content, f"messages.{index}"))
                for index, turn in enumerate(spec.messages)
            ]
        self._options = _options(spec)

    def _template(self, text: str, field: str, origin: str | None = None) -> Template:
        where = f"prompts.{self.name}.{field}"
        return Template(text, where, origin=origin, library=self._library)

    @property
    def templates(self) -> list[Template]:
        """Every template of the prompt."""
        return [*([self._system] if self._system else []), *(turn for _, turn in self._turns)]

    @property
    def provided(self) -> frozenset[str]:
        """Variables that templates have beside the row's columns."""
        return frozenset() if self._spec.examples is None else frozenset({"examples"})

    @property
    def columns(self) -> frozenset[str]:
        """Columns used outside of templates."""
        return frozenset(self._spec.images)

    def render(self, case: Case) -> Rendered:
        """The prompt for one case.

        Raises TemplateError naming the case, also for empty text, and DatasetError for an image
        that cannot be sent.
        """
        system, texts = self._texts(case)
        if not all(text.strip() for _, text in texts):
            raise TemplateError(
                f"case '{case.id}': prompt '{self.name}' renders to nothing",
                "The API refuses empty messages; check the template and the row.",
            )
        messages: list[dict[str, Any]] = [{"role": role, "content": text} for role, text in texts]
        images = self._images(case)
        if images:
            last = messages[-1]
            last["content"] = [*images, {"type": "text", "text": last["content"]}]
        return self._marked(system, messages)

    def told(self, case: Case) -> list[tuple[str, str]]:
        """(role, text) of every turn, images named by their columns: no file of theirs is read.

        Raises TemplateError naming the case.
        """
        system, turns = self._texts(case)
        role, text = turns[-1]
        turns[-1] = role, "\n".join([*(f"[image: {column}]" for column in self._spec.images), text])
        return [("system", system), *turns] if system else turns

    def _texts(self, case: Case) -> tuple[str | None, list[tuple[str, str]]]:
        values = self._values(case)
        try:
            system = self._system.render(values) if self._system else None
            return system, [(role, template.render(values)) for role, template in self._turns]
        except TemplateError as error:
            raise TemplateError(f"case '{case.id}': {error.message}", error.hint) from error

    def _values(self, case: Case) -> Mapping[str, Any]:
        """The row, and the examples without the row itself: its answer is not to be given away."""
        spec = self._spec.examples
        if spec is None:
            return case.inputs
        others = [row for row in spec.rows if not _is_same(row, case.inputs)]
        return {**case.inputs, "examples": others[: spec.sample]}

    def _images(self, case: Case) -> list[dict[str, Any]]:
        blocks = []
        for column in self._spec.images:
            try:
                blocks.append(image_block(case.inputs.get(column), self._folder))
            except DatasetError as error:
                raise DatasetError(f"case '{case.id}', column '{column}': {error}") from error
        return blocks

    def _marked(self, system: str | None, messages: list[dict[str, Any]]) -> Rendered:
        """Put the cache mark on the last block that all cases share."""
        if self._spec.cache_prefix is None:
            return Rendered(system, tuple(messages), self._options)
        mark = {"cache_control": {"type": "ephemeral", "ttl": self._spec.cache_prefix}}
        if len(messages) > 1:
            before = messages[-2]
            before["content"] = [{"type": "text", "text": before["content"], **mark}]
        elif system is not None:
            return Rendered(
                ({"type": "text", "text": system, **mark},), tuple(messages), self._options, True
            )
        else:
            *tools, last = self._options["tools"]
            options = {**self._options, "tools": [*tools, {**last, **mark}]}
            return Rendered(system, tuple(messages), options, True)
        return Rendered(system, tuple(messages), self._options, True)


def _is_same(row: Mapping[str, Any], inputs: Mapping[str, Any]) -> bool:
    """Whether an example is the case itself: all that one of them says, the other says, too.

    An example from another file, or written in the suite, may lack the case's id, and have as text
    what the case has as a number.
    """
    fewer, more = (row, inputs) if len(row) <= len(inputs) else (inputs, row)
    return all(name in more and str(more[name]) == str(value) for name, value in fewer.items())


def _options(spec: PromptSpec) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if spec.tools:
        options["tools"] = list(spec.tools)
    if spec.tool_choice is not None:
        options["tool_choice"] = spec.tool_choice
    if spec.output_schema is not None:
        shape = {"type": "json_schema", "schema": spec.output_schema}
        options["output_config"] = {"format": shape}
    return options


def _flat(content: Content | System) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(
        block["text"] if block["type"] == "text" else f"[{block['source']['media_type']}]"
        for block in content
    )
