"""A sandbox for each test, and the few calls that every test makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from ipyterrascope.sandbox import Sandbox

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def ask(box: Sandbox) -> Callable[..., requests.Response]:
    """Post to an endpoint of the identity provider, as the public client."""

    def post(endpoint: str, **fields: str) -> requests.Response:
        url = f"{box.issuer}/protocol/openid-connect/{endpoint}"
        return requests.post(url, data={"client_id": "public", **fields}, timeout=10)

    return post


@pytest.fixture
def sign_in(box: Sandbox, ask: Callable[..., requests.Response]) -> Callable[..., dict[str, Any]]:
    """Sign in by password and return the fields of the answer."""

    def by_password(user: str = "dora", **more: str) -> dict[str, Any]:
        answer = ask("token", grant_type="password", username=user, password=box.users[user], **more)
        assert answer.status_code == 200
        return answer.json()

    return by_password


@pytest.fixture
def refresh(ask: Callable[..., requests.Response]) -> Callable[[dict[str, Any]], requests.Response]:
    """Renew with the refresh token of an answer."""
    return lambda tokens: ask("token", grant_type="refresh_token", refresh_token=tokens["refresh_token"])


@pytest.fixture
def poll(ask: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
    """Poll once for a device login."""
    return lambda device, **more: ask("token", grant_type=DEVICE_GRANT, device_code=device["device_code"], **more)


@pytest.fixture
def fetch(sign_in: Callable[..., dict[str, Any]]) -> Callable[..., requests.Response]:
    """Get a file with the bearer of a fresh login."""
    bearer = {"Authorization": f"Bearer {sign_in()['access_token']}"}

    def get(url: str, method: str = "GET", **headers: str) -> requests.Response:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.request(method, url, headers={**bearer, **fields}, timeout=10, allow_redirects=False)

    return get
