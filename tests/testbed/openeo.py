"""An openEO back-end of a few lines: it says of itself what a test wants, and checks bearers at their provider."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import requests

from testbed.loopback import Asked, Loopback, Reply, loopback

DEVICE = "urn:ietf:params:oauth:grant-type:device_code+pkce"


@dataclass
class FakeBackend:
    """The back-end that runs.

    Attributes
    ----------
    providers : list of dict
        As ``/credentials/oidc`` lists them.
    users : dict of str to str
        Passwords for ``/credentials/basic``; None where there is no such endpoint.
    answers : dict of str to Reply
        What to answer at a path instead of what is right.
    """

    service: Loopback
    providers: list[dict[str, Any]] = field(default_factory=list)
    users: dict[str, str] | None = None
    answers: dict[str, Reply] = field(default_factory=dict)
    issued: set[str] = field(default_factory=set)

    @property
    def address(self) -> str:
        """What a person writes behind ``openeo:``."""
        return self.service.url

    @property
    def url(self) -> str:
        """The root of the API."""
        return f"{self.service.url}/openeo/1.2"

    @property
    def asked(self) -> list[Asked]:
        return self.service.asked

    def bearers(self) -> list[str]:
        """Return every `Authorization` that came to the API, in order."""
        return [asked.headers["Authorization"] for asked in self.asked if asked.headers.get("Authorization")]

    def offer(self, issuer: str, /, **changes: Any) -> dict[str, Any]:
        """Add a provider, with a default client for a device login."""
        provider = {
            "id": "sso",
            "issuer": issuer,
            "title": "Single sign-on",
            "scopes": ["openid"],
            "default_clients": [{"id": "public", "grant_types": [DEVICE, "refresh_token"]}],
            **changes,
        }
        self.providers.append(provider)
        return provider

    def answer(self, asked: Asked) -> Reply:
        if asked.path in self.answers:
            return self.answers[asked.path]
        known: dict[str, Callable[[Asked], Reply]] = {
            "/.well-known/openeo": lambda _: as_json(
                {"versions": [{"url": f"{self.url}/", "api_version": "1.2.0", "production": True}]}
            ),
            "/openeo/1.2/": lambda _: as_json({"api_version": "1.2.0", "endpoints": self._endpoints()}),
            "/openeo/1.2/credentials/oidc": lambda _: as_json({"providers": self.providers}),
            "/openeo/1.2/credentials/basic": self._basic,
            "/openeo/1.2/me": self._me,
        }
        return known.get(asked.path, lambda _: Reply(404))(asked)

    def _endpoints(self) -> list[dict[str, Any]]:
        paths = ["/credentials/oidc", *(["/credentials/basic"] if self.users is not None else []), "/me", "/jobs"]
        return [{"path": path, "methods": ["GET"]} for path in paths]

    def _basic(self, asked: Asked) -> Reply:
        name, _, password = (
            base64.b64decode(asked.headers.get("Authorization", "").partition(" ")[2]).decode().partition(":")
        )
        if (self.users or {}).get(name) != password:
            return as_json({"code": "CredentialsInvalid", "message": "no"}, 403)
        token = f"basic-{name}-{len(self.issued)}"
        self.issued.add(token)
        return as_json({"access_token": token})

    def _me(self, asked: Asked) -> Reply:
        kind, _, rest = asked.headers.get("Authorization", "").removeprefix("Bearer ").partition("/")
        provider_id, _, token = rest.partition("/")
        if kind == "basic" and token in self.issued:
            return as_json({"user_id": token.split("-")[1]})
        for provider in self.providers if kind == "oidc" else ():
            userinfo = f"{provider['issuer']}/protocol/openid-connect/userinfo"
            if provider["id"] == provider_id:
                told = requests.get(userinfo, headers={"Authorization": f"Bearer {token}"}, timeout=10)
                if told.ok:
                    return as_json({"user_id": told.json()["sub"], "name": "Dora", "roles": ["early-adopter"]})
        return as_json({"code": "TokenInvalid", "message": "no"}, 403)


def as_json(body: object, status: int = 200) -> Reply:
    """Make an answer in JSON."""
    return Reply(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


@contextlib.contextmanager
def fake_backend() -> Iterator[FakeBackend]:
    """Run one on loopback."""
    with loopback() as service:
        backend = FakeBackend(service)
        service.answer = backend.answer
        yield backend
