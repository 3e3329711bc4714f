"""The Hub's renewal of tokens: the Hub's own classes, with a token endpoint on loopback that takes each refresh token
once."""

from __future__ import annotations

import asyncio
import base64
import gc
import itertools
import json
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from jupyterhub import orm
from jupyterhub.crypto import CryptKeeper
from jupyterhub.user import User, UserDict
from oauthenticator.generic import GenericOAuthenticator
from sqlalchemy import StaticPool, create_engine
from sqlalchemy.orm import Session
from traitlets.config import Config

import ipyterrascope
from ipyterrascope.jupyterhub import TokenRenewal
from testbed.loopback import Asked, Loopback, Reply, loopback

NOW = 1_700_000_000.0


def jwt(**claims: object) -> str:
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.c2ln"


def refusal(error: str, description: str = "", status: int = 400) -> Reply:
    return Reply(status, json.dumps({"error": error, "error_description": description}).encode())


ENDED = refusal("invalid_grant", "Maximum allowed refresh token reuse exceeded")


class Issuer:
    """Signs users in, and renews their tokens as with rotation and reuse detection. `reply` is said instead, once set.

    Attributes
    ----------
    sent : list of str
        The refresh tokens that came.
    now : float
        POSIX seconds, for all.
    """

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.now = NOW
        self.reply: Reply | None = None
        self.gates: dict[str, threading.Event] = {}
        self._numbers = itertools.count(1)
        self._good: dict[str, str] = {}

    def tokens(self, name: str, left_s: float = 300, life_s: float = 300) -> dict[str, Any]:
        ends_at = self.now + left_s
        number = next(self._numbers)
        self._good[name] = f"refresh-{name}-{number}-s3cret"
        return {
            "access_token": jwt(iat=ends_at - life_s, exp=ends_at, jti=number),
            "refresh_token": self._good[name],
            "token_type": "Bearer",
        }

    def __call__(self, asked: Asked) -> Reply:
        if asked.path != "/token":
            return Reply(401)
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        self.sent.append(form["refresh_token"])
        assert (form["client_id"], form["client_secret"]) == ("jupyterhub", "hub-s3cret")
        name = form["refresh_token"].split("-")[1]
        if name in self.gates:
            assert self.gates[name].wait(20)
        if self.reply is not None:
            return self.reply
        if form["refresh_token"] != self._good[name]:
            return ENDED
        return Reply(200, json.dumps(self.tokens(name)).encode())


@dataclass
class Hub:
    """The parts of a Hub that matter: its authenticator, and its users in a database."""

    authenticator: GenericOAuthenticator
    users: UserDict
    issuer: Issuer = field(default_factory=Issuer)

    def user(self, name: str = "dora", **times: float) -> User:
        """Add a user who has signed in."""
        orm_user = orm.User(name=name)
        self.users.db.add(orm_user)
        self.users.db.commit()
        self.sign_in(user := self.users[orm_user], **times)
        return user

    def sign_in(self, user: User, **times: float) -> dict[str, Any]:
        tokens = self.issuer.tokens(user.name, **times)
        state = self.authenticator.build_auth_state_dict(tokens, {"preferred_username": user.name})
        asyncio.run(user.save_auth_state(state))
        return state

    def refreshed(self, user: User, times: int = 1) -> list[Any]:
        """Let the Hub look after a user, several times at once, in an event loop of its own."""

        async def all_of_them() -> list[Any]:
            return await asyncio.gather(*(self.authenticator.refresh_user(user) for _ in range(times)))

        return asyncio.run(all_of_them())


@pytest.fixture
def endpoint() -> Iterator[Loopback]:
    with loopback() as server:
        yield server


@pytest.fixture
def hub(endpoint: Loopback, caplog: pytest.LogCaptureFixture) -> Iterator[Hub]:
    caplog.set_level("DEBUG")
    CryptKeeper.clear_instance()
    CryptKeeper.instance(keys=[secrets.token_bytes(32)])
    authenticator = GenericOAuthenticator(
        client_id="jupyterhub",
        client_secret="hub-s3cret",
        token_url=f"{endpoint.url}/token",
        userdata_url=f"{endpoint.url}/userinfo",
        enable_auth_state=True,
        http_request_kwargs={"connect_timeout": 1, "request_timeout": 1},
    )
    caplog.set_level("DEBUG", logger=authenticator.log.name)
    # not by the Hub's own factory, whose migrations configure the logging of the whole process
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    orm.Base.metadata.create_all(engine)
    session = Session(engine, expire_on_commit=False)
    found = Hub(authenticator, UserDict(lambda: session, {"authenticator": authenticator}))
    endpoint.answer = found.issuer
    clock = lambda: found.issuer.now  # noqa: E731
    authenticator.refresh_user_hook = TokenRenewal(clock=clock, monotonic=clock)
    yield found
    session.close()
    engine.dispose()
    CryptKeeper.clear_instance()
    assert "s3cret" not in caplog.text
    assert "e30." not in caplog.text


