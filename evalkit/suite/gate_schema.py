"""What a suite may say of its gate (which changes for the worse are refused) and of its reports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from evalkit.policies import METRICS, GatePolicy, MetricName, MetricRule, ScoreRule
from evalkit.suite.fields import Section, Variable

Margin = Annotated[float, Field(gt=0, lt=1)]
ErrorRate = Annotated[float, Field(gt=0, lt=0.5)]
_ONLY_FOR_METRICS = ("max", "max_increase")
_BOUNDS = ("max_drop", *_ONLY_FOR_METRICS, "min")


class RuleSpec(Section):
    """One rule: of a scorer (``max_drop``, ``min``) or of a metric (``max``, ``max_increase``).

    ``max_drop`` is how much the mean score may fall below the baseline's, ``min`` the lowest mean
    allowed at all; with ``tags`` (names or globs) the rule holds for the cases of each. A metric
    stays at or below ``max`` and rises by no more than ``max_increase``: in points where it is a
    share (``failed``), relative where it is an amount (0.2 of ``cost_usd``: a fifth more).
    """

    scorer: str | None = None
    metric: MetricName | None = None
    tags: tuple[str, ...] = ()
    max_drop: Margin | None = None
    min: float | None = None
    max: Annotated[float, Field(ge=0)] | None = None
    max_increase: Annotated[float, Field(gt=0)] | None = None
    alpha: ErrorRate | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        value = dict(value)
        if "tag" in value and "tags" not in value:
            value["tags"] = value.pop("tag")
        if isinstance(value.get("tags"), str):
            value["tags"] = [value["tags"]]
        return value

    @model_validator(mode="after")
    def _is_one_rule(self) -> Self:
        if (self.scorer is None) == (self.metric is None):
            raise ValueError("a rule names either a scorer or a metric")
        faults = list(self._score_faults() if self.scorer is not None else self._metric_faults())
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _score_faults(self) -> Iterator[str]:
        misplaced = [name for name in _ONLY_FOR_METRICS if getattr(self, name) is not None]
        for name in misplaced:
            yield f"{name} is for metrics; a scorer's rule says max_drop, min or both"
        if self.max_drop is None and self.min is None and not misplaced:
            yield f"say what is allowed of {self.scorer}: max_drop, min or both"
        if self.min is not None and not 0 < self.min <= 1:
            yield f"min is a mean score, above 0 and up to 1, found {self.min:g}"

    def _metric_faults(self) -> Iterator[str]:
        assert self.metric is not None
        metric = METRICS[self.metric]
        bounds = ("min",) if metric.is_better_high else _ONLY_FOR_METRICS
        given = [name for name in _BOUNDS if getattr(self, name) is not None]
        for name in given:
            if name not in bounds:
                yield f"{self.metric} takes {' or '.join(bounds)}, not {name}"
        if not given:
            yield f"say what is allowed of {self.metric}: {' or '.join(bounds)}"
        if self.tags:
            yield "tags go with a scorer's rule"
        for name in ("min", "max", "max_increase"):
            bound = getattr(self, name)
            if metric.unit == "share" and bound is not None and not 0 <= bound <= 1:
                yield f"{self.metric} is a share between 0 and 1, found {name}: {bound:g}"

    def rule(self) -> ScoreRule | MetricRule:
        """The value the rest of evalkit works with."""
        if self.scorer is not None:
            return ScoreRule(self.scorer, self.max_drop, self.min, self.tags, self.alpha)
        assert self.metric is not None
        return MetricRule(self.metric, self.max, self.max_increase, self.min, self.alpha)


class NotifySpec(Section):
    """Where a regression job tells its verdict. Short form: the variable with the address.

    A webhook's address is as good as a key, so it is named by the environment variable that holds
    it. ``when``: at a ``change`` of verdict, at each ``failure``, or ``always``. ``template`` is a
    Jinja file beside the suite for the message.
    """

    url_env: Variable
    format: Literal["slack", "json"] = "slack"
    when: Literal["change", "failure", "always"] = "change"
    template: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        value = {"url_env": value} if isinstance(value, str) else value
        if isinstance(value, dict) and re.match(r"https?:", str(value.get("url_env", ""))):
            raise ValueError(
                "an address that can be written to is like a key: put it into an environment "
                "variable and name that, url_env: SLACK_WEBHOOK_URL"
            )
        return value


class NightsSpec(Section):
    """Evidence that adds up over runs, in place of a proof in each. Short form: ``rows``.

    Each run asks ``rows`` cases, others than the last, and ``more`` at a time while there is
    suspicion. ``alarm`` is about how many runs lie between false alarms, ``tolerance`` the loss
    that is put up with (default: a quarter of the margin).
    """

    rows: Annotated[int, Field(ge=10)] = 100
    more: Annotated[int, Field(ge=1)] = 50
    alarm: Annotated[float, Field(gt=2)] = 30.0
    tolerance: Annotated[float, Field(ge=0, lt=1)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if value is True:
            return {}
        return {"rows": value} if isinstance(value, int) else value


class GateSpec(Section):
    """Rules over a comparison with a stored baseline, and how the regression job goes about it.

    ``a_pass`` is the chance taken of passing a true loss of ``max_drop``, ``a_fail`` that of
    failing where nothing was lost. ``variants`` are those that are held to the rules (default:
    all). ``keep`` is how many runs of the job stay, ``timeout_s`` the seconds after which it stops.
    With ``nights`` the job asks a part of the cases and lets evidence add up over runs. Where the
    suite has changed since the bank, ``canary`` cases are asked as they were banked, too.
    ``false_alarms`` is the share of all the job's alarms that may be false, in place of ``a_fail``.
    """

    baseline: Annotated[str, Field(pattern=r"^@?[A-Za-z0-9][A-Za-z0-9._-]*$")] | None = None
    rules: tuple[RuleSpec, ...] = ()
    variants: tuple[str, ...] = ()
    method: Literal["sequential", "fixed"] = "sequential"
    a_pass: ErrorRate = 0.05
    a_fail: ErrorRate = 0.01
    on_inconclusive: Literal["warn", "fail"] = "warn"
    timeout_s: Annotated[float, Field(gt=0)] | None = None
    keep: Annotated[int, Field(ge=1)] | None = None
    nights: NightsSpec | None = None
    false_alarms: ErrorRate | None = None
    canary: Annotated[int, Field(ge=0)] = 20
    notify: tuple[NotifySpec, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            key: [item]
            if key in ("rules", "variants", "notify") and isinstance(item, str | dict)
            else item
            for key, item in value.items()
        }

    @model_validator(mode="after")
    def _one_way_to_count(self) -> Self:
        if self.nights is not None and self.false_alarms is not None:
            raise ValueError(
                "nights and false_alarms both say how rare alarms are: with nights it is alarm"
            )
        return self

    @field_validator("rules")
    @classmethod
    def _no_repetition(cls, value: tuple[RuleSpec, ...]) -> tuple[RuleSpec, ...]:
        subjects = [(rule.scorer or rule.metric or "", rule.tags) for rule in value]
        twins = sorted({name for name, tags in subjects if subjects.count((name, tags)) > 1})
        if twins:
            raise ValueError(f"two rules are about {', '.join(twins)}; put them into one")
        return value

    def policy(self) -> GatePolicy:
        """The value the rest of evalkit works with."""
        return GatePolicy(
            rules=tuple(spec.rule() for spec in self.rules),
            baseline=self.baseline.removeprefix("@") if self.baseline else None,
            variants=self.variants,
            method=self.method,
            a_pass=self.a_pass,
            a_fail=self.a_fail,
            on_inconclusive=self.on_inconclusive,
        )


class ReportSpec(Section):
    """What comparisons assume and which pages are written.

    ``margin`` is the difference of scores that does not matter, ``baseline`` the variant that the
    others are held against, ``by`` what shall differ in a comparison, ``estimand`` whether
    intervals speak of all cases like these or of these alone, ``out`` the folder of pages.
    """

    margin: Margin = 0.02
    baseline: str | None = None
    by: Literal["thinking", "prompt", "model", "variant", "run"] | None = None
    estimand: Literal["population", "dataset"] = "population"
    formats: tuple[Literal["terminal", "html", "markdown", "json", "csv", "junit"], ...] = ()
    out: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("formats"), str):
            return {**value, "formats": [value["formats"]]}
        return value
