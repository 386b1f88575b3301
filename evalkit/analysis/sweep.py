"""One prompt and model under several thinking settings, from the cheapest to the dearest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.analysis.evidence import MAX_MISSING, differences
from evalkit.analysis.options import Options
from evalkit.analysis.results import CurvePoint, VariantSummary
from evalkit.analysis.summary import Scored
from evalkit.analysis.trials import Trials
from evalkit.stats.arrays import FloatArray, IntArray
from evalkit.stats.fronts import share_within
from evalkit.stats.paired import Paired, pair
from evalkit.types import Thinking

_EFFORTS = ("minimal", "low", "medium", "high", "xhigh", "max")
_MODES = {"off": 0, "default": 1, "budget": 2, "adaptive": 3}


def setting_order(thinking: Thinking) -> tuple[int, int, int]:
    """Sorts settings from the cheapest: off, default, budgets by size, then by effort.

    Where no effort is named, that of the API stands in: high.
    """
    mode = "adaptive" if thinking.mode == "default" and thinking.effort else thinking.mode
    effort = thinking.effort if thinking.effort in _EFFORTS else "high"
    return _MODES[mode], thinking.budget_tokens or 0, _EFFORTS.index(effort)


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """The settings of one prompt and model in their order, and all that was measured of them.

    ``rows`` are positions of variants. ``output_tokens``, ``thinking_tokens`` and
    ``cost_usd`` are means by variant and case, nan where unknown.
    """

    trials: Trials
    scored: Scored
    rows: tuple[int, ...]
    summaries: tuple[VariantSummary, ...]
    points: tuple[CurvePoint, ...]
    output_tokens: FloatArray
    thinking_tokens: FloatArray
    cost_usd: FloatArray
    options: Options

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def prompt(self) -> str:
        """The prompt that all settings share."""
        return self.summaries[0].prompt

    def name(self, position: int) -> str:
        """A setting's key: ``think-4096``."""
        return self.summaries[position].thinking.key

    def paired(self, candidate: int, baseline: int) -> Paired | None:
        """The difference in score between two settings."""
        means = self.scored.cases.mean
        return pair(*self.differences(means, means, candidate, baseline))

    def paired_at_worst(self, candidate: int, baseline: int) -> Paired | None:
        """The difference in score with everything missing counted against the candidate."""
        scores = self.scored.cases
        return pair(*self.differences(scores.low, scores.high, candidate, baseline))

    def differences(
        self, ours: FloatArray, theirs: FloatArray, candidate: int, baseline: int
    ) -> tuple[FloatArray, IntArray | None]:
        """A setting's row of ``ours`` minus another's of ``theirs``, by case, with clusters."""
        return differences(
            self.trials.cases, ours[self.rows[candidate]], theirs[self.rows[baseline]]
        )

    def thought(self, position: int) -> FloatArray:
        """The thinking tokens of a setting's answers, where counted."""
        return _thought(self.trials, self.rows[position])

    def is_measured(self, position: int) -> bool:
        """Whether few enough of a setting's trials are missing."""
        summary = self.summaries[position]
        outcomes = summary.scores[self.scored.graded.scorer].outcomes
        missing = outcomes["infra_error"] + outcomes["unscored"]
        return missing <= MAX_MISSING * (summary.n_asked - outcomes["not_run"])


def sweeps(
    trials: Trials, scored: Scored, summaries: Sequence[VariantSummary], options: Options
) -> Iterator[Sweep]:
    """Every prompt and model that ran with more than one thinking setting."""
    groups: dict[tuple[str, str], list[int]] = {}
    for row, variant in enumerate(trials.variants):
        groups.setdefault((variant.prompt, variant.model), []).append(row)
    groups = {key: rows for key, rows in groups.items() if len(rows) > 1}
    if not groups:
        return
    answered = {
        name: trials.case_means(np.where(trials.is_answered, trials.numbers[name], np.nan))
        for name in ("output_tokens", "thinking_tokens", "cost_usd")
    }
    for rows in groups.values():
        rows.sort(key=lambda row: setting_order(trials.variants[row].thinking))
        ours = tuple(summaries[row] for row in rows)
        yield Sweep(
            trials=trials,
            scored=scored,
            rows=tuple(rows),
            summaries=ours,
            points=tuple(
                _point(trials, row, summary, scored.graded.scorer)
                for row, summary in zip(rows, ours, strict=True)
            ),
            output_tokens=answered["output_tokens"],
            thinking_tokens=answered["thinking_tokens"],
            cost_usd=answered["cost_usd"],
            options=options,
        )


def _thought(trials: Trials, row: int) -> FloatArray:
    """The thinking tokens of a variant's answers, where counted."""
    tokens = trials.numbers["thinking_tokens"][(trials.variant == row) & trials.is_answered]
    return np.asarray(tokens[~np.isnan(tokens)], dtype=np.float64)


def _point(trials: Trials, row: int, summary: VariantSummary, scorer: str) -> CurvePoint:
    budget, thought = summary.thinking.budget_tokens, summary.thinking_tokens_mean
    each = _thought(trials, row) if budget else np.zeros(0)
    return CurvePoint(
        variant=summary.variant,
        thinking=summary.thinking,
        score=summary.scores[scorer].mean,
        n_asked=summary.n_asked,
        n_truncated=summary.n_truncated,
        cost_usd=summary.cost_usd,
        elapsed_p50_s=summary.elapsed_p50_s,
        output_tokens_mean=summary.output_tokens_mean,
        thinking_tokens_mean=thought,
        budget_used=thought / budget if budget and thought is not None else None,
        sent=trials.traits[row].get("thinking sent", "nothing") if trials.traits else None,
        n_answered=summary.n_answered,
        within_budget=share_within(each, 0, budget) if budget else None,
        n_thinking=int((trials.has_thinking & (trials.variant == row)).sum()),
    )
