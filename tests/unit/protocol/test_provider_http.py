"""Calls to an identity provider: no redirect, no netrc, no proxy on loopback, an end to size and time, no leak."""

from __future__ import annotations

import gzip
import json
import pickle
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, BinaryIO

import certifi
import pytest
import requests

from ipyterrascope.errors import (
    ConfigurationError,
    LoginCancelled,
    ProviderAnswerInvalid,
    ProviderUnreachable,
    TerrascopeError,
)
from ipyterrascope.protocol.http import HttpClient, not_as_expected
from ipyterrascope.threads.abort import AbortSignal
from ipyterrascope.values.connection import Connection
from ipyterrascope.values.secret import Secret
from testbed.leaks import places
from testbed.loopback import Asked, Loopback, Reply, loopback

PASSWORD = "pa55-on-the-wire"
FORM = Secret(f"grant_type=password&password={PASSWORD}")


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as running:
        yield running


@pytest.fixture
def http() -> HttpClient:
    return HttpClient(Connection())


def test_what_goes_over_the_wire(server: Loopback, http: HttpClient) -> None:
    """A form goes as it is, asks for plain JSON, and carries no credential but its own."""
    server.answer = lambda _: Reply(200, b'{"a": 1}', {"Content-Type": "application/json; charset=utf-8"})
    answer = http.post(f"{server.url}/token", FORM)
    asked = server.asked[0]
    assert (answer.status, answer.body, answer.content_type) == (200, {"a": 1}, "application/json")
    assert (asked.method, asked.path, asked.body.decode()) == ("POST", "/token", FORM.reveal())
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert asked.headers["Accept"] == "application/json"
    assert asked.headers["Accept-Encoding"] == "identity"
    assert "Authorization" not in asked.headers
    assert "Cookie" not in asked.headers


def test_an_answer_does_not_show_its_body(server: Loopback, http: HttpClient) -> None:
    """An answer holds tokens: its repr shows the status only, for a traceback prints every local."""
    server.answer = lambda _: Reply(200, b'{"access_token": "the-token"}')
    assert "the-token" not in repr(http.get(server.url))


