"""The environment as a source: what serves, and what does not and why."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from ipyterrascope.auth.account import Account
from ipyterrascope.auth.accounts import Accounts
from ipyterrascope.auth.chain import GivenClient, GivenPassword, GivenToken, SilentSource, WhyNot
from ipyterrascope.auth.environment import environment_source
from ipyterrascope.command.logins import _signed_in
from ipyterrascope.configuration import Configuration
from ipyterrascope.errors import LoginRequired
from ipyterrascope.values.known import TERRASCOPE
from ipyterrascope.values.providers import Provider
from ipyterrascope.values.secret import Secret

NOW = 1_700_000_000.0


def jwt(**claims: object) -> str:
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.c2ln"


LIVE, DEAD, OPAQUE = jwt(exp=NOW + 60), jwt(exp=NOW - 1), "opaque-token"
TOKEN, USER, PASSWORD = "TERRASCOPE_TOKEN", "TERRASCOPE_USERNAME", "TERRASCOPE_PASSWORD"


def found(environ: dict[str, str], provider: Provider = TERRASCOPE, configured: Provider = TERRASCOPE) -> Any:
    return environment_source(configured, environ, clock=lambda: NOW).find(provider)


@pytest.mark.parametrize("token", [LIVE, OPAQUE, f"  {OPAQUE}\n"])
@pytest.mark.parametrize("more", [{}, {USER: "dora"}, {USER: "dora", PASSWORD: "x"}])
def test_a_token_goes_first(token: str, more: dict[str, str]) -> None:
    """A token that lives, or does not tell, is taken as it is, before user name and password."""
    assert found({TOKEN: token, **more}) == GivenToken(Secret(token.strip()), TOKEN)


@pytest.mark.parametrize("token", ["", "  ", DEAD, "two words", "with\nnewline", "ümlaut", "half\udcff"])
def test_a_token_that_does_not_serve_makes_way(token: str) -> None:
    """A token that has expired or cannot be sent makes way for user name and password."""
    given = found({TOKEN: token, USER: "dora", PASSWORD: "päss wörd+&%"})
    assert given == GivenPassword("dora", Secret("päss wörd+&%"), f"{USER} and {PASSWORD}")


CLIENT = {"TERRASCOPE_CLIENT_ID": " service ", "TERRASCOPE_CLIENT_SECRET": "s3cret"}


def test_a_client_and_its_secret() -> None:
    """They come after a token that serves and after user name and password."""
    given = GivenClient("service", Secret("s3cret"), "TERRASCOPE_CLIENT_ID and TERRASCOPE_CLIENT_SECRET")
    assert found(CLIENT) == found({**CLIENT, TOKEN: DEAD}) == found({**CLIENT, USER: "dora"}) == given
    assert isinstance(found({**CLIENT, TOKEN: LIVE}), GivenToken)
    assert isinstance(found({**CLIENT, USER: "dora", PASSWORD: "x"}), GivenPassword)


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        ({"TERRASCOPE_CLIENT_ID": "mine"}, f"Neither {TOKEN} nor {USER} and {PASSWORD} are set."),
        ({"TERRASCOPE_CLIENT_SECRET": "s3cret"}, "TERRASCOPE_CLIENT_ID is not set."),
        ({}, f"Neither {TOKEN} nor {USER} and {PASSWORD} are set."),
        ({TOKEN: " "}, f"Neither {TOKEN} nor {USER} and {PASSWORD} are set."),
        ({USER: "dora"}, f"{PASSWORD} is not set."),
        ({PASSWORD: "s3cret"}, f"{USER} is not set."),
        ({TOKEN: DEAD}, f"{TOKEN} has expired."),
        ({TOKEN: DEAD, USER: "dora"}, f"{TOKEN} has expired."),
        ({TOKEN: "Bearer s3cret"}, f"{TOKEN} is no token: it holds white space or characters that a header cannot."),
        ({TOKEN: "s3cret\r\nX: y"}, f"{TOKEN} is no token: it holds white space or characters that a header cannot."),
    ],
)
def test_why_not(environ: dict[str, str], reason: str) -> None:
    """What is missing or wrong is said in one sentence that repeats no secret."""
    why_not = found(environ)
    assert isinstance(why_not, WhyNot)
    assert why_not.reason == reason
    assert why_not.is_fault == bool(environ.get(TOKEN, "").strip())
    assert why_not.is_half == (not why_not.is_fault and not reason.startswith("Neither"))


@pytest.mark.parametrize(("half", "missing"), [(USER, PASSWORD), ("TERRASCOPE_CLIENT_SECRET", "TERRASCOPE_CLIENT_ID")])
def test_the_missing_half_is_named_where_a_login_fails(half: str, missing: str) -> None:
    """In Python and on the command line; another source that has something serves all the same."""
    account = Accounts(Configuration, environ={half: "dora"}).account()
    with pytest.raises(LoginRequired, match=f"{missing} is not set"):
        _signed_in(account)
    with pytest.raises(LoginRequired, match=f"{missing} is not set"):
        account.tokens()
    other = SilentSource("token_file", lambda _: GivenToken(Secret(OPAQUE), "a file"))
    served = Account(TERRASCOPE, sources=[environment_source(TERRASCOPE, {half: "dora"}), other])
    assert served.sign_in_silently()


def test_nothing_found_shows_a_secret() -> None:
    """Neither a token nor a password is in the repr of what was found."""
    for environ in ({TOKEN: OPAQUE}, {USER: "dora", PASSWORD: "s3cret"}, CLIENT):
        assert "s3cret" not in repr(found(environ))
        assert OPAQUE not in repr(found(environ))


def test_the_provider_s_name_is_the_prefix() -> None:
    """Another provider that is configured has variables of its own."""
    mine = replace(TERRASCOPE, name="my-own", issuer="https://sso.example.org/mine", endpoints=None)
    assert isinstance(found({"MY_OWN_TOKEN": LIVE}, mine, mine), GivenToken)
    assert isinstance(found({"MY_OWN_TOKEN": LIVE}), WhyNot)


def test_the_environment_is_read_each_time_and_never_written() -> None:
    """A variable that appears later counts, and none is changed."""
    environ: dict[str, str] = {}
    source = environment_source(TERRASCOPE, environ)
    assert isinstance(source.find(TERRASCOPE), WhyNot)
    environ[TOKEN] = OPAQUE
    assert isinstance(source.find(TERRASCOPE), GivenToken)
    assert environ == {TOKEN: OPAQUE}
