"""What comes in and what goes out, as values: the services of the sandbox know no server library (sandbox)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from .content import Content, Held

Header = tuple[str, str]

OAUTH_ERRORS = {
    "access_denied": "The end user denied the authorization request",
    "authorization_pending": "The authorization request is still pending",
    "expired_token": "Device code is expired",
    "invalid_client": "Invalid client or Invalid client credentials",
    "invalid_grant": "Invalid user credentials",
    "invalid_request": "Missing parameter",
    "invalid_scope": "Invalid scopes",
    "not_allowed": "Offline tokens not allowed for the user or client",
    "server_error": "",
    "slow_down": "Slow down",
    "temporarily_unavailable": "",
    "unauthorized_client": "Client is not allowed to initiate OAuth 2.0 Device Authorization Grant",
    "unsupported_grant_type": "Unsupported grant_type",
}
_STATUS = {"invalid_client": 401, "server_error": 500, "temporarily_unavailable": 503}


@dataclass(frozen=True, kw_only=True, repr=False)
class ReceivedRequest:
    """One request as it came in. `repr` shows neither headers, form nor body: they hold secrets.

    Attributes
    ----------
    at : float
        When it came, in seconds of `time.monotonic`.
    method, path : str
        The path is decoded and has no query.
    query, form : mapping of str to str
        Fields of the query and of an urlencoded body.
    headers : mapping of str to str
        Looked up without regard to case.
    body : bytes
        The body as it came.
    status : int, optional
        What was answered; None while no status line was sent.
    """

    at: float
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    form: Mapping[str, str]
    body: bytes
    status: int | None = None

    def __repr__(self) -> str:
        return f"<{self.method} {self.path} → {self.status}>"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer before it is sent. Content-Length comes from the body's size unless a header says otherwise."""

    status: int = 200
    headers: tuple[Header, ...] = ()
    body: Content = field(default=Held())

    def header(self, name: str) -> str | None:
        """Return the first header of that name, or None."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def with_header(self, name: str, value: str) -> tuple[Header, ...]:
        """Return the headers with `name` set to `value` instead of what was there."""
        return (*(pair for pair in self.headers if pair[0].lower() != name.lower()), (name, value))


def json_answer(
    payload: object, status: int = 200, headers: tuple[Header, ...] = (), media_type: str = "application/json"
) -> Answer:
    """Answer with JSON that no cache keeps."""
    body = Held(json.dumps(payload, ensure_ascii=False).encode())
    return Answer(
        status=status, headers=(("Content-Type", media_type), ("Cache-Control", "no-store"), *headers), body=body
    )


def oauth_error(error: str, description: str = "", status: int = 0) -> Answer:
    """Answer with an OAuth error (RFC 6749 section 5.2), unless given with Keycloak's description and status."""
    description = description or OAUTH_ERRORS.get(error, "")
    payload = {"error": error, "error_description": description} if description else {"error": error}
    return json_answer(payload, status or _STATUS.get(error, 400))


def redirect(location: str, status: int = 302) -> Answer:
    """Send the client elsewhere."""
    return Answer(status=status, headers=(("Location", location), ("Content-Type", "text/html; charset=utf-8")))


def text_answer(text: str, status: int = 200) -> Answer:
    """Answer with a line of plain text."""
    return Answer(
        status=status, headers=(("Content-Type", "text/plain; charset=utf-8"),), body=Held(f"{text}\n".encode())
    )


def http_error(status: int) -> Answer:
    """Refuse a request in Keycloak's words, for example because nothing is there."""
    return json_answer({"error": f"HTTP {status} {HTTPStatus(status).phrase}"}, status)
