"""Tokens that somebody lends and keeps fresh: asked for again before they end and once after a 401, never refreshed."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from ipyterrascope.auth.account import Account
from ipyterrascope.auth.chain import GivenToken, LentToken, SilentSource, WhyNot
from ipyterrascope.auth.renewers import ByLender
from ipyterrascope.auth.vault import Vault
from ipyterrascope.errors import LoginRequired, ProviderUnreachable, TerrascopeError
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.tokens import TokenSet

NOTHING = LoginRequired("The Hub does not share your login.", "Auth state is off.", "Ask the administrator.")
DOWN = ProviderUnreachable("The Hub was not reached.", "", "Try again in a moment.")


@dataclass
class Hub:
    """Lends tokens of its own making; `serial` grows when its administrator, or its clock, renews them."""

    lifetime_s: float = 300.0
    wall: float = 1_700_000_000.0
    monotonic: float = 5000.0
    serial: int = 0
    user: str = "dora"
    issued_at: float | None = None
    has_news: bool = False
    fails_with: TerrascopeError | None = None
    asked: list[Secret | None] = field(default_factory=list)
    ended: list[TerrascopeError] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.vault = Vault(on_ended=self.ended.append, clock=lambda: self.wall, monotonic=lambda: self.monotonic)

    def lend(self, refused: Secret | None) -> TokenSet:
        self.asked.append(refused)
        if self.fails_with is not None:
            raise type(self.fails_with)(self.fails_with.what, self.fails_with.why, self.fails_with.do)
        self.has_news = False
        issued_at = self.wall if self.issued_at is None else self.issued_at
        return TokenSet(
            access_token=self.token,
            refresh_token=Secret("the Hub's own"),
            issued_at=issued_at,
            expires_at=issued_at + self.lifetime_s,
            refresh_expires_at=issued_at + 3600,
        )

    @property
    def token(self) -> Secret:
        claims = json.dumps({"preferred_username": self.user, "serial": self.serial}).encode()
        return Secret(f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.c2ln")

    def offer(self, **changes: Any) -> LentToken:
        return LentToken(**{"lend": self.lend, "came_from": "JupyterHub", "has_news": lambda: self.has_news, **changes})

    def sign_in(self, **changes: Any) -> None:
        renewer = ByLender(self.offer(**changes))
        self.issued_at = self.wall
        self.vault.release(renewer.asked(), renewer)
        self.asked.clear()

    def pass_s(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds

    def renews(self) -> None:
        self.serial += 1
        self.issued_at = self.wall


def source(hub: Hub) -> SilentSource:
    return SilentSource("hub", lambda _: hub.offer())


@pytest.mark.parametrize(("lifetime_s", "margin_s"), [(3600, 60), (300, 60), (100, 50), (20, 10), (3, 1.5)])
def test_it_is_asked_again_a_minute_before_the_end(lifetime_s: float, margin_s: float) -> None:
    """Who lends is asked from a minute before the end on, or from half of the token's life where that is less."""
    hub = Hub(lifetime_s=lifetime_s)
    hub.sign_in()
    hub.pass_s(lifetime_s - margin_s - 0.01)
    hub.vault.token()
    assert hub.asked == []
    hub.renews()
    hub.pass_s(0.02)
    assert hub.vault.token().access_token == hub.token
    assert hub.asked == [None]


def test_the_lender_s_refresh_token_is_left_alone() -> None:
    """A refresh token that came along is not even kept: the session is the lender's."""
    hub = Hub()
    hub.sign_in()
    tokens = hub.vault.token()
    assert (tokens.refresh_token, tokens.refresh_expires_at) == (None, None)


def test_the_same_token_again_is_used_on_and_nobody_is_stormed() -> None:
    """While the lender has nothing newer its token serves to the end, and it is asked every five seconds at most."""
    hub = Hub()
    hub.sign_in()
    hub.pass_s(241)
    for _ in range(50):
        assert hub.vault.token().access_token == hub.token
    assert len(hub.asked) == 1
    hub.pass_s(5.1)
    hub.vault.token()
    assert len(hub.asked) == 2


