"""openEO in JupyterLab: a real back-end with two realms of a real Keycloak as providers, and a person who chooses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ipyterrascope.protocol.oauth import OAuthClient
from ipyterrascope.values.openeo import DEVICE_GRANTS
from ipyterrascope.values.secret import Secret
from testbed.keycloak import DORA, EGI_DORA, Keycloak
from testbed.lab import Lab
from testbed.openeo_driver import openeo_driver

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext


def offered(provider_id: str, realm: Keycloak, client_id: str, **more: Any) -> dict[str, Any]:
    client = {"id": client_id, "grant_types": [DEVICE_GRANTS[0], "refresh_token"]}
    return {"id": provider_id, "issuer": realm.issuer, "title": provider_id, "default_clients": [client], **more}


@pytest.fixture
def backend(keycloak: Keycloak, tmp_path: Path) -> Iterator[str]:
    """The address of a back-end with two providers."""
    providers = [
        offered("egi", keycloak.of("egi"), "openeo-platform-default-client", scopes=["openid", "email"]),
        offered("terrascope", keycloak, "public", scopes=["openid"]),
    ]
    with openeo_driver(tmp_path / "driver", providers) as address:
        yield address


def test_one_of_two_providers_is_chosen(
    lab: Lab, browser_context: BrowserContext, keycloak: Keycloak, backend: str
) -> None:
    """The widget names back-end and provider; turned to the second one, its code signs in, and openEO's client too."""
    name, host = f"openeo:{backend}", backend.removeprefix("http://")
    notebook = lab.open(
        [
            f"%load_ext ipyterrascope\n%terrascope login {name}",
            f"import ipyterrascope as ts\ncon = ts.openeo_connection({backend!r})\n"
            "print(con.auth.bearer.split('/')[:2], con.describe_account()['user_id'])",
            f"%terrascope status {name}",
            f"%terrascope logout {name}",
        ]
    )
    notebook.run(0)
    choice = notebook.widget.get_by_label("Provider")
    labels = [f"openEO at {host} ({provider})" for provider in ("egi", "terrascope", "user name and password")]
    assert choice.locator("option").all_inner_texts() == labels

    choice.select_option(labels[1])
    notebook.widget.get_by_role("button", name=f"Sign in with {labels[1]}").click()
    link = notebook.widget.get_by_role("link", name=f"Copy code & open {labels[1]}")
    url = link.get_attribute("href")
    assert url is not None
    assert url.startswith(keycloak.issuer)
    keycloak.answer_device_login(browser_context, url, DORA)
    notebook.widget.get_by_text("Signed in as dora.").first.wait_for()

    told = notebook.run(1)
    assert told.startswith("['oidc', 'terrascope']")
    status = notebook.run(2)
    assert f"{labels[1]}: signed in as dora, by device code." in status
    assert told.split()[-1] in status
    assert f"the session at {labels[1]} is ended" in notebook.run(3)
    assert keycloak.of("egi").sessions(EGI_DORA) == 0


@pytest.mark.parametrize("method", ["oidc", "token"])
def test_a_secret_is_typed_in_the_form(lab: Lab, keycloak: Keycloak, backend: str, method: str) -> None:
    """A client's secret and a token that was given, after one that is wrong: typed in the widget, saved nowhere."""
    egi = keycloak.of("egi")
    options = {"oidc": "--method oidc --client-id openeo-service", "token": "--method token"}[method]
    label = {"oidc": "Client secret", "token": "Paste a token"}[method]
    secret = {"oidc": "openeo-service-secret", "token": ""}[method] or token_of(egi)
    notebook = lab.open(
        [
            f"%load_ext ipyterrascope\n%terrascope login openeo:{backend} --provider-id egi {options}",
            f"import ipyterrascope as ts\nts.openeo_connection({backend!r}).describe_account()['user_id']",
            f"%terrascope logout openeo:{backend}",
        ]
    )
    notebook.run(0)
    field = notebook.widget.get_by_label(label)
    for typed in (f"{secret[:-4]}wrong", secret):
        field.fill(typed)
        field.press("Enter")
        if typed != secret:
            notebook.widget.get_by_role("alert").get_by_text("accept").first.wait_for()
            assert field.input_value() == ""
    notebook.widget.get_by_text("Signed in").first.wait_for()
    assert len(notebook.run(1)) > 10
    saved = json.dumps(notebook.save(widget_state=True))
    assert secret not in saved
    assert secret not in notebook.page.content()
    assert "Signed out" in notebook.run(2)


def token_of(realm: Keycloak) -> str:
    client = OAuthClient(realm.provider(client_id="openeo-platform-default-client", scope="openid"))
    return client.password(EGI_DORA.username, Secret(EGI_DORA.password)).access_token.reveal()
