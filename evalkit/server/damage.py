"""What faults do: replies in place of an answer, answers reworded, bytes spoiled on their way."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from evalkit.server.backend import Answer
from evalkit.server.delivery import JSON_TYPE, Delivery, Piece, body_delivery, json_delivery
from evalkit.server.refusals import error_body

_HTML = b"<!DOCTYPE html><html><head><title>%d %b</title></head><body><h1>%b</h1></body></html>"
_ODD_TEXT = (
    "nul \x00 bell \x07 rtl \u202e\u05e9\u05dc\u05d5\u05dd\u202c zero\u200bwidth "
    "e\u0301 \U0001f9ea\U0001f469\u200d\U0001f52c "
)
_HUGE_CHARACTERS = 5_000_000
_SO_ON = "So it goes on. "
_DRIPS = 40


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


def status(
    code: int,
    message: str,
    *,
    details: Mapping[str, Any] | None = None,
    wait_s: float | None = None,
) -> Instead:
    """An error body of the API; with ``wait_s`` a ``retry-after`` of the strike's extra or this."""

    def reply(strike: Strike) -> Delivery:
        document = error_body(code, message, strike.request_id, details=details)
        if wait_s is None:
            return json_delivery(code, document)
        seconds = wait_s if strike.extra is None else strike.extra
        return json_delivery(code, document, headers=((b"retry-after", b"%g" % seconds),))

    return reply


def html(code: int, title: bytes) -> Instead:
    """A page, as proxies send them."""
    body = _HTML % (code, title, title)
    return lambda strike: body_delivery(code, body, b"text/html")


def plain(code: int, text: bytes) -> Instead:
    """Plain text, as content delivery networks send it."""
    return lambda strike: body_delivery(code, text, b"text/plain")


def openai_style(code: int, message: str) -> Instead:
    """An error body in the form OpenAI-like gateways use."""
    document = {"error": {"message": message, "type": "server_error", "param": None, "code": code}}
    return lambda strike: json_delivery(code, document)


def silence(strike: Strike) -> Delivery:
    """Nothing at all, until the client leaves."""
    return Delivery(None, (), end="hang")


def reset(strike: Strike) -> Delivery:
    """A connection reset before the first byte."""
    return Delivery(None, (), end="reset")


def empty(strike: Strike) -> Delivery:
    """The right head and no body."""
    kind = b"text/event-stream; charset=utf-8" if strike.is_stream else JSON_TYPE[1]
    return body_delivery(200, b"", kind)


def reset_in_body(delivery: Delivery, strike: Strike) -> Delivery:
    """A connection reset after part of the body."""
    return replace(delivery, pieces=_first_part(delivery, strike), end="reset")


def hang_in_body(delivery: Delivery, strike: Strike) -> Delivery:
    """Silence after part of the body."""
    return replace(delivery, pieces=_first_part(delivery, strike), end="hang")


def cut_stream(delivery: Delivery, strike: Strike) -> Delivery:
    """A stream that ends between two events."""
    if not strike.is_stream:
        return delivery
    return replace(delivery, pieces=delivery.pieces[: _events_before(delivery, strike)])


