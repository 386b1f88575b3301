"""The faults the server can commit, how they are switched on, and which request each strikes.

A fault is drawn for each request by its own probability from the seed, the request and how often
it has come before, so a retry may fare better and a run can be repeated. At most one strikes.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.errors import UsageError
from evalkit.server import damage
from evalkit.server.damage import Instead, Reword, Spoil, Strike

REFUSE_AFTER = "401-after"
_TOO_MANY = "Number of requests has exceeded your rate limit."
_SPENT = "You have reached your monthly spend limit."
_EVENTS = "events before it (random)"


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault: what it does, at one of three places.

    ``instead`` answers in place of the backend, ``reword`` changes the answer, ``spoil`` its bytes;
    with none of them it is a fault of batches. ``extra`` names the number it takes. After an
    ``is_harmless`` one the answer counts as given.
    """

    meaning: str
    instead: Instead | None = None
    reword: Reword | None = None
    spoil: Spoil | None = None
    extra: str | None = None
    is_harmless: bool = False

    @property
    def is_for_batches(self) -> bool:
        """Whether it strikes requests of batches and no others."""
        return not (self.instead or self.reword or self.spoil)


def _instead(meaning: str, reply: Instead, extra: str | None = None) -> Fault:
    return Fault(meaning, instead=reply, extra=extra)


def _spoil(meaning: str, spoil: Spoil, extra: str | None = None) -> Fault:
    return Fault(meaning, spoil=spoil, extra=extra)


def _odd(meaning: str, reword: Reword, extra: str | None = None) -> Fault:
    return Fault(meaning, reword=reword, extra=extra, is_harmless=True)


def _harmless(meaning: str, spoil: Spoil, extra: str | None = None) -> Fault:
    return Fault(meaning, spoil=spoil, extra=extra, is_harmless=True)


