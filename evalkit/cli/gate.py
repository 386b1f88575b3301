"""``evalkit gate``: hold a stored run to its rules; say beforehand what a gate can conclude."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit.cli.options import (
    baselines_option,
    env_file_option,
    environment,
    json_option,
    option,
    options,
    out_option,
    quiet_option,
    runs_option,
)
from evalkit.errors import UsageError


@click.command(name="gate", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("run", default="latest")
@options(
    option("--baseline", metavar="NAME", help="The baseline (default: the suite's gate.baseline)."),
    option(
        "--suite",
        "-c",
        type=click.Path(path_type=Path),
        help="Take the rules as this suite file has them now.",
    ),
    option(
        "--allow",
        multiple=True,
        type=click.Choice(["prompt", "model", "settings"]),
        help="A change since the bank that is just what is tested; else it voids the baseline.",
    ),
    option(
        "--plan",
        is_flag=True,
        help="RUN is a suite file: say what its gate can conclude, before anything is sent.",
    ),
    baselines_option,
    runs_option,
    out_option,
    env_file_option,
    json_option,
    quiet_option,
)
def command(
    run: str,
    baseline: str | None,
    suite: Path | None,
    allow: tuple[str, ...],
    plan: bool,
    baselines: Path,
    runs: Path,
    out: Path,
    env_file: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Hold a RUN (default: the latest) to its suite's gate. No request is sent.

    Exit 0: passed; 1: a regression; 3: could not be measured; 5: inconclusive; 2: the baseline is
    void or missing.

    \b
    Example: evalkit gate latest --baseline nightly
             evalkit gate --plan suite.yaml
    """
    from evalkit.cli.gate_outcome import tell, write_gate_pages
    from evalkit.pipeline.regression.alarms import at_its_level
    from evalkit.pipeline.regression.gating import gate_policy, gate_run, needs_baseline
    from evalkit.pipeline.start import stored_suite
    from evalkit.store.baselines import read_baseline
    from evalkit.store.runs import find_run
    from evalkit.suite.load import load_suite

    env = environment(env_file)
    if plan:
        from evalkit.cli.gate_outcome import show_plan

        return show_plan(suite or Path(run), baseline, baselines, env, as_json=as_json)
    folder = find_run(run, runs)
    rules = load_suite(suite, (), env).suite if suite else stored_suite(folder)
    policy = at_its_level(gate_policy(rules), folder)
    name = baseline or policy.baseline
    bank = read_baseline(baselines, name) if name else None
    if bank is None and needs_baseline(policy):
        raise UsageError(
            "no baseline was named to compare with",
            "Name one with --baseline NAME, or in the suite: gate: {baseline: NAME}. "
            "evalkit baseline list shows those there are.",
        )
    report = gate_run(folder, bank, policy, allowed=allow)
    place = write_gate_pages(report, out / folder.path.parent.name / folder.path.name)
    return tell(report, place, as_json=as_json, quiet=quiet)
