"""The auth object for plain requests and for httpx: signs for allowed hosts, retries once, and takes the header off."""

from __future__ import annotations

import asyncio
import copy
import pickle
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import requests
from IPython.core.ultratb import VerboseTB

import ipyterrascope.httpauth
from ipyterrascope.auth.account import Account
from ipyterrascope.errors import ConfigurationError, LoginRequired, SecretExposed
from ipyterrascope.httpauth import LiveAuth, live_auth
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.values.hosts import may_carry
from ipyterrascope.values.secret import Secret
from testbed.leaks import places
from testbed.loopback import Asked, Loopback, Reply

MARK = "kept-secret-bearer"


@dataclass
class Counter:
    """An authorizer that renews by counting up."""

    hosts: frozenset[str]
    number: int = 1
    refusals: list[str] = field(default_factory=list)
    is_over: bool = False

    def headers(self, url: str) -> Mapping[str, str]:
        return {"Authorization": bearer(self.number)} if may_carry(url, self.hosts) else {}

    def refused(self, url: str, headers: Mapping[str, str]) -> bool:
        assert may_carry(url, self.hosts), "asked about a host that never saw the bearer"
        self.refusals.append(url)
        if self.is_over:
            raise LoginRequired("The session is over.")
        self.number += 1
        return True


def bearer(number: int = 1) -> str:
    return f"Bearer {MARK}-{number}"


@pytest.fixture
def counter(server: Loopback) -> Counter:
    return Counter(frozenset({f"127.0.0.1:{server.port}"}))


@pytest.fixture
def auth(counter: Counter) -> Any:
    return live_auth(counter)


def authorizations(server: Loopback) -> list[str | None]:
    return [asked.headers.get("Authorization") for asked in server.asked]


def by_requests(auth: Any, method: str, url: str, **options: Any) -> Any:
    return requests.request(method, url, auth=auth, timeout=10, **options)


def by_httpx(auth: Any, method: str, url: str, **options: Any) -> Any:
    follow = options.pop("allow_redirects", True)
    data = options.pop("data", None)
    with httpx.Client(auth=auth, follow_redirects=follow, trust_env=False) as client:
        return client.request(method, url, content=data, **options)


def by_async_httpx(auth: Any, method: str, url: str, **options: Any) -> Any:
    follow = options.pop("allow_redirects", True)
    data = options.pop("data", None)

    async def ask() -> Any:
        async with httpx.AsyncClient(auth=auth, follow_redirects=follow, trust_env=False) as client:
            return await client.request(method, url, content=data, **options)

    return asyncio.run(ask())


Ask = Callable[..., Any]
EACH = pytest.mark.parametrize("ask", [by_requests, by_httpx, by_async_httpx])


def refusing(*numbers: int) -> Callable[[Asked], Reply]:
    refused = {bearer(number) for number in numbers}
    return lambda asked: Reply(401 if asked.headers.get("Authorization") in refused else 200, b"data")


@EACH
def test_it_signs_for_allowed_hosts_only(server: Loopback, foreign: Loopback, auth: Any, ask: Ask) -> None:
    """The bearer is on the wire to the provider's host, and not to another."""
    assert ask(auth, "GET", f"{server.url}/a").status_code == 200
    assert ask(auth, "GET", f"{foreign.url}/a").status_code == 200
    assert (authorizations(server), authorizations(foreign)) == ([bearer()], [None])


@EACH
def test_one_retry_after_a_401(server: Loopback, auth: Any, counter: Counter, ask: Ask) -> None:
    """A 401 is answered by one renewal and one more try; a second 401 is the answer."""
    server.answer = refusing(1)
    assert ask(auth, "POST", server.url, data=b"body").status_code == 200
    assert authorizations(server) == [bearer(1), bearer(2)]
    assert [asked.body for asked in server.asked] == [b"body", b"body"]
    server.answer = refusing(2, 3, 4)
    assert ask(auth, "GET", server.url).status_code == 401
    assert authorizations(server)[2:] == [bearer(2), bearer(3)]
    assert len(counter.refusals) == 2