def test_netrc_is_never_used(
    server: Loopback, http: HttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ~/.netrc with the provider's host adds nothing to a token request."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password netrc-pa55\ndefault login any password netrc-pa55\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    http.post(server.url, FORM)
    http.get(server.url)
    assert ["Authorization" in asked.headers for asked in server.asked] == [False, False]


def test_loopback_needs_no_proxy(server: Loopback, http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment does not get to read what goes to loopback by http."""
    with loopback() as proxy:
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        http.post(server.url, FORM)
        http.post(server.url.replace("http:", "HTTP:"), FORM)
        assert (len(server.asked), proxy.asked) == (2, [])


def test_a_refusing_proxy_is_named(http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a proxy stands between and refuses, the error names it, and the way to set it."""
    with loopback(lambda _: Reply(403)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with pytest.raises(ProviderUnreachable, match="proxy"):
            http.get("https://sso.example.org/")
        assert [asked.method for asked in proxy.asked] == ["CONNECT"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(server: Loopback, http: HttpClient, status: int) -> None:
    """A redirect is an answer as it is: the place it points to is never asked, with a form least of all."""
    with loopback() as other:
        server.answer = lambda _: Reply(status, b"", {"Location": f"{other.url}/take"})
        assert http.post(server.url, FORM).status == status
        assert http.get(server.url).status == status
        assert other.asked == []


@pytest.mark.parametrize(
    "location", ["http://[bad", "javascript:alert(1)", "//", "\xff\xfe", "https://x/" + "y" * 60000]
)
def test_a_redirect_to_nonsense_is_an_answer_too(server: Loopback, http: HttpClient, location: str) -> None:
    """Where a redirect points is not even read."""
    server.answer = lambda _: Reply(302, b"", {"Location": location})
    assert http.post(server.url, FORM).status == 302


@pytest.mark.parametrize("status", [200, 302])
def test_a_huge_body_is_given_up(server: Loopback, http: HttpClient, status: int) -> None:
    """No more than 1 MiB is read, whatever the status; a redirect's body counts too."""
    sent: list[int] = []

    def write(out: BinaryIO) -> None:
        out.write(b"HTTP/1.1 %d X\r\nLocation: /\r\nContent-Length: 100000000\r\n\r\n" % status)
        for _ in range(1000):
            out.write(b" " * 100_000)
            sent.append(100_000)

    server.answer = lambda _: Reply(write=write)
    with pytest.raises(ProviderAnswerInvalid, match="too large"):
        http.get(server.url)
    assert sum(sent) < 20_000_000  # the rest filled buffers on the way at most


def test_the_limit_counts_what_was_unpacked(server: Loopback, http: HttpClient) -> None:
    """A small packed answer that unpacks to a huge one is given up as well."""
    bomb = gzip.compress(b'{"a": "' + b"x" * 50_000_000 + b'"}')
    server.answer = lambda _: Reply(200, bomb, {"Content-Encoding": "gzip"})
    with pytest.raises(ProviderAnswerInvalid, match="too large"):
        http.get(server.url)


@pytest.mark.parametrize("coding", ["gzip, gzip", "br", "zstd", "gzip,identity"])
def test_what_is_packed_oddly_is_not_unpacked(
    server: Loopback, http: HttpClient, monkeypatch: pytest.MonkeyPatch, coding: str
) -> None:
    """What may unpack to any size from a few bytes is refused unread."""
    monkeypatch.setattr(requests.Response, "iter_content", lambda *_: pytest.fail("it was unpacked"))
    server.answer = lambda _: Reply(200, gzip.compress(gzip.compress(b"{}")), {"Content-Encoding": coding})
    with pytest.raises(ProviderAnswerInvalid, match="too large, or no proper HTTP"):
        http.get(server.url)


def test_what_is_packed_though_nobody_asked_is_read(server: Loopback, http: HttpClient) -> None:
    """A proxy that packs every answer is coped with."""
    server.answer = lambda _: Reply(200, gzip.compress(b'{"a": 1}'), {"Content-Encoding": "gzip"})
    assert http.get(server.url).body == {"a": 1}


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"42", b'"text"', b"<html>", b'{"a": ', b"\xff\xfe\x00", b'{"a":1}{"b":2}', b"[" * 100_000],
)
def test_what_is_no_object_is_no_body(server: Loopback, http: HttpClient, body: bytes) -> None:
    """Lists, numbers, pages, halves, and nesting without end are answers without a body, not errors of Python."""
    server.answer = lambda _: Reply(200, body)
    assert http.get(server.url).body is None


def test_deep_json_inside_an_object(server: Loopback, http: HttpClient) -> None:
    """An object with nesting without end in it does not get through either."""
    server.answer = lambda _: Reply(200, b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    assert http.get(server.url).body is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7), ("0", 0), ("86400", 120), ("Fri, 31 Dec 2100 23:59:59 GMT", 120), ("Fri, 31 Dec 1999 23:59:59 GMT", 0)],
)
def test_what_the_server_asks_to_wait(server: Loopback, http: HttpClient, value: str, seconds: float) -> None:
    """`Retry-After` is read as seconds or as a date, and taken for two minutes at most."""
    server.answer = lambda _: Reply(503, b"", {"Retry-After": value})
    answer = http.get(server.url)
    assert answer.retry_after_s == seconds
    assert not_as_expected(answer, "x", "y").retry_after_s == seconds


@pytest.mark.parametrize("value", ["", "soon", "-1", "1e9", "7 s", "ÿ", "99999999999999", "Fri, 99 Dec 2026"])
def test_a_wait_that_cannot_be_read(server: Loopback, http: HttpClient, value: str) -> None:
    """What is no time is no wish."""
    server.answer = lambda _: Reply(429, b"", {"Retry-After": value})
    assert http.get(server.url).retry_after_s is None


def drip_head(out: BinaryIO) -> None:
    out.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    drip(out)


def drip_body(out: BinaryIO) -> None:
    out.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    drip(out)


def drip_chunks(out: BinaryIO) -> None:
    out.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(100):
        out.write(b"1\r\n \r\n")
        time.sleep(0.05)


