"""How hosts are reached: certificates, proxies, HTTP/2, other hosts; and what they are told."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from authority import HOST, Authority, authority, http2_server, http2_that_hangs_up, proxy
from downloads import DATA, Nobody
from faulty import Answer, FaultyServer
from waits import Waits

from ipyterrascope.errors import ServerRefused, ServerUnreachable
from ipyterrascope.transfer import CurlEngine, Item, download
from ipyterrascope.values.connection import Connection
from ipyterrascope.values.hosts import origin_of

LARGE = random.Random(6).randbytes(20 << 20)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def secure(own: Authority) -> Iterator[FaultyServer]:
    with FaultyServer(own.context()) as running:
        running.files["/a.tif"] = Answer(DATA)
        yield running


class SignedAt:
    """Is signed in at one origin only."""

    def __init__(self, url: str) -> None:
        self.origin = origin_of(url)
        self.asked_for: list[str] = []

    def headers(self, url: str) -> Mapping[str, str]:
        self.asked_for.append(url)
        return {"Authorization": "Bearer t0k3n"} if origin_of(url) == self.origin else {}

    def refused(self, url: str, headers: Mapping[str, str]) -> bool:
        return False


def trusting(own: Authority) -> Connection:
    return Connection(verify=str(own.ca))


def test_certificate_that_nobody_knows(
    secure: FaultyServer, nobody: Nobody, waits: Waits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate of an authority that is not in the bundle is refused for good, and nothing was asked."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    with pytest.raises(ServerRefused, match="certificate of 127"):
        download(secure.url("/a.tif"), tmp_path, engine=waits.engine(nobody))
    assert waits.seconds == []
    assert secure.asked == []


def test_certificate_of_another_host(own: Authority, secure: FaultyServer, nobody: Nobody, tmp_path: Path) -> None:
    """A certificate for other names is refused."""
    engine = CurlEngine(nobody, connection=trusting(own))
    with pytest.raises(ServerRefused, match="certificate of localhost"):
        download(secure.url("/a.tif", "localhost"), tmp_path, engine=engine)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_bundle_of_the_environment(
    variable: str, own: Authority, secure: FaultyServer, nobody: Nobody, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CA bundle that the environment names for requests holds here too."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv(variable, str(own.ca))
    [path] = download(secure.url("/a.tif"), tmp_path, engine=CurlEngine(nobody))
    assert path.read_bytes() == DATA


def test_configured_bundle_goes_first(
    own: Authority, secure: FaultyServer, nobody: Nobody, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bundle of the configuration goes before that of the environment."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/missing.pem")
    [path] = download(secure.url("/a.tif"), tmp_path, engine=CurlEngine(nobody, connection=trusting(own)))
    assert path.read_bytes() == DATA


def test_proxy(own: Authority, secure: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment is asked for a tunnel, with its own credential, and sees nothing of ours; what it says
    is not taken for the answer."""
    url = secure.url("/a.tif", HOST)
    with proxy(secure.port) as between:
        monkeypatch.setenv("HTTPS_PROXY", f"http://dora:pr0xy@127.0.0.1:{between.port}")
        engine = CurlEngine(SignedAt(url), connection=trusting(own), max_connections=1)
        [path] = download(url, tmp_path, engine=engine)
    assert path.read_bytes() == DATA
    [head] = between.heads
    assert head.startswith(f"CONNECT {HOST}:{secure.port} ".encode())
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"dora:pr0xy") in head
    assert b"t0k3n" not in head
    [asked] = secure.asked
    assert asked.headers["Authorization"] == "Bearer t0k3n"
    assert "Proxy-Authorization" not in asked.headers


