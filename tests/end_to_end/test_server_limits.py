"""Limits, money and order as a server sees them that knows nothing of evalkit."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from itertools import pairwise

import pytest
from end_to_end_shell import Shell
from servers import limited_server

pytestmark = pytest.mark.slow


def shell_with(folder, url: str, suite: dict, rows: int) -> Shell:
    shell = Shell(folder, ANTHROPIC_BASE_URL=url, ANTHROPIC_API_KEY="k")
    lines = [json.dumps({"id": number, "question": f"{number} + 5?"}) for number in range(rows)]
    (folder / "rows.jsonl").write_text("\n".join(lines))
    whole = {"name": "s", "dataset": {"path": "rows.jsonl", "id": "id"}, "answer_tokens": 100}
    shell.suite(json.dumps({**whole, "thinking": ["default"], **suite}), "s.yaml")
    return shell


def test_what_the_server_charges_never_passes_the_cap(tmp_path):
    """A hundred at once, and of every tenth answer only the server knows what it cost."""
    price = {"input": 1.0, "output": 10.0}
    served = {"latency_s": 0.1, "begin_s": 0.02, "output_tokens": [10, 100]}
    with limited_server(**served, cut=0.1, overloaded=0.1) as (url, log):
        suite = {"prompts": {"p": "{{ question }}"}, "models": [{"model": "m", "price": price}]}
        shell = shell_with(tmp_path, url, suite, 1500)
        done = shell("run", "s.yaml", "-y", "-j", "100", "--max-cost-usd", "0.3", "--json")
        rows = [row for row in log() if row["status"] == 200]
        charged = sum(row["input_tokens"] * 1e-6 + row["output_tokens"] * 1e-5 for row in rows)
    assert done.code == 4, done.err
    assert 0.15 <= charged <= 0.3
    assert done.json["cost_usd"] <= charged
    assert done.json["status"] == "stopped"
    assert "the cost cap is reached" in done.err
    assert "evalkit resume" in done.err


def test_the_cap_holds_over_sittings_that_are_killed(tmp_path):
    """What was in flight at a kill is charged, and no answer to it is ever stored."""
    price = {"input": 1.0, "output": 10.0}
    served = {"latency_s": 0.3, "begin_s": 0.02, "output_tokens": [90, 100]}
    with limited_server(**served, cut=0.05) as (url, log):
        suite = {"prompts": {"p": "{{ question }}"}, "models": [{"model": "m", "price": price}]}
        shell = shell_with(tmp_path, url, suite, 1000)
        args = ("-j", "20", "--max-cost-usd", "0.2")
        process = shell.start("run", "s.yaml", "-y", *args)
        for sitting in (1, 2):
            while len(log()) < 60 * sitting:
                assert process.poll() is None, process.communicate()
                time.sleep(0.02)
            process.kill()
            process.communicate(timeout=60)
            process = shell.start("resume", *args)
        _, err = process.communicate(timeout=120)
        # It was generated whole also where nobody was left to read it.
        charged = sum(
            row.get("input_tokens", 0) * 1e-6 + row.get("output_tokens", 0) * 1e-5 for row in log()
        )
    assert process.returncode == 4, err
    assert "in doubt" in err
    assert 0.12 <= charged <= 0.2


def test_each_model_at_an_endpoint_has_limits_of_its_own(tmp_path):
    limits = {"slow": {"requests_per_minute": 600}, "fast": {"requests_per_minute": 2400}}
    with limited_server(models=limits) as (url, log):
        suite = {"prompts": {"p": "{{ question }}"}, "models": ["slow", "fast"]}
        shell = shell_with(tmp_path, url, {**suite, "limits": {"concurrency": 50}}, 50)
        done = shell("run", "s.yaml", "-y", "--json")
        rows = log()
    assert done.json["trials"]["ok"] == 100, done.err
    assert Counter(row["status"] for row in rows)[429] <= 1
    spans = {
        model: max(times) - min(times)
        for model in limits
        if (times := [row["at_s"] for row in rows if row["model"] == model])
    }
    # Ten a second after the first ten. The fast one is held up by the order of cases alone.
    assert 3.5 <= spans["slow"] <= 5.5
    assert spans["fast"] <= spans["slow"] + 0.5


def test_the_first_of_a_prefix_goes_alone_and_variants_take_turns(tmp_path):
    with limited_server(latency_s=0.5, begin_s=0.3) as (url, log):
        prompts = {
            name: {
                "system": f"You are {name}. " + "Read this. " * 50,
                "user": "{{ question }}",
                "cache_prefix": "5m",
            }
            for name in ("calm", "brisk", "terse")
        }
        suite = {"prompts": prompts, "models": ["m"], "limits": {"concurrency": 12}}
        shell = shell_with(tmp_path, url, suite, 20)
        done = shell("run", "s.yaml", "-y", "--json")
        rows = log()
    assert done.json["trials"]["ok"] == 60, done.err
    asked = defaultdict(list)
    for row in rows:
        assert row["body"]["system"][0]["cache_control"]["type"] == "ephemeral"
        asked[row["body"]["system"][0]["text"]].append(row)
    assert len(asked) == 3
    for first, *others in asked.values():
        assert all(other["at_s"] >= first["begun_s"] for other in others)
        # They go as soon as the first answer begins, not when it ends.
        assert others[0]["at_s"] < first["ended_s"], (first, others[0])
    # A run stopped at any moment has asked all variants about nearly the same cases.
    seen: Counter[str] = Counter()
    for row in rows:
        seen[row["body"]["system"][0]["text"]] += 1
        counts = [seen[text] for text in asked]
        assert max(counts) - min(counts) <= 12
    assert all(before["at_s"] <= after["at_s"] for before, after in pairwise(rows))
