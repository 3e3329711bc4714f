"""A Hub for all tests of it, whose way to Keycloak's token endpoint can be cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from testbed.files import ProtectedFiles
    from testbed.hub import Hub
    from testbed.keycloak import Keycloak
    from testbed.relay import Relay


@pytest.fixture(scope="session")
def hub_files(keycloak_server: Keycloak) -> Iterator[ProtectedFiles]:
    """The catalogue and the files that the Hub's notebooks know."""
    from testbed.files import protected_files

    with protected_files(keycloak_server.issuer) as service:
        yield service


@pytest.fixture(scope="session")
def token_relay(keycloak_server: Keycloak) -> Iterator[Relay]:
    from testbed.relay import relay

    with relay(urlsplit(keycloak_server.issuer).port or 80) as running:
        yield running


@pytest.fixture(scope="session")
def hub_environ(keycloak_server: Keycloak, hub_files: ProtectedFiles) -> Mapping[str, str]:
    """What servers are given beside what the Hub gives: Terrascope is on this machine."""
    return {
        "TERRASCOPE_ISSUER": keycloak_server.issuer,
        "TERRASCOPE_HOSTS": "127.0.0.1",
        "TERRASCOPE_STAC_URL": hub_files.base_url,
    }


@pytest.fixture(scope="session")
def hub_server(
    tmp_path_factory: pytest.TempPathFactory,
    keycloak_server: Keycloak,
    token_relay: Relay,
    hub_environ: Mapping[str, str],
) -> Iterator[Hub]:
    from testbed.hub import hub

    folder = tmp_path_factory.mktemp("hub") / "hub"
    with hub(folder, keycloak_server, extra=_by_relay(token_relay), environ=hub_environ) as running:
        yield running


def _by_relay(relay: Relay) -> str:
    token_url = f"http://127.0.0.1:{relay.port}/auth/realms/terrascope/protocol/openid-connect/token"
    return f"c.GenericOAuthenticator.token_url = {token_url!r}\n"


@pytest.fixture
def hub(hub_server: Hub, keycloak: Keycloak, token_relay: Relay) -> Iterator[Hub]:
    """A JupyterHub by the example's configuration, and a Keycloak without a session and an event of earlier tests."""
    yield hub_server
    token_relay.up()


@pytest.fixture
def stock_hub(
    tmp_path_factory: pytest.TempPathFactory, keycloak: Keycloak, token_relay: Relay, hub_environ: Mapping[str, str]
) -> Iterator[Hub]:
    """A Hub that signs in like the other, and is otherwise as JupyterHub comes: no renewal, and no role of ours."""
    from testbed.hub import hub

    extra = "c.GenericOAuthenticator.refresh_user_hook = None\nc.JupyterHub.load_roles = [testbed]\n"
    folder = tmp_path_factory.mktemp("stock") / "hub"
    with hub(folder, keycloak, extra=extra + _by_relay(token_relay), environ=hub_environ) as running:
        yield running
    token_relay.up()
