"""Stored runs as analysis wants them: one, or several made comparable."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from evalkit.analysis.confounds import ROOM
from evalkit.analysis.matching import run_name
from evalkit.analysis.trials import (
    COLUMNS,
    Reduction,
    Trials,
    aligned,
    narrowed,
    read_trials,
)
from evalkit.errors import StoreError, UsageError
from evalkit.messages.request import encode_request
from evalkit.pipeline.endpoints import resolve_endpoints
from evalkit.pipeline.score import score_run, scorer_digest
from evalkit.pipeline.start import stored_suite
from evalkit.pipeline.twins import bare_id, with_twins_as_clusters
from evalkit.plan.matrix import PlannedVariant, plan_variants
from evalkit.scorers.user import range_of
from evalkit.store.manifest import Manifest
from evalkit.store.runs import RunFolder
from evalkit.suite.judge_schema import JUDGE, judge_of
from evalkit.suite.schema import Suite
from evalkit.tables import RESPONSES
from evalkit.types import Request


@dataclass(frozen=True, slots=True, eq=False)
class StoredRun:
    """A run in memory; ``label`` tells it from others ("" when it is alone).

    ``responses`` are narrowed to what analysis needs, ``scores`` stand beside them row by row;
    ``n_twins`` cases repeat the content of an earlier one.
    """

    folder: RunFolder
    suite: Suite
    manifest: Manifest
    variants: tuple[PlannedVariant, ...]
    responses: pa.Table
    scores: Mapping[str, pa.Table]
    label: str = ""
    cases: pa.Table | None = None
    n_twins: int = 0

    @property
    def is_whole_dataset(self) -> bool:
        """Whether the run has every case of its dataset."""
        asked = self.suite.dataset
        most = [asked.limit, asked.sample.size if asked.sample else None]
        return all(rows is None or self.manifest.n_cases < rows for rows in most)

    def without_answers(self) -> StoredRun:
        """The run once its trials have been read: responses and scores take memory no more."""
        return replace(self, responses=self.responses.schema.empty_table(), scores={})

    def keyed(self, table: pa.Table) -> pa.Table:
        """Rows of this run with keys that no other run has; as they are when it is alone."""
        if not self.label:
            return table
        if "variant_key" in table.column_names:
            old = pa.array([plain_key(one, self.label) for one in self.variants], pa.string())
            new = pa.array([one.variant.key for one in self.variants], pa.string())
            keys = new.take(pc.index_in(table["variant_key"], value_set=old))
            table = table.set_column(table.column_names.index("variant_key"), "variant_key", keys)
        if "trial_key" in table.column_names:
            keys = pc.binary_join_element_wise(table["trial_key"], self.label, "@")
            table = table.set_column(table.column_names.index("trial_key"), "trial_key", keys)
        return table


def load_run(folder: RunFolder, label: str = "", *, is_frozen: bool = False) -> StoredRun:
    """A run, scored first where scores are missing unless it ``is_frozen``.

    Its variants and trials carry the ``label``, if it has one. Raises StoreError for a damaged one.
    """
    suite, manifest = stored_suite(folder), folder.manifest()
    variants = [
        _labelled(planned, label)
        for planned in plan_variants(suite, resolve_endpoints(suite, {}), manifest.only)
    ]
    run = StoredRun(folder, suite, manifest, tuple(variants), pa.table({}), {}, label)
    responses = pa.concat_tables(narrowed(part) for part in _parts(folder, manifest))
    scores = {
        name: aligned(responses, table)
        for name, table in _scores(folder, suite, None if is_frozen else responses.num_rows).items()
    }
    responses = run.keyed(responses.drop_columns(["trial_key"]))
    cases, n_twins = with_twins_as_clusters(folder, bare_id(suite.dataset.id, variants))
    pa.default_memory_pool().release_unused()  # what the texts took
    return replace(run, responses=responses, scores=scores, cases=cases, n_twins=n_twins)


def load_runs(folders: Sequence[RunFolder]) -> list[StoredRun]:
    """Runs to be compared, told apart by their ids. Raises UsageError for one given twice."""
    if len(folders) == 1:
        return [load_run(folders[0])]
    labels = [folder.manifest().run_id for folder in folders]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise UsageError(f"run {twice[0]} was given twice", "Name two different runs.")
    return [load_run(folder, label) for folder, label in zip(folders, labels, strict=True)]


def _parts(folder: RunFolder, manifest: Manifest) -> Iterator[pa.Table]:
    """The columns that analysis needs, a part at a time, first an empty one."""
    # Which answers are the same one matters only where some came from a cache.
    columns = COLUMNS if manifest.totals.get("cached") == 0 else (*COLUMNS, "message_id")
    yield RESPONSES.empty_table().select(columns)
    yield from folder.outcomes(columns)


def differences(runs: Sequence[StoredRun]) -> Iterator[str]:
    """What makes runs hard to compare: datasets, scorers or prompts that are not the same."""
    yield from _differing("dataset", runs, [run.manifest.digests.get("dataset") for run in runs])
    for name in _shared_scorers(runs):
        specs = [
            next(repr(spec) for spec in run.suite.scorers if spec.name == name) for run in runs
        ]
        if len(set(specs)) > 1:
            yield f"the scorer {name} is set up differently"
    digests = [run.manifest.digests for run in runs]
    for key in dict.fromkeys(key for one in digests for key in one if key.startswith("prompt:")):
        known = [(run, one[key]) for run, one in zip(runs, digests, strict=True) if key in one]
        name = f"prompt {key.removeprefix('prompt:')}"
        yield from _differing(name, [run for run, _ in known], [digest for _, digest in known])


def trials_of(runs: Sequence[StoredRun]) -> Trials:
    """Every recorded trial of one run or several, by case id.

    Raises StoreError where files of a run do not belong together or hold an impossible score.
    """
    cases = pa.concat_tables([run.cases for run in runs])
    planned = {
        one.variant: run.manifest.n_cases * run.suite.samples
        for run in runs
        for one in run.variants
    }
    try:
        trials = read_trials(
            pa.concat_tables([run.responses for run in runs]),
            _joined_scores(runs),
            cases if len(runs) == 1 else _first_of_each(cases),
            planned,
        )
    except ValueError as error:
        paths = ", ".join(str(run.folder.path) for run in runs)
        raise StoreError(
            f"{paths}: {error}",
            "Grade the answers again with `evalkit score`, or restore the run from a copy.",
        ) from error
    suite = runs[0].suite
    trials = replace(trials, reductions=_reductions(suite), ranges=dict(_ranges(suite)))
    traits = tuple(_traits(run, planned) for run in runs for planned in run.variants)
    if len(runs) == 1:
        return replace(trials, traits=traits)
    labels = tuple(run.label for run in runs for _ in run.variants)
    return replace(trials, traits=traits, runs=labels)


def _joined_scores(runs: Sequence[StoredRun]) -> dict[str, pa.Table]:
    """The grades of every scorer that all runs have. Raises UsageError where there is none."""
    shared = _shared_scorers(runs)
    if not shared and len(runs) > 1:
        raise UsageError("the runs have no scorer in common", "Score them with the same one.")
    return {name: pa.concat_tables([run.scores[name] for run in runs]) for name in shared}


def seed_of(runs: Sequence[StoredRun], purpose: str) -> int:
    """A seed from the ids of the runs and what it is for: the same on any machine."""
    ids = "+".join(run.manifest.run_id for run in runs)
    return zlib.crc32(f"{ids}:{purpose}".encode())


def _labelled(planned: PlannedVariant, label: str) -> PlannedVariant:
    if not label:
        return planned
    model = run_name(planned.variant.model, label)
    return replace(planned, variant=replace(planned.variant, model=model))


def plain_key(planned: PlannedVariant, label: str) -> str:
    """The key that the variant has in its own run."""
    variant = planned.variant
    return replace(variant, model=variant.model.removesuffix(f"@{label}")).key


def _scores(folder: RunFolder, suite: Suite, answered: int | None) -> dict[str, pa.Table]:
    """Every scorer's grades; scored now if a scorer has not seen all that is ``answered``."""
    columns = ["trial_key", "value", "answer"]
    found = {spec.name: folder.scores(spec.name, columns) for spec in suite.scorers}
    is_whole = all(
        table is not None and table.num_rows == answered and table.column_names == columns
        for table in found.values()
    )
    # A scoring with other options that was cut short leaves some of its grades behind.
    is_other = any(
        folder.scorer_digest(spec.name) not in (None, scorer_digest(spec)) for spec in suite.scorers
    )
    if answered is not None and (not is_whole or is_other):
        score_run(folder)
        found = {spec.name: folder.scores(spec.name, columns) for spec in suite.scorers}
    return {name: table for name, table in found.items() if table is not None}


