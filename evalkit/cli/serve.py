"""``evalkit serve``: the Messages API on this machine, for rehearsal and tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalkit.errors import UsageError

if TYPE_CHECKING:
    from evalkit.server.service import Service

_EXTRA = ("starlette", "uvicorn")
_INSTALL = "pip install 'evalkit[serve]'"


def _list_faults(context: click.Context, _: click.Parameter, value: bool) -> None:
    """Print every fault and leave."""
    if not value or context.resilient_parsing:
        return
    from evalkit.server.faults import FAULTS

    width = max(map(len, FAULTS))
    for name, fault in FAULTS.items():
        extra = f"  [:{fault.extra}]" if fault.extra else ""
        click.echo(f"{name:{width}}  {fault.meaning}{extra}")
    context.exit()


@click.command("serve", short_help="The Messages API on this machine, for rehearsal and tests.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8321, show_default=True, help="Port; 0 takes a free one.")
@click.option("--seed", default=0, show_default=True, help="Seed of answers, latency and faults.")
@click.option(
    "--answers", type=click.Path(path_type=Path, dir_okay=False),
    help="JSON Lines of question and answer: what is right, found by the question in the prompt.",
)  # fmt: skip
@click.option("--skill", default=0.5, show_default=True, help="Share of right answers, unthinking.")
@click.option("--gain", default=0.4, show_default=True, help="What unlimited thinking adds to it.")
@click.option(
    "--half-tokens", default=2048.0, show_default=True, help="Thinking budget for half the gain."
)
@click.option(
    "--consistency", default=0.5, show_default=True,
    help="Share of draws decided by the question alone, alike in every draw.",
)  # fmt: skip
@click.option(
    "--effect", "effects", multiple=True, metavar="TEXT=DELTA",
    help="Add to the skill where TEXT is in the model, system or user turn, repeatable.",
)  # fmt: skip
@click.option("--latency", default=0.0, show_default=True, help="Mean seconds to the first token.")
@click.option("--sigma", default=0.0, show_default=True, help="Lognormal spread of the latency.")
@click.option(
    "--tokens-per-second", default=0.0, show_default=True, help="Speed of answers; 0: at once."
)
@click.option("--api-key", help="Demand this key; without it every key will do.")
@click.option(
    "--lenient", is_flag=True,
    help="Tolerate what gateways tolerate: unknown fields, models, betas and versions.",
)  # fmt: skip
@click.option("--requests-per-minute", type=int, help="Rate limit.")
@click.option("--burst", type=int, help="Requests at once within it [one second's worth].")
@click.option("--input-tokens-per-minute", type=int, help="Rate limit.")
@click.option("--output-tokens-per-minute", type=int, help="Rate limit.")
@click.option(
    "--fault", "faults", multiple=True, metavar="NAME=P[:X]",
    help="A fault and its probability, repeatable; X is the number some take.",
)  # fmt: skip
@click.option("--batch-delay", default=0.0, show_default=True, help="Seconds a batch takes.")
@click.option(
    "--log", "log_path", type=click.Path(path_type=Path, dir_okay=False),
    help="Append a JSON line for each request.",
)  # fmt: skip
@click.option(
    "--list-faults", is_flag=True, is_eager=True, expose_value=False, callback=_list_faults,
    help="List the faults and leave.",
)  # fmt: skip
def command(host: str, port: int, **options: object) -> None:
    """Serve the Messages API on this machine, with a simulated model behind it.

    Prints one line, "listening on URL", once requests are taken. Nothing leaves this machine, and
    the same seed gives the same answers, latencies and faults to the same requests.
    """
    try:
        from evalkit.server.listen import serve
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _EXTRA:
            raise
        raise UsageError(f"evalkit serve needs {missing}", hint=_INSTALL) from error
    service = _service(**options)  # type: ignore[arg-type]
    serve(service, host, port, on_ready=lambda url: click.echo(f"listening on {url}"))


def _service(
    *,
    seed: int,
    answers: Path | None,
    skill: float,
    gain: float,
    half_tokens: float,
    consistency: float,
    effects: tuple[str, ...],
    latency: float,
    sigma: float,
    tokens_per_second: float,
    api_key: str | None,
    lenient: bool,
    requests_per_minute: int | None,
    burst: int | None,
    input_tokens_per_minute: int | None,
    output_tokens_per_minute: int | None,
    faults: tuple[str, ...],
    batch_delay: float,
    log_path: Path | None,
) -> Service:
    """The service the options describe."""
    import time

    from evalkit.server.answers import load_answers
    from evalkit.server.faults import FaultPlan, parse_fault
    from evalkit.server.limits import RateLimits
    from evalkit.server.requestlog import RequestLog
    from evalkit.server.service import Latency, Service
    from evalkit.server.simulated import Simulated, Skill

    return Service(
        backend=Simulated(
            seed=seed,
            skill=Skill(skill, gain, half_tokens, consistency, tuple(map(_effect, effects))),
            answers=load_answers(answers) if answers else None,
        ),
        log=RequestLog(log_path),
        faults=FaultPlan([parse_fault(text) for text in faults], seed=seed),
        limits=RateLimits(
            requests_per_minute=requests_per_minute,
            burst=burst,
            input_tokens_per_minute=input_tokens_per_minute,
            output_tokens_per_minute=output_tokens_per_minute,
            now_s=time.monotonic(),
        ),
        latency=Latency(latency, sigma, tokens_per_second),
        api_key=api_key,
        is_lenient=lenient,
        seed=seed,
        batch_delay_s=batch_delay,
    )


def _effect(text: str) -> tuple[str, float]:
    """Read ``TEXT=DELTA``."""
    where, _, delta = text.rpartition("=")
    try:
        return where, float(delta)
    except ValueError as error:
        raise UsageError(f"--effect {text}: write TEXT=0.1") from error
