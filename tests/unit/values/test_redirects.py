"""Which redirect is followed."""

from __future__ import annotations

import pytest

from ipyterrascope.values.redirects import is_login_page, may_redirect


@pytest.mark.parametrize(
    ("here", "there", "may"),
    [
        ("https://a.example.org/x", "https://b.example.org/y", True),
        ("https://a.example.org/x", "http://b.example.org/y", False),
        ("https://a.example.org/x", "https://127.0.0.1/y", False),
        ("https://a.example.org/x", "http://localhost:8888/y", False),
        ("https://a.example.org/x", "https://[::1]/y", False),
        ("https://a.example.org/x", "https://0x7f000001/y", False),
        ("https://a.example.org/x", "http://10.0.0.1/y", False),
        ("http://127.0.0.1:1/x", "http://127.0.0.1:2/y", True),
        ("http://127.0.0.1:1/x", "https://a.example.org/y", True),
        ("https://a.example.org/x", "https://[broken/y", False),
    ],
)
def test_redirects_that_are_followed(here: str, there: str, may: bool) -> None:
    """A redirect keeps its encryption, and does not lead from elsewhere into this machine."""
    assert may_redirect(here, there) == may


@pytest.mark.parametrize(
    ("here", "there", "is_it"),
    [
        ("https://data.example.org/x", "https://sso.example.org/auth/realms/r/login", True),
        ("https://data.example.org/x", "https://sso.example.org/other", True),
        ("https://sso.example.org/x", "https://sso.example.org/data", False),
        ("https://sso.example.org/x", "https://sso.example.org/auth/realms/r/login", True),
        ("https://data.example.org/x", "https://data.example.org/y", False),
    ],
)
def test_the_login_page_is_known(here: str, there: str, is_it: bool) -> None:
    """The provider's host is the login page, unless it serves data too."""
    assert is_login_page(here, there, "https://sso.example.org/auth/realms/r") == is_it
    assert not is_login_page(here, there, "")
