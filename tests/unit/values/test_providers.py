"""Providers: refused when they are made if a credential could go astray, and changed by the environment as promised."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ipyterrascope.errors import ConfigurationError
from ipyterrascope.values.known import TERRASCOPE, reconfigured, terrascope_from_environment
from ipyterrascope.values.providers import Endpoints, Provider

FIELDS: dict[str, Any] = {
    "name": "mine",
    "label": "Mine",
    "issuer": "https://sso.example.org/realms/mine",
    "client_id": "public",
    "hosts": frozenset({"data.example.org"}),
}


def test_a_provider_is_a_value() -> None:
    """Equal fields make equal providers with equal hashes; a list of hosts and a trailing slash are made one form."""
    one, other = (
        Provider(**FIELDS),
        Provider(**{**FIELDS, "hosts": ["data.example.org"], "issuer": FIELDS["issuer"] + "/"}),
    )
    assert one == other
    assert hash(one) == hash(other)
    assert one.issuer_host == "sso.example.org"
    assert one.may_carry("https://data.example.org/a.tif")
    assert not one.may_carry("https://sso.example.org/realms/mine")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"name": ""}, "is not a provider name"),
        ({"name": "my provider"}, "is not a provider name"),
        ({"name": "../mine"}, "is not a provider name"),
        ({"client_id": ""}, "has no client_id"),
        ({"issuer": ""}, "not a secure address"),
        ({"issuer": "http://sso.example.org/realms/mine"}, "not a secure address"),
        ({"issuer": "https://user:secret@sso.example.org/realms/mine"}, "not a secure address"),
        ({"issuer": "https://sso.example.org/realms/mine?x=1"}, "query or a fragment"),
        ({"issuer": "https://sso.example.org/realms/mine#x"}, "query or a fragment"),
        ({"hosts": frozenset({"https://data.example.org"})}, "is not a host name"),
        ({"hosts": "data.example.org"}, "is one string"),
        ({"methods": ()}, "no way to sign in"),
        ({"methods": ("device", "magic")}, "no way to sign in"),
        ({"endpoints": Endpoints(token_endpoint="http://sso.example.org/token")}, "endpoint of provider mine"),
        (
            {"endpoints": Endpoints(token_endpoint="https://a.org/t", revocation_endpoint="http://a.org/r")},
            "endpoint of provider mine",
        ),
        ({"endpoints": Endpoints(token_endpoint="https://good.org@evil.org/t")}, "endpoint of provider mine"),
    ],
)
def test_what_cannot_be_right_is_refused(changes: dict[str, Any], complaint: str) -> None:
    """A provider by which a password could go in clear, or to nobody, is never made; a secret in it is not repeated."""
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        Provider(**{**FIELDS, **changes})
    assert "secret" not in str(caught.value)


def test_loopback_may_be_http() -> None:
    """On this machine a provider may be asked by http."""
    provider = Provider(**{**FIELDS, "issuer": "http://127.0.0.1:8080/realms/mine"})
    assert provider.issuer_host == "127.0.0.1"


def test_the_built_in_one() -> None:
    """Terrascope's bearer goes to the download service and nowhere else, its sign-in prefers the device code."""
    assert TERRASCOPE.may_carry("https://services.terrascope.be/download/a.tif")
    assert not TERRASCOPE.may_carry("https://stac.terrascope.be/collections")
    assert not TERRASCOPE.may_carry("http://services.terrascope.be/download/a.tif")
    assert TERRASCOPE.methods[0] == "device"


def test_the_environment_changes_it() -> None:
    """`TERRASCOPE_ISSUER`, `_CLIENT_ID` and `_HOSTS` change Terrascope; another issuer keeps no endpoint of the old."""
    provider = terrascope_from_environment(
        {
            "TERRASCOPE_ISSUER": " https://sso.example.org/realms/mine/ ",
            "TERRASCOPE_CLIENT_ID": "mine",
            "TERRASCOPE_HOSTS": "a.example.org, b.example.org:8443,",
        }
    )
    assert (provider.issuer, provider.client_id) == ("https://sso.example.org/realms/mine", "mine")
    assert provider.hosts == {"a.example.org", "b.example.org:8443"}
    assert provider.endpoints is None
    assert (provider.account_url, provider.registration_url, provider.password_reset_url) == ("", "", "")


def test_an_empty_environment_changes_nothing() -> None:
    """Unset and empty variables leave the built-in provider as it is."""
    assert terrascope_from_environment({}) == TERRASCOPE
    assert terrascope_from_environment({"TERRASCOPE_ISSUER": "", "TERRASCOPE_HOSTS": " ,"}) == TERRASCOPE


def test_the_same_issuer_keeps_its_endpoints() -> None:
    """The known issuer, with or without a slash at its end, keeps what is known of it."""
    for issuer in (TERRASCOPE.issuer, TERRASCOPE.issuer + "/"):
        assert reconfigured(TERRASCOPE, issuer=issuer) == TERRASCOPE
    assert reconfigured(TERRASCOPE, client_id="mine") == replace(TERRASCOPE, client_id="mine")


@pytest.mark.parametrize(
    "environ",
    [
        {"TERRASCOPE_ISSUER": "http://sso.example.org/realms/mine"},
        {"TERRASCOPE_ISSUER": "sso.example.org"},
        {"TERRASCOPE_HOSTS": "https://a.example.org"},
        {"TERRASCOPE_HOSTS": "*"},
    ],
)
def test_an_environment_that_cannot_be_right(environ: dict[str, str]) -> None:
    """A variable by which credentials would go astray is an error, not a surprise."""
    with pytest.raises(ConfigurationError):
        terrascope_from_environment(environ)
