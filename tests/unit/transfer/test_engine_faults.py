"""A server that refuses, is busy or is silent, and an authorizer that raises: when to try again, and what is said."""

from __future__ import annotations

import logging
import socket
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import pycurl
import pytest
from downloads import DATA, HALF, Downloads
from faulty import Answer, FaultyServer

from ipyterrascope.errors import (
    DownloadFailed,
    LoginRequired,
    ProviderUnreachable,
    ServerRefused,
    ServerUnreachable,
    TerrascopeError,
)
from ipyterrascope.threads.errand import Errand
from ipyterrascope.transfer import Backoff, Item, Outcome, Report, download
from ipyterrascope.transfer.curl.host import Host
from ipyterrascope.transfer.curl.network import Network
from ipyterrascope.values.connection import Connection
from testbed.loopback import Asked, Reply, loopback

NOWHERE = f"{'x' * 64}.invalid"
"""A name that is too long for any name server to be asked about it."""
TOKEN = "eyJhbGciOiJub25lIn0"


def test_tries_end(one: Downloads) -> None:
    """A server that never delivers is asked `max_tries` times, with growing waits, and the error says so."""
    with pytest.raises(ServerUnreachable, match="503") as caught:
        one.get(*[Answer(status=503)] * 9)
    assert len(one.server.gets()) == 4
    assert one.waits.seconds == [1.0, 2.0, 4.0]
    assert caught.value.status == 503
    assert one.names() == []


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_passing_status_is_tried_again(one: Downloads, status: int) -> None:
    """What may pass is tried again after a wait."""
    [path] = one.get(Answer(status=status), Answer(DATA))
    assert path.read_bytes() == DATA
    assert len(one.waits.seconds) == 1


@pytest.mark.parametrize(
    ("asked", "waited"),
    [("7", 8.0), ("120", 121.0), ("Sat, 01 Aug 2026 12:00:30 GMT", 31.0), ("nonsense", 1.0)],
)
def test_retry_after_is_obeyed(one: Downloads, asked: str, waited: float) -> None:
    """The server's own waiting time counts, in seconds or as a date."""
    one.get(Answer(status=429, headers={"Retry-After": asked}), Answer(DATA))
    assert one.waits.seconds == [waited]


@pytest.mark.parametrize("asked", ["86400", "Sun, 02 Aug 2026 12:00:00 GMT"])
def test_long_retry_after_is_not_waited_for(one: Downloads, asked: str) -> None:
    """A server that asks to come back tomorrow is not waited for; the error says when."""
    with pytest.raises(ServerUnreachable, match="Try again in 24 h: it asks for that") as caught:
        one.get(*[Answer(status=503, headers={"Retry-After": asked})] * 4)
    assert caught.value.retryable
    assert one.waits.seconds == []
    assert len(one.server.gets()) == 1


def failures(one: Downloads, urls: list[str]) -> list[Outcome]:
    with pytest.raises(DownloadFailed) as caught:
        download(urls, one.folder, engine=one.engine())
    assert isinstance(caught.value.report, Report)
    return caught.value.report.failed


@pytest.mark.parametrize("connections", [1, 8])
@pytest.mark.parametrize(
    ("dead", "said"),
    [("127.0.0.1:9", "127.0.0.1:9 takes no connections."), (NOWHERE, f"No server called {NOWHERE} was found.")],
)
def test_dead_server_is_given_up(one: Downloads, dead: str, said: str, connections: int) -> None:
    """A host that is not reached is tried again for all of its files at once; other hosts' files come meanwhile."""
    scheme = "http" if dead[0] == "1" else "https"
    urls = [f"{scheme}://{dead}/{number}.tif" for number in range(1000)]
    one.server.files["/p/a.tif"] = Answer(DATA)
    one.options["max_connections"] = connections
    failed = failures(one, [*urls, one.server.url("/p/a.tif")])
    assert len(failed) == 1000
    # at first, those of several connections that were refused one after the other wait too
    assert 3 <= len(one.waits.seconds) <= 3 + 7
    assert one.names() == ["a.tif"]
    assert said in str(failed[0].error)
    assert f"Not tried: {said}" in str(failed[-1].error)
    assert all(failure.error and failure.error.retryable for failure in failed)


@pytest.mark.parametrize("came", [False, True])
def test_name_that_nobody_knows(one: Downloads, monkeypatch: pytest.MonkeyPatch, came: bool) -> None:
    """A name that is not found is looked up for some seconds only, unless something came from that host before."""
    if came:
        monkeypatch.setattr(Host, "brought_bytes", property(lambda self: 1, lambda self, value: None), raising=False)
    with pytest.raises(ServerUnreachable, match=f"No server called {NOWHERE} was found"):
        download(f"https://{NOWHERE}/a.tif", one.folder, engine=one.engine(max_tries=6))
    assert one.waits.seconds == [1.0, 2.0, 4.0, 8.0, 16.0][: 5 if came else 3]


