"""A gate's rules become questions: one for each bound, variant and tag, fixed before any answer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import numpy as np

from evalkit.analysis.bank import Bank, BankedVariant
from evalkit.analysis.gate_tests import Kind, Question
from evalkit.analysis.measures import SHARES
from evalkit.analysis.verdicts import FACTS, Bound
from evalkit.policies import GatePolicy, MetricName, MetricRule, ScoreRule
from evalkit.stats.arrays import BoolArray, IntArray

QUANTILES: Mapping[str, tuple[str, float]] = {
    "latency_p50": ("elapsed_s", 0.5),
    "latency_p95": ("elapsed_s", 0.95),
    "first_token_p50": ("first_token_s", 0.5),
}
"""The amount behind each quantile, and the share of answers that may lie above a limit on it."""


@dataclass(frozen=True, slots=True, eq=False)
class Subjects:
    """What a gate looks at: variants by key, cases in their order, tags, and their random order.

    ``units`` are positions of cases, a cluster each, in the order in which they are fed.
    """

    variants: tuple[str, ...]
    n_cases: int
    tags: Mapping[str, IntArray]
    units: tuple[IntArray, ...]
    samples: int


def shuffled_units(
    case_ids: Sequence[str], clusters: IntArray | None, seed: int
) -> tuple[IntArray, ...]:
    """Cases by cluster, in an order that follows from the seed and their ids alone."""
    if clusters is None:
        groups = [np.array([place]) for place in range(len(case_ids))]
    else:
        order = np.argsort(clusters, kind="stable")
        edges = np.flatnonzero(np.diff(clusters[order])) + 1
        groups = np.split(order, edges) if len(order) else []
    return tuple(sorted(groups, key=lambda rows: _place(case_ids[int(rows[0])], seed)))


def _place(case_id: str, seed: int) -> bytes:
    text = f"{seed}:{case_id}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=8).digest()


def questions(policy: GatePolicy, subjects: Subjects, bank: Bank | None) -> list[Question]:
    """Every question of a gate, in the order of rules, variants and tags.

    Raises ``ValueError`` for a rule that needs something the baseline does not have.
    """
    chosen = [
        row
        for row, key in enumerate(subjects.variants)
        if not policy.variants or any(fnmatchcase(key, glob) for glob in policy.variants)
    ]
    found: list[Question] = []
    for rule in policy.rules:
        for row in chosen:
            maker = _Maker(policy, rule.alpha or policy.a_pass, subjects, bank, row)
            if isinstance(rule, ScoreRule):
                found += maker.of_score(rule)
            else:
                found += maker.of_metric(rule)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Units that a question is about, and after how many cases of the run each is over."""

    rows: tuple[IntArray, ...]
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Maker:
    """Questions of one rule about one variant."""

    policy: GatePolicy
    alpha: float
    subjects: Subjects
    bank: Bank | None
    row: int

    def of_score(self, rule: ScoreRule) -> Iterator[Question]:
        measure = f"score:{rule.scorer}"
        for tag, cases in self._slices(rule.tags):
            if rule.max_drop is not None:
                kind: Kind = "fixed" if self.policy.method == "fixed" else "drop"
                yield self._against_bank(measure, "max_drop", rule.max_drop, kind, tag)
            if rule.min is not None:
                plain = self._question(measure, "min", rule.min, "floor", self._members(cases))
                yield replace(plain, tag=tag)

    def of_metric(self, rule: MetricRule) -> Iterator[Question]:
        name, everything = rule.metric, self._members(None)
        if rule.max is not None:
            yield self._ceiling(name, "max", rule.max, everything)
        if rule.min is not None:
            yield self._question(name, "min", rule.min, "fact", everything)
        if rule.max_increase is None:
            return
        if name in FACTS:
            yield self._question(name, "max_increase", rule.max_increase, "fact", everything)
        elif name in SHARES:
            yield self._against_bank(name, "max_increase", rule.max_increase, "drop", None)
        elif name in QUANTILES or name == "cost_per_correct":
            banked = self._banked(name)
            if banked is None:
                raise ValueError(f"the baseline knows no {name} to compare with")
            limit = banked * (1 + rule.max_increase)
            yield self._ceiling(name, "max_increase", limit, everything)
        else:
            yield self._against_bank(name, "max_increase", rule.max_increase, "amount", None)

    def _ceiling(self, name: MetricName, bound: Bound, limit: float, members: Members) -> Question:
        if name in QUANTILES:
            amount, share = QUANTILES[name]
            plain = self._question(name, bound, limit, "ceiling", members)
            return replace(plain, measure=amount, share=1 - share)
        if name in FACTS:
            return self._question(name, bound, limit, "fact", members)
        return self._question(
            name, bound, limit, "ceiling" if name in SHARES else "amount", members
        )

    def _against_bank(
        self, subject: str, bound: Bound, limit: float, kind: Kind, tag: str | None
    ) -> Question:
        banked, key = self._variant(), self.subjects.variants[self.row]
        column = banked.columns.get(subject)
        if column is None or not (column.counts > 0).any():
            name = subject.removeprefix("score:")
            raise ValueError(f"the baseline '{self._bank_name}' has no {name} of {key}")
        known = column.counts > 0
        within = banked.within.get(subject)
        noise = None
        if within is not None:
            # A run's share of what is banked: its samples, or one where they are reduced to one.
            banked_each = float(column.counts[known].mean())
            each = banked_each / (self.bank.n_runs if self.bank else 1)
            noise = within / max(each, 1.0) + within / banked_each
        cases = None if tag is None else self.subjects.tags[tag]
        plain = self._question(subject, bound, limit, kind, self._members(cases, known))
        sign = 1 if bound == "max_drop" else -1
        return replace(plain, tag=tag, base=column.mean, sign=sign, variance=noise)

    def _question(
        self, subject: str, bound: Bound, limit: float, kind: Kind, members: Members
    ) -> Question:
        return Question(
            subject=subject,
            bound=bound,
            limit=limit,
            kind=kind,
            measure=subject,
            variant=self.row,
            members=members.rows,
            places=members.places,
            alpha_pass=self.alpha,
            banked=self._banked(subject),
        )

    def _slices(self, globs: Sequence[str]) -> Iterator[tuple[str | None, IntArray | None]]:
        if not globs:
            yield None, None
        for tag in sorted(self.subjects.tags):
            if any(fnmatchcase(tag, glob) for glob in globs):
                yield tag, self.subjects.tags[tag]

    def _members(self, cases: IntArray | None, known: BoolArray | None = None) -> Members:
        """The units as far as their cases count; empty ones are left out."""
        counts = np.ones(self.subjects.n_cases, dtype=np.bool_)
        if cases is not None:
            counts = np.zeros_like(counts)
            counts[cases] = True
        if known is not None:
            counts = counts & known
        ends = np.cumsum([len(rows) for rows in self.subjects.units]).tolist()
        cut = [
            (rows[counts[rows]], end) for rows, end in zip(self.subjects.units, ends, strict=True)
        ]
        kept = [(rows, end) for rows, end in cut if len(rows)]
        return Members(tuple(rows for rows, _ in kept), tuple(end for _, end in kept))

    @property
    def _bank_name(self) -> str:
        return self.bank.name if self.bank else "none"

    def _variant(self) -> BankedVariant:
        key = self.subjects.variants[self.row]
        if self.bank is None:
            raise ValueError("a rule compares with a baseline, and none was named")
        if key not in self.bank.variants:
            there = ", ".join(list(self.bank.variants)[:6])
            raise ValueError(
                f"the baseline '{self.bank.name}' has no variant {key}; it has {there}"
            )
        return self.bank.variants[key]

    def _banked(self, subject: str) -> float | None:
        """What the bank saw of a measure overall, where there is a bank."""
        key = self.subjects.variants[self.row]
        banked = self.bank.variants.get(key) if self.bank else None
        if banked is None:
            return None
        if subject in banked.quantiles:
            return banked.quantiles[subject]
        column = banked.columns.get(subject)
        return None if column is None else column.overall