def test_a_token_that_ended_and_is_lent_again_ends_the_login() -> None:
    """A lender that goes on with a token that has ended has none: that is said, once."""
    hub = Hub()
    hub.sign_in()
    hub.pass_s(301)
    with pytest.raises(LoginRequired, match="has ended"):
        hub.vault.token()
    assert len(hub.ended) == 1
    assert hub.vault.peek() is None


def test_a_401_is_answered_by_asking_once() -> None:
    """The lender is told which token was refused; a newer one is worth another try."""
    hub = Hub()
    hub.sign_in()
    hub.pass_s(60)
    refused = hub.token
    hub.renews()
    assert hub.vault.refused(refused)
    assert hub.asked == [refused]
    assert hub.vault.token().access_token == hub.token != refused


def test_the_same_token_after_a_401_is_no_help() -> None:
    """When it has no other, the 401 stands, and further ones do not ask again at once."""
    hub = Hub()
    hub.sign_in()
    hub.pass_s(60)
    assert [hub.vault.refused(hub.token) for _ in range(20)] == [False] * 20
    assert hub.asked == [hub.token]
    assert hub.vault.token().access_token == hub.token


def test_a_token_that_is_old_when_it_is_lent_is_asked_about_at_once() -> None:
    """What counts for a 401 is the token's own age, not how long it is here."""
    hub = Hub()
    hub.issued_at = hub.wall - 60
    renewer = ByLender(hub.offer())
    hub.vault.release(renewer.asked(), renewer)
    refused = hub.token
    hub.renews()
    assert hub.vault.refused(refused)


def test_a_lender_may_end_the_login_after_a_401() -> None:
    """It says in its own words why, and what to do; that is told once."""
    hub = Hub()
    hub.sign_in()
    hub.pass_s(60)
    hub.fails_with = LoginRequired("The session ended.", "", "Open the Hub and sign in there again.")
    with pytest.raises(LoginRequired, match="Open the Hub"):
        hub.vault.refused(hub.token)
    assert [reason.do for reason in hub.ended] == ["Open the Hub and sign in there again."]


def test_a_lender_in_trouble() -> None:
    """While its token lives that serves; then the trouble is told, and the next success ends it."""
    hub = Hub()
    hub.sign_in()
    hub.fails_with = DOWN
    hub.pass_s(250)
    assert hub.vault.token().access_token == hub.token
    hub.pass_s(60)
    with pytest.raises(ProviderUnreachable, match="The Hub was not reached"):
        hub.vault.token()
    hub.fails_with = None
    hub.renews()
    hub.pass_s(5)
    assert hub.vault.token().access_token == hub.token


def test_news_are_taken_at_once() -> None:
    """A newer token that lies ready is used although the old one lives, also when the lender was asked just now."""
    hub = Hub()
    hub.sign_in()
    for _ in range(2):
        hub.renews()
        hub.has_news = True
        assert hub.vault.token().access_token == hub.token
    hub.has_news = True
    hub.vault.token()  # the same again
    hub.renews()
    hub.has_news = True
    assert hub.vault.token().access_token == hub.token
    assert len(hub.asked) == 4


def test_news_in_trouble_are_no_storm() -> None:
    """A lender that has news and cannot tell them is asked every five seconds at most."""
    hub = Hub()
    hub.sign_in()
    hub.has_news = True
    hub.fails_with = DOWN
    for _ in range(20):
        assert hub.vault.token().access_token == hub.token
    assert len(hub.asked) == 1


def test_many_threads_ask_once() -> None:
    """Eight threads with a stale token ask the lender once."""
    hub = Hub()
    hub.sign_in()
    hub.pass_s(250)
    hub.renews()
    with ThreadPoolExecutor(8) as pool:
        tokens = {each.result(20).access_token for each in [pool.submit(hub.vault.token) for _ in range(8)]}
    assert (tokens, len(hub.asked)) == ({hub.token}, 1)


def test_the_child_of_a_fork_goes_on_asking() -> None:
    """Nothing rotates here: a child may ask the lender as its parent does."""
    hub = Hub()
    hub.sign_in()
    hub.vault.after_fork()
    hub.renews()
    hub.pass_s(301)
    hub.renews()
    assert hub.vault.token().access_token == hub.token