def test_another_try_asks_for_the_name_anew(one: Downloads, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that was not found is not remembered as such until the next try."""
    said: list[bytes] = []

    def prepare(network: Network, handle: pycurl.Curl) -> None:
        real(network, handle)
        handle.setopt(pycurl.VERBOSE, 1)
        handle.setopt(pycurl.DEBUGFUNCTION, lambda kind, text: said.append(text) if kind == 0 else None)

    real = Network.prepare
    monkeypatch.setattr(Network, "prepare", prepare)
    engine = one.engine(backoff=Backoff(max_tries=2, first_s=0.7))
    with pytest.raises(ServerUnreachable, match="No server called"):
        download("https://nobody-has-this-name.invalid/a.tif", one.folder, engine=engine)
    assert said
    assert not any(b"Negative" in text for text in said)


def test_server_that_comes_back(one: Downloads) -> None:
    """A host that is down at first and then answers delivers all files, over several connections again."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    urls = [f"http://127.0.0.1:{port}/{number}.tif" for number in range(20)]
    engine = one.engine(max_connections=4, backoff=Backoff(max_tries=100, first_s=0.05, most_s=0.05))
    running = Errand(lambda: download(urls, one.folder, engine=engine), "downloads")
    running.start()
    assert running.wait(0.3) is None
    late = FaultyServer(port=port)
    late.decide = lambda asked: Answer(DATA, pause_s=0.001)
    with late:
        report = running.wait(30)
    assert isinstance(report, Report)
    assert len(report.saved) == 20
    assert late.most_at_once > 1


def test_busy_server_is_given_up(one: Downloads) -> None:
    """A host that answers 503 to all is given up too, and its status is kept."""
    urls = [one.server.url(f"/{number}.tif") for number in range(10)]
    one.server.files.update({f"/{number}.tif": Answer(status=503) for number in range(10)})
    assert [failure.error.status for failure in failures(one, urls) if failure.error] == [503] * 10
    assert len(one.server.gets()) == 12


def test_host_that_answers_is_not_given_up(one: Downloads) -> None:
    """A file that comes in between, or a plain refusal, shows that the host is there."""
    urls = [one.server.url(f"/{number}.tif") for number in range(9)]
    one.server.files.update({f"/{number}.tif": Answer(status=503) for number in range(9)})
    one.server.files["/2.tif"], one.server.files["/5.tif"] = Answer(DATA), Answer(status=404)
    failed = failures(one, urls)
    assert [failure.error.status for failure in failed if failure.error] == [503, 503, 503, 503, 404, 503, 503, 503]
    assert len(one.server.gets()) == 7 * 4 + 2


def endless(first: bytes, then: bytes) -> Callable[[Asked], Reply]:
    """An answer that goes on until the client hangs up, in pieces that no time-out notices."""

    def write(out: BinaryIO) -> None:
        out.write(first)
        while True:
            out.write(then)
            out.flush()
            time.sleep(0.02)

    return lambda _: Reply(write=write)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 ", b"2"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;", b"0"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nII*\0\r\n0\r\n", b"X-More: 1\r\n"),
    ],
)
def test_server_that_keeps_the_line_busy(one: Downloads, first: bytes, then: bytes) -> None:
    """A server that sends something all the time and nothing of the file is left after a while."""
    engine = one.engine(max_tries=2, stall_s=0.4)
    with (
        loopback(endless(first, then)) as server,
        pytest.raises(ServerUnreachable, match="sent next to nothing for 0 s"),
    ):
        download(f"{server.url}/a.tif", one.folder, engine=engine)
    assert len(server.asked) == 2
    assert one.names() == []


def test_endless_number_of_zeros(one: Downloads) -> None:
    """A chunk whose size has no end is no chunk."""
    engine = one.engine(max_tries=2)
    zeros = endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0")
    with loopback(zeros) as server, pytest.raises(ServerUnreachable, match="broke off"):
        download(f"{server.url}/a.tif", one.folder, engine=engine)
    assert one.names() == []


def test_slow_file_that_comes_is_waited_for(one: Downloads) -> None:
    """A transfer may take much longer than the limit, as long as some of the file comes within it."""
    engine = one.engine(stall_s=1.2)
    one.server.files["/p/a.tif"] = Answer(DATA, chunked=True, pause_s=0.1)
    [path] = download(one.server.url("/p/a.tif"), one.folder, engine=engine)
    assert path.read_bytes() == DATA
    assert one.waits.seconds == []


