"""The one table of failures: what a refused request means, and what to do next."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from evalkit.messages.error_body import ErrorBody
from evalkit.messages.models import find_model

# Asked in this order: the exact code or type, the wording, the status, and in a stream the type.
_BY_CODE: dict[str, str] = {
    "enforced_spend_limit_reached": "spend_limit",
    "contract_spend_limit_reached": "spend_limit",
    "budget_exceeded": "spend_limit",
    "insufficient_quota": "billing",
    "insufficient_user_quota": "billing",
    "insufficient_balance": "billing",
    "billing_hard_limit_reached": "billing",
    "billing_not_active": "billing",
    "organization_on_hold": "permission",
    "account_deactivated": "permission",
    "invalid_api_key": "authentication",
    "no_db_connection": "authentication",
    "model_not_found": "unknown_model",
    "request_body_too_large_after_decoding": "request_too_large",
    "request_body_timeout": "timeout",
    "ramp_limit_exceeded": "rate_limit",
    "rate_limit_exceeded": "rate_limit",
}


@dataclass(frozen=True, slots=True)
class _Wording:
    """Messages that say more than their status does."""

    pattern: re.Pattern[str]
    statuses: frozenset[int]
    kind: str


def _wording(kind: str, statuses: Iterable[int], *patterns: str) -> _Wording:
    return _Wording(re.compile("|".join(patterns), re.IGNORECASE), frozenset(statuses), kind)


_MONEY_STATUSES = (200, 400, 402, 403, 429)
_BY_WORDING = (
    _wording(
        "spend_limit",
        _MONEY_STATUSES,
        r"reached your specified (?:\w+ )?(?:api )?usage limits",
        r"\bspend(?:ing)?[ -](?:limit|cap)\b",
        r"\bbudget has been exceeded\b",
    ),
    _wording(
        "billing",
        _MONEY_STATUSES,
        r"credit balance is too low",
        r"\binsufficient (?:\w+ )?(?:credits?|balance|quota|funds)\b",
        r"exceeded your current quota",
    ),
    _wording(
        "authentication",
        (400, 403),
        r"\b(?:invalid|incorrect) (?:x-)?api[ -]key\b",
        r"\bapi key (?:is )?not valid\b",
    ),
    _wording("unknown_model", (404,), r"\bmodel\b"),
    _wording(
        "unknown_model",
        (200, 400, 403, 422, 503),
        r"\bmodel:?\s+(?:\S{1,120}\s+)?(?:was |is )?(?:does not exist|not exist|not found)\b",
        r"\b(?:unknown|no such) model\b",
        r"\binvalid model (?:name|id)\b",
        r"\bis not a valid model\b",
        r"\bno available channel for model\b",
    ),
    # Our JSON is sound, so a server that could not read it got only a part of it.
    _wording(
        "connection",
        (400,),
        r"unexpected end of (?:data|json|input)",
        r"not valid json\b(?! schema)",
    ),
)

_BY_STATUS: dict[int, str] = {
    401: "authentication",
    402: "billing",
    403: "permission",
    404: "not_found",
    405: "not_found",
    407: "proxy",
    408: "timeout",
    409: "conflict",
    413: "request_too_large",
    425: "server_error",
    429: "rate_limit",
    499: "timeout",
    501: "invalid_request",
    504: "timeout",
    522: "timeout",
    524: "timeout",
    529: "overloaded",
}
_BY_HUNDRED = {3: "not_found", 4: "invalid_request", 5: "server_error"}

# Inside a stream the status was 200, and only the type tells.
_BY_TYPE: dict[str, str] = {
    "invalid_request_error": "invalid_request",
    "authentication_error": "authentication",
    "billing_error": "billing",
    "permission_error": "permission",
    "not_found_error": "not_found",
    "request_too_large": "request_too_large",
    "rate_limit_error": "rate_limit",
    "timeout_error": "timeout",
    "conflict_error": "conflict",
    "overloaded_error": "overloaded",
    "not_supported_error": "invalid_request",
    "exceed_context_size_error": "invalid_request",
}


def classify(status: int, said: ErrorBody, *, names_a_time: bool = False) -> str:
    """The kind of failure (a key of ``evalkit.errors.FAILURES``).

    ``names_a_time``: the server said when to come back, so a 429 is about the rate whatever words
    it uses for it. A failure nobody can name is the server's own.
    """
    for word in (said.code, said.type):
        if word in _BY_CODE:
            return _BY_CODE[word]
    if not said.is_page and not (status == 429 and names_a_time):
        for wording in _BY_WORDING:
            if status in wording.statuses and wording.pattern.search(said.message):
                return wording.kind
    if status < 300:
        return _BY_TYPE.get(said.type) or _by_status(_as_status(said.code))
    return _by_status(status)


def _by_status(status: int) -> str:
    return _BY_STATUS.get(status) or _BY_HUNDRED.get(status // 100, "server_error")


def _as_status(code: str) -> int:
    """Some servers put the status they mean into the body of a 200."""
    return int(code) if len(code) == 3 and code.isascii() and code.isdigit() else 500


_HINTS: dict[str, str] = {
    "authentication": "Check the key in the environment variable the model names, and its auth "
    "style (x-api-key or bearer).",
    "permission": "The account behind this key may not use this model or workspace.",
    "billing": "Top up the account, then resume the run.",
    "spend_limit": "Raise the limit or wait until it resets, then resume the run.",
    "unknown_model": "Check the model's name at this endpoint.",
    "not_found": "Check base_url: requests go to <base_url>/v1/messages.",
    "request_too_large": "Shorten the prompt or its images.",
    "proxy": "Check HTTPS_PROXY with its user and password, or exempt the host in NO_PROXY.",
    "malformed": "Check that base_url leads to a Messages API.",
}
_PAGE_HINT = "A proxy or firewall answered instead of the API: check base_url and the network."
_ADVICE = tuple(
    (re.compile(pattern, re.IGNORECASE), hint)
    for pattern, hint in (
        (
            r"thinking\.type\.enabled\W+is not supported",
            "This model takes no thinking budget: use adaptive or an effort level.",
        ),
        (
            r"thinking\.type\.disabled\W+is not supported",
            "This model always thinks: use adaptive or an effort level instead of off.",
        ),
        (
            r"adaptive thinking is not supported",
            "This model takes no adaptive thinking: use a budget or off.",
        ),
        (
            r"greater than thinking\.?budget_tokens|must be greater than `thinking\.budget_tokens`",
            "max_tokens is the budget plus answer_tokens: raise answer_tokens.",
        ),
        (
            r"(?:temperature|top_p|top_k)\W+extra inputs are not permitted",
            "Leave the sampling field out, or set version: 2023-06-01 for this model.",
        ),
        (r"anthropic-beta", "Remove the value from beta: this endpoint does not know it."),
        (
            r"prompt is too long|exceed context limit|available context size|context length",
            "Shorten the prompt or lower answer_tokens.",
        ),
        (r"assistant message prefill", "End the prompt with a user turn."),
    )
)
_CLAUDE_ID = re.compile(r"\bclaude-[a-z0-9-]+")


def hint_for(kind: str, said: ErrorBody) -> str | None:
    """The next thing to do, in a sentence, where there is one to name."""
    if said.is_page and kind in ("permission", "authentication", "not_found"):
        return _PAGE_HINT
    if kind == "invalid_request":
        return next((hint for pattern, hint in _ADVICE if pattern.search(said.message)), None)
    if kind == "unknown_model":
        return _retired(said.message) or _HINTS[kind]
    return _HINTS.get(kind)


def _retired(message: str) -> str | None:
    named = _CLAUDE_ID.search(message)
    found = find_model(named[0]) if named else None
    if found is None or found[1]["lifecycle"] != "retired":
        return None
    return f"{found[0]} was retired on {found[1]['retires_on']}: choose a model that is served."
