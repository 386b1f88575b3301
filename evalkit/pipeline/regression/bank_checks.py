"""Whether a baseline still says anything of a run, and the baseline over that run's cases."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from evalkit.analysis import bank as banks
from evalkit.messages.request import encode_request, request_digest
from evalkit.pipeline.stored import StoredRun
from evalkit.plan.matrix import PlannedVariant
from evalkit.store.baselines import BankedColumn, Baseline
from evalkit.suite.schema import ScorerSpec, Suite
from evalkit.tables import case_row, encode_row
from evalkit.types import Case, Request


def case_digest(case: Case) -> str:
    """A short content hash of a case."""
    return hashlib.blake2b(encode_row(case_row(case)), digest_size=5).hexdigest()


def settings_digest(planned: PlannedVariant) -> str:
    """A content hash of what a variant is asked with, beside its prompt."""
    empty = Request(
        model=planned.model_id,
        messages=(),
        max_tokens=planned.max_tokens,
        thinking=planned.variant.thinking,
        sampling=planned.sampling,
        stop_sequences=planned.stop_sequences,
        options=planned.options,
        extra_body=planned.extra_body,
    )
    return request_digest(encode_request(empty, planned.endpoint))


def prompt_digest(suite: Suite, name: str) -> str:
    """A content hash of a prompt and of what it may include; where its files lie is no part."""
    told = suite.prompts[name].model_dump(mode="json", exclude_defaults=True, exclude={"origin"})
    if path := (told.get("examples") or {}).get("path"):
        told["examples"]["path"] = Path(path).name
    return request_digest({"prompt": told, "templates": dict(suite.templates)})


def scorer_digest(spec: ScorerSpec) -> str:
    """A content hash of a scorer: its options, and of a user's own the file it lies in."""
    # Without defaults, so that a field a later evalkit adds voids no bank.
    told = {"type": spec.type, **spec.model_dump(mode="json", exclude_defaults=True)}
    path, _, name = str(told.get("python", "")).rpartition(":")
    if path and Path(path).is_file():
        told["python"] = f"{hashlib.blake2b(Path(path).read_bytes()).hexdigest()}:{name}"
    return request_digest(told)


def void_because(baseline: Baseline, run: StoredRun, allowed: Iterable[str] = ()) -> list[str]:
    """What has changed since the bank, so that it says nothing of this run; empty: it holds.

    ``allowed`` are ``prompt``, ``model`` and ``settings``, where such a change is what is tested;
    data and scorers must be the same.
    """
    told = []
    permitted = set(allowed)
    for planned in run.variants:
        key = planned.variant.key
        banked = baseline.variants.get(key)
        if banked is None:
            continue
        digests = {
            "prompt": prompt_digest(run.suite, planned.variant.prompt),
            "settings": settings_digest(planned),
        }
        for what in ("prompt", "settings"):
            if banked.digests.get(what) != digests[what] and what not in permitted:
                name = (
                    f"prompt '{planned.variant.prompt}'" if what == "prompt" else f"{what} of {key}"
                )
                told.append(
                    f"the {name} changed ({_short(banked.digests.get(what), digests[what])})"
                )
    for spec in run.suite.scorers:
        before = baseline.digests.get(f"scorer:{spec.name}")
        now = scorer_digest(spec)
        if before is not None and before != now:
            told.append(f"the scorer '{spec.name}' changed ({_short(before, now)})")
    told += _changed_cases(baseline, run)
    return list(dict.fromkeys(told))


def changed_models(
    baseline: Baseline, answered: Mapping[str, Iterable[str]], allowed: Iterable[str] = ()
) -> list[str]:
    """Models that answered a variant and are not those of the bank."""
    if "model" in set(allowed):
        return []
    told = []
    for key, models in answered.items():
        banked = baseline.variants.get(key)
        strangers = sorted(set(models) - set(banked.models)) if banked and banked.models else []
        if banked and strangers:
            told.append(
                f"the model that answers {key} changed: {', '.join(strangers)}"
                f" (the bank has {', '.join(banked.models)})"
            )
    return told


def _changed_cases(baseline: Baseline, run: StoredRun) -> list[str]:
    known = dict(baseline.cases)
    if run.manifest.digests.get("dataset") == baseline.digests.get("dataset"):
        return []
    other, fresh = [], []
    for case in run.folder.cases():
        if case.id not in known:
            fresh.append(case.id)
        elif known[case.id] != case_digest(case):
            other.append(case.id)
        known.pop(case.id, None)
    told = [f"{len(other):,} changed ({_some(other)})"] if other else []
    told += [f"{len(fresh):,} new ({_some(fresh)})"] if fresh else []
    is_cut = run.suite.dataset.limit is not None or run.suite.dataset.sample is not None
    told += [f"{len(known):,} gone ({_some(list(known))})"] if known and not is_cut else []
    return [f"the data changed: cases {', '.join(told)}"] if told else []


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:3]) + (", …" if len(ids) > 3 else "")


def _short(before: str | None, now: str) -> str:
    return f"{(before or 'unknown')[:11]} in the bank, {now[:11]} now"


def bank_for(baseline: Baseline, case_ids: Sequence[str]) -> banks.Bank:
    """The baseline over the cases of a run, in its order; cases it lacks have no counts."""
    place = {case: row for row, (case, _) in enumerate(baseline.cases)}
    rows = np.array([place.get(case, -1) for case in case_ids], dtype=np.int64)

    def column(one: BankedColumn) -> banks.Column:
        sums, counts = np.array([*one.sums, 0.0]), np.array([*one.counts, 0])
        return banks.Column(sums[rows], counts[rows])

    return banks.Bank(
        baseline.name,
        len(baseline.runs),
        {
            key: banks.BankedVariant(
                {name: column(one) for name, one in banked.columns.items()},
                banked.within,
                banked.error,
                banked.quantiles,
                banked.models,
            )
            for key, banked in baseline.variants.items()
        },
    )
