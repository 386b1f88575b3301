"""What each kind of test says at the moment it is read."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log, log1p

import numpy as np

from evalkit.analysis.evidence import MAX_MISSING, MIN_UNITS
from evalkit.analysis.gate_view import View
from evalkit.analysis.verdicts import RuleResult
from evalkit.analysis.wording import as_percent, counted, in_points
from evalkit.stats.arrays import FloatArray
from evalkit.stats.estimates import Estimate, mean_estimate, quantile
from evalkit.stats.multiplicity import holm
from evalkit.stats.paired import Paired, difference_estimate, pair
from evalkit.stats.power import rows_for
from evalkit.stats.ratios import amount_estimate, ratio_estimate
from evalkit.stats.sequential import CAP, Process, largest_loss

_MISSING_TOO_MUCH = (
    f"more than {as_percent(MAX_MISSING)} of what was asked is missing (infrastructure errors or"
    " unscored), so nothing can be said of the rest"
)
_AT_MOST_UNITS = 1_000_000
_NOTHING = 5e-5


def read(view: View) -> RuleResult:
    """What a test says now."""
    asked, test = view.asked, view.test
    if asked.kind == "fact":
        return _fact(view)
    method = "betting" if test.gate or test.level else "fixed n"
    if not asked.members:
        return view.result("unmeasured", "no case of the run is in the baseline", method)
    if view.n_recorded == 0:
        return view.result("unmeasured", "no answer was measured", method, decides=_unseen(view))
    if view.n_missing > MAX_MISSING * view.n_recorded:
        told = f"{counted(view.n_missing, 'trial')} of {view.n_recorded:,}: {_MISSING_TOO_MUCH}"
        return view.result("unmeasured", told, method, decides="A run with fewer failures.")
    result = _READERS[asked.kind](view)
    if test.seen < MIN_UNITS and result.outcome in ("pass", "regression"):
        units = counted(test.seen, "independent case")
        told = f"only {units}, and a verdict needs {MIN_UNITS}"
        return view.result(
            "inconclusive", told, method, decides=_unseen(view) or f"At least {MIN_UNITS} cases.",
            value=result.value, low=result.low, high=result.high,
        )  # fmt: skip
    return result


def _drop(view: View) -> RuleResult:
    asked, test = view.asked, view.test
    assert asked.base is not None
    shift = _shift(view)
    seen = {"value": shift.value, "low": shift.low, "high": shift.high}
    what = "loss" if asked.sign > 0 else "rise"
    worst = largest_loss(test.design(), [(low, size) for low, _, size in test.fed])
    told = _moved(shift)
    if test.passing is not None and test.passing.crossed_at is not None:
        why = (
            f"a {what} of {in_points(asked.limit)} or more is excluded"
            f" (at most {in_points(worst)}; {told})"
        )
        if _is_proven(shift, asked.sign):
            why += f"; there is a {what}, but within the margin"
        return view.result(
            "pass", why, "betting", worst_loss=worst, p_value=_p(test.passing), **seen
        )
    if test.is_failed:
        assert test.failing is not None
        why = f"a {what} is proven ({told}; the margin is {in_points(asked.limit)})"
        return view.result(
            "regression", why, "betting", worst_loss=worst, p_value=_p(test.failing), **seen
        )
    why = f"neither proven nor excluded ({told}; up to {in_points(worst)} is possible)"
    if view.n_missing and test.hinges_on_missing():
        why += f"; fragile: it depends on {counted(view.n_missing, 'missing trial')}"
    return view.result(
        "inconclusive", why, "betting", decides=_needs(view), worst_loss=worst, **seen
    )


def _shift(view: View) -> Estimate:
    """The difference from the bank on the cases that have both."""
    assert view.asked.base is not None
    d = view.mean() - view.asked.base[view.everything]
    known = ~np.isnan(d)
    return difference_estimate(np.clip(d[known], -1, 1), view.clusters(known))


def _is_proven(shift: Estimate, sign: int) -> bool:
    """Whether a change for the worse shows, be it within the margin."""
    if shift.low is None or shift.high is None:
        return False
    return shift.high < 0 if sign > 0 else shift.low > 0


def _moved(shift: Estimate) -> str:
    if shift.value is None:
        return "nothing seen"
    if abs(shift.value) < _NOTHING:
        return "seen: no difference"
    return f"seen: {in_points(abs(shift.value))} {'lower' if shift.value < 0 else 'higher'}"


def _fixed(view: View) -> RuleResult:
    asked, test = view.asked, view.test
    assert asked.base is not None
    shift = _shift(view)
    seen = {"value": shift.value, "low": shift.low, "high": shift.high}
    if test.seen < len(asked.members):
        why = f"a fixed-n test looks once at all {len(asked.members):,}, and {test.seen:,} are in"
        return view.result("inconclusive", why, "Tango", decides=_unseen(view), **seen)
    worst = _paired(view, view.measure.bounds()[0])
    told = _moved(shift)
    if worst is not None and worst.is_non_inferior(asked.limit, asked.alpha_pass):
        why = f"a loss of {in_points(asked.limit)} or more is excluded ({told})"
        return view.result("pass", why, "Tango", **seen)
    if view.p_adjusted is not None and view.p_adjusted < view.a_fail:
        why = f"a loss is proven ({told}; the margin is {in_points(asked.limit)})"
        return view.result("regression", why, "Tango", p_value=view.p_adjusted, **seen)
    why = f"neither proven nor excluded ({told})"
    best = _paired(view, view.measure.bounds()[1])
    if view.n_missing and best and best.is_non_inferior(asked.limit, asked.alpha_pass):
        why += f"; fragile: it depends on {counted(view.n_missing, 'missing trial')}"
    return view.result("inconclusive", why, "Tango", decides=_needs(view), **seen)


def adjust_fixed(views: Sequence[View], n_tests: int) -> None:
    """Give fixed tests their p-values of a loss, adjusted by Holm over all ``n_tests`` alarms."""
    fixed = [(view, p) for view in views if (p := _loss_p(view)) is not None]
    adjusted = holm([*(p for _, p in fixed), *[1.0] * (n_tests - len(fixed))])
    for (view, _), p in zip(fixed, adjusted, strict=False):
        view.p_adjusted = p


def _loss_p(view: View) -> float | None:
    """The one-sided p-value of no loss, everything missing at its best; None for other tests."""
    if view.asked.kind != "fixed" or view.test.seen < len(view.asked.members):
        return None
    best = _paired(view, view.measure.bounds()[1]) if view.asked.members else None
    if best is None:
        return None
    return best.p_value() / 2 if best.value < 0 else 1.0


def _paired(view: View, ends: FloatArray) -> Paired | None:
    assert view.asked.base is not None
    d = ends[view.asked.variant][view.everything] - view.asked.base[view.everything]
    known = ~np.isnan(d)
    return pair(np.clip(d[known], -1, 1), view.clusters(known))


def _floor(view: View) -> RuleResult:
    asked, test = view.asked, view.test
    mean = _level(view)
    seen = {"value": mean.value, "low": mean.low, "high": mean.high}
    told = "" if mean.value is None else f" (seen: {as_percent(mean.value)})"
    floor = as_percent(asked.limit)
    if test.passing is not None and test.passing.crossed_at is not None:
        why = f"above {floor} is proven{told}"
        return view.result("pass", why, "betting", p_value=_p(test.passing), **seen)
    if test.is_failed:
        assert test.failing is not None
        why = f"below {floor} is proven{told}"
        return view.result("regression", why, "betting", p_value=_p(test.failing), **seen)
    why = f"neither above nor below {floor} is proven{told}"
    return view.result("inconclusive", why, "betting", decides=_needs(view), **seen)


def _level(view: View) -> Estimate:
    values = view.mean()
    known = ~np.isnan(values)
    return mean_estimate(np.clip(values[known], 0, 1), view.clusters(known))


def _ceiling(view: View) -> RuleResult:
    asked, test = view.asked, view.test
    if asked.share is None:
        share = _level(view)
        seen = {"value": share.value, "low": share.low, "high": share.high}
        limit, told = as_percent(asked.limit), as_percent(share.value or 0.0)
    else:
        seen = {"value": quantile(view.numbers[~np.isnan(view.numbers)], 1 - asked.share)}
        limit, told = f"{asked.limit:.3g} s", f"{seen['value'] or 0:.3g} s"
    if seen["value"] is None:
        return view.result("unmeasured", "no answer tells it", "betting")
    if seen["value"] <= asked.limit:
        why = f"{told} is within {limit}"
        return view.result("pass", why, "as seen", decided_at=None, e_fail=None, **seen)
    if test.is_failed:
        assert test.failing is not None
        why = f"{told}, and above {limit} is proven"
        return view.result("regression", why, "betting", p_value=_p(test.failing), **seen)
    why = f"{told} is above {limit}, but so few may be chance"
    return view.result("inconclusive", why, "betting", decides=_needs(view), **seen)


def _amount(view: View) -> RuleResult:
    asked, test = view.asked, view.test
    pass_at, fail_at = 1 - 2 * asked.alpha_pass, 1 - 2 * test.alpha_fail
    if asked.base is not None:
        over = _estimate(view, fail_at, asked.base[view.everything])
        allowed = _estimate(view, pass_at, (1 + asked.limit) * asked.base[view.everything])
        now = _estimate(view, 0.95)
        if over.low is None or allowed.high is None:
            return view.result("unmeasured", over.note or "too little is known", "t")
        seen = {"value": now.value, "low": now.low, "high": now.high}
        if allowed.high <= 0:
            why = f"a rise by {as_percent(asked.limit)} is excluded"
            return view.result("pass", why, "t", **seen)
        if over.low > 0:
            return view.result("regression", "a rise is proven", "t", **seen)
        why = "a rise is neither proven nor excluded"
        return view.result("inconclusive", why, "t", decides="More cases.", **seen)
    found = _estimate(view, fail_at)
    if found.value is None:
        why = "no price is known" if "cost" in asked.subject else "no answer tells it"
        return view.result("unmeasured", why, "t")
    seen = {"value": found.value, "low": found.low, "high": found.high}
    if found.value <= asked.limit:
        why = f"{found.value:.4g} is within {asked.limit:.4g}"
        return view.result("pass", why, "as seen", **seen)
    if found.low is not None and found.low > asked.limit:
        why = f"{found.value:.4g}, and above {asked.limit:.4g} is proven"
        return view.result("regression", why, found.method, **seen)
    why = f"{found.value:.4g} is above {asked.limit:.4g}, but may be chance"
    return view.result("inconclusive", why, found.method, decides="More cases.", **seen)


def _estimate(view: View, confidence: float, less: FloatArray | None = None) -> Estimate:
    """The mean amount of the cases seen (less that of the baseline), or dollars a right answer."""
    row, rows = view.asked.variant, view.everything
    if view.asked.subject == "cost_per_correct":
        cost, right = view.measure, view.found.get("right")
        known = cost.counts[row][rows] > 0
        if right is None or not known.any():
            return amount_estimate([], None, confidence)
        sums = cost.sums[row][rows][known], right.sums[row][rows][known]
        return ratio_estimate(*sums, view.clusters(known), confidence)
    values = view.mean() if less is None else view.mean() - less
    known = ~np.isnan(values)
    return amount_estimate(values[known], view.clusters(known), confidence)


def _fact(view: View) -> RuleResult:
    """How the run went: no sample of anything, so there is nothing to prove."""
    asked = view.asked
    failed = view.found["failed"]
    n = int(failed.counts[asked.variant].sum())
    if n == 0:
        return view.result("unmeasured", "nothing was asked", "as seen")
    share = float(failed.sums[asked.variant].sum()) / n
    limit = asked.limit
    if asked.subject == "completeness":
        unscored = view.found["unscored"].sums[asked.variant].sum()
        share = 1 - share - float(unscored) / n
        is_kept = share >= limit - 1e-12
    else:
        if asked.bound == "max_increase":
            limit += asked.banked or 0.0
        is_kept = share <= limit + 1e-12
    why = f"{_exact(share)} of {n:,} trials; the limit is {_exact(limit)}"
    return view.result("pass" if is_kept else "regression", why, "as seen", value=share)


def _exact(share: float) -> str:
    return f"{100 * share:.2f}".rstrip("0").rstrip(".") + "%"


def _p(process: Process) -> float:
    return min(1.0, 1 / process.e_value)


def _unseen(view: View) -> str | None:
    left = sum(len(rows) for rows in view.asked.members[view.test.seen :])
    if left <= 0:
        return None
    return f"{counted(left, 'planned case')} not yet measured: go on with the run."


def _needs(view: View) -> str:
    """What would settle an open rule."""
    unseen = _unseen(view)
    if unseen:
        return unseen
    asked, seen = view.asked, view.test.seen
    values = view.mean() - (0 if asked.base is None else asked.base[view.everything])
    values = values[~np.isnan(values)]
    spread = float(values.var(ddof=1)) if len(values) > 1 else 0.25
    spread = max(spread, asked.variance or 0.0)
    effect = asked.limit if asked.base is not None else max(0.02, 0.5 * (1 - asked.limit))
    needed = least_units(
        effect, spread, asked.alpha_pass, largest=asked.largest, mean_size=asked.mean_size
    )
    more = min(needed, _AT_MOST_UNITS) - seen
    if more > 0:
        what = "more case" if asked.largest == 1 else "more cluster"
        return f"About {counted(more, what)}, or a wider margin."
    return "The true value lies close to the limit: many more cases, or another limit."


def least_units(
    margin: float,
    variance: float,
    alpha: float,
    *,
    largest: int = 1,
    mean_size: float = 1.0,
    power: float = 0.9,
) -> int:
    """Units with which a gate passes with this power if nothing changed.

    Those of the fixed test and a tenth more; and never fewer than the boldest bet needs if every
    unit is alike. ``variance`` is that of a row's difference; a unit counts on the scale of the
    ``largest``, as it is fed.
    """
    effect, noise = margin * mean_size / largest, variance * mean_size / largest**2
    boldest = log(1 / alpha) / log1p(effect * CAP / (1 - margin))
    return ceil(max(1.1 * rows_for(effect, noise, alpha, power), boldest))


_READERS = {
    "drop": _drop,
    "fixed": _fixed,
    "floor": _floor,
    "ceiling": _ceiling,
    "amount": _amount,
}
