"""`ipyterrascope.fsspec` as a user meets it: files and stores by name, clear errors, and what it never lets out."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import fsspec
import numpy as np
import pytest
import xarray as xr
import yarl
import zarr
from fsspec.implementations.http import HTTPFileSystem
from signing import PASSWORD, sign_in

import ipyterrascope as ts
from ipyterrascope.auth.account import Account
from ipyterrascope.bridges import fsspec as bridge
from ipyterrascope.bridges.aiohttp_session import Signing
from ipyterrascope.bridges.fsspec_filesystem import FileMissing, TerrascopeFileSystem
from ipyterrascope.bridges.fsspec_session import sessions
from ipyterrascope.errors import LoginRequired, ServerRefused, ServerUnreachable, TerrascopeError, UsageError
from ipyterrascope.sandbox import Sandbox, steps
from ipyterrascope.values.connection import Connection
from ipyterrascope.values.secret import Secret
from testbed import geo
from testbed.leaks import places
from testbed.loopback import Asked, Loopback, Reply, loopback


@pytest.fixture
def system(account: Account) -> TerrascopeFileSystem:
    return ts.fsspec.filesystem("box")


@pytest.fixture
def url(box: Sandbox) -> str:
    return box.add_file("some.bin", bytes(range(256)) * 400)


def zarr_in(box: Sandbox, folder: Path, version: int) -> str:
    for path, data in geo.zarr_files(folder, version, 128).items():
        box.add_file(f"v{version}.zarr/{path}", data)
    return f"{box.url}/download/v{version}.zarr"


def bearers(box: Sandbox) -> set[str]:
    return {record.headers.get("Authorization", "")[:7] for record in box.requests_to("/download/")}


def test_nothing_of_a_login_outlives_it(account: Account, system: TerrascopeFileSystem, url: str) -> None:
    """Sessions stay open after a logout, and hold no token."""
    token = account.tokens().access_token.reveal()
    system.cat_file(url)
    account.logout()
    assert places(token, sessions, system) == []


def test_nobody_sends_another_person_s_cookies(account: Account) -> None:
    """What a service remembers dora by does not go out with boots' token."""
    with loopback(lambda asked: Reply(200, b"x", {"Set-Cookie": "sid=hers; Path=/"})) as service:
        host = f"localhost:{service.port}"  # for an address in numbers aiohttp keeps none
        system = ts.fsspec.filesystem("box")
        for user, password in (("dora", PASSWORD), ("boots", "päss wörd+&%")):
            account.start_password_login(user, Secret(password))
            assert account.wait(20).phase == "signed_in"
            for _ in range(2):
                system.cat_file(f"http://{host}/a")
        cookies = [asked.headers.get("Cookie") for asked in service.asked if asked.method == "GET"]
    assert cookies == [None, "sid=hers", None, "sid=hers"]


def test_what_was_under_way_brings_no_cookies_to_the_next_person(account: Account) -> None:
    """Of an answer that the former person asked for nothing is remembered, and a redirect of it is not followed; a file
    that was opened before goes on without the former person's cookies."""
    people = [("boots", "päss wörd+&%"), ("dora", PASSWORD)]

    def answer(asked: Asked) -> Reply:
        head = {"Set-Cookie": "sid=hers; Path=/", "Location": "/data", "Content-Length": "1000000"}
        if asked.path in ("/late", "/moved"):
            user, password = people.pop(0)
            account.start_password_login(user, Secret(password), is_switch=True)
            assert account.wait(20).user == user
            return Reply(302 if asked.path == "/moved" else 200, b"x", {**head, "Content-Length": "1"})
        if asked.method == "HEAD":
            return Reply(200, b"", {**head, "Accept-Ranges": "bytes"})
        return Reply(206, b"x" * 10, {**head, "Content-Range": "bytes 0-9/1000000", "Content-Length": "10"})

    sign_in(account)
    with loopback(answer) as service:
        host = f"http://localhost:{service.port}"
        system = ts.fsspec.filesystem("box")
        with system.open(f"{host}/open", cache_type="none") as file:
            assert file.read(10) == b"x" * 10
            system.cat_file(f"{host}/late")
            file.seek(0)
            file.read(10)
        with pytest.raises(ServerUnreachable, match="Somebody else signed in"):
            system.cat_file(f"{host}/moved")
        system.cat_file(f"{host}/data")
        cookies = [(asked.path, asked.headers.get("Cookie")) for asked in service.asked if asked.method == "GET"]
    assert cookies == [
        ("/open", "sid=hers"), ("/late", "sid=hers"), ("/open", None), ("/moved", "sid=hers"), ("/data", None),
    ]  # fmt: skip