def state_of(user: User) -> dict[str, Any]:
    return asyncio.run(user.get_auth_state())


@pytest.mark.parametrize(
    ("left_s", "life_s", "is_renewed"),
    [(300, 300, False), (121, 300, False), (119, 300, True), (-1, 300, True), (16, 20, False), (14, 20, True)],
)
def test_a_token_is_renewed_before_it_ends(hub: Hub, left_s: float, life_s: float, is_renewed: bool) -> None:
    """With two minutes left, or three quarters of a short life, the Hub stores a new one before it answers."""
    user = hub.user(left_s=left_s, life_s=life_s)
    before = state_of(user)

    assert hub.refreshed(user) == [True]

    assert hub.issuer.sent == ([before["refresh_token"]] if is_renewed else [])
    assert (state_of(user)["access_token"] != before["access_token"]) is is_renewed


def test_everything_else_that_was_stored_stays(hub: Hub) -> None:
    """Who the user is, and what other hooks of the Hub put beside the tokens, is there after a renewal."""
    user = hub.user()
    asyncio.run(user.save_auth_state({**hub.sign_in(user, left_s=5), "ours": 1}))

    hub.refreshed(user)

    after = state_of(user)
    assert (after["ours"], after["oauth_user"]) == (1, {"preferred_username": "dora"})
    assert after["token_response"]["access_token"] == after["access_token"]
    assert len(hub.issuer.sent) == 1


@pytest.mark.parametrize("at_once", [1, 2, 20])
def test_any_number_of_reads_make_one_renewal(hub: Hub, at_once: int, caplog: pytest.LogCaptureFixture) -> None:
    """Three times in a row the token is about to end, many ask at once, and each refresh token is sent once."""
    user = hub.user()
    for expected in range(1, 4):
        hub.issuer.now += 295
        assert hub.refreshed(user, at_once) == [True] * at_once
        assert len(hub.issuer.sent) == expected

    assert len(set(hub.issuer.sent)) == 3
    assert caplog.text.count("Renewed the token of dora: 300 s to live.") == 3


def test_without_the_hook_two_reads_send_a_refresh_token_twice(hub: Hub) -> None:
    """What the Hub does by itself ends a session where refresh tokens are rotated: the reason for the hook."""
    hub.authenticator.refresh_user_hook = None
    user = hub.user(left_s=-1)

    hub.refreshed(user, 2)

    assert len(hub.issuer.sent) == 2
    assert len(set(hub.issuer.sent)) == 1


def test_users_wait_for_nobody_else(hub: Hub) -> None:
    """A user whose answer takes its time holds up no other."""
    dora, boots = hub.user("dora", left_s=5), hub.user("boots", left_s=5)
    hub.issuer.gates["dora"] = threading.Event()

    async def in_which_order() -> list[str]:
        order: list[str] = []

        async def refresh(user: User) -> None:
            await hub.authenticator.refresh_user(user)
            order.append(user.name)
            hub.issuer.gates["dora"].set()

        await asyncio.gather(refresh(dora), refresh(boots))
        return order

    assert asyncio.run(in_which_order()) == ["boots", "dora"]


def test_a_request_that_is_given_up_loses_no_answer(hub: Hub) -> None:
    """Who asked may go away: the token that comes is stored all the same, and whoever else waits has it."""
    user = hub.user(left_s=5)
    gate = hub.issuer.gates["dora"] = threading.Event()

    async def give_up() -> Any:
        first = asyncio.ensure_future(hub.authenticator.refresh_user(user))
        second = asyncio.ensure_future(hub.authenticator.refresh_user(user))
        while not hub.issuer.sent:
            await asyncio.sleep(0.01)
        first.cancel()
        gate.set()
        return await second

    before = state_of(user)
    assert asyncio.run(give_up()) is True
    assert state_of(user)["access_token"] != before["access_token"]
    assert len(hub.issuer.sent) == 1


