"""Faults a real server or gateway commits, each as a change of what is delivered.

A fault is drawn for each request by its own probability from the seed, the request and how often
it has come before, so a retry may fare better and a run can be repeated. At most one strikes.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from evalkit.errors import UsageError
from evalkit.server.backend import Answer
from evalkit.server.delivery import JSON_TYPE, Delivery, Piece, body_delivery, json_delivery
from evalkit.server.refusals import error_body

_HTML = b"<!DOCTYPE html><html><head><title>%d %b</title></head><body><h1>%b</h1></body></html>"
_ODD_TEXT = (
    "nul \x00 bell \x07 rtl \u202e\u05e9\u05dc\u05d5\u05dd\u202c zero\u200bwidth "
    "e\u0301 \U0001f9ea\U0001f469\u200d\U0001f52c "
)
_TOO_MANY = "Number of requests has exceeded your rate limit."
_HUGE_CHARACTERS = 5_000_000
_SO_ON = "So it goes on. "


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault that hit one request. ``extra`` is the number given after the probability."""

    name: str
    luck: random.Random
    request_id: str
    is_stream: bool
    extra: float | None = None


Instead = Callable[[Strike], Delivery]
Reword = Callable[[Answer, Strike], Answer]
Spoil = Callable[[Delivery, Strike], Delivery]


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault: what it does, at one of three places.

    ``instead`` answers in place of the backend, ``reword`` changes the answer, ``spoil`` the bytes.
    ``extra`` names the number it takes. After an ``is_harmless`` one the answer is still good.
    """

    meaning: str
    instead: Instead | None = None
    reword: Reword | None = None
    spoil: Spoil | None = None
    extra: str | None = None
    is_harmless: bool = False


def _status(
    status: int, message: str, details: Mapping[str, Any] | None = None, **headers: str
) -> Instead:
    """A status with an error body of the API; header names are given with underscores."""
    pairs = tuple(
        (name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()
    )

    def reply(strike: Strike) -> Delivery:
        document = error_body(status, message, strike.request_id, details=details)
        return json_delivery(status, document, headers=pairs)

    return reply


def _rate_limited(strike: Strike) -> Delivery:
    seconds = 1 if strike.extra is None else strike.extra
    return _status(429, _TOO_MANY, retry_after=f"{seconds:g}")(strike)


def _html(status: int, title: bytes) -> Instead:
    body = _HTML % (status, title, title)
    return lambda strike: body_delivery(status, body, b"text/html")


def _silence(strike: Strike) -> Delivery:
    return Delivery(None, (), end="hang")


def _reset(strike: Strike) -> Delivery:
    return Delivery(None, (), end="reset")


def _empty(strike: Strike) -> Delivery:
    kind = b"text/event-stream; charset=utf-8" if strike.is_stream else JSON_TYPE[1]
    return body_delivery(200, b"", kind)


def _halves(delivery: Delivery, strike: Strike) -> tuple[Piece, ...]:
    """The first part of the body: some events of a stream, else some bytes."""
    if len(delivery.pieces) > 1:
        return delivery.pieces[: _cut_at(delivery, strike)]
    whole = delivery.pieces[0]
    return (replace(whole, data=whole.data[: max(1, len(whole.data) // 2)]),)


def _cut_at(delivery: Delivery, strike: Strike) -> int:
    """How many events go out before the cut: as told, else a random number short of all."""
    if strike.extra is not None:
        return min(int(strike.extra), len(delivery.pieces) - 1)
    return strike.luck.randrange(1, len(delivery.pieces))


def _reset_in_body(delivery: Delivery, strike: Strike) -> Delivery:
    return replace(delivery, pieces=_halves(delivery, strike), end="reset")


def _hang_in_body(delivery: Delivery, strike: Strike) -> Delivery:
    return replace(delivery, pieces=_halves(delivery, strike), end="hang")


def _cut_stream(delivery: Delivery, strike: Strike) -> Delivery:
    if not strike.is_stream:
        return delivery
    return replace(delivery, pieces=delivery.pieces[: _cut_at(delivery, strike)])


def _truncated(delivery: Delivery, strike: Strike) -> Delivery:
    """End inside a JSON document, in good order as far as HTTP goes."""
    if strike.is_stream:
        count = _cut_at(delivery, strike)
        last = delivery.pieces[count]
        piece = replace(last, data=last.data[: len(last.data) - 8])
        return replace(delivery, pieces=(*delivery.pieces[:count], piece))
    body = delivery.pieces[0].data
    return _with_body(delivery, body[: len(body) // 2])


def _with_body(delivery: Delivery, body: bytes) -> Delivery:
    headers = tuple(pair for pair in delivery.headers if pair[0] != b"content-length")
    length = (b"content-length", str(len(body)).encode())
    pieces = (replace(delivery.pieces[0], data=body),)
    return replace(delivery, headers=(*headers, length), pieces=pieces)


def _with_type(delivery: Delivery, content_type: bytes) -> Delivery:
    headers = tuple(pair for pair in delivery.headers if pair[0] != b"content-type")
    return replace(delivery, headers=((b"content-type", content_type), *headers))


def _wrong_type(delivery: Delivery, strike: Strike) -> Delivery:
    return _with_type(delivery, b"text/plain; charset=utf-8")


def _error_event(delivery: Delivery, strike: Strike) -> Delivery:
    if not strike.is_stream:
        return delivery
    document = error_body(529, "Overloaded", strike.request_id)
    event = b"event: error\ndata: %b\n\n" % orjson.dumps(document)
    kept = delivery.pieces[: _cut_at(delivery, strike)]
    return replace(delivery, pieces=(*kept, Piece(event, kept[-1].at_s if kept else 0.0)))


def _gzipped(delivery: Delivery, strike: Strike) -> Delivery:
    body = gzip.compress(b"".join(piece.data for piece in delivery.pieces), compresslevel=1)
    packed = _with_body(delivery, body)
    return replace(packed, headers=(*packed.headers, (b"content-encoding", b"gzip")))


def _drip(delivery: Delivery, strike: Strike) -> Delivery:
    """The same bytes in about forty small pieces, cut anywhere."""
    pause_s = 0.02 if strike.extra is None else strike.extra
    body = b"".join(piece.data for piece in delivery.pieces)
    step = max(1, len(body) // 40)
    starts = range(0, len(body), step)
    begun_s = delivery.pieces[0].at_s
    pieces = (Piece(body[at : at + step], begun_s + pause_s * n) for n, at in enumerate(starts))
    return replace(delivery, pieces=tuple(pieces))


def _surrogates(delivery: Delivery, strike: Strike) -> Delivery:
    """Escape a lone surrogate into the text, which valid JSON allows and UTF-8 does not."""
    return _in_text(delivery, rb"\ud83d ")


def _invalid_utf8(delivery: Delivery, strike: Strike) -> Delivery:
    return _in_text(delivery, b"\xff\xfe\xc3 ")


def _in_text(delivery: Delivery, odd: bytes) -> Delivery:
    """Put bytes at the start of each text of the body."""
    marks = (b'"type":"text","text":"', b'"type":"text_delta","text":"')
    pieces = []
    for piece in delivery.pieces:
        data = piece.data
        for mark in marks:
            if data.find(b"content_block_start") < 0:
                data = data.replace(mark, mark + odd)
        pieces.append(replace(piece, data=data))
    if any(name == b"content-length" for name, _ in delivery.headers):
        return _with_body(delivery, pieces[0].data)
    return replace(delivery, pieces=tuple(pieces))


def _new_text(answer: Answer, change: Callable[[str], str]) -> Answer:
    blocks = tuple(
        {**block, "text": change(block["text"])} if block["type"] == "text" else block
        for block in answer.blocks
    )
    return replace(answer, blocks=blocks)


def _huge(answer: Answer, strike: Strike) -> Answer:
    size = _HUGE_CHARACTERS if strike.extra is None else int(strike.extra)
    padding = (_SO_ON * (size // len(_SO_ON) + 1))[:size]
    return _new_text(answer, lambda text: f"{padding}\n{text}")


def _odd(answer: Answer, strike: Strike) -> Answer:
    return _new_text(answer, lambda text: _ODD_TEXT + text)


def _refused(answer: Answer, strike: Strike) -> Answer:
    details = {"type": "refusal", "category": "general_harms", "explanation": None}
    return replace(answer, blocks=(), stop_reason="refusal", stop_details=details)


def _redacted(answer: Answer, strike: Strike) -> Answer:
    block = {"type": "redacted_thinking", "data": f"EmwK{strike.luck.getrandbits(256):064x}"}
    return replace(answer, blocks=(block, *answer.blocks))


def _nothing(answer: Answer, strike: Strike) -> Answer:
    return replace(answer, blocks=())


def _stopped(reason: str) -> Reword:
    return lambda answer, strike: replace(answer, stop_reason=reason)


FAULTS: dict[str, Fault] = {
    "401": Fault("401: the key is refused", _status(401, "invalid x-api-key")),
    "401-after": Fault("401 for every request after the first N (give N, not a probability)",
                       _status(401, "invalid x-api-key")),
    "408": Fault("408 request timeout", _status(408, "Request timeout")),
    "409": Fault("409 conflict", _status(409, "The resource was changed concurrently.")),
    "413": Fault("413 with a plain-text body",
                 lambda strike: body_delivery(413, b"Request Entity Too Large", b"text/plain")),
    "429": Fault("429 with retry-after", _rate_limited, extra="seconds to wait (1)"),
    "429-bare": Fault("429 without retry-after", _status(429, _TOO_MANY)),
    "429-spend": Fault("429: the monthly spend limit, no retry-after",
                       _status(429, "You have reached your monthly spend limit.",
                               {"error_code": "enforced_spend_limit_reached"})),
    "500": Fault("500 with an API error body", _status(500, "Internal server error")),
    "502": Fault("502 with an HTML page", _html(502, b"Bad Gateway")),
    "503": Fault("503 with a plain-text body",
                 lambda strike: body_delivery(503, b"upstream connect error", b"text/plain")),
    "504": Fault("504 gateway timeout", _status(504, "The request took too long.")),
    "529": Fault("529 overloaded", _status(529, "Overloaded")),
    "reset": Fault("the connection is reset before any byte", _reset),
    "hang": Fault("silence before the headers, until the client leaves", _silence),
    "empty": Fault("200 with an empty body", _empty),
    "html": Fault("200 with an HTML page", _html(200, b"Welcome")),
    "reset-mid-body": Fault("the connection is reset within the body", spoil=_reset_in_body,
                            extra="events of a stream before it (random)"),
    "hang-mid-body": Fault("silence within the body, until the client leaves",
                           spoil=_hang_in_body, extra="events of a stream before it (random)"),
    "truncated": Fault("the body ends inside its JSON, in good HTTP order", spoil=_truncated,
                       extra="events of a stream before it (random)"),
    "cut": Fault("streams: the stream ends early, in good HTTP order", spoil=_cut_stream,
                 extra="events before the end (random)"),
    "error-event": Fault("streams: an overloaded_error event, then the end", spoil=_error_event,
                         extra="events before it (random)"),
    "wrong-type": Fault("a good body sent as text/plain", spoil=_wrong_type, is_harmless=True),
    "gzip": Fault("a gzip-encoded body", spoil=_gzipped, is_harmless=True),
    "drip": Fault("the body in some forty small pieces", spoil=_drip,
                  extra="seconds between them (0.02)", is_harmless=True),
    "huge": Fault("5 MB of text", reword=_huge, extra="characters", is_harmless=True),
    "odd-text": Fault("NUL, control characters, right-to-left, emoji in the text", reword=_odd,
                      is_harmless=True),
    "surrogate": Fault("a lone surrogate, escaped, in the text", spoil=_surrogates,
                       is_harmless=True),
    "invalid-utf8": Fault("bytes in the text that are not UTF-8", spoil=_invalid_utf8,
                          is_harmless=True),
    "refusal": Fault("200 with stop_reason refusal and no content", reword=_refused,
                     is_harmless=True),
    "redacted": Fault("a redacted_thinking block comes first", reword=_redacted, is_harmless=True),
    "no-content": Fault("200 with no content block at all", reword=_nothing, is_harmless=True),
    "pause-turn": Fault("stop_reason pause_turn", reword=_stopped("pause_turn"), is_harmless=True),
    "window": Fault("stop_reason model_context_window_exceeded",
                    reword=_stopped("model_context_window_exceeded"), is_harmless=True),
}  # fmt: skip


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
    if name != "401-after" and not 0 <= setting.share <= 1:
        raise UsageError(f"--fault {text}: a probability lies between 0 and 1")
    return setting


class FaultPlan:
    """Which fault, if any, strikes which request."""

    def __init__(self, settings: Sequence[Setting] = (), *, seed: int = 0) -> None:
        self._seed = seed
        counts = [setting for setting in settings if setting.name == "401-after"]
        self._refuse_after = min((setting.share for setting in counts), default=None)
        self._drawn = [setting for setting in settings if setting.name != "401-after"]
        if sum(setting.share for setting in self._drawn) > 1 + 1e-9:
            raise UsageError("the probabilities of all faults add up to more than 1")

    def strike(
        self, number: int, digest: str, arrival: int, request_id: str, *, is_stream: bool
    ) -> Strike | None:
        """The fault for the ``arrival``-th request of this digest, ``number``-th of all."""
        if self._refuse_after is not None and number > self._refuse_after:
            return Strike("401-after", random.Random(0), request_id, is_stream)
        if not self._drawn:
            return None
        luck = random.Random(f"{self._seed}:fault:{digest}:{arrival}")
        point = luck.random()
        for setting in self._drawn:
            if point < setting.share:
                return Strike(setting.name, luck, request_id, is_stream, setting.extra)
            point -= setting.share
        return None
