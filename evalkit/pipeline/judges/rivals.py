"""Whose answers a pairwise judge compares with: a variant of this run, or another stored run."""

from __future__ import annotations

from collections.abc import Mapping, Set
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from evalkit.errors import EvalkitError, UsageError
from evalkit.store.baselines import read_baseline
from evalkit.store.judges import flat_column
from evalkit.store.runs import RunFolder, find_run
from evalkit.suite.judge_schema import JUDGE, PairwiseSpec, judge_of
from evalkit.suite.schema import Suite
from evalkit.tables import ANSWER_COLUMNS, RESPONSES, response_of
from evalkit.types import Case, Response

_BASELINES = "baselines"
COLUMNS = ["case_id", "variant_key", "sample", "status", *ANSWER_COLUMNS]


class Rivals:
    """The answers that a judge of the run in ``folder`` compares with, kept as columns.

    They all come from the variant that the judge names, or from those of the prompt it names, with
    the same model and thinking; where it names neither each answer meets its own variant's. A
    stored run is looked for beside this one. Raises UsageError where there is no such run or it
    has no such variant, StoreError for a damaged one.
    """

    def __init__(self, spec: PairwiseSpec, folder: RunFolder) -> None:
        self.name = spec.variant or f"the run {spec.run}"
        self._spec = spec
        self._run = folder if spec.run is None else _stored(spec.run, folder)
        table = _answers(spec, self._run)
        self._columns = {name: flat_column(table[name]) for name in ANSWER_COLUMNS}
        places: dict[tuple[str, str], list[tuple[int, int]]] = {}
        told = (table[name].to_pylist() for name in ("variant_key", "case_id", "sample"))
        for row, (variant, case_id, sample) in enumerate(zip(*told, strict=True)):
            places.setdefault((variant, case_id), []).append((sample, row))
        # Samples are counted through, so that one that failed leaves no gap.
        self._rows = {key: [row for _, row in sorted(found)] for key, found in places.items()}

    def find(self, variant: str, case_id: str, sample: int) -> Response | None:
        """The rival of an answer: of the same sample, or going round where there are fewer."""
        of = self._spec.variant or variant
        if "/" not in of:
            of = f"{of}/{variant.partition('/')[2]}"
        rows = self._rows.get((of, case_id))
        if not rows:
            return None
        row = rows[sample % len(rows)]
        return response_of({name: column[row].as_py() for name, column in self._columns.items()})

    def altered(self, cases: Mapping[str, Case], columns: Set[str]) -> set[str]:
        """Which of these cases had another row when a stored run answered them.

        Only ``columns``, which the questions are made of, count, and those that both rows have.
        """
        if self._spec.run is None:
            return set()
        theirs = self._run.cases_named(pa.chunked_array([list(cases)], pa.string()))
        return {
            case_id
            for case_id, case in theirs.items()
            for column in columns & case.inputs.keys() & cases[case_id].inputs.keys()
            if case.inputs[column] != cases[case_id].inputs[column]
        }


def _answers(spec: PairwiseSpec, run: RunFolder) -> pa.Table:
    """The rivals' answers as one table (columns COLUMNS)."""
    found = [RESPONSES.empty_table().select(COLUMNS)]
    variants: set[str] = set()
    for table in run.outcomes(COLUMNS):
        keys = pc.unique(table["variant_key"])
        variants.update(keys.to_pylist())
        rivals = [key for key in keys.to_pylist() if _is_rival(spec, key)]
        is_rival = pc.is_in(table["variant_key"], pa.array(rivals, pa.string()))
        found.append(table.filter(pc.and_(is_rival, pc.equal(table["status"], "ok"))))
    if spec.run is not None:
        _check_variant(spec, run, variants)
    return pa.concat_tables(found)


def rival_of(spec: PairwiseSpec, key: str) -> str | None:
    """The variant of the same run that a variant's answers meet; None for a stored run's."""
    if spec.run is not None or spec.variant is None:
        return None
    is_prompt = "/" not in spec.variant
    return f"{spec.variant}/{key.partition('/')[2]}" if is_prompt else spec.variant


def _is_rival(spec: PairwiseSpec, key: str) -> bool:
    return spec.variant is None or spec.variant in (key, key.partition("/")[0])


def pinned(suite: Suite, runs: Path, env: Mapping[str, str]) -> Suite:
    """The suite with the runs that judges compare with named for good.

    ``latest`` and a baseline mean another run tomorrow; a stored suite keeps the one of today.
    Baselines are where ``EVALKIT_BASELINES`` of ``env`` says, as for every command.
    Raises UsageError for one that is not there.
    """
    scorers = []
    for scorer in suite.scorers:
        pairwise = judge_of(scorer).pairwise if scorer.type == JUDGE else None
        if pairwise is not None and pairwise.run is not None:
            rival = _found(pairwise.run, runs, Path(env.get("EVALKIT_BASELINES", _BASELINES)))
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
    found = _found(reference, folder.path.parent.parent, Path(_BASELINES))
    if found.path.resolve() == folder.path.resolve():
        raise UsageError(
            f"the judge's rival: {reference} is this very run", "Name another one, or a variant."
        )
    return found
