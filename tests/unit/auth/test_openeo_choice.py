"""Which provider and client of an openEO back-end are chosen, and what is said where none fits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ipyterrascope.auth.openeo_choice import Wish, providers_of
from ipyterrascope.errors import FlowUnavailable, UsageError
from ipyterrascope.values.openeo import CODE_GRANT, DEVICE_GRANTS, Backend, DefaultClient, OidcProvider, PageLink

PKCE, PLAIN = DEVICE_GRANTS


def client(client_id: str, *grants: str) -> DefaultClient:
    return DefaultClient(client_id=client_id, grant_types=grants)


def oidc(provider_id: str, *clients: DefaultClient) -> OidcProvider:
    return OidcProvider(
        id=provider_id,
        issuer=f"https://{provider_id}.example.org",
        scopes=("email", "openid"),
        default_clients=clients,
        authorization_parameters=(("kc_idp_hint", "x"),),
        links=(PageLink(rel="register", url=f"https://{provider_id}.example.org/join", title="Join"),),
    )


def backend(*providers: OidcProvider, offers_basic: bool = False) -> Backend:
    url = "https://openeo.example.org/openeo/1.2"
    return Backend(url=url, host="openeo.example.org", providers=providers, offers_basic=offers_basic)


EGI, CDSE = oidc("egi", client("public", PKCE, "refresh_token")), oidc("CDSE", client("sh-1", PLAIN))
BOTH = backend(EGI, CDSE, offers_basic=True)


def ids(of: Backend, wish: Wish | None = None, **environ: str) -> list[str]:
    return [provider.name.partition("#")[2] for provider in providers_of(of, wish or Wish(), environ)]


def test_a_provider_carries_what_the_back_end_says_and_its_own_host_alone() -> None:
    """The bearer has the back-end's prefix and goes to its host only; label and host show whom it is for."""
    (provider,) = providers_of(backend(EGI), Wish(), {})

    assert provider.name == "openeo:openeo.example.org/openeo/1.2#egi"
    assert provider.label == "openEO at openeo.example.org (egi)"
    assert (provider.issuer, provider.client_id) == ("https://egi.example.org", "public")
    assert (provider.hosts, provider.bearer_prefix) == ({"openeo.example.org"}, "oidc/egi/")
    assert (provider.scope, provider.methods) == ("email openid", ("device", "token"))
    assert provider.authorization_parameters == (("kc_idp_hint", "x"),)
    assert provider.registration_url == "https://egi.example.org/join"


@pytest.mark.parametrize(
    ("titles", "shown"),
    [
        (("EGI Check-in", "Copernicus"), ("EGI Check-in", "Copernicus")),
        (("", "Copernicus"), ("egi", "Copernicus")),
        (("Sign in", "sign in"), ("egi", "CDSE")),
        (("CDSE", "Copernicus"), ("egi", "Copernicus")),
        (("User name and password", "EGI"), ("egi", "CDSE")),
        (("a\nb\u202ec", "<b>x</b>"), ("a b c", "<b>x</b>")),
        (("x" * 99, "x" * 98), ("egi", "CDSE")),
        (("x" * 99, "y"), ("x" * 39 + "…", "y")),
    ],
)
def test_people_read_the_title_of_a_provider(titles: tuple[str, str], shown: tuple[str, str]) -> None:
    """In one short line, as plain text; where it could be taken for another one, or there is none, its id."""
    named = [replace(oidc, title=title) for oidc, title in zip((EGI, CDSE), titles, strict=True)]
    labels = [provider.label for provider in providers_of(backend(*named, offers_basic=True), Wish(), {})]
    assert labels == [f"openEO at openeo.example.org ({text})" for text in (*shown, "user name and password")]


def test_the_first_provider_is_used_and_the_others_can_be_chosen() -> None:
    """Without a wish the back-end's order holds, user name and password last."""
    assert ids(BOTH) == ["egi", "CDSE", "basic"]


def test_the_environment_names_one() -> None:
    """OPENEO_AUTH_PROVIDER_ID goes first; one that this back-end does not have is meant for another."""
    assert ids(BOTH, OPENEO_AUTH_PROVIDER_ID="CDSE") == ["CDSE", "egi", "basic"]
    assert ids(BOTH, OPENEO_AUTH_PROVIDER_ID="other") == ["egi", "CDSE", "basic"]


def test_an_argument_goes_before_the_environment() -> None:
    """Who asks for a provider gets that one, and no choice."""
    assert ids(BOTH, Wish(provider_id="egi"), OPENEO_AUTH_PROVIDER_ID="CDSE") == ["egi"]
    assert ids(BOTH, Wish(provider_id="basic")) == ids(BOTH, Wish(method="basic")) == ["basic"]


def test_an_unknown_id_is_answered_by_those_there_are() -> None:
    """The error lists what can be asked for."""
    with pytest.raises(UsageError, match="It has egi, CDSE, basic"):
        ids(BOTH, Wish(provider_id="EGI"))


