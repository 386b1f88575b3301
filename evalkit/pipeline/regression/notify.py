"""Webhooks: tell someone what a regression job came to.

A webhook's address is a secret: it stands in no message and no file. Messages are made of the pages
that the job has written, so that one which could not be sent can still be sent by the next call.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jinja2.exceptions import TemplateError as JinjaError
from jinja2.sandbox import SandboxedEnvironment
from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
)

ATTEMPTS = 4
TIMEOUT_S = 15
_LONGEST = 3500
When = Literal["change", "failure", "always"]


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where to tell it, in which form, and when.

    ``slack``: a JSON object with ``text``, which Slack, Mattermost and others take; ``json``: the
    whole report. ``template`` is a Jinja file whose output is sent instead.
    """

    url: str
    format: Literal["slack", "json"] = "slack"
    when: When = "change"
    template: Path | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A gate's pages: ``report`` is ``gate.json``, ``text`` is ``gate.txt``."""

    report: Mapping[str, Any]
    text: str

    @classmethod
    def of(cls, pages: Path) -> Message:
        """The message of a run's folder of pages."""
        report = json.loads((pages / "gate.json").read_text(encoding="utf-8"))
        return cls(report, (pages / "gate.txt").read_text(encoding="utf-8"))

    def is_wanted(self, when: When) -> bool:
        """Whether it is worth sending; without a verdict before, only what is not well."""
        failed = bool(self.report["exit_code"])
        if when == "always":
            return True
        if when == "failure":
            return failed
        before = self.report["previous"]
        return failed if before is None else bool(before != self.report["verdict"])


class NotTold(Exception):
    """The webhook could not be told; never shows its address."""


class NoAddress(NotTold):
    """What should be an address is none."""

    def __init__(self) -> None:
        super().__init__("the address is no http(s) address")


def check_address(url: str) -> None:
    """Raises NoAddress for what no message can be sent to."""
    _request(url, b"", "text/plain")


def tell_webhook(
    webhook: Webhook, message: Message, sleep: Callable[[float], None] | None = None
) -> None:
    """Send the message, tried again where the other side fails. Raises NotTold."""
    request = _request(webhook.url, *_body(webhook, message))
    settings: dict[str, Any] = {} if sleep is None else {"sleep": sleep}
    retrying = Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(multiplier=1, max=20),
        retry=retry_if_exception_type(_Again),
        **settings,
    )
    try:
        retrying(_send, request)
    except RetryError as error:
        raise NotTold(f"{error.last_attempt.exception()}, {ATTEMPTS} times") from None


class _Again(Exception):
    """Worth another try."""


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the message would be lost on the way, and its address told to others."""

    def redirect_request(self, *_: object) -> None:
        return None


def _request(url: str, body: bytes, kind: str) -> urllib.request.Request:
    headers = {"content-type": kind, "user-agent": "evalkit"}
    try:
        url.encode("ascii")
        request = urllib.request.Request(url, body, headers)
        # Checks the port and refuses what cannot stand in a request line; connects to nothing.
        http.client.HTTPConnection(request.host).putrequest("POST", request.selector)
    except (ValueError, http.client.HTTPException, AttributeError):
        raise NoAddress from None
    if request.type not in ("http", "https"):
        raise NoAddress
    return request


def _send(request: urllib.request.Request) -> None:
    try:
        with urllib.request.build_opener(_Stay).open(request, timeout=TIMEOUT_S):
            return
    except urllib.error.HTTPError as error:
        error.close()
        if error.code >= 500 or error.code in (408, 429):
            raise _Again(f"it answered {error.code}") from None
        elsewhere = ", a redirect, which is not followed" if 300 <= error.code < 400 else ""
        raise NotTold(f"it answered {error.code}{elsewhere}") from None
    except UnicodeError:
        raise NoAddress from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise _Again(f"it cannot be reached ({type(reason).__name__})") from None


def _body(webhook: Webhook, message: Message) -> tuple[bytes, str]:
    if webhook.template is not None:
        text = _rendered(webhook.template, message)
        kind = "application/json" if text.lstrip()[:1] in ("{", "[") else "text/plain"
        return text.encode(), f"{kind}; charset=utf-8"
    told = message.report if webhook.format == "json" else {"text": _for_slack(message.text)}
    return json.dumps(told).encode(), "application/json; charset=utf-8"


def _for_slack(text: str) -> str:
    """Text that Slack takes literally: a case named ``<!channel>`` calls nobody."""
    short = text.rstrip()[:_LONGEST]
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _rendered(template: Path, message: Message) -> str:
    """The template over ``report`` (as in the JSON), ``headline`` and ``text``."""
    try:
        found = SandboxedEnvironment().from_string(template.read_text(encoding="utf-8"))
        return found.render(
            report=message.report, headline=message.report["headline"], text=message.text.rstrip()
        )
    except (OSError, UnicodeError) as error:
        raise NotTold(f"{template} cannot be read: {error}") from None
    except (JinjaError, TypeError, ValueError, ArithmeticError) as error:
        raise NotTold(f"{template} does not render: {error}") from None