# In an account


def test_a_login_that_is_lent(box: Sandbox) -> None:
    """It signs in without a question, is renewed without the provider, and is not revoked at the end."""
    hub = Hub(wall=time.time())
    account = Account(box.provider(), sources=[source(hub)])
    assert account.sign_in_silently()
    state = account.state
    assert (state.user, state.source, state.renewable, state.session_ends_at) == ("dora", "hub", True, None)
    assert (account.came_from, account.is_unchecked) == ("JupyterHub", True)
    assert account.headers(f"{box.url}/x") == {"Authorization": f"Bearer {hub.token.reveal()}"}
    assert (
        account.logout() == "Signed out here. The token from JupyterHub was not revoked; it rests until the next login."
    )
    assert not account.sign_in_silently()
    assert len(hub.asked) == 1
    account.allow_sources()
    assert account.sign_in_silently()
    assert box.requests == []


def test_a_login_that_is_lent_to_somebody_else_meanwhile(box: Sandbox) -> None:
    """When the lender's token is another person's, the account is in that person's name."""
    hub = Hub(wall=time.time())
    account = Account(box.provider(), sources=[source(hub)])
    account.sign_in_silently()
    hub.user, hub.has_news = "boots", True
    account.tokens()
    assert account.state.user == "boots"


@pytest.mark.parametrize("failure", [NOTHING, DOWN])
def test_who_lends_nothing_makes_way(box: Sandbox, failure: TerrascopeError) -> None:
    """The next source is asked, the reason is kept with what to do, and no failure is shown."""
    hub = Hub(fails_with=failure)
    account = Account(
        box.provider(),
        sources=[source(hub), SilentSource("environment", lambda _: GivenToken(Secret("opaque"), "TERRASCOPE_TOKEN"))],
    )
    phases: list[str] = []
    end = account.observe(lambda state: phases.append(state.phase))
    assert account.sign_in_silently()
    end()
    assert account.state.source == "environment"
    assert "failed" not in phases
    assert account.why_not == {"hub": WhyNot(str(failure))}


def test_where_nobody_lends_the_state_is_as_before(box: Sandbox) -> None:
    """Without another source nobody is signed in; what was shown before is shown again."""
    hub = Hub(fails_with=NOTHING)
    account = Account(box.provider(), sources=[source(hub)])
    assert not account.sign_in_silently()
    assert (account.state.phase, account.state.error) == ("signed_out", None)
    account.start_password_login("dora", Secret("wrong"))
    failed = account.wait(20)
    account.allow_sources()
    assert not account.sign_in_silently()
    assert (account.state.phase, account.state.error) == ("failed", failed.error)


@pytest.mark.parametrize(("failure", "asked"), [(NOTHING, 1), (DOWN, 3)])
def test_who_has_nothing_is_not_asked_at_every_use(box: Sandbox, failure: TerrascopeError, asked: int) -> None:
    """A clear "no" counts until the next `login`; a passing trouble is tried again."""
    hub = Hub(fails_with=failure)
    account = Account(box.provider(), sources=[source(hub)])
    for _ in range(3):
        assert not account.sign_in_silently()
    assert len(hub.asked) == asked
    account.allow_sources()
    account.sign_in_silently()
    assert len(hub.asked) == asked + 1


def test_a_cancelled_loan(box: Sandbox) -> None:
    """Cancelling while the lender thinks ends the asking: no other source signs in behind a person's back."""
    asked = 0
    hub = Hub()

    def lend(refused: Secret | None) -> TokenSet:
        nonlocal asked
        asked += 1
        account.cancel()
        return hub.lend(refused)

    offers: dict[str, Callable[[], LentToken]] = {"one": lambda: hub.offer(lend=lend), "two": hub.offer}
    account = Account(
        box.provider(), sources=[SilentSource("hub", lambda _, offer=offer: offer()) for offer in offers.values()]
    )
    assert not account.sign_in_silently()
    assert (asked, account.state.phase) == (1, "signed_out")
