"""The events of a stream to the message they spell out: no socket and no clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from evalkit.errors import ApiError
from evalkit.messages.decoding import load_json
from evalkit.messages.response import malformed, parse_error_event, read_message
from evalkit.messages.sse import SseEvent, SseReader
from evalkit.messages.usage import merge_usage, read_usage
from evalkit.types import Response, Usage

__all__ = ["MessageAssembler", "SseEvent", "SseReader"]


class _Block:
    """A content block while its deltas arrive: what it began as, and the pieces to be joined."""

    __slots__ = ("pieces", "shell")

    def __init__(self, shell: dict[str, Any]) -> None:
        self.shell = shell
        self.pieces: dict[str, list[str]] = {}

    def append(self, name: str, delta: dict[str, Any]) -> bool:
        """Adds a piece of text to a field; whether there was any."""
        piece = delta.get(name)
        if not piece:
            return False
        is_its_own = self.shell.get("type") == name or name == "partial_json"
        if not isinstance(piece, str) or not is_its_own:
            raise malformed(f"the stream has a {name} delta that is no text or in a wrong block")
        self.pieces.setdefault(name, []).append(piece)
        return True

    def cite(self, citation: object) -> None:
        """Adds a citation."""
        if not isinstance(self.shell.get("citations"), list):
            self.shell["citations"] = []
        self.shell["citations"].append(citation)

    def whole(self) -> dict[str, Any]:
        """The block as an unstreamed answer would hold it."""
        for name, pieces in self.pieces.items():
            joined = "".join(pieces)
            if name == "partial_json":
                self._put_input(joined)
            else:
                start = self.shell.get(name)
                self.shell[name] = (start if isinstance(start, str) else "") + joined
        self.pieces = {}
        if self.shell.get("type") == "tool_use":
            self.shell.setdefault("input", {})
        return self.shell

    def _put_input(self, text: str) -> None:
        """The tool's input; where ``max_tokens`` cut it, its text stays as ``partial_json``."""
        try:
            self.shell["input"] = load_json(text.encode("utf-8", "surrogatepass"))
        except ValueError:
            self.shell["partial_json"] = text


# The field that a delta appends to; input arrives as text, to be read when it is whole.
_APPENDED = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
_ENDINGS = ("stop_reason", "stop_sequence", "stop_details", "container")


