"""The identity provider: Keycloak's paths and answers, a function for each endpoint (sandbox)."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Mapping

from .accounts import CLIENT, DEVICE, PASSWORD, REFRESH, clients, people, person_of, refusal
from .device_codes import DeviceLogins
from .grants import Grants
from .messages import Answer, ReceivedRequest, http_error, json_answer, oauth_error
from .oauth_rules import KNOWN_SCOPES, Rules
from .sessions import Refused, Sessions, signing_key
from .settings import Settings

REALM = "/auth/realms/terrascope"
OIDC = f"{REALM}/protocol/openid-connect"
# RFC 7636 section 4.2
_CHALLENGE = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class IdentityProvider:
    """A Keycloak in a box."""

    def __init__(self, settings: Settings, url: str, clock: Callable[[], float]) -> None:
        self._settings, self.now = settings, clock
        self.issuer = f"{url}{REALM}"
        self.people, self.clients = people(), clients()
        self.sessions = Sessions(settings, self.issuer, clock)
        self.device_logins = DeviceLogins(settings, clock)
        rules = Rules(self.clients, self.people, self.sessions, self.device_logins, clock)
        self._grants = Grants(settings, rules, f"{self.issuer}/device")
        self.token, self.revoke = self._grants.token, self._grants.revoke

    def discovery(self, request: ReceivedRequest) -> Answer:
        """Answer with the metadata (OpenID Connect Discovery 1.0 section 4)."""
        if not self._settings.discovery:
            return http_error(404)
        here = f"{self.issuer}/protocol/openid-connect"
        document: dict[str, object] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{here}/auth",
            "token_endpoint": f"{here}/token",
            "device_authorization_endpoint": f"{here}/auth/device" if self._settings.device_flow else None,
            "revocation_endpoint": f"{here}/revoke",
            "end_session_endpoint": f"{here}/logout",
            "userinfo_endpoint": f"{here}/userinfo",
            "jwks_uri": f"{here}/certs",
            "grant_types_supported": [PASSWORD, CLIENT, REFRESH, *([DEVICE] if self._settings.device_flow else [])],
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": sorted(KNOWN_SCOPES),
            **self._settings.discovery_changes,
        }
        return json_answer({name: value for name, value in document.items() if value is not None})

    def device(self, request: ReceivedRequest) -> Answer:
        """Start a device login (RFC 8628 section 3.2)."""
        if not self._settings.device_flow:
            return http_error(404)
        client, form = self.clients.get(request.form.get("client_id", "")), request.form
        if client is None:
            return oauth_error("invalid_client")
        if DEVICE not in client.grants:
            return oauth_error("unauthorized_client")
        challenge, method = form.get("code_challenge", ""), form.get("code_challenge_method", "")
        if (challenge or self._settings.pkce_required) and method != "S256":
            return oauth_error("invalid_request", "Invalid parameter: code_challenge_method")
        if method and not _CHALLENGE.fullmatch(challenge):
            return oauth_error("invalid_request", "Invalid parameter: code_challenge")
        answer, fields = self._grants.device(request)
        if fields:
            scopes = tuple(fields["scope"].split())
            self.device_logins.start(fields["device_code"], fields["user_code"], client.client_id, scopes, challenge)
        return answer

    def logout(self, request: ReceivedRequest) -> Answer:
        """End a login by its refresh token, as Keycloak does: 204."""
        token, client_id = request.form.get("refresh_token", ""), request.form.get("client_id", "")
        if client_id not in self.clients:
            return oauth_error("invalid_client")
        if not self.sessions.is_known(token, client_id):
            return oauth_error("invalid_grant", "Invalid refresh token")
        self.sessions.revoke(token, client_id)
        return Answer(status=204)

    def userinfo(self, request: ReceivedRequest) -> Answer:
        """Tell who is behind a bearer (OpenID Connect Core section 5.3); only with the scope `openid`."""
        token = bearer_of(request.headers)
        if not token:
            return _challenge(401)
        try:
            login = self.sessions.login_of(token)
        except Refused as refused:
            return _challenge(401, "invalid_token", str(refused))
        if "openid" not in login.scopes:
            return _challenge(403, "insufficient_scope", "Missing openid scope")
        person = person_of(self.people, login.user)
        return json_answer({"sub": f"sandbox-{login.user}", "preferred_username": login.user, "email": person.email})

    def certs(self, request: ReceivedRequest) -> Answer:
        """Answer with the public keys (RFC 7517)."""
        return json_answer({"keys": [signing_key().as_dict(private=False)]})

    def user_of(self, headers: Mapping[str, str]) -> str:
        """Return the user that a Bearer or Basic header stands for.

        Raises
        ------
        Refused
            When there is none, or it is not good.
        """
        scheme, _, given = headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return self.sessions.login_of(bearer_of(headers)).user
        try:
            name, _, password = b64decode(given, validate=True).decode().partition(":")
        except ValueError:
            raise Refused("Invalid user credentials") from None
        why = refusal(self.people.get(name), password, "", self.now())
        if why:
            raise Refused(why)
        return name


def bearer_of(headers: Mapping[str, str]) -> str:
    """Return the bearer of a request (RFC 6750 section 2.1), or an empty text."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _challenge(status: int, error: str = "", description: str = "") -> Answer:
    """Refuse a bearer (RFC 6750 section 3); like Keycloak's, the answer has no body."""
    why = f', error="{error}", error_description="{description}"' if error else ""
    return Answer(status=status, headers=(("WWW-Authenticate", f'Bearer realm="terrascope"{why}'),))
