"""Judge: what to ask a model about an answer, and what its verdict says; nothing is sent here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import orjson

from evalkit.scorers.judge_form import TOOL, Form, Order
from evalkit.scorers.judge_prompts import (
    PAIRWISE_SYSTEM,
    PAIRWISE_USER,
    REPAIR,
    REPAIR_IN_WORDS,
    RUBRIC_SYSTEM,
    RUBRIC_USER,
)
from evalkit.scorers.judge_quoting import mark_for, material_of, quoted
from evalkit.scorers.judge_scale import Reading
from evalkit.templates import Template
from evalkit.types import Case, Request, Response, Sampling, Thinking

Structure = Literal["schema", "tool", "text", "free"]
_MOST_QUOTED = 4_000


@dataclass(frozen=True, slots=True)
class Way:
    """How one model is asked to judge. ``max_tokens`` holds the room for thinking, too."""

    model_name: str
    model: str
    max_tokens: int
    structure: Structure = "text"
    thinking: Thinking = field(default_factory=Thinking)
    sampling: Sampling = field(default_factory=Sampling)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Matter:
    """What is put before a judge: an answer, what was asked, and the rival in a pairwise one.

    ``order`` is where the answer stands beside its rival.
    """

    case: Case
    task: str
    response: Response
    rival: Response | None = None
    order: Order = "alone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """A rubric, how it is asked and what verdicts look like; several ways may be asked the same.

    Rubrics and ``reference`` are templates over the case's row and its target.
    """

    name: str
    rubric: Template | None = None
    form: Form = field(default_factory=Form)
    see_thinking: bool = False
    reference: Template | None = None
    system: Template
    user: Template

    def question(self, matter: Matter, way: Way, variant_key: str = "") -> Request:
        """The request that puts the matter before a model. Raises TemplateError."""
        values = self._values(matter, way)
        user = self.user.render(values)
        if way.structure == "text" and not self._spells_out_form:
            user = f"{user}\n\nReply with one JSON object of this form:\n{self.form.json}"
        return Request(
            model=way.model,
            messages=(_user(user),),
            max_tokens=way.max_tokens,
            system=self.system.render(values).strip(),
            thinking=way.thinking,
            sampling=way.sampling,
            options={**way.options, **self._structure(way.structure)},
            variant_key=variant_key,
            size_bytes=len(user),
        )

    def repair(self, asked: Request, verdict: Response, problem: str, way: Way) -> Request:
        """The one request that follows a verdict that could not be read."""
        if way.structure == "free":
            told = REPAIR_IN_WORDS.format(problem=problem, words=self.form.words)
        else:
            told = REPAIR.format(problem=problem, form=self.form.json)
        if verdict.stop_reason == "max_tokens":
            told += "\nKeep the explanation to one sentence."
        said, (turn, *_) = verdict.text.strip(), asked.messages
        if said and "tools" not in asked.options:
            reply = {"role": "assistant", "content": said[:_MOST_QUOTED]}
            messages: tuple[Mapping[str, Any], ...] = (turn, reply, _user(told))
        else:
            messages = (_user(f"{turn['content']}\n\n{told}"),)
        return replace(asked, messages=messages, variant_key=f"{asked.variant_key}-repair")

    def reading(
        self, verdict: Response, order: Order = "alone", asked: Request | None = None
    ) -> Reading:
        """What a verdict says of the answer that stood in ``order``.

        With the request that was ``asked``, what is but quoted from it is not taken for a verdict.
        """
        material = material_of(str(asked.messages[0]["content"])) if asked else ""
        return self.form.reading(verdict, order, material)

    @property
    def is_pairwise(self) -> bool:
        """Whether two answers are compared."""
        return self.form.is_pairwise

    @property
    def row_templates(self) -> tuple[Template, ...]:
        """The templates that are filled in from a case's row."""
        rubrics = (one.rubric for one in self.form.criteria)
        found = (self.rubric, self.reference, *rubrics)
        return tuple(one for one in found if isinstance(one, Template))

    @property
    def _spells_out_form(self) -> bool:
        return bool({"form"} & (self.system.variables | self.user.variables))

    def _structure(self, structure: Structure) -> dict[str, Any]:
        schema = self.form.schema
        if structure == "schema":
            return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
        if structure == "tool":
            tool = {"name": TOOL, "description": "Give the verdict.", "input_schema": schema}
            return {"tools": [tool], "tool_choice": {"type": "tool", "name": TOOL}}
        return {}

    def _values(self, matter: Matter, way: Way) -> dict[str, Any]:
        """What templates may use; see ``judge_prompts``."""
        case, form = matter.case, self.form
        row = {**case.inputs, "target": case.target}
        texts = {"task": matter.task}
        if self.form.is_pairwise and matter.rival is not None:
            pair = (matter.response, matter.rival)
            first, second = pair if matter.order == "first" else pair[::-1]
            texts |= {"first": _shown(first), "second": _shown(second)}
        else:
            texts["answer"] = _shown(matter.response)
        if self.see_thinking:
            texts["thinking"] = matter.response.thinking
        if self.reference is not None:
            texts["reference"] = self.reference.render(row)
        mark = mark_for(texts)
        blocks = {name: quoted(text, mark, name) for name, text in texts.items() if text}
        for name in ("answer", "first", "second"):
            if name in texts and not texts[name]:
                blocks[name] = quoted("", mark, name)
        empty = dict.fromkeys(("task", "answer", "reference", "thinking", "first", "second"), "")
        return {
            **empty,
            **blocks,
            "mark": mark,
            "rubric": self.rubric.render(row).strip() if self.rubric else "",
            "criteria": [replace(one, rubric=one.rubric_for(row)) for one in form.criteria],
            "low": form.scale.low,
            "high": form.scale.high,
            "levels": form.scale.levels,
            "is_binary": form.scale.is_binary,
            "ties": form.ties,
            "form": form.json,
            "is_bare": way.structure == "text",
            "target": case.target,
            "row": case.inputs,
        }


def default_templates(name: str, *, is_pairwise: bool) -> tuple[Template, Template]:
    """The system and user templates of a judge whose suite gives none."""
    texts = (PAIRWISE_SYSTEM, PAIRWISE_USER) if is_pairwise else (RUBRIC_SYSTEM, RUBRIC_USER)
    system, user = (
        Template(text, f"the judge {name}'s {part} prompt")
        for text, part in zip(texts, ("system", "user"), strict=True)
    )
    return system, user


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _shown(response: Response) -> str:
    """An answer as a judge sees it: its text and tool calls, and how it ended if that matters."""
    parts = [response.text.strip("\n")] if response.text.strip() else []
    if response.tool_calls:
        parts.append(f"[tool calls] {orjson.dumps(list(response.tool_calls)).decode()}")
    if not parts:
        parts.append(f"[no text; ended with: {response.stop_reason}]")
    elif response.stop_reason in ("max_tokens", "model_context_window_exceeded", "refusal"):
        parts.append(f"[ended with: {response.stop_reason}]")
    return "\n".join(parts)
