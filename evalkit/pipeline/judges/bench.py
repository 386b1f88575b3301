"""The judges of a suite: what each asks, of which models, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit.errors import UsageError
from evalkit.messages.pricing import Price
from evalkit.pipeline.endpoints import resolve_endpoints
from evalkit.pipeline.judges.rivals import rival_of
from evalkit.plan.matrix import (
    capabilities_of,
    model_options,
    price_of,
    thinking_asked,
    thinking_room,
)
from evalkit.scorers.judge import Judge, Structure, Way, default_templates
from evalkit.scorers.judge_form import Form
from evalkit.scorers.judge_prompts import GUARD
from evalkit.scorers.judge_scale import Criterion, Scale
from evalkit.suite.judge_schema import JUDGE, JudgeSpec, TextSpec, judge_of, model_of
from evalkit.suite.schema import ModelSpec, ScorerSpec, Suite
from evalkit.templates import Template
from evalkit.types import Endpoint, Sampling, Variant

ALONE, REPAIR = "", "-repair"


@dataclass(frozen=True, slots=True)
class Seat:
    """One model that judges: how it is asked, where, and at what price."""

    spec: ModelSpec
    way: Way
    endpoint: Endpoint
    price: Price | None
    answer_tokens: int

    def variant(self, judge: str, suffix: str = ALONE) -> Variant:
        """What its trials are filed under: ``clarity/claude-sonnet-4-6/off``."""
        return Variant(f"{judge}{suffix}", self.way.model_name, self.way.thinking)


@dataclass(frozen=True, slots=True)
class Bench:
    """A judge of a suite and its seats; ``task`` is a template of what was asked, if one is set."""

    spec: JudgeSpec
    judge: Judge
    seats: tuple[Seat, ...]
    task: Template | None = None

    @property
    def name(self) -> str:
        """The scorer's name."""
        return self.judge.name

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Where an answer stands in the questions about it: alone, or in both orders."""
        return ("-first", "-second") if self.judge.is_pairwise else (ALONE,)

    @property
    def questions_each(self) -> int:
        """Questions that one answer leads to at most, repairs apart."""
        return len(self.suffixes) * len(self.seats) * self.spec.votes

    def variants(self) -> list[Variant]:
        """Everything its trials may be filed under."""
        suffixes = [*self.suffixes, *(f"{suffix}{REPAIR}" for suffix in self.suffixes)]
        return [seat.variant(self.name, suffix) for seat in self.seats for suffix in suffixes]


def judge_names(suite: Suite) -> list[str]:
    """The scorers of a suite that are judges."""
    return [spec.name for spec in suite.scorers if spec.type == JUDGE]


def build_benches(suite: Suite, env: Mapping[str, str]) -> list[Bench]:
    """Every judge of a suite; raises TemplateError, and UsageError for an address that is none."""
    return [_bench(spec, suite, env) for spec in suite.scorers if spec.type == JUDGE]


def judge_endpoints(suite: Suite, env: Mapping[str, str]) -> dict[str, Endpoint]:
    """Where the judges' models are asked, by name."""
    benches = build_benches(suite, env)
    return {seat.spec.name: seat.endpoint for bench in benches for seat in bench.seats}


def judge_models(suite: Suite) -> list[ModelSpec]:
    """The models that judge, those of the suite among them."""
    return [seat.spec for bench in build_benches(suite, {}) for seat in bench.seats]


def check_rivals(suite: Suite, keys: Sequence[str]) -> None:
    """Raise UsageError if the variants asked leave out whom a judge compares with."""
    for spec in suite.scorers:
        pairwise = judge_of(spec).pairwise if spec.type == JUDGE else None
        if pairwise is None or pairwise.run is not None:
            continue
        rivals = [rival_of(pairwise, key) for key in keys]
        if not set(rivals) <= set(keys):
            raise UsageError(
                f"the judge {spec.name} compares with {pairwise.variant}, which is not asked",
                "Take it in with --only, or ask no judge with --no-judges.",
            )


