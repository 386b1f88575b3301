"""Charts are drawn from the numbers, described in words and safe to embed."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from report_builders import OFF, World, a_timeline, analysis, gap, hostile_report, report, share

from evalkit.analysis.results import CurvePoint, ThinkingCurve
from evalkit.analysis.tradeoff import Tradeoff, TradePoint
from evalkit.report.charts.amounts import DOLLARS, amount_scale
from evalkit.report.charts.bars import outcome_bar, score_bar
from evalkit.report.charts.forest import differences
from evalkit.report.charts.speeds import speeds_chart
from evalkit.report.charts.svg import marker
from evalkit.report.charts.thinking import thinking_curves
from evalkit.report.charts.timeline import timeline_chart
from evalkit.report.charts.tradeoff import tradeoff_chart
from evalkit.report.contests import contests
from evalkit.report.names import Names
from evalkit.types import Thinking

SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in parsed(svg).iter(f"{SVG}text")]


def drawn_curves(world: World) -> str:
    concluded = analysis(world)
    return thinking_curves(concluded.curves, Names(concluded.variants))


def drawn_differences(world: World) -> str:
    concluded = analysis(world)
    return differences(contests(concluded, "number", Names(concluded.variants)))


def numbers(element: ElementTree.Element, *names: str) -> list[float]:
    return [float(element.attrib[name]) for name in names]


def test_a_curve_has_a_line_a_legend_and_whiskers_for_each_prompt_and_model() -> None:
    svg = drawn_curves(World(models=("haiku", "sonnet")))
    root = parsed(svg)
    assert len(list(root.iter(f"{SVG}polyline"))) == 4
    whiskers = [one for one in root.iter(f"{SVG}line") if "whisker" in one.attrib["class"]]
    assert len(whiskers) == 4 * 4 * 3
    words = texts(svg)
    assert "plain on haiku" in words
    assert "number-only on sonnet" in words
    assert [word for word in words if word in ("off", "8", "32", "128")] == [
        "off",
        "8",
        "32",
        "128",
    ]
    assert "thinking setting" in words


def test_the_recommended_setting_is_ringed() -> None:
    rings = [
        one
        for one in parsed(drawn_curves(World(prompts=("plain",)))).iter(f"{SVG}circle")
        if "ring" in one.attrib["class"]
    ]
    assert len(rings) == 1


def test_points_stand_at_their_scores() -> None:
    scores = (0.0, 0.5, 1.0)
    points = tuple(
        CurvePoint(str(n), Thinking("budget", n + 1), replace(share(0, 10), value=score, low=score,
                   high=score), 10, 0, None, None, None, None)
        for n, score in enumerate(scores)
    )  # fmt: skip
    curve = ThinkingCurve("p", "m", "number", points, None, "none")
    line = next(parsed(thinking_curves([curve], Names([]))).iter(f"{SVG}polyline"))
    ys = [float(pair.split(",")[1]) for pair in line.attrib["points"].split()]
    assert ys[0] - ys[1] == pytest.approx(ys[1] - ys[2], abs=0.2)
    assert ys[0] > ys[1] > ys[2]


def test_a_setting_without_score_is_left_out_of_the_line() -> None:
    concluded = analysis(World(prompts=("plain",)))
    (curve,) = concluded.curves
    first, *others = curve.points
    gone = replace(curve, points=(replace(first, score=share(0, 0)), *others))
    svg = thinking_curves([gone], Names(concluded.variants))
    line = next(parsed(svg).iter(f"{SVG}polyline"))
    assert len(line.attrib["points"].split()) == 3
    assert "off – (no interval)" in svg


def test_the_scale_covers_all_intervals_within_0_and_100_percent() -> None:
    ticks = [word for word in texts(drawn_curves(World())) if word.endswith("%")]
    assert ticks[0] == "0%"
    assert all(0 <= int(tick.rstrip("%")) <= 100 for tick in ticks)
    narrow = analysis(World(prompts=("plain",)))
    (curve,) = narrow.curves
    high = tuple(replace(point, score=share(985, 1000)) for point in curve.points)
    svg = thinking_curves([replace(curve, points=high)], Names(narrow.variants))
    assert next(word for word in texts(svg) if word.endswith("%")) == "60%"


def test_settings_keep_their_order_when_curves_have_different_ones() -> None:
    concluded = analysis(World(models=("a", "b"), prompts=("p",)))
    short, full = concluded.curves
    short = replace(short, points=short.points[2:])
    svg = thinking_curves([short, full], Names(concluded.variants))
    ticks = [word for word in texts(svg) if word in ("off", "8", "32", "128")]
    assert ticks == ["off", "8", "32", "128"]


def test_differences_stand_right_of_zero_when_positive() -> None:
    root = parsed(drawn_differences(World()))
    zero = next(one for one in root.iter(f"{SVG}line") if one.attrib["class"] == "zero")
    middle = float(zero.attrib["x1"])
    dots = [one for one in root.iter(f"{SVG}circle") if "estimate" in one.attrib["class"]]
    assert len(dots) == 10
    for dot in dots:
        if "v-superior" in dot.attrib["class"]:
            assert float(dot.attrib["cx"]) > middle
        if "v-inferior" in dot.attrib["class"]:
            assert float(dot.attrib["cx"]) < middle


def test_an_interval_reaches_from_its_low_to_its_high_end() -> None:
    concluded = analysis(World(prompts=("plain",), settings=(OFF, Thinking("budget", 8))))
    (one,) = concluded.comparisons
    one = replace(one, difference=gap(0.1, -0.1, 0.3), verdict="inconclusive", margin=0.1)
    found = contests(replace(concluded, comparisons=(one,)), "number", Names(concluded.variants))
    root = parsed(differences(found))
    band = next(root.iter(f"{SVG}rect"))
    line = next(one for one in root.iter(f"{SVG}line") if "interval" in one.attrib["class"])
    left, right = numbers(line, "x1", "x2")
    x, width = numbers(band, "x", "width")
    assert (right - left) == pytest.approx(2 * width, abs=0.3)
    assert left == pytest.approx(x, abs=0.2)


def test_differences_without_value_are_not_drawn() -> None:
    svg = drawn_differences(World(p_failed=1.0))
    assert not list(parsed(svg).iter(f"{SVG}circle"))


def drawn_details(world: World) -> list[str]:
    shown = report(world)
    names, found = Names(shown.analysis.variants), shown.details
    assert found.tradeoff is not None
    lines = [a_timeline(one.variant) for one in shown.analysis.variants[:2]]
    return [
        tradeoff_chart(found.tradeoff, names),
        speeds_chart(found.speeds, names),
        timeline_chart(lines, names),
    ]


@pytest.mark.parametrize("svg", [drawn_curves(World()), drawn_differences(World())])
def test_charts_are_images_described_in_words(svg: str) -> None:
    root = parsed(svg)
    assert root.attrib["role"] == "img"
    title, description = (root.find(f"{SVG}{name}") for name in ("title", "desc"))
    assert title is not None
    assert description is not None
    assert root.attrib["aria-labelledby"] == f"{title.attrib['id']} {description.attrib['id']}"
    assert "think-32" in (description.text or "") or "32 78%" in (description.text or "")


@pytest.mark.parametrize(
    "svg", [drawn_curves(World()), drawn_differences(World()), *drawn_details(World(price=1e-5))]
)
def test_charts_take_their_colours_from_the_page(svg: str) -> None:
    assert not re.search(r"#[0-9a-f]{3,6}|rgb\(|style=", svg)
    for element in parsed(svg).iter():
        for paint in ("stroke", "fill"):
            assert element.attrib.get(paint, "none") in ("none", "currentColor")


@pytest.mark.parametrize(
    "svg", [drawn_curves(World()), drawn_differences(World()), *drawn_details(World(price=1e-5))]
)
def test_nothing_is_drawn_outside_the_frame(svg: str) -> None:
    root = parsed(svg)
    width, height = (float(size) for size in root.attrib["viewBox"].split()[2:])
    for element in root.iter():
        for name in ("x", "x1", "x2", "cx"):
            assert 0 <= float(element.attrib.get(name, 0)) <= width
        for name in ("y", "y1", "y2", "cy"):
            assert 0 <= float(element.attrib.get(name, 0)) <= height


def test_hostile_names_are_escaped() -> None:
    shown = hostile_report()
    names = Names(shown.analysis.variants)
    assert shown.details.tradeoff is not None
    for svg in (
        thinking_curves(shown.analysis.curves, names),
        differences(contests(shown.analysis, "number", names)),
        tradeoff_chart(shown.details.tradeoff, names),
        speeds_chart(shown.details.speeds, names),
        timeline_chart(shown.timelines, names),
    ):
        root = parsed(svg)
        assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
            "svg", "title", "desc", "g", "line", "polyline", "polygon", "rect", "circle", "text",
        }  # fmt: skip
        assert not any(name.startswith("on") for one in root.iter() for name in one.attrib)


def test_series_differ_by_more_than_colour() -> None:
    shapes = {marker(index, 10, 10).split()[0] for index in range(4)}
    assert shapes == {"<circle", "<rect", "<polygon"}
    assert marker(2, 10, 10) != marker(3, 10, 10).replace("s3", "s2")


def test_bars_beside_numbers_are_decoration() -> None:
    bar = parsed(score_bar(share(5, 10)))
    assert bar.attrib["aria-hidden"] == "true"
    assert float(next(bar.iter("circle")).attrib["cx"]) == 50
    assert score_bar(share(0, 0)) == ""


def test_outcome_bars_fill_their_width() -> None:
    bar = parsed(outcome_bar({"right": 1, "wrong": 2, "refused": 0, "truncated": 1}))
    widths = [float(one.attrib["width"]) for one in bar.iter("rect")]
    assert widths == [50, 100, 50]
    assert outcome_bar({"right": 0}) == ""


def a_tradeoff(*points: tuple[str, float, float], unit: str = "usd") -> Tradeoff:
    found = [(key, cost, share(right * 100, 100)) for key, cost, right in points]
    return Tradeoff(
        unit,  # type: ignore[arg-type]
        tuple(
            TradePoint(key, cost, mean, not any(c <= cost and m > mean.value for _, c, m in points))
            for key, cost, mean in found
        ),
    )


def test_the_front_is_filled_joined_and_named() -> None:
    svg = tradeoff_chart(
        a_tradeoff(("a", 0.01, 0.5), ("b", 0.02, 0.4), ("c", 0.03, 0.9)), Names([])
    )
    root = parsed(svg)
    dots = list(root.iter(f"{SVG}circle"))
    assert [dot.attrib["class"] for dot in dots] == ["dot on-front", "dot beaten", "dot on-front"]
    (front,) = root.iter(f"{SVG}polyline")
    heights = [float(corner.split(",")[1]) for corner in front.attrib["points"].split()]
    assert heights == sorted(heights, reverse=True)
    assert {"a", "b", "c"} <= set(texts(svg))
    assert "c: 90% at $0.030, on the front." in (root.find(f"{SVG}desc").text or "")  # type: ignore[union-attr]


def test_ticks_close_together_are_told_apart() -> None:
    close = amount_scale([0.000104, 0.00011], DOLLARS, 150, 18)
    words = close.words()
    assert len(set(words)) == len(words) > 2
    assert [float(word[1:]) for word in words] == pytest.approx(close.ticks)
    assert close(0.00011) < close(0.000104)  # upwards
    assert amount_scale([0.2, 1.0], DOLLARS, 0, 1).words()[0] == "0"
    noise = amount_scale([0.1 + 0.2, 0.3], DOLLARS, 0, 100)  # no two amounts, but rounding
    assert len(set(noise.words())) == len(noise.ticks) > 1
    assert noise(0.1 + 0.2) == noise(0.3)


def test_costs_far_apart_are_drawn_by_ratio_and_free_ones_are_not() -> None:
    wide = amount_scale([0.0001, 0.5], DOLLARS, 80, 600)
    assert wide.is_log
    assert wide(0.001) - wide(0.0001) == pytest.approx(wide(0.1) - wide(0.01), abs=0.3)
    free = amount_scale([0.0, 0.5], DOLLARS, 80, 600)
    assert not free.is_log and free.ticks[0] == 0
    assert amount_scale([0.0, 0.0], DOLLARS, 80, 600).ticks


def test_ridges_show_medians_and_tails() -> None:
    shown = report()
    root = parsed(speeds_chart(shown.details.speeds, Names(shown.analysis.variants)))
    kinds = [element.attrib.get("class") for element in root.iter(f"{SVG}line")]
    assert kinds.count("median") == kinds.count("p95") == 8
    assert len(list(root.iter(f"{SVG}polygon"))) == 8


def test_a_timeline_marks_failed_gates_and_changes() -> None:
    root = parsed(timeline_chart([a_timeline("plain/local/off")], Names([])))
    assert len([e for e in root.iter(f"{SVG}circle") if "ring" in e.attrib["class"]]) == 3
    assert "model answered" in texts(timeline_chart([a_timeline("x/y/off")], Names([])))
    (line,) = root.iter(f"{SVG}polyline")
    assert len(line.attrib["points"].split()) == 11  # one night has no score
    assert "2026-11-10 58% regression, model answered changed" in (
        root.find(f"{SVG}desc").text or ""
    )  # type: ignore[union-attr]
