"""What a login yields: tokens with a name to show, a Basic header as RFC 7617 wants it, a borrowed token as it is."""

from __future__ import annotations

import base64
import json

import pytest

from ipyterrascope.auth.credentials import basic_login, borrowed_login, given_tokens, token_login
from ipyterrascope.errors import UsageError
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.tokens import TokenSet
from testbed.leaks import places


def jwt(**claims: object) -> Secret:
    return Secret(f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.c2ln")


@pytest.mark.parametrize(
    ("username", "password", "text"),
    [
        ("boots", "päss wörd+&%", "boots:päss wörd+&%"),
        ("dora", "", "dora:"),
        ("Dora Exploradora", "a:b", "Dora Exploradora:a:b"),
        ("börte", "日本語🛰", "börte:日本語🛰"),
    ],
)
def test_basic_is_utf_8(username: str, password: str, text: str) -> None:
    """Name and password are joined by a colon, in UTF-8, in base64."""
    login = basic_login(username, Secret(password))
    assert login.basic is not None
    assert base64.b64decode(login.basic.reveal()).decode() == text
    assert (login.user, login.source, login.tokens) == (username, "basic", None)
    assert login.basic.reveal() not in repr(login)


@pytest.mark.parametrize(
    ("username", "password"),
    [
        *[(name, "s3cret-pa55") for name in ("", "do:ra", "do\nra", "do\x00ra", "half\udcff", "do\u202era")],
        *[("dora", f"s3cret-pa55{odd}") for odd in ("\n", "\x00", "\x7f", "\udcff")],
    ],
)
def test_what_basic_cannot_carry(username: str, password: str) -> None:
    """A colon in the name, and control or half characters anywhere, are refused; the password is in no part of it."""
    with pytest.raises(UsageError, match="cannot be used") as caught:
        basic_login(username, Secret(password))
    assert places("s3cret-pa55", caught.value) == []
    assert caught.value.do


def test_whose_tokens() -> None:
    """The name is the token's own; what was typed counts where the token does not tell."""
    named = TokenSet(access_token=jwt(preferred_username="dora"), issued_at=0.0)
    opaque = TokenSet(access_token=Secret("opaque"), issued_at=0.0)
    assert token_login(named, "password", user="DORA").user == "dora"
    assert token_login(opaque, "password", user="DORA").user == "DORA"
    assert token_login(opaque, "device").user == ""


@pytest.mark.parametrize(
    ("claims", "issued_at", "expires_at"),
    [
        ({"iat": 900, "exp": 1200}, 900.0, 1200.0),
        ({"iat": 2000, "exp": 2300}, 1000.0, 2300.0),  # issued by a clock ahead of ours
        ({"exp": 1200}, 1000.0, 1200.0),
        ({}, 1000.0, None),
    ],
)
def test_a_borrowed_token(claims: dict[str, float], issued_at: float, expires_at: float | None) -> None:
    """A token of somebody else has the times that it tells, cannot be renewed, and is not ours to revoke."""
    login = borrowed_login(given_tokens(jwt(**claims), 1000.0), "environment", "TERRASCOPE_TOKEN")
    assert login.tokens is not None
    assert (login.tokens.issued_at, login.tokens.expires_at) == (issued_at, expires_at)
    assert login.tokens.refresh_token is None
    assert (login.is_borrowed, login.source, login.came_from) == (True, "environment", "TERRASCOPE_TOKEN")
