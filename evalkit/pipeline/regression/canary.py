"""A few cases asked as they were banked, so that the provider's drift is told from your change.

Where the suite has changed since the bank (and that was allowed), a loss may be due to the change
or to what lies behind the API. The canary asks the bank's own prompts and settings, on the same few
cases each time: if those moved too, it was not your change alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import numpy as np
from pydantic import ValidationError

from evalkit.analysis.measures import measures
from evalkit.analysis.nights import DRIFT, Drift, drift_of
from evalkit.analysis.wording import counted, in_points
from evalkit.errors import StoreError
from evalkit.pipeline.regression.bank_checks import bank_for
from evalkit.pipeline.stored import load_run, trials_of
from evalkit.stats.distributions import two_sided_p
from evalkit.store.baselines import Baseline
from evalkit.store.runs import RunFolder
from evalkit.suite.load import LoadedSuite
from evalkit.suite.schema import Suite

CANARY = "canary"
_OURS = ("gate", "report", "cache", "limits", "retries", "budget")


@dataclass(frozen=True, slots=True)
class Moved:
    """How far the bank's own answers lie from the bank now, with the error of that.

    ``p_now`` is the chance of so much by luck; ``over_time`` is whether all canaries so far agree.
    """

    mean: float
    error: float
    cases: int
    p_now: float
    over_time: Drift | None = None

    @property
    def is_drift(self) -> bool:
        """Whether what lies behind the API has moved."""
        return self.p_now < DRIFT or (self.over_time is not None and self.over_time.is_there)

    @property
    def words(self) -> str:
        """What the canary says, in a sentence."""
        error = self.error if self.over_time is None else self.over_time.widened(self.error)
        seen = (
            f"the bank's own prompt and settings now score {in_points(abs(self.mean))} "
            f"{'lower' if self.mean < 0 else 'higher'} on {counted(self.cases, 'canary case')}"
            f" (standard error {in_points(error)})"
        )
        if self.is_drift:
            return f"provider drift, not your change alone: {seen}"
        return f"no sign of provider drift: {seen}, within chance"


def banked_spec(suite: Suite) -> dict[str, Any]:
    """What must be kept of a suite to ask it again; where its data lie is no part of it."""
    told = suite.model_dump(mode="json", exclude_defaults=True)
    left_out = ("dataset", "description", *_OURS)
    return {name: value for name, value in told.items() if name not in left_out}


def canary_suite(loaded: LoadedSuite, baseline: Baseline, size: int) -> LoadedSuite:
    """The suite as it was banked, over ``size`` cases that are the same each time.

    Limits, retries, data and the cost cap are today's. Raises StoreError for a baseline that cannot
    be asked again.
    """
    now = loaded.suite.model_dump(mode="json")
    dataset = {**now["dataset"], "sample": {"size": size, "seed": 0}, "limit": None}
    told = {**baseline.spec, "dataset": dataset, **{name: now[name] for name in _OURS}}
    told["gate"] = {}
    try:
        return replace(loaded, suite=Suite.model_validate(told))
    except ValidationError as error:
        raise StoreError(
            f"@{baseline.name} cannot be asked again: {error.error_count()} faults in its suite",
            "Collect it anew, or switch the canary off: gate: {canary: 0}.",
        ) from error


def has_moved(
    folder: RunFolder, baseline: Baseline, before: Sequence[Mapping[str, float]]
) -> Moved | None:
    """What a canary's run says; ``before`` are the means and errors of earlier ones.

    All variants and scorers together; None where nothing could be compared.
    """
    trials = trials_of([load_run(folder)])
    bank, found = bank_for(baseline, trials.cases.ids), measures(trials)
    means, variances, cases = [], [], 0
    for row, variant in enumerate(trials.variants):
        banked = bank.variants.get(variant.key)
        for name in trials.scorers if banked else ():
            column = banked.columns.get(f"score:{name}") if banked else None
            if banked is None or column is None:
                continue
            d = found[f"score:{name}"].mean[row] - column.mean
            known = ~np.isnan(d)
            if not known.any():
                continue
            within = banked.within.get(f"score:{name}")
            within = 0.125 if within is None else max(within, 1e-3)
            each = found[f"score:{name}"].counts[row][known]
            noise = within / each + within / column.counts[known]
            means.append(float(d[known].mean()))
            variances.append(float(noise.sum()) / int(known.sum()) ** 2)
            cases = max(cases, int(known.sum()))
    if not means:
        return None
    mean, error = float(np.mean(means)), sqrt(sum(variances)) / len(variances)
    series = [(float(one["mean"]), float(one["error"])) for one in before]
    return Moved(
        mean, error, cases, two_sided_p(mean / error, None), drift_of([*series, (mean, error)])
    )
