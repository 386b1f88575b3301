"""All that stands behind the endpoints, and how backend, faults, limits and log play together."""

from __future__ import annotations

import heapq
import math
import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalkit.messages.request import request_digest
from evalkit.server.backend import Backend, Call, message_document
from evalkit.server.batches import Batch, Batches
from evalkit.server.catalogue import Model
from evalkit.server.damage import Strike
from evalkit.server.delivery import Delivery, Headers
from evalkit.server.faults import FAULTS, FaultPlan, demanded
from evalkit.server.limits import RateLimits, refusal_message
from evalkit.server.refusals import Refusal, error_body, invalid
from evalkit.server.requestlog import Record, RequestLog
from evalkit.server.validation import (
    check_betas,
    check_message,
    check_tolerantly,
    check_version,
    check_window,
    find_model,
)
from evalkit.server.wire import Pace, stream, whole

DEFAULT_VERSION = "2023-06-01"
DEFAULT_MAX_TOKENS = 4096
FAULT_HEADER = "x-evalkit-fault"


@dataclass(frozen=True, slots=True)
class Latency:
    """How long answers take: ``mean_s`` to the first token with a lognormal spread ``sigma``."""

    mean_s: float = 0.0
    sigma: float = 0.0
    tokens_per_second: float = 0.0

    def pace(self, seed: str) -> Pace:
        """The pace of one answer; the same for the same seed."""
        if self.mean_s <= 0 or self.sigma <= 0:
            return Pace(self.mean_s, self.tokens_per_second)
        middle = math.log(self.mean_s) - self.sigma**2 / 2
        drawn_s = random.Random(seed).lognormvariate(middle, self.sigma)
        return Pace(drawn_s, self.tokens_per_second)


