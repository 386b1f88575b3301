"""One mean and its interval: Wilson on an effective sample size."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its uncertainty.

    ``low``/``high`` are None where no interval can be had (then ``note`` says why); ``value`` is
    None only when there was nothing to estimate from. ``n`` counts rows, ``units`` independent
    units (clusters, or rows), ``n_eff`` the effective size the interval was computed with, ``df``
    the degrees of freedom of Student's t (None: the normal distribution).
    """

    value: float | None
    low: float | None
    high: float | None
    se: float | None
    n: int
    units: int
    n_eff: float | None
    confidence: float
    method: str
    note: str | None = None
    df: int | None = None
