"""What a suite's gate can conclude with the cases there are, said before any money is spent."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import numpy as np

from evalkit.analysis.bank import Bank, BankedVariant, Column
from evalkit.analysis.gate_plan import QUANTILES, Subjects
from evalkit.analysis.gate_tests import LEAST_VARIANCE, GateTest
from evalkit.analysis.measures import AMOUNTS, SHARES
from evalkit.analysis.nights import cusum_of, is_about_loss
from evalkit.analysis.readings import least_units
from evalkit.analysis.trials import Trials
from evalkit.pipeline.endpoints import endpoint_hosts, resolve_endpoints
from evalkit.pipeline.regression.bank_checks import bank_for
from evalkit.pipeline.regression.gating import Prepared, gate_policy, prepare
from evalkit.pipeline.start import blank_run, check_suite, checked_cases
from evalkit.plan.matrix import plan_variants
from evalkit.stats.distributions import normal_quantile, one_sided_p
from evalkit.stats.rehearsal import Deck, Population, rehearse, rehearse_nights
from evalkit.store.baselines import Baseline
from evalkit.store.making import create_run
from evalkit.suite.gate_schema import NightsSpec
from evalkit.suite.load import LoadedSuite

_RUNS = 1000
_ASSUMED = Population(mean=0.75, within=0.125)
POWER = 0.8
SOON_NIGHTS = 30


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a gate does where the true loss is ``drop``; shares of runs, mean units asked."""

    drop: float
    passes: float
    fails: float
    used: float


@dataclass(frozen=True, slots=True)
class NightsScenario:
    """What nights come to where the true loss is ``drop``: mean cases a night, alarms by the year,
    mean nights until an alarm (None: there was none), and the share of jobs that raised none.
    """

    drop: float
    cases: float
    alarms_a_year: float
    found_in: float | None
    missed: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """What one rule can conclude on one variant and tag.

    ``variance`` is that of a case's difference, taken from the bank or (``is_assumed``) 0.25.
    ``fixed_power`` is the chance of a fixed test over all cases to pass if nothing changed,
    ``needed`` the units (of at most ``largest`` cases) for 90 % of it here. ``scenarios`` are of
    one run that is to prove it; where evidence adds up over runs instead, there are ``nights``.
    """

    name: str
    variant: str
    cases: int
    units: int
    margin: float
    variance: float
    is_assumed: bool
    fixed_power: float
    needed: int
    largest: int
    scenarios: tuple[Scenario, ...] = ()
    nights: tuple[NightsScenario, ...] = ()

    @property
    def can_conclude(self) -> bool:
        """Whether it passes in four runs of five if nothing changed; or of nights, whether four
        jobs of five find a loss of the margin, and within a month on average.
        """
        if self.nights:
            found = self.nights[1]
            is_soon = found.found_in is not None and found.found_in <= SOON_NIGHTS
            return is_soon and found.missed <= 1 - POWER
        return self.scenarios[0].passes >= POWER


def gate_outlook(
    loaded: LoadedSuite, baseline: Baseline | None, env: Mapping[str, str]
) -> list[Outlook]:
    """What every rule about a loss can conclude. Sends nothing and keeps nothing.

    Raises what checking the suite and preparing its gate raise.
    """
    check_suite(loaded)
    endpoints = resolve_endpoints(loaded.suite, env)
    variants = plan_variants(loaded.suite, endpoints, ())
    with tempfile.TemporaryDirectory(prefix="evalkit-") as place:
        path, manifest = blank_run(loaded, Path(place), endpoint_hosts(endpoints), variants, ())
        folder = create_run(path, manifest, loaded.text, checked_cases(loaded, variants))
        policy = gate_policy(loaded.suite)
        prepared = prepare(folder, baseline, policy, imagined=_imagined)
        bank = bank_for(baseline, prepared.trials.cases.ids) if baseline else None
        return list(_outlooks(prepared, bank, loaded.suite.gate.nights))


