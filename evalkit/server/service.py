"""All that stands behind the endpoints, and how backend, faults, limits and log play together."""

from __future__ import annotations

import heapq
import math
import random
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evalkit.server.backend import Backend, Call, message_document
from evalkit.server.batches import Batch, Batches
from evalkit.server.catalogue import Model
from evalkit.server.delivery import Delivery, Headers
from evalkit.server.faults import FAULTS, FaultPlan, Strike
from evalkit.server.limits import RateLimits, refusal_message
from evalkit.server.refusals import Refusal, error_body, invalid
from evalkit.server.requestlog import Record, RequestLog, request_digest
from evalkit.server.validation import (
    check_betas,
    check_message,
    check_tolerantly,
    check_version,
    find_model,
)
from evalkit.server.wire import Pace, stream, whole

DEFAULT_VERSION = "2023-06-01"
DEFAULT_MAX_TOKENS = 4096


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
        """The lowest draw not yet delivered or under way."""
        returned = self._returned.get(digest)
        if returned:
            return heapq.heappop(returned)
        draw = self._next[digest]
        self._next[digest] = draw + 1
        return draw

    def give_back(self, digest: str, draw: int) -> None:
        """A draw that was not delivered whole."""
        heapq.heappush(self._returned.setdefault(digest, []), draw)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the headers of a request say about its body."""

    version: str = DEFAULT_VERSION
    betas: tuple[str, ...] = ()


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
    draws: Draws = field(default_factory=Draws)
    batches: Batches = field(init=False)

    def __post_init__(self) -> None:
        self.batches = Batches(self._batch_result, delay_s=self.batch_delay_s, seed=self.seed)

    def terms(self, headers: Mapping[str, str], betas: list[str]) -> Terms:
        """Version and betas of a request, refused where the API refuses them."""
        version = headers.get("anthropic-version")
        names = tuple(name.strip() for line in betas for name in line.split(",") if name.strip())
        if not self.is_lenient:
            check_version(version)
            check_betas(names)
        return Terms(version or DEFAULT_VERSION, names)

    def reply(self, body: Mapping[str, Any], terms: Terms, record: Record) -> Delivery:
        """What goes back for ``POST /v1/messages``, faults included."""
        strike = self._strike(record)
        fault = FAULTS[strike.name] if strike else None
        if strike and fault and fault.instead:
            return fault.instead(strike)
        model, body = self._checked(body, terms)
        limited = self._admit(body, model)
        digest = record.digest or ""
        record.draw = self.draws.take(digest)
        answer = self.backend.answer(Call(body, model, digest, record.draw))
        self.limits.generated(answer.usage["output_tokens"], time.monotonic())
        if strike and fault and fault.reword:
            answer = fault.reword(answer, strike)
        pace = self.latency.pace(f"{self.seed}:latency:{digest}:{record.arrival}")
        delivery = (stream if record.stream else whole)(answer, pace, limited)
        if strike and fault and fault.spoil:
            delivery = fault.spoil(delivery, strike)
        record.answered = fault is None or fault.is_harmless
        return delivery

    def settle(self, record: Record) -> None:
        """Close the books on a request that has ended one way or another."""
        record.answered &= record.outcome == "completed" and record.status == 200
        if record.draw is not None and record.digest is not None and not record.answered:
            self.draws.give_back(record.digest, record.draw)
        self.log.end(record)

    def reset(self) -> None:
        """Forget requests and draws, as if just started."""
        self.log.reset()
        self.draws = Draws()

    def _strike(self, record: Record) -> Strike | None:
        strike = self.faults.strike(
            record.number,
            record.digest or "",
            record.arrival or 0,
            record.request_id,
            is_stream=record.stream,
        )
        record.fault = strike.name if strike else None
        return strike

    def _checked(self, body: Mapping[str, Any], terms: Terms) -> tuple[Model, Mapping[str, Any]]:
        """The model and a body that can be answered."""
        model = find_model(body, lenient=self.is_lenient)
        if self.is_lenient:
            check_tolerantly(body)
            return model, {"max_tokens": DEFAULT_MAX_TOKENS, **body}
        check_message(body, model, terms.version, terms.betas)
        return model, body

    def _admit(self, body: Mapping[str, Any], model: Model) -> Headers:
        """Charge the limits; the headers that report them."""
        if not self.limits:
            return ()
        now_s = time.monotonic()
        verdict = self.limits.admit(self.backend.count_tokens(body, model), now_s)
        headers = self.limits.headers(now_s)
        if verdict.wait_s > 0:
            retry = (b"retry-after", str(math.ceil(verdict.wait_s)).encode())
            raise Refusal(429, refusal_message(verdict), headers=(retry, *headers))
        return headers

    def _batch_result(self, params: Mapping[str, Any], batch: Batch) -> dict[str, Any]:
        """One line of a batch: an answer, or the error the request would have met."""
        digest = request_digest(params)
        try:
            if params.get("stream"):
                raise invalid("stream: streaming is not supported in batches")
            model, body = self._checked(params, Terms(batch.version, batch.betas))
        except Refusal as refusal:
            error = error_body(refusal.status, refusal.message, f"req_{batch.id}")
            return {"type": "errored", "error": error}
        draw = self.draws.take(digest)
        answer = self.backend.answer(Call(body, model, digest, draw, tier="batch"))
        self.log.answer(digest)
        return {"type": "succeeded", "message": message_document(answer)}
