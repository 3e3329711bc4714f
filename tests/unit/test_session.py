"""The signed session: the bearer is on the wire to allowed hosts, and nowhere else, before, during and after."""

from __future__ import annotations

import contextlib
import copy
import http.client
import io
import json
import pickle
import socket
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import certifi
import pytest
import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.response import HTTPResponse
from urllib3.util import Retry

from ipyterrascope.auth.account import Account
from ipyterrascope.errors import LoginRequired, SecretExposed, ServerRefused, ServerUnreachable
from ipyterrascope.protocol.earthdata_answers import explainer
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.session import AuthorizedSession
from ipyterrascope.values.connection import Connection
from ipyterrascope.values.hosts import may_carry
from ipyterrascope.values.known import EARTHDATA
from ipyterrascope.values.secret import Secret
from testbed.leaks import places
from testbed.loopback import Asked, Loopback, Reply

MARK = "kept-secret-bearer"


@dataclass
class Keeper:
    """An authorizer that counts, and renews by counting up."""

    hosts: frozenset[str]
    number: int = 1
    can_renew: bool = True
    refusals: list[str] = field(default_factory=list)
    raises: BaseException | None = None

    def headers(self, url: str) -> Mapping[str, str]:
        if not may_carry(url, self.hosts):
            return {}
        if self.raises is not None:
            raise self.raises
        return {"Authorization": f"Bearer {MARK}-{self.number}"}

    def refused(self, url: str, headers: Mapping[str, str]) -> bool:
        assert may_carry(url, self.hosts), "asked about a host that never saw the bearer"
        assert headers["Authorization"].startswith(f"Bearer {MARK}")
        self.refusals.append(url)
        self.number += self.can_renew
        return self.can_renew


@dataclass
class Wire(BaseAdapter):
    """Stands for the network, for names that loopback does not have: answers by URL, and remembers what came."""

    answers: Mapping[str, tuple[int, str]]
    sent: list[tuple[str, str | None]] = field(default_factory=list)
    options: list[dict[str, Any]] = field(default_factory=list)
    raws: list[HTTPResponse] = field(default_factory=list)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # pyright: ignore[reportIncompatibleMethodOverride]
        url = str(request.url)
        self.sent.append((url, request.headers.get("Authorization")))
        self.options.append(kwargs)
        status, location = self.answers.get(url, (200, ""))
        response = requests.Response()
        response.status_code, response.url, response.request = status, url, request
        response.headers = CaseInsensitiveDict({"Location": location} if location else {})
        response.raw = HTTPResponse(io.BytesIO(b"data"), preload_content=False)
        self.raws.append(response.raw)
        return response

    def close(self) -> None:
        pass


GOOD = "https://services.terrascope.be"
HOSTS = frozenset({"services.terrascope.be", "tools.example.org:8443"})


def on_wire(answers: Mapping[str, tuple[int, str]], **changes: Any) -> tuple[AuthorizedSession, Wire, Keeper]:
    keeper, wire = Keeper(HOSTS, **changes), Wire(answers)
    session = AuthorizedSession(keeper, login_url="https://sso.terrascope.be/auth/realms/terrascope")
    session.mount("https://", wire)
    session.mount("http://", wire)
    return session, wire, keeper


def bearer(number: int = 1) -> str:
    return f"Bearer {MARK}-{number}"


@pytest.fixture
def keeper(server: Loopback) -> Keeper:
    return Keeper(frozenset({f"127.0.0.1:{server.port}"}))


@pytest.fixture
def session(keeper: Keeper) -> Iterator[AuthorizedSession]:
    with AuthorizedSession(keeper, login_url="https://sso.example.org/realms/x") as session:
        yield session


def authorizations(server: Loopback) -> list[str | None]:
    return [asked.headers.get("Authorization") for asked in server.asked]


# Rule 3: the host list decides


def test_the_bearer_is_on_the_wire(server: Loopback, session: AuthorizedSession) -> None:
    """A request to an allowed host carries the bearer."""
    assert session.get(f"{server.url}/a.tif").content == b"data"
    assert authorizations(server) == [bearer()]


def test_a_foreign_port_gets_nothing(foreign: Loopback, session: AuthorizedSession) -> None:
    """Another port of the same machine is another server."""
    assert session.get(foreign.url).content == b"foreign"
    assert authorizations(foreign) == [None]


