"""Answers kept, shown, taken in and given out, by the real command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import duckdb
import pandas as pd
import polars
import pyarrow.parquet as pq
import pytest
from end_to_end_shell import DATASET, SUITE

from evalkit.errors import EvalkitError
from evalkit.pipeline.importing import Columns, import_answers
from evalkit.suite.load import load_suite

pytestmark = pytest.mark.slow

SMALL = ("-y", "-n", "4", "--only", "plain/*", "--json")


def rows_of(count: int) -> list[dict]:
    return [json.loads(line) for line in DATASET.read_text().splitlines()[:count]]


def test_answers_of_an_earlier_run_are_used_and_marked(shell, server):
    cached = {"XDG_CACHE_HOME": str(shell.folder / "cache")}
    first = shell("run", shell.suite(), *SMALL, "--cache", "reuse", **cached).json
    assert (first["trials"]["ok"], first["trials"]["cached"]) == (12, 0)
    asked = server.summary()["requests"]
    second = shell("run", "sums.yaml", *SMALL, "--cache", "reuse", **cached).json
    assert second["trials"] == {"planned": 12, "ok": 12, "failed": 0, "cached": 12}
    assert second["cost_usd"] == 0
    assert server.summary()["requests"] == asked

    frames = [
        pd.concat(map(pd.read_parquet, sorted((shell.folder / run["run"]).rglob("part-*"))))
        for run in (first, second)
    ]
    before, after = (frame.set_index("trial_key").sort_index() for frame in frames)
    assert (after.text == before.text).all() and (after.message_id == before.message_id).all()
    assert (after.source == "cache").all() and (after.cost_usd == 0).all()
    assert (after.original_cost_usd == before.cost_usd).all()
    assert before.original_cost_usd.isna().all()

    # A second draw is another answer; refresh asks although it knows; off does not look.
    draws = shell("run", "sums.yaml", *SMALL, "--samples", "2", "--cache", "reuse", **cached).json
    assert (draws["trials"]["ok"], draws["trials"]["cached"]) == (24, 12)
    for mode in ("refresh", "off"):
        again = shell("run", "sums.yaml", *SMALL, "--cache", mode, **cached).json
        assert again["trials"]["cached"] == 0

    info = shell("cache", "info", "--json", **cached).json
    assert info["entries"] == 24 and info["models"] == {"claude-haiku-4-5": 24}
    assert Path(info["path"]).stat().st_mode & 0o077 == 0
    assert shell("cache", "prune", "--older-than", "1", **cached).err == "0 answers dropped\n"
    refused = shell("cache", "clear", **cached)
    assert refused.code == 2 and "--yes" in refused.err
    assert shell("cache", "clear", "--yes", **cached).err == "24 answers dropped\n"
    Path(info["path"]).write_bytes(b"no database at all, but some bytes" * 99)
    broken = shell("run", "sums.yaml", *SMALL, "--cache", "reuse", **cached)
    assert broken.code == 2 and "answers.sqlite" in broken.err and "--cache off" in broken.err


def test_a_suite_can_ask_for_the_cache_and_another_server_is_another_answer(shell, server):
    text = SUITE + "cache: {mode: reuse, dir: kept}\n"
    shell("run", shell.suite(text), *SMALL)
    elsewhere = server.base_url.replace("127.0.0.1", "localhost")
    again = shell("run", "sums.yaml", *SMALL, ANTHROPIC_BASE_URL=elsewhere).json
    assert again["trials"]["cached"] == 0
    assert shell("run", "sums.yaml", *SMALL).json["trials"]["cached"] == 12


def test_imported_answers_are_scored_and_compared_with_nothing_sent(shell, server):
    rows = rows_of(10)
    long = shell.folder / "long.csv"
    with long.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["qid", "system", "output", "dollars", "output_tokens"])
        for row in rows:
            writer.writerow([row["id"], "plain/claude-haiku-4-5/off", row["answer"], "0.01", 3])
            writer.writerow([row["id"], "think-1024", "no idea", "", ""])
    args = ("--suite", shell.suite(), "--only", "plain/*")
    mapped = ("id=qid", "variant=system", "text=output", "cost_usd=dollars")
    options = [word for pair in mapped for word in ("--map", pair)]
    done = shell("import", long, *args, *options, "--json")
    assert done.code == 0, done.err
    assert (done.json["ok"], done.json["missing"], done.json["planned"]) == (20, 0, 20)
    report = shell("compare", done.json["run"], "--json").json
    means = [
        variant["scores"]["number"]["mean"]["value"] for variant in report["analysis"]["variants"]
    ]
    assert means == [1.0, 0.0]

    wide = pd.DataFrame({"id": [row["id"] for row in rows[:9]], "a": "1", "b": "2"})
    wide.to_parquet(shell.folder / "wide.parquet")
    pairs = ("--wide", "off=a", "--wide", "think-1024=b")
    done = shell("import", "wide.parquet", *args, *pairs, ANTHROPIC_API_KEY="")
    assert done.code == 0, done.err
    assert "18 answers imported; 2 trials have none" in done.err
    shown = shell("show", "latest", "--json").json
    assert {row["source"] for row in shown["outcomes"]} == {"import"}

    draws = shell.folder / "draws.jsonl"
    lines = [{"id": rows[0]["id"], "text": str(number)} for number in range(3)]
    draws.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = shell("import", draws, "--suite", "sums.yaml", "--only", "plain/*/off", "--json")
    assert (done.json["ok"], done.json["missing"]) == (3, 27)
    assert server.summary()["requests"] == 0


def test_what_cannot_be_imported_is_told_and_leaves_no_run(shell):
    path, runs = shell.folder / "answers.jsonl", shell.folder / "runs"
    loaded = load_suite(shell.suite(), (), {})
    one = ("plain/*/off",)
    known = rows_of(1)[0]["id"]
    for line, only, told in (
        ({"id": None, "text": "1"}, one, "answers.jsonl:1: 'id' is empty"),
        ({"id": "zzz", "text": "1"}, one, "answers.jsonl:1: no case of the dataset has the id"),
        ({"key": known, "text": "1"}, one, "no column 'id'; the row has key, text"),
        ({"id": known, "text": "1"}, (), "nothing says which of 6 variants"),
        ({"id": known, "text": "1", "variant": "best"}, (), "'best' is no variant of the suite"),
        ({"id": known, "text": "1", "variant": "off"}, (), "'off' could be several variants"),
        ({"id": known, "text": "1", "sample": -1}, one, "'sample' is -1"),
        ({"id": known, "text": "1", "cost_usd": "dear"}, one, "'cost_usd' is 'dear'"),
        ({"id": known, "text": None}, one, "the file has no answers"),
    ):
        path.write_text(json.dumps(line) + "\n")
        with pytest.raises(EvalkitError) as caught:
            import_answers(loaded, path, Columns(), runs, {}, only)
        assert told in caught.value.message
    path.write_text((json.dumps({"id": known, "text": "1", "sample": 0}) + "\n") * 2)
    with pytest.raises(EvalkitError, match="already answered at"):
        import_answers(loaded, path, Columns(), runs, {}, one)
    assert not list(runs.glob("*/*"))
    for args, told in ((("--map", "txt=a"), "no field txt"), (("--wide", "x"), "not NAME=COLUMN")):
        done = shell("import", path, "--suite", "sums.yaml", *args)
        assert (done.code, told in done.err, "Traceback" in done.err) == (2, True, False)


def test_a_run_is_shown_exported_and_deleted(shell):
    answers = [{"id": row["id"], "text": "=1+1\x1b[31m"} for row in rows_of(10)]
    path = shell.folder / "answers.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in answers))
    made = shell("import", path, "--suite", shell.suite(), "--only", "plain/*/off", "--json").json
    shell("compare", made["run"])
    case_id = rows_of(1)[0]["id"]
    case = shell("show", "latest", "--case", case_id, "--json").json
    (answer,) = case["answers"]
    assert answer["score:number"] == 0.0 and case["target"] == rows_of(1)[0]["answer"]
    plain = shell("show", "latest", "--case", case_id)
    assert plain.code == 0 and "\x1b" not in plain.out and answer["trial_key"] in plain.out
    trial = shell("show", "latest", "--trial", answer["trial_key"][:20], "--json").json
    assert trial["case_id"] == case_id
    assert "status: complete" in shell("show").out
    assert "no case 'none'" in shell("show", "--case", "none").err
    assert "no trial 'ffff'" in shell("show", "--trial", "ffff").err

    for kind in ("csv", "jsonl", "parquet"):
        done = shell("export", "latest", "--format", kind, "--to", f"all.{kind}")
        assert (done.code, done.out) == (0, f"all.{kind}\n"), done.err
    with (shell.folder / "all.csv").open(newline="") as file:
        cells = list(csv.DictReader(file))
    assert {row["text"] for row in cells} == {"'=1+1\x1b[31m"}
    lines = [json.loads(line) for line in (shell.folder / "all.jsonl").read_text().splitlines()]
    assert {line["text"] for line in lines} == {"=1+1\x1b[31m"}
    assert pq.read_table(shell.folder / "all.parquet").num_rows == len(cells) == len(lines) == 10
    assert shell("export", "--to", "nowhere/x.csv").code == 2

    refused = shell("rm", "latest")
    assert refused.code == 2 and "--yes" in refused.err
    assert len(shell("list", "--json").json) == 1
    assert shell("rm", "latest", "--yes").code == 0
    assert shell("list", "--json").json == []
    assert "no run 'latest'" in shell("show").err


def test_parts_are_read_by_pandas_duckdb_and_polars(shell):
    done = shell("run", shell.suite(), *SMALL)
    parts = shell.folder / done.json["run"] / "responses" / "part-*.parquet"
    frame = pd.concat(map(pd.read_parquet, sorted(parts.parent.glob(parts.name))))
    told = duckdb.sql(
        "SELECT count(*), sum(output_tokens), max(attempts[1].status), sum(cost_usd) "
        f"FROM read_parquet('{parts}')"
    ).fetchall()[0]
    lazy = polars.scan_parquet(str(parts)).collect()
    assert frame.shape == lazy.shape
    assert told[:3] == (12, frame.output_tokens.sum(), 200)
    assert lazy["output_tokens"].sum() == frame.output_tokens.sum()
    assert abs(told[3] - lazy["cost_usd"].sum()) < 1e-12
    assert lazy.schema["started_at"] == polars.Datetime("us", "UTC")
