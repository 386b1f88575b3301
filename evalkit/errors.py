"""One tree of errors; each says what to do next and with which exit code the command ends.

::

    EvalkitError                exit
    ├── UsageError              2   wrong command line
    ├── ConfigError             2   the suite: every fault at once, each with file:line
    ├── DatasetError            2   the data: file and line
    ├── TemplateError           2   a prompt that does not render
    ├── LocalModelError         2   the embedded model cannot be had or started
    ├── StoreError              2   the run folder: locked, corrupt, full, not ours
    │   └── UnknownRun          2
    ├── ApiError                3   one request failed; only some kinds doom the run
    └── BudgetExhausted         4   the cost cap

What an API failure means is one table, ``FAILURES``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalkit.types import Attempt, Usage

EXIT_OK = 0
EXIT_GATE_FAILED = 1
EXIT_USAGE = 2
EXIT_API = 3
EXIT_BUDGET = 4
EXIT_INCONCLUSIVE = 5
EXIT_FAULT = 70
EXIT_INTERRUPTED = 130

EXIT_CODES = {
    EXIT_OK: "fine",
    EXIT_GATE_FAILED: "gate failed (a regression)",
    EXIT_USAGE: "wrong use or config",
    EXIT_API: "the API refused us, or too many trials failed",
    EXIT_BUDGET: "budget reached",
    EXIT_INCONCLUSIVE: "inconclusive gate",
    EXIT_FAULT: "a fault of evalkit itself, never a verdict",
    EXIT_INTERRUPTED: "interrupted",
}


class EvalkitError(Exception):
    """Anything evalkit says no to. ``hint`` is the next thing to do."""

    exit_code = EXIT_USAGE

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(EvalkitError):
    """The command line asks for something that cannot be."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in a file: where it stands and what is wrong, in one line."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class ConfigError(EvalkitError):
    """Everything wrong with a suite, at once."""

    def __init__(self, problems: Sequence[Problem], hint: str | None = None) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems), hint)


class DatasetError(EvalkitError):
    """A dataset that cannot be read, or a row that cannot be used."""


class TemplateError(EvalkitError):
    """A prompt template that does not compile or render."""


class LocalModelError(EvalkitError):
    """The embedded local model is not installed, has no weights, or does not start."""


class StoreError(EvalkitError):
    """A run folder that cannot be read or written."""


class UnknownRun(StoreError):
    """No run of that name."""


class BudgetExhausted(EvalkitError):
    """The cost cap admits no further request."""

    exit_code = EXIT_BUDGET


@dataclass(frozen=True, slots=True)
class FailureKind:
    """What follows from one kind of failure.

    ``is_retryable``: sent again within the retry policy. ``slows_everyone``: the shared rate is
    lowered and the trial's attempts are not used up. ``dooms_run``: no other request would fare
    better, so the run stops. ``is_model_error``: the request itself was refused (it scores 0);
    otherwise the answer is missing through no fault of the model.
    """

    meaning: str
    is_retryable: bool = False
    slows_everyone: bool = False
    dooms_run: bool = False
    is_model_error: bool = False


FAILURES: dict[str, FailureKind] = {
    "invalid_request": FailureKind("the server rejects this request", is_model_error=True),
    "request_too_large": FailureKind("the request is too large", is_model_error=True),
    "not_found": FailureKind("no such path", is_model_error=True),
    "unknown_model": FailureKind("the endpoint has no such model", dooms_run=True),
    "authentication": FailureKind("the key was refused", dooms_run=True),
    "permission": FailureKind("the key may not do this", dooms_run=True),
    "billing": FailureKind("the account cannot pay", dooms_run=True),
    "spend_limit": FailureKind("the account's spend limit is reached", dooms_run=True),
    "rate_limit": FailureKind("too many requests", is_retryable=True, slows_everyone=True),
    "overloaded": FailureKind("the server is overloaded", is_retryable=True, slows_everyone=True),
    "conflict": FailureKind("a concurrent change", is_retryable=True),
    "server_error": FailureKind("the server failed", is_retryable=True),
    "timeout": FailureKind("no answer in time", is_retryable=True),
    "tls": FailureKind("no trusted connection to the server", dooms_run=True),
    "proxy": FailureKind("the proxy does not let requests through", dooms_run=True),
    "connection": FailureKind("the connection failed", is_retryable=True),
    "malformed": FailureKind("the answer is not a Messages API answer", is_retryable=True),
    "stream_cut": FailureKind("the stream ended before message_stop", is_retryable=True),
    "response_too_large": FailureKind("the answer exceeds the size limit", is_model_error=True),
    "cancelled": FailureKind("stopped before an answer came"),
}


class ApiError(EvalkitError):
    """One request that did not yield an answer.

    ``kind`` is a key of ``FAILURES``; ``should_retry`` is the server's own word
    (``x-should-retry``), which wins over the table. ``body`` is the beginning of what the server
    sent, made safe to show; ``usage`` what was counted before the failure; ``is_sent`` whether
    the request can have reached the server; ``elapsed_s`` the seconds in service, without any
    waiting for room.
    """

    exit_code = EXIT_API

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        should_retry: bool | None = None,
        request_id: str | None = None,
        usage: Usage | None = None,
        body: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint)
        self.kind = kind
        self.status = status
        self.retry_after_s = retry_after_s
        self.should_retry = should_retry
        self.request_id = request_id
        self.usage = usage
        self.body = body
        self.is_sent = True
        self.elapsed_s: float | None = None
        self.attempts: tuple[Attempt, ...] = ()

    @property
    def is_retryable(self) -> bool:
        """Whether the same request may succeed later."""
        if self.should_retry is not None and not self.dooms_run:
            return self.should_retry
        return FAILURES[self.kind].is_retryable

    @property
    def slows_everyone(self) -> bool:
        """Whether the endpoint asks all of us to slow down."""
        return FAILURES[self.kind].slows_everyone

    @property
    def may_cost(self) -> bool:
        """Whether the server may have worked on an answer, and charge for it."""
        return self.is_sent and self.kind != "cancelled" and self.status in (None, 200)

    @property
    def dooms_run(self) -> bool:
        """Whether every other request would fail the same way."""
        return FAILURES[self.kind].dooms_run
