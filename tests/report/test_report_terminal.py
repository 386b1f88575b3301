"""The report fits a terminal, says everything without colour, and foreign text stays text."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from report_builders import GATE, OFF, World, a_timeline, hostile_report, report
from rich.cells import cell_len

from evalkit.report import terminal
from evalkit.report.textgrid import sparkline
from evalkit.types import Thinking

LONG = World(
    prompts=("few-shot-with-eight-worked-examples", "plain"),
    models=("claude-haiku-4-5-20251001", "a-gateway/with/a/very-long-model-name-of-its-own"),
    settings=(OFF, Thinking("budget", 16_384, effort="high"), Thinking("adaptive", effort="max")),
    price=1e-4,
    p_failed=0.1,
)
WIDE = World(prompts=("算術の問題を解いてください", "平易"), models=("모델",))
WORLDS = {
    "quickstart": World(),
    "priced": World(price=1e-5, models=("claude-haiku-4-5", "claude-sonnet-4-6"), p_failed=0.05),
    "long names": LONG,
    "wide characters": WIDE,
    "no scorer": World(scorers=()),
    "two scorers": World(scorers=("number", "exact")),
    "nothing answered": World(p_failed=1.0),
    "one variant": World(prompts=("plain",), settings=(OFF,)),
    "prompts only": World(prompts=("a", "b", "c"), settings=(OFF,)),
}


@pytest.mark.parametrize("width", [80, 100, 60])
@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS.keys())
def test_no_line_is_wider_than_the_terminal(world: World, width: int) -> None:
    text = terminal.render(report(world), width=width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert text.endswith("\n")


def test_everything_asked_for_is_there() -> None:
    text = terminal.render(report(World(more={"warnings": ("The prompts were tuned.",)})))
    order = [
        "What won?",
        "By how much?",
        "How sure are we?",
        "What did it cost?",
        "What should I do?",
        "Before you rely on this",
        "Variant ",
        "Score by thinking, plain",
        "Difference ",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert "The prompts were tuned." in text
    assert re.search(r"think-32 +78% +65–87% +50 +0 +0 +0\n", text)
    assert re.search(r"think-32 +unpriced +834 ms +1\.1 s +81 ms +57 +31\n", text)
    assert re.search(r"Least agreement +Agree +Interval +Kappa\n", text)
    assert "plain/think-8 against plain/off lost " in text
    assert "run 20261123T112805Z-4f2a (runs/quickstart/20261123T112805Z-4f2a)" in text
    assert re.search(r"think-32 +78% ·+├─+●─+┤·+ recommended\n", text)
    assert re.search(r"think-32 +\+42 +\+28 to \+56 +superior +21/0/29\n", text)
    assert re.search(r"off +−8 +−20 to \+4 +inconclusive +3/7/40 +4,100 more\n", text)


def test_settings_stand_under_the_prompt_and_model_they_share() -> None:
    lines = terminal.render(report(LONG), width=80).splitlines()
    assert any(line.startswith("plain on claude-haiku-4-5-20251001") for line in lines)
    assert any(re.match(r"  think-16384-high +\d+%", line) for line in lines)


def test_the_last_columns_give_way_where_it_is_narrow() -> None:
    text = terminal.render(report(), width=48)
    header = next(line for line in text.splitlines() if line.startswith("Variant"))
    assert header.split() == ["Variant", "Score", "Interval", "n", "Failed"]


def test_unknown_is_not_zero() -> None:
    text = terminal.render(report(World(p_failed=1.0, prompts=("plain",))))
    assert re.search(r"off +– +– +0 +50 +0 +0\n", text)
    assert "Per right" not in text  # of no answer is anything known
    assert "200 timeout: no answer in time" in text


def test_further_sections_and_earlier_runs_are_told() -> None:
    shown = replace(report(), sections=(GATE,), timelines=(a_timeline("plain/local/off"),))
    text = terminal.render(shown, width=80)
    assert "Regression: number fell by 9 points." in text
    assert re.search(r"number max_drop 0.02 +regression +−9\n", text)
    assert "plain/off by number over the runs\n  ▇▇█▇▇·▇▇█▁▂▂ 62%\n" in text


def test_a_sparkline_spans_what_it_shows() -> None:
    assert sparkline([0.1, None, 0.5, 0.3]) == "▁·█▄"
    assert sparkline([0.2, 0.2]) == "▄▄"
    assert sparkline([]) == ""


def test_without_colour_there_is_no_escape() -> None:
    assert "\x1b" not in terminal.render(report())


def test_colour_changes_no_word() -> None:
    coloured = terminal.render(report(), color=True)
    assert "\x1b[32m" in coloured
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    plain = terminal.render(report())
    assert [line.rstrip() for line in stripped.splitlines()] == plain.splitlines()


def test_hostile_text_is_shown_and_does_nothing() -> None:
    text = terminal.render(hostile_report(), width=80)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\ud800-\udfff]", text)
    assert "⟨U+001B⟩[31mred" in text
    assert max(cell_len(line) for line in text.splitlines()) <= 80
    coloured = terminal.render(hostile_report(), color=True)
    assert set(re.findall(r"\x1b[^m]*m?", coloured)) <= {
        f"\x1b[{codes}m" for codes in ("0", "1", "2", "31", "32", "36", "1;33", "1;31")
    }


class Screen(io.StringIO):
    """A stream that claims to be a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "is_coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colour_only_where_it_is_wanted(environ: dict[str, str], is_coloured: bool) -> None:
    screen = Screen()
    terminal.write(report(), screen, environ)
    assert ("\x1b[" in screen.getvalue()) is is_coloured


def test_no_colour_and_80_columns_into_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    file = io.StringIO()
    terminal.write(report(), file, {})
    assert file.getvalue() == terminal.render(report(), width=80)


def test_the_terminal_is_used_up_to_a_bearable_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    screen = Screen()
    terminal.write(report(), screen, {"NO_COLOR": "1"})
    assert screen.getvalue() == terminal.render(report(), width=120)


def test_a_stream_without_these_signs_gets_question_marks() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    terminal.write(report(), stream, {})
    stream.flush()
    assert b"36%" in raw.getvalue()
    assert b"?" in raw.getvalue()


def test_many_curves_are_drawn_and_their_tables_left_to_the_page() -> None:
    few = terminal.render(report(World(models=("a", "b"))))
    assert few.count("◂") == 4
    many = terminal.render(report(World(models=("a", "b", "c"))))
    assert many.count("Score by thinking, ") == 6
    assert "◂" not in many
    assert "The page has each setting's figures" in many
