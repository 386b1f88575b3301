"""Server-sent events out of bytes: incremental, pure, in whatever pieces the bytes arrive."""

from __future__ import annotations

from typing import NamedTuple

from evalkit.messages.decoding import load_json

_BOM = b"\xef\xbb\xbf"
_EVENT_TYPE = "text/event-stream"
_FIELDS = (b"event:", b"data:", b"id:", b"retry:", b":")
_DOCUMENTS = (b"{", b"[", b"<")


class SseEvent(NamedTuple):
    """One event: its name, if it was given one, and its data as sent."""

    name: str | None
    data: bytes


def looks_like_events(start: bytes, content_type: str) -> bool:
    """Whether a body is a stream of events, by its first bytes before its type.

    Gateways label streams as JSON or plain text, and send errors as JSON labelled as a stream.
    """
    start = start.removeprefix(_BOM)
    if start.startswith(_FIELDS):
        return True
    return content_type.strip().lower().startswith(_EVENT_TYPE) and not start.startswith(_DOCUMENTS)


class SseReader:
    """Bytes in, events out, in whatever pieces the bytes arrive.

    Lines may end in LF, CR or CRLF; comments, ids and retry times are passed over. What has come of
    an unfinished event is held, so the caller must cap how much it feeds.
    """

    __slots__ = ("_after_cr", "_at_start", "_held", "_searched")

    def __init__(self) -> None:
        self._held = bytearray()
        self._searched = 0
        self._after_cr = False
        self._at_start = True

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """The events that these bytes complete."""
        if self._after_cr or b"\r" in chunk:
            chunk = self._with_plain_line_ends(chunk)
        self._held += chunk
        if self._at_start and not self._past_bom():
            return []
        end = self._held.rfind(b"\n\n", self._searched)
        if end < 0:
            self._searched = max(0, len(self._held) - 1)
            return []
        blocks = bytes(self._held[:end]).split(b"\n\n")
        del self._held[: end + 2]
        self._searched = max(0, len(self._held) - 1)
        return [event for block in blocks if (event := _read_block(block)) is not None]

    def close(self) -> list[SseEvent]:
        """The last event where the server left out its final blank line, if it is whole."""
        event = _read_block(bytes(self._held))
        self._held.clear()
        if event is None or not event.data:
            return []
        try:
            load_json(event.data)
        except ValueError:
            return []
        return [event]

    def _with_plain_line_ends(self, chunk: bytes) -> bytes:
        """CR and CRLF as LF; an LF that only ends a CRLF cut in two is dropped."""
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_cr = False
        if chunk:
            self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _past_bom(self) -> bool:
        """Drops a byte order mark; False while the first bytes may still become one."""
        if len(self._held) < len(_BOM) and _BOM.startswith(self._held):
            return False
        if self._held.startswith(_BOM):
            del self._held[: len(_BOM)]
        self._at_start = False
        return True


def _read_block(block: bytes) -> SseEvent | None:
    """The event in the lines between two blank ones; None for comments alone."""
    if block.startswith(b"event: "):
        name, _, rest = block.partition(b"\n")
        if rest.startswith(b"data: ") and b"\n" not in rest:
            return SseEvent(name[7:].decode("utf-8", "replace"), rest[6:])
    event_name: str | None = None
    data: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            event_name = value.decode("utf-8", "replace")
    return SseEvent(event_name or None, b"\n".join(data)) if data or event_name else None
