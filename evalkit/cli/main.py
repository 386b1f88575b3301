"""The group: commands loaded when they are typed, errors turned into exit codes."""

from __future__ import annotations

import difflib
import gc
import importlib
import sys
from typing import NoReturn

import click

from evalkit import __version__
from evalkit.cli.memory import give_memory_back
from evalkit.cli.streams import go_on_unwatched
from evalkit.errors import (
    EXIT_CODES,
    EXIT_FAULT,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    ConfigError,
    EvalkitError,
)
from evalkit.imports import postpone_pandas

# The word you type, the file it lives in, and what --help says of it without opening the file.
COMMANDS = {
    "init": ("init", "Write a working suite to begin with."),
    "run": ("run", "Run a suite: ask, store, score, compare."),
    "resume": ("resume", "Go on with an unfinished run."),
    "plan": ("plan", "Show the variants of a suite and one prompt of each."),
    "estimate": ("estimate", "Say what a suite will cost, before it is paid."),
    "score": ("score", "Grade a run's stored answers again."),
    "compare": ("compare", "Compare the variants of a run."),
    "report": ("report", "Report on a run: terminal, HTML, Markdown, JSON, CSV, JUnit."),
    "view": ("view", "Browse a run's cases in a browser."),
    "baseline": (
        "baseline",
        "Bank runs as the measure of later ones: set, collect, show, promote.",
    ),
    "gate": (
        "gate",
        "Hold a run to its rules against a baseline; say beforehand if that can work.",
    ),
    "regress": ("regress", "Ask a suite afresh and hold it to its gate, in one command for cron."),
    "history": ("history", "Show a suite's scores, cost and time over its runs."),
    "schedule": ("schedule", "Print a file that lets your scheduler run a regression job."),
    "status": ("status", "See how a run is, from another shell; pause it, turn it down or up."),
    "list": ("list", "List the runs."),
    "show": ("show", "Show a run, a case or a trial."),
    "import": ("import_run", "Make a run of answers made elsewhere."),
    "export": ("export", "Write a run to one CSV, JSONL or Parquet file."),
    "rm": ("rm", "Delete runs."),
    "cache": ("cache", "Look at, thin out or empty the cache of answers."),
    "schema": ("schema", "Print the JSON schema of suites, for editors."),
    "doctor": ("doctor", "Check what would go wrong, and say what to do."),
    "local-model": ("local_model", "Fetch and serve the embedded local model."),
    "serve": ("serve", "Serve a simulated Messages API on loopback."),
}
ALIASES = {"eval": "run"}


class Commands(click.Group):
    """Imports a command's module only when it is used, so that --help stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name or alias."""
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"evalkit.cli.{COMMANDS[name][0]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but an unknown word is met with the nearest known one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(args[0], [*COMMANDS, *ALIASES], n=1)
            if near:
                told = f"{error.message} Did you mean '{near[0]}'?"
                raise click.UsageError(told, error.ctx) from error
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands with their short help, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The exit codes."""
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), text) for code, text in EXIT_CODES.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="evalkit")
def cli() -> None:
    """Batch prompt evaluation from the terminal.

    A suite (YAML) names a dataset, prompts, models and thinking settings. evalkit asks every
    combination, stores every answer, and compares them with honest statistics.
    """


def main() -> NoReturn:
    """Run the command line; never returns."""
    # A run makes millions of small objects and hardly a cycle: looking for cycles after every few
    # hundred of them, which is the default, costs a tenth of its CPU.
    gc.set_threshold(50_000, 20, 100)
    postpone_pandas()
    give_memory_back()
    go_on_unwatched()
    code = run_command(sys.argv[1:])
    # Python looks for cycles once more at its end, through all that was loaded: 0.1 s for nothing.
    gc.freeze()
    sys.exit(code)


def run_command(args: list[str]) -> int:
    """Run one command; its exit code. What people do wrong is told on stderr."""
    try:
        return cli(args, standalone_mode=False) or 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nStopped.", err=True)
        return EXIT_INTERRUPTED
    except EvalkitError as error:
        tell(error)
        return error.exit_code
    except Exception:  # noqa: BLE001 - told in full; Python's own exit 1 would say "a regression"
        sys.excepthook(*sys.exc_info())
        click.echo("This is a fault of evalkit, and says nothing of what was measured.", err=True)
        return EXIT_FAULT


def tell(error: EvalkitError) -> None:
    """An error as people read it: what, then what to do."""
    if isinstance(error, ConfigError) and len(error.problems) > 1:
        click.secho(f"error: {len(error.problems)} problems", fg="red", bold=True, err=True)
        for problem in error.problems:
            click.echo(f"  {problem}", err=True)
    else:
        click.secho("error: ", fg="red", bold=True, nl=False, err=True)
        click.echo(error.message, err=True)
    if error.hint:
        click.echo(f"  {error.hint}", err=True)
