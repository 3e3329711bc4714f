"""Earthdata Login: its user tokens, its OAuth for applications, and profiles (sandbox; RFC 6749)."""

from __future__ import annotations

import secrets
from base64 import b64decode
from collections.abc import Callable
from urllib.parse import urlencode

from .accounts import people, same
from .earthdata_settings import Application, EarthdataSettings
from .earthdata_tokens import UserTokens
from .identity import bearer_of
from .messages import Answer, ReceivedRequest, http_error, json_answer, oauth_error, redirect
from .pages import plain_page

_SESSION = "_urs_session"
_TOKEN_CALLS = ("token", "tokens", "find_or_create_token", "revoke_token")
_UNAPPROVED = "Pre authorization required for this application, please authorize by visiting the resolution url"
_APPLICATION_LIFETIME_S = 3600


class EarthdataLogin:
    """The login host at `url`."""

    def __init__(
        self, settings: EarthdataSettings, url: str, applications: list[Application], clock: Callable[[], float]
    ) -> None:
        self._settings, self.url = settings, url
        self._applications = {application.client_id: application for application in applications}
        self.passwords = {person.name: person.password for person in people().values() if person.enabled}
        self.user_tokens = UserTokens(settings, url, clock)
        self._sessions: dict[str, str] = {}
        self._codes: dict[str, tuple[str, str]] = {}
        self._refresh_tokens: dict[str, tuple[str, str]] = {}
        self._application_tokens: dict[str, str] = {}

    def answer(self, request: ReceivedRequest) -> Answer:
        """Answer a request to the login host."""
        match (request.method, request.path.rstrip("/").split("/")[1:]):
            case (_, ["api", "users", name]) if name in _TOKEN_CALLS:
                return self._user_tokens(request, name)
            case ("GET", ["api", "users", uid]):
                return self._profile(request, uid)
            case ("GET" | "HEAD", ["oauth", "authorize"]):
                return self._authorize(request)
            case ("POST", ["oauth", "token"]):
                return self._token(request)
            case ("GET", ["logout"]):
                return redirect(request.query.get("redirect_uri", "/"))
            case ("GET" | "HEAD", ["profile" | "approve_app" | "users" | "", *_] | []):
                return plain_page("Earthdata Login", "In the sandbox everybody is content with what there is.")
            case _:
                return http_error(404)

    def resolution(self, client_id: str) -> str:
        """Return the page at which a person approves an application, and its conditions."""
        return f"{self.url}/approve_app?client_id={client_id}"

    def who_has(self, access_token: str) -> str:
        """Return whose an access token of an application is; empty where it is nobody's."""
        return self._application_tokens.get(access_token, "")

    # user tokens

    def _user_tokens(self, request: ReceivedRequest, name: str) -> Answer:
        uid = self._by_basic(request)
        if not uid:
            return json_answer({"error": "invalid_credentials", "error_description": "Invalid user credentials"}, 401)
        match (request.method, name):
            case ("POST", "token"):
                return self.user_tokens.create(uid)
            case ("GET", "tokens"):
                return self.user_tokens.listed(uid)
            case ("POST", "find_or_create_token"):
                return self.user_tokens.found_or_made(uid)
            case ("POST", "revoke_token"):
                return self.user_tokens.revoke(uid, request)
            case _:
                return http_error(405)

    def _profile(self, request: ReceivedRequest, uid: str) -> Answer:
        token = bearer_of(request.headers)
        if uid not in (self.user_tokens.owner(token), self.who_has(token)) or not uid:
            return json_answer({"error": "invalid_token", "error_description": "Invalid token"}, 401)
        profile = {
            "uid": uid, "first_name": uid.title(), "last_name": "Explorer", "middle_initial": "M",
            "registered_date": "7 Aug 2020 10:46:21AM", "email_address": f"{uid}@example.org", "country": "Belgium",
            "affiliation": "Education", "organization": "Sandbox University", "study_area": "Land Processes",
            "user_type": "Research Scientist", "user_authorized_apps": 2, "allow_auth_app_emails": False,
            "agreed_to_meris_eula": True,
        }  # fmt: skip
        return json_answer(profile)

    def _by_basic(self, request: ReceivedRequest) -> str:
        name, password = _basic(request)
        return name if name in self.passwords and same(password, self.passwords[name]) else ""

    # applications

    def _authorize(self, request: ReceivedRequest) -> Answer:
        query = request.query
        application = self._applications.get(query.get("client_id", ""))
        if application is None or query.get("redirect_uri") != application.redirect_uri:
            return oauth_error("invalid_request", "Invalid client or redirect_uri")
        uid = self._who_asks(request)
        if not uid:
            return self._not_signed_in()
        state = {"state": query["state"]} if "state" in query else {}
        if application.client_id not in self._settings.approved:
            return self._not_approved(application, state)
        code = secrets.token_hex(16)
        self._codes[code] = (uid, application.client_id)
        session = secrets.token_hex(16)
        self._sessions[session] = uid
        answer = redirect(f"{application.redirect_uri}?{urlencode({'code': code, **state})}")
        return Answer(status=302, headers=(*answer.headers, cookie(_SESSION, session)))

    def _who_asks(self, request: ReceivedRequest) -> str:
        if request.headers.get("Authorization", "").lower().startswith("basic "):
            return self._by_basic(request)
        if self._settings.login_takes_bearer and (uid := self.user_tokens.owner(bearer_of(request.headers))):
            return uid
        return self._sessions.get(cookies_of(request).get(_SESSION, ""), "")

    def _not_signed_in(self) -> Answer:
        page = plain_page("Earthdata Login", "Sign in with your user name and password.")
        if self._settings.shows_login_page:
            return page
        challenge = ("WWW-Authenticate", 'Basic realm="Please enter your Earthdata Login credentials"')
        return Answer(status=401, headers=(*page.headers, challenge), body=page.body)

    def _not_approved(self, application: Application, state: dict[str, str]) -> Answer:
        why = {
            "error": "access_denied", "error_msg": _UNAPPROVED, **state,
            "resolution_url": self.resolution(application.client_id),
        }  # fmt: skip
        if self._settings.tells_the_data_centre:
            return redirect(f"{application.redirect_uri}?{urlencode(why)}")
        page = plain_page("Earthdata Login", f"{application.title} is not approved.")
        return Answer(status=401, headers=page.headers, body=page.body)

    def redeem(self, code: str, client_id: str) -> str:
        """Use up a code; return whose it is, or nothing."""
        uid, owner = self._codes.pop(code, ("", ""))
        return uid if owner == client_id else ""

    def _token(self, request: ReceivedRequest) -> Answer:
        client_id, secret = _basic(request)
        application, form = self._applications.get(client_id), request.form
        if application is None or not same(secret, application.secret):
            return oauth_error("invalid_client", status=401)
        match form.get("grant_type"):
            case "authorization_code" if form.get("redirect_uri") == application.redirect_uri:
                uid = self.redeem(form.get("code", ""), client_id)
            case "refresh_token":
                uid, owner = self._refresh_tokens.pop(form.get("refresh_token", ""), ("", ""))
                uid = uid if owner == client_id else ""
            case "client_credentials":
                return json_answer(self._issued(""))
            case _:
                return oauth_error("unsupported_grant_type")
        return json_answer(self._issued(uid, client_id)) if uid else oauth_error("invalid_grant")

    def _issued(self, uid: str, client_id: str = "") -> dict[str, object]:
        access_token, refresh_token = secrets.token_urlsafe(48), secrets.token_urlsafe(48)
        self.user_tokens.issued |= {access_token, refresh_token}
        self._application_tokens[access_token] = uid
        fields: dict[str, object] = {
            "access_token": access_token, "token_type": "Bearer", "expires_in": _APPLICATION_LIFETIME_S,
        }  # fmt: skip
        if not uid:
            return fields
        self._refresh_tokens[refresh_token] = (uid, client_id)
        return {**fields, "refresh_token": refresh_token, "endpoint": f"/api/users/{uid}"}


def cookie(name: str, value: str) -> tuple[str, str]:
    """Return the header that sets a cookie of one host."""
    return ("Set-Cookie", f"{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax")


def cookies_of(request: ReceivedRequest) -> dict[str, str]:
    """Return the cookies of a request by name."""
    pairs = (part.strip().partition("=") for part in request.headers.get("Cookie", "").split(";"))
    return {name: value for name, _, value in pairs}


def _basic(request: ReceivedRequest) -> tuple[str, str]:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, password = b64decode(given, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return name, password
