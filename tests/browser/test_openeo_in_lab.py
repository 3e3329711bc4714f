"""openEO in JupyterLab: a real back-end with two realms of a real Keycloak as providers, and a person who chooses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ipyterrascope.values.openeo import DEVICE_GRANTS
from testbed.keycloak import DORA, EGI_DORA, Keycloak
from testbed.lab import Lab
from testbed.openeo_driver import openeo_driver


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


def test_one_of_two_providers_is_chosen(lab: Lab, keycloak: Keycloak, backend: str) -> None:
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
    keycloak.answer_device_login(lab.context, url, DORA)
    notebook.widget.get_by_text("Signed in as dora.").first.wait_for()

    told = notebook.run(1)
    assert told.startswith("['oidc', 'terrascope']")
    status = notebook.run(2)
    assert f"{labels[1]}: signed in as dora, by device code." in status
    assert told.split()[-1] in status
    assert f"the session at {labels[1]} is ended" in notebook.run(3)
    assert keycloak.of("egi").sessions(EGI_DORA) == 0
