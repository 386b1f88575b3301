"""The nouns: what a suite is turned into, what comes back, and how it is graded.

All are frozen, slotted dataclasses, so that they are hashable where their fields are, cheap, and
picklable. ``key`` is a readable identity, ``digest`` a content hash (``b2:…``), ``id`` a name given
by someone else. Unknown is ``None``, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

ThinkingMode = Literal["default", "off", "budget", "adaptive"]
Source = Literal["api", "batch", "cache", "import"]


@dataclass(frozen=True, slots=True)
class Thinking:
    """One setting of how much a model may think.

    ``default`` sends nothing and leaves the choice to the server; ``off`` asks for none; ``budget``
    allows about ``budget_tokens``; ``adaptive`` lets the model decide. ``effort`` (low … max) may
    accompany any of them, ``display`` says in which form thinking is returned.
    """

    mode: ThinkingMode = "default"
    budget_tokens: int | None = None
    effort: str | None = None
    display: str | None = None

    @property
    def key(self) -> str:
        """A readable identity: ``off``, ``think-4096``, ``adaptive-high``, ``effort-low``."""
        base = f"think-{self.budget_tokens}" if self.mode == "budget" else self.mode
        if not self.effort:
            return base
        return f"effort-{self.effort}" if self.mode == "default" else f"{base}-{self.effort}"

    @property
    def is_on(self) -> bool:
        """Whether thinking is asked for (``default`` asks for nothing)."""
        return self.mode in ("budget", "adaptive")


@dataclass(frozen=True, slots=True)
class Sampling:
    """Sampling fields. ``None`` means: do not send the field."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go and how they are signed. Holds the *name* of the key, never the key.

    ``auth``: ``x-api-key``, ``bearer``, ``both`` or ``none``. ``thinking_switch`` adds llama.cpp's
    ``chat_template_kwargs.enable_thinking``, which other servers must not see. ``is_embedded``:
    the local model evalkit itself has started, reached past any proxy.
    """

    name: str
    base_url: str
    auth: str = "x-api-key"
    api_key_env: str | None = None
    api_key_cmd: str | None = None
    version: str = "2023-06-01"
    beta: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    stream: bool = True
    thinking_switch: bool = False
    is_embedded: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """A dataset row. ``cluster`` groups cases that share a cause, so statistics count them once."""

    id: str
    inputs: Mapping[str, Any]
    target: str | None = None
    cluster: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Variant:
    """What is compared: a prompt, a model and a thinking setting."""

    prompt: str
    model: str
    thinking: Thinking

    @property
    def key(self) -> str:
        """``prompt/model/thinking``, for example ``concise/claude-haiku-4-5/think-4096``."""
        return f"{self.prompt}/{self.model}/{self.thinking.key}"


@dataclass(frozen=True, slots=True)
class Request:
    """One request in the vocabulary of the Messages API, before it is bytes.

    ``messages`` and ``system`` hold wire-shaped content (strings or lists of content blocks).
    ``options`` are further body fields (tools, metadata, output_config …), passed on as they are;
    ``extra_body`` wins over everything. ``max_tokens`` already contains the thinking budget.

    The last three are for whoever paces requests, and are not sent: the variant that asks, the
    digest of the prefix that all its requests share where it is to be cached, and the prompt's
    size in bytes.
    """

    model: str
    messages: tuple[Mapping[str, Any], ...]
    max_tokens: int
    system: str | tuple[Mapping[str, Any], ...] | None = None
    thinking: Thinking = Thinking()
    sampling: Sampling = Sampling()
    stop_sequences: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    variant_key: str = ""
    prefix_key: str | None = None
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """Case x variant x sample: one planned answer. ``key`` is the run-wide identity (``b2:…``)."""

    key: str
    case_id: str
    variant: Variant
    sample: int
    request: Request
    request_digest: str
    case: Case | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as reported; ``None`` where the server did not say.

    ``input_tokens`` is the uncached part only; the whole prompt is :attr:`total_input_tokens`.
    ``cache_write_1h_tokens`` is the part of ``cache_write_tokens`` kept for an hour, which costs
    more; ``web_searches`` are paid for each.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    thinking_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    service_tier: str | None = None
    inference_geo: str | None = None
    speed: str | None = None
    web_searches: int | None = None

    @property
    def total_input_tokens(self) -> int | None:
        """Input + cache write + cache read, or ``None`` if the input count is unknown."""
        if self.input_tokens is None:
            return None
        return self.input_tokens + (self.cache_read_tokens or 0) + (self.cache_write_tokens or 0)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request as sent: how it ended and what it took. ``error_kind`` is None for success."""

    status: int | None
    error_kind: str | None
    waited_s: float
    elapsed_s: float
    request_id: str | None = None
    usage: Usage | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer. ``text`` joins all text blocks; thinking is kept apart.

    ``first_token_s`` (to the first content of any kind), ``thinking_s`` (thinking blocks only),
    ``text_s`` (from the first text to the end) and ``elapsed_s`` are seconds of the successful
    attempt, in service.
    """

    text: str
    thinking: str
    stop_reason: str | None
    usage: Usage
    model: str | None = None
    id: str | None = None
    request_id: str | None = None
    stop_sequence: str | None = None
    redacted_blocks: int = 0
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    refusal_category: str | None = None
    first_token_s: float | None = None
    thinking_s: float | None = None
    text_s: float | None = None
    elapsed_s: float | None = None
    attempts: tuple[Attempt, ...] = ()
    cost_usd: float | None = None  # of a stored answer, all attempts together


@dataclass(frozen=True, slots=True)
class Failure:
    """An expected failure as a value. ``kind`` is one of ``evalkit.errors.FAILURES``."""

    kind: str
    message: str
    status: int | None = None
    request_id: str | None = None
    elapsed_s: float | None = None
    attempts: tuple[Attempt, ...] = ()


Outcome = Response | Failure


@dataclass(frozen=True, slots=True)
class TrialResult:
    """A trial and what became of it: one journal row, one Parquet row.

    ``original_cost_usd`` is what a cached answer cost when it was asked; now it costs 0.
    """

    trial: Trial
    outcome: Outcome
    started_at: datetime
    queued_s: float | None = None
    cost_usd: float | None = None
    pricing_source: str | None = None
    source: Source = "api"
    original_cost_usd: float | None = None

    @property
    def is_ok(self) -> bool:
        """Whether an answer came back."""
        return isinstance(self.outcome, Response)


@dataclass(frozen=True, slots=True)
class Score:
    """One scorer's grade: ``value`` in [0, 1], or None with the ``reason`` it could not be had.

    ``answer`` is what the scorer read out of the response, where it reads something out.
    """

    scorer: str
    value: float | None
    answer: str | None = None
    reason: str | None = None