def test_a_netcdf_opens_in_xarray(account: Account, box: Sandbox) -> None:
    """`open` gives what h5netcdf reads, and dask reads the rest of it in threads."""
    url = box.add_file("a.nc", geo.netcdf(128))
    with xr.open_dataset(ts.fsspec.open(url, provider="box"), engine="h5netcdf", chunks={"x": 64}) as found:
        xr.testing.assert_equal(found.compute(scheduler="threads"), geo.dataset(128))
    assert bearers(box) == {"Bearer "}


@pytest.mark.parametrize("version", [2, 3])
def test_a_zarr_opens_in_xarray(account: Account, box: Sandbox, tmp_path: Path, version: int) -> None:
    """`store` gives what zarr 3 reads, for stores of both versions of the format."""
    store = ts.fsspec.store(zarr_in(box, tmp_path, version), "box")
    assert isinstance(store, zarr.storage.FsspecStore)
    xr.testing.assert_equal(xr.open_zarr(store).compute(), geo.dataset(128))
    assert bearers(box) == {"Bearer "}


def test_zarr_2_gets_a_mapping(account: Account, box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where zarr 2 is installed, `store` is a mapping: what is missing is a KeyError, what is refused is not."""
    monkeypatch.setattr(bridge, "version", lambda name: "2.18.7")
    store = ts.fsspec.store(zarr_in(box, tmp_path, 2), "box")
    assert json.loads(store[".zgroup"]) == {"zarr_format": 2}
    assert "ndvi/0.0" in store
    assert "ndvi/9.9" not in store
    with pytest.raises(KeyError):
        store["ndvi/9.9"]
    box.timeline.files(steps.status(403))
    with pytest.raises(ServerRefused, match="does not let you have"):
        store["ndvi/0.0"]


def test_a_chunk_that_is_missing_is_filled_and_one_that_is_refused_raises(
    account: Account, box: Sandbox, tmp_path: Path
) -> None:
    """No refusal, and no trouble of the server, ever becomes fill values."""
    root = zarr_in(box, tmp_path, 3)
    array = zarr.open_array(ts.fsspec.store(root, "box"), path="ndvi", mode="r")
    for path in ("ndvi/c/0/0", "ndvi/c/1/1"):
        box._running.files._files.pop(f"v3.zarr/{path}")
    assert not np.asarray(array[:64, :64]).any()
    for status, error in ((403, ServerRefused), (500, ServerUnreachable), (429, ServerUnreachable)):
        box.timeline.files(steps.status(status))
        with pytest.raises(error):
            array[:64, 64:]
    assert np.asarray(array[:64, 64:]).any()


def test_by_its_protocol(account: Account, box: Sandbox, url: str) -> None:
    """fsspec knows the protocol by itself; https is meant, and http for this machine."""
    code = "import fsspec; print(fsspec.get_filesystem_class('terrascope').__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "TerrascopeFileSystem"
    own = url.replace("http://", "terrascope://")
    with fsspec.open(own, provider="box") as file:
        assert file.read(3) == b"\0\1\2"
    system = fsspec.filesystem("terrascope", provider="box")
    assert system.cat_file(own, 0, 3) == system.cat(own)[:3] == b"\0\1\2"
    assert system.info(own)["size"] == 102400
    assert system.exists(own)
    assert system.unstrip_protocol(url) == own
    strip = TerrascopeFileSystem._strip_protocol
    assert strip("terrascope://services.terrascope.be/a") == "https://services.terrascope.be/a"
    assert strip(["terrascope://localhost:1/a", "https://x/b"]) == ["http://localhost:1/a", "https://x/b"]
    assert strip("terrascope://https://x/b") == "https://x/b"


def test_what_is_pickled_is_a_name(system: TerrascopeFileSystem, account: Account, url: str) -> None:
    """File system, file, store and JSON hold the provider's name, and read wherever they are opened again."""
    token = account.tokens().access_token.reveal()
    file = system.open(url)
    store = ts.fsspec.store(url, "box")
    told = [pickle.dumps(thing) for thing in (system, file, store, system.get_mapper(url))]
    told += [system.to_json().encode(), repr(vars(system)).encode(), repr(system).encode(), repr(store).encode()]
    assert not [text for text in told if token.encode() in text or token[-20:].encode() in text]
    for again in (pickle.loads(told[0]), fsspec.AbstractFileSystem.from_json(system.to_json())):
        assert again.cat(url) == system.cat(url)
    assert pickle.loads(told[1]).read() == system.cat(url)
    assert b"box" in told[0]


@pytest.mark.parametrize("name", ["headers", "auth", "client_kwargs", "get_client", "cookies"])
def test_no_credential_is_taken_as_an_option(account: Account, name: str) -> None:
    """What the class beneath would send to every host, or pickle, is refused."""
    with pytest.raises(UsageError, match=f"takes no {name}"):
        ts.fsspec.filesystem("box", **{name: {"Authorization": "Bearer x"}})


def test_each_refusal_says_what_it_is(system: TerrascopeFileSystem, box: Sandbox, url: str) -> None:
    """401, 403, 404 and trouble are errors of our tree from each way to ask, and FileNotFoundError means just that."""
    asks: list[Callable[[], object]] = [
        lambda: system.info(url),
        lambda: system.cat(url),
        lambda: system.open(url),
        lambda: system.cat_file(url, 0, 10),
    ]
    for status, error in (
        (401, ServerRefused),
        (403, ServerRefused),
        (503, ServerUnreachable),
        (500, ServerUnreachable),
    ):
        for ask in (*asks, lambda: system.exists(url)):
            box.timeline.files(*[status if status != 503 else steps.status(503)] * 4)
            with pytest.raises(error) as caught:
                ask()
            assert caught.value.status == status
            assert not isinstance(caught.value, OSError)
            box.timeline.clear()
    missing = f"{url}.missing"
    for ask in (lambda: system.info(missing), lambda: system.cat(missing), lambda: system.open(missing)):
        with pytest.raises(FileNotFoundError) as found:
            ask()
        assert isinstance(found.value, FileMissing)
        assert isinstance(found.value, ServerRefused)
        assert str(found.value).startswith(f"127.0.0.1:{box.port} has no such file (404).")
        assert str(pickle.loads(pickle.dumps(found.value))) == str(found.value)
    assert not system.exists(missing)
    assert system.exists(url)


def test_a_server_that_is_gone_is_not_a_missing_file(system: TerrascopeFileSystem, box: Sandbox, url: str) -> None:
    """Where nobody listens, no file is said to be missing, and `exists` does not say no."""
    gone = url.replace(str(box.port), "9")
    for ask in (lambda: system.exists(gone), lambda: system.info(gone), lambda: system.open(gone)):
        with pytest.raises(Exception, match="Cannot connect") as caught:
            ask()
        assert not isinstance(caught.value, FileNotFoundError)


def test_a_refused_token_is_renewed_once(
    system: TerrascopeFileSystem, account: Account, box: Sandbox, url: str
) -> None:
    """A token that the service refuses before its time is renewed, and the request repeated."""
    time.sleep(0.5)
    box.expire_access_tokens()
    box.forget_requests()
    assert len(system.cat(url)) == 102400
    assert [record.status for record in box.requests_to("/download/")] == [401, 200]
    assert len(box.requests_to("/token")) == 1


def test_many_on_an_expired_token_cause_one_renewal(
    account: Account, box: Sandbox, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two hundred readers in one loop, on a token that has ended, with a provider that takes a second to answer: one
    renewal, and the loop goes on meanwhile."""
    stalls: list[float] = []

    async def watch() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.005)
            stalls.append(time.monotonic() - before - 0.005)

    async def read() -> int:
        system = ts.fsspec.filesystem("box", asynchronous=True)
        await system._cat_file(url)
        time.sleep(3.1)
        box.forget_requests()
        box.timeline.token(steps.delayed(1))
        watching = asyncio.create_task(watch())
        await asyncio.sleep(0)
        found = await asyncio.gather(*(system._cat_file(url, 0, 10) for _ in range(200)))
        watching.cancel()
        return len(found)

    assert asyncio.run(read()) == 200
    assert len(box.requests_to("/token")) == 1
    assert {record.status for record in box.requests_to("/download/")} == {206}
    with capsys.disabled():
        print(f"\n200 readers on an expired token: longest stall of the loop {max(stalls):.3f} s")
    assert max(stalls) < 0.9  # the second for which the provider thinks is not the loop's


def test_a_session_for_each_loop(account: Account, url: str) -> None:
    """Threads share one session, each event loop has its own, and those whose loop has ended are closed."""

    async def session() -> object:
        system = ts.fsspec.filesystem("box", asynchronous=True)
        first = await system.set_session()
        assert await system.set_session() is first
        assert await ts.fsspec.filesystem("box", asynchronous=True).set_session() is first
        assert len(await system._cat_file(url)) == 102400
        return first

    first, second = asyncio.run(session()), asyncio.run(session())
    assert first is not second
    assert first.closed  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    before = len(sessions._opened)  # pyright: ignore[reportPrivateUsage]
    threads = [threading.Thread(target=lambda: ts.fsspec.filesystem("box").cat(url)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sessions._opened) <= before + 1  # pyright: ignore[reportPrivateUsage]


def test_another_connection_is_another_session(system: TerrascopeFileSystem, account: Account, url: str) -> None:
    """Time-outs and a CA bundle that are configured later hold for the next request."""

    async def session() -> object:
        return await system.set_session()

    first = fsspec.asyn.sync(system.loop, session)
    account.connection = Connection(read_timeout_s=7)
    second = fsspec.asyn.sync(system.loop, session)
    assert second is not first
    assert second.timeout.sock_read == 7
    assert second.timeout.total is None
    assert len(system.cat(url)) == 102400


def test_a_foreign_host_sees_nothing(system: TerrascopeFileSystem, box: Sandbox, foreign: Loopback) -> None:
    """Neither asked directly, by an address with a user in it, nor by a redirect does another host get the token; one
    that refuses is told apart from the provider's."""
    redirected = box.add_file("moved.bin", b"x")
    box.timeline.files(*[steps.redirect(f"{foreign.url}/there")] * 3)
    assert system.cat(redirected) == b"foreign"
    box.timeline.clear()
    assert system.cat(f"{foreign.url}/here") == b"foreign"
    assert [asked.headers.get("Authorization") for asked in foreign.asked] == [None, None]
    assert system.cat(foreign.url.replace("//", "//me:mine@")) == b"foreign"
    assert str(foreign.asked[-1].headers["Authorization"]).startswith("Basic ")
    foreign.answer = lambda _: Reply(401)
    with pytest.raises(ServerRefused, match="no login was sent there"):
        system.cat(f"{foreign.url}/closed")


def test_redirects_that_are_not_followed(system: TerrascopeFileSystem, box: Sandbox, url: str) -> None:
    """A redirect to the login page asks to sign in, and one to what cannot be asked safely is refused."""
    box.timeline.files("redirect_to_login")
    with pytest.raises(LoginRequired, match="login page instead of the data"):
        system.cat(url)
    box.timeline.files(steps.redirect("http://data.example.org/x"))
    with pytest.raises(ServerRefused, match="cannot be followed"):
        system.cat(url)


def test_the_netrc_is_not_asked(
    system: TerrascopeFileSystem,
    box: Sandbox,
    url: str,
    foreign: Loopback,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An entry for the same machine neither replaces the token, nor goes anywhere."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    system.cat(url)
    system.cat(foreign.url)
    assert bearers(box) == {"Bearer "}
    assert "Authorization" not in foreign.asked[-1].headers


def test_proxies_are_those_of_requests(
    system: TerrascopeFileSystem, account: Account, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTPS_PROXY is used for what is far away, with its own password; what is on this machine goes there directly."""
    with loopback(lambda _: Reply(502)) as proxy:
        for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url.replace("//", "//me:mine@"))
        monkeypatch.setenv("NO_PROXY", "")
        assert len(system.cat(url)) == 102400
        with pytest.raises(Exception, match="502"):
            system.cat("https://data.example.org/a")
        (asked,) = proxy.asked
        assert (asked.method, asked.path) == ("CONNECT", "data.example.org:443")
        assert asked.headers["Proxy-Authorization"] == "Basic bWU6bWluZQ=="
        assert "Authorization" not in asked.headers


def test_a_basic_login_reads_too(account: Account, box: Sandbox, url: str) -> None:
    """User name and password are sent to the provider's hosts; where they are refused they are sent once."""
    sign_in(account, "basic")
    box.forget_requests()
    assert len(ts.fsspec.filesystem("box").cat(url)) == 102400
    assert {record.headers["Authorization"].partition(" ")[0] for record in box.requests_to("/download/")} == {"Basic"}
    box.timeline.files(*[401] * 3)
    box.forget_requests()
    with pytest.raises(ServerRefused):
        ts.fsspec.filesystem("box").cat(url)
    assert len(box.requests_to("/download/")) == 1
    assert account.state.phase == "failed"


def test_after_the_logout_it_says_so(system: TerrascopeFileSystem, account: Account, url: str) -> None:
    """What was opened before the logout reads no further, with the advice to sign in; so does what is opened then."""
    file = system.open(url, block_size=1000, cache_type="none")
    assert file.read(10)
    account.logout()
    for ask in (lambda: file.read(2000), lambda: system.cat(url), lambda: system.exists(url)):
        with pytest.raises(LoginRequired, match="You signed out"):
            ask()
    with pytest.raises(LoginRequired):
        ts.fsspec.open(url, provider="box")


def test_no_error_carries_the_token_away(
    system: TerrascopeFileSystem, account: Account, box: Sandbox, url: str, holds: Callable[..., list[str]]
) -> None:
    """Whatever goes wrong on the way, the error, its chain and all that they hold are without it."""
    box.access_token_lifetime_s = 300
    sign_in(account)
    token = account.tokens().access_token.reveal()
    troubles: list[object] = [
        steps.reset(after=0), steps.reset(after=100), steps.truncated(), steps.status(500), steps.status(403), 401,
        "redirect_to_login", steps.redirect("http://127.0.0.1:9/x"), steps.delayed(2),
    ]  # fmt: skip
    account.connection = Connection(read_timeout_s=1)
    for trouble in troubles:
        for ask in (lambda: system.cat(url), lambda: system.open(url), lambda: system.exists(url)):
            box.timeline.files(*[trouble] * 4)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            failure = failure_of(ask)
            assert holds(token, failure, besides=[account]) == [], trouble
            assert token not in repr(failure)
            box.timeline.clear()
    assert failure_of(lambda: system.cat(url.replace(str(box.port), "9"))) is not None


FAILING = """
import aiohttp

async def failing(request):
    in_its_hands = dict(request.headers)
    assert in_its_hands["Authorization"].startswith("Bearer ")
    raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")
"""


def test_what_fails_while_it_is_sent_keeps_no_frame(
    account: Account, url: str, holds: Callable[..., list[str]]
) -> None:
    """Where aiohttp fails with the header's bytes in its hands, the error comes without those hands."""
    token = account.tokens().access_token.reveal()

    # as a library's own: the frames of tests are not looked into
    library: dict[str, Any] = {}
    exec(compile(FAILING, "library.py", "exec"), library)

    async def send() -> BaseException | None:
        request = aiohttp.ClientRequest("GET", yarl.URL(url), loop=asyncio.get_running_loop())
        try:
            await Signing(account)(request, library["failing"])
        except aiohttp.ClientConnectionResetError as exc:
            return exc
        return None

    failure = asyncio.run(send())
    assert failure is not None
    assert holds(token, failure, besides=[account]) == []


def failure_of(ask: Callable[[], object]) -> BaseException | None:
    """Return what a call raises, if it does; what comes with the headers of HEAD alone may go well."""
    try:
        ask()
    except Exception as exc:
        return exc
    return None


def test_no_log_shows_it(
    system: TerrascopeFileSystem, account: Account, box: Sandbox, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """fsspec, aiohttp and asyncio at DEBUG say nothing of the token, also when something fails."""
    with caplog.at_level(logging.DEBUG):
        system.cat(url)
        box.timeline.files(steps.status(500), steps.status(500))
        with pytest.raises(ServerUnreachable):
            system.info(url)
        box.timeline.files(*[steps.reset(after=0)] * 3)
        with pytest.raises(Exception, match=r"payload|reset"):
            system.cat(url)
    assert len(caplog.text) > 100
    assert account.tokens().access_token.reveal()[-20:] not in caplog.text
    assert "Bearer" not in caplog.text


def test_the_extra_that_is_missing_is_named() -> None:
    """`ts.fsspec` can be had without any library; what needs one names the extra, and is an ImportError."""
    code = """
import sys
sys.modules |= dict.fromkeys([{missing!r}])
import ipyterrascope as ts
from ipyterrascope import *
try:
    ts.fsspec.filesystem()
except ImportError as exc:
    print(exc)
"""
    for missing, said in (("fsspec", "fsspec is not installed"), ("aiohttp", "aiohttp 3.12 is not installed")):
        done = subprocess.run(
            [sys.executable, "-c", code.replace("{missing!r}", repr(missing))],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert said in done.stdout
        assert 'pip install "ipyterrascope[geo]"' in done.stdout


def test_in_another_process_its_own_login_is_used(account: Account, box: Sandbox, url: str) -> None:
    """A pickled file system reads in a process that is signed in by its environment, and says so in one that is not."""
    pickled = pickle.dumps(TerrascopeFileSystem("terrascope"))
    code = f"import pickle; print(len(pickle.loads({pickled!r}).cat({url!r})))"
    environ = {"PATH": "/usr/bin", "HOME": "/nonexistent", "TERRASCOPE_ISSUER": box.issuer}
    environ |= {"TERRASCOPE_HOSTS": f"127.0.0.1:{box.port}"}
    known = {**environ, "TERRASCOPE_USERNAME": "dora", "TERRASCOPE_PASSWORD": PASSWORD}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=known, check=False)
    assert done.stdout.strip() == "102400", done.stderr
    assert done.stderr == ""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=False)
    assert "LoginRequired: You are not signed in to Terrascope." in done.stderr


def test_it_stays_what_fsspec_makes_of_it(system: TerrascopeFileSystem) -> None:
    """It is fsspec's own file system for HTTP, so all that takes one takes it, and its errors are ours."""
    assert isinstance(system, HTTPFileSystem)
    assert system.async_impl
    assert issubclass(FileMissing, TerrascopeError)