@pytest.mark.parametrize(
    "url",
    [
        "https://services.terrascope.be:8443/a",
        "https://tools.example.org/a",
        "https://evil.example.org/services.terrascope.be",
        "https://services.terrascope.be.evil.example.org/a",
        "https://services.terrascope.be@evil.example.org/a",
        "https://user:pass@services.terrascope.be/a",
        "https://services.terrascope.be\\@evil.example.org/a",
        "https://services.terrascope.be%2f@evil.example.org/a",
    ],
)
def test_any_other_url_gets_nothing(url: str) -> None:
    """No other scheme, port, name or trick of spelling gets the bearer, neither at first nor by a redirect."""
    session, wire, _ = on_wire({GOOD + "/": (302, url)})
    session.get(url)
    session.get(GOOD + "/")
    assert len(wire.sent) == 3
    for sent, authorization in wire.sent:
        # requests may have made a proper path of what stood behind a backslash
        assert (authorization is not None) == sent.startswith(GOOD + "/")
        assert authorization is None or urlsplit(sent).hostname == "services.terrascope.be"


def test_redirects() -> None:
    """Each hop is signed anew or not at all: same host, foreign host, and back."""
    hops = [f"{GOOD}/1", f"{GOOD}/2", "https://evil.example.org/3", "https://tools.example.org:8443/4", f"{GOOD}/5"]
    session, wire, _ = on_wire({here: (302, there) for here, there in pairwise(hops)})
    assert session.get(hops[0]).url == hops[-1]
    assert wire.sent == [(hop, None if "evil" in hop else bearer()) for hop in hops]


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (f"{GOOD}/a", "http://services.terrascope.be/a"),
        (f"{GOOD}/a", "HTTP://evil.example.org/"),
        (f"{GOOD}/a", "http:evil"),
        (f"{GOOD}/a", "ftp://evil.example.org/"),
        ("https://localhost/a", "http://localhost/a"),
        (f"{GOOD}/a", "https://127.0.0.1:8888/api/contents"),
        (f"{GOOD}/a", "//localhost:8888/"),
        (f"{GOOD}/a", "https://127.1/"),
        (f"{GOOD}/a", "https://[::ffff:127.0.0.1]/"),
        (f"{GOOD}/a", "https://user@0.0.0.0/"),
        (f"{GOOD}/a", "https://%6cocalhost/"),
        (f"{GOOD}/a", "https://[v1.x]/"),
        ("http://data.example.org/a", "http://127.0.0.1:8888/"),
        ("http://data.example.org/a", "http://169.254.169.254/latest/meta-data"),
        ("http://10.0.0.1/a", "http://127.0.0.1:8888/"),
    ],
)
def test_a_redirect_that_is_not_safe_is_not_asked(here: str, there: str) -> None:
    """From https to http, or from elsewhere into this machine: the target is not asked, and the error says so."""
    session, wire, _ = on_wire({here: (302, there)})
    with pytest.raises(ServerRefused, match="not safe to ask") as caught:
        session.get(here)
    assert [url for url, _ in wire.sent] == [here]
    assert caught.value.status == 302
    assert places(MARK, caught.value, besides=[wire]) == []


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("http://data.example.org/a", "https://data.example.org/a"),
        ("http://data.example.org/a", "http://mirror.example.org/a"),
        ("http://10.0.0.1/a", "http://10.0.0.2/a"),
        ("http://127.0.0.1:8000/a", "http://localhost:9000/b"),
        (f"{GOOD}/a", "https://10.0.0.1/a"),
    ],
)
def test_other_redirects_are_followed(here: str, there: str) -> None:
    """What stays encrypted, or was not, and does not come nearer than its server is, is followed."""
    session, _, _ = on_wire({here: (302, there)})
    assert session.get(here).url == there


def test_http_gets_nothing() -> None:
    """By http, the provider's own host gets no bearer."""
    session, wire, _ = on_wire({})
    session.get("http://services.terrascope.be/a")
    assert wire.sent == [("http://services.terrascope.be/a", None)]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_real_redirect_to_a_foreign_port(
    server: Loopback, foreign: Loopback, session: AuthorizedSession, status: int
) -> None:
    """Also over real connections, with and without a body, nothing of ours reaches the foreign server."""
    server.answer = lambda _: Reply(status, b"", {"Location": f"{foreign.url}/x"})
    session.get(server.url)
    session.post(server.url, data=b"body")
    assert authorizations(server) == [bearer(), bearer()]
    assert authorizations(foreign) == [None, None]


