"""What an answering machine behind the API is asked and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from evalkit.server.catalogue import Model


@dataclass(frozen=True, slots=True)
class Call:
    """One valid request: its body, the model's rules, and which draw of this request it is.

    ``begins_in_s``: seconds until the answer begins, from when on its prompt is cached.
    """

    body: Mapping[str, Any]
    model: Model
    digest: str
    draw: int
    tier: str = "standard"
    begins_in_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer in the vocabulary of the API. ``blocks`` are complete content blocks."""

    id: str
    model: str
    blocks: tuple[Mapping[str, Any], ...]
    stop_reason: str
    usage: Mapping[str, Any]
    stop_sequence: str | None = None
    stop_details: Mapping[str, Any] | None = None


class Backend(Protocol):
    """Anything that answers calls and counts their tokens."""

    def answer(self, call: Call) -> Answer:
        """One answer. The same call yields the same answer."""
        ...

    def count_tokens(self, body: Mapping[str, Any], model: Model) -> int:
        """Input tokens of a request body."""
        ...


def message_document(answer: Answer) -> dict[str, Any]:
    """The answer as the JSON document of a request that does not stream."""
    return {
        "id": answer.id,
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": list(answer.blocks),
        "stop_reason": answer.stop_reason,
        "stop_sequence": answer.stop_sequence,
        "stop_details": answer.stop_details,
        "usage": answer.usage,
    }
