"""What HTTP libraries log of an address has no secret of its query."""

from __future__ import annotations

import logging

import pytest
import requests
import urllib3

from ipyterrascope.protocol.http import HttpClient
from ipyterrascope.protocol.log_masks import masked
from ipyterrascope.values.connection import Connection
from testbed.loopback import Asked, Reply, loopback

NAMES = [
    "code",
    "state",
    "token",
    "access_token",
    "refresh_token",
    "id_token",
    "client_secret",
    "X-Amz-Signature",
    "X-Goog-Signature",
    "api_key",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "text",
    [
        "GET /login?NAME=s3cret HTTP/1.1",
        "GET /login?a=1&NAME=s3cret&b=2",
        "Location: https://data.example.org/#NAME=s3cret",
        "(b'Location', b'https://d.example.org/cb?a=1&NAME=s3cret')",
        "/authorize?redirect_uri=https%3A%2F%2Fd.example.org%2Fcb%3FNAME%3Ds3cret%26b%3D2&b=2",
    ],
)
def test_a_secret_parameter_is_masked(name: str, text: str) -> None:
    """Whichever it is, wherever it stands; the rest of the line stays."""
    said = text.replace("NAME", name)
    assert masked(said) == said.replace("s3cret", "•••")


@pytest.mark.parametrize("text", ["/a?barcode=1&zip_code=2", "state = open", "code=5", "/token/x", "/p?token=&b=1"])
def test_all_else_stays(text: str) -> None:
    """Other names, other text and empty values are logged as they are."""
    assert masked(text) == text


@pytest.mark.parametrize("behind", ["/out.tif HTTP/1.1", '" 200', "?expires=5", "", "'"])
def test_a_signature_in_a_path_is_masked(behind: str) -> None:
    """As in the address of a result of an openEO job; what is only part of a name stays."""
    key = "5f2d1c0ab1e5c0ffee5f2d1c0ab1e5c0"
    assert masked(f"GET /jobs/j-1/results/ZG9yYQ==/{key}{behind}") == f"GET /jobs/j-1/results/ZG9yYQ==/•••{behind}"
    assert masked(f"GET /{key}.tif") == f"GET /{key}.tif"


def test_what_is_logged_of_a_redirect(caplog: pytest.LogCaptureFixture) -> None:
    """Neither the address that was asked for nor the one that was led to shows its code, at any level."""

    def answer(asked: Asked) -> Reply:
        to = f"{service.url}/back?code=s3cret-code&state=s3cret-state"
        return Reply(302, headers={"Location": to}) if asked.path == "/" else Reply()

    caplog.set_level(logging.DEBUG)
    HttpClient(Connection())
    with loopback(answer) as service:
        assert requests.get(service.url, timeout=5).ok
        with urllib3.PoolManager() as pool:
            assert pool.request("GET", service.url).status == 200
    assert "/back?code=•••&state=•••" in caplog.text
    assert "Redirecting" in caplog.text
    assert "s3cret" not in caplog.text