# The one retry after a 401


def refusing(*numbers: int) -> Callable[[Asked], Reply]:
    """Answer 401 to the bearers of these numbers."""
    refused = {bearer(number) for number in numbers}
    return lambda asked: Reply(401 if asked.headers.get("Authorization") in refused else 200, b"data")


def test_a_401_is_answered_by_one_renewal(server: Loopback, session: AuthorizedSession, keeper: Keeper) -> None:
    """After a 401 there is another bearer, and one more try."""
    server.answer = refusing(1)
    response = session.get(server.url)
    assert response.status_code == 200
    assert authorizations(server) == [bearer(1), bearer(2)]
    assert len(keeper.refusals) == 1
    assert response.history == []


def test_a_second_401_is_the_answer(server: Loopback, session: AuthorizedSession, keeper: Keeper) -> None:
    """A server that refuses everything is asked twice, not more."""
    server.answer = refusing(1, 2, 3)
    assert session.get(server.url).status_code == 401
    assert (len(server.asked), len(keeper.refusals)) == (2, 1)


def test_without_another_bearer_there_is_no_second_try(
    server: Loopback, session: AuthorizedSession, keeper: Keeper
) -> None:
    """Where nothing can be renewed, the 401 is the answer, and its body can be read."""
    keeper.can_renew = False
    server.answer = lambda _: Reply(401, b"Sign in first.")
    response = session.get(server.url)
    assert (response.status_code, response.content) == (401, b"Sign in first.")
    assert len(server.asked) == 1


def test_a_foreign_401_is_nobody_s_business(foreign: Loopback, session: AuthorizedSession, keeper: Keeper) -> None:
    """A 401 of a server that never saw the bearer causes neither a renewal nor a second try."""
    foreign.answer = lambda _: Reply(401)
    assert session.get(foreign.url).status_code == 401
    assert (len(foreign.asked), keeper.refusals) == (1, [])


def test_a_401_behind_redirects() -> None:
    """After a redirect the refusing host is the one that counts: ours is tried again, a foreign one is not."""
    session, wire, keeper = on_wire(
        {f"{GOOD}/a": (302, f"{GOOD}/b"), f"{GOOD}/b": (401, ""), f"{GOOD}/c": (302, "https://evil.example.org/d")}
        | {"https://evil.example.org/d": (401, "")}
    )
    assert session.get(f"{GOOD}/a").status_code == 401
    assert wire.sent == [(f"{GOOD}/a", bearer(1)), (f"{GOOD}/b", bearer(1)), (f"{GOOD}/b", bearer(2))]
    wire.sent.clear()
    assert session.get(f"{GOOD}/c").status_code == 401
    assert wire.sent == [(f"{GOOD}/c", bearer(2)), ("https://evil.example.org/d", None)]
    assert len(keeper.refusals) == 1


def test_a_body_is_sent_again(server: Loopback, session: AuthorizedSession, keeper: Keeper) -> None:
    """What was posted as bytes, text, form or JSON is there again at the second try."""
    for body in ({"data": b"bytes"}, {"data": "text"}, {"data": {"a": "1"}}, {"json": {"a": 1}}):
        server.answer = refusing(keeper.number)
        server.asked.clear()
        assert session.post(server.url, **body).status_code == 200
        assert len({asked.body for asked in server.asked}) == 1
        assert len(server.asked) == 2


def test_a_stream_cannot_be_sent_again(server: Loopback, session: AuthorizedSession, keeper: Keeper) -> None:
    """What was read from a generator or file is gone: the 401 is the answer, and the next request has a new bearer."""
    bodies = [io.BytesIO(b"file"), iter([b"generated"])]
    for number, body in enumerate(bodies, start=1):
        server.answer = refusing(number)
        assert session.post(server.url, data=body).status_code == 401
        assert (len(keeper.refusals), keeper.number) == (number, number + 1)
    assert authorizations(server) == [bearer(1), bearer(2)]
    assert session.get(server.url).status_code == 200


