"""A stored run case by case, for a browser that asks for what it shows; nothing is written.

Opening reads ids and tags alone. A thread then finds out where each case's answers lie and what
became of them; whoever needs that waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import ValidationError

from evalkit.analysis.matching import default_baseline
from evalkit.analysis.outcomes import grade
from evalkit.analysis.results import OUTCOME_CLASSES
from evalkit.analysis.trials import Trials
from evalkit.errors import EvalkitError, StoreError
from evalkit.pipeline.examples import COLUMNS, answer_of, grade_of, prompts_sent
from evalkit.plan.matrix import PlannedVariant, plan_variants
from evalkit.report import format as fmt
from evalkit.report.casedata import NO_OUTCOME, Index, Meta, case_data, case_row
from evalkit.report.examples import cut_answer
from evalkit.report.report import Answer, CaseExample, Grade
from evalkit.store.parts import open_parquet, read_open_part, read_table
from evalkit.store.runs import RunFolder
from evalkit.suite.schema import Suite
from evalkit.tables import RESPONSES, case_of
from evalkit.types import Case, Endpoint

MAX_TAGS = 1_000
MAX_WORDS = 8
MAX_CHARS = 200_000
"""So much of a text is shown; ``evalkit show --trial KEY`` has all of it."""
_TEXTS = ("text", "thinking_text", "error_message")
_KEPT_GROUPS = 16

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """A part and the cases of its rows, as places; None stands for what is not sealed yet."""

    path: Path | None
    places: Places


@dataclass(frozen=True, slots=True)
class _Run:
    """The variants that were planned; alone, so that it needs no label."""

    variants: tuple[PlannedVariant, ...]
    label: str = ""


class StoredCases:
    """The cases of a run in the order of its dataset, a *place* each, from 0 on.

    Every method may be called from any thread. Raises StoreError for a damaged run.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.manifest = folder.manifest()
        self.suite = _suite_of(folder)
        # Nobody is asked, so that where they would be is left out.
        nowhere = {model.name: Endpoint(model.name, "") for model in self.suite.models}
        planned = plan_variants(self.suite, nowhere, self.manifest.only)
        self._run = _Run(tuple(planned))
        columns = folder.case_columns()
        self.ids: pa.Array = columns["case_id"].combine_chunks()
        self._tags, self._tags_of = _coded_tags(columns["tags"])
        self._samples = self.suite.samples
        self._keys = [one.variant.key for one in planned]
        self._slots = {
            (key, sample): at * self._samples + sample
            for at, key in enumerate(self._keys)
            for sample in range(self._samples)
        }
        self._scorers = [spec.name for spec in self.suite.scorers]
        self._groups: dict[int, pa.Table] = {}
        self._lock = threading.Lock()
        self._parts: list[_Part] = []
        self._unsealed = pa.table({})
        self._index: dict[str, str] = {}
        self._outcome = np.full((len(self.ids), len(self._slots)), NO_OUTCOME, np.uint8)
        self._trouble: EvalkitError | None = None
        self._is_located, self._is_indexed = threading.Event(), threading.Event()

    def read_on(self) -> threading.Thread:
        """Begin to find out where and what the answers are, in a thread of its own."""
        thread = threading.Thread(target=self._find_out, daemon=True)
        thread.start()
        return thread

    def meta(self) -> Meta:
        """What a browser must know beforehand."""
        variants = [one.variant for one in self._run.variants]
        named = _short_names(self._keys)
        return Meta(
            variants=list(zip(self._keys, named, strict=True)),
            samples=self._samples,
            scorers=self._scorers,
            tags=self._tags,
            baseline=default_baseline(variants) if variants else 0,
            n=len(self.ids),
            total=len(self.ids),
        )

    def rows(self, places: Sequence[int]) -> list[list[str]]:
        """What a list shows of each of these cases."""
        prompt = self._run.variants[0].prompt if self._run.variants else None
        found = []
        for place in places:
            case = self._case(place)
            turns = [_Said(text) for _, text in prompt.render(case).turns()] if prompt else []
            found.append(case_row(case.id, turns))
        return found

    def case(self, place: int) -> dict[str, Any]:
        """A case in full, with the latest outcome of each of its trials."""
        case = self._case(place)
        rows = {
            row["trial_key"]: row for table in self._answers(place) for row in table.to_pylist()
        }
        grades = self._grades(case.id)
        answers = tuple(
            self._answer(place, row, grades.get(row["trial_key"], ())) for row in rows.values()
        )
        answers = tuple(cut_answer(answer, MAX_CHARS) for answer in answers)
        shown = CaseExample(
            case.id, prompts_sent([(self._run, case)]), answers, case.target, case.tags
        )
        return case_data(shown, self._slots, self._scorers)

    def index(self) -> dict[str, str]:
        """What cases are filtered by; waits until it is known."""
        self._wait_for(self._is_indexed)
        return self._index

    def find(self, case_id: str) -> int:
        """The place of a case by its id, also as pages show it; -1 if there is none."""
        place = int(pc.index(self.ids, pa.scalar(case_id, pa.string())).as_py())
        if place >= 0:
            return place
        shown = (at for at, one in enumerate(self.ids.to_pylist()) if fmt.one_line(one) == case_id)
        return next(shown, -1)

    def search(self, text: str) -> list[int]:
        """The places of the cases in whose row or answers every word occurs, in any case."""
        words = text.split()[:MAX_WORDS]
        self._wait_for(self._is_located)
        hits = np.zeros((len(words), len(self.ids)), dtype=np.bool_)
        inputs = read_table(self.folder.path / "cases.parquet", ["case_id", "inputs", "target"])
        for number, word in enumerate(words):
            for column in inputs.columns:
                hits[number] |= _holds(column, word)
        for part in self._parts:
            table = self._read(part, ("case_id", *_TEXTS))
            places = _places(table["case_id"], self.ids)
            for number, word in enumerate(words):
                for name in _TEXTS:
                    hits[number, places[_holds(table[name], word)]] = True
        return [int(place) for place in np.flatnonzero(hits.all(axis=0))] if words else []

    def _find_out(self) -> None:
        # What it takes to read a run whole is loaded while the page is being looked at.
        from evalkit.pipeline.stored import load_run, trials_of

        try:
            self._locate()
            self._is_located.set()
            run = load_run(self.folder, is_frozen=True)
            self._index = self._indexed(trials_of([run])).plain()
        except EvalkitError as error:
            self._trouble = error
        finally:
            self._is_located.set()
            self._is_indexed.set()

    def _wait_for(self, event: threading.Event) -> None:
        event.wait()
        if self._trouble is not None:
            raise self._trouble

    def _locate(self) -> None:
        self._unsealed = self.folder.unsealed(COLUMNS)
        self._parts = [
            _Part(path, _places(read_table(path, ["case_id"])["case_id"], self.ids))
            for path in self.folder.parts()
        ]
        if self._unsealed.num_rows:
            self._parts.append(_Part(None, _places(self._unsealed["case_id"], self.ids)))

    def _indexed(self, trials: Trials) -> Index:
        shape = len(self.ids), len(self._slots)
        outcome = self._outcome
        score = np.full(shape, np.nan, np.float32)
        if not trials.scorers:  # not scored yet: failures are told apart nonetheless
            trials = replace(trials, values={"": np.full(len(trials.case), np.nan)})
        graded = grade(trials, trials.scorers[0])
        slots = trials.variant * self._samples + trials.sample
        outcome[trials.case, slots] = graded.outcome
        score[trials.case, slots] = graded.score
        return Index(outcome, score, self._tags_of)

    def _answers(self, place: int) -> Iterator[pa.Table]:
        """The stored outcomes of a case, oldest first; before parts are located, by searching."""
        case_id = self.ids[place].as_py()
        if not self._is_located.is_set():
            for path in self.folder.parts():
                with open_parquet(path) as file:
                    for group in _groups_with(file, case_id):
                        yield _of_case(_current(file, COLUMNS, [group]), case_id)
            yield _of_case(self.folder.unsealed(COLUMNS), case_id)
            return
        self._wait_for(self._is_located)
        for part in self._parts:
            found = np.flatnonzero(part.places == place)
            if len(found):
                yield _of_case(self._read(part, COLUMNS, found), case_id)

    def _read(self, part: _Part, columns: Sequence[str], rows: Places | None = None) -> pa.Table:
        """Columns of a part; with ``rows`` only of the row groups that hold one of them."""
        if part.path is None:
            return self._unsealed.select(columns)
        with open_parquet(part.path) as file:
            if rows is None:
                return read_open_part(part.path, file, columns)
            return _current(file, columns, _groups_of(file, rows))

    def _grades(self, case_id: str) -> dict[str, list[Grade]]:
        """The grades of a case by trial, the leading scorer's first."""
        found: dict[str, list[Grade]] = {}
        for scorer in self._scorers:
            path = self.folder.scores_path / f"{scorer}.parquet"
            if path.exists():
                with open_parquet(path) as file:
                    for group in _groups_with(file, case_id):
                        for row in _of_case(file.read_row_group(group), case_id).to_pylist():
                            found.setdefault(row["trial_key"], []).append(grade_of(scorer, row))
        return found

    def _answer(self, place: int, row: dict[str, Any], grades: Sequence[Grade]) -> Answer:
        slot = self._slots.get((row["variant_key"], row["sample"]))
        code = NO_OUTCOME if slot is None else int(self._outcome[place, slot])
        outcome = None if code == NO_OUTCOME else OUTCOME_CLASSES[code]
        return answer_of(row, outcome, grades)

    def _case(self, place: int) -> Case:
        with self._lock:
            return case_of(self._case_row(place))

    def _case_row(self, place: int) -> dict[str, Any]:
        with open_parquet(self.folder.path / "cases.parquet") as file:
            start = 0
            for number in range(file.num_row_groups):
                count = file.metadata.row_group(number).num_rows
                if place < start + count:
                    if number not in self._groups:
                        while len(self._groups) >= _KEPT_GROUPS:
                            self._groups.pop(next(iter(self._groups)))
                        self._groups[number] = file.read_row_group(number)
                    row: dict[str, Any] = (
                        self._groups[number].slice(place - start, 1).to_pylist()[0]
                    )
                    return row
                start += count
        raise IndexError(place)


