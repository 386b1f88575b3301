"""Answers made elsewhere become a run: scored, compared and gated with nothing sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from evalkit.errors import DatasetError, UsageError
from evalkit.pipeline.endpoints import resolve_endpoints
from evalkit.pipeline.start import blank_run, check_suite, checked_cases, with_rivals
from evalkit.pipeline.totals import count_totals
from evalkit.plan.matrix import PlannedVariant, plan_variants
from evalkit.plan.trials import plan_trials
from evalkit.store.journal import GROUP, Entry
from evalkit.store.making import prepare_run
from evalkit.store.manifest import Manifest
from evalkit.store.runs import RunFolder
from evalkit.store.writer import RunWriter
from evalkit.suite.dataset import read_rows
from evalkit.suite.load import LoadedSuite
from evalkit.suite.row import Row
from evalkit.tables import encode_row, response_row
from evalkit.types import Response, Trial, TrialResult, Usage

IMPORT = "import"
FIELDS = {
    "id": "the case's id, as dataset.id gives it",
    "text": "the answer",
    "variant": "which variant it is of: key, prompt, model or thinking setting",
    "sample": "which draw it is, from 0",
    "thinking": "the thinking text",
    "stop_reason": "end_turn, max_tokens, refusal …",
    "model": "the model that answered",
    "input_tokens": "tokens of the prompt",
    "output_tokens": "tokens of the answer",
    "thinking_tokens": "tokens of thinking",
    "cost_usd": "dollars",
    "elapsed_s": "seconds",
}
_TEXTS = ("thinking", "stop_reason", "model")
_WHOLE = ("input_tokens", "output_tokens", "thinking_tokens")
_FRACTIONS = ("cost_usd", "elapsed_s")
_MOST = 2.0**53  # beyond it a float no longer tells whole numbers apart
_PARTS = re.compile(r"([*?[])")


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a file keeps what: ``named`` maps FIELDS to columns (default: of the same name).

    In the wide form ``wide`` maps variants to the columns of their answers.
    """

    named: Mapping[str, str] = field(default_factory=dict)
    wide: Mapping[str, str] = field(default_factory=dict)

    def of(self, name: str) -> str:
        """The column of a field."""
        return self.named.get(name, name)


@dataclass(frozen=True, slots=True)
class Imported:
    """The run that was made, and how many of its trials the file had no answer for."""

    folder: RunFolder
    missing: int


@dataclass(frozen=True, slots=True)
class _Answer:
    case_id: str
    variant: PlannedVariant
    sample: int
    values: Mapping[str, Any]
    where: str

    @property
    def place(self) -> tuple[str, str, int]:
        return self.case_id, self.variant.variant.key, self.sample


def import_answers(
    loaded: LoadedSuite,
    path: Path,
    columns: Columns,
    runs: Path,
    env: Mapping[str, str],
    only: Sequence[str] = (),
) -> Imported:
    """Make a run of the answers in a CSV, JSONL or Parquet file; nothing is sent.

    The variants are those the file has answers of. The file's answers are held in memory. The
    manifest comes last: an import that was killed has left no run, and may be done again. Raises
    DatasetError for a row that cannot be used, UsageError for columns or variants that are not
    there, and what :func:`check_suite` raises.
    """
    check_suite(loaded)
    endpoints = resolve_endpoints(loaded.suite, env)
    answers = _by_place(_answers(path, columns, plan_variants(loaded.suite, endpoints, only)))
    samples = 1 + max(answer.sample for answer in answers.values())
    found = {answer.variant.variant.key for answer in answers.values()}
    suite = loaded.suite.model_copy(update={"samples": samples})
    keys = [_PARTS.sub(r"[\1]", key) for key in sorted(found)]
    variants = plan_variants(suite, endpoints, keys)
    loaded = replace(loaded, suite=suite)
    place, manifest = blank_run(loaded, runs, {}, variants, keys)
    manifest = with_rivals(manifest, loaded.suite, runs, env)
    job = {"kind": IMPORT, "file": path.name}
    cases = checked_cases(loaded, variants)
    manifest = prepare_run(place, manifest, loaded.text, cases, job)
    folder = RunFolder(place)
    writer = RunWriter(folder)
    try:
        trials = plan_trials(variants, folder.cases(), samples)
        _store(writer, _results(trials, answers))
        if answers:
            left = next(iter(answers.values()))
            raise DatasetError(
                f"{left.where}: no case of the dataset has the id '{left.case_id}'",
                "The id column must hold what dataset.id names (--map id=COLUMN).",
            )
        return _end(writer, manifest, path)
    except BaseException:
        writer.abandon()
        folder.remove()
        raise


def _end(writer: RunWriter, manifest: Manifest, path: Path) -> Imported:
    writer.finish()
    totals = count_totals(writer.folder, manifest.planned)
    missing = manifest.planned - totals["ok"]
    manifest = replace(
        manifest,
        status="stopped" if missing else "complete",
        stopped_because=f"{path.name} has no answer for {missing:,} trials" if missing else None,
        ended_at=datetime.now(UTC).isoformat(timespec="seconds"),
        totals=totals,
    )
    writer.close(manifest, is_complete=True)  # no answer of the file is still to come
    return Imported(writer.folder, missing)


