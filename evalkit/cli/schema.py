"""``evalkit schema``: the JSON schema of suite files, for editors."""

from __future__ import annotations

import json
from pathlib import Path

import click

from evalkit.cli.options import option, options


@click.command(name="schema", context_settings={"help_option_names": ["-h", "--help"]})
@options(
    option("--out", type=click.Path(path_type=Path), help="Write it to this file."),
    option("--report", "of_report", is_flag=True, help="That of report.json instead."),
)
def command(out: Path | None, of_report: bool) -> int:
    """Print the JSON schema of suite files, so that editors complete and check them.

    Editors with a YAML language server follow a first line such as
    "# yaml-language-server: $schema=suite.schema.json".

    \b
    Example: evalkit schema --out suite.schema.json
    """
    from evalkit.report.json_schema import report_schema
    from evalkit.scorers.options_schema import with_scorers
    from evalkit.suite.json_schema import suite_schema

    schema = report_schema() if of_report else with_scorers(suite_schema())
    text = json.dumps(schema, indent=2, ensure_ascii=False)
    if out is None:
        click.echo(text)
    else:
        out.write_text(text + "\n", encoding="utf-8")
        click.echo(f"Wrote {out}.", err=True)
    return 0
