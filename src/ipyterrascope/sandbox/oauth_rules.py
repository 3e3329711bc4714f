"""What oauthlib's server side asks of an identity provider, answered as Keycloak does (sandbox).

oauthlib carries the grants: which parameters have to be there, in which order things are checked, how an error looks.
What it cannot express (reuse of refresh tokens, PKCE in the device flow) is checked here, where it asks for a token.
"""

from __future__ import annotations

import logging
from base64 import b64decode
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

from oauthlib.oauth2.rfc6749 import errors
from oauthlib.oauth2.rfc8628.request_validator import RequestValidator

from .accounts import CLIENT, Client, Person, person_of, refusal, same
from .device_codes import DeviceLogins, is_verified
from .sessions import Login, Refused, Sessions

DEFAULT_SCOPES = ("profile", "email")
KNOWN_SCOPES = {*DEFAULT_SCOPES, "openid", "offline_access"}

# oauthlib's server side logs whole tokens at DEBUG. Only the server's modules are silenced, not the client's.
for _noisy in ("rfc6749.grant_types", "rfc6749.endpoints", "rfc8628.grant_types", "rfc8628.endpoints"):
    logging.getLogger(f"oauthlib.oauth2.{_noisy}").setLevel(logging.WARNING)


class NotAllowed(errors.OAuth2Error):
    """Keycloak's own code for `offline_access` that a user may not have."""

    error = "not_allowed"


class UnknownToken(errors.OAuth2Error):
    """A token to revoke that was never issued."""

    error = "invalid_token"
    status_code = 200


class Rules(RequestValidator):
    """Answers oauthlib's questions from the accounts, sessions and device logins of the sandbox."""

    def __init__(
        self,
        clients: dict[str, Client],
        people: dict[str, Person],
        sessions: Sessions,
        device_logins: DeviceLogins,
        clock: Callable[[], float],
    ) -> None:
        self._clients, self._people, self._clock = clients, people, clock
        self._sessions, self._device_logins = sessions, device_logins

    # Clients (RFC 6749 section 2.3)

    def client_authentication_required(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Whether this client has a secret; finds the `client_id` in a Basic header too."""
        client_id, _ = client_credentials(request)
        client = self._clients.get(client_id)
        return client is not None and client.secret != ""

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Check a confidential client's secret."""
        client_id, secret = client_credentials(request)
        client = self._clients.get(client_id)
        if client is None or not same(secret, client.secret):
            raise errors.InvalidClientError
        request.client = client
        return True

    def authenticate_client_id(self, client_id: str, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Check that a public client is known."""
        self.validate_client_id(client_id, request)
        return True

    def validate_client_id(self, client_id: str, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Check that a client is known; Keycloak answers 401 otherwise."""
        request.client = self._clients.get(client_id or "")
        if request.client is None:
            raise errors.InvalidClientError
        return True

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: Any, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        """Check that the client may use this grant; one that signs in for itself has an account of its own."""
        if grant_type == CLIENT:
            request.user = f"service-account-{client.client_id}"
        return grant_type in client.grants

    # Scopes

    def get_default_scopes(self, client_id: str, request: Any, *args: Any, **kwargs: Any) -> list[str]:
        """Return what a request without a scope means."""
        return list(DEFAULT_SCOPES)

    def validate_scopes(
        self, client_id: str, scopes: list[str], client: Any, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        """Refuse unknown scopes and a stay that is not allowed; add those that everybody has.

        A device login begins without a user, and there Keycloak leaves out what it does not know.
        """
        unknown = [scope for scope in scopes if scope not in KNOWN_SCOPES]
        if request.user and unknown:
            raise errors.InvalidScopeError(f"Invalid scopes: {' '.join(unknown)}")
        if request.user and "offline_access" in scopes and not person_of(self._people, request.user).may_stay:
            raise NotAllowed
        known = [scope for scope in scopes if scope in KNOWN_SCOPES]
        request.scopes = list(dict.fromkeys((*known, *DEFAULT_SCOPES)))
        return True

    def get_original_scopes(self, refresh_token: str, request: Any, *args: Any, **kwargs: Any) -> list[str]:
        """Return the scopes of the login that is renewed."""
        return list(request.login.scopes)

    # Grants

    def validate_user(self, username: str, password: str, client: Any, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Check name, password and one-time code (RFC 6749 section 4.3)."""
        totp = dict(request.decoded_body).get("totp", "")
        why = refusal(self._people.get(username), password, totp, self._clock())
        if why:
            raise errors.InvalidGrantError(why)
        request.user = username
        return True

    def validate_refresh_token(self, refresh_token: str, client: Any, request: Any, *args: Any, **kwargs: Any) -> bool:
        """Find the login to renew; reuse of a rotated token ends it (RFC 6749 section 6)."""
        try:
            request.login = self._sessions.use_refresh_token(refresh_token, client.client_id)
        except Refused as refused:
            raise errors.InvalidGrantError(str(refused)) from None
        request.user = request.login.user
        return True

    def validate_device_code(self, client_id: str, code: str, request: Any, *args: Any, **kwargs: Any) -> str:
        """Answer a poll (RFC 8628 section 3.5) and check the code verifier of an approved one (RFC 7636)."""
        login, state = self._device_logins.poll(code, client_id)
        if login is None:
            raise errors.InvalidGrantError("Device code not valid")
        if state != "authorized":
            return state
        verifier = dict(request.decoded_body).get("code_verifier", "")
        if login.code_challenge and not is_verified(login.code_challenge, verifier):
            raise errors.InvalidGrantError(
                "PKCE verification failed" if verifier else "PKCE code verifier not specified"
            )
        request.user, request.scopes = login.user, list(login.scopes)
        login.state = "used"
        return state

    # Tokens

    def rotate_refresh_token(self, request: Any) -> bool:
        """Keycloak always answers with a new refresh token; whether the old one stays good is another matter."""
        return True

    def save_token(self, token: Any, request: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: `Sessions` knows what it issued."""

    def revoke_token(self, token: str, token_type_hint: str, request: Any, *args: Any, **kwargs: Any) -> None:
        """Revoke a token (RFC 7009 section 2.1); for one it does not know, Keycloak answers 200 with an error."""
        if not self._sessions.revoke(token, request.client.client_id):
            raise UnknownToken("Invalid token")

    def issue(self, request: Any) -> str:
        """Issue the access token of a grant that was checked, and what Keycloak adds to the answer."""
        login = getattr(request, "login", None) or Login(request.user, request.client.client_id, tuple(request.scopes))
        request.login = login
        request.extra_credentials = {
            "refresh_expires_in": self._sessions.idle_lifetime_s(login),
            "not-before-policy": 0,
            "session_state": login.session_id,
        }
        if "openid" in login.scopes:
            request.extra_credentials["id_token"] = self._sessions.id_token(login)
        return self._sessions.access_token(login, person_of(self._people, login.user).email)

    def issue_refresh_token(self, request: Any) -> str:
        """Issue the refresh token that goes with it."""
        return self._sessions.refresh_token(request.login)


def client_credentials(request: Any) -> tuple[str, str]:
    """Return `client_id` and secret from a Basic header (RFC 6749 section 2.3.1) or from the form."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client_id, _, secret = b64decode(given, validate=True).decode().partition(":")
        except ValueError:
            return "", ""
        request.client_id = request.client_id or unquote_plus(client_id)
        return unquote_plus(client_id), unquote_plus(secret)
    return request.client_id or "", request.client_secret or ""