@pytest.mark.parametrize(
    ("status", "advice"), [(400, "Check the address"), (401, "Sign in again"), (403, "conditions"), (404, "Search the")]
)
def test_refusal_is_final(one: Downloads, status: int, advice: str) -> None:
    """Other refusals are not tried again, leave nothing behind, and say what to do without the body."""
    with pytest.raises(ServerRefused, match=advice) as caught:
        one.get(Answer(b"secret reasons", status=status), item=one.item())
    assert caught.value.status == status
    assert len(one.server.gets()) == 1
    assert one.names() == []
    assert "s3cret" not in str(caught.value)
    assert "secret reasons" not in str(caught.value)


@pytest.mark.parametrize("status", [401, 403])
def test_refusal_by_a_host_without_a_login(one: Downloads, status: int) -> None:
    """Only where no login was sent does a refusal say so."""

    def refused(login_host: str) -> str:
        one.server.script.append(Answer(status=status))
        with pytest.raises(ServerRefused) as caught:
            download(one.item(), one.folder, engine=one.engine(), login_hosts={login_host})
        assert caught.value.status == status
        return str(caught.value)

    assert "no login was sent there" in refused("data.example.org")
    assert "no login was sent there" not in refused("127.0.0.1")


def test_silent_server(one: Downloads) -> None:
    """A server that falls silent is left after the time-out, and the rest is fetched."""
    engine = one.engine(stall_s=0.4)
    one.server.script += [Answer(DATA, length=len(DATA), cut_at=HALF, stall=True), Answer(DATA)]
    [path] = download(one.server.url("/p/a.tif"), one.folder, engine=engine)
    assert path.read_bytes() == DATA


def test_nobody_listens(one: Downloads) -> None:
    """A host that refuses connections is tried a few times and then named, without the query."""
    item = Item("http://127.0.0.1:9/a.tif?signature=s3cret", "a.tif")
    with pytest.raises(ServerUnreachable, match=r"127\.0\.0\.1:9 takes no connections") as caught:
        one.get(item=item)
    assert len(one.waits.seconds) == 3
    assert "s3cret" not in str(caught.value)


def test_missing_ca_bundle(one: Downloads, tmp_path: Path) -> None:
    """A CA bundle that is not there is said at once."""
    one.options["connection"] = Connection(verify=str(tmp_path / "missing.pem"))
    with pytest.raises(TerrascopeError, match=r"missing\.pem"):
        one.get(item=Item("https://127.0.0.1:9/a.tif", "a.tif"))
    assert one.waits.seconds == []


class Trouble:
    """An authorizer that raises our own errors, then lets requests through without a credential."""

    def __init__(self, *errors: TerrascopeError) -> None:
        self.errors = list(errors)

    def headers(self, url: str) -> Mapping[str, str]:
        if self.errors:
            raise self.errors.pop(0)
        return {}

    def refused(self, url: str, headers: Mapping[str, str]) -> bool:
        return False


def test_own_error_of_the_authorizer(one: Downloads) -> None:
    """An error of our tree that the authorizer raises is that item's failure as it is."""
    one.authorizer = Trouble(LoginRequired("Nobody is signed in."))
    with pytest.raises(LoginRequired, match="Nobody is signed in"):
        one.get()
    assert one.waits.seconds == []


def test_own_passing_error_of_the_authorizer(one: Downloads) -> None:
    """One that may pass, such as a renewal that found the provider busy, is tried again."""
    one.authorizer = Trouble(ProviderUnreachable("The provider is busy."))
    [path] = one.get(Answer(DATA))
    assert path.read_bytes() == DATA
    assert len(one.waits.seconds) == 1


class Bearer(Trouble):
    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token

    def headers(self, url: str) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token}"}


def test_no_secret_in_errors(one: Downloads, caplog: pytest.LogCaptureFixture) -> None:
    """Neither text, chain nor traceback of an error leads to the Authorization header, and we log nothing of it."""
    one.authorizer = Bearer(TOKEN)
    caplog.set_level(logging.DEBUG)
    item = Item("http://127.0.0.1:9/a.tif?signature=s3cret", "a.tif")
    for answer in (None, Answer(status=503), Answer(DATA, cut_at=10, reset=True), Answer(status=401)):
        with pytest.raises(TerrascopeError) as caught:
            one.get(*[answer] * 4 if answer else (), item=item if answer is None else None)
        error = caught.value
        assert error.__context__ is None
        assert error.__cause__ is None
        assert "s3cret" not in str(error)
        assert TOKEN not in "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
        one.server.script.clear()
    assert TOKEN not in caplog.text
