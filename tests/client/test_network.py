"""Between the client and the server: proxies, certificates, timeouts, and many connections."""

import asyncio
import base64
import gc
import socket

import pytest
from builders import a_request
from certificates import make_certificate, server_context
from odd_server import (
    LAST_CHUNK,
    MESSAGE,
    STREAM_HEAD,
    chunk,
    http,
    odd_server,
    raw_server,
    read_request,
    sse,
)
from servers import simulated_server

from evalkit.client.clock import SystemClock
from evalkit.client.http import HttpClient
from evalkit.client.stack import open_client, open_gate
from evalkit.errors import ApiError, UsageError
from evalkit.policies import Limits, Retries
from evalkit.types import Endpoint

KEY = "sk-ant-test-000111"
QUICK = Limits(connect_timeout_s=0.3, idle_timeout_s=0.3, total_timeout_s=0.3)
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def tls(bundle):
    return server_context(bundle)


def client(base_url, limits=None, **endpoint):
    return HttpClient(Endpoint("m", base_url, **endpoint), KEY, limits or Limits(), SystemClock())


async def ask(base_url, limits=None, **endpoint):
    async with client(base_url, limits, **endpoint) as http_client:
        return await http_client.send(a_request())


async def refused(base_url, limits=None, **endpoint) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await ask(base_url, limits, **endpoint)
    return caught.value


# Proxies


async def tunnel(reader, writer, seen):
    """A proxy: CONNECT opens a tunnel, anything else is sent on; every name is this machine."""
    request = await read_request(reader)
    seen.append(request)
    named = request.target if request.method == "CONNECT" else request.headers["host"]
    up_reader, up_writer = await asyncio.open_connection("127.0.0.1", int(named.split(":")[1]))
    if request.method == "CONNECT":
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    else:
        lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        path = "/" + request.target.split("/", 3)[3]
        up_writer.write(f"{request.method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + request.body)

    async def pump(source, sink):
        try:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        finally:
            sink.close()

    await asyncio.gather(pump(reader, up_writer), pump(up_reader, writer))


def a_proxy(seen):
    return raw_server(lambda reader, writer: tunnel(reader, writer, seen))


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
async def test_https_goes_through_a_tunnel(monkeypatch, bundle, tls, variable):
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    seen = []
    async with a_proxy(seen) as proxy, odd_server(http(sse()), tls=tls) as server:
        monkeypatch.setenv(variable, proxy.base_url)
        async with client(server.base_url) as http_client:
            for _ in range(3):
                assert (await http_client.send(a_request())).text == "12"
    assert [(request.method, request.target) for request in seen] == [
        ("CONNECT", f"127.0.0.1:{server.port}")
    ]
    assert KEY not in str(seen[0]), "the key stays inside the tunnel"
    assert len(server.seen) == 3
    assert server.connections == 1


async def test_http_is_sent_to_the_proxy(monkeypatch):
    seen = []
    async with a_proxy(seen) as proxy, odd_server(http(MESSAGE)) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.base_url)
        assert (await ask(server.base_url)).text == "12"
    assert [(r.method, r.target) for r in seen] == [("POST", f"{server.base_url}/v1/messages")]


@pytest.mark.parametrize("exempt", ["127.0.0.1", "*", "example.com,127.0.0.1"])
async def test_no_proxy_is_heeded(monkeypatch, exempt):
    async with odd_server(http(MESSAGE)) as server:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        assert (await refused(server.base_url)).kind == "connection"
        monkeypatch.setenv("NO_PROXY", exempt)
        assert (await ask(server.base_url)).text == "12"


async def test_the_embedded_model_is_reached_past_any_proxy(monkeypatch):
    for name in VARIABLES[:3]:
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file")
    async with odd_server(http(MESSAGE)) as server:
        assert (await ask(server.base_url, is_embedded=True)).text == "12"