def drip(out: BinaryIO) -> None:
    for _ in range(100):
        out.write(b"x")
        time.sleep(0.05)


@pytest.mark.parametrize("write", [drip_head, drip_body, drip_chunks, lambda _: time.sleep(5)])
def test_a_drip_ends_at_the_deadline(server: Loopback, write: Callable[[BinaryIO], object]) -> None:
    """A server that sends a byte now and then, in the head or the body, is given up at the deadline."""
    server.answer = lambda _: Reply(write=write)
    began = time.monotonic()
    with pytest.raises(ProviderUnreachable, match="did not answer in time"):
        HttpClient(Connection(), deadline_s=0.3).get(server.url)
    assert time.monotonic() - began < 3  # a drip to the end takes 5 s


def endless_interim_answers(out: BinaryIO) -> None:
    while True:
        out.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


def endless_trailers(out: BinaryIO) -> None:
    out.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
    while True:
        out.write(b"X-More: of the same\r\n" * 100)


@pytest.mark.parametrize("write", [endless_interim_answers, endless_trailers, drip_head, lambda _: time.sleep(5)])
def test_nothing_goes_on_behind_the_deadline(server: Loopback, write: Callable[[BinaryIO], object]) -> None:
    """At the deadline the connection is cut, and the thread that held the form ends, whatever the server sends."""
    server.answer = lambda _: Reply(write=write)
    assert not given_up(server.url).is_alive()


