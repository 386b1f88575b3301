"""The input of analysis: every recorded trial of a run as one row of columns.

Responses, scores and cases come as Arrow tables; strings that matter become flags and codes on the
way in, so that everything after is arithmetic on arrays. Unknown numbers are nan in here and never
leave as such.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evalkit.errors import FAILURES
from evalkit.stats.arrays import BoolArray, FloatArray, IntArray
from evalkit.types import Variant

TRUNCATED = ("max_tokens", "model_context_window_exceeded")
REFUSED = "refusal"

_INPUT = ("input_tokens", "cache_read_tokens", "cache_write_tokens")
_NUMBERS = (
    *("output_tokens", "thinking_tokens", "cost_usd"),
    *("first_token_s", "elapsed_s", "queued_s", "backoff_s"),
)

COLUMNS = (
    "trial_key",
    "case_id",
    "variant_key",
    "model_answered",
    "sample",
    "status",
    "stop_reason",
    "text",
    "thinking_text",
    "redacted_block_count",
    "error_kind",
    "source",
    *_INPUT,
    *_NUMBERS,
)
"""The columns of ``responses`` that analysis needs; others may be left unread.

Where answers came from a cache, ``message_id`` too, which tells them apart.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """A column of names as codes into ``names``; -1 where there is none."""

    codes: IntArray
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """The cases of a run in their order.

    ``clusters`` has one label a case (a case without a cluster is one of its own) or is None where
    no case has any. ``tags`` gives the positions of the cases that carry a tag.
    """

    ids: tuple[str, ...]
    clusters: IntArray | None
    tags: Mapping[str, IntArray]
    largest_cluster: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Reduction:
    """What k samples of a case make together: ``any`` or ``all`` of them right, or the majority's.

    Without ``k`` as many as were asked for.
    """

    how: Literal["any", "all", "majority"]
    k: int | None = None

    @property
    def name(self) -> str:
        """As it is known: ``pass@4``, ``pass^4``, ``majority@4``; ``n`` is every sample."""
        sign = {"any": "pass@", "all": "pass^", "majority": "majority@"}[self.how]
        return f"{sign}{self.k or 'n'}"


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """Recorded trials, one row each, by case, variant and sample whatever order they came in.

    ``variant`` and ``case`` are positions in ``variants`` and ``cases.ids``; ``planned`` is how
    many trials each variant was to have. The flags speak of answered trials, except
    ``is_model_error``, which tells failed ones apart. ``numbers`` hold nan for unknown;
    ``values`` and ``answers`` are each scorer's grade (nan: none) and what it read out.
    ``shared`` names the stored answer a trial was served from or that served others, -1 for one of
    its own. ``runs`` says of each variant which run it comes from, where there are several;
    ``traits`` what it was asked with (``temperature: 0``), in words. ``labels`` are human grades by
    variant and case, nan where there is none; they are held against the leading scorer,
    ``labels_of`` against the scorers named. ``reductions`` names the scorers whose
    samples make something else than their mean, ``ranges`` what grades of 0 and 1 are on the scale
    of those that grade on another.
    """

    variants: tuple[Variant, ...]
    planned: tuple[int, ...]
    cases: Cases
    variant: IntArray
    case: IntArray
    sample: IntArray
    is_answered: BoolArray
    is_truncated: BoolArray
    is_refused: BoolArray
    has_text: BoolArray
    has_thinking: BoolArray
    is_model_error: BoolArray
    failure: Coded
    model_answered: Coded
    numbers: Mapping[str, FloatArray]
    values: Mapping[str, FloatArray]
    answers: Mapping[str, Coded]
    shared: IntArray
    runs: tuple[str, ...] = ()
    traits: tuple[Mapping[str, str], ...] = ()
    labels: FloatArray | None = None
    labels_of: Mapping[str, FloatArray] = field(default_factory=dict)
    reductions: Mapping[str, Reduction] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def is_repeat(self) -> BoolArray:
        """Samples that are the very answer of an earlier sample of their case and variant."""
        flags = np.zeros(len(self.shared), dtype=np.bool_)
        found = np.flatnonzero(self.shared >= 0)
        place = self.variant[found] * len(self.cases.ids) + self.case[found]
        names = int(self.shared.max(initial=-1)) + 1
        _, first = np.unique(place * names + self.shared[found], return_index=True)
        flags[found] = True
        flags[found[first]] = False
        return flags

    def units(self, rows: BoolArray) -> IntArray | None:
        """What makes these trials independent: cluster or, with several samples, case."""
        if self.cases.clusters is not None:
            return self.cases.clusters[self.case[rows]]
        return self.case[rows] if self.sample.max(initial=0) > 0 else None

    @property
    def scorers(self) -> tuple[str, ...]:
        """The scorers in the order given."""
        return tuple(self.values)

    def case_means(self, values: FloatArray) -> FloatArray:
        """Means over the samples of a case, variants x cases; nan values are left out.

        nan where nothing is left.
        """
        known = ~np.isnan(values)
        count = self.tally(known.astype(np.float64))
        with np.errstate(invalid="ignore"):
            means: FloatArray = self.tally(np.where(known, values, 0.0)) / count
        return means

    def tally(self, weights: FloatArray) -> FloatArray:
        """Sums over the samples of a case, variants x cases."""
        shape = len(self.variants), len(self.cases.ids)
        place = self.variant * shape[1] + self.case
        sums = np.bincount(place, weights=weights, minlength=shape[0] * shape[1])
        return np.asarray(sums, dtype=np.float64).reshape(shape)