@dataclass(frozen=True, slots=True)
class _Said:
    """A turn, as far as a row shows it."""

    text: str


def _suite_of(folder: RunFolder) -> Suite:
    try:
        return Suite.model_validate(folder.manifest().suite)
    except ValidationError as error:
        raise StoreError(f"{folder.path}: the stored suite is damaged: {error}") from error


def _short_names(keys: Sequence[str]) -> list[str]:
    """Keys without the parts that all of them share."""
    split = [key.split("/") for key in keys]
    if len(split) < 2 or len({len(parts) for parts in split}) != 1:
        return list(keys)
    kept = [at for at in range(len(split[0])) if len({parts[at] for parts in split}) > 1]
    return [
        "/".join(parts[at] for at in kept) or key for parts, key in zip(split, keys, strict=True)
    ]


def _coded_tags(lists: pa.ChunkedArray) -> tuple[list[str], list[list[int]]]:
    """The most frequent tags in alphabetical order, and each case's as positions among them."""
    counts = pc.value_counts(pc.list_flatten(lists)).to_pylist()
    often = sorted(counts, key=lambda one: -one["counts"])[:MAX_TAGS]
    tags = sorted(one["values"] for one in often)
    if not tags:
        return [], [[]] * len(lists)
    place = {tag: at for at, tag in enumerate(tags)}
    return tags, [[place[tag] for tag in found if tag in place] for found in lists.to_pylist()]


