"""How the API says no: the exception an endpoint raises and the error body it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.server.delivery import Headers

ERROR_TYPES: dict[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    502: "api_error",
    503: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class Refusal(Exception):
    """A request the API does not serve: becomes an error body with this status."""

    def __init__(self, status: int, message: str, *, headers: Headers = ()) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


def invalid(message: str) -> Refusal:
    """A 400 with the API's own wording."""
    return Refusal(400, message)


def error_body(
    status: int, message: str, request_id: str, *, details: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The JSON error document of the Messages API."""
    error: dict[str, Any] = {"type": ERROR_TYPES.get(status, "api_error"), "message": message}
    if details is not None:
        error["details"] = dict(details)
    return {"type": "error", "error": error, "request_id": request_id}