def test_an_ended_session_is_asked_about_once(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    """A refused refresh token is never sent again, not even after a restart; the log says why, a new sign-in heals."""
    user = hub.user(left_s=5)
    hub.issuer.reply = ENDED

    for _ in range(3):
        assert hub.refreshed(user) == [False]
        hub.issuer.now += 100
        hub.authenticator.refresh_user_hook = TokenRenewal()
    assert len(hub.issuer.sent) == 1
    assert state_of(user)["session_ended"] is True
    assert "ended the session of dora: Maximum allowed refresh token reuse exceeded" in caplog.text

    hub.issuer.reply = None
    hub.issuer.now = time.time()
    hub.sign_in(user, left_s=5)
    assert hub.refreshed(user) == [True]
    assert len(hub.issuer.sent) == 2


def test_a_provider_that_repeats_the_refresh_token(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    """What we write to the Hub's log tells why a session is over, without what was sent."""
    user = hub.user(left_s=5)
    hub.issuer.reply = refusal("invalid_grant", f"no such token: {state_of(user)['refresh_token']}")
    assert hub.refreshed(user) == [False]
    # oauthenticator writes the whole of a refusal there, too
    ours = [record.getMessage() for record in caplog.records if "ipyterrascope" in record.pathname]
    assert ours == ["The provider ended the session of dora: invalid_grant"]


@pytest.mark.parametrize("code", ["invalid_grant", "invalid_client"])
def test_a_provider_that_repeats_the_secret_of_the_hub(hub: Hub, code: str, caplog: pytest.LogCaptureFixture) -> None:
    """Nor does our line in the log hold what this Hub signs in with, in whatever spelling."""
    for said in ("hub-s3cret", base64.b64encode(b"jupyterhub:hub-s3cret").decode()):
        user = hub.user(f"dora-{len(said)}".replace("-", ""), left_s=5)
        hub.issuer.reply = refusal(code, f"bad client jupyterhub {said}")
        hub.refreshed(user)
    ours = [record.getMessage() for record in caplog.records if "ipyterrascope" in record.pathname]
    assert len(ours) == 2
    assert all(line.endswith(f": {code}") for line in ours)
    # oauthenticator writes the whole of a refusal there, too
    caplog.clear()


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(503, b"down"), "not renewed, later again: 503"),
        (Reply(400, b"<html>"), "not renewed, later again: 400"),
        (Reply(429), "not renewed, later again: 429"),
        (Reply(200, b"<html>"), "not renewed, later again: JSONDecodeError"),
        (Reply(200, b'{"refresh_token": "lost-s3cret"}'), "not renewed, later again"),
        (Reply(200, b"[]"), "not renewed, later again"),
        (Reply(write=lambda _: None), "not renewed, later again: 599"),
        (Reply(write=lambda _: threading.Event().wait(2)), "not renewed, later again: 599"),
        (refusal("temporarily_unavailable"), "not renewed, later again: temporarily_unavailable"),
        (refusal("invalid_client", "Invalid client credentials", 401), "does not accept this Hub's client_id"),
        (refusal("unauthorized_client"), "does not accept this Hub's client_id and client_secret: unauthorized_client"),
    ],
    ids=[
        "503",
        "no JSON",
        "429",
        "a web page",
        "no token",
        "no object",
        "broken off",
        "hanging",
        "later",
        "secret",
        "client",
    ],
)
def test_an_outage_is_survived(hub: Hub, reply: Reply, words: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a provider in trouble answers, the user stays signed in, and it is asked again a while later."""
    user = hub.user(left_s=5)
    before = state_of(user)
    hub.issuer.reply = reply

    assert hub.refreshed(user, 3) == [True] * 3
    hub.issuer.now += 14
    assert hub.refreshed(user) == [True]
    assert len(hub.issuer.sent) == 1
    assert words in caplog.text
    assert state_of(user) == before

    hub.issuer.reply = None
    hub.issuer.now += 2
    assert hub.refreshed(user) == [True]
    assert state_of(user)["access_token"] != before["access_token"]


def test_a_token_that_the_database_refused_is_not_lost(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be stored is stored at the next chance: the refresh token that it came for is never sent again."""
    user = hub.user(left_s=5)

    async def refuse(_: object) -> None:
        raise RuntimeError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(user, "save_auth_state", refuse)
        with pytest.raises(RuntimeError, match="locked"):
            hub.refreshed(user)
    before = state_of(user)

    assert hub.refreshed(user) == [True]
    assert state_of(user)["access_token"] != before["access_token"]
    assert len(hub.issuer.sent) == 1


def test_what_another_wrote_back_is_mended(hub: Hub) -> None:
    """A request that stores what it read before a renewal (the Hub does while its keys change) undoes none."""
    user = hub.user(left_s=5)
    before = state_of(user)
    hub.refreshed(user)
    renewed = state_of(user)

    asyncio.run(user.save_auth_state(before))

    assert hub.refreshed(user) == [True]
    assert state_of(user) == renewed
    assert len(hub.issuer.sent) == 1


@pytest.mark.parametrize("reply", [None, ENDED], ids=["renewed", "refused"])
def test_a_new_sign_in_meanwhile_stays(hub: Hub, reply: Reply | None) -> None:
    """Who signs in anew while a renewal is under way keeps that sign-in, whatever became of the other."""
    hub.issuer.reply = reply
    user = hub.user(left_s=5)
    gate = hub.issuer.gates["dora"] = threading.Event()

    async def sign_in_meanwhile() -> dict[str, Any]:
        renewal = asyncio.ensure_future(hub.authenticator.refresh_user(user))
        while not hub.issuer.sent:
            await asyncio.sleep(0.01)
        tokens = {**hub.issuer.tokens("new"), "refresh_token": "another-s3cret"}
        state = hub.authenticator.build_auth_state_dict(tokens, {})
        await user.save_auth_state(state)
        gate.set()
        assert await renewal is True
        return state

    assert asyncio.run(sign_in_meanwhile()) == state_of(user)


@pytest.mark.parametrize(("left_s", "stays"), [(5, True), (-1, False)])
def test_a_token_without_a_refresh_token_serves_to_its_end(hub: Hub, left_s: float, stays: bool) -> None:
    """Where the provider gave none, the user signs in again when the token has ended, and not before."""
    user = hub.user()
    asyncio.run(user.save_auth_state({**hub.sign_in(user, left_s=left_s), "refresh_token": None}))

    assert hub.refreshed(user) == [stays]


def test_nothing_stored_asks_for_a_sign_in(hub: Hub) -> None:
    """Without an auth state, or with one that cannot be read after the crypt key changed, the user signs in again."""
    user = hub.user()
    CryptKeeper.clear_instance()
    CryptKeeper.instance(keys=[secrets.token_bytes(32)])

    assert hub.refreshed(user) == [False]


def test_a_token_that_does_not_tell_its_end_is_left_to_the_hub(hub: Hub) -> None:
    """An opaque access token is none of the hook's business."""
    user = hub.user()
    asyncio.run(user.save_auth_state({**hub.sign_in(user), "access_token": "opaque-s3cret"}))

    assert asyncio.run(hub.authenticator.refresh_user_hook(hub.authenticator, user, None)) is None
    assert hub.issuer.sent == []


def test_an_event_loop_that_ended_in_the_middle_blocks_no_later_one(hub: Hub) -> None:
    """What was under way in a loop that is gone is begun again in the next."""
    user = hub.user(left_s=5)
    gate = hub.issuer.gates["dora"] = threading.Event()
    loop = asyncio.new_event_loop()
    lost = loop.create_task(hub.authenticator.refresh_user(user))
    while not hub.issuer.sent:
        loop.run_until_complete(asyncio.sleep(0.01))
    pending = asyncio.all_tasks(loop)
    loop.stop()
    loop.run_forever()
    gate.set()
    hub.issuer.reply = Reply(503)

    assert hub.refreshed(user) == [True]
    assert not lost.done()
    for task in pending:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
    loop.close()


def test_users_who_left_are_forgotten(hub: Hub) -> None:
    """The memory of the hook goes with the Hub's own object for a user."""
    hook: Any = hub.authenticator.refresh_user_hook
    for number in range(3):
        user = hub.user(f"user{number}", left_s=5)
        hub.refreshed(user, 2)
        assert len(hook._users) == 1
        hub.users.delete(user)
        del user
        gc.collect()
    assert len(hook._users) == 0


def test_it_comes_through_the_configuration_of_the_hub() -> None:
    """`c.GenericOAuthenticator.refresh_user_hook = TokenRenewal()` is all that a configuration needs."""
    config = Config()
    config.GenericOAuthenticator.refresh_user_hook = TokenRenewal()

    assert isinstance(GenericOAuthenticator(config=config).refresh_user_hook, TokenRenewal)


def test_the_hub_needs_nothing_else_installed() -> None:
    """The module is imported by a Python that has the package and the standard library, and nothing more."""
    code = (
        "import sys; sys.path.append(sys.argv[1]); import ipyterrascope.jupyterhub; "
        "print({name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names))"
    )
    folder = Path(ipyterrascope.__file__).parents[1]
    command = [sys.executable, "-I", "-S", "-c", code, str(folder)]

    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout in (
        "{'ipyterrascope', '__main__'}\n",
        "{'__main__', 'ipyterrascope'}\n",
    )
