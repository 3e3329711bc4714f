"""What openEO's own client has written down: its client at a provider is used, and its secret goes to nobody else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from openeo.rest.auth.config import AuthConfig

from ipyterrascope.auth.account import Account
from ipyterrascope.auth.accounts import Accounts
from ipyterrascope.auth.openeo_choice import Wish
from ipyterrascope.auth.openeo_settings import ClientSettings, client_settings, configured_backends, settings_folder
from ipyterrascope.configuration import Configuration
from ipyterrascope.errors import ConfigurationError
from ipyterrascope.sandbox import Sandbox
from testbed.openeo import FakeBackend

Until = Callable[[Callable[[], object]], None]

CLIENT = {"client_id": "confidential", "client_secret": "sandbox-client-secret"}


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(device_interval_s=1) as running:
        yield running


@pytest.fixture
def config(tmp_path: Path) -> AuthConfig:
    """The file, written by openEO's own code."""
    return AuthConfig(tmp_path / "auth-config.json")


def account_of(backend: FakeBackend, config: AuthConfig, wish: Wish | None = None, **configured: object) -> Account:
    configuration = replace(Configuration(), **configured)  # type: ignore[arg-type]
    accounts = Accounts(lambda: configuration, environ={"OPENEO_CONFIG_HOME": str(config.path.parent)})
    return accounts.of_backend(f"openeo:{backend.address}", wish)[0]


def secrets_sent(box: Sandbox) -> list[str]:
    asked = [*box.requests_to("/auth/device"), *box.requests_to("/token")]
    return [request.form.get("client_secret", "") for request in asked]


def sign_in(account: Account, box: Sandbox, until: Until) -> None:
    account.start_device_login()
    until(lambda: account.state.device or account.state.error)
    assert account.state.error is None, account.state.error
    box.approve(box.waiting_codes[-1])
    assert account.wait(30).phase == "signed_in", account.state.error


def test_the_client_and_its_secret_are_used(
    box: Sandbox, backend: FakeBackend, config: AuthConfig, until: Until
) -> None:
    """They sign in at the issuer beside which they stand, before a default client, and again after a logout."""
    config.set_oidc_client_config(backend.address, "sso", **CLIENT, issuer=f"{box.issuer}/")
    account = account_of(backend, config)
    assert account.provider.client_id == "confidential"
    for _ in range(2):
        sign_in(account, box, until)
        assert "is ended" in account.logout()
    assert set(secrets_sent(box)) == {"sandbox-client-secret"}


def test_what_a_call_says_goes_first(box: Sandbox, backend: FakeBackend, config: AuthConfig) -> None:
    """A client that is named, and one with a grant that the configured one lacks, leave it and its secret alone."""
    config.set_oidc_client_config(backend.address, "sso", **CLIENT, issuer=box.issuer)
    backend.providers[0]["default_clients"].append(
        {"id": "web", "grant_types": ["authorization_code+pkce"], "redirect_urls": ["http://localhost:1/"]}
    )
    assert account_of(backend, config, Wish(client_id="public")).provider.client_id == "public"
    assert account_of(backend, config, Wish(method="code")).provider.client_id == "web"


def test_a_secret_goes_to_no_other_issuer(box: Sandbox, backend: FakeBackend, config: AuthConfig) -> None:
    """A back-end that gives the id to another issuer gets neither the client nor its secret."""
    config.set_oidc_client_config(backend.address, "sso", **CLIENT, issuer="https://sso.example.org")
    assert account_of(backend, config).provider.client_id == "public"


def test_a_secret_without_an_issuer_goes_to_trusted_ones(
    box: Sandbox, backend: FakeBackend, config: AuthConfig, until: Until
) -> None:
    """Older files name none: then the issuer has to be built in or configured, or the secret is not sent at all."""
    config.set_oidc_client_config(backend.address, "sso", **CLIENT)
    account = account_of(backend, config)
    account.start_device_login()
    assert account.wait(30).phase == "failed"
    assert set(secrets_sent(box)) == {""}
    sign_in(account_of(backend, config, openeo_issuers=(box.issuer,)), box, until)


def test_back_ends_are_listed_and_odd_files_told(backend: FakeBackend, config: AuthConfig) -> None:
    """A file that others can read is not used, and said to be so; a missing one is none."""
    environ = {"OPENEO_CONFIG_HOME": str(config.path.parent)}
    assert configured_backends(environ) == []
    config.set_basic_auth("https://openeo.example.org/", "dora", None)
    assert configured_backends(environ) == ["https://openeo.example.org"]
    config.path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="openEO's file"):
        account_of(backend, config)


