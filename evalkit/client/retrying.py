"""A Client that tries again: tenacity's loop with evalkit's predicate, wait and stop.

What is worth a second try is the table in ``evalkit.errors``. A 429 or 529 waits as told and does
not use up an attempt; everything else has ``attempts`` tries. All of it ends after ``within_s``,
which counts service and back-off: a trial that had to queue for room has lost nothing yet.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from evalkit.client.client import Client
from evalkit.client.clock import Clock
from evalkit.errors import ApiError
from evalkit.policies import Retries
from evalkit.types import Attempt, Request, Response

# A refusal for rate carries no attempt of its own, but an endless row of them must end too.
_MOST_TRIES = 1_000


class RetryingClient:
    """Wraps a client; every attempt leaves its record in ``attempts``, of answers and errors."""

    def __init__(
        self,
        client: Client,
        policy: Retries,
        clock: Clock,
        stopping: asyncio.Event,
        jitter: random.Random,
    ) -> None:
        self._client = client
        self._policy = policy
        self._clock = clock
        self._stopping = stopping
        self._jitter = jitter

    async def send(self, request: Request, on_start: Callable[[], None] | None = None) -> Response:
        """Ask until there is an answer or no hope; raises the last ApiError."""
        history = _History()
        try:
            try:
                response = await self._attempt(request, on_start, history)
            except ApiError as error:
                response = await self._again(request, on_start, history, error)
        except ApiError as error:
            if error.is_retryable and self._stopping.is_set():
                # Not given up, only interrupted: the trial stays open and is asked on resume.
                raise ApiError("cancelled", "stopped before it could be tried again") from error
            error.attempts = tuple(history.attempts)
            raise
        return replace(response, attempts=tuple(history.attempts))

    async def _again(
        self,
        request: Request,
        on_start: Callable[[], None] | None,
        history: _History,
        first: ApiError,
    ) -> Response:
        """Go on after the first attempt has failed.

        The first one is made outside of tenacity's loop, since most requests need no other and the
        loop costs as much as everything else here; its error is what the loop begins with.
        """
        errors = [first]

        async def attempt() -> Response:
            if errors:
                raise errors.pop()
            return await self._attempt(request, on_start, history)

        retrying = AsyncRetrying(
            retry=retry_if_exception(_is_retryable),
            stop=lambda state: self._is_over(state, history),
            wait=lambda state: self._wait_s(state, history),
            sleep=lambda seconds: self._sleep(seconds, history),
            reraise=True,
        )
        response: Response = await retrying(attempt)
        return response

    async def _attempt(
        self, request: Request, on_start: Callable[[], None] | None, history: _History
    ) -> Response:
        # Times are the wire's own: waiting for room inside the wrapped client is not service.
        try:
            response = await self._client.send(request, on_start)
        except ApiError as error:
            history.note(
                Attempt(
                    status=error.status,
                    error_kind=error.kind,
                    waited_s=history.waited_s,
                    elapsed_s=error.elapsed_s or 0.0,
                    request_id=error.request_id,
                    usage=error.usage,
                    message=error.message,
                )
            )
            raise
        elapsed_s = response.elapsed_s or 0.0
        history.note(
            Attempt(200, None, history.waited_s, elapsed_s, response.request_id, response.usage)
        )
        return response

    def _is_over(self, state: RetryCallState, history: _History) -> bool:
        error = _error(state)
        if self._stopping.is_set():
            return True
        wait_s = error.retry_after_s or 0.0
        if wait_s > self._policy.max_retry_after_s:
            return True
        if history.spent_s + wait_s >= self._policy.within_s:
            return True
        return history.counted >= self._policy.attempts or len(history.attempts) >= _MOST_TRIES

    def _wait_s(self, state: RetryCallState, history: _History) -> float:
        error = _error(state)
        if error.retry_after_s:  # "in 0 seconds" names no time: told so, everyone would hammer on
            return error.retry_after_s
        tries = len(history.attempts) - 1
        longest_s = min(self._policy.max_wait_s, self._policy.first_wait_s * 2 ** min(tries, 30))
        return self._jitter.uniform(0.0, longest_s)

    async def _sleep(self, seconds: float, history: _History) -> None:
        start_s = self._clock.now_s()
        await self._clock.sleep(seconds, self._stopping)
        history.waited_s = self._clock.now_s() - start_s
        if self._stopping.is_set():
            raise ApiError("cancelled", "stopped while waiting to try again")


class _History:
    """What one trial has been through; ``waited_s`` is the back-off before the next attempt."""

    def __init__(self) -> None:
        self.spent_s = 0.0
        self.waited_s = 0.0
        self.counted = 0
        self.attempts: list[Attempt] = []

    def note(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)
        self.spent_s += attempt.waited_s + attempt.elapsed_s
        self.waited_s = 0.0
        is_free = attempt.error_kind in ("rate_limit", "overloaded")
        self.counted += not is_free


def _is_retryable(error: BaseException) -> bool:
    return isinstance(error, ApiError) and error.is_retryable


def _error(state: RetryCallState) -> ApiError:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, ApiError):
        raise TypeError(f"only ApiErrors are retried, not {error!r}")
    return error
