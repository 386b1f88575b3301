"""Tell a webhook what a gate found. Its address is a secret: it is in no message and no file."""

from __future__ import annotations

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

from evalkit.report import gate as pages
from evalkit.report.gate_report import GateReport

ATTEMPTS = 4
TIMEOUT_S = 15
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


class NotTold(Exception):
    """The webhook could not be told; never shows its address."""


def is_wanted(when: When, report: GateReport) -> bool:
    """Whether a report is worth a message; without a verdict before, only what is not well."""
    if when == "always":
        return True
    if when == "failure":
        return report.exit_code != 0
    before = report.previous
    return report.exit_code != 0 if before is None else before != report.verdict


def tell_webhook(
    webhook: Webhook, report: GateReport, sleep: Callable[[float], None] | None = None
) -> None:
    """Send the message, tried again where the other side fails. Raises NotTold."""
    body, kind = _body(webhook, report)
    try:
        request = urllib.request.Request(
            webhook.url, body, {"content-type": kind, "user-agent": "evalkit"}
        )
    except ValueError:
        raise NotTold("the address is no http(s) address") from None
    if request.type not in ("http", "https"):
        raise NotTold("the address is no http(s) address")
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


def _send(request: urllib.request.Request) -> None:
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S):
            return
    except urllib.error.HTTPError as error:
        error.close()
        if error.code >= 500 or error.code in (408, 429):
            raise _Again(f"it answered {error.code}") from None
        raise NotTold(f"it answered {error.code}") from None
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise _Again(f"it cannot be reached ({type(reason).__name__})") from None


def _body(webhook: Webhook, report: GateReport) -> tuple[bytes, str]:
    if webhook.template is not None:
        text = _rendered(webhook.template, report)
        kind = "application/json" if text.lstrip()[:1] in ("{", "[") else "text/plain"
        return text.encode(), f"{kind}; charset=utf-8"
    told: Mapping[str, Any]
    if webhook.format == "json":
        return pages.to_json(report).encode(), "application/json; charset=utf-8"
    told = {"text": "\n".join(pages.lines(report))[:3500]}
    return json.dumps(told).encode(), "application/json; charset=utf-8"


def _rendered(template: Path, report: GateReport) -> str:
    """The template over ``report`` (as in the JSON), ``headline`` and ``text``."""
    try:
        source = template.read_text(encoding="utf-8")
        environment = SandboxedEnvironment()
        found = environment.from_string(source).render(
            report=json.loads(pages.to_json(report)),
            headline=report.headline,
            text="\n".join(pages.lines(report)),
        )
    except OSError as error:
        raise NotTold(f"{template} cannot be read: {error.strerror}") from None
    except JinjaError as error:
        raise NotTold(f"{template} does not render: {error}") from None
    return found