# The transport still uses a way to sign that the library under it wants to drop in its next major
# version, which the transport does not allow yet.
@pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The 'proxy_auth' parameter is deprecated:DeprecationWarning")
async def test_a_proxy_with_a_password(monkeypatch, bundle, tls):
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    seen = []
    async with (
        a_proxy(seen) as proxy,
        odd_server(http(MESSAGE)) as plain,
        odd_server(http(MESSAGE), tls=tls) as secure,
    ):
        address = f"http://someone:pass%20word@127.0.0.1:{proxy.port}"
        monkeypatch.setenv("ALL_PROXY", address)
        assert (await ask(plain.base_url)).text == "12"
        assert (await ask(secure.base_url)).text == "12"
    signed = "Basic " + base64.b64encode(b"someone:pass word").decode()
    assert [request.headers["proxy-authorization"] for request in seen] == [signed, signed]
    assert "proxy-authorization" not in secure.seen[0].headers


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("status", "kind"),
    [(407, "proxy"), (403, None), (502, None)],
)
async def test_a_proxy_that_refuses(monkeypatch, scheme, status, kind):
    async with odd_server(http(b"<html>No", status, kind="text/html")) as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.base_url)
        error = await refused(f"{scheme}://server.example")
    # Of a plain request nobody can tell whether the proxy or the server behind it answers.
    through = {403: ("permission", "proxy"), 502: ("server_error", "connection")}
    assert error.kind == (kind or through[status][scheme == "https"])
    assert error.is_retryable == (status == 502)
    assert error.dooms_run == (status != 502)
    if kind == "proxy":
        assert "HTTPS_PROXY" in error.hint


async def test_a_proxy_that_is_not_there(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    error = await refused("https://server.example")
    assert error.message == "cannot connect to the proxy 127.0.0.1:9: Connection refused"
    assert error.is_retryable


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_falls_silent(monkeypatch, scheme):
    async with raw_server(lambda reader, writer: reader.read()) as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.base_url)
        async with asyncio.timeout(20):
            error = await refused(f"{scheme}://server.example", QUICK)
    assert (error.kind, error.is_retryable) == ("timeout", True)


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:9", "ftp://p:secret-pw@h", "http://h:x"])
def test_a_proxy_of_another_kind_is_refused_at_once(monkeypatch, address):
    monkeypatch.setenv("ALL_PROXY", address)
    with pytest.raises(UsageError) as caught:
        client("https://server.example")
    assert (
        caught.value.message == "a proxy named in the environment is no http:// or https:// address"
    )
    assert "NO_PROXY" in caught.value.hint


# Certificates


async def test_a_bundle_of_ones_own(monkeypatch, bundle, tls):
    async with odd_server(http(MESSAGE), tls=tls) as server:
        error = await refused(server.base_url)
        assert (error.kind, error.dooms_run, error.is_retryable) == ("tls", True, False)
        assert "is not trusted: self-signed certificate" in error.message
        assert error.hint == "Set SSL_CERT_FILE to the CA bundle of your proxy or server."
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        assert (await ask(server.base_url)).text == "12"


async def test_a_certificate_for_another_name(monkeypatch, bundle, tls):
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    seen = []
    async with a_proxy(seen) as proxy, odd_server(http(MESSAGE), tls=tls) as server:
        monkeypatch.setenv("HTTPS_PROXY", proxy.base_url)
        error = await refused(f"https://server.example:{server.port}")
    assert (error.kind, error.dooms_run) == ("tls", True)
    assert error.message.startswith(
        f"the certificate of server.example:{server.port} is not trusted"
    )
    assert "Hostname mismatch" in error.message


async def test_a_server_without_tls():
    async with raw_server(lambda reader, writer: greet(writer)) as server:
        error = await refused(server.base_url.replace("http", "https"))
    assert (error.kind, error.dooms_run) == ("tls", True)
    assert "does not speak TLS" in error.message
    assert "https:// or http://" in error.hint


async def greet(writer):
    writer.write(http(b"You sent a request that this server could not understand", 400))
    await writer.drain()


async def test_a_handshake_that_breaks_off_is_tried_again():
    async with raw_server(lambda reader, writer: reader.read(10)) as server:
        error = await refused(server.base_url.replace("http", "https"))
    assert (error.kind, error.is_retryable) == ("connection", True)