def test_the_client_is_the_first_whose_grants_hold_the_way() -> None:
    """A client that may also renew is preferred; one for another flow is passed over."""
    of = backend(
        oidc(
            "a",
            client("code", "authorization_code+pkce"),
            client("once", PLAIN),
            client("renews", PKCE, "refresh_token"),
        )
    )
    assert [provider.client_id for provider in providers_of(of, Wish(), {})] == ["renews"]


def test_the_way_that_is_asked_for_chooses_the_client() -> None:
    """The password grant has a client of its own."""
    of = backend(oidc("a", client("device", PKCE, "refresh_token"), client("form", "password")))
    (provider,) = providers_of(of, Wish(method="password"), {})
    assert (provider.client_id, provider.methods) == ("form", ("password", "token"))


def test_an_authorization_code_comes_last_and_leads_to_loopback() -> None:
    """Where nobody listens nobody uses the code up; without an address to lead to it is no way at all."""
    urls = ("https://editor.example.org/", "http://localhost:1410/")
    code = DefaultClient(client_id="web", grant_types=(CODE_GRANT, "refresh_token"), redirect_urls=urls)
    (provider,) = providers_of(backend(oidc("a", code)), Wish(), {})
    assert (provider.methods, provider.redirect_uri) == (("code", "token"), urls[1])

    (provider,) = providers_of(backend(oidc("a", code, client("device", PKCE))), Wish(), {})
    assert (provider.client_id, provider.methods, provider.redirect_uri) == ("device", ("device", "token"), "")
    (provider,) = providers_of(backend(oidc("a", client("device", PKCE), code)), Wish(method="code"), {})
    assert (provider.client_id, provider.methods) == ("web", ("code", "token"))


def test_a_provider_that_lends_no_fitting_client_is_passed_over() -> None:
    """Another one that does serves instead, unless somebody asked for that very one."""
    of = backend(oidc("a", client("code", "authorization_code+pkce")), EGI)
    assert ids(of) == ["egi"]
    with pytest.raises(FlowUnavailable) as raised:
        ids(of, Wish(provider_id="a"))
    assert "lends no client for this sign-in at a" in str(raised.value)
    assert f"the grant {PKCE}: code (authorization_code+pkce)" in str(raised.value)
    with pytest.raises(FlowUnavailable):
        ids(of, OPENEO_AUTH_PROVIDER_ID="a")


def test_a_missing_client_is_told_with_the_grant() -> None:
    """Where no provider lends one, the error names what there is, the grant, and what to do."""
    with pytest.raises(FlowUnavailable, match=r"there is none at all.*--client-id"):
        ids(backend(oidc("a")))
    with pytest.raises(FlowUnavailable, match=r"No client has the grant password: public"):
        ids(backend(EGI), Wish(method="password"))


def test_a_client_of_ones_own() -> None:
    """What it may do only the provider knows; one that the back-end lists is held to its grants."""
    (provider,) = providers_of(backend(EGI), Wish(client_id="mine"), {})
    assert (provider.client_id, provider.methods) == ("mine", ("device", "password", "oidc", "token"))
    with pytest.raises(FlowUnavailable, match="Client public is not said to have the grant password"):
        providers_of(backend(EGI), Wish(client_id="public", method="password"), {})


def test_a_client_that_signs_in_for_itself_needs_no_default_client() -> None:
    """With OPENEO_AUTH_METHOD=client_credentials a provider without default clients serves."""
    environ = {"OPENEO_AUTH_METHOD": "client_credentials", "OPENEO_AUTH_CLIENT_ID": "service"}
    (provider,) = providers_of(backend(oidc("a")), Wish(), environ)
    assert provider.client_id == "service"


@pytest.mark.parametrize(
    ("wish", "words"), [(Wish(), "offers no way"), (Wish(method="basic"), "no /credentials/basic")]
)
def test_a_back_end_without_any_way(wish: Wish, words: str) -> None:
    """It is said that there is none."""
    with pytest.raises(FlowUnavailable, match=words):
        ids(backend(), wish)


def test_a_back_end_that_takes_passwords_itself_needs_no_provider() -> None:
    """Basic alone is a way."""
    (provider,) = providers_of(backend(offers_basic=True), Wish(), {})
    assert (provider.methods, provider.bearer_prefix) == (("basic",), "basic//")
    assert provider.sources == ("environment", "stored")


def test_a_client_with_a_secret_has_to_be_named() -> None:
    """A back-end lends none; the error says which grant is missing, and how to name one."""
    (provider,) = providers_of(backend(EGI), Wish(method="oidc", client_id="mine"), {})
    assert (provider.client_id, "oidc" in provider.methods) == ("mine", True)
    with pytest.raises(FlowUnavailable, match=r"has the grant client_credentials: public .*--client-id"):
        providers_of(backend(EGI), Wish(method="oidc"), {})


def test_a_token_needs_no_client() -> None:
    """It is one more way beside those of a client, and the only one where the back-end lends none."""
    assert providers_of(BOTH, Wish(method="token"), {})[:2] == providers_of(BOTH, Wish(), {})[:2]
    (provider,) = providers_of(backend(oidc("egi")), Wish(method="token"), {})
    assert provider.methods == ("token",)