@EACH
def test_a_foreign_401_is_nobody_s_business(foreign: Loopback, auth: Any, counter: Counter, ask: Ask) -> None:
    """A 401 of a host that never saw the bearer leads to no renewal and no second try."""
    foreign.answer = lambda _: Reply(401)
    assert ask(auth, "GET", foreign.url).status_code == 401
    assert (len(foreign.asked), counter.refusals) == (1, [])


@EACH
def test_a_foreign_401_behind_a_redirect(
    server: Loopback, foreign: Loopback, auth: Any, counter: Counter, ask: Ask
) -> None:
    """Nor does one to which we were redirected: it gets no bearer and causes no renewal."""
    server.answer = lambda _: Reply(302, b"", {"Location": foreign.url})
    foreign.answer = lambda _: Reply(401)
    assert ask(auth, "GET", server.url).status_code == 401
    assert authorizations(foreign) == [None]
    assert counter.refusals == []
    assert len(server.asked) == 1


@EACH
def test_a_redirect_on_the_same_host(server: Loopback, auth: Any, ask: Ask) -> None:
    """On the same host a redirect stays signed, and a 401 behind it is tried again."""
    refuse = refusing(1)
    server.answer = lambda asked: Reply(302, b"", {"Location": "/b"}) if asked.path == "/a" else refuse(asked)
    assert ask(auth, "GET", f"{server.url}/a").status_code == 200
    assert (server.asked[-1].path, authorizations(server)[-1]) == ("/b", bearer(2))
    assert set(authorizations(server)) == {bearer(1), bearer(2)}


@EACH
def test_a_redirect_after_the_renewal(server: Loopback, auth: Any, ask: Ask) -> None:
    """What a renewed request is redirected to gets the new bearer, not the refused one."""
    refuse = refusing(1)

    def answer(asked: Asked) -> Reply:
        first = refuse(asked)
        if first.status == 200 and asked.path == "/a":
            return Reply(302, b"", {"Location": "/b"})
        return first

    server.answer = answer
    assert ask(auth, "GET", f"{server.url}/a").status_code == 200
    assert [(asked.path, asked.headers["Authorization"]) for asked in server.asked] == [
        ("/a", bearer(1)),
        ("/a", bearer(2)),
        ("/b", bearer(2)),
    ]


@EACH
def test_a_stream_is_not_sent_twice(server: Loopback, auth: Any, ask: Ask) -> None:
    """A body that was read from a generator is gone: the 401 is the answer."""

    async def agenerate() -> AsyncIterator[bytes]:
        yield b"generated"

    body: Any = agenerate() if ask is by_async_httpx else iter([b"generated"])
    server.answer = lambda _: Reply(401)
    assert ask(auth, "POST", server.url, data=body).status_code == 401
    assert [asked.body for asked in server.asked] == [b"generated"]


@EACH
def test_who_is_not_signed_in_sends_nothing(server: Loopback, auth: Any, counter: Counter, ask: Ask) -> None:
    """Without a login nothing is sent; a session that ends with a 401 is told, without the bearer in a frame."""
    server.answer = lambda _: Reply(401)
    counter.is_over = True
    with pytest.raises(LoginRequired, match="The session is over") as caught:
        ask(auth, "GET", server.url)
    assert len(server.asked) == 1
    frames = [frame for frame in _locals(caught.value) if MARK in frame]
    assert frames == []


def _locals(error: BaseException) -> Iterator[str]:
    """Yield what a traceback in Verbose mode prints of each frame that is not of a test."""
    step = error.__traceback__
    while step is not None:
        if "/tests/" not in step.tb_frame.f_code.co_filename:
            yield repr(step.tb_frame.f_locals)
        step = step.tb_next


@EACH
def test_the_answer_holds_no_bearer(server: Loopback, auth: Any, ask: Ask, counter: Counter) -> None:
    """The response that the caller keeps holds no bearer: after a success, a renewal, a 401."""
    for numbers in ((), (1,), (2, 3)):
        server.answer = refusing(*numbers)
        response = ask(auth, "GET", server.url)
        assert places(MARK, response, besides=out_of_reach(response, auth, counter)) == []