def test_no_handshake_goes_on_behind_the_deadline() -> None:
    """A server that never answers the greeting of TLS is cut off as well, before its own time-out."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not given_up(f"https://127.0.0.1:{silent.getsockname()[1]}/").is_alive()


def test_who_connects_too_late_sends_nothing(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that was looked up for longer than the deadline leads to no request: nobody would hear the answer."""
    is_over, plain = threading.Event(), socket.getaddrinfo

    def slow(*args: Any, **kwargs: Any) -> Any:
        is_over.wait(10)
        return plain(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    thread = given_up(server.url, join_s=0)
    is_over.set()
    thread.join(5)
    assert not thread.is_alive()
    assert server.asked == []


def test_a_call_that_is_aborted_is_cut(server: Loopback, http: HttpClient) -> None:
    """Whoever waits is let go at once, and the connection and its thread end; what comes later is never sent."""
    signal, asked = AbortSignal(), threading.Event()
    server.answer = lambda _: Reply(write=lambda _: (asked.set(), time.sleep(5)))
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(http.post, server.url, FORM, signal=signal)
        assert asked.wait(20)
        thread = next(each for each in threading.enumerate() if each.name == "provider")
        signal.abort()
        with pytest.raises(LoginCancelled):
            call.result(3)
    thread.join(3)
    assert not thread.is_alive()
    with pytest.raises(LoginCancelled):
        http.post(server.url, FORM, signal=signal, grace_s=20)
    assert len(server.asked) == 1


def test_an_answer_under_way_may_have_a_few_seconds(server: Loopback, http: HttpClient) -> None:
    """Where its answer matters also to who gave up, the call goes on for so long, and no longer."""
    signal, asked = AbortSignal(), threading.Event()

    def answer(_: Asked) -> Reply:
        asked.set()
        time.sleep(0.5)
        return Reply(200, b'{"a": 1}')

    server.answer = answer
    with ThreadPoolExecutor(1) as pool:
        for grace_s in (20, 0.01):
            asked.clear()
            call = pool.submit(http.post, server.url, FORM, signal=signal, grace_s=grace_s)
            assert asked.wait(20)
            signal.abort()
            if grace_s == 20:
                assert call.result(20).body == {"a": 1}
            else:
                with pytest.raises(LoginCancelled):
                    call.result(20)
            signal = AbortSignal()


def given_up(url: str, join_s: float = 3) -> threading.Thread:
    """Post a form that gets no answer in time, and return the thread that did it."""
    before = set(threading.enumerate())
    with pytest.raises(ProviderUnreachable, match="did not answer in time"):
        HttpClient(Connection(), deadline_s=0.3).post(url, FORM)
    (thread,) = {thread for thread in threading.enumerate() if thread.name == "provider"} - before
    thread.join(join_s)
    return thread


def test_a_body_that_stalls_is_a_time_out(server: Loopback) -> None:
    """A server that stops in the middle of its answer did not answer in time, and is not called unreachable."""

    def stall(out: BinaryIO) -> None:
        out.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        out.flush()
        time.sleep(2)

    server.answer = lambda _: Reply(write=stall)
    with pytest.raises(ProviderUnreachable, match="did not answer in time"):
        HttpClient(Connection(), deadline_s=0.3).get(server.url)


def test_the_debug_level_of_http_client_prints_no_form(
    server: Loopback, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The usual recipe for looking at requests puts no password into the output of a cell."""
    monkeypatch.setattr(HTTPConnection, "debuglevel", 1)
    server.answer = lambda _: Reply(200, b"{}", {"Content-Type": "application/json"})
    HttpClient(Connection()).post(server.url, Secret("password=s3cret"))
    printed = capsys.readouterr()
    assert "s3cret" not in printed.out + printed.err


FAULTS = {
    "closed at once": lambda out: None,
    "no HTTP": lambda out: out.write(b"220 smtp.example.org ESMTP\r\n\r\n"),
    "headers without end": lambda out: out.write(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n"),
    "a header line too long": lambda out: out.write(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n"),
    "half a body": lambda out: out.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
    "broken chunks": lambda out: out.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "broken gzip": lambda out: out.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"),
    "two lengths": lambda out: out.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_exception_of_the_library_gets_out(server: Loopback, http: HttpClient, fault: str) -> None:
    """Whatever goes wrong is an error of our tree, and nothing of it, frames included, holds what was sent."""
    server.answer = lambda _: Reply(write=FAULTS[fault])
    with pytest.raises(TerrascopeError) as caught:
        http.post(server.url, FORM)
    assert_clean(caught.value)
    assert "127.0.0.1" in str(caught.value)


def test_nobody_listens(http: HttpClient) -> None:
    """A refused connection says which host was not reached."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(ProviderUnreachable, match=f"127.0.0.1:{port} was not reached") as caught:
            http.post(f"http://127.0.0.1:{port}/", FORM)
    assert caught.value.retryable
    assert_clean(caught.value)


def test_no_tls_behind_https(server: Loopback, http: HttpClient) -> None:
    """What is no TLS cannot be verified, and nothing was sent to it."""
    with pytest.raises(ProviderUnreachable, match=r"could not be verified\. No TLS is spoken there") as caught:
        http.post(server.url.replace("http:", "https:"), FORM)
    assert server.asked == []
    assert_clean(caught.value)


@pytest.mark.parametrize("url", ["https://" + "x" * 300 + "/", "https://a..b/", "nonsense", "https://x:99999/"])
def test_an_address_that_is_none(http: HttpClient, url: str) -> None:
    """An address that no library can ask is an error of our tree as well."""
    with pytest.raises(TerrascopeError) as caught:
        http.post(url, FORM)
    assert_clean(caught.value)


def test_a_missing_ca_bundle_is_a_configuration() -> None:
    """A CA bundle that is not there is said to be that, and is not tried again and again."""
    with pytest.raises(ConfigurationError, match="CA bundle") as caught:
        HttpClient(Connection(verify="/nowhere/ca.pem")).post("https://127.0.0.1:1/", FORM)
    assert not caught.value.retryable
    assert_clean(caught.value)


def test_the_ca_bundle_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`verify` decides, also where REQUESTS_CA_BUNDLE names something else."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/other.pem")
    with pytest.raises(ProviderUnreachable, match="was not reached"):
        HttpClient(Connection(verify=certifi.where())).get("https://127.0.0.1:1/")
    with pytest.raises(ConfigurationError, match="CA bundle"):
        HttpClient(Connection()).get("https://127.0.0.1:1/")


def assert_clean(error: TerrascopeError) -> None:
    assert error.__cause__ is None
    assert error.__context__ is None
    assert all((error.what, error.why or error.do, error.do))
    assert PASSWORD not in str(error)
    assert PASSWORD.encode() not in pickle.dumps(error)
    assert places(PASSWORD, error) == []
    assert json.dumps(vars(error))
