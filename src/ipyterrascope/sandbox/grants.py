"""The endpoints that oauthlib's server side carries: token, revocation, device authorization (sandbox)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from oauthlib.oauth2 import RevocationEndpoint, TokenEndpoint
from oauthlib.oauth2.rfc6749.errors import OAuth2Error
from oauthlib.oauth2.rfc6749.grant_types import (
    ClientCredentialsGrant,
    RefreshTokenGrant,
    ResourceOwnerPasswordCredentialsGrant,
)
from oauthlib.oauth2.rfc6749.tokens import BearerToken
from oauthlib.oauth2.rfc8628.endpoints import DeviceAuthorizationEndpoint
from oauthlib.oauth2.rfc8628.grant_types import DeviceCodeGrant

from .accounts import CLIENT, DEVICE, PASSWORD, REFRESH
from .content import Held
from .device_codes import new_user_code
from .messages import Answer, ReceivedRequest, json_answer, oauth_error
from .oauth_rules import Rules
from .settings import Settings


class Grants:
    """What a client can ask for, checked by `rules`."""

    def __init__(self, settings: Settings, rules: Rules, verification_uri: str) -> None:
        self._settings, self._rules, self._verification_uri = settings, rules, verification_uri
        bearer = _loose(BearerToken)(
            rules,
            token_generator=rules.issue,
            expires_in=lambda request: settings.access_token_lifetime_s,  # pyright: ignore[reportUnknownLambdaType]
            refresh_token_generator=rules.issue_refresh_token,
        )
        self._token_endpoint = _loose(TokenEndpoint)(
            # An unknown grant type falls to the default one, and this one says that it is unknown.
            default_grant_type=REFRESH,
            default_token_type=bearer,
            grant_types={
                PASSWORD: ResourceOwnerPasswordCredentialsGrant(rules),
                CLIENT: ClientCredentialsGrant(rules),
                REFRESH: RefreshTokenGrant(rules),
                DEVICE: _loose(DeviceCodeGrant)(rules),
            },
        )
        self._revocation_endpoint = _loose(RevocationEndpoint)(rules)

    def token(self, request: ReceivedRequest) -> Answer:
        """Answer a grant (RFC 6749 section 5)."""
        grant = request.form.get("grant_type", "")
        if not grant:
            return oauth_error("invalid_request", "Missing form parameter: grant_type")
        if grant == PASSWORD and request.form.get("username") and not request.form.get("password"):
            return oauth_error("invalid_grant")  # to Keycloak an empty password is a wrong one
        return _answered(self._token_endpoint.create_token_response, request)

    def revoke(self, request: ReceivedRequest) -> Answer:
        """Revoke a token (RFC 7009 section 2)."""
        return _answered(self._revocation_endpoint.create_revocation_response, request)

    def device(self, request: ReceivedRequest) -> tuple[Answer, dict[str, Any]]:
        """Answer the start of a device login (RFC 8628 section 3.2), and return its fields; none when refused."""
        endpoint = _loose(DeviceAuthorizationEndpoint)(
            self._rules,
            verification_uri=self._verification_uri,
            verification_uri_complete=f"{self._verification_uri}?user_code={{user_code}}",
            expires_in=self._settings.device_lifetime_s,
            interval=self._settings.device_interval_s,
            user_code_generator=new_user_code,
        )
        try:
            _, fields, status = endpoint.create_device_authorization_response(*_for_oauthlib(request))
        except OAuth2Error as error:
            return _refusal(error.json, error.status_code), {}
        told = {name: value for name, value in fields.items() if name != "scope"}
        return json_answer(told, status), fields


def _loose(kind: Callable[..., Any]) -> Callable[..., Any]:
    """Forget the types of a class: the stubs that exist for oauthlib describe an older version."""
    return kind


def _for_oauthlib(request: ReceivedRequest) -> tuple[str, str, list[tuple[str, str]], dict[str, str]]:
    fields = parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    return f"https://sandbox{request.path}", request.method, fields, dict(request.headers)


def _answered(respond: Callable[..., tuple[dict[str, str], str, int]], request: ReceivedRequest) -> Answer:
    try:
        headers, body, status = respond(*_for_oauthlib(request))
    except OAuth2Error as error:
        return _refusal(error.json, error.status_code)
    if status >= 400:
        return _refusal(body, status)
    return Answer(status=status, headers=tuple(headers.items()), body=Held(body.encode()))


def _refusal(body: str, status: int) -> Answer:
    fields = json.loads(body)
    return oauth_error(fields["error"], fields.get("error_description", ""), status)