FAULTS: dict[str, Fault] = {
    "401": _instead("401, the key is refused", damage.status(401, "invalid x-api-key")),
    REFUSE_AFTER: _instead(
        "401 after the first N requests: give N", damage.status(401, "invalid x-api-key")
    ),
    "403": _instead("403 with an HTML page", damage.html(403, b"Forbidden")),
    "408": _instead("408, request timeout", damage.status(408, "Request timeout")),
    "409": _instead("409, conflict", damage.status(409, "The resource was changed meanwhile.")),
    "413": _instead("413 in plain text", damage.plain(413, b"Request Entity Too Large")),
    "429": _instead(
        "429 with retry-after", damage.status(429, _TOO_MANY, wait_s=1), "seconds to wait (1)"
    ),
    "429-bare": _instead("429 without retry-after", damage.status(429, _TOO_MANY)),
    "429-spend": _instead(
        "429, the monthly spend limit",
        damage.status(429, _SPENT, details={"error_code": "enforced_spend_limit_reached"}),
    ),
    "500": _instead("500 with an API error body", damage.status(500, "Internal server error")),
    "500-openai": _instead(
        "500 with an OpenAI-style error body", damage.openai_style(500, "Internal error")
    ),
    "502": _instead("502 with an HTML page", damage.html(502, b"Bad Gateway")),
    "503": _instead("503 in plain text", damage.plain(503, b"upstream connect error")),
    "504": _instead("504, gateway timeout", damage.status(504, "The request took too long.")),
    "529": _instead("529, overloaded", damage.status(529, "Overloaded")),
    "reset": _instead("the connection is reset before any byte", damage.reset),
    "hang": _instead("silence before the headers, until the client leaves", damage.silence),
    "empty": _instead("200 with an empty body", damage.empty),
    "html": _instead("200 with an HTML page", damage.html(200, b"Welcome")),
    "reset-mid-body": _spoil(
        "the connection is reset within the body", damage.reset_in_body, _EVENTS
    ),
    "hang-mid-body": _spoil("silence within the body", damage.hang_in_body, _EVENTS),
    "truncated": _spoil("the body ends inside its JSON", damage.truncate, _EVENTS),
    "cut": _spoil("streams: no more events, an orderly end", damage.cut_stream, _EVENTS),
    "error-event": _spoil("streams: an overloaded_error event", damage.error_event, _EVENTS),
    "wrong-type": _spoil("the right body as text/plain", damage.relabel),
    "odd-stream": _harmless(
        "streams: CRLF, comments, unknown and nameless events", damage.odd_stream
    ),
    "gzip": _harmless("a gzip-encoded body", damage.compress),
    "drip": _harmless("the body in forty small pieces", damage.drip, "seconds between them (0.02)"),
    "surrogate": _harmless("a lone surrogate, escaped, in the text", damage.surrogate),
    "invalid-utf8": _harmless("bytes in the text that are not UTF-8", damage.invalid_utf8),
    "huge": _odd("5 MB of text", damage.huge, "characters (5000000)"),
    "odd-text": _odd("NUL, controls, right-to-left and emoji in the text", damage.odd_text),
    "refusal": _odd("200 with stop_reason refusal and no content", damage.refuse),
    "redacted": _odd("a redacted_thinking block comes first", damage.redact),
    "no-content": _odd("200 without any content block", damage.say_nothing),
    "pause-turn": _odd("stop_reason pause_turn", damage.stop_with("pause_turn")),
    "batch-errored": Fault("batches: this request fails on the server"),
    "batch-expired": Fault("batches: this request is not done in time"),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """A fault switched on: its probability (for ``401-after`` a count) and its extra number."""

    name: str
    share: float
    extra: float | None = None


def parse_fault(text: str) -> Setting:
    """Read ``NAME=P`` or ``NAME=P:X``. Raises UsageError for anything else."""
    name, _, numbers = text.partition("=")
    share, _, extra = numbers.partition(":")
    if name not in FAULTS:
        raise UsageError(f"unknown fault {name!r}", hint="evalkit serve --list-faults")
    try:
        setting = Setting(name, float(share), float(extra) if extra else None)
    except ValueError as error:
        raise UsageError(f"--fault {text}: write {name}=0.1") from error
    if setting.extra is not None and FAULTS[name].extra is None:
        raise UsageError(f"--fault {text}: {name} takes no second number")
    if name != REFUSE_AFTER and not 0 <= setting.share <= 1:
        raise UsageError(f"--fault {text}: a probability lies between 0 and 1")
    return setting


class FaultPlan:
    """Which fault, if any, strikes which request."""

    def __init__(self, settings: Sequence[Setting] = (), *, seed: int = 0) -> None:
        self._seed = seed
        counts = [setting.share for setting in settings if setting.name == REFUSE_AFTER]
        self._refuse_after = min(counts, default=None)
        drawn = [setting for setting in settings if setting.name != REFUSE_AFTER]
        self._single = [item for item in drawn if not FAULTS[item.name].is_for_batches]
        self._batched = [item for item in drawn if FAULTS[item.name].is_for_batches]
        for group in (self._single, self._batched):
            if sum(setting.share for setting in group) > 1 + 1e-9:
                raise UsageError("the probabilities of all faults add up to more than 1")

    def strike(
        self, number: int, digest: str, arrival: int, request_id: str, *, is_stream: bool
    ) -> Strike | None:
        """The fault for the ``arrival``-th request of this digest, ``number``-th of all."""
        if self._refuse_after is not None and number > self._refuse_after:
            return Strike(REFUSE_AFTER, random.Random(0), request_id, is_stream)
        if not self._single:
            return None
        luck = random.Random(f"{self._seed}:fault:{digest}:{arrival}")
        setting = _drawn(self._single, luck)
        if setting is None:
            return None
        return Strike(setting.name, luck, request_id, is_stream, setting.extra)

    def batch_strike(self, batch_id: str, custom_id: str) -> str | None:
        """The name of the fault for one request of a batch."""
        if not self._batched:
            return None
        setting = _drawn(self._batched, random.Random(f"{self._seed}:{batch_id}:{custom_id}"))
        return setting.name if setting else None


def demanded(text: str, request_id: str, *, is_stream: bool) -> Strike | None:
    """The fault a request asks for itself as ``NAME`` or ``NAME:X``; None if it does not exist."""
    name, _, extra = text.partition(":")
    fault = FAULTS.get(name)
    if fault is None or fault.is_for_batches:
        return None
    number = float(extra) if extra.replace(".", "", 1).isdigit() else None
    return Strike(name, random.Random(text), request_id, is_stream, number)


def _drawn(settings: Sequence[Setting], luck: random.Random) -> Setting | None:
    """One setting, each with its own probability, or none with what is left."""
    point = luck.random()
    for setting in settings:
        if point < setting.share:
            return setting
        point -= setting.share
    return None
