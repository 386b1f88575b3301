"""What a report says of judges: their cost, how far they agree with themselves and with people."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.analysis.results import Analysis, JudgeCheck, JudgeQuality
from evalkit.report import format as fmt
from evalkit.report.names import Names
from evalkit.report.report import Section, Table
from evalkit.stats.estimates import Estimate


def judge_sections(analysis: Analysis) -> tuple[Section, ...]:
    """The sections of a run that was judged, or that has human labels; none for any other."""
    return (*_judges(analysis), *_labels(analysis))


def _judges(analysis: Analysis) -> Iterator[Section]:
    if not analysis.judges:
        return
    rows = tuple(
        (
            fmt.name(one.scorer),
            fmt.money(one.cost_usd),
            f"{one.n_answers:,}",
            f"{one.n_questions:,}",
            f"{one.n_unread:,}",
            f"{one.n_repaired:,}",
            ", ".join(fmt.name(model) for model in one.models),
        )
        for one in analysis.judges
    )
    columns = ("Judge", "Cost", "Answers", "Questions", "Missing", "Repaired", "Models")
    sentences = [sentence for one in analysis.judges for sentence in _sentences(one)]
    yield Section(
        "judges",
        "Judges",
        (*sentences, "What judges cost is no part of what the variants cost."),
        (Table("What judges were asked", columns, rows),),
    )


def _sentences(one: JudgeQuality) -> Iterator[str]:
    name, agreement, position = fmt.name(one.scorer), one.agreement, one.position
    if agreement is not None:
        told = f"{name}: {agreement.n_raters} verdicts an answer are all the same for"
        told += f" {fmt.score(agreement.same)}{_range(fmt.interval(agreement.same))}"
        if agreement.alpha is not None:
            told += f"; Krippendorff's alpha is {agreement.alpha:.2f}"
            told += _between(agreement.alpha_interval)
        yield f"{told}."
    if position is not None:
        yield f"{name}: a score is the share won against the rival, 50% is as good as it."
    if position is not None and position.bias.value is not None:
        yield (
            f"{name}: an answer fares {fmt.difference(position.bias)} points"
            f"{_range(fmt.difference_interval(position.bias))} for being shown first;"
            f" {fmt.score(position.same)} of {fmt.count(position.n_pairs, 'pair')} got the same"
            f" verdict in both orders, {fmt.percent(position.ties)} of verdicts were ties."
        )


def _labels(analysis: Analysis) -> Iterator[Section]:
    if not analysis.judged:
        return
    names = Names(analysis.variants)
    columns = ("Variant", "Scorer", "Labels", "Agree", "Interval", "Kappa", "AC1", "Corrected")
    yield Section(
        "labels",
        "Against human labels",
        (
            "The corrected score is what people would have given, from their labels and the"
            " scorer on the rest (PPI++); it holds if the labelled cases are a random part.",
            "For agreement an answer passes from the middle of the scale on.",
            *(sentence for one in analysis.judged for sentence in _errors(one, names)),
        ),
        (
            Table(
                "Agreement with human labels, and scores corrected by them",
                columns,
                tuple(_label_row(one, names) for one in analysis.judged),
            ),
        ),
    )


def _label_row(one: JudgeCheck, names: Names) -> tuple[str, ...]:
    return (
        names[one.variant].short,
        fmt.name(one.scorer),
        f"{one.n_labels:,}",
        fmt.score(one.agreement),
        fmt.interval(one.agreement) or fmt.UNKNOWN,
        _number(one.kappa),
        _number(one.ac1),
        _share(one.corrected),
    )


def _errors(one: JudgeCheck, names: Names) -> Iterator[str]:
    """Which way a scorer errs, and how far agreement goes beyond chance."""
    told = []
    if one.sensitivity is not None and one.specificity is not None:
        told.append(
            f"passes {_share(one.sensitivity)} of what people pass, fails"
            f" {_share(one.specificity)} of what they fail"
        )
    for name, value, interval in (
        ("kappa", one.kappa, one.kappa_interval),
        ("AC1", one.ac1, one.ac1_interval),
    ):
        if value is not None and interval is not None:
            told.append(f"{name} {value:.2f}{_between(interval)}")
    if told:
        yield f"{names[one.variant].short}, {fmt.name(one.scorer)}: {'; '.join(told)}."


def _share(estimate: Estimate) -> str:
    return f"{fmt.score(estimate)}{_range(fmt.interval(estimate))}"


def _number(value: float | None) -> str:
    return fmt.UNKNOWN if value is None else f"{value:.2f}"


def _range(interval: str) -> str:
    return f" ({interval})" if interval else ""


def _between(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f" ({interval[0]:.2f} to {interval[1]:.2f})"
