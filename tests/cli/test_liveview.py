"""The picture of a run: all of it is there, in whatever room there is."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, replace

import pytest

from evalkit.cli import progress
from evalkit.cli.liveview import fit, picture, shortened, span
from evalkit.cli.progress import one_line, watching
from evalkit.events import GateProgress, RunStarted, Snapshot, Stopping, VariantProgress

GATE = GateProgress(
    name="claude-haiku-4-5 at http://127.0.0.1:9",
    in_flight=8,
    concurrency=64,
    limited_by="output tokens per minute",
    is_paused=False,
    closed_for_s=0.0,
    pace_per_s=None,
    per_minute={"output_tokens": 80_000.0},
)
NOW = Snapshot(
    elapsed_s=20.0,
    planned=300,
    done=81,
    failed=2,
    retries={"rate_limit": 3, "overloaded": 12},
    failures={"timeout": 2},
    in_flight=8,
    limit=64,
    limited_by="output tokens per minute",
    requests_per_s=12.5,
    input_tokens_per_s=1234.0,
    output_tokens_per_s=987.0,
    eta_s=175.0,
    spent_usd=0.39,
    reserved_usd=0.05,
    doubtful_usd=0.01,
    projected_usd=1.44,
    max_cost_usd=5.0,
    variants=(
        VariantProgress("plain/claude-haiku-4-5/off", 41, 150, 0.83, 0.74, 0.9),
        VariantProgress("plain/claude-haiku-4-5/think-4096", 40, 150),
    ),
    gates=(GATE,),
    is_paused=False,
    stall_s=0.03,
    stall_cpu_s=0.02,
    tasks=70,
)


def drawn(now: Snapshot, width: int, height: int) -> list[str]:
    from rich.console import Console

    screen = io.StringIO()
    console = Console(file=screen, width=width, height=height, force_terminal=False)
    console.print(picture("gsm8k-thinking", now, width, height))
    return screen.getvalue().rstrip("\n").split("\n")


TOLD = [
    "gsm8k-thinking",
    "81/300 27%",
    "2m55s left",
    "12.5/s",
    "8 of 64 in flight",
    "1.2k in + 987 out tokens/s",
    "$0.39 of ~$1.44, cap $5.00, up to $0.0100 in doubt",
    "limited by output tokens per minute (80,000)",
    "retried: 12 overloaded, 3 rate_limit",
    "failed: 2 timeout",
    "41/150",
    "83%  74–90%",
]


@pytest.mark.parametrize(("width", "height"), [(120, 40), (80, 24), (60, 12)])
def test_everything_is_told_within_the_width(width, height):
    lines = drawn(NOW, width, height)
    assert all(len(line) <= width for line in lines)
    for words in TOLD:
        assert any(words in line for line in lines), words


@pytest.mark.parametrize(("width", "height"), [(120, 40), (80, 24), (60, 10)])
@pytest.mark.parametrize("count", [1, 10, 40])
def test_many_variants_take_no_more_than_the_height(width, height, count):
    many = tuple(
        VariantProgress(f"prompt-with-a-name-{number}/claude-haiku-4-5/think-4096", number, 1000)
        for number in range(count)
    )
    lines = drawn(replace(NOW, variants=many), width, height)
    assert len(lines) < height
    shown = sum("prompt-with" in line for line in lines)
    hidden = [line for line in lines if "more variants" in line]
    assert shown + (int(hidden[0].split()[1]) if hidden else 0) == count


def test_several_endpoints_each_say_what_they_wait_for():
    paced = replace(GATE, name="m at x", limited_by="pace after refusals", pace_per_s=7.5)
    closed = replace(GATE, name="n at x", limited_by="server refusal", closed_for_s=12.0)
    free = replace(GATE, name="o at x", limited_by="concurrency")
    told = one_line(replace(NOW, gates=(paced, closed, free)))
    assert "m: paced at 7.5/s after refusals" in told
    assert "n: refused, waits 12s" in told
    assert "o:" not in told


def test_a_pause_and_an_unknown_price_are_told():
    told = one_line(replace(NOW, is_paused=True, spent_usd=None, projected_usd=None))
    assert "paused" in told
    assert "$" not in told


def test_a_style_fits_where_it_is_shown():
    assert progress._style_for(False, "xterm") == "none"
    assert progress._style_for(True, "xterm-256color") == "rich"
    assert progress._style_for(True, "dumb") == "plain"


def heard(style: str, capsys) -> list[str]:
    with watching(style) as listen:
        listen(RunStarted("sums", "runs/sums/1", 300, 0))
        listen(NOW)
        listen(Stopping("Ctrl-C: waiting"))
        listen(replace(NOW, done=300))
        listen(replace(NOW, done=300))
    told = capsys.readouterr()
    assert told.out == ""
    return told.err.splitlines()


def test_plain_lines_are_few_and_the_end_is_told_once(capsys):
    lines = heard("plain", capsys)
    assert lines[0] == "sums: 0/300"
    assert lines[1].startswith("81/300 27%  12.5/s")
    assert lines[2] == "Ctrl-C: waiting"
    assert [line.split()[0] for line in lines[3:]] == [
        "300/300",
        "plain/claude-haiku-4-5/off",
        "plain/claude-haiku-4-5/think-4096",
    ]


def test_quiet_still_says_that_it_stops(capsys):
    assert heard("none", capsys) == ["Ctrl-C: waiting"]


def test_json_lines_hold_everything(capsys):
    events = [json.loads(line) for line in heard("json", capsys)]
    assert [event.pop("event") for event in events] == [
        "started",
        "snapshot",
        "stopping",
        "snapshot",
        "snapshot",
    ]
    assert events[1] == json.loads(json.dumps(asdict(NOW)))


def test_words_are_cut_where_they_must_be():
    assert shortened("abcdefghij", 5) == "ab…ij"
    assert fit(["aaa", "bbb", "c" * 30], 12) == ["aaa · bbb", "ccccc…cccccc"]
    assert [span(s) for s in (5, 190, 7500)] == ["5s", "3m10s", "2h05m"]
