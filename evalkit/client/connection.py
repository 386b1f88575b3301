"""The connection under a client: proxies, certificates, timeouts, and what its failures mean.

httpx speaks through aiohttp's connection pool: its own re-examines every connection for every
request, which at a hundred in flight costs ten times the CPU.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import ssl
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.request import getproxies

import aiohttp
import httpx
from httpx_aiohttp import HttpxAiohttpClient

from evalkit.errors import ApiError, UsageError
from evalkit.messages.redaction import one_line, redact
from evalkit.policies import Limits
from evalkit.types import Endpoint

# Everything that sending and reading may raise: the transport lets bad HTTP and bad encodings
# through as aiohttp's own errors or plain ones.
FAILED = (httpx.HTTPError, aiohttp.ClientError, OSError, ValueError)

# There was no connection to send anything over.
_NEVER_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
    httpx.ConnectError,
    httpx.ConnectTimeout,
)
_KEEPALIVE_S = 30.0
_PROXY_SCHEMES = ("http", "https")
# Said by a server that does not speak TLS, or none that we speak: it will not learn it.
_NO_TLS = {
    "HTTP_REQUEST",
    "NO_PROTOCOLS_AVAILABLE",
    "TLSV1_ALERT_PROTOCOL_VERSION",
    "UNSUPPORTED_PROTOCOL",
    "WRONG_VERSION_NUMBER",
}
# What is decoded piece by piece within bounds. Anything else, nested encodings above all, may
# swell without any.
_ENCODINGS = ("", "identity", "gzip", "deflate")
_SHORT_BODY_BYTES = 64 * 1024
_SHORT_BODY_TIMEOUT_S = 10.0
_CA_HINT = "Set SSL_CERT_FILE to the CA bundle of your proxy or server."


class Connections(HttpxAiohttpClient):
    """httpx's client for what it knows of proxies, certificates and timeouts, not for sending.

    Cookies, redirects and authentication flows, which it sees to around every request, have no
    part in this API and would cost as much CPU as the sending. Refuses what aiohttp would take for
    an HTTP proxy.
    """

    def transport_for(self, url: httpx.URL) -> httpx.AsyncBaseTransport:
        """What carries requests to an address: straight, or through the environment's proxy."""
        return self._transport_for_url(url)

    def _init_proxy_transport(
        self, proxy: httpx.Proxy, *args: Any, **kwargs: Any
    ) -> httpx.AsyncBaseTransport:
        if proxy.url.scheme not in _PROXY_SCHEMES:
            raise ValueError(f"{proxy.url.scheme} proxies are not supported")
        return super()._init_proxy_transport(proxy, *args, **kwargs)


def open_http(
    endpoint: Endpoint, limits: Limits, transport: httpx.AsyncBaseTransport | None = None
) -> Connections:
    """The connections to an endpoint, to be closed by the caller; nothing is sent yet.

    Proxies and CA bundles come from the environment as httpx users expect (``HTTPS_PROXY``,
    ``NO_PROXY``, ``SSL_CERT_FILE``), except for the embedded model on loopback. Raises UsageError
    for one that cannot be used.
    """
    idle_s = limits.idle_timeout_s if endpoint.stream else limits.total_timeout_s
    connect_s = limits.connect_timeout_s
    is_outside = not endpoint.is_embedded
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR") if is_outside else ()
    try:
        return Connections(
            transport=transport,
            trust_env=is_outside,
            verify=_trust(tuple(os.environ.get(name) for name in names))
            if endpoint.base_url.startswith("https:") or (is_outside and getproxies())
            else False,  # nothing is encrypted, and reading whom to trust takes 50 ms
            # The pool has no limit, so waiting for it is connecting: name look-up, proxy and TLS.
            timeout=httpx.Timeout(idle_s, connect=connect_s, pool=connect_s),
            limits=httpx.Limits(max_connections=0, keepalive_expiry=_KEEPALIVE_S),  # 0: no limit
        )
    except OSError as error:
        raise UsageError(
            f"the CA bundle in SSL_CERT_FILE cannot be used: {_reason(error)}",
            "Name a file of certificates in PEM form, or unset the variable.",
        ) from error
    except (ValueError, httpx.InvalidURL):
        # What the variable holds may be a password, so it is not repeated.
        raise UsageError(
            "a proxy named in the environment is no http:// or https:// address",
            "Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, or exempt the host in NO_PROXY.",
        ) from None


