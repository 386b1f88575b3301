"""What in a suite's judges cannot work, found before anything is sent."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from evalkit.errors import Problem, TemplateError
from evalkit.messages.capabilities import check_thinking, find_capabilities
from evalkit.messages.models import models_table
from evalkit.pipeline.judges.bench import build_judge
from evalkit.pipeline.judges.rivals import rival_of
from evalkit.plan.cells import plan_cells
from evalkit.plan.matrix import capabilities_of, price_of
from evalkit.scorers.judge import Judge
from evalkit.scorers.judge_prompts import VARIABLES
from evalkit.suite.judge_schema import JUDGE, JudgeSpec, judge_of, model_of
from evalkit.suite.load import LoadedSuite
from evalkit.suite.schema import LOCAL, ModelSpec, ScorerSpec, Suite
from evalkit.suite.source import Address
from evalkit.templates import Template, attributes_of, unknown_variables
from evalkit.types import Sampling

_Fault = tuple[Address, str]


def judge_problems(loaded: LoadedSuite, columns: frozenset[str] | None) -> list[Problem]:
    """Models nobody knows or that take no such setting, templates that name what is not there,
    rivals that are not there, a cost cap without prices.

    ``columns`` are those of the dataset's first row; None: not known.
    """
    problems = []
    models = {model.name: model for model in loaded.suite.models}
    for index, scorer in enumerate(loaded.suite.scorers):
        if scorer.type != JUDGE:
            continue
        judge = judge_of(scorer)
        faults = [
            *_name_faults(judge, models),
            *_template_faults(scorer, judge, columns),
            *_dataset_faults(judge, loaded.suite),
            *_rival_faults(judge, loaded.suite),
        ]
        if not any(at == ("model",) for at, _ in faults):
            faults += _model_faults(judge, loaded.suite)
        problems += [
            Problem(loaded.source.where(("scorers", index, *at)), told)
            for at, told in dict.fromkeys(faults)
        ]
    return problems


def _name_faults(judge: JudgeSpec, models: dict[str, ModelSpec]) -> Iterator[_Fault]:
    """Models nobody knows, and names that mean two things; notes the judge's own in ``models``."""
    seen: set[str] = set()
    for named in judge.model:
        name = named.name if isinstance(named, ModelSpec) else named
        if name in seen:
            yield ("model",), f"'{name}' is there twice; for several draws of one model: votes: 2"
        seen.add(name)
        if isinstance(named, ModelSpec):
            if models.setdefault(name, named) != named:
                yield ("model",), f"another model is called '{name}'; give this one its own name"
        elif name not in models and name != LOCAL and find_capabilities(name) is None:
            yield ("model",), _unknown(name, list(models))


def _unknown(name: str, names: list[str]) -> str:
    table = models_table()
    known = [*names, *table["aliases"], *table["models"], LOCAL]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"models has {', '.join(names)}"
    return (
        f"no model is called '{name}'; {hint} (one that evalkit does not know is written out: "
        f"model: {{model: {name}, base_url: …}})"
    )


def _model_faults(judge: JudgeSpec, suite: Suite) -> Iterator[_Fault]:
    """Settings that a judge's model refuses, and a cap that cannot be kept for want of a price."""
    for model in (model_of(named, suite.models) for named in judge.model):
        if model.provider == LOCAL:
            continue
        known = capabilities_of(model)
        said = model.temperature if judge.temperature is None else judge.temperature
        sampling = Sampling(said, model.top_p, model.top_k)
        setting = judge.thinking.setting()
        for told in check_thinking(model.model, setting, sampling, judge.max_tokens, known):
            yield ("thinking" if judge.thinking.mode != "default" else "model",), told
        if (
            known is not None
            and judge.structure == "schema"
            and not known.accepts_structured_outputs
        ):
            yield ("structure",), f"{model.model} takes no output schema; use tool, text or auto"
        is_barred = known is not None and known.accepts_forced_tool_choice is False
        if judge.structure == "tool" and (is_barred or setting.mode == "budget"):
            why = "together with a thinking budget" if not is_barred else ""
            told = f"{model.model} takes no forced tool {why}".rstrip()
            yield ("structure",), f"{told}; use schema, text or auto"
        if suite.budget.max_cost_usd is not None and price_of(model) is None:
            yield (
                ("model",),
                f"no price is known for {model.model}, so max_cost_usd cannot be kept; write the "
                f"model out with its price: model: {{model: {model.model}, "
                "price: {input: …, output: …}}",
            )