def test_no_proxy(
    own: Authority, secure: FaultyServer, nobody: Nobody, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that the environment excepts is reached without the proxy."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    [path] = download(secure.url("/a.tif"), tmp_path, engine=CurlEngine(nobody, connection=trusting(own)))
    assert path.read_bytes() == DATA


def test_proxy_that_is_not_there(
    own: Authority, nobody: Nobody, waits: Waits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that does not answer is a passing failure; it is named, and its password is not told."""
    monkeypatch.setenv("HTTPS_PROXY", "http://dora:pr0xy@127.0.0.1:9")
    said = rf"The proxy to {HOST} takes no connections\. HTTPS_PROXY names 127\.0\.0\.1:9\."
    with pytest.raises(ServerUnreachable, match=said) as caught:
        download(f"https://{HOST}/a.tif", tmp_path, engine=waits.engine(nobody, connection=trusting(own)))
    assert len(waits.seconds) == 3
    assert "pr0xy" not in str(caught.value)


def test_loopback_has_no_proxy(
    server: FaultyServer, nobody: Nobody, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes to this machine in the clear goes through nobody's hands."""
    server.files["/a.tif"] = Answer(DATA)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy")
    monkeypatch.delenv("NO_PROXY")
    [path] = download(server.url("/a.tif"), tmp_path, engine=CurlEngine(nobody))
    assert path.read_bytes() == DATA


@pytest.mark.parametrize("connections", [1, 8])
def test_http2(own: Authority, nobody: Nobody, tmp_path: Path, connections: int) -> None:
    """Where HTTP/2 is offered it is spoken, also for several ranges at once."""
    with http2_server(own, LARGE) as server:
        engine = CurlEngine(nobody, connection=trusting(own), max_connections=connections)
        [path] = download(f"{server.url}/a.tif", tmp_path, engine=engine)
    assert path.read_bytes() == LARGE
    assert {line.split()[0] for line in server.asked} == {"2.0"}
    assert (len(server.asked) > 1) == (connections > 1)


def test_http2_without_a_length(own: Authority, nobody: Nobody, tmp_path: Path) -> None:
    """A body without a length is asked for over HTTP/1.1, whose last chunk proves that it is complete; once for all."""
    with http2_server(own, DATA) as server:
        items = [Item(f"{server.url}/unsized", f"{number}.tif") for number in range(3)]
        engine = CurlEngine(nobody, connection=trusting(own), max_connections=1)
        report = download(items, tmp_path, engine=engine)
        sized = download(Item(items[0].url, "sized.tif", len(DATA)), tmp_path, engine=engine)
        # several are under way when the first tells no length
        engine = CurlEngine(nobody, connection=trusting(own), max_connections=8)
        many = [Item(items[0].url, f"many{number}.tif") for number in range(12)]
        assert len(download(many, tmp_path, engine=engine).saved) == 12
    # the server's words come by a pipe: all are there when it has ended
    assert [line.split()[0] for line in server.asked][:5] == ["2.0", "1.1", "1.1", "1.1", "2.0"]
    assert [path.read_bytes() for path in (*report, *sized)] == [DATA] * 4


def test_http2_stream_that_ends_early(own: Authority, nobody: Nobody, waits: Waits, tmp_path: Path) -> None:
    """However a stream ends before its body does, with a length or without, the file is cut and not saved."""
    with http2_server(own, DATA) as server:
        engine = waits.engine(nobody, connection=trusting(own), max_tries=2)
        for ending in ("reset", "refused", "gone"):
            for sized in ("", "-sized"):
                with pytest.raises(ServerUnreachable):
                    download(f"{server.url}/{ending}{sized}", tmp_path, engine=engine)
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith((".part", ".part.json"))] == []
    assert "2.0 whole" in server.asked


def test_http2_stream_that_is_closed_without_an_error(
    own: Authority, nobody: Nobody, waits: Waits, tmp_path: Path
) -> None:
    """A stream that is closed in the middle of its body, with a code that tells of no error, is cut all the same."""
    with http2_that_hangs_up(own, DATA[:1000]) as url:
        engine = waits.engine(nobody, connection=trusting(own), max_tries=2)
        for size_bytes in (None, len(DATA)):
            with pytest.raises((ServerUnreachable, ServerRefused)):
                download(Item(f"{url}/a.tif", "a.tif", size_bytes), tmp_path, engine=engine)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("connections", [1, 8])
def test_redirect_to_a_foreign_host(server: FaultyServer, tmp_path: Path, connections: int) -> None:
    """A redirect to a storage host takes no credential there, for no part, and its address is not written down."""
    with FaultyServer() as storage:
        storage.files["/x"] = Answer(LARGE, pause_s=0.001)
        moved = Answer(status=302, headers={"Location": storage.url("/x?signature=s1gn3d")})
        server.files["/a.tif"] = moved
        authorizer = SignedAt(server.url("/"))
        [path] = download(server.url("/a.tif"), tmp_path, engine=CurlEngine(authorizer, max_connections=connections))
        assert path.read_bytes() == LARGE
        assert {asked.headers.get("Authorization") for asked in server.asked} == {"Bearer t0k3n"}
        assert {asked.headers.get("Authorization") for asked in storage.asked} == {None}
        assert storage.asked[0].path == "/x?signature=s1gn3d"
        # the part that waits for another run tells of the address that was asked for only
        storage.files["/x"] = Answer(LARGE, cut_at=2_000_000, etag='"v2"')
        with pytest.raises(ServerUnreachable):
            download(Item(server.url("/a.tif"), "b.tif"), tmp_path, engine=Waits().engine(authorizer, max_tries=1))
    journal = (tmp_path / "b.tif.part.json").read_text()
    assert "s1gn3d" not in journal
    assert str(storage.port) not in journal


def test_address_that_is_signed_anew(server: FaultyServer, nobody: Nobody, waits: Waits, tmp_path: Path) -> None:
    """Where the place that a redirect led to is closed after a while, the redirect is asked for anew."""
    with FaultyServer() as storage:
        places = iter(range(100))
        server.decide = lambda asked: Answer(
            status=302, headers={"Location": storage.url(f"/x?signature={next(places)}")}
        )
        good, closed = Answer(LARGE, pause_s=0.001), Answer(status=403)
        storage.decide = lambda asked: good if asked.nth == 1 or not asked.path.endswith("=0") else closed
        [path] = download(server.url("/a.tif"), tmp_path, engine=waits.engine(nobody, max_connections=8))
    assert path.read_bytes() == LARGE
    assert len(server.asked) > 1


def test_refusal_at_the_end_of_a_redirect(server: FaultyServer, nobody: Nobody, tmp_path: Path) -> None:
    """A place that refuses from the first moment on is a refusal, without further tries."""
    with FaultyServer() as storage:
        storage.files["/x"] = Answer(status=403)
        server.files["/a.tif"] = Answer(status=302, headers={"Location": storage.url("/x")})
        with pytest.raises(ServerRefused, match="403"):
            download(server.url("/a.tif"), tmp_path, engine=CurlEngine(nobody))
    assert len(storage.asked) == 1


def test_user_name_and_password_of_netrc(
    server: FaultyServer, nobody: Nobody, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ~/.netrc holds for a host is not sent."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login dora password n3trc\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    server.files["/a.tif"] = Answer(DATA)
    download(server.url("/a.tif"), tmp_path, engine=CurlEngine(nobody))
    assert {asked.headers.get("Authorization") for asked in server.asked} == {None}