def _reductions(suite: Suite) -> dict[str, Reduction]:
    """What the suite makes of several samples, by scorer; without those it averages."""
    return {
        spec.name: Reduction(spec.reduce, spec.k) for spec in suite.scorers if spec.reduce != "mean"
    }


def _ranges(suite: Suite) -> Iterator[tuple[str, tuple[float, float]]]:
    """The scales of scorers that do not grade from 0 to 1."""
    for spec in suite.scorers:
        judge = judge_of(spec) if spec.type == JUDGE else None
        if judge is not None and judge.pairwise is None and not judge.scale.is_binary:
            yield spec.name, (judge.scale.low, judge.scale.high)
        elif judge is None and "score_range" in spec.options:
            yield spec.name, range_of(spec.options)


def _shared_scorers(runs: Sequence[StoredRun]) -> list[str]:
    return [name for name in runs[0].scores if all(name in run.scores for run in runs)]


def _differing(
    what: str, runs: Sequence[StoredRun], digests: Sequence[str | None]
) -> Iterator[str]:
    if len(set(digests)) > 1:
        told = [
            f"{(digest or 'unknown')[:11]} in {run.manifest.run_id}"
            for run, digest in zip(runs, digests, strict=True)
        ]
        yield f"the {what} differs ({', '.join(told)})"


