"""Accounts whose login another process lends, whatever is configured here."""

from __future__ import annotations

import pytest

from ipyterrascope.auth.accounts import Accounts
from ipyterrascope.auth.chain import LentToken, SilentSource
from ipyterrascope.configuration import Configuration
from ipyterrascope.errors import LoginRequired
from ipyterrascope.values.connection import Connection
from ipyterrascope.values.known import TERRASCOPE
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.tokens import TokenSet

LENT_AT = TERRASCOPE.__class__(
    name="terrascope",
    label="Lent",
    issuer="https://sso.example.org",
    client_id="public",
    hosts=frozenset({"data.example.org"}),
)


def lender(text: str) -> SilentSource:
    tokens = TokenSet(access_token=Secret(text), issued_at=0.0)
    return SilentSource("dask", lambda _: LentToken(lambda _: tokens, "the notebook"))


@pytest.fixture
def accounts() -> Accounts:
    """Accounts of a process whose environment signs in."""
    environ = {"TERRASCOPE_TOKEN": "its-own"}
    return Accounts(lambda: Configuration(terrascope=TERRASCOPE), environ=environ)


def test_what_is_lent_goes_before_what_is_configured(accounts: Accounts) -> None:
    """By name and by value the account is the lent one; the environment does not serve it, and nobody is asked."""
    account = accounts.lend(LENT_AT, lender("lent"), Connection(verify="/ca.pem"))
    assert accounts["terrascope"] == LENT_AT
    assert accounts.account() is account is accounts.account("terrascope") is accounts.account(LENT_AT)
    assert account.headers("https://data.example.org/") == {"Authorization": "Bearer lent"}
    assert (account.sources, account.methods, account.connection.verify) == (("dask",), (), "/ca.pem")
    assert account.came_from == "the notebook"
    assert account.why_not_kept == "This login is lent."


def test_after_the_loan_the_configured_login_serves_again(accounts: Accounts) -> None:
    """The end of a loan leaves the accounts as they were before."""
    account = accounts.lend(LENT_AT, lender("lent"), Connection())
    accounts.end_loan(account)
    assert accounts["terrascope"] == TERRASCOPE
    assert accounts.account().headers("https://services.terrascope.be/") == {"Authorization": "Bearer its-own"}


def test_a_second_lender_takes_the_place_of_the_first(accounts: Accounts) -> None:
    """Another notebook's loan counts from then on, and the end of the first one does not touch it."""
    first = accounts.lend(LENT_AT, lender("first"), Connection())
    second = accounts.lend(LENT_AT, lender("second"), Connection())
    accounts.end_loan(first)
    assert accounts.account() is second is not first
    assert second.tokens().access_token == Secret("second")


def test_who_has_nothing_to_lend_is_quoted(accounts: Accounts) -> None:
    """On a worker whose notebook is signed out, nobody is told to set variables or to sign in here."""
    from ipyterrascope import asking

    def refuse(_: Secret | None) -> TokenSet:
        raise LoginRequired("The notebook lends no token.", "You signed out.", "Sign in there again.")

    source = SilentSource("dask", lambda _: LentToken(refuse, "the notebook"))
    account = accounts.lend(LENT_AT, source, Connection())
    with pytest.raises(LoginRequired) as caught:
        asking.ready(account)
    told = str(caught.value)
    assert told == (
        "This worker is not signed in to Lent. The notebook lends no token. You signed out. Sign in there again."
    )
