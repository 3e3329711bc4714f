"""The traits of `c.Terrascope`: what they change, and what happens to those that cannot be right."""

from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from ipyterrascope import api, configuration
from ipyterrascope.bridges import gdal
from ipyterrascope.errors import ConfigurationError
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.traits import Terrascope
from ipyterrascope.values.known import TERRASCOPE
from ipyterrascope.values.secret import Secret


def reload_with(shell: InteractiveShell, **traits: object) -> None:
    shell.extension_manager.unload_extension("ipyterrascope")
    shell.config.Terrascope.clear()
    shell.config.Terrascope.update(traits)
    shell.extension_manager.load_extension("ipyterrascope")


def test_traits_of_the_configuration_file_hold_after_loading(shell: InteractiveShell, box: Sandbox) -> None:
    """Issuer and hosts are those of the configuration; another issuer keeps no page of the built-in one."""
    provider = configuration.current().terrascope
    assert (provider.issuer, provider.hosts) == (box.issuer, frozenset({f"127.0.0.1:{box.port}"}))
    assert (provider.client_id, provider.endpoints, provider.account_url) == ("public", None, "")


def test_every_trait_arrives(shell: InteractiveShell) -> None:
    """Each trait changes what it names, and no other."""
    reload_with(
        shell,
        client_id="mine",
        scope="openid offline_access",
        label="Mine",
        badge="TEST",
        stac_url="https://stac.example.org",
        registration_url="https://example.org/r",
        account_url="https://example.org/a",
        password_reset_url="https://example.org/p",
        demo_login="dora",
        verify="/tmp/ca.pem",
        connect_timeout_s=1.5,
        read_timeout_s=2.5,
        keep_alive_s=60.0,
        use_silent_sources=False,
        sources=["hub", "password"],
        token_file="/run/token",
        store="file",
        token_file_may_be_shared=True,
        max_connections=3,
        local_roots=["/data/MTDA", "~/archive"],
    )
    now = configuration.current()
    assert now.terrascope.issuer == TERRASCOPE.issuer
    assert now.terrascope.client_id == "mine"
    assert now.terrascope.scope == "openid offline_access"
    assert (now.terrascope.label, now.terrascope.badge) == ("Mine", "TEST")
    assert now.terrascope.stac_url == "https://stac.example.org"
    assert now.terrascope.registration_url == "https://example.org/r"
    assert now.terrascope.account_url == "https://example.org/a"
    assert now.terrascope.password_reset_url == "https://example.org/p"
    assert now.terrascope.demo_login == "dora"
    assert (now.connection.verify, now.connection.timeout) == ("/tmp/ca.pem", (1.5, 2.5))
    assert (now.keep_alive_s, now.use_silent_sources, now.max_connections) == (60.0, False, 3)
    assert now.local_roots == ("/data/MTDA", "~/archive")
    assert now.sources == ("hub", "password")
    assert (now.token_file, now.token_file_may_be_shared, now.store) == ("/run/token", True, "file")


def test_config_changes_a_trait_at_once(shell: InteractiveShell) -> None:
    """`%config Terrascope.badge = …` holds from the next line on."""
    shell.run_line_magic("config", "Terrascope.badge = 'TEST'")
    assert configuration.current().terrascope.badge == "TEST"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Terrascope.issuer = 'http://sso.example.org'", "is not a secure address"),
        ("Terrascope.hosts = ['https://data.example.org']", "is not a host name"),
        ("Terrascope.hosts = 5", "expected a set"),
        ("Terrascope.read_timeout_s = -1.0", "read_timeout_s"),
        ("Terrascope.keep_alive_s = 'long'", "expected a float"),
        ("Terrascope.local_roots = ['MTDA']", "local_roots are whole paths"),
        ("Terrascope.sources = ['netrc']", "sources"),
        ("Terrascope.store = 'cloud'", "store"),
    ],
)
def test_config_refuses_what_cannot_be_right(
    shell: InteractiveShell, caplog: pytest.LogCaptureFixture, line: str, said: str
) -> None:
    """A bad value is said in a sentence; trait and configuration stay as they were, and the next change works."""
    before, name = configuration.current(), line.partition(" ")[0]
    value = shell.run_line_magic("config", name)
    with capture_output() as captured:
        shell.run_line_magic("config", line)
    assert said in caplog.text + captured.stderr + captured.stdout
    assert shell.run_line_magic("config", name) == value
    assert configuration.current() == before
    shell.run_line_magic("config", "Terrascope.badge = 'TEST'")
    assert configuration.current().terrascope.badge == "TEST"