def _answers(path: Path, columns: Columns, variants: Sequence[PlannedVariant]) -> Iterator[_Answer]:
    """Every answer of the file; a row has one (long form) or one a variant (wide form)."""
    drawn: dict[tuple[str, str], int] = {}
    for row in read_rows(path):
        case_id = _case_id(row, columns.of("id"))
        for name, column in _answer_columns(row, columns, variants):
            text = row.values.get(column)
            if text is None or (text == "" and columns.wide):
                continue  # no answer: the trial was not run
            variant = _find_variant(name, variants, row)
            draw = drawn.get((case_id, variant.variant.key), 0)
            drawn[case_id, variant.variant.key] = draw + 1
            values = _values(row, columns, column)
            yield _Answer(case_id, variant, _sample(row, columns, draw), values, row.where)


def _case_id(row: Row, column: str) -> str:
    value = _cell(row, column)
    if value is None or value == "":
        raise DatasetError(f"{row.where}: '{column}' is empty: nothing says which case it answers")
    # What other tools store as a number with gaps comes as 1.0 for 1.
    is_whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if is_whole else value)


def _answer_columns(
    row: Row, columns: Columns, variants: Sequence[PlannedVariant]
) -> list[tuple[str, str]]:
    """The variants a row answers for, and the column of each answer."""
    if columns.wide:
        return [(name, column) for name, column in columns.wide.items() if _has(row, column)]
    _cell(row, columns.of("text"))
    column = columns.of("variant")
    if column in row.values or "variant" in columns.named:
        return [(str(_cell(row, column)), columns.of("text"))]
    if len(variants) > 1:
        keys = ", ".join(item.variant.key for item in variants[:6])
        raise UsageError(
            f"{row.where}: nothing says which of {len(variants)} variants this answers: {keys} …",
            "Name the column (--map variant=COLUMN), the columns of the wide form "
            "(--wide VARIANT=COLUMN), or the one variant (--only KEY).",
        )
    return [(variants[0].variant.key, columns.of("text"))]


def _has(row: Row, column: str) -> bool:
    _cell(row, column)
    return True


def _cell(row: Row, column: str) -> Any:
    if column not in row.values:
        raise UsageError(
            f"{row.where}: no column '{column}'; the row has {', '.join(row.values)}",
            "Map it: --map FIELD=COLUMN, with the fields " + ", ".join(FIELDS) + ".",
        )
    return row.values[column]


def _find_variant(name: str, variants: Sequence[PlannedVariant], row: Row) -> PlannedVariant:
    """The variant of that key, or the only one with that prompt, model or thinking setting."""
    for item in variants:
        if item.variant.key == name:
            return item
    fitting = [
        item
        for item in variants
        if name in (item.variant.prompt, item.variant.model, item.variant.thinking.key)
    ]
    if len(fitting) == 1:
        return fitting[0]
    keys = ", ".join(item.variant.key for item in (fitting or variants)[:6])
    said = "could be several variants" if fitting else "is no variant of the suite"
    raise UsageError(f"{row.where}: '{name}' {said}", f"There are: {keys}")


def _sample(row: Row, columns: Columns, draw: int) -> int:
    """The draw a row tells, or else how many answers of its place came before it."""
    column = columns.of("sample")
    if column not in row.values and "sample" not in columns.named:
        return draw
    value = _number(row, column, whole=True)
    if value is None or not 0 <= value < 10_000:
        raise DatasetError(f"{row.where}: '{column}' is no sample number (0, 1, …)")
    return int(value)


def _values(row: Row, columns: Columns, text_column: str) -> dict[str, Any]:
    values: dict[str, Any] = {"text": _text(row, text_column)}
    for name in (*_TEXTS, *_WHOLE, *_FRACTIONS):
        column = columns.of(name)
        if name in columns.named:
            _cell(row, column)
        is_text = name in _TEXTS
        values[name] = _text(row, column) if is_text else _number(row, column, whole=name in _WHOLE)
    return values


def _text(row: Row, column: str) -> str | None:
    """A cell as text; what is no text is written as JSON has it."""
    value = row.values.get(column)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _number(row: Row, column: str, *, whole: bool) -> float | None:
    value = row.values.get(column)
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number < _MOST or (whole and number != int(number)):
        raise DatasetError(f"{row.where}: '{column}' is {value!r}, which is no such number")
    return int(number) if whole else number


def _by_place(answers: Iterable[_Answer]) -> dict[tuple[str, str, int], _Answer]:
    found: dict[tuple[str, str, int], _Answer] = {}
    for answer in answers:
        twin = found.setdefault(answer.place, answer)
        if twin is not answer:
            case_id, variant, sample = answer.place
            raise DatasetError(
                f"{answer.where}: case '{case_id}', variant {variant}, sample {sample} "
                f"was already answered at {twin.where}"
            )
    if not found:
        raise DatasetError("the file has no answers", "Check its columns (--map text=COLUMN).")
    return found


def _results(
    trials: Iterable[Trial], answers: dict[tuple[str, str, int], _Answer]
) -> Iterator[TrialResult]:
    """A result for each trial that has an answer, which is taken out of ``answers``."""
    now = datetime.now(UTC)
    for trial in trials:
        answer = answers.pop((trial.case_id, trial.variant.key, trial.sample), None)
        if answer is None:
            continue
        values = answer.values
        usage = Usage(values["input_tokens"], values["output_tokens"], values["thinking_tokens"])
        response = Response(
            text=values["text"],
            thinking=values["thinking"] or "",
            stop_reason=values["stop_reason"],
            usage=usage,
            model=values["model"],
            elapsed_s=values["elapsed_s"],
        )
        yield TrialResult(trial, response, now, cost_usd=values["cost_usd"], source="import")


def _store(writer: RunWriter, results: Iterator[TrialResult]) -> None:
    while group := list(islice(results, GROUP)):
        writer.commit(
            [Entry(result.trial.key, encode_row(response_row(result))) for result in group]
        )
