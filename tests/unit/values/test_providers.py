"""Providers: refused when they are made if a credential could go astray, and changed by the environment as promised."""

from __future__ import annotations

from dataclasses import fields, replace
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
        ({"hosts": "data.example.org"}, "`hosts` is no set of names"),
        ({"hosts": None}, "`hosts` is no set of names"),
        ({"hosts": 7}, "`hosts` is no set of names"),
        ({"hosts": [None]}, "in `hosts` is not a host name"),
        ({"hosts": [["data.example.org"]]}, "in `hosts` is not a host name"),
        ({"hosts": ["u:secret@data.example.org"]}, "Something in `hosts` is not a host name"),
        ({"hosts": ["data.example.org\n"]}, "in `hosts` is not a host name"),
        ({"methods": ()}, "no way to sign in"),
        ({"methods": ("device", "secret")}, "no way to sign in"),
        ({"methods": "device"}, "no way to sign in"),
        ({"methods": None}, "no way to sign in"),
        ({"methods": [{}]}, "no way to sign in"),
        (
            {"endpoints": Endpoints(token_endpoint="http://sso.example.org/token")},
            "The token_endpoint of provider mine",
        ),
        (
            {"endpoints": Endpoints(token_endpoint="https://a.org/t", revocation_endpoint="http://a.org/r")},
            "The revocation_endpoint of provider mine",
        ),
        ({"endpoints": Endpoints(token_endpoint="https://good.org@evil.org/t")}, "The token_endpoint of provider mine"),
        ({"endpoints": Endpoints(token_endpoint=None)}, "The token_endpoint of provider mine"),  # type: ignore[arg-type]
        ({"endpoints": {"token_endpoint": "https://a.org/t"}}, "`endpoints` of a provider"),
        ({"issuer": "https://sso.example.org/ mine"}, "The issuer of provider mine is not a secure address"),
        ({"issuer": "https://sso.example.org/\u00e9"}, "The issuer of provider mine is not a secure address"),
        ({"account_url": "javascript:alert(1)"}, "The account_url of provider mine is not a secure address"),
        ({"registration_url": "http://example.org/"}, "The registration_url of provider mine is not a secure address"),
        ({"client_id": "ich\u00e4"}, "`client_id` of a provider"),
        ({"scope": 'a "b"'}, "`scope` of a provider"),
    ],
)
def test_what_cannot_be_right_is_refused(changes: dict[str, Any], complaint: str) -> None:
    """A provider by which a password could go in clear, or to nobody, is never made; a secret in it is not repeated."""
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        Provider(**{**FIELDS, **changes})
    assert "secret" not in str(caught.value)


TEXTS = [field.name for field in fields(Provider) if field.type == "str"]


@pytest.mark.parametrize("field", TEXTS)
@pytest.mark.parametrize(
    "value", [None, 7, b"mine", ["mine"], "a\nb", "a\x1b[2J", "a\0", "a\udcff", "a\u202eb", "a\u2028b"]
)
def test_what_is_no_text_is_refused_by_its_name(field: str, value: object) -> None:
    """A wrong type, a line break, an escape, half a character or a turn of direction: the error says in which field."""
    with pytest.raises(ConfigurationError, match=f"`{field}` of a provider cannot be right") as caught:
        Provider(**{**FIELDS, field: value})
    assert str(caught.value).isprintable()


def test_lists_are_made_one_form() -> None:
    """A provider can be a key, also where hosts or methods were given as lists."""
    provider = Provider(**{**FIELDS, "hosts": ["data.example.org"], "methods": ["device"]})
    assert {provider: 1}[Provider(**{**FIELDS, "methods": ("device",)})] == 1


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


def test_another_issuer_s_token_goes_to_no_host_that_was_not_named_with_it() -> None:
    """`TERRASCOPE_ISSUER` alone signs in, and sends the token to nobody: Terrascope's hosts are not that issuer's."""
    provider = terrascope_from_environment({"TERRASCOPE_ISSUER": "https://sso.example.org/realms/mine"})
    assert provider.hosts == frozenset()
    assert not provider.may_carry("https://services.terrascope.be/download/a.tif")
    assert reconfigured(provider, issuer="https://other.example.org", hosts={"a.org"}).hosts == {"a.org"}


def test_an_empty_environment_changes_nothing() -> None:
    """Unset and empty variables leave the built-in provider as it is."""
    assert terrascope_from_environment({}) == TERRASCOPE
    client = {"TERRASCOPE_CLIENT_ID": "mine", "TERRASCOPE_CLIENT_SECRET": "s3cret"}
    assert terrascope_from_environment(client) == TERRASCOPE  # it signs in for itself, and people as ever
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