def _template_faults(
    scorer: ScorerSpec, judge: JudgeSpec, columns: frozenset[str] | None
) -> Iterator[_Fault]:
    try:
        built = build_judge(scorer.name, judge)
        task = Template(judge.task, "task") if judge.task is not None else None
    except TemplateError as error:
        yield ("prompt",) if judge.prompt else (), error.message
        return
    yield from _prompt_faults(judge, built, columns)
    criteria = [(("criteria", one.name), one.rubric) for one in built.form.criteria]
    texts: list[tuple[Address, object]] = [
        *((("task",), task), (("rubric",), built.rubric), (("reference",), built.reference)),
        *criteria,
    ]
    for at, template in texts:
        if not isinstance(template, Template) or columns is None:
            continue
        for variable in unknown_variables(template, columns | {"target"}):
            yield at, f"uses '{variable}', which no row has; {_columns(columns)}"


def _prompt_faults(
    judge: JudgeSpec, built: Judge, columns: frozenset[str] | None
) -> Iterator[_Fault]:
    """Variables and columns that a judge's own prompt names and nobody provides."""
    own = judge.prompt
    for part, given, template in (
        ("system", own and own.system, built.system),
        ("user", own and own.user, built.user),
    ):
        if not given:
            continue
        at = ("prompt", part)
        for variable in unknown_variables(template, VARIABLES):
            near = difflib.get_close_matches(variable, VARIABLES, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {_listed(VARIABLES)}"
            yield at, f"no variable is called '{variable}'; {hint}; a column is row.{variable}"
        for name in sorted(attributes_of(template, "row") - (columns or frozenset())):
            if columns is not None:
                yield at, f"row.{name}: no row has this column; {_columns(columns)}"
    if own and own.user and not ({"answer", "first"} & built.user.variables):
        wanted = "first and second" if judge.pairwise else "answer"
        yield (
            ("prompt", "user"),
            f"the prompt does not show what is to be judged: {{{{ {wanted} }}}}",
        )


def _dataset_faults(judge: JudgeSpec, suite: Suite) -> Iterator[_Fault]:
    if judge.reference is True and suite.dataset.target is None:
        yield ("reference",), "there is no right answer to show: name its column: dataset.target"


def _rival_faults(judge: JudgeSpec, suite: Suite) -> Iterator[_Fault]:
    if judge.pairwise is None or judge.pairwise.run is not None:
        return
    keys = [cell.key for cell in plan_cells(suite)]
    rival = judge.pairwise.variant or ""
    prompts = list(dict.fromkeys(key.partition("/")[0] for key in keys))
    if rival not in (*keys, *prompts):
        near = difflib.get_close_matches(rival, [*keys, *prompts], n=1)
        there = f"there are: {', '.join(keys[:4])}{' …' if len(keys) > 4 else ''}"
        hint = f"did you mean '{near[0]}'?" if near else there
        yield ("pairwise",), f"no variant is called '{rival}'; {hint}"
    elif rival in prompts:
        gone = [key for key in keys if rival_of(judge.pairwise, key) not in keys]
        if gone:
            yield ("pairwise",), f"'{rival}' has no variant to compare {gone[0]} with"
        if len(prompts) == 1:
            yield ("pairwise",), f"'{rival}' is the only prompt: there is nothing to compare with"
    elif len(keys) == 1:
        yield ("pairwise",), f"'{rival}' is the only variant: there is nothing to compare it with"


def _columns(columns: frozenset[str]) -> str:
    return f"the columns are {_listed(columns)}"


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
