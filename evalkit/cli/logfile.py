"""The log of a run: every outcome with all its attempts as a JSON line, and never a key.

Prompts are left out unless asked for, also where a server quotes one in its words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import click

from evalkit.errors import UsageError
from evalkit.events import Event, Listener, RunStarted, Snapshot, Stopping, TrialFinished
from evalkit.types import Attempt, Failure, Request

_QUOTE = "[prompt]"
# Shorter than this, words in common say nothing.
_SHORTEST_QUOTE = 16
_SHORTEST_PROMPT = 4


@contextmanager
def logging(path: str, *, with_prompts: bool) -> Iterator[Listener]:
    """A listener that appends to a file; raises UsageError where it cannot be opened."""
    log = _Log(path)
    last: list[Snapshot] = []

    def listen(event: Event) -> None:
        if isinstance(event, TrialFinished):
            log.write(logged(event, with_prompts=with_prompts))
        elif isinstance(event, Snapshot):
            last[:] = [event]
            log.flush()
        else:
            log.write(event_data(event))

    try:
        yield listen
    finally:
        for snapshot in last:
            log.write({**event_data(snapshot), "event": "ended"})
        log.close()


def check_log(path: str | None) -> None:
    """Raise UsageError if a log cannot be written there; before anything is begun."""
    if path is not None:
        _Log(path).close()


class _Log:
    """JSON lines appended to a file. A disk that refuses ends the log, not the run."""

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self._file: IO[str] | None = Path(path).open("a", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise UsageError(
                f"{path}: cannot be written: {error.strerror or error}", "Check --log-file."
            ) from error

    def write(self, data: dict[str, Any]) -> None:
        self._try(lambda file: file.write(json.dumps(data) + "\n"))

    def flush(self) -> None:
        self._try(lambda file: file.flush())

    def close(self) -> None:
        self._try(lambda file: file.close())

    def _try(self, act: Callable[[IO[str]], object]) -> None:
        file = self._file
        if file is None:
            return
        try:
            act(file)
        except OSError as error:
            self._file = None
            with suppress(OSError):  # it closes, and says once more what it could not write
                file.close()
            click.echo(f"{self._path}: the log ends here: {error.strerror or error}", err=True)


def event_data(event: RunStarted | Stopping | Snapshot | TrialFinished) -> dict[str, Any]:
    """An event as plain data."""
    if isinstance(event, RunStarted):
        return {"event": "started", "run": event.path, "planned": event.planned, "done": event.done}
    if isinstance(event, Stopping):
        return {"event": "stopping", "message": event.message}
    if isinstance(event, Snapshot):
        return {"event": "snapshot", **asdict(event)}
    return {"event": "trial", **_trial(event)}


def _trial(event: TrialFinished) -> dict[str, Any]:
    """An outcome as plain data, without what was asked and answered."""
    result = event.result
    outcome = result.outcome
    return {
        "trial_key": result.trial.key,
        "case_id": result.trial.case_id,
        "variant": result.trial.variant.key,
        "sample": result.trial.sample,
        "status": "failed" if isinstance(outcome, Failure) else "ok",
        "error_kind": outcome.kind if isinstance(outcome, Failure) else None,
        "source": result.source,
        "cost_usd": result.cost_usd,
        "attempts": len(outcome.attempts),
        "elapsed_s": outcome.elapsed_s,
    }


def logged(event: TrialFinished, *, with_prompts: bool) -> dict[str, Any]:
    """An outcome as the log has it."""
    result = event.result
    request = result.trial.request
    data = {
        **event_data(event),
        "at": result.started_at.isoformat(),
        "queued_s": result.queued_s,
        "backoff_s": sum(attempt.waited_s for attempt in result.outcome.attempts),
        "attempts": [
            _attempt(attempt, None if with_prompts else request)
            for attempt in result.outcome.attempts
        ],
    }
    if with_prompts:
        data["system"] = request.system
        data["messages"] = request.messages
    return data


def _attempt(attempt: Attempt, hidden: Request | None) -> dict[str, Any]:
    message, usage = attempt.message, attempt.usage
    if message and hidden is not None:
        message = without_quotes(message, _texts([hidden.system, *hidden.messages]))
    return {
        "status": attempt.status,
        "error_kind": attempt.error_kind,
        "message": message,
        "waited_s": attempt.waited_s,
        "elapsed_s": attempt.elapsed_s,
        "request_id": attempt.request_id,
        "input_tokens": usage.total_input_tokens if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
    }


def _texts(value: object) -> Iterator[str]:
    """Every text within a prompt, however it is nested."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            if name not in ("role", "type"):
                yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def without_quotes(message: str, texts: Iterable[str]) -> str:
    """The message without what it quotes of some texts, as they are or as JSON writes them."""
    for text in texts:
        for form in {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}:
            message = _without(message, " ".join(form.split()))
    return message


def _without(message: str, text: str) -> str:
    shortest = min(_SHORTEST_QUOTE, len(text))
    if len(text) < _SHORTEST_PROMPT or len(message) < shortest:
        return message
    kept: list[str] = []
    at = 0
    while at < len(message):
        length = shortest
        if message[at : at + length] not in text or len(message) - at < length:
            kept.append(message[at])
            at += 1
            continue
        while at + length < len(message) and message[at : at + length + 1] in text:
            length += 1
        kept.append(_QUOTE)
        at += length
    return "".join(kept)
