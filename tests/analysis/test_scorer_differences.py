"""What the scorers that do not lead say of a comparison: leads, held down together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from analysis_builders import run_of, variant

from evalkit.analysis.analysis import analyse
from evalkit.analysis.options import Options
from evalkit.analysis.trials import Trials
from evalkit.report.caveats import caveats
from evalkit.report.names import Names
from evalkit.stats.paired import difference_estimate

OFF, ON = variant(), variant(8)
OPTIONS = Options(seed=7)


def two_scorers(n: int = 60, lost: int = 20) -> Trials:
    """Both are right alike; with thinking on, so many cases lose their format."""
    trials = run_of({OFF: [1.0, 0.0] * (n // 2), ON: [1.0, 0.0] * (n // 2)})
    spoilt = (trials.variant == 1) & (trials.case < lost)
    form = np.where(spoilt, 0.0, 1.0)
    values, answers = trials.values["number"], trials.answers["number"]
    return replace(
        trials,
        values={"number": values, "format": form},
        answers={"number": answers, "format": answers},
    )


def test_what_another_scorer_lost_is_a_lead() -> None:
    analysis = analyse(two_scorers(), OPTIONS)
    assert [one.scorer for one in analysis.comparisons] == ["number"]
    (one,) = analysis.scorer_differences
    assert (one.scorer, one.is_finding) == ("format", True)
    assert one.difference == difference_estimate([-1.0] * 20 + [0.0] * 40)
    assert one.p_adjusted == one.p_value < 0.001
    told = caveats(analysis, Names(analysis.variants))
    assert "a lead, no verdict: by format think-8 against off −33 points (−46 to −23)" in told


def test_the_leading_scorer_has_verdicts_instead() -> None:
    analysis = analyse(two_scorers(), replace(OPTIONS, leading_scorer="format"))
    assert analysis.comparisons[0].verdict == "inferior"
    (one,) = analysis.scorer_differences
    assert (one.scorer, one.is_finding, one.p_value) == ("number", False, 1.0)
    assert not any("a lead" in told for told in caveats(analysis, Names(analysis.variants)))


def test_too_few_cases_give_no_lead() -> None:
    assert analyse(two_scorers(8, 8), OPTIONS).scorer_differences == ()
