"""The verdict on two variants, and the sentences that qualify it.

In this order: *equivalent* when a loss and a gain of the margin are both rejected at 5 % (TOST),
*superior* or *inferior* when the difference is significant after Holm's correction over the
comparisons with the same baseline, else *inconclusive*. All of it rests on one statistic, so
verdict and interval never contradict each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.analysis.confounds import confounds
from evalkit.analysis.evidence import MAX_MISSING, MIN_UNITS, Evidence
from evalkit.analysis.options import Options
from evalkit.analysis.results import Comparison, Verdict
from evalkit.analysis.trials import Trials
from evalkit.analysis.wording import as_percent, counted, in_points, roughly
from evalkit.stats.arrays import FloatArray
from evalkit.stats.estimates import Estimate
from evalkit.stats.multiplicity import holm
from evalkit.stats.paired import Paired, mcnemar_mid_p
from evalkit.stats.permutation import DRAWS, is_exact, sign_flip_p
from evalkit.stats.power import detectable_difference, needs_rows, needs_samples
from evalkit.stats.unpaired import Unpaired

_PAIRING_LOST = (
    "pairing was lost: fewer than half of the cases have both scores,"
    " so two separate means are compared"
)
FEW_UNITS = 30
"""With fewer independent units, a verdict comes with a warning."""


@dataclass(frozen=True, slots=True)
class _Decision:
    """A verdict and why. ``needs`` is None unless more cases could settle it.

    ``samples`` is how many samples of every case would settle it, where cases have several.
    """

    verdict: Verdict
    p_adjusted: float | None
    n_family: int
    needs: int | None
    is_fragile: bool
    samples: int | None = None
    is_fixed: bool = False


def compare(
    trials: Trials, scorer: str, evidence: Sequence[Evidence], options: Options
) -> tuple[Comparison, ...]:
    """One comparison for each piece of evidence, in the order given."""
    return tuple(
        _comparison(
            trials,
            scorer,
            one,
            _decide(
                one,
                [o for o in evidence if o is not one and o.match.baseline == one.match.baseline],
                options,
            ),
            options,
        )
        for one in evidence
    )


def _decide(evidence: Evidence, others: Sequence[Evidence], options: Options) -> _Decision:
    """The verdict, with the p-values of the ``others`` against the same baseline."""
    p_others = [other.test.p_value() for other in others if other.test]

    def adjusted(test: Paired | Unpaired | None) -> float | None:
        return holm([test.p_value(), *p_others])[0] if test else None

    def verdict_on(test: Paired | Unpaired | None) -> Verdict:
        return _verdict(test, adjusted(test), options)

    test = evidence.test
    verdict = verdict_on(test)
    bounds = {verdict_on(evidence.worst), verdict_on(evidence.best)}
    if verdict != "too few" and not evidence.is_measured:
        verdict = "inconclusive"
    is_open = verdict == "inconclusive" and evidence.is_measured
    return _Decision(
        verdict=verdict,
        p_adjusted=adjusted(test),
        n_family=1 + len(p_others),
        needs=needs_rows(test, options.margin) if is_open and test else None,
        is_fixed=evidence.is_fixed,
        samples=_samples(evidence, options) if is_open else None,
        is_fragile=evidence.is_measured and verdict != "too few" and bounds != {verdict},
    )


def _samples(evidence: Evidence, options: Options) -> int | None:
    if evidence.test is None or evidence.noise is None or evidence.within is None:
        return None
    return needs_samples(evidence.test, evidence.noise, evidence.within, options.margin)


def _verdict(test: Paired | Unpaired | None, p_adjusted: float | None, options: Options) -> Verdict:
    if test is None or p_adjusted is None or test.units < MIN_UNITS:
        return "too few"
    if test.is_equivalent(options.margin):
        return "equivalent"
    if p_adjusted < options.alpha:
        return "superior" if test.value > 0 else "inferior"
    return "inconclusive"


def _comparison(
    trials: Trials, scorer: str, evidence: Evidence, decision: _Decision, options: Options
) -> Comparison:
    test = evidence.test
    difference = evidence.difference(options.confidence)
    confounded = tuple(confounds(trials, evidence.match))
    p_check, p_check_method = _check(evidence, options.seed)
    is_beyond = _is_beyond(decision, options)
    notes = (
        *(f"confounded: {confound}" for confound in confounded),
        *(() if evidence.is_paired else (_PAIRING_LOST,)),
        *_verdict_notes(evidence, difference, decision, options),
        *_missing_notes(evidence, decision),
        *_failure_notes(evidence, options),
        *_pairing_notes(evidence),
    )
    return Comparison(
        scorer=scorer,
        baseline=trials.variants[evidence.match.baseline].key,
        candidate=trials.variants[evidence.match.candidate].key,
        difference=difference,
        verdict=decision.verdict,
        margin=options.margin,
        n_pairs=len(evidence.values),
        n_unpaired=evidence.n_unpaired,
        wins=int((evidence.values > 0).sum()),
        losses=int((evidence.values < 0).sum()),
        ties=int((evidence.values == 0).sum()),
        p_value=test.p_value() if test else None,
        p_adjusted=decision.p_adjusted,
        needs_cases=None if is_beyond else decision.needs or None,
        notes=notes,
        axis=evidence.match.axis,
        p_check=p_check,
        p_check_method=p_check_method,
        detectable=detectable_difference(test) if test else None,
        n_missing=sum(evidence.missing),
        is_paired=evidence.is_paired,
        needs_samples=decision.samples if is_beyond else None,
        n_identical=evidence.n_identical,
        elapsed_s=evidence.elapsed_s,
        cost_usd=evidence.cost_usd,
        confounds=confounded,
        is_measured=evidence.is_measured,
        is_fragile=decision.is_fragile,
        lacks_cases=_lacks(decision, options) if is_beyond else None,
        bounds=(evidence.worst.value, evidence.best.value)
        if evidence.worst and evidence.best
        else None,
        mean_gain=_mean(np.maximum(evidence.values, 0)),
        mean_loss=_mean(np.maximum(-evidence.values, 0)),
        correlation=evidence.correlation,
        failures=evidence.failures.estimate(options.confidence) if evidence.failures else None,
        p_failures=evidence.failures.p_value() if evidence.failures else None,
    )


def _is_beyond(decision: _Decision, options: Options) -> bool:
    """Whether it takes more cases than the dataset has left, or other cases are not asked about."""
    if decision.is_fixed:
        return bool(decision.needs)
    return options.n_left is not None and (decision.needs or 0) > options.n_left


def _lacks(decision: _Decision, options: Options) -> int | None:
    """Cases beyond those of the dataset, where no number of samples can replace them."""
    if decision.samples is not None or decision.needs is None:
        return None
    return decision.needs - (options.n_left or 0)


def _mean(values: FloatArray) -> float | None:
    return float(values.mean()) if len(values) else None


def _check(evidence: Evidence, seed: int) -> tuple[float | None, str | None]:
    """A p-value by another method, and its name."""
    paired = evidence.test
    if not isinstance(paired, Paired) or evidence.is_fixed:
        return None, None
    if paired.is_plain:
        return mcnemar_mid_p(round(paired.gains), round(paired.losses)), "McNemar mid-p"
    p = sign_flip_p(evidence.values, evidence.clusters, seed=seed)
    how = "all" if is_exact(evidence.values, evidence.clusters) else f"{DRAWS:,} drawn, seed {seed}"
    return p, f"sign flips ({how})"


def _verdict_notes(
    evidence: Evidence, difference: Estimate, decision: _Decision, options: Options
) -> Iterator[str]:
    yield from _unit_notes(evidence, decision)
    if decision.verdict == "too few" or difference.low is None or difference.high is None:
        return
    omits_zero = difference.low > 0 or difference.high < 0
    exceeds = difference.low >= options.margin or difference.high <= -options.margin
    if decision.verdict == "equivalent" and omits_zero:
        yield "it differs from 0, but by less than the margin"
    if decision.verdict in ("superior", "inferior") and exceeds:
        yield "by more than the margin"
    if decision.needs is not None and omits_zero:
        yield f"significant alone, but not as one of {counted(decision.n_family, 'comparison')}"
    if _is_beyond(decision, options):
        yield _beyond_the_dataset(evidence, decision, options.n_left or 0)
    elif decision.needs and evidence.noise is not None and options.n_left:
        # Miller 2024, section 3.1: samples per case pay only where a case is dear to have.
        left = f"the dataset has {options.n_left:,} more"
        yield f"a further case tells no less than another sample of one: {left}"
    if decision.needs == 0:
        yield "cases enough for this margin, but the difference lies too close to it"


def _unit_notes(evidence: Evidence, decision: _Decision) -> Iterator[str]:
    """That independent units are too few for a verdict, or few enough for caution."""
    unit = "case" if evidence.clusters is None or evidence.is_fixed else "cluster"
    units, equal = counted(evidence.units, f"independent {unit}"), evidence.equal_units
    if decision.verdict == "too few":
        yield f"{units}, and a verdict needs {MIN_UNITS}"
    elif evidence.units < FEW_UNITS:
        yield f"only {units}: read the verdict with caution"
    elif equal < FEW_UNITS and not evidence.is_fixed:
        yield (
            f"{units} of very unequal size, which tell as much as {equal:.0f} equal ones:"
            " read the verdict with caution"
        )


def _beyond_the_dataset(evidence: Evidence, decision: _Decision, left: int) -> str:
    """What could settle an open comparison when the dataset has too few cases ``left``."""
    if decision.is_fixed:
        return f"about {counted(decision.samples or 0, 'sample')} of each case would settle it"
    has = f"{left:,} more cases" if left else "no more cases"
    if decision.samples is not None:
        samples = counted(decision.samples, "sample")
        return f"the dataset has {has}: about {samples} of each would settle it"
    about = f"it has {has}, and about {roughly(decision.needs or 0)} more are needed"
    if evidence.noise is None:
        return f"cannot be settled with this dataset: {about}; several samples of each may help"
    return f"cannot be settled with this dataset at any number of samples: {about}"


def _pairing_notes(evidence: Evidence) -> Iterator[str]:
    if evidence.n_unpaired:
        fate = "left out" if evidence.is_paired else "counted on its side"
        yield f"{counted(evidence.n_unpaired, 'case')} scored in one variant only, {fate}"
    if evidence.n_identical:
        yield (
            f"{counted(evidence.n_identical, 'case')} with one stored answer for both:"
            " no difference there by construction"
        )


def _missing_notes(evidence: Evidence, decision: _Decision) -> Iterator[str]:
    missing = sum(evidence.missing)
    if missing and not evidence.is_measured and decision.verdict != "too few":
        yield (
            f"no verdict: more than {as_percent(MAX_MISSING)} of the trials of one variant are"
            " missing (infrastructure errors or unscored)"
        )
    if missing:
        yield f"{_of_both(evidence.missing, 'missing trial')} left out"
    if decision.is_fragile:
        yield f"fragile: the verdict depends on {counted(missing, 'missing trial')}"
    if sum(evidence.model_errors):
        yield f"{_of_both(evidence.model_errors, 'model error')} counted as 0"


def _failure_notes(evidence: Evidence, options: Options) -> Iterator[str]:
    """That one of the two fails more often, where chance hardly explains it."""
    paired = evidence.failures
    if paired is None or paired.units < MIN_UNITS or paired.p_value() >= options.alpha:
        return
    which = "more" if paired.value > 0 else "less"
    yield f"fails {which} often: {in_points(abs(paired.value))} of all trials, not by chance"


def _of_both(counts: tuple[int, int], noun: str) -> str:
    baseline, candidate = counts
    return f"{counted(sum(counts), noun)} ({baseline:,} in the baseline, {candidate:,} here)"