class Draws:
    """Numbers the draws of each request 0, 1, 2 …; one that did not arrive is given out again."""

    def __init__(self) -> None:
        self._next: dict[str, int] = defaultdict(int)
        self._returned: dict[str, list[int]] = {}

    def take(self, digest: str) -> int:
        """The lowest draw neither delivered nor under way."""
        returned = self._returned.get(digest)
        if returned:
            return heapq.heappop(returned)
        draw = self._next[digest]
        self._next[digest] = draw + 1
        return draw

    def give_back(self, digest: str, draw: int) -> None:
        """Note a draw that was not delivered whole."""
        heapq.heappush(self._returned.setdefault(digest, []), draw)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the headers of a request say about its body. ``fault`` is one it asks for."""

    version: str = DEFAULT_VERSION
    betas: tuple[str, ...] = ()
    fault: str | None = None


@dataclass(slots=True)
class Service:
    """The simulated API without its wire."""

    backend: Backend
    log: RequestLog = field(default_factory=RequestLog)
    faults: FaultPlan = field(default_factory=FaultPlan)
    limits: RateLimits = field(default_factory=RateLimits)
    latency: Latency = Latency()
    api_key: str | None = None
    is_lenient: bool = False
    seed: int = 0
    batch_delay_s: float = 0.0
    batches: Batches = field(init=False)
    _draws: Draws = field(default_factory=Draws)

    def __post_init__(self) -> None:
        self.batches = Batches(self._batch_result, delay_s=self.batch_delay_s, seed=self.seed)

    def terms(self, headers: Mapping[str, str], betas: Sequence[str]) -> Terms:
        """Version and betas of a request, refused where the API refuses them."""
        version = headers.get("anthropic-version")
        names = tuple(name.strip() for line in betas for name in line.split(",") if name.strip())
        if not self.is_lenient:
            check_version(version)
            check_betas(names)
        return Terms(version or DEFAULT_VERSION, names, headers.get(FAULT_HEADER))

    def reply(self, body: Mapping[str, Any], terms: Terms, record: Record) -> Delivery:
        """What goes back for ``POST /v1/messages``, faults included."""
        strike = self._strike(terms, record)
        fault = FAULTS[strike.name] if strike else None
        if strike and fault and fault.instead:
            return fault.instead(strike)
        model, body, tokens = self._checked(body, terms)
        limit_headers = self._admit(tokens)
        digest = record.digest or ""
        pace = self.latency.pace(f"{self.seed}:latency:{digest}:{record.arrival}")
        record.draw = self._draws.take(digest)
        answer = self.backend.answer(
            Call(body, model, digest, record.draw, begins_in_s=pace.first_s)
        )
        self.limits.generated(answer.usage["output_tokens"], time.monotonic())
        if strike and fault and fault.reword:
            answer = fault.reword(answer, strike)
        delivery = (stream if record.stream else whole)(answer, pace, limit_headers)
        if strike and fault and fault.spoil:
            delivery = fault.spoil(delivery, strike)
        record.answered = fault is None or fault.is_harmless
        return delivery

    def settle(self, record: Record) -> None:
        """Close the books on a request that has ended one way or another."""
        record.answered &= record.outcome == "completed" and record.status == 200
        if record.draw is not None and record.digest is not None and not record.answered:
            self._draws.give_back(record.digest, record.draw)
        self.log.end(record)

    def reset(self) -> None:
        """Forget requests and draws, as if just started."""
        self.log.reset()
        self._draws = Draws()

    def _strike(self, terms: Terms, record: Record) -> Strike | None:
        name = record.request_id
        if terms.fault is not None:
            strike = demanded(terms.fault, name, is_stream=record.stream)
            if strike is None:
                raise invalid(f"{FAULT_HEADER}: no fault {terms.fault}")
        else:
            strike = self.faults.strike(
                record.number,
                record.digest or "",
                record.arrival or 0,
                name,
                is_stream=record.stream,
            )
        record.fault = strike.name if strike else None
        return strike

    def _checked(
        self, body: Mapping[str, Any], terms: Terms
    ) -> tuple[Model, Mapping[str, Any], int]:
        """The model, a body that can be answered, and its input tokens."""
        model = find_model(body, lenient=self.is_lenient)
        if self.is_lenient:
            check_tolerantly(body, model)
            body = {"max_tokens": DEFAULT_MAX_TOKENS, **body}
        else:
            check_message(body, model, terms.version, terms.betas)
        tokens = self.backend.count_tokens(body, model)
        check_window(tokens, body["max_tokens"], model)
        return model, body, tokens

    def _admit(self, tokens: int) -> Headers:
        """Charge the limits; the headers that report them."""
        if not self.limits:
            return ()
        now_s = time.monotonic()
        verdict = self.limits.admit(tokens, now_s)
        headers = self.limits.headers(now_s)
        if verdict.wait_s > 0:
            retry = (b"retry-after", str(math.ceil(verdict.wait_s)).encode())
            raise Refusal(429, refusal_message(verdict), headers=(retry, *headers))
        return headers

    def _batch_result(self, request: Mapping[str, Any], batch: Batch) -> dict[str, Any]:
        """What becomes of one request of a batch: an answer, or the error it would have met."""
        params = request["params"]
        digest = request_digest(params)
        fault = self.faults.batch_strike(batch.id, request["custom_id"])
        if fault == "batch-expired":
            return {"type": "expired"}
        try:
            if fault:
                raise Refusal(500, "Internal server error")
            if params.get("stream"):
                raise invalid("stream: streaming is not supported in batches")
            model, body, _ = self._checked(params, Terms(batch.version, batch.betas))
            if body["max_tokens"] == 0:
                raise invalid("max_tokens: 0 is not supported in batches")
        except Refusal as refusal:
            error = error_body(refusal.status, refusal.message, f"req_{batch.id}")
            return {"type": "errored", "error": error}
        call = Call(body, model, digest, self._draws.take(digest), tier="batch")
        self.log.batch_item(digest)
        return {"type": "succeeded", "message": message_document(self.backend.answer(call))}