def judging_suite(suite: Suite, benches: list[Bench]) -> Suite:
    """The suite with the judges' models in place of its own, for whoever opens clients."""
    models = {seat.spec.name: seat.spec for bench in benches for seat in bench.seats}
    return suite.model_copy(update={"models": tuple(models.values())})


def _bench(scorer: ScorerSpec, suite: Suite, env: Mapping[str, str]) -> Bench:
    spec = judge_of(scorer)
    models = tuple(model_of(named, suite.models) for named in spec.model)
    endpoints = resolve_endpoints(suite.model_copy(update={"models": models}), env)
    where = f"scorers.{scorer.name}"
    return Bench(
        spec,
        build_judge(scorer.name, spec),
        tuple(_seat(model, spec, endpoints[model.name]) for model in models),
        Template(spec.task, f"{where}.task") if spec.task is not None else None,
    )


def build_judge(name: str, spec: JudgeSpec) -> Judge:
    """The judge that a spec describes; raises TemplateError for a template that is none."""
    where = f"scorers.{name}"
    system, user = _templates(name, spec)
    source = "{{ target }}" if spec.reference is True else spec.reference or None
    return Judge(
        name=name,
        rubric=Template(_text(spec.rubric), f"{where}.rubric") if spec.rubric else None,
        form=Form(
            Scale(
                spec.scale.low,
                spec.scale.high,
                tuple(sorted(spec.scale.levels.items())),
                spec.scale.is_binary,
            ),
            tuple(
                Criterion(key, Template(one.rubric, f"{where}.criteria.{key}"), one.weight)
                for key, one in spec.criteria.items()
            ),
            is_pairwise=spec.pairwise is not None,
            ties=spec.pairwise.ties if spec.pairwise else True,
        ),
        see_thinking=spec.see_thinking,
        reference=Template(source, f"{where}.reference") if isinstance(source, str) else None,
        system=system,
        user=user,
    )


def _templates(name: str, spec: JudgeSpec) -> tuple[Template, Template]:
    """The system and user prompts: the suite's own where it has some."""
    system, user = default_templates(name, is_pairwise=spec.pairwise is not None)
    own, where = spec.prompt, f"scorers.{name}.prompt"
    if own is not None and own.user is not None:
        user = Template(_text(own.user), f"{where}.user")
    if own is not None and own.system is not None:
        text = _text(own.system)
        system = Template(text, f"{where}.system")
        if "mark" not in system.variables | user.variables:
            # Words of its own that do not tell what the marks mean: the answer would only look
            # quoted.
            system = Template(f"{text}\n\n{GUARD}", f"{where}.system")
    return system, user


def _text(spec: TextSpec | None) -> str:
    return (spec.text or "").strip() if spec is not None else ""


def _seat(model: ModelSpec, spec: JudgeSpec, endpoint: Endpoint) -> Seat:
    room = thinking_room(spec.thinking, model, spec.max_tokens)
    temperature = model.temperature if spec.temperature is None else spec.temperature
    way = Way(
        model_name=model.name,
        model=model.model,
        max_tokens=spec.max_tokens + room,
        structure=_structure(spec, model),
        thinking=thinking_asked(spec.thinking.setting(), model),
        sampling=Sampling(temperature, model.top_p, model.top_k),
        options=model_options(model),
    )
    return Seat(model, way, endpoint, price_of(model), spec.max_tokens)


def _structure(spec: JudgeSpec, model: ModelSpec) -> Structure:
    """A schema where the model is known to keep to one, else a tool it can be made to use."""
    if spec.structure != "auto":
        return spec.structure
    known = capabilities_of(model)
    if known is None:
        return "text"
    if known.accepts_structured_outputs:
        return "schema"
    is_free = not spec.thinking.setting().is_on
    return "tool" if known.accepts_forced_tool_choice and is_free else "text"