def _first_of_each(cases: pa.Table) -> pa.Table:
    """Each case once, in the order of the first run that has it."""
    first: dict[str, int] = {}
    for row, case_id in enumerate(cases["case_id"].to_pylist()):
        first.setdefault(case_id, row)
    return cases.take(pa.array(first.values(), pa.int64()))


def _traits(run: StoredRun, planned: PlannedVariant) -> dict[str, str]:
    """What a variant was asked with, in words."""
    variant, sampling = planned.variant, planned.sampling
    prompt = run.manifest.digests.get(f"prompt:{variant.prompt}", "")
    stops = planned.prompt.stop_sequences
    known: dict[str, object] = {
        "prompt": f"{variant.prompt} {prompt[:11]}",
        "model": planned.model_id,
        "thinking": variant.thinking.key,
        "thinking sent": _thinking_sent(planned),
        "max_tokens": planned.max_tokens,
        ROOM: planned.answer_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "stop sequences": ", ".join(repr(stop) for stop in stops) or None,
        "endpoint": run.manifest.endpoints.get(planned.endpoint.name),
        **{name: value for name, value in planned.options.items() if name != "metadata"},
    }
    return {name: str(value) for name, value in known.items() if value is not None}


def _thinking_sent(planned: PlannedVariant) -> str | None:
    """The fields of the request that speak of thinking, as JSON; None where none does."""
    request = Request(
        model=planned.model_id,
        messages=(),
        max_tokens=planned.max_tokens,
        thinking=planned.variant.thinking,
    )
    body = encode_request(request, planned.endpoint)
    fields = ("thinking", "output_config", "chat_template_kwargs")
    sent = {name: body[name] for name in fields if name in body}
    return json.dumps(sent) if sent else None


def models_answered(trials: Trials) -> dict[str, set[str]]:
    """Which models answered each variant."""
    found: dict[str, set[str]] = {}
    for row, variant in enumerate(trials.variants):
        codes = trials.model_answered.codes[(trials.variant == row) & trials.is_answered]
        found[variant.key] = {trials.model_answered.names[code] for code in set(codes.tolist())}
        found[variant.key].discard("")
    return found
