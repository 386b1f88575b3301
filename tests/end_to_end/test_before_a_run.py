"""What plan, estimate and doctor say of a suite, asked of a simulated endpoint."""

import json

import pytest
from end_to_end_shell import KEY, Shell

SWEEP = """\
name: sweep
dataset: {path: problems.jsonl, target: "{{ answer.split('####')[-1] }}"}
prompts:
  direct: "{{ question }}"
  brief: {system: Answer with a number only., user: "{{ question }}"}
  steps: "{{ question }} Think step by step; end with '#### ' and the number."
models: [claude-haiku-4-5, claude-sonnet-4-6]
thinking: [off, 1024, 4k, 8k, 16k]
answer_tokens: 200
scorers: [number]
limits: {requests_per_minute: 1200}
"""


@pytest.fixture
def sweep(shell):
    rows = [
        {
            "question": f"A box holds {n} pens. How many pens do {n + 2} boxes hold?",
            "answer": f"{n} times {n + 2} is {n * (n + 2)}.\n#### {n * (n + 2)}",
        }
        for n in range(3, 43)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (shell.folder / "problems.jsonl").write_text(lines)
    return shell.suite(SWEEP, "sweep.yaml")


def test_a_twelve_line_sweep_is_planned_priced_and_run(shell, server, sweep):
    assert len(SWEEP.splitlines()) <= 12
    plan = shell.inside("plan", sweep)
    assert plan.out.startswith("1,200 trials: 30 variants x 40 cases x 1 sample\n")
    for name in ("direct", "brief", "steps"):
        assert f"\n{name}  in 10 variants, for case " in plan.out
    estimate = shell.inside("estimate", sweep, "--json").json
    assert estimate["requests"] == 1200
    assert 0 < estimate["expected_cost_usd"] < estimate["max_cost_usd"]
    assert estimate["expected_minutes"] == pytest.approx(600 / 1200)
    assert server.requests() == []
    ran = shell("run", sweep, "--limit", 30, "--only", "direct/*/off", "--yes", "--json").json
    assert ran["trials"] == {"planned": 60, "ok": 60, "failed": 0, "cached": 0}
    assert {variant["n"] for variant in ran["variants"]} == {30}


def test_an_estimate_has_the_endpoint_count_and_offline_has_not(shell, server, sweep):
    counted = shell.inside("estimate", sweep, "--only", "direct/*/off", "--json").json
    asked = server.requests("/v1/messages/count_tokens")
    assert len(asked) == 8  # four prompts of each model
    assert {variant["n_counted"] for variant in counted["variants"]} == {4}
    guessed = shell.inside("estimate", sweep, "--only", "direct/*/off", "--offline", "--json").json
    assert len(server.requests("/v1/messages/count_tokens")) == 8
    assert {variant["n_counted"] for variant in guessed["variants"]} == {0}
    assert "estimated from the length" in shell.inside("estimate", sweep, "--offline").out
    assert (
        "counted by the endpoint (12 prompts of each model)" in shell.inside("estimate", sweep).out
    )


def test_a_dear_run_asks_first_and_leaves_nothing_behind(shell, server, sweep):
    done = shell.inside("run", sweep)
    assert done.code == 2
    assert "1,200 requests, about $" in done.err
    assert "was not agreed to" in done.err
    assert server.requests() == []
    assert not list(shell.folder.rglob("manifest.json"))


def test_rows_may_come_from_standard_input(shell, sweep):
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "evalkit", "plan", str(sweep), "--set", "dataset.path=-"],
        input=(shell.folder / "problems.jsonl").read_text(),
        cwd=shell.folder,
        env=shell.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.startswith("1,200 trials: 30 variants x 40 cases"), done.stderr


def checks(shell: Shell, suite) -> dict[str, str]:
    return {
        check["name"]: check["status"] for check in shell.inside("doctor", suite, "--json").json
    }


def test_doctor_asks_the_endpoint_about_every_model(shell, server, sweep):
    assert checks(shell, sweep) == {
        "disk": "ok",
        "suite": "ok",
        "dataset": "ok",
        "key of claude-haiku-4-5": "ok",
        "endpoint of claude-haiku-4-5": "ok",
        "model claude-haiku-4-5": "ok",
        "key of claude-sonnet-4-6": "ok",
        "endpoint of claude-sonnet-4-6": "ok",
        "model claude-sonnet-4-6": "ok",
        "clock": "ok",
        "capabilities": "ok",
    }
    assert server.requests() == []


def test_doctor_says_what_is_wrong_and_what_to_do(shell, sweep):
    shell.suite(SWEEP.replace("claude-sonnet-4-6", "claude-sonet-4-6"), "sweep.yaml")
    done = shell.inside("doctor", sweep)
    assert done.code == 2
    assert "PROBLEM  model claude-sonet-4-6: the endpoint has no claude-sonet-4-6" in done.out
    assert "Check the model's id for a typo" in done.out
    shell.environ["ANTHROPIC_API_KEY"] = "sk-wrong-1"
    done = shell.inside("doctor", sweep)
    assert "PROBLEM  key of claude-haiku-4-5: the endpoint refuses the key" in done.out
    assert "sk-wrong-1" not in done.out + done.err
    shell.environ["ANTHROPIC_BASE_URL"] = "http://127.0.0.1:9"
    assert checks(shell, sweep)["endpoint of claude-haiku-4-5"] == "problem"
    assert KEY not in done.out