def truncate(delivery: Delivery, strike: Strike) -> Delivery:
    """A body that ends inside its JSON, in good order as far as HTTP goes."""
    if not strike.is_stream:
        body = delivery.pieces[0].data
        return _with_body(delivery, body[: len(body) // 2])
    count = _events_before(delivery, strike)
    broken = delivery.pieces[count]
    rest = replace(broken, data=broken.data[: -len(b"}....\n\n")])
    return replace(delivery, pieces=(*delivery.pieces[:count], rest))


def error_event(delivery: Delivery, strike: Strike) -> Delivery:
    """An ``error`` event in the stream, then its end."""
    if not strike.is_stream:
        return delivery
    event = _event("error", error_body(529, "Overloaded", strike.request_id))
    kept = delivery.pieces[: _events_before(delivery, strike)]
    return replace(delivery, pieces=(*kept, Piece(event, delivery.pieces[len(kept)].at_s)))


def odd_stream(delivery: Delivery, strike: Strike) -> Delivery:
    """The same events with CRLF, without names, among comments and an unknown event."""
    if not strike.is_stream:
        return delivery
    news = b": keep-alive\n\n" + _event("news", {"type": "news", "items": [1, 2]})
    pieces = []
    for piece in delivery.pieces:
        nameless = piece.data.partition(b"\n")[2]
        pieces.append(replace(piece, data=(news + nameless).replace(b"\n", b"\r\n")))
    return replace(delivery, pieces=tuple(pieces))


def relabel(delivery: Delivery, strike: Strike) -> Delivery:
    """The same body as ``text/plain``."""
    others = tuple(pair for pair in delivery.headers if pair[0] != b"content-type")
    head = (b"content-type", b"text/plain; charset=utf-8")
    return replace(delivery, headers=(head, *others))


def compress(delivery: Delivery, strike: Strike) -> Delivery:
    """The whole body in gzip."""
    packed = _with_body(delivery, gzip.compress(_body(delivery), compresslevel=1))
    return replace(packed, headers=(*packed.headers, (b"content-encoding", b"gzip")))


def drip(delivery: Delivery, strike: Strike) -> Delivery:
    """The same bytes in small pieces, cut anywhere, with a pause before each."""
    pause_s = 0.02 if strike.extra is None else strike.extra
    body, begun_s = _body(delivery), delivery.pieces[0].at_s
    step = len(body) // _DRIPS + 1
    starts = range(0, len(body), step)
    pieces = (Piece(body[at : at + step], begun_s + pause_s * n) for n, at in enumerate(starts))
    return replace(delivery, pieces=tuple(pieces))


def surrogate(delivery: Delivery, strike: Strike) -> Delivery:
    """A lone surrogate, escaped, in the text: allowed in JSON, impossible in UTF-8."""
    return _in_text(delivery, strike, rb"\ud83d ")


def invalid_utf8(delivery: Delivery, strike: Strike) -> Delivery:
    """Bytes in the text that are not UTF-8."""
    return _in_text(delivery, strike, b"\xff\xfe\xc3 ")


def huge(answer: Answer, strike: Strike) -> Answer:
    """Megabytes of text before the text."""
    size = _HUGE_CHARACTERS if strike.extra is None else int(strike.extra)
    padding = (_SO_ON * (size // len(_SO_ON) + 1))[:size]
    return _before_text(answer, f"{padding}\n")


def odd_text(answer: Answer, strike: Strike) -> Answer:
    """NUL, other control characters, right-to-left text and emoji before the text."""
    return _before_text(answer, _ODD_TEXT)


def refuse(answer: Answer, strike: Strike) -> Answer:
    """A refusal by the model, which is an answer as far as HTTP goes."""
    details = {"type": "refusal", "category": "general_harms", "explanation": None}
    return replace(answer, blocks=(), stop_reason="refusal", stop_details=details)


def redact(answer: Answer, strike: Strike) -> Answer:
    """A ``redacted_thinking`` block before the others."""
    block = {"type": "redacted_thinking", "data": f"EmwK{strike.luck.getrandbits(256):064x}"}
    return replace(answer, blocks=(block, *answer.blocks))


def say_nothing(answer: Answer, strike: Strike) -> Answer:
    """No content block at all."""
    return replace(answer, blocks=())


def stop_with(reason: str) -> Reword:
    """Another ``stop_reason``."""
    return lambda answer, strike: replace(answer, stop_reason=reason)


def _event(name: str, data: Mapping[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(data))


def _body(delivery: Delivery) -> bytes:
    return b"".join(piece.data for piece in delivery.pieces)


def _with_body(delivery: Delivery, body: bytes) -> Delivery:
    others = tuple(pair for pair in delivery.headers if pair[0] != b"content-length")
    length = (b"content-length", str(len(body)).encode())
    pieces = (replace(delivery.pieces[0], data=body),)
    return replace(delivery, headers=(*others, length), pieces=pieces)


def _first_part(delivery: Delivery, strike: Strike) -> tuple[Piece, ...]:
    """Some events of a stream, else half of the bytes."""
    if strike.is_stream:
        return delivery.pieces[: _events_before(delivery, strike)]
    whole = delivery.pieces[0]
    return (replace(whole, data=whole.data[: len(whole.data) // 2]),)


def _events_before(delivery: Delivery, strike: Strike) -> int:
    """How many events go out first: as told, else a random number; never all of them."""
    last = len(delivery.pieces) - 1
    if strike.extra is None:
        return strike.luck.randint(1, last)
    return min(max(0, int(strike.extra)), last)


def _in_text(delivery: Delivery, strike: Strike, odd: bytes) -> Delivery:
    """Put bytes at the start of each text of the body."""
    if not strike.is_stream:
        body = _body(delivery).replace(b'"type":"text","text":"', b'"type":"text","text":"' + odd)
        return _with_body(delivery, body)
    mark = b'"type":"text_delta","text":"'
    pieces = (
        replace(piece, data=piece.data.replace(mark, mark + odd)) for piece in delivery.pieces
    )
    return replace(delivery, pieces=tuple(pieces))


def _before_text(answer: Answer, odd: str) -> Answer:
    blocks = tuple(
        {**block, "text": odd + block["text"]} if block["type"] == "text" else block
        for block in answer.blocks
    )
    return replace(answer, blocks=blocks)