@pytest.mark.parametrize(
    ("platform", "environ", "made", "found"),
    [
        ("linux", {}, [], ".config/openeo-python-client"),
        ("linux", {"XDG_CONFIG_HOME": "xdg"}, [], "xdg/openeo-python-client"),
        ("linux", {"XDG_CONFIG_HOME": "xdg"}, [".config/openeo-python-client"], ".config/openeo-python-client"),
        ("linux", {"OPENEO_CONFIG_HOME": "own", "XDG_CONFIG_HOME": "xdg"}, [], "own"),
        ("darwin", {}, [], "Library/Preferences/openeo-python-client"),
        ("win32", {"APPDATA": "roaming"}, [], "roaming/openeo-python-client"),
    ],
)
def test_the_folder_is_where_openeos_client_looks(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    environ: dict[str, str],
    made: list[str],
    found: str,
) -> None:
    """The first one that there is, else the first one that would be made."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for folder in made:
        (tmp_path / folder).mkdir(parents=True)
    absolute = {name: str(tmp_path / value) for name, value in environ.items()}
    assert settings_folder("config", absolute, platform) == tmp_path / found


@pytest.mark.parametrize(
    ("text", "default_backend", "auto_authenticate"),
    [
        ("[Connection]\ndefault_backend = a.example.org\nauto_authenticate = OIDC", "a.example.org", "oidc"),
        ("[CONNECTION]\nDefault_Backend.auto_authenticate = basic\nauto_authenticate = oidc", "", "basic"),
        ("[General]\nverbose = off", "", ""),
    ],
)
def test_openeos_client_settings(tmp_path: Path, text: str, default_backend: str, auto_authenticate: str) -> None:
    """The first file that there is counts; names are of any case, and the default back-end's own way goes first."""
    later, first = tmp_path / "later", tmp_path / "first"
    for folder in (later, first):
        folder.mkdir()
    (later / "openeo-client-config.ini").write_text("[Connection]\ndefault_backend = z.example.org")
    (first / "openeo-client-config.ini").write_text(text)
    named = str(first / "openeo-client-config.ini")
    found = client_settings({"OPENEO_CLIENT_CONFIG": named, "OPENEO_CONFIG_HOME": str(later)})
    assert (found.default_backend, found.auto_authenticate) == (default_backend, auto_authenticate)


def test_a_damaged_settings_file_is_passed_over(tmp_path: Path) -> None:
    """As openEO's client does it: the next one counts."""
    damaged = tmp_path / "damaged.ini"
    damaged.write_text("default_backend = of no section")
    (tmp_path / "openeo-client-config.ini").write_text("[Connection]\ndefault_backend = z.example.org")
    environ = {"OPENEO_CLIENT_CONFIG": str(damaged), "OPENEO_CONFIG_HOME": str(tmp_path)}
    assert client_settings(environ).default_backend == "z.example.org"


def test_the_present_folder_chooses_no_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in somebody else's folder says nothing, though openEO's client would read it first."""
    (tmp_path / "openeo-client-config.ini").write_text("[Connection]\ndefault_backend = evil.example.org")
    monkeypatch.chdir(tmp_path)
    assert client_settings({"HOME": str(tmp_path / "home")}).default_backend == ""


def test_the_configured_client_signs_in_for_itself(box: Sandbox, backend: FakeBackend, config: AuthConfig) -> None:
    """OPENEO_AUTH_METHOD=client_credentials without a client in the environment means the one in the file."""
    environ = {"OPENEO_CONFIG_HOME": str(config.path.parent), "OPENEO_AUTH_METHOD": "client_credentials"}
    account = Accounts(environ=environ).account(f"openeo:{backend.address}")
    assert not account.sign_in_silently()
    assert "nor has openEO's auth-config.json a secret" in account.why_not["environment"].reason

    service = {"client_id": "service", "client_secret": "sandbox-service-secret"}
    config.set_oidc_client_config(backend.address, "sso", **service, issuer=box.issuer)
    account = Accounts(environ=environ).account(f"openeo:{backend.address}")
    assert account.sign_in_silently()
    assert (account.state.user, account.came_from) == ("service-account-service", "openEO's auth-config.json")


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    """A FIFO that is named as the settings is passed over, and so is a path that the system refuses to look at."""
    fifo = tmp_path / "openeo-client-config.ini"
    os.mkfifo(fifo)
    for named in (str(fifo), f"/{'x' * 300}/file"):
        assert client_settings({"OPENEO_CLIENT_CONFIG": named, "XDG_CONFIG_HOME": f"/{'x' * 300}"}) == ClientSettings()
    assert settings_folder("config", {"XDG_CONFIG_HOME": f"/{'x' * 300}"}).name == "openeo-python-client"