@functools.lru_cache(maxsize=8)
def _trust(named: tuple[str | None, ...]) -> ssl.SSLContext:
    """Whom to trust, read once for all endpoints: it takes 30 ms. ``named`` is the environment's
    word, read again by httpx, or nothing."""
    return httpx.create_ssl_context(trust_env=bool(named))


def plain(headers: httpx.Headers) -> dict[str, str]:
    """Headers as a dict, names in lower case; httpx's own look-ups scan and decode each time."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers.raw}


def is_bounded(headers: Mapping[str, str]) -> bool:
    """Whether a body is encoded in a way that can be decoded piece by piece."""
    return headers.get("content-encoding", "").strip().lower() in _ENCODINGS


async def short_body(reply: httpx.Response, headers: Mapping[str, str]) -> bytes:
    """The beginning of a body that need not be whole: what comes of it, in reasonable time.

    An error's status says enough even where its body breaks off.
    """
    body = b""
    if not is_bounded(headers):
        return body
    with contextlib.suppress(*FAILED):
        async with asyncio.timeout(_SHORT_BODY_TIMEOUT_S):
            async for chunk in reply.aiter_bytes():
                body += chunk
                if len(body) > _SHORT_BODY_BYTES:
                    break
    return body


def failure(error: Exception, secrets: Sequence[str] = ()) -> ApiError:
    """One of ``FAILED`` as evalkit's own error; nothing in it shows any of ``secrets``."""
    # The transport maps aiohttp's errors coarsely; their cause tells waiting from breaking.
    cause = error.__cause__
    found = cause if isinstance(cause, aiohttp.ClientError) else error
    kind, message, hint = _meaning(found)
    told = ApiError(kind, one_line(redact(message, secrets)), hint=hint)
    told.is_sent = not isinstance(found, _NEVER_SENT)
    return told


def _meaning(error: Exception) -> tuple[str, str, str | None]:
    """Kind, message and hint."""
    if isinstance(error, aiohttp.ConnectionTimeoutError | httpx.ConnectTimeout):
        return "timeout", "no connection in time", None
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "timeout", "no answer in time: the server fell silent", None
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return _proxy_refusal(error)
    if isinstance(error, aiohttp.ClientConnectorError):
        return _no_connection(error)
    if isinstance(error, aiohttp.ClientResponseError):
        told = error.message.partition("\n")[0].partition(": b'")[0]
        return "connection", f"the answer is not proper HTTP: {told}", None
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "connection", "the server closed the connection without an answer", None
    if isinstance(error, aiohttp.ClientPayloadError):
        return "connection", "the connection ended within the answer", None
    if isinstance(error, httpx.DecodingError):
        return "connection", f"the answer's compression is broken: {error}", None
    return "connection", f"the connection failed: {_reason(error)}", None


def _no_connection(error: aiohttp.ClientConnectorError) -> tuple[str, str, str | None]:
    where = f"{error.host}:{error.port}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        message = f"the certificate of {where} is not trusted: {_reason(error.certificate_error)}"
        return "tls", message, _CA_HINT
    told = error.os_error
    if isinstance(told, ssl.SSLError) and told.reason in _NO_TLS:
        hint = "Check whether base_url, or the proxy's address, is https:// or http://."
        return "tls", f"{where} does not speak TLS, or only an outdated one", hint
    whom = "the proxy " if isinstance(error, aiohttp.ClientProxyConnectionError) else ""
    return "connection", f"cannot connect to {whom}{where}: {_reason(told)}", None


def _proxy_refusal(error: aiohttp.ClientHttpProxyError) -> tuple[str, str, str | None]:
    """A proxy that answers CONNECT with a status: its own refusal, or no way to the server."""
    told = f"{error.status} {error.message}"
    if error.status >= 500:
        return "connection", f"the proxy found no way to the server ({told})", None
    hint = "Check HTTPS_PROXY with its user and password, or exempt the host in NO_PROXY."
    return "proxy", f"the proxy refuses to connect us ({told})", hint


def _reason(error: Exception) -> str:
    """An error in its own words, without the number and the class that Python puts before them."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        return os.strerror(error.errno)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
