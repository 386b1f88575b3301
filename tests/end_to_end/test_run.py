"""The main job over real HTTP: ask, store, score, compare."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from servers import RunningServer

KEY = "sk-test-5f1c"
COLUMNS = {
    "trial_key",
    "case_id",
    "variant_key",
    "prompt",
    "model_asked",
    "model_answered",
    "thinking_mode",
    "budget_tokens",
    "effort",
    "sample",
    "status",
    "stop_reason",
    "text",
    "thinking_text",
    "redacted_block_count",
    "input_tokens",
    "output_tokens",
    "thinking_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cost_usd",
    "pricing_source",
    "queued_s",
    "first_token_s",
    "thinking_s",
    "elapsed_s",
    "attempts",
    "request_digest",
    "request_id",
    "started_at",
    "source",
    "error_kind",
    "error_message",
}


def test_a_run_from_suite_to_report(shell, server: RunningServer):
    done = shell("run", shell.suite(), "--yes", "--json")
    assert done.code == 0, done.err
    result = done.json
    assert result["status"] == "complete"
    assert result["trials"] == {"planned": 60, "ok": 60, "failed": 0, "cached": 0}
    assert server.summary()["answered"] == 60
    assert result["cost_usd"] > 0
    assert len(result["variants"]) == 6
    for variant in result["variants"]:
        score = variant["scores"]["number"]
        assert variant["n"] == 10
        assert 0 <= score["low"] <= score["mean"] <= score["high"] <= 1

    run = shell.folder / result["run"]
    assert {path.name for path in run.iterdir()} >= {"manifest.json", "suite.yaml", "cases.parquet"}
    assert not (run / "journal.sqlite").exists()
    frame = pd.concat(map(pd.read_parquet, sorted((run / "responses").glob("part-*.parquet"))))
    assert set(frame.columns) >= COLUMNS
    assert frame.trial_key.is_unique and len(frame) == 60
    assert (frame.status == "ok").all() and (frame.source == "api").all()
    assert frame[frame.thinking_mode == "budget"].thinking_text.str.len().gt(0).all()
    assert frame[frame.thinking_mode == "off"].thinking_text.str.len().eq(0).all()
    assert frame.pricing_source.notna().all() and frame.cost_usd.gt(0).all()
    assert str(frame.started_at.dtype).endswith("UTC]")
    scores = pd.read_parquet(run / "scores" / "number.parquet")
    merged = frame.merge(scores, on="trial_key")
    targets = {row["id"]: row["answer"] for row in _rows(shell)}
    for row in merged.itertuples():
        assert row.value == float(row.answer == targets[row.case_id_x])
    page = next((shell.folder / "reports").rglob("report.html")).read_text()
    assert "Content-Security-Policy" in page
    assert "number/think-4096" in page

    # No key anywhere on disk.
    for path in shell.folder.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes()


def _rows(shell) -> list[dict]:
    import yaml

    path = yaml.safe_load((shell.folder / "sums.yaml").read_text())["dataset"]["path"]
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_the_terminal_gets_the_comparison_and_the_next_command(shell):
    done = shell("run", shell.suite(), "--yes", "-n", "4", "--only", "plain/*")
    assert done.code == 0, done.err
    assert "What won?" in done.out and "think-4096" in done.out
    assert all(len(line) <= 80 for line in done.out.splitlines())
    assert "\x1b" not in done.out
    assert "12 of 12 answered" in done.err
    assert "Next:   evalkit compare runs/sums/" in done.err

    again = shell("compare", "latest", "--scorer", "exact", "--json")
    assert again.code == 0
    assert again.json["analysis"]["leading_scorer"] == "exact"
    listed = shell("list", "--json").json
    assert [(row["status"], row["ok"]) for row in listed] == [("complete", 12)]
    written = shell("report", "sums", "--format", "html", "--format", "junit")
    assert written.err.strip().endswith("report.html (and report.xml)")


def test_the_price_is_said_before_anything_is_sent(shell, server: RunningServer):
    suite = shell.suite()
    cheap = shell("run", suite, "-n", "1", "--only", "plain/*/off")
    assert cheap.code == 0
    assert cheap.err.index("at most $0.00") < cheap.err.index("1 of 1 answered")

    server.reset()
    dear = shell("run", suite, "--samples", "50")
    assert dear.code == 2
    assert "about $" in dear.err and "--yes" in dear.err
    assert server.summary()["requests"] == 0
    assert len(list((shell.folder / "runs").rglob("manifest.json"))) == 1

    dry = shell("run", suite, "--dry-run", "--json")
    assert dry.code == 0
    assert dry.json["requests"] == 60
    assert 0 < dry.json["expected_cost_usd"] < dry.json["max_cost_usd"]
    assert server.summary()["requests"] == 0


def test_two_samples_of_a_case_are_two_draws(shell, server: RunningServer):
    done = shell(
        "run", shell.suite(), "-y", "--samples", "2", "-n", "3", "--only", "plain/*/off", "--json"
    )
    assert done.json["trials"]["ok"] == 6
    assert server.summary()["requests"] == 6
    assert done.json["variants"][0]["n"] == 6


def test_the_cost_cap_is_hard_and_a_higher_one_resumes(shell):
    done = shell("run", shell.suite(), "-y", "--max-cost-usd", "0.05", "--json")
    assert done.code == 4, done.err
    assert done.json["status"] == "stopped"
    assert 0 < done.json["cost_usd"] <= 0.05
    assert 0 < done.json["trials"]["ok"] < 60
    assert "--max-cost-usd" in done.err
    rest = shell("resume", "--max-cost-usd", "5", "--json")
    assert rest.code == 0
    assert rest.json["trials"]["ok"] == 60