def test_a_session_that_is_over_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the renewal after a 401 says that the session is over, that is raised, and the connection is let go."""
    session, wire, keeper = on_wire({f"{GOOD}/a": (401, "")})

    def over(url: str, headers: Mapping[str, str]) -> bool:
        raise LoginRequired("The session is over.")

    monkeypatch.setattr(keeper, "refused", over)
    with pytest.raises(LoginRequired, match="The session is over") as caught:
        session.get(f"{GOOD}/a")
    assert wire.raws[0].closed
    assert places(MARK, caught.value, session, besides=[wire]) == []


def test_who_is_not_signed_in_sends_nothing(server: Loopback, session: AuthorizedSession, keeper: Keeper) -> None:
    """Without a login an allowed host is not even asked; a foreign one is."""
    keeper.raises = LoginRequired("Nobody is signed in.")
    with pytest.raises(LoginRequired):
        session.get(server.url)
    assert server.asked == []


def test_an_error_of_ours_comes_without_the_way_through_requests(
    server: Loopback, session: AuthorizedSession, keeper: Keeper
) -> None:
    """Its traceback ends where the session was asked, and what led to the error is not lost."""
    cause = ValueError("a cause")
    keeper.raises = LoginRequired("Nobody is signed in.")
    keeper.raises.__cause__ = cause
    with pytest.raises(LoginRequired) as caught:
        session.get(server.url)
    assert [entry.name for entry in caught.traceback][1:] == ["get", "request"]
    assert caught.value.__cause__ is cause


# Credentials of one's own


def test_one_s_own_header_goes_first(server: Loopback, session: AuthorizedSession, keeper: Keeper) -> None:
    """An Authorization header or `auth=` of one's own is sent as it is, and a 401 to it is not ours to answer."""
    server.answer = lambda _: Reply(401)
    session.get(server.url, headers={"authorization": "Mine 1"})
    session.get(server.url, auth=("user", "pass"))
    session.headers["Authorization"] = "Mine 2"
    session.get(server.url)
    assert authorizations(server) == ["Mine 1", "Basic dXNlcjpwYXNz", "Mine 2"]
    assert keeper.refusals == []


def test_one_s_own_header_stays_with_its_origin() -> None:
    """A header of one's own does not cross to another origin; there the rule for ours holds."""
    hops = [f"{GOOD}/1", f"{GOOD}/2", "https://evil.example.org/3", f"{GOOD}/4"]
    session, wire, _ = on_wire({here: (302, there) for here, there in pairwise(hops)})
    session.get(hops[0], headers={"Authorization": "Mine"})
    assert wire.sent == [(hops[0], "Mine"), (hops[1], "Mine"), (hops[2], None), (hops[3], bearer())]