class MessageAssembler:
    """The events of one stream, put together.

    Times are seconds on the caller's clock; ``started_s`` is when the request was sent. Blocks may
    overlap, as llama.cpp's do. Nothing in the error texts shows any of ``secrets``.
    """

    __slots__ = (
        "_blocks",
        "_done",
        "_first_token_s",
        "_has_counted_output",
        "_has_events",
        "_message",
        "_open",
        "_secrets",
        "_started_s",
        "_stopped_s",
        "_text_since_s",
        "_thinking_s",
        "_thinking_since_s",
    )

    def __init__(self, started_s: float, *, secrets: Sequence[str] = ()) -> None:
        self._started_s = started_s
        self._secrets = secrets
        self._message: dict[str, Any] | None = None
        self._blocks: list[_Block] = []
        self._open: dict[int, _Block] = {}
        self._has_events = False
        self._has_counted_output = False
        self._done = False
        self._first_token_s: float | None = None
        self._thinking_s: float | None = None
        self._thinking_since_s: float | None = None
        self._text_since_s: float | None = None
        self._stopped_s: float | None = None

    @property
    def done(self) -> bool:
        """Whether ``message_stop`` has come; what comes later does not matter."""
        return self._done

    def add(self, event: SseEvent, now_s: float) -> None:
        """Takes the next event. Unknown events and deltas are passed over.

        Raises ApiError for an ``error`` event (its kind by its type) and ``malformed`` for an event
        that cannot be part of a message.
        """
        if self._done or event.name == "ping":
            return
        self._has_events = True
        handle = _HANDLERS.get(event.name or "")
        data = _read_data(event, is_known=handle is not None)
        if handle is None:
            kind = data.get("type")
            handle = _HANDLERS.get(kind) if isinstance(kind, str) else None
        if handle is not None:
            handle(self, data, now_s)
        elif _is_error(data):
            self._on_error(data, now_s)

    def result(self) -> Response:
        """The whole answer. Raises ApiError ``stream_cut`` when its end has not come."""
        if self._message is None and self._has_events:
            raise malformed("the stream is not one of the Messages API")
        if self._message is None or not self._done:
            what = "ended before message_stop" if self._has_events else "was empty"
            raise ApiError("stream_cut", f"the stream {what}", status=200, usage=self._usage())
        if not self._message.get("stop_reason"):
            what = "the stream ended without a stop_reason"
            raise ApiError("stream_cut", what, status=200, usage=self._usage())
        text_s = None
        if self._text_since_s is not None and self._stopped_s is not None:
            text_s = self._stopped_s - self._text_since_s
        return read_message(
            self.message(),
            first_token_s=self._first_token_s,
            thinking_s=self._thinking_s,
            text_s=text_s,
        )

    def message(self) -> dict[str, Any]:
        """The ``message`` object as far as it has come, as an unstreamed answer would hold it."""
        content = [block.whole() for block in self._blocks]
        return {**(self._message or {}), "content": content, "usage": self._counted()}

    def _counted(self) -> Any:
        """The counters so far, without the placeholder that stands for the output at first."""
        usage = (self._message or {}).get("usage")
        if self._has_counted_output or not isinstance(usage, dict):
            return usage
        return {name: usage[name] for name in usage if not name.startswith("output_tokens")}

    def _usage(self) -> Usage:
        return read_usage(self._counted(), has_content=bool(self._blocks))

    def _on_start(self, data: dict[str, Any], now_s: float) -> None:
        message = data.get("message")
        if not isinstance(message, dict) or self._message is not None:
            raise malformed("the stream has a message_start that is broken or the second one")
        self._message = message

    def _on_block_start(self, data: dict[str, Any], now_s: float) -> None:
        index, shell = data.get("index"), data.get("content_block")
        if self._message is None or not isinstance(index, int) or not isinstance(shell, dict):
            raise malformed("the stream has a content_block_start that is broken or too early")
        self._open[index] = block = _Block(shell)
        self._blocks.append(block)
        kind = shell.get("type")
        self._clock_thinking(kind in ("thinking", "redacted_thinking"), now_s)
        if kind not in ("text", "thinking") or shell.get(kind):
            self._clock_token(now_s)

    def _on_delta(self, data: dict[str, Any], now_s: float) -> None:
        index, delta = data.get("index"), data.get("delta")
        block = self._open.get(index) if isinstance(index, int) else None
        if block is None or not isinstance(delta, dict):
            raise malformed("the stream has a content_block_delta that is broken or has no block")
        kind = delta.get("type")
        if kind == "signature_delta":
            block.shell["signature"] = delta.get("signature")
        elif kind == "citations_delta":
            block.cite(delta.get("citation"))
        elif isinstance(kind, str) and kind in _APPENDED and block.append(_APPENDED[kind], delta):
            self._clock_thinking(kind == "thinking_delta", now_s)
            self._clock_token(now_s)
            if kind == "text_delta" and self._text_since_s is None:
                self._text_since_s = now_s

    def _on_block_stop(self, data: dict[str, Any], now_s: float) -> None:
        index = data.get("index")
        block = self._open.pop(index, None) if isinstance(index, int) else None
        if block is not None and block.shell.get("type") in ("thinking", "redacted_thinking"):
            self._clock_thinking(False, now_s)

    def _on_message_delta(self, data: dict[str, Any], now_s: float) -> None:
        delta, usage = data.get("delta"), data.get("usage")
        if self._message is None or not isinstance(delta, dict):
            raise malformed("the stream has a message_delta that is broken or too early")
        self._message.update(
            (name, delta[name]) for name in _ENDINGS if delta.get(name) is not None
        )
        if isinstance(usage, dict):
            known = self._message.get("usage")
            self._message["usage"] = merge_usage(known if isinstance(known, dict) else {}, usage)
            self._has_counted_output |= usage.get("output_tokens") is not None

    def _on_stop(self, data: dict[str, Any], now_s: float) -> None:
        self._clock_thinking(False, now_s)
        self._stopped_s = now_s
        self._done = True

    def _on_error(self, data: dict[str, Any], now_s: float) -> None:
        error = parse_error_event(data, secrets=self._secrets)
        error.usage = self._usage()
        raise error

    def _clock_token(self, now_s: float) -> None:
        if self._first_token_s is None:
            self._first_token_s = now_s - self._started_s

    def _clock_thinking(self, thinks: bool, now_s: float) -> None:
        """Starts or stops the time of thinking; it stops too when another block goes on."""
        if thinks and self._thinking_since_s is None:
            self._thinking_since_s = now_s
        elif not thinks and self._thinking_since_s is not None:
            self._thinking_s = (self._thinking_s or 0.0) + now_s - self._thinking_since_s
            self._thinking_since_s = None


_HANDLERS: dict[str, Callable[[MessageAssembler, dict[str, Any], float], None]] = {
    "message_start": MessageAssembler._on_start,
    "content_block_start": MessageAssembler._on_block_start,
    "content_block_delta": MessageAssembler._on_delta,
    "content_block_stop": MessageAssembler._on_block_stop,
    "message_delta": MessageAssembler._on_message_delta,
    "message_stop": MessageAssembler._on_stop,
    "error": MessageAssembler._on_error,
}


def _read_data(event: SseEvent, *, is_known: bool) -> dict[str, Any]:
    """An event's JSON object; empty for one of another form that we need not understand."""
    try:
        data = load_json(event.data) if event.data else {}
    except ValueError:
        data = None
    if isinstance(data, dict):
        return data
    if is_known or event.data.startswith(b"{"):
        raise malformed("the stream has an event that is not JSON")
    return {}


def _is_error(data: dict[str, Any]) -> bool:
    """Whether an event without a known name tells of an error, as other servers write it."""
    return isinstance(data.get("error"), dict | str) or ("code" in data and "message" in data)
