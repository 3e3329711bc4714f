"""Ending a session at its provider (floor 2; RFC 7009)."""

from __future__ import annotations

from oauthlib.common import urlencode

from ..values.secret import Secret
from .http import not_as_expected
from .oauth import OAuthClient


def revoke(client: OAuthClient, refresh_token: Secret) -> bool:
    """End the session at the provider by RFC 7009, or by Keycloak's logout where there is no revocation.

    Returns
    -------
    bool
        True when the provider confirmed it, False when it offers neither.
    """
    endpoints = client.endpoints()
    fields = [("client_id", client.provider.client_id)]
    # oauthlib's own form of this refuses http, also on loopback
    if endpoints.revocation_endpoint:
        hint = ("token_type_hint", "refresh_token")
        form = Secret(urlencode([*fields, *client.secret_fields().items(), ("token", refresh_token.reveal()), hint]))
        answer = client.http.post(endpoints.revocation_endpoint, form)
        if answer.status == 200:
            return True
        if answer.is_passing:
            raise not_as_expected(answer, client.provider.issuer_host, "confirmation")
    if endpoints.end_session_endpoint:
        form = Secret(urlencode([*fields, *client.secret_fields().items(), ("refresh_token", refresh_token.reveal())]))
        answer = client.http.post(endpoints.end_session_endpoint, form)
        # 204 is Keycloak's; 200 may be the page of another provider that asks a person whether to sign out
        if answer.status == 204:
            return True
        raise not_as_expected(answer, client.provider.issuer_host, "confirmation")
    return False
