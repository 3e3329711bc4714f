"""Signing in without a question: what lies ready is used once, never forced, and rests after a logout."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from ipyterrascope.auth.account import Account
from ipyterrascope.auth.accounts import Accounts
from ipyterrascope.auth.environment import environment_source
from ipyterrascope.configuration import Configuration
from ipyterrascope.errors import LoginRefused, LoginRequired, ProviderUnreachable, UnknownProvider
from ipyterrascope.sandbox import Sandbox, steps
from ipyterrascope.values.connection import Connection
from ipyterrascope.values.secret import Secret
from testbed.leaks import places

Until = Callable[[Callable[[], object]], None]
DORA = {"TERRASCOPE_USERNAME": "dora", "TERRASCOPE_PASSWORD": "s3cret-Pa55"}


def account_with(box: Sandbox, environ: dict[str, str]) -> Account:
    provider = box.provider(methods=("device", "password", "basic"))
    return Account(provider, sources=[environment_source(provider, environ)])


def reasons(account: Account) -> dict[str, str]:
    return {name: why_not.reason for name, why_not in account.why_not.items()}


def token(life_s: float = 60) -> str:
    claims = {"exp": time.time() + life_s, "preferred_username": "swiper"}
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.c2ln"


def test_user_name_and_password(box: Sandbox) -> None:
    """A user name and password that lie ready sign in by the password grant, and the login is renewable."""
    account = account_with(box, DORA)
    assert account.sign_in_silently()
    assert (account.state.user, account.state.source, account.state.renewable) == ("dora", "environment", True)
    assert account.sign_in_silently()
    assert len(box.requests_to("/token")) == 1
    assert reasons(account) == {}


def test_as_basic(box: Sandbox) -> None:
    """Asked for Basic, the same two are kept and sent as they are."""
    account = account_with(box, DORA)
    assert account.sign_in_silently("basic")
    assert (account.state.source, box.requests) == ("environment", [])
    assert account.headers(f"{box.url}/x")["Authorization"].startswith("Basic ")


def test_a_borrowed_token(box: Sandbox) -> None:
    """A token that lies ready is used as it is: nobody is asked, it is not renewed, and not revoked at the end."""
    given = token()
    account = account_with(box, {"TERRASCOPE_TOKEN": given})
    assert account.sign_in_silently()
    assert (account.state.user, account.state.renewable) == ("swiper", False)
    assert account.headers(f"{box.url}/x") == {"Authorization": f"Bearer {given}"}
    assert not account.refused(f"{box.url}/x", {"Authorization": f"Bearer {given}"})
    assert (
        account.logout()
        == "Signed out here. The token from TERRASCOPE_TOKEN was not revoked; it rests until the next login."
    )
    assert box.requests == []


def test_a_token_is_no_password(box: Sandbox) -> None:
    """Who asks for a way that needs a password is told that there is a token."""
    account = account_with(box, {"TERRASCOPE_TOKEN": token()})
    assert not account.sign_in_silently("password")
    assert reasons(account) == {"environment": "It gives a token, and no password."}


CLIENT = {"TERRASCOPE_CLIENT_ID": "service", "TERRASCOPE_CLIENT_SECRET": "sandbox-service-secret"}


def test_a_client_signs_in_for_itself(box: Sandbox) -> None:
    """Client credentials that lie ready sign in, and sign in again when the token ends or is refused."""
    box.access_token_lifetime_s = 1
    account = account_with(box, CLIENT)
    assert account.sign_in_silently()
    state = account.state
    assert (state.user, state.source, state.renewable) == ("service-account-service", "environment", True)
    assert account.came_from == "TERRASCOPE_CLIENT_ID and TERRASCOPE_CLIENT_SECRET"
    first = account.tokens()
    time.sleep(1.1)
    assert account.tokens().access_token != first.access_token
    assert account.headers(f"{box.url}/x") != {}
    assert [record.form["grant_type"] for record in box.requests_to("/token")] == ["client_credentials"] * 2
    assert account.logout() == "Signed out here. The session there ends by itself."
    assert not box.requests_to("/revoke")


def test_a_client_that_is_refused_later(box: Sandbox) -> None:
    """When the provider does not accept it any more, that is the end, in its own words and without its secret."""
    account = account_with(box, CLIENT)
    account.sign_in_silently()
    box.timeline.token("invalid_client", "invalid_client")
    with pytest.raises(LoginRequired) as caught:
        account._vault.renew()  # pyright: ignore[reportPrivateUsage]
    assert caught.value.do == "Check TERRASCOPE_CLIENT_ID and TERRASCOPE_CLIENT_SECRET."
    assert places("sandbox-service-secret", caught.value, besides=[CLIENT]) == []
    assert account.state.phase == "failed"


@pytest.mark.parametrize(
    "environ", [{**CLIENT, "TERRASCOPE_CLIENT_SECRET": "wr0ng"}, {**CLIENT, "TERRASCOPE_CLIENT_ID": "public"}]
)
def test_a_client_that_is_not_accepted(box: Sandbox, environ: dict[str, str]) -> None:
    """It is tried once, and the error says what to check."""
    account = account_with(box, environ)
    with pytest.raises(LoginRefused, match="did not accept the client and its secret") as caught:
        account.sign_in_silently()
    assert caught.value.do == "Check TERRASCOPE_CLIENT_ID and TERRASCOPE_CLIENT_SECRET."
    assert places(environ["TERRASCOPE_CLIENT_SECRET"], caught.value, besides=[environ]) == []
    assert not account.sign_in_silently()
    assert len(box.requests_to("/token")) == 1


def test_nothing_lies_ready(box: Sandbox) -> None:
    """Where nothing is found the reason is kept for whoever has to ask, and no state changes."""
    account = account_with(box, {"TERRASCOPE_USERNAME": "dora"})
    assert not account.sign_in_silently()
    assert reasons(account) == {"environment": "TERRASCOPE_PASSWORD is not set."}
    assert account.state.serial == 0


def test_the_first_use_signs_in(box: Sandbox) -> None:
    """Whoever needs a token first signs in from what lies ready; eight at once do so once."""
    account = account_with(box, DORA)
    with ThreadPoolExecutor(8) as pool:
        tokens = [future.result(30) for future in [pool.submit(account.tokens) for _ in range(8)]]
    assert len({each.access_token for each in tokens}) == 1
    assert len(box.requests_to("/token")) == 1


def test_a_session_that_ended_begins_again(box: Sandbox) -> None:
    """When the provider ended the session, what lies ready signs in anew, without a question."""
    box.access_token_lifetime_s = 0
    account = account_with(box, DORA)
    account.sign_in_silently()
    box.revoke_all()
    box.access_token_lifetime_s = 300
    assert account.tokens().access_token
    assert account.state.phase == "signed_in"


def test_a_wrong_password_is_not_tried_again_and_again(box: Sandbox) -> None:
    """A refused password could lock the account: it is tried once, until somebody says `login` again."""
    environ = {**DORA, "TERRASCOPE_PASSWORD": "wr0ng-kept-secret"}
    account = account_with(box, environ)
    with pytest.raises(LoginRefused) as caught:
        account.sign_in_silently()
    assert places("wr0ng-kept-secret", caught.value, besides=[environ]) == []
    assert caught.value.do == "Check TERRASCOPE_USERNAME and TERRASCOPE_PASSWORD."
    for _ in range(3):
        with pytest.raises(LoginRequired, match="did not accept"):
            account.tokens()
    assert len(box.requests_to("/token")) == 1
    environ["TERRASCOPE_PASSWORD"] = "s3cret-Pa55"
    account.allow_sources()
    assert account.sign_in_silently()


def test_a_password_that_brings_ended_tokens_is_not_tried_again_and_again(box: Sandbox) -> None:
    """Where the provider gives tokens no time and nothing to renew them by, what lies ready is sent once, until
    somebody says `login` again."""
    ended = {"access_token": "kept-secret", "token_type": "Bearer", "expires_in": 0}
    box.timeline.token(*[steps.payload(ended)] * 5)
    account = account_with(box, DORA)
    for _ in range(3):
        with pytest.raises(LoginRequired, match="The token has ended"):
            account.tokens()
    assert len(box.requests_to("/token")) == 1
    box.timeline.clear()
    account.allow_sources()
    assert account.tokens().access_token


def test_a_provider_that_is_down_is_tried_again(box: Sandbox) -> None:
    """A passing trouble is told, and the next call tries anew."""
    box.timeline.token(503)
    account = account_with(box, DORA)
    with pytest.raises(ProviderUnreachable):
        account.sign_in_silently()
    assert reasons(account) == {"environment": "127.0.0.1 cannot answer right now."}
    assert account.sign_in_silently()
    assert reasons(account) == {}


def test_each_call_raises_an_error_of_its_own(box: Sandbox) -> None:
    """What is raised is not the error that the state keeps, whose traceback would grow with each cell."""
    box.timeline.token(503)
    account = account_with(box, DORA)
    with pytest.raises(ProviderUnreachable) as caught:
        account.sign_in_silently()
    assert caught.value is not account.state.error


@pytest.mark.parametrize("environ", [DORA, {"TERRASCOPE_TOKEN": token(3600)}])
def test_sources_rest_after_a_logout(box: Sandbox, environ: dict[str, str]) -> None:
    """After a logout nothing signs in by itself until somebody says `login`."""
    account = account_with(box, environ)
    account.sign_in_silently()
    account.logout()
    assert not account.sign_in_silently()
    assert reasons(account) == {"environment": "Not asked until the next login."}
    with pytest.raises(LoginRequired):
        account.tokens()
    account.allow_sources()
    assert account.sign_in_silently()


def test_a_login_of_the_environment_s_password_is_ours_to_end(box: Sandbox) -> None:
    """The session was made by us, though the password was found: logging out revokes it."""
    account = account_with(box, DORA)
    account.sign_in_silently()
    assert account.logout() == "Signed out, and the session at Terrascope is ended."
    assert len(box.requests_to("/revoke")) == 1


def test_cancelling_a_silent_sign_in(box: Sandbox, until: Until) -> None:
    """Somebody cancels while what lies ready is tried: it is neither signed in nor an error."""
    box.timeline.token(steps.delayed(1.0))
    account = account_with(box, DORA)
    with ThreadPoolExecutor(1) as pool:
        silent = pool.submit(account.sign_in_silently)
        until(lambda: box.requests_to("/token"))
        account.cancel()
        assert silent.result(20) is False
    until(lambda: box.requests_to("/revoke"))


# Accounts


def accounts(box: Sandbox, **changes: object) -> Accounts:
    configuration = replace(Configuration(terrascope=box.provider()), **changes)  # pyright: ignore[reportArgumentType]
    return Accounts(lambda: configuration, environ=DORA)


def test_one_account_for_each_provider(box: Sandbox) -> None:
    """By name, by value or not at all: the same provider has the same account, another one its own."""
    known = accounts(box)
    first = known.account()
    assert known.account("terrascope") is first
    assert known.account(box.provider()) is first
    other = known.account(box.provider(name="other"))
    assert other is not first
    assert known.asked_for() == [first, other]
    with ThreadPoolExecutor(8) as pool:
        provider = box.provider(name="third")
        assert len({future.result(20) for future in [pool.submit(known.account, provider) for _ in range(8)]}) == 1


def test_the_names_that_are_known(box: Sandbox) -> None:
    """As a mapping it holds the providers by name; an unknown name is an error of the tree, and a KeyError."""
    known = accounts(box)
    assert dict(known) == {"terrascope": box.provider()}
    assert repr(known) == "<providers: terrascope>"
    assert "nobody" not in known
    assert known.get("nobody") is None
    with pytest.raises(UnknownProvider, match="There is no provider of that name") as caught:
        known.account("nobody")
    assert "nobody" not in str(caught.value)
    with pytest.raises(UnknownProvider, match='Did you mean "terrascope"'):
        known.account("terascope")
    with pytest.raises(KeyError):
        known["nobody"]
    for odd in (["terrascope"], b"terrascope", 5):
        assert odd not in known
        with pytest.raises(UnknownProvider, match=f"of type {type(odd).__name__}"):
            known.account(odd)  # pyright: ignore[reportArgumentType]


def test_what_lies_ready_serves_the_configured_provider_only(box: Sandbox) -> None:
    """A provider made in a notebook, with one host more, gets nothing of the environment."""
    known = accounts(box)
    wider = known.account(box.provider(hosts=frozenset({"127.0.0.1", "evil.example.org"})))
    assert not wider.sign_in_silently()
    assert known.account().sign_in_silently()
    assert len(box.requests_to("/token")) == 1


@pytest.mark.parametrize(
    ("is_app", "use_silent_sources", "serves"),
    [(False, None, True), (True, None, False), (True, True, True), (False, False, False)],
)
def test_visitors_of_an_app_do_not_inherit(
    box: Sandbox, is_app: bool, use_silent_sources: bool | None, serves: bool
) -> None:
    """In an app what lies ready serves nobody unless configured, and elsewhere everybody unless configured."""
    configuration = Configuration(terrascope=box.provider(), use_silent_sources=use_silent_sources)
    known = Accounts(lambda: configuration, is_app=lambda: is_app, environ=DORA)
    assert known.account().sign_in_silently() is serves


def test_logins_stand_side_by_side(box: Sandbox) -> None:
    """Two providers, two users: each has its own bearer for its own hosts, and one logout leaves the other."""
    with Sandbox() as other_box:
        one, other = Account(box.provider()), Account(other_box.provider(name="other"))
        one.start_password_login("dora", Secret("s3cret-Pa55"))
        other.start_password_login("boots", Secret("päss wörd+&%"))
        assert (one.wait(20).user, other.wait(20).user) == ("dora", "boots")
        assert one.headers(f"{other_box.url}/x") == {} == other.headers(f"{box.url}/x")
        one.logout()
        assert other.headers(f"{other_box.url}/x")
        other.logout()


def test_an_account_follows_the_configuration(box: Sandbox) -> None:
    """A CA bundle or a keep-alive that is set later holds for the accounts that are there, and they stay signed in."""
    now = [Configuration(terrascope=box.provider())]
    accounts = Accounts(lambda: now[0], environ=DORA)
    account = accounts.account()
    assert account.sign_in_silently()

    now[0] = replace(now[0], connection=Connection(verify="/no/such/bundle.pem"), keep_alive_s=60)
    accounts.follow()

    assert (account.connection.verify, account.is_signed_in) == ("/no/such/bundle.pem", True)
    assert account._idle.keep_alive_s == 60
    assert accounts.account() is account


def test_a_provider_that_was_used_is_known_by_its_name(box: Sandbox) -> None:
    """A `Provider` value is found by its name afterwards, and never takes the place of the configured one."""
    accounts = Accounts(lambda: Configuration(terrascope=box.provider()), environ={})
    mine = box.provider(name="mine")
    with pytest.raises(UnknownProvider):
        accounts.account("mine")
    assert accounts.account(mine) is accounts.account("mine")
    impostor = box.provider(client_id="other")
    assert accounts.account(impostor) is not accounts.account("terrascope")
    assert accounts["terrascope"] == box.provider()


def test_a_name_means_the_provider_that_was_given_last(box: Sandbox) -> None:
    """Of several that have one name, it means the one that was given last, also where it was known already."""
    one, other = (box.provider(name="box", client_id=client_id) for client_id in ("one", "other"))
    accounts = Accounts(environ={})
    for given in (one, other, one):
        assert accounts.account(given) is accounts.account("box")
    assert [account.provider for account in accounts.asked_for()] == [other, one]


def test_a_person_overtakes_what_lies_ready(box: Sandbox, until: Until) -> None:
    """A code that a person asks for meanwhile takes over, and whoever waits for the silent sign-in waits no longer."""
    box.timeline.token(steps.delayed(1.0))
    account = account_with(box, DORA)
    with ThreadPoolExecutor(1) as pool:
        silent = pool.submit(account.sign_in_silently)
        until(lambda: account.state.phase == "signing_in")
        account.start_device_login()
        assert silent.result(20) is False
    until(lambda: account.state.phase == "awaiting_user")
    account.cancel()