def _imagined(trials: Trials) -> Bank:
    """A bank that knows nothing yet: every case, and no noise."""
    n = len(trials.cases.ids)
    names = (*(f"score:{name}" for name in trials.scorers), *SHARES)
    column = Column(np.full(n, _ASSUMED.mean), np.ones(n, dtype=np.int64))
    quantiles = dict.fromkeys((*QUANTILES, "cost_per_correct"), 0.0)
    columns = dict.fromkeys((*names, *AMOUNTS), column)
    one = BankedVariant(columns, {}, {}, quantiles)
    return Bank("none", 1, {variant.key: one for variant in trials.variants})


def _outlooks(
    prepared: Prepared, bank: Bank | None, nights: NightsSpec | None
) -> Iterator[Outlook]:
    n_watched = sum(is_about_loss(test) for test in prepared.tests)
    for test in prepared.tests:
        asked = test.question
        if asked.bound != "max_drop" or not asked.members:
            continue
        key = prepared.subjects.variants[asked.variant]
        population, is_assumed = _population(test, bank, key, prepared.subjects.samples)
        noise = population.within / population.samples + population.within / population.banked
        variance = max(noise, LEAST_VARIANCE)
        z = asked.limit * sqrt(asked.n_cases / variance) - normal_quantile(1 - asked.alpha_pass)
        yield Outlook(
            name=_name(test),
            variant=key,
            cases=asked.n_cases,
            units=len(asked.members),
            margin=asked.limit,
            variance=variance,
            is_assumed=is_assumed,
            fixed_power=one_sided_p(-z, None),
            largest=asked.largest,
            needed=least_units(
                asked.limit,
                variance,
                asked.alpha_pass,
                largest=asked.largest,
                mean_size=asked.mean_size,
            ),
            scenarios=() if nights else tuple(_rehearsed(test, population)),
            nights=tuple(_rehearsed_nights(test, population, nights, n_watched, prepared.subjects))
            if nights
            else (),
        )


def _name(test: GateTest) -> str:
    asked = test.question
    where = f" [{asked.tag}]" if asked.tag else ""
    return f"{asked.subject.removeprefix('score:')} {asked.bound} {asked.limit:g}{where}"


def _population(
    test: GateTest, bank: Bank | None, key: str, samples: int
) -> tuple[Population, bool]:
    """The rows as the bank knows them; a cautious assumption where it does not."""
    asked = test.question
    banked = bank.variants[key] if bank else None
    within = banked.within.get(asked.measure) if banked else None
    if banked is None or within is None:
        return Population(_ASSUMED.mean, _ASSUMED.within, 1, samples), True
    column = banked.columns[asked.measure]
    rows = np.concatenate(asked.members)
    mean = float(column.mean[rows].mean())
    return Population(
        mean, within, max(1, round(float(column.counts[rows].mean()))), samples
    ), False


def _rehearsed(test: GateTest, population: Population) -> Iterator[Scenario]:
    asked = test.question
    sizes = np.array([len(rows) for rows in asked.members])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    for number, times in enumerate((0.0, 1.0, 2.0)):
        drop = times * asked.limit
        rows = population.draw(drop, _RUNS, asked.n_cases, seed=number)
        found = rehearse(np.add.reduceat(rows, starts, axis=1), test.design(), sizes)
        yield Scenario(drop, found.passes, found.fails, found.used)


def _rehearsed_nights(
    test: GateTest, population: Population, spec: NightsSpec, n_watched: int, subjects: Subjects
) -> Iterator[NightsScenario]:
    asked = test.question
    cusum = cusum_of(test, spec.alarm * n_watched, spec.tolerance)
    sizes = np.array([len(rows) for rows in asked.members])
    share = len(sizes) / subjects.n_cases  # of a night's cases, in units of the question
    deck = Deck(sizes, max(1, round(spec.rows * share)), max(1, round(spec.more * share)))
    for number, times in enumerate((0.0, 1.0, 2.0)):
        drop = times * asked.limit
        found = rehearse_nights(population, cusum, deck, drop, seed=number)
        yearly = 365 * found.alarms / found.nights
        yield NightsScenario(drop, found.rows, yearly, found.found_in, found.missed)
