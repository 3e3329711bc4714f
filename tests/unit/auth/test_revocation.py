"""Which sessions are ended at the provider, and which are left because they are still in use."""

from __future__ import annotations

import base64
import json

import pytest

from ipyterrascope.auth.revocation import revoke
from ipyterrascope.protocol.oauth import OAuthClient
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.tokens import TokenSet


def tokens(number: int, **claims: object) -> TokenSet:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    refresh_token = Secret(f"refresh-{number}")
    return TokenSet(access_token=Secret(f"e30.{payload}.{number}"), refresh_token=refresh_token, issued_at=0.0)


@pytest.mark.parametrize(
    ("claims", "claims_of_the_other", "is_ended"),
    [
        ({"sid": "a"}, {"sid": "b"}, True),
        ({"sid": "a"}, {"sid": "a"}, False),
        ({}, {}, True),
        ({"sid": ""}, {"sid": ""}, True),
        ({"sid": 7}, {"sid": 7}, True),
    ],
)
def test_a_session_that_is_still_in_use_is_not_ended(
    box: Sandbox, claims: dict[str, object], claims_of_the_other: dict[str, object], is_ended: bool
) -> None:
    """Tokens are revoked, unless others of the same session (`sid`) stay in use: one browser's logins share one."""
    revoke(OAuthClient(box.provider()), tokens(0, **claims), besides=tokens(1, **claims_of_the_other))
    assert [asked.form["token"] for asked in box.requests_to("/revoke")] == (["refresh-0"] if is_ended else [])


def test_a_borrowed_token_is_not_revoked(box: Sandbox) -> None:
    """Without a refresh token there is nothing that we may end, and nobody is asked."""
    borrowed = TokenSet(access_token=Secret("theirs"), issued_at=0.0)
    assert revoke(OAuthClient(box.provider()), borrowed) == "The session there ends by itself."
    assert box.requests == []
