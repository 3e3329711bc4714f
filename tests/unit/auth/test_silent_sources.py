"""Which sources an account has, in which order, and for whom what they find is meant."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest

from ipyterrascope.auth.account import Account
from ipyterrascope.auth.accounts import Accounts
from ipyterrascope.auth.chain import WhyNot
from ipyterrascope.auth.sources import is_meant_for, methods_of, silent_sources, ways_of
from ipyterrascope.configuration import Configuration
from ipyterrascope.errors import ConfigurationError
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.values.known import EARTHDATA, TERRASCOPE
from ipyterrascope.values.providers import Endpoints, ReadyName
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.states import Source

ENVIRON = {"TERRASCOPE_USERNAME": "dora", "TERRASCOPE_PASSWORD": "s3cret-Pa55"}
ELSEWHERE = Endpoints(token_endpoint="https://collect.example.org/token")
IN_ORDER = ("environment", "token_file", "stored", "hub", "device", "password", "basic", "token")


def made(**changes: Any) -> list[str]:
    return [source.name for source in silent_sources(TERRASCOPE, Configuration(terrascope=TERRASCOPE, **changes), {})]


def test_the_one_order() -> None:
    """Unless something else is configured the order is the one that the documentation names."""
    assert get_args(Source) == (*IN_ORDER[:4], "netrc", *IN_ORDER[4:-1], "code", "token", "oidc")
    assert TERRASCOPE.ways == IN_ORDER
    assert ways_of(TERRASCOPE, Configuration(terrascope=TERRASCOPE)) == IN_ORDER
    assert made() == [name for name in IN_ORDER if name in made()]


@pytest.mark.parametrize(
    ("chosen", "ways"),
    [
        (("hub", "environment", "password"), ("hub", "environment", "password")),
        (("password", "device", "environment"), ("password", "device", "environment")),
        (("device",), ("device",)),
        ((), IN_ORDER),
    ],
)
def test_the_configuration_reorders_and_removes(chosen: tuple[Source, ...], ways: tuple[str, ...]) -> None:
    """`c.Terrascope.sources` is the order; what it leaves out is not tried."""
    configuration = Configuration(terrascope=TERRASCOPE, sources=chosen)
    assert ways_of(TERRASCOPE, configuration) == ways
    assert methods_of(ways_of(TERRASCOPE, configuration)) == tuple(way for way in ways if way in TERRASCOPE.methods)
    names = [source.name for source in silent_sources(TERRASCOPE, configuration, {})]
    assert names == [way for way in ways if way in names]
    assert "environment" in names or "environment" not in ways


def test_each_provider_has_its_own_subset() -> None:
    """What a provider does not list is not tried there, whatever is configured."""
    provider = replace(TERRASCOPE, sources=("hub",), methods=("password",))
    assert ways_of(provider, Configuration(terrascope=provider)) == ("hub", "password")
    chosen = Configuration(terrascope=provider, sources=("environment", "device", "password"))
    assert ways_of(provider, chosen) == ("password",)
    assert replace(TERRASCOPE, sources=()).ways == TERRASCOPE.methods
    with pytest.raises(ConfigurationError, match="`sources`"):
        replace(TERRASCOPE, sources=("device",))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://evil.example.org/realms/terrascope"},
        {"client_id": "evil"},
        {"hosts": TERRASCOPE.hosts | {"evil.example.org"}},
        {"hosts": frozenset({"evil.example.org"})},
        {"endpoints": ELSEWHERE},
    ],
)
def test_another_provider_gets_nothing(changes: dict[str, Any]) -> None:
    """With another issuer or client, more hosts, or endpoints of its own, no source is even asked."""
    provider = replace(TERRASCOPE, **changes)
    assert not is_meant_for(provider, TERRASCOPE)
    sources = silent_sources(provider, Configuration(terrascope=TERRASCOPE), ENVIRON)
    assert sources
    for source in sources:
        assert source.find(provider) == WhyNot("What lies ready serves only the configured issuer, client and hosts.")


def test_the_same_provider_with_less_gets_it() -> None:
    """Fewer hosts, no known endpoints, another label: that can only narrow where a credential goes."""
    for changes in ({"hosts": frozenset[str]()}, {"endpoints": None}, {"label": "Mine"}):
        assert is_meant_for(replace(TERRASCOPE, **changes), TERRASCOPE)


@pytest.mark.parametrize(
    ("use", "is_app", "reason"),
    [
        (None, True, "What lies ready does not serve the visitors of an app."),
        (False, False, "c.Terrascope.use_silent_sources is off."),
        (False, True, "c.Terrascope.use_silent_sources is off."),
    ],
)
def test_who_gets_nothing_is_told_why(use: bool | None, is_app: bool, reason: str) -> None:
    """Where what lies ready is switched off, every source says so."""
    configuration = Configuration(terrascope=TERRASCOPE, use_silent_sources=use)
    for source in silent_sources(TERRASCOPE, configuration, ENVIRON, is_app=is_app):
        assert source.find(TERRASCOPE) == WhyNot(reason)


def test_one_source_can_be_forced(box: Sandbox) -> None:
    """Only the named source is asked, and a login from another one is replaced by its own."""
    account = Accounts(lambda: Configuration(terrascope=box.provider()), environ=ENVIRON).account()
    account.start_password_login("boots", Secret("päss wörd+&%"))
    assert account.wait(20).user == "boots"
    assert account.sign_in_silently()
    assert account.state.user == "boots"
    assert account.sign_in_silently(source="environment")
    assert (account.state.user, account.state.source) == ("dora", "environment")
    asked = len(box.requests_to("/token"))
    assert account.sign_in_silently(source="environment")
    assert len(box.requests_to("/token")) == asked


def test_a_source_that_is_forced_and_lacks_something(box: Sandbox) -> None:
    """It is said why; a login that is there goes on."""
    account = Accounts(lambda: Configuration(terrascope=box.provider()), environ={}).account()
    assert not account.sign_in_silently(source="environment")
    account.start_password_login("boots", Secret("päss wörd+&%"))
    account.wait(20)
    assert not account.sign_in_silently(source="environment")
    assert "TERRASCOPE_USERNAME" in account.why_not["environment"].reason
    assert account.state.user == "boots"


def test_an_account_follows_the_order(box: Sandbox) -> None:
    """A change of `c.Terrascope.sources` holds at once for the accounts that are there, and they stay signed in."""
    now = [Configuration(terrascope=box.provider())]
    accounts = Accounts(lambda: now[0], environ=ENVIRON)
    account = accounts.account()
    assert account.sign_in_silently()
    now[0] = replace(now[0], sources=("password",))
    accounts.follow()
    assert (account.sources, account.methods, account.state.methods) == ((), ("password",), ("password",))
    assert account.is_signed_in
    account.logout()
    account.allow_sources()
    assert not account.sign_in_silently()


def test_the_methods_are_those_of_the_provider_unless_said() -> None:
    """An account that is made without a configuration offers what its provider does."""
    assert Account(TERRASCOPE).methods == TERRASCOPE.methods
    assert set(get_args(ReadyName)) == {*TERRASCOPE.sources, *EARTHDATA.sources}