def out_of_reach(response: Any, *holders: object) -> list[object]:
    """Who holds the bearer by right, and httpcore's stream, which nobody but httpx looks into."""
    return [*holders, *(getattr(each, "stream", None) for each in (response, *response.history))]


@pytest.mark.parametrize("ask", [by_httpx, by_async_httpx])
def test_httpx_s_history_holds_no_bearer(server: Loopback, auth: Any, ask: Ask, counter: Counter) -> None:
    """With httpx the whole history is clean, and so is a next request that was not followed."""
    server.answer = lambda asked: Reply(302, b"", {"Location": asked.path[2:]}) if asked.path != "/" else Reply()
    response = ask(auth, "GET", f"{server.url}/x/y/")
    assert len(response.history) == 2
    assert places(MARK, response, besides=out_of_reach(response, auth, counter)) == []
    assert MARK.encode() not in pickle.dumps(response)
    response = ask(auth, "GET", f"{server.url}/x/y/", allow_redirects=False)
    assert response.next_request is not None
    assert places(MARK, response, besides=out_of_reach(response, auth, counter)) == []


@pytest.mark.parametrize("ask", [by_httpx, by_async_httpx])
def test_httpx_s_errors_hold_no_request_with_it(server: Loopback, auth: Any, ask: Ask) -> None:
    """A failed request of httpx is carried by its error, without the bearer."""
    server.answer = lambda _: Reply(write=lambda _: None)
    with pytest.raises(httpx.TransportError) as caught:
        ask(auth, "GET", server.url)
    assert "Authorization" not in caught.value.request.headers


@pytest.mark.parametrize("ask", [by_httpx, by_async_httpx])
@pytest.mark.parametrize("ends_in", ["a loop", "no answer"])
def test_httpx_s_errors_after_a_redirect_hold_no_request_with_it(
    server: Loopback, auth: Any, ask: Ask, ends_in: str
) -> None:
    """The request that a redirect led to, and that fails, is carried by the error without the bearer."""

    def answer(asked: Asked) -> Reply:
        assert asked.headers["Authorization"] == bearer()
        if asked.path == "/there" and ends_in == "no answer":
            return Reply(write=lambda _: None)
        return Reply(302, b"", {"Location": "/there"})

    server.answer = answer
    with pytest.raises(httpx.RequestError) as caught:
        ask(auth, "GET", server.url)
    assert caught.value.request.url.path == "/there"
    assert "Authorization" not in caught.value.request.headers


def by_trusting_httpx(auth: Any, method: str, url: str) -> Any:
    with httpx.Client(auth=auth) as client:
        return client.request(method, url)


def by_trusting_async_httpx(auth: Any, method: str, url: str) -> Any:
    async def ask() -> Any:
        async with httpx.AsyncClient(auth=auth) as client:
            return await client.request(method, url)

    return asyncio.run(ask())