@pytest.mark.parametrize(
    ("traits", "said"),
    [
        ({"issuer": "http://sso.example.org"}, "is not a secure address"),
        ({"issuer": 5}, "expected a unicode string"),
        ({"hosts": {"*.example.org"}}, "is not a host name"),
        ({"connect_timeout_s": 0.0}, "connect_timeout_s"),
    ],
)
def test_loading_with_a_bad_trait_is_one_plain_error(
    shell: InteractiveShell, traits: dict[str, object], said: str
) -> None:
    """A bad value in the configuration file stops the loading, without a stack; corrected, it loads."""
    with pytest.raises(ConfigurationError, match=said) as caught:
        reload_with(shell, **traits)
    shown = caught.value._render_traceback_()  # type: ignore[attr-defined]
    assert shown[0] == "ConfigurationError: c.Terrascope is not configured right."
    assert "terrascope" not in shell.magics_manager.magics["line"]
    reload_with(shell, badge="TEST")
    assert configuration.current().terrascope.badge == "TEST"


def test_a_bad_environment_is_one_plain_error_too(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
    """TERRASCOPE_ISSUER that cannot be right stops the loading in the same way."""
    monkeypatch.setenv("TERRASCOPE_ISSUER", "http://sso.example.org")
    with pytest.raises(ConfigurationError, match="is not a secure address"):
        reload_with(shell)


def test_a_trait_goes_before_the_environment(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where both say something the trait counts; what it leaves out, the environment says."""
    monkeypatch.setenv("TERRASCOPE_CLIENT_ID", "environment")
    monkeypatch.setenv("TERRASCOPE_HOSTS", "environment.example.org")
    monkeypatch.setenv("TERRASCOPE_TOKEN_FILE", "/environment")
    reload_with(shell, client_id="trait")
    provider = configuration.current().terrascope
    assert (provider.client_id, provider.hosts) == ("trait", frozenset({"environment.example.org"}))
    assert configuration.current().token_file == "/environment"
    reload_with(shell, token_file="/trait")
    assert configuration.current().token_file == "/trait"


def test_unloading_goes_back_to_the_built_in_provider(shell: InteractiveShell) -> None:
    """After `%unload_ext` nothing of the traits holds, and `%config` does not know them."""
    shell.extension_manager.unload_extension("ipyterrascope")
    assert configuration.current().terrascope == TERRASCOPE
    assert not [other for other in shell.configurables if isinstance(other, Terrascope)]


def test_loading_twice_leaves_one_set_of_traits(shell: InteractiveShell) -> None:
    """`%reload_ext` and a second load leave one configurable, and the magics work."""
    assert shell.extension_manager.load_extension("ipyterrascope") == "already loaded"
    shell.extension_manager.reload_extension("ipyterrascope")
    assert len([other for other in shell.configurables if isinstance(other, Terrascope)]) == 1
    assert "terrascope" in shell.magics_manager.magics["line"]


def test_gdal_is_served_from_the_login_on(shell: InteractiveShell, box: Sandbox) -> None:
    """`c.Terrascope.gdal` imports no GDAL and asks nobody; it serves each login, and `%config` takes it back."""
    reload_with(shell, issuer=box.issuer, hosts={f"127.0.0.1:{box.port}"}, gdal=True)
    assert repr(api.account()) == "<Account terrascope: signed_out>"
    assert "waits for a login" in repr(gdal.status())
    account = api.account()
    account.start_password_login("dora", Secret("s3cret-Pa55"))
    account.wait(30)
    assert gdal.ensure_fresh().expires_at
    shell.run_cell("%config Terrascope.keep_alive_s = 5.0")
    assert gdal.status().is_on
    shell.run_cell("%config Terrascope.gdal = False")
    assert not gdal.status().is_on
    account.logout()
