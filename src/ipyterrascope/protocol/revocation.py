"""Ending a session at its provider (floor 2; RFC 7009)."""

from __future__ import annotations

from oauthlib.common import urlencode

from ..values.secret import Secret
from ..values.tokens import TokenSet
from .http import not_as_expected
from .oauth import OAuthClient


def revoke(client: OAuthClient, tokens: TokenSet) -> bool:
    """End the session at the provider by RFC 7009, or by Keycloak's logout where there is no revocation.

    Returns
    -------
    bool
        True when the provider confirmed it, False when it offers neither, or there is no refresh token.
    """
    if tokens.refresh_token is None:
        return False
    endpoints = client.endpoints()
    if endpoints.revocation_endpoint:
        form = _form(client, tokens, "token", token_type_hint="refresh_token")  # noqa: S106 - the RFC's word for it
        answer = client.http.post(endpoints.revocation_endpoint, form)
        if answer.status == 200:
            return True
        if answer.is_passing:
            raise not_as_expected(answer, client.provider.issuer_host, "confirmation")
    if endpoints.end_session_endpoint:
        answer = client.http.post(endpoints.end_session_endpoint, _form(client, tokens, "refresh_token"))
        # 204 is Keycloak's; 200 may be the page of another provider that asks a person whether to sign out
        if answer.status == 204:
            return True
        raise not_as_expected(answer, client.provider.issuer_host, "confirmation")
    return False


def _form(client: OAuthClient, tokens: TokenSet, name: str, **more: str) -> Secret:
    """Return a form in which the refresh token is called `name`; oauthlib's own refuses http, also on loopback."""
    return Secret(
        urlencode(
            [
                ("client_id", client.provider.client_id),
                *client.secret_fields(tokens).items(),
                (name, tokens.refresh_token.reveal() if tokens.refresh_token else ""),
                *more.items(),
            ]
        )
    )