def test_netrc_neither_replaces_nor_adds(
    server: Loopback, foreign: Loopback, session: AuthorizedSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ~/.netrc for the very hosts changes nothing: at first, after a redirect, and at a foreign host."""
    netrc = tmp_path / ".netrc"
    netrc.write_text(
        "machine 127.0.0.1 login n password p\nmachine localhost login n password p\ndefault login n password p\n"
    )
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    server.answer = lambda asked: Reply(*(302, b"", {"Location": "/b"}) if asked.path == "/a" else (200, b""))
    session.get(f"{server.url}/a")
    session.get(foreign.url)
    server.answer = lambda _: Reply(302, b"", {"Location": foreign.url})
    session.get(server.url)
    assert authorizations(server) == [bearer(), bearer(), bearer()]
    assert authorizations(foreign) == [None, None]
    assert requests.get(foreign.url, timeout=10).ok
    assert authorizations(foreign)[-1] == "Basic bjpw"  # plain requests does read it


# Cookies


def test_cookies_are_of_who_is_signed_in(server: Loopback, keeper: Keeper) -> None:
    """What a service remembers somebody by is sent with their credential, and not with the next person's."""
    who = ["dora"]
    server.answer = lambda asked: Reply(200, b"data", {"Set-Cookie": f"sid=of-{who[0]}; Path=/"})
    with AuthorizedSession(keeper, whose=lambda: who[0]) as session:
        for _ in range(2):
            session.get(server.url)
        who[0] = "boots"
        for _ in range(2):
            session.get(server.url)
    assert [asked.headers.get("Cookie") for asked in server.asked] == [None, "sid=of-dora", None, "sid=of-boots"]


def test_what_was_under_way_brings_no_cookies_to_the_next_person(server: Loopback, keeper: Keeper) -> None:
    """An answer that was asked for by the former person is given, and what it would remember that one by is not kept;
    a redirect, which may lead the former person in, is not followed."""
    who = ["dora"]

    def answer(asked: Asked) -> Reply:
        if asked.path == "/data":
            return Reply(200, b"data")
        who[0] += "+"
        head = {"Set-Cookie": "sid=of-dora; Path=/", "Location": "/data"}
        return Reply(302 if asked.path == "/moved" else 200, b"late", head)

    server.answer = answer
    with AuthorizedSession(keeper, whose=lambda: who[0]) as session:
        late = session.get(f"{server.url}/late")
        assert (late.content, dict(late.cookies), dict(session.cookies)) == (b"late", {}, {})
        with pytest.raises(ServerUnreachable, match="Somebody else signed in"):
            session.get(f"{server.url}/moved")
        session.get(f"{server.url}/data")
    assert [(asked.path, asked.headers.get("Cookie")) for asked in server.asked] == [
        ("/late", None), ("/moved", None), ("/data", None),
    ]  # fmt: skip


# Connections


def test_a_proxy_of_the_environment_does_not_read_it(
    server: Loopback, foreign: Loopback, session: AuthorizedSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """http is for loopback only, so a signed http request goes through no proxy, where others would read the bearer."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, foreign.url)
    session.get(server.url)
    session.get(server.url, proxies={"http": foreign.url})
    assert authorizations(server) == [bearer(), bearer()]
    assert foreign.asked == []


def test_timeouts() -> None:
    """Every request has the session's time-outs, also a prepared one and each hop; a call's own go first."""
    session, wire, _ = on_wire({f"{GOOD}/a": (302, f"{GOOD}/b")})
    session.get(f"{GOOD}/a")
    session.send(session.prepare_request(requests.Request("GET", f"{GOOD}/c")))
    session.get(f"{GOOD}/d", timeout=3)
    session.get(f"{GOOD}/e", timeout=None)
    session.timeout = (1, 2)
    session.head(f"{GOOD}/f")
    assert [options["timeout"] for options in wire.options] == [(10.0, 60.0)] * 3 + [3, None, (1, 2)]


def test_a_silent_server_is_given_up(server: Loopback, keeper: Keeper) -> None:
    """The read time-out of the connection holds."""
    server.answer = lambda _: Reply(write=lambda _: time.sleep(1))
    session = AuthorizedSession(keeper, connection=Connection(read_timeout_s=0.1))
    with pytest.raises(requests.ReadTimeout):
        session.get(server.url)


def test_the_ca_bundle_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`verify` decides, also where REQUESTS_CA_BUNDLE names something else; a call's own goes before both."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/environment.pem")
    answers = {f"{GOOD}/a": (302, f"{GOOD}/b")}
    for verify, options, expected in (
        (certifi.where(), {}, certifi.where()),
        ("", {}, "/nowhere/environment.pem"),
        (certifi.where(), {"verify": "/mine.pem"}, "/mine.pem"),
    ):
        wire = Wire(answers)
        session = AuthorizedSession(Keeper(HOSTS), connection=Connection(verify=verify))
        session.mount("https://", wire)
        session.get(f"{GOOD}/a", **options)
        assert [sent["verify"] for sent in wire.options] == [expected] * 2


def test_no_web_page_is_asked_for(server: Loopback, session: AuthorizedSession) -> None:
    """`Accept` names data, and the word html not even to refuse it: servers look for the word."""
    session.get(server.url)
    assert "html" not in server.asked[0].headers["Accept"]


def test_mounted_adapters_work(server: Loopback, session: AuthorizedSession) -> None:
    """An adapter mounted for retries retries, and each of its tries is signed; unmounted, the plain one is back."""
    statuses = [503, 503, 200]
    server.answer = lambda _: Reply(statuses.pop(0))
    retries = Retry(total=3, status_forcelist=[503], backoff_factor=0)
    session.mount(server.url, HTTPAdapter(max_retries=retries))
    assert session.get(server.url).status_code == 200
    assert authorizations(server) == [bearer()] * 3
    with pytest.raises(requests.exceptions.InvalidSchema):
        session.get("ftp://127.0.0.1/")


def test_streaming(server: Loopback, session: AuthorizedSession) -> None:
    """A streamed answer comes in pieces, and connections are used again."""
    server.answer = lambda _: Reply(200, b"x" * 100_000)
    with session.get(server.url, stream=True) as response:
        assert places(MARK, response, session) == []
        assert sum(map(len, response.iter_content(1000))) == 100_000
        assert places(MARK, response, session) == []


def test_hooks_see_no_bearer(server: Loopback, session: AuthorizedSession) -> None:
    """A response hook runs once, on the last answer, and its request holds no bearer."""
    seen: list[requests.Response] = []
    server.answer = refusing(1)
    session.get(server.url, hooks={"response": lambda response, **_: seen.append(response)})
    assert [response.status_code for response in seen] == [200]
    assert "Authorization" not in seen[0].request.headers


# The login page


@pytest.mark.parametrize(
    "location",
    [
        "https://sso.terrascope.be/auth/realms/terrascope/protocol/openid-connect/auth?client_id=x",
        "https://SSO.terrascope.be:443/anywhere",
        "//sso.terrascope.be/auth/",
    ],
)
def test_a_redirect_to_the_login_page_raises(location: str) -> None:
    """The login page is no data: it is not even asked for, and the error says what happened."""
    session, wire, _ = on_wire({f"{GOOD}/a": (302, location)})
    with pytest.raises(LoginRequired, match="login page") as caught:
        session.get(f"{GOOD}/a")
    assert caught.value.status == 302
    assert len(wire.sent) == 1
    assert wire.raws[0].closed
    assert places(MARK, caught.value, besides=[wire]) == []


@pytest.mark.parametrize(
    ("location", "next_url"),
    [
        ("https://sso.terrascope.be/auth/realms/terrascope/protocol/openid-connect/auth", None),
        ("http://services.terrascope.be/a", None),
        ("https://localhost:8888/", None),
        ("https://mirror.example.org/a", "https://mirror.example.org/a"),
        ("/b", f"{GOOD}/b"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_asks_not_to_be_led_on_gets_the_redirect(location: str, next_url: str | None, method: str) -> None:
    """With `allow_redirects=False` a redirect is the answer, wherever it leads; `next` is where we would follow."""
    session, wire, _ = on_wire({f"{GOOD}/a": (302, location)})
    response = (
        session.head(f"{GOOD}/a") if method == "HEAD" else session.request(method, f"{GOOD}/a", allow_redirects=False)
    )
    assert (response.status_code, response.headers["Location"]) == (302, location)
    assert (response.next and response.next.url) == next_url
    assert [url for url, _ in wire.sent] == [f"{GOOD}/a"]
    assert places(MARK, response, response.next, besides=[wire]) == []


def test_the_login_page_behind_a_redirect() -> None:
    """Further on in a row of redirects the login page and an unsafe address raise as at its beginning."""
    for last, error in (("https://sso.terrascope.be/auth/", LoginRequired), ("https://127.0.0.1/", ServerRefused)):
        session, wire, _ = on_wire({f"{GOOD}/a": (302, "/b"), f"{GOOD}/b": (302, last)})
        with pytest.raises(error):
            session.get(f"{GOOD}/a")
        assert [url for url, _ in wire.sent] == [f"{GOOD}/a", f"{GOOD}/b"]


def test_the_login_page_on_the_same_machine(box: Sandbox) -> None:
    """Where data and login share a host, only the issuer's own pages count as the login page."""
    account = signed_in(box)
    session = AuthorizedSession(account, login_url=box.issuer)
    box.timeline.files("redirect_to_login")
    with pytest.raises(LoginRequired):
        session.get(box.download_urls[0])
    assert session.get(f"{box.issuer}/protocol/openid-connect/userinfo").status_code == 403


# Many threads, and a real account


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


def signed_in(box: Sandbox) -> Account:
    account = Account(box.provider())
    account.start_password_login("dora", Secret("s3cret-Pa55"))
    assert account.wait(20).phase == "signed_in"
    account._idle.stop()  # pyright: ignore[reportPrivateUsage]
    return account


@pytest.mark.parametrize("is_shared", [True, False])
def test_many_threads_on_an_expired_token_make_one_renewal(box: Sandbox, is_shared: bool) -> None:
    """Eight threads, one session or one each: one renewal, and every request succeeds."""
    box.access_token_lifetime_s = 1.0
    account = signed_in(box)
    box.access_token_lifetime_s = 300
    time.sleep(1.0)
    shared = AuthorizedSession(account)

    def fetch(_: int) -> int:
        session = shared if is_shared else AuthorizedSession(account)
        return session.get(box.download_urls[0]).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(fetch, range(16))) == {200}
    assert [asked.form["grant_type"] for asked in box.requests_to("/token")] == ["password", "refresh_token"]


# Nothing holds the bearer afterwards


def holds_nothing(*things: object) -> None:
    """A walk, a pickle, a repr and a traceback with locals: the bearer is in none of them."""
    assert places(MARK, *things) == []
    for thing in things:
        assert MARK not in repr(thing)
        if isinstance(thing, BaseException):
            stream = io.StringIO()
            stream.writelines(traceback.TracebackException.from_exception(thing, capture_locals=True).format())
            assert MARK not in stream.getvalue().replace(f"MARK = '{MARK}'", "")
        if isinstance(thing, (requests.Response, requests.PreparedRequest)):
            assert MARK.encode() not in pickle.dumps(thing)
            assert MARK not in json.dumps(str(vars(thing)))


@pytest.mark.parametrize("numbers", [(), (1,), (1, 2)])
def test_no_response_holds_it(
    server: Loopback, foreign: Loopback, session: AuthorizedSession, numbers: tuple[int, ...]
) -> None:
    """Response, request, history and session hold no bearer: after a success, a renewal, a 401, redirects."""
    answer = refusing(*numbers)
    server.answer = lambda asked: (
        Reply(302, b"", {"Location": asked.path.removeprefix("/to") or foreign.url})
        if asked.path.startswith("/to")
        else answer(asked)
    )
    for path in ("/x", "/to/x", "/to/to/x", "/to"):
        response = session.get(server.url + path)
        holds_nothing(response, response.request, *response.history, session)
        assert len(response.history) == path.count("/to")
    response = session.get(f"{server.url}/to", allow_redirects=False)
    holds_nothing(response, response.next)


@pytest.mark.parametrize("own", [None, HTTPAdapter(max_retries=Retry(total=1, backoff_factor=0))])
def test_http_client_s_debug_level_prints_nothing(
    server: Loopback,
    session: AuthorizedSession,
    own: HTTPAdapter | None,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Where somebody lets http.client print what it sends, this session's requests are not among it."""
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    if own:
        session.mount("http://", own)
    server.answer = refusing(1)
    assert session.get(f"{server.url}/a", headers={"Authorization": f"Mine {MARK}"}).status_code == 200
    assert session.get(f"{server.url}/a").status_code == 200
    assert "send:" not in capfd.readouterr().out
    requests.get(server.url, timeout=10)
    assert "send:" in capfd.readouterr().out
    with pytest.raises(requests.exceptions.InvalidURL):
        session.get("http://.example.org/")


def reset(out: BinaryIO) -> None:
    pass


def half(out: BinaryIO) -> None:
    out.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")


def slow(out: BinaryIO) -> None:
    time.sleep(0.5)


def broken_gzip(out: BinaryIO) -> None:
    out.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope")


@pytest.mark.parametrize("write", [reset, half, slow, broken_gzip])
@pytest.mark.parametrize("after_renewal", [False, True])
def test_no_network_error_holds_it(
    server: Loopback, session: AuthorizedSession, write: Callable[[BinaryIO], None], after_renewal: bool
) -> None:
    """A reset, a cut, a time-out or garbage raises an error of requests that leads to no bearer."""
    server.answer = lambda asked: (
        Reply(401) if after_renewal and asked.headers["Authorization"] == bearer(1) else Reply(write=write)
    )
    with pytest.raises(requests.RequestException) as caught:
        session.get(server.url, timeout=0.2)
    holds_nothing(caught.value, session)
    if caught.value.request is not None:
        holds_nothing(caught.value.request)


def test_no_refused_connection_holds_it() -> None:
    """Nor does the error when nobody listens, with retries and without."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        session = AuthorizedSession(Keeper(frozenset({"127.0.0.1"})))
        for retries in (0, 2):
            session.mount("http://", HTTPAdapter(max_retries=retries))
            with pytest.raises(requests.ConnectionError) as caught:
                session.get(url)
            assert caught.value.request is not None
            holds_nothing(caught.value, caught.value.request, session)


def test_no_tls_failure_holds_it(server: Loopback) -> None:
    """Nor does the error of a server without, or with bad, TLS."""
    session = AuthorizedSession(Keeper(frozenset({"127.0.0.1"})))
    with pytest.raises(requests.exceptions.SSLError) as caught:
        session.get(server.url.replace("http:", "https:"))
    holds_nothing(caught.value, session)
    assert server.asked == []


def test_no_endless_redirect_holds_it(server: Loopback, session: AuthorizedSession) -> None:
    """Nor does the error after too many redirects, which carries a response."""
    server.answer = lambda _: Reply(302, b"", {"Location": "/again"})
    session.max_redirects = 3
    with pytest.raises(requests.TooManyRedirects) as caught:
        session.get(server.url)
    assert caught.value.response is not None
    holds_nothing(caught.value, caught.value.response, *caught.value.response.history, session)


@pytest.mark.parametrize("failure", [KeyboardInterrupt, MemoryError, SystemExit, RecursionError])
def test_no_interrupt_holds_it(failure: type[BaseException]) -> None:
    """Ctrl-C, or anything else, while the request is sent raises without the frames that hold the bearer."""

    class Interrupted(HTTPAdapter):
        def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # pyright: ignore
            text = str(request.headers["Authorization"])
            try:
                raise requests.ConnectionError(text[:6], request=request)  # noqa: TRY301
            except requests.ConnectionError:
                raise failure  # noqa: B904

    session = AuthorizedSession(Keeper(HOSTS))
    session.mount("https://", Interrupted())
    with pytest.raises(failure) as caught:
        session.get(f"{GOOD}/a")
    holds_nothing(caught.value, session)
    context = caught.value.__context__
    assert isinstance(context, requests.ConnectionError)
    holds_nothing(context, context.request)


def test_no_failed_retry_holds_it(server: Loopback, session: AuthorizedSession) -> None:
    """Nor does the error of an adapter that gave up retrying."""
    server.answer = lambda _: Reply(503)
    session.mount(server.url, HTTPAdapter(max_retries=Retry(total=1, status_forcelist=[503], backoff_factor=0)))
    with pytest.raises(requests.exceptions.RetryError) as caught:
        session.get(server.url)
    holds_nothing(caught.value, session)


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_neither_pickles_nor_copies(session: AuthorizedSession, take: Callable[[object], object]) -> None:
    """A signed session stays in its kernel: pickling and copying raise, with advice."""
    with pytest.raises(SecretExposed, match=r"ipyterrascope\.session\(\)"):
        take(session)


def test_it_is_a_session(session: AuthorizedSession) -> None:
    """What takes a `requests.Session` takes this one; nothing of it shows a bearer."""
    assert isinstance(session, requests.Session)
    holds_nothing(session)


def test_the_body_of_a_redirect_is_not_read(server: Loopback, session: AuthorizedSession) -> None:
    """Whatever hangs on a redirect (an endless body, a bomb, a drip) is left where it is."""
    written: list[int] = []

    def endless(out: BinaryIO) -> None:
        out.write(b"HTTP/1.1 302 Found\r\nLocation: /there\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(1000):
                out.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                written.append(65536)

    server.answer = lambda asked: Reply(200, b"data") if asked.path == "/there" else Reply(write=endless)
    assert session.get(f"{server.url}/here").content == b"data"
    assert sum(written) < 16 << 20


def test_a_refusal_that_does_not_end_is_not_read(server: Loopback, keeper: Keeper) -> None:
    """What explains a refusal reads short ones alone; one in chunks is not, whatever length is told."""
    written: list[int] = []

    def endless(out: BinaryIO) -> None:
        out.write(b"HTTP/1.1 403 No\r\nContent-Type: application/json\r\nContent-Length: 10\r\n")
        out.write(b"Transfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(1000):
                out.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                written.append(65536)

    server.answer = lambda _: Reply(write=endless)
    with AuthorizedSession(keeper, explain=explainer(EARTHDATA)) as session:
        assert session.get(server.url, stream=True).status_code == 403
        assert sum(written) < 16 << 20