def narrowed(responses: pa.Table) -> pa.Table:
    """Responses without their texts: what analysis needs of those as flags and lengths.

    Reading a large run part by part and narrowing each keeps only one part's texts in memory. A
    table that is narrowed already is returned as it is.
    """
    if "text" not in responses.column_names:
        return responses
    facts = {
        "has_text": pc.fill_null(pc.match_substring_regex(responses["text"], r"\S"), False),
        "thinking_chars": pc.utf8_length(responses["thinking_text"]),
    }
    narrow = responses.drop_columns(["text", "thinking_text"])
    for name, column in facts.items():
        narrow = narrow.append_column(name, column)
    for name in ("variant_key", "case_id", "model_answered", "stop_reason", "error_kind"):
        at = narrow.column_names.index(name)
        narrow = narrow.set_column(at, name, narrow[name].dictionary_encode())
    return narrow


def read_trials(
    responses: pa.Table,
    scores: Mapping[str, pa.Table],
    cases: pa.Table,
    planned: Mapping[Variant, int],
) -> Trials:
    """Join what a run holds into rows.

    ``responses`` needs :data:`COLUMNS` (or comes :func:`narrowed`), ``scores`` one table per scorer
    (schema ``SCORES``, or :func:`aligned`) in the order of the suite, ``cases`` the columns
    case_id, cluster and tags.
    ``planned`` names the variants in the order of the suite and how many trials each was to have.
    Raises ``ValueError`` for a response to a case or variant that is not among them.
    """
    variants = tuple(planned)
    case_ids = cases["case_id"].to_pylist()
    responses = narrowed(responses).unify_dictionaries()
    failure = _coded(responses["error_kind"])
    blamed = [kind in FAILURES and FAILURES[kind].is_model_error for kind in failure.names]
    is_answered = _flags(pc.equal(responses["status"], "ok"))
    stop = _coded(responses["stop_reason"])
    trials = Trials(
        variants=variants,
        planned=tuple(planned.values()),
        cases=_cases(cases, case_ids),
        variant=_positions(responses["variant_key"], [variant.key for variant in variants]),
        case=_positions(responses["case_id"], case_ids),
        sample=_integers(responses["sample"]),
        is_answered=is_answered,
        is_truncated=is_answered & _is_one_of(stop, TRUNCATED),
        is_refused=is_answered & _is_one_of(stop, (REFUSED,)),
        has_text=is_answered & _flags(responses["has_text"]),
        has_thinking=is_answered & _thought(responses),
        is_model_error=~is_answered & np.array([*blamed, False], dtype=np.bool_)[failure.codes],
        failure=failure,
        model_answered=_coded(responses["model_answered"]),
        numbers=_numbers(responses),
        values={name: _joined_values(responses, table) for name, table in scores.items()},
        answers={name: _joined_answers(responses, table) for name, table in scores.items()},
        shared=_shared(responses),
    )
    return _in_order(trials)


def _in_order(trials: Trials) -> Trials:
    """Rows by case, variant and sample, so that sums come out alike to the last digit."""
    place = trials.case * len(trials.variants) + trials.variant
    place = place * (int(trials.sample.max(initial=0)) + 1) + trials.sample
    if (place[1:] >= place[:-1]).all():
        return trials
    order = np.argsort(place, kind="stable")

    def coded(column: Coded) -> Coded:
        return Coded(column.codes[order], column.names)

    flags = ("is_answered", "is_truncated", "is_refused", "has_text", "has_thinking")
    plain = ("variant", "case", "sample", "is_model_error", "shared", *flags)
    return replace(
        trials,
        **{name: getattr(trials, name)[order] for name in plain},
        failure=coded(trials.failure),
        model_answered=coded(trials.model_answered),
        numbers={name: column[order] for name, column in trials.numbers.items()},
        values={name: column[order] for name, column in trials.values.items()},
        answers={name: coded(column) for name, column in trials.answers.items()},
    )


def _cases(table: pa.Table, ids: Sequence[str]) -> Cases:
    clusters, largest = cluster_labels(table["cluster"]), None
    if clusters is not None:
        cluster = _coded(table["cluster"])
        sizes = np.bincount(cluster.codes[cluster.codes >= 0])
        largest = (cluster.names[int(sizes.argmax())], int(sizes.max()))
    tags: dict[str, IntArray] = {}
    lists = table["tags"].combine_chunks()
    tag, carrier = _coded(pc.list_flatten(lists)), _integers(pc.list_parent_indices(lists))
    for code in sorted(range(len(tag.names)), key=tag.names.__getitem__):
        tags[tag.names[code]] = np.unique(carrier[tag.codes == code])
    return Cases(tuple(ids), clusters, tags, largest)


