"""A suite that meets its own run: gone on with, refused, or extended."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pyarrow.parquet as pq
import pytest
from end_to_end_shell import DATASET, KEY, SUITE, Shell

from evalkit.store.runs import RunFolder

FEW = SUITE.replace("limit: 10", "limit: 3").replace("[off, 1024, 4k]", "[off, 1024]")


@pytest.fixture(scope="module")
def made(server, tmp_path_factory):
    """A complete run of a small suite."""
    shell = Shell(
        tmp_path_factory.mktemp("made"),
        ANTHROPIC_BASE_URL=server.base_url,
        ANTHROPIC_API_KEY=KEY,
    )
    done = shell("run", shell.suite(FEW), "-y", "--json")
    assert done.json["trials"]["ok"] == 12, done.err
    return shell.folder / done.json["run"]


@pytest.fixture
def begun(made, shell):
    """A copy of it in the test's own folder."""
    shell.suite(FEW)
    folder = shell.folder / "runs" / "sums" / made.name
    shutil.copytree(made, folder)
    return folder


def unfinish(run) -> None:
    """As if the last part had never been written."""
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**manifest, "status": "interrupted"}))
    for part in (run / "responses").iterdir():
        frame = pd.read_parquet(part)
        keep = RunFolder(run).responses().slice(0, len(frame) - 5)
        pq.write_table(keep, part)


def asked(server) -> int:
    return server.summary()["requests"]


@pytest.mark.slow
def test_run_tells_of_an_unfinished_run_and_goes_on_with_it(shell, server, begun):
    unfinish(begun)
    before = asked(server)
    other = shell("run", "sums.yaml", "-y", "--only", "plain/*/off", "--json")
    assert "--resume" not in other.err  # it asks less: another run
    server_before = asked(server)
    assert server_before == before + 3
    shutil.rmtree(shell.folder / other.json["run"])
    done = shell("run", "sums.yaml", "-y", "--resume", "--json")
    assert done.code == 0, done.err
    assert shell.folder / done.json["run"] == begun
    assert asked(server) == server_before + 5
    unfinish(begun)
    new = shell("run", "sums.yaml", "-y", "--json")
    assert "is not finished; --resume would go on with it" in new.err
    assert shell.folder / new.json["run"] != begun


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("Answer with a single", "Give one"), "prompt 'number' has changed"),
        (("[off, 1024]", "[off]"), "think-1024 is gone"),
        (("answer_tokens: 64", "answer_tokens: 65"), "/off sends another request"),
        (("limit: 3", "limit: 2"), "is gone"),
        (("target: answer", "target: question"), "has changed"),
    ],
)
def test_a_changed_suite_is_refused_with_what_changed(shell, server, begun, change, told):
    before = asked(server)
    suite = shell.suite(FEW.replace(*change))
    done = shell.inside("resume", begun, "-c", suite, "--extend")
    assert done.code == 2 and told in done.err, done.err
    assert asked(server) == before


def test_what_a_suite_adds_is_refused_or_taken_in(shell, server, begun):
    text = FEW.replace("[off, 1024]", "[off, 1024, 4k]").replace("limit: 3", "limit: 4")
    suite = shell.suite(text + "samples: 2\nlimits: {concurrency: 3}\n")
    before = asked(server)
    refused = shell.inside("resume", begun, "-c", suite)
    assert refused.code == 2 and "--extend" in refused.err
    for told in ("variant plain/claude-haiku-4-5/think-4096", "samples: 1 are now 2", "case '"):
        assert told in refused.err
    old = RunFolder(begun).responses(["trial_key", "text"]).to_pylist()
    done = shell("run", suite, "--extend", "-y", "--json")
    assert done.code == 0, done.err
    assert done.json["trials"] == {"planned": 48, "ok": 48, "failed": 0, "cached": 0}
    assert asked(server) == before + 36
    table = RunFolder(begun).responses(["trial_key", "text"])
    assert {row["trial_key"]: row["text"] for row in old}.items() <= dict(
        zip(table["trial_key"].to_pylist(), table["text"].to_pylist(), strict=True)
    ).items()
    assert [variant["n"] for variant in done.json["variants"]] == [8] * 6
    again = shell("run", suite, "--extend", "-y", "--json")
    assert again.json["trials"]["ok"] == 48 and asked(server) == before + 36
    assert (begun / "suite.yaml").read_text() == suite.read_text()


def test_scorers_and_limits_may_change(shell, server, begun):
    before = asked(server)
    suite = shell.suite(FEW.replace("[number, exact]", "[exact]") + "limits: {concurrency: 2}\n")
    done = shell("resume", begun, "-c", suite, "--json")
    assert done.code == 0, done.err
    assert {name for variant in done.json["variants"] for name in variant["scores"]} == {"exact"}
    assert asked(server) == before


def test_nothing_to_go_on_with(shell, server):
    done = shell.inside("run", shell.suite(FEW), "--resume")
    assert done.code == 2 and "there is no run of sums" in done.err
    assert shell.inside("resume", "--extend").code == 2
    assert DATASET.exists() and asked(server) == 0