@pytest.mark.parametrize("ask", [by_requests, by_trusting_httpx, by_trusting_async_httpx])
@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_reads_no_bearer(
    server: Loopback, foreign: Loopback, auth: Any, ask: Ask, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is signed by http would be read by a proxy of the environment: it is not signed, and the error says why."""
    if name == "HTTP_PROXY":
        monkeypatch.delenv("REQUEST_METHOD", raising=False)  # with it the name counts as a header of CGI
    monkeypatch.setenv(name, foreign.url)
    assert ask(auth, "GET", server.url).status_code == 200
    for no_proxy in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(no_proxy)
    with pytest.raises(ConfigurationError, match="NO_PROXY") as caught:
        ask(auth, "GET", server.url)
    assert foreign.asked == []
    assert [frame for frame in _locals(caught.value) if MARK in frame] == []
    assert ask(auth, "GET", "http://unsigned.example.org/").status_code == 200
    assert authorizations(foreign) == [None]


def broken_off() -> Iterator[bytes]:
    yield b"a piece"
    raise RuntimeError("the caller's own body fails")


async def broken_off_async() -> AsyncIterator[bytes]:
    for piece in broken_off():
        yield piece


@pytest.mark.parametrize("name", ["http://127.0.0.1_proxy", "ALL://127.0.0.1_PROXY"])
def test_a_proxy_for_one_host_reads_no_bearer(
    server: Loopback, foreign: Loopback, auth: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """requests knows proxies for one host too, by variables that no shell can set."""
    monkeypatch.setenv(name, foreign.url)
    for no_proxy in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(no_proxy)
    with pytest.raises(ConfigurationError, match="NO_PROXY"):
        by_requests(auth, "GET", server.url)
    assert by_requests(None, "GET", server.url).content == b"foreign"


@EACH
@pytest.mark.parametrize("stage", ["connect", "send", "read", "retry"])
def test_no_traceback_shows_the_bearer(server: Loopback, auth: Any, ask: Ask, stage: str) -> None:
    """Whatever fails, a traceback that prints all locals of all frames, as IPython's Verbose mode does, shows none."""
    url, options = server.url, {}
    server.answer = lambda _: Reply(write=lambda _: None)
    if stage == "connect":
        url = url.replace("http:", "https:")
    if stage == "send":
        options["data"] = broken_off_async() if ask is by_async_httpx else broken_off()
    if stage == "retry":
        refused = refusing(1)
        server.answer = lambda asked: (
            answer if (answer := refused(asked)).status == 401 else Reply(write=lambda _: None)
        )
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each library has its own
        ask(auth, "POST", url, **options)
    assert not isinstance(caught.value, AssertionError)
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    shown += "\n".join(VerboseTB().structured_traceback(type(caught.value), caught.value, caught.tb))
    assert MARK not in shown.replace(f"MARK = '{MARK}'", "")


def test_other_hooks_run_after_a_retry(server: Loopback, auth: Any) -> None:
    """A response hook of the caller sees the answer of the second try."""
    seen: list[int] = []
    server.answer = refusing(1)
    by_requests(auth, "GET", server.url, hooks={"response": lambda response, **_: seen.append(response.status_code)})
    assert seen == [200]


def test_as_the_auth_of_a_session(server: Loopback, auth: Any) -> None:
    """Set once on a session, it signs each request with what is live then."""
    with requests.Session() as session:
        session.auth = auth
        for number in (1, 2, 3):
            server.answer = refusing(*range(1, number))
            assert session.get(server.url).status_code == 200
    assert authorizations(server)[-1] == bearer(3)


def test_it_is_what_both_libraries_take(auth: Any) -> None:
    """It is an auth object of requests and of httpx, and shows nothing of itself."""
    assert isinstance(auth, (requests.auth.AuthBase, httpx.Auth))
    assert isinstance(auth, httpx.Auth)
    assert repr(auth) == "<LiveAuth>"


def test_without_httpx(monkeypatch: pytest.MonkeyPatch, counter: Counter) -> None:
    """Where httpx is not installed it serves requests all the same."""
    monkeypatch.setattr(ipyterrascope.httpauth, "find_spec", lambda _: None)
    assert type(live_auth(counter)) is LiveAuth


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_neither_pickles_nor_copies(auth: Any, take: Callable[[object], object]) -> None:
    """A live login stays in its kernel."""
    with pytest.raises(SecretExposed, match=r"ipyterrascope\.auth\(\)"):
        take(auth)


@EACH
def test_with_a_real_account(ask: Ask) -> None:
    """Against the sandbox, with a token that the service refuses: one renewal, and the file comes."""
    with Sandbox(access_token_lifetime_s=5) as box:
        account = Account(box.provider())
        account.start_password_login("dora", Secret("s3cret-Pa55"))
        assert account.wait(20).phase == "signed_in"
        auth = live_auth(account)
        url = box.download_urls[0]
        assert ask(auth, "GET", url).status_code == 200
        time.sleep(0.6)  # a token that is younger is not thought to be at fault
        box.expire_access_tokens()
        assert ask(auth, "GET", url).status_code == 200
        assert [asked.form["grant_type"] for asked in box.requests_to("/token")] == ["password", "refresh_token"]
        account.logout()
        with pytest.raises(LoginRequired):
            ask(auth, "GET", url)
