"""Renewing and ending a session: RFC 6749 section 6, RFC 7009, and Keycloak's logout where there is no revocation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ipyterrascope.errors import (
    FlowUnavailable,
    LoginRefused,
    ProviderAnswerInvalid,
    ProviderError,
    ProviderUnreachable,
    TerrascopeError,
)
from ipyterrascope.protocol import revocation
from ipyterrascope.protocol.oauth import OAuthClient
from ipyterrascope.sandbox import Sandbox, steps
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.tokens import TokenSet
from testbed.leaks import places


@pytest.fixture
def tokens(box: Sandbox, client: OAuthClient) -> TokenSet:
    tokens = client.password("dora", Secret("s3cret-Pa55"))
    box.forget_requests()
    return tokens


def refresh_token(tokens: TokenSet) -> Secret:
    assert tokens.refresh_token is not None
    return tokens.refresh_token


def test_the_form_of_a_renewal(box: Sandbox, client: OAuthClient, tokens: TokenSet) -> None:
    """A public client names itself beside the refresh token; no scope is asked for again."""
    renewed = client.refresh(tokens)
    (asked,) = box.requests
    assert dict(asked.form) == {
        "grant_type": "refresh_token",
        "client_id": "public",
        "refresh_token": refresh_token(tokens).reveal(),
    }
    assert renewed.refresh_token != tokens.refresh_token
    assert renewed.access_token != tokens.access_token


def test_an_answer_that_says_less_keeps_what_was(box: Sandbox, client: OAuthClient, tokens: TokenSet) -> None:
    """Without a new refresh token the old one goes on until its own end, and without a scope the old one holds."""
    box.timeline.token(steps.payload({"access_token": "new", "expires_in": 60}))
    renewed = client.refresh(tokens)
    assert renewed.access_token.reveal() == "new"
    assert renewed.refresh_token == tokens.refresh_token
    assert renewed.refresh_expires_at == tokens.refresh_expires_at
    assert renewed.scope == tokens.scope


def test_without_refresh_token_nothing_is_sent(box: Sandbox, client: OAuthClient, tokens: TokenSet) -> None:
    """What cannot be renewed says so at once."""
    with pytest.raises(LoginRefused, match="no refresh token"):
        client.refresh(replace(tokens, refresh_token=None))
    assert box.requests == []


@pytest.mark.parametrize(
    ("step", "kind", "words"),
    [
        ("invalid_grant", LoginRefused, "ended the session"),
        (steps.oauth_error("invalid_grant", "Token is not active"), LoginRefused, 'It said "Token is not active".'),
        ("invalid_client", FlowUnavailable, "renewing the session"),
        (steps.oauth_error("made_up"), ProviderError, "made_up"),
        ("html", ProviderAnswerInvalid, "text/html"),
        (503, ProviderUnreachable, "cannot answer right now"),
    ],
)
def test_a_failed_renewal(
    box: Sandbox, client: OAuthClient, tokens: TokenSet, step: str, kind: type[TerrascopeError], words: str
) -> None:
    """Only `invalid_grant` means that the session is over; and no failure holds the refresh token."""
    box.timeline.token(step)
    with pytest.raises(TerrascopeError, match=words) as caught:
        client.refresh(tokens)
    assert type(caught.value) is kind
    assert places(refresh_token(tokens).reveal(), caught.value) == []


def test_revocation(box: Sandbox, client: OAuthClient, tokens: TokenSet) -> None:
    """The session is ended by RFC 7009: the refresh token, and the client that had it."""
    assert revocation.revoke(client, tokens)
    (asked,) = box.requests
    assert asked.path.endswith("/revoke")
    assert dict(asked.form) == {
        "client_id": "public",
        "token": refresh_token(tokens).reveal(),
        "token_type_hint": "refresh_token",
    }
    with pytest.raises(LoginRefused):
        client.refresh(tokens)


@pytest.mark.parametrize("has_endpoint", [True, False])
def test_logout_where_there_is_no_revocation(box: Sandbox, has_endpoint: bool) -> None:
    """Without a revocation endpoint, or where it refuses, Keycloak's logout ends the session."""
    if has_endpoint:
        box.timeline.revoke(404)
    else:
        box.discovery_changes = {"revocation_endpoint": None}
    client = OAuthClient(box.provider())
    tokens = client.password("dora", Secret("s3cret-Pa55"))
    assert revocation.revoke(client, tokens)
    (asked,) = box.requests_to("/logout")
    assert dict(asked.form) == {"client_id": "public", "refresh_token": refresh_token(tokens).reveal()}
    with pytest.raises(LoginRefused):
        client.refresh(tokens)


def test_a_provider_that_offers_neither(box: Sandbox) -> None:
    """Where there is no way to end a session, the answer is False."""
    box.discovery_changes = {"revocation_endpoint": None, "end_session_endpoint": None}
    client = OAuthClient(box.provider())
    assert not revocation.revoke(
        client, TokenSet(access_token=Secret(""), refresh_token=Secret("whatever"), issued_at=0.0)
    )


@pytest.mark.parametrize(
    ("revoke", "logout", "kind"),
    [
        (503, None, ProviderUnreachable),
        ("no_answer", None, ProviderUnreachable),
        (400, 503, ProviderUnreachable),
        (400, "html", ProviderAnswerInvalid),
        (400, "page", ProviderAnswerInvalid),
        (steps.redirect("/elsewhere", 307), 400, ProviderAnswerInvalid),
    ],
)
def test_an_end_that_is_not_confirmed(
    box: Sandbox,
    client: OAuthClient,
    tokens: TokenSet,
    revoke: int | str,
    logout: int | str | None,
    kind: type[TerrascopeError],
) -> None:
    """What the provider did not confirm is an error, and it does not hold the refresh token."""
    box.timeline.revoke(revoke)
    if logout is not None:
        # a page that asks a person whether to sign out ends nothing
        named = {"html": steps.status(403), "page": steps.status(200)}
        box.timeline.logout(named.get(str(logout), logout))
    with pytest.raises(TerrascopeError) as caught:
        revocation.revoke(client, tokens)
    assert type(caught.value) is kind
    assert places(refresh_token(tokens).reveal(), caught.value) == []
