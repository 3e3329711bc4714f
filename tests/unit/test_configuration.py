"""Configuration: what was said in Python or by traits holds; else what the environment says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ipyterrascope.configuration import Configuration, configure, current
from ipyterrascope.errors import ConfigurationError
from ipyterrascope.values.connection import Connection
from ipyterrascope.values.known import TERRASCOPE


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    configure(None)


def test_the_default_is_terrascope() -> None:
    """Without any configuration it is Terrascope, with patience for a slow network and no keeping alive."""
    configuration = current()
    assert configuration.terrascope == TERRASCOPE
    assert configuration.connection.timeout == (10.0, 60.0)
    assert (configuration.keep_alive_s, configuration.use_silent_sources) == (0.0, None)


def test_the_environment_is_read_when_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable set after the import counts, and one that cannot be right raises when it is asked."""
    monkeypatch.setenv("TERRASCOPE_CLIENT_ID", "mine")
    assert current().terrascope.client_id == "mine"
    monkeypatch.setenv("TERRASCOPE_ISSUER", "http://sso.example.org")
    with pytest.raises(ConfigurationError):
        current()


def test_the_environment_names_a_store_and_a_token_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts say by variables where a login that is to stay is kept, and where a token lies."""
    assert (current().store, current().token_file) == ("file", "")
    monkeypatch.setenv("TERRASCOPE_STORE", " none ")
    monkeypatch.setenv("TERRASCOPE_TOKEN_FILE", " /run/token ")
    assert (current().store, current().token_file) == ("none", "/run/token")
    monkeypatch.setenv("TERRASCOPE_STORE", "cloud")
    with pytest.raises(ConfigurationError, match="Use none, file, keyring"):
        current()


def test_what_is_configured_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration holds until it is taken back, whatever the environment says meanwhile."""
    mine = Configuration(connection=Connection(verify="/etc/ca.pem"), keep_alive_s=60.0)
    configure(mine)
    monkeypatch.setenv("TERRASCOPE_CLIENT_ID", "mine")
    assert current() is mine
    configure(None)
    assert current().terrascope.client_id == "mine"
