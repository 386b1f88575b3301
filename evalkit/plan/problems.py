"""What is impossible in a suite, found before anything is sent."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence

from evalkit.errors import Problem, TemplateError
from evalkit.messages.capabilities import Capabilities, check_thinking, find_capabilities
from evalkit.plan.cells import Cell, matrix_faults, plan_cells
from evalkit.plan.gating import gate_faults
from evalkit.plan.matrix import capabilities_of, price_of, sampling_of
from evalkit.plan.prompts import Prompt
from evalkit.suite.load import LoadedSuite
from evalkit.suite.rows_schema import DatasetSpec
from evalkit.suite.schema import LOCAL, PromptSpec
from evalkit.suite.source import Address
from evalkit.templates import Expression, Template, unknown_variables

_MOST_COLUMNS = 30
_Known = Mapping[str, Capabilities | None]


def plan_problems(
    loaded: LoadedSuite,
    columns: frozenset[str] | None,
    discovered: Mapping[str, Capabilities] | None = None,
    *,
    is_whole: bool = True,
) -> list[Problem]:
    """What cannot work: impossible thinking settings, templates that do not compile or that name
    columns the dataset's first row lacks (``columns`` are those it has; None: not known), a matrix
    that means nothing, a cost cap without prices.

    ``discovered`` is what endpoints say of models (by name); it goes before the table, after the
    suite. A suite that is not ``is_whole`` lacks parts at fault; what refers to others, as matrix
    and gate do, is then left alone.
    """
    told = discovered or {}
    known = {
        model.name: told.get(model.name) or capabilities_of(model) for model in loaded.suite.models
    }
    faults = [
        *(() if columns is None else _column_faults(loaded.suite.dataset, columns)),
        *_template_faults(loaded, columns),
        *(matrix_faults(loaded.suite) if is_whole else ()),
        *_thinking_faults(loaded, known),
        *_request_faults(loaded, known),
        *_temperature_faults(loaded),
        *_price_faults(loaded),
        *(gate_faults(loaded.suite) if is_whole else ()),
    ]
    return [Problem(loaded.source.where(at), told) for at, told in dict.fromkeys(faults)]


_Fault = tuple[Address, str]


def _column_faults(spec: DatasetSpec, columns: frozenset[str]) -> Iterator[_Fault]:
    """Columns that ``dataset`` names and the first row lacks."""
    named: list[tuple[str, str | None]] = [
        ("id", spec.id),
        ("cluster", spec.cluster),
        *(("tags", tag) for tag in spec.tags),
        ("sample", spec.sample.by if spec.sample else None),
    ]
    target = spec.target or ""
    is_template = "{{" in target or "{%" in target
    if not is_template:
        named.append(("target", spec.target))
    for field, column in named:
        if column is not None and column not in columns:
            yield ("dataset", field), f"no column '{column}'; {_there(column, columns)}"
    kinds: list[tuple[str, str | None, type[Template] | type[Expression]]] = [
        ("target", target if is_template else None, Template),
        ("filter", spec.filter, Expression),
    ]
    for field, source, kind in kinds:
        try:
            unknown = unknown_variables(kind(source, f"dataset.{field}"), columns) if source else []
        except TemplateError as error:
            yield ("dataset", field), error.message.removeprefix(f"dataset.{field}: ")
            continue
        for variable in unknown:
            told = f"uses '{variable}', which no row has; {_there(variable, columns)}"
            yield ("dataset", field), told


def _template_faults(loaded: LoadedSuite, columns: frozenset[str] | None) -> Iterator[_Fault]:
    for name, spec in loaded.suite.prompts.items():
        try:
            prompt = Prompt(name, spec, loaded.suite)
        except TemplateError as error:
            odd = _odd_column(_sources(spec), columns or frozenset())
            told = error.message.removeprefix(f"prompts.{name}.")
            yield ("prompts", name), f"{told}; {odd}" if odd else told
            continue
        if any(not text.strip() for text in _turns(spec)):
            yield ("prompts", name), "is empty, and the API refuses empty messages"
        if columns is not None:
            yield from ((("prompts", name), told) for told in _prompt_faults(prompt, columns))
        uses_examples = any("examples" in item.variables for item in prompt.templates)
        if prompt.provided and not uses_examples:
            yield ("prompts", name, "examples"), "no template of this prompt shows the examples"


def _prompt_faults(prompt: Prompt, columns: frozenset[str]) -> Iterator[str]:
    """Columns that a prompt names and no row has, and columns that it names without being heard."""
    known = columns | prompt.provided
    unknown = {name for item in prompt.templates for name in unknown_variables(item, known)}
    odd = _odd_column([item.source for item in prompt.templates], columns) if unknown else None
    if odd is not None:
        yield odd
        return
    for variable in sorted(unknown | (prompt.columns - columns)):
        told = f"the prompt uses '{variable}', which no row has"
        yield f"{told}; {_there(variable, columns)}"
    if not any(item.variables for item in prompt.templates):
        for column in sorted(columns):
            if any(f"{{{column}}}" in item.source for item in prompt.templates):
                yield f"{{{column}}} is plain text; the column is {{{{ {column} }}}}"


def _turns(spec: PromptSpec) -> list[str]:
    return [turn.content for turn in spec.messages] if spec.user is None else [spec.user]


def _sources(spec: PromptSpec) -> list[str]:
    return [*([spec.system] if spec.system else []), *_turns(spec)]


def _odd_column(sources: Sequence[str], columns: frozenset[str]) -> str | None:
    """How to name a column that is used and whose name is none that a template could have."""
    for column in sorted(columns):
        pattern = r"\{[{%][^}]*" + re.escape(column)
        if not column.isidentifier() and any(re.search(pattern, text) for text in sources):
            return f"the column '{column}' is written {{{{ row['{column}'] }}}}"
    return None


def _there(name: str, columns: frozenset[str]) -> str:
    """The column that may have been meant, and those there are."""
    found = difflib.get_close_matches(name, sorted(columns), n=1)
    meant = f"did you mean '{found[0]}'? " if found else ""
    shown = [name if name.strip() == name and name else repr(name) for name in sorted(columns)]
    more = f" and {len(shown) - _MOST_COLUMNS} more" if len(shown) > _MOST_COLUMNS else ""
    return f"{meant}the columns are {', '.join(shown[:_MOST_COLUMNS])}{more}"


def _thinking_faults(loaded: LoadedSuite, known: _Known) -> Iterator[_Fault]:
    for cell in plan_cells(loaded.suite):
        if cell.model.provider == LOCAL:
            continue
        answer_tokens = cell.override.answer_tokens or loaded.suite.answer_tokens
        for message in check_thinking(
            cell.model.model,
            cell.thinking.setting(),
            sampling_of(cell),
            answer_tokens,
            known[cell.model.name],
        ):
            yield _address(cell, loaded), message


def _address(cell: Cell, loaded: LoadedSuite) -> Address:
    """Where to look for what does not go together: a setting, or what stands in its place."""
    if cell.address[0] != "thinking" or loaded.source.has(("thinking",)):
        return cell.address
    if loaded.source.has(("answer_tokens",)):
        return ("answer_tokens",)
    return ("models", loaded.suite.models.index(cell.model))


def _request_faults(loaded: LoadedSuite, known: _Known) -> Iterator[_Fault]:
    """Prefilled answers, forced tools and output schemas where a model refuses them."""
    for cell in plan_cells(loaded.suite):
        prompt, accepted = loaded.suite.prompts[cell.prompt], known[cell.model.name]
        if accepted is None:
            continue
        model, at = cell.model.model, ("prompts", cell.prompt)
        if prompt.messages and prompt.messages[-1].role == "assistant":
            if accepted.accepts_prefill is False:
                yield at, f"{model} takes no prefilled answer: end with the user's turn"
            elif cell.thinking.mode in ("budget", "adaptive"):
                yield at, f"{model}: a prefilled answer goes with no thinking"
        is_forced = (prompt.tool_choice or {}).get("type") in ("any", "tool")
        if is_forced and accepted.accepts_forced_tool_choice is False:
            yield at, f"{model} takes no forced tool; use tool_choice auto, or output_schema"
        elif is_forced and cell.thinking.mode == "budget":
            yield at, f"{model}: a forced tool goes with no thinking budget; use tool_choice auto"
        if prompt.output_schema is not None and accepted.accepts_structured_outputs is False:
            yield at, f"{model} takes no output_schema"


def _temperature_faults(loaded: LoadedSuite) -> Iterator[_Fault]:
    """Temperatures above 1, which other vendors' models take, but none that the table has."""
    for index, model in enumerate(loaded.suite.models):
        if (model.temperature or 0) > 1 and find_capabilities(model.model) is not None:
            told = f"{model.model} takes temperatures from 0 to 1, found {model.temperature:g}"
            yield ("models", index, "temperature"), told


def _price_faults(loaded: LoadedSuite) -> Iterator[_Fault]:
    suite = loaded.suite
    for index, model in enumerate(suite.models):
        is_priced = model.provider == LOCAL or price_of(model) is not None
        if not is_priced and suite.budget.max_cost_usd is not None:
            yield (
                ("models", index),
                f"no price is known for {model.model}, so max_cost_usd cannot be kept; "
                "give its price (USD per million tokens): price: {input: …, output: …}",
            )
        elif not is_priced and model.price is not None:
            advice = "give both input and output"
            yield ("models", index, "price"), f"no list price is known to complete this; {advice}"