def _places(case_ids: pa.ChunkedArray, known: pa.Array) -> Places:
    return np.asarray(pc.fill_null(pc.index_in(case_ids, value_set=known), -1), dtype=np.int64)


def _holds(column: pa.ChunkedArray, word: str) -> npt.NDArray[np.bool_]:
    found = pc.match_substring(column, word, ignore_case=True)
    return np.asarray(pc.fill_null(found, False).to_numpy(), dtype=np.bool_)


def _groups_of(file: pq.ParquetFile, rows: Places) -> list[int]:
    """The row groups in which these rows lie; all of them where the file has changed since."""
    counts = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    ends = np.cumsum(counts)
    if not len(ends) or rows[-1] >= ends[-1]:
        return list(range(file.num_row_groups))
    return sorted({int(group) for group in np.searchsorted(ends, rows, side="right")})


def _groups_with(file: pq.ParquetFile, case_id: str) -> Iterator[int]:
    """The row groups that hold rows of a case; most are ruled out by their range of ids."""
    at = file.schema_arrow.get_field_index("case_id")
    for number in range(file.num_row_groups):
        told = file.metadata.row_group(number).column(at).statistics
        if told is None or not told.has_min_max or told.min <= case_id <= told.max:
            ids = file.read_row_group(number, columns=["case_id"])["case_id"]
            if pc.any(pc.equal(ids, case_id)).as_py():
                yield number


def _of_case(table: pa.Table, case_id: str) -> pa.Table:
    return table.filter(pc.equal(table["case_id"], case_id))


def _current(file: pq.ParquetFile, columns: Sequence[str], groups: Sequence[int]) -> pa.Table:
    """Columns of some row groups; one that an older format lacks is null."""
    known = [name for name in columns if name in file.schema_arrow.names]
    table = file.read_row_groups(groups, columns=known)
    for name in columns:
        if name not in known:
            nothing = pa.nulls(table.num_rows, RESPONSES.field(name).type)
            table = table.append_column(name, nothing)
    return table
