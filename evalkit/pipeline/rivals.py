"""Whose answers a pairwise judge compares with: a variant of this run, or another stored run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from evalkit.errors import EvalkitError, UsageError
from evalkit.store.baselines import read_baseline
from evalkit.store.runs import RunFolder, find_run
from evalkit.suite.judge_schema import JUDGE, PairwiseSpec, judge_of
from evalkit.suite.schema import Suite
from evalkit.tables import ANSWER_COLUMNS, response_of
from evalkit.types import Response

COLUMNS = ["case_id", "variant_key", "sample", "status", *ANSWER_COLUMNS]


@dataclass(frozen=True, slots=True)
class Rivals:
    """Answers by variant, case and sample; ``name`` is what they are called when one is missing.

    ``variant`` is the one variant they all come from, ``prompt`` that of the variants with the same
    model and thinking; with neither each answer meets its own variant's.
    """

    name: str
    variant: str | None
    prompt: str | None = None
    answers: Mapping[tuple[str, str, int], Response] = field(default_factory=dict)
    samples: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def find(self, variant: str, case_id: str, sample: int) -> Response | None:
        """The rival of an answer: of the same sample, or going round where there are fewer."""
        of = self.variant or variant
        if self.prompt is not None:
            of = f"{self.prompt}/{variant.partition('/')[2]}"
        count = self.samples.get((of, case_id), 0)
        return self.answers.get((of, case_id, sample % count)) if count else None


def load_rivals(spec: PairwiseSpec, folder: RunFolder) -> Rivals:
    """The rivals that a judge of the run in ``folder`` names.

    A stored run is looked for beside this one. Raises UsageError where there is no such run or it
    has no such variant, StoreError for a damaged one.
    """
    where = folder if spec.run is None else _stored(spec.run, folder)
    answers: dict[tuple[str, str, int], Response] = {}
    found: dict[tuple[str, str], list[int]] = {}
    variants: set[str] = set()
    for row in _rows(where):
        variants.add(row["variant_key"])
        if row["status"] != "ok" or not _is_rival(spec, row["variant_key"]):
            continue
        place = (row["variant_key"], row["case_id"])
        found.setdefault(place, []).append(row["sample"])
        answers[(*place, row["sample"])] = response_of(row)
    if spec.run is not None:
        _check_variant(spec, where, variants)
    # Samples are counted through, so that one that failed leaves no gap.
    dense = {
        (*place, number): answers[(*place, sample)]
        for place, samples in found.items()
        for number, sample in enumerate(sorted(samples))
    }
    is_prompt = spec.variant is not None and "/" not in spec.variant
    return Rivals(
        spec.variant or f"the run {spec.run}",
        None if is_prompt else spec.variant,
        spec.variant if is_prompt else None,
        dense,
        {place: len(one) for place, one in found.items()},
    )


def rival_of(spec: PairwiseSpec, key: str) -> str | None:
    """The variant of the same run that a variant's answers meet; None for a stored run's."""
    if spec.run is not None or spec.variant is None:
        return None
    is_prompt = "/" not in spec.variant
    return f"{spec.variant}/{key.partition('/')[2]}" if is_prompt else spec.variant


def _is_rival(spec: PairwiseSpec, key: str) -> bool:
    return spec.variant is None or spec.variant in (key, key.partition("/")[0])


def pinned(suite: Suite, runs: Path, baselines: Path = Path("baselines")) -> Suite:
    """The suite with the runs that judges compare with named for good.

    ``latest`` and a baseline mean another run tomorrow; a stored suite keeps the one of today.
    Raises UsageError for one that is not there.
    """
    scorers = []
    for scorer in suite.scorers:
        pairwise = judge_of(scorer).pairwise if scorer.type == JUDGE else None
        if pairwise is not None and pairwise.run is not None:
            rival = _found(pairwise.run, runs, baselines)
            keys = pc.unique(rival.responses(["variant_key"])["variant_key"])
            _check_variant(pairwise, rival, set(keys.to_pylist()))
            found = rival.path.resolve()
            inside = found.parent.parent == runs.resolve()
            named = pairwise.model_copy(update={"run": found.name if inside else str(found)})
            scorer = scorer.model_copy(update={"pairwise": named.model_dump(mode="json")})
        scorers.append(scorer)
    return suite.model_copy(update={"scorers": tuple(scorers)})


def _check_variant(spec: PairwiseSpec, run: RunFolder, keys: set[str]) -> None:
    """Raise UsageError if a stored run has no answers of the variant a judge names."""
    if not any(_is_rival(spec, key) for key in keys):
        raise UsageError(
            f"{run.path} has no variant '{spec.variant}' for a judge to compare with",
            f"It has: {', '.join(sorted(keys)[:8]) or 'no answers'}",
        )


def _found(reference: str, runs: Path, baselines: Path) -> RunFolder:
    try:
        if reference.startswith("@"):
            reference = read_baseline(baselines, reference).runs[-1].id
        return find_run(reference, runs)
    except EvalkitError as error:
        raise UsageError(f"the judge's rival: {error.message}", error.hint) from error


def _stored(reference: str, folder: RunFolder) -> RunFolder:
    found = _found(reference, folder.path.parent.parent, Path("baselines"))
    if found.path.resolve() == folder.path.resolve():
        raise UsageError(
            f"the judge's rival: {reference} is this very run", "Name another one, or a variant."
        )
    return found


def _rows(folder: RunFolder) -> Iterator[dict[str, Any]]:
    for table in folder.outcomes(COLUMNS):
        for batch in table.to_batches(max_chunksize=2_000):
            yield from batch.to_pylist()