async def test_a_handshake_that_falls_silent():
    async with raw_server(lambda reader, writer: reader.read()) as server:
        error = await refused(server.base_url.replace("http", "https"), QUICK)
    assert (error.kind, error.message) == ("timeout", "no connection in time")


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_bundle_that_cannot_be_read(monkeypatch, tmp_path, content):
    if content:
        (tmp_path / "bundle.pem").write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "bundle.pem"))
    with pytest.raises(UsageError) as caught:
        client("https://server.example")
    assert caught.value.message.startswith("the CA bundle in SSL_CERT_FILE cannot be used: ")


# Timeouts


@pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")
async def test_a_server_that_takes_no_request():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    with listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with client(address, QUICK) as http_client:
            with pytest.raises(ApiError) as caught:
                await http_client.send(a_request("x" * 16_000_000))
    assert (caught.value.kind, caught.value.is_retryable) == ("timeout", True)
    assert caught.value.message == "no whole answer within 0.9 s"


@pytest.mark.parametrize("stream", [True, False])
async def test_signs_of_life_do_not_keep_a_request_going_for_ever(stream):
    async def reply(_seen, writer):
        writer.write(STREAM_HEAD)
        while True:
            writer.write(chunk(b'event: ping\ndata: {"type": "ping"}\n\n' if stream else b"\n"))
            await writer.drain()
            await asyncio.sleep(0.02)

    limits = Limits(idle_timeout_s=5, total_timeout_s=0.05)
    async with odd_server(reply) as server:
        error = await refused(server.base_url, limits, stream=stream)
    assert error.kind == "timeout"
    assert error.message == f"no whole answer within {0.5 if stream else 0.05} s"


async def test_a_name_that_nobody_has():
    error = await refused("http://no-such-host.invalid")
    assert error.kind == "connection"
    assert error.message.startswith("cannot connect to no-such-host.invalid:80: ")
    assert not error.may_cost


async def test_only_what_reached_the_server_may_be_charged():
    async def hang_up(reader, writer):
        await reader.read(100)
        writer.close()

    assert not (await refused("http://127.0.0.1:9")).may_cost
    async with raw_server(hang_up) as server:
        assert (await refused(server.base_url)).may_cost
    async with raw_server(lambda reader, writer: reader.read()) as server:
        silent = await refused(server.base_url, QUICK)
        assert (silent.kind, silent.may_cost) == ("timeout", True)
        unspoken = await refused(server.base_url.replace("http", "https"), QUICK)
        assert (unspoken.kind, unspoken.may_cost) == ("timeout", False)


# Many requests


@pytest.mark.parametrize("stream", [True, False])
async def test_connections_are_used_again_and_all_are_closed(stream):
    replies = {True: STREAM_HEAD + chunk(sse()) + LAST_CHUNK, False: http(MESSAGE)}
    async with odd_server(replies[stream]) as server:
        async with client(server.base_url, stream=stream) as http_client:
            for _ in range(5):
                await asyncio.gather(*(http_client.send(a_request()) for _ in range(10)))
            assert server.connections == server.open == 10
        for _ in range(100):
            if server.open:
                await asyncio.sleep(0.02)
        assert server.open == 0


async def test_five_hundred_requests_two_hundred_at_once_leave_nothing_behind():
    clock, stopping = SystemClock(), asyncio.Event()
    limits, retries = Limits(concurrency=200), Retries(attempts=9, first_wait_s=0.01)
    faults = ["--fault", "reset-mid-body=0.05", "--fault", "500=0.05", "--fault", "cut=0.05"]
    before = asyncio.all_tasks()
    with simulated_server(*faults, "--latency", "0.05") as server:
        endpoint = Endpoint("m", server.base_url)
        async with (
            open_gate(limits, clock, stopping) as gate,
            open_client(endpoint, KEY, limits, retries, gate) as whole_client,
        ):
            sent = (whole_client.send(a_request(f"question {n}")) for n in range(500))
            answers = await asyncio.gather(*sent)
        summary = server.summary()
    assert len({answer.id for answer in answers}) == 500
    assert summary["answered"] == 500
    assert sum(len(answer.attempts) for answer in answers) == summary["requests"] > 500
    assert 8 < summary["most_in_flight"] <= 200
    assert gate.limiter.in_flight == 0
    await asyncio.sleep(0)
    gc.collect()  # an unclosed socket or an unread error would be a warning, and so fail the test
    assert asyncio.all_tasks() == before