def cluster_labels(column: pa.ChunkedArray) -> IntArray | None:
    """One label a case, its own where it has no cluster; None where no case has any."""
    cluster = _coded(column)
    in_none = cluster.codes < 0
    if in_none.all():
        return None
    alone = len(cluster.names) + np.arange(len(cluster.codes))
    return np.where(in_none, alone, cluster.codes)


def _shared(responses: pa.Table) -> IntArray:
    """Which answer of the cache a trial holds; -1 for all where nothing came from a cache."""
    if (
        "message_id" not in responses.column_names
        or not pc.any(pc.equal(responses["source"], "cache")).as_py()
    ):
        return np.full(responses.num_rows, -1, dtype=np.int64)
    return _coded(responses["message_id"]).codes


def _thought(responses: pa.Table) -> BoolArray:
    """Whether an answer shows any sign of thinking: text, a redacted block or a token count."""
    shown = _flags(pc.greater(responses["thinking_chars"], 0))
    redacted = _flags(pc.greater(responses["redacted_block_count"], 0))
    counted = _flags(pc.greater(responses["thinking_tokens"], 0))
    return shown | redacted | counted


def _numbers(responses: pa.Table) -> dict[str, FloatArray]:
    """The numeric columns; ``input_tokens`` becomes the whole prompt, cached parts included."""
    numbers = {name: _finite(responses[name]) for name in _NUMBERS}
    fresh, read, written = (_floats(responses[name]) for name in _INPUT)
    numbers["input_tokens"] = fresh + np.nan_to_num(read) + np.nan_to_num(written)
    numbers["thinking_chars"] = _floats(responses["thinking_chars"])
    return numbers


def _joined_values(responses: pa.Table, scores: pa.Table) -> FloatArray:
    values = _floats(_joined(responses, scores, "value"))
    is_outside = (values < 0) | (values > 1)
    if is_outside.any():
        raise ValueError(f"a score is outside [0, 1]: {values[is_outside][0]:g}")
    return values


def _joined_answers(responses: pa.Table, scores: pa.Table) -> Coded:
    return _coded(_joined(responses, scores, "answer"))


def aligned(responses: pa.Table, scores: pa.Table) -> pa.Table:
    """Grades row by row beside the responses, without keys, which take most of the room."""
    columns = {name: _joined(responses, scores, name) for name in ("value", "answer")}
    return pa.table({"value": columns["value"], "answer": columns["answer"].dictionary_encode()})


def _joined(responses: pa.Table, scores: pa.Table, column: str) -> pa.ChunkedArray:
    """A column of scores in the order of responses; scores usually stand in it already."""
    if "trial_key" not in scores.column_names:
        return scores[column]
    keys, graded = responses["trial_key"], scores["trial_key"]
    if len(keys) == len(graded) and pc.all(pc.equal(keys, graded)).as_py() is not False:
        return scores[column]
    return scores[column].take(pc.index_in(keys, value_set=graded.combine_chunks()))


def _positions(column: pa.ChunkedArray, known: Sequence[str]) -> IntArray:
    """Where each value stands among the known ones; each different value is looked up once."""
    coded = _dictionary(column)
    names = coded.dictionary
    places = pc.index_in(names, value_set=pa.array(known, names.type))
    if places.null_count:
        stranger = names.filter(pc.is_null(places))[0].as_py()
        raise ValueError(f"a response belongs to {stranger!r}, which the run does not have")
    return _integers(places)[_integers(coded.indices)]


def _is_one_of(column: Coded, names: Sequence[str]) -> BoolArray:
    wanted = np.array([*(name in names for name in column.names), False], dtype=np.bool_)
    return wanted[column.codes]


def _coded(column: pa.ChunkedArray | pa.Array) -> Coded:
    coded = _dictionary(column)
    return Coded(_integers(coded.indices.fill_null(-1)), tuple(coded.dictionary.to_pylist()))


def _dictionary(column: pa.ChunkedArray | pa.Array) -> pa.DictionaryArray:
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.chunk(0) if whole.num_chunks else pa.array([], whole.type)
    return whole if pa.types.is_dictionary(whole.type) else whole.dictionary_encode()


def _flags(column: pa.ChunkedArray) -> BoolArray:
    flags: BoolArray = column.fill_null(False).to_numpy()
    return flags


def _integers(column: pa.ChunkedArray | pa.Array) -> IntArray:
    integers: IntArray = column.to_numpy().astype(np.int64)
    return integers


def _finite(column: pa.ChunkedArray) -> FloatArray:
    """Numbers, with what is none counted as unknown."""
    floats = _floats(column)
    return np.asarray(np.where(np.isfinite(floats), floats, np.nan), dtype=np.float64)


def _floats(column: pa.ChunkedArray) -> FloatArray:
    floats: FloatArray = column.cast(pa.float64()).fill_null(float("nan")).to_numpy()
    return floats
