"""The administrator's files: they are right, and the Helm values come to the same as the plain configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jupyterhub.roles import get_default_roles
from oauthenticator.generic import GenericOAuthenticator
from traitlets.config import Config, PyFileConfigLoader

from ipyterrascope.auth.hub import hub_source
from ipyterrascope.jupyterhub import TokenRenewal

FOLDER = Path(__file__).parents[2] / "examples" / "jupyterhub"
ISSUER = "https://sso.terrascope.be/auth/realms/terrascope"
ENVIRON = {
    "OAUTH_CLIENT_ID": "example-hub",
    "OAUTH_CLIENT_SECRET": "s3cret",
    "OAUTH_CALLBACK_URL": "https://hub.example.org/hub/oauth_callback",
    "OIDC_GROUP": "example-group",
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("OIDC_ISSUER", raising=False)


def plain() -> Config:
    return PyFileConfigLoader(str(FOLDER / "jupyterhub_config.py")).load_config()


def by_the_chart(values: dict[str, Any]) -> Config:
    """Read the values as the chart's own configuration does: sections, roles, then the code, with `c` at hand."""
    c = Config()
    c.JupyterHub.load_roles = []
    for name, role in values["hub"]["loadRoles"].items():
        c.JupyterHub.load_roles.append({"name": name, **role})
    for section, traits in values["hub"]["config"].items():
        c[section].update(traits)
    for name, code in sorted(values["hub"]["extraConfig"].items()):
        exec(compile(code, name, "exec"), {"c": c})
    return c


@pytest.fixture
def values() -> dict[str, Any]:
    return yaml.safe_load((FOLDER / "values.yaml").read_text())


def traits_of(config: Config) -> dict[str, Any]:
    authenticator = GenericOAuthenticator(config=config)
    traits = {name: getattr(authenticator, name) for name in plain().GenericOAuthenticator}
    assert isinstance(traits.pop("refresh_user_hook"), TokenRenewal)
    return traits


def roles_of(config: Config) -> dict[str, set[str]]:
    roles = config.JupyterHub.load_roles
    listed = roles if isinstance(roles, list) else roles.get_value([])
    return {role["name"]: set(role["scopes"]) for role in listed}


def test_the_charts_values_come_to_the_same(values: dict[str, Any]) -> None:
    """The authenticator that each makes has the same settings, and the same roles are loaded."""
    chart = by_the_chart(values)

    assert traits_of(chart) == traits_of(plain())
    assert roles_of(chart) == roles_of(plain())
    assert chart.JupyterHub.authenticator_class == plain().JupyterHub.authenticator_class


def test_the_chart_gets_the_secret_and_the_notebooks_configuration(values: dict[str, Any]) -> None:
    """The client's secret comes from the cluster, and IPython's configuration is the one beside it."""
    secret = values["hub"]["extraEnv"]["OAUTH_CLIENT_SECRET"]
    assert secret["valueFrom"]["secretKeyRef"] == {"name": "terrascope-client", "key": "secret"}
    assert "client_secret" not in values["hub"]["config"]["GenericOAuthenticator"]

    (file,) = values["singleuser"]["extraFiles"].values()
    assert file["mountPath"].endswith("/etc/ipython/ipython_config.py")
    assert extensions_of(file["stringData"]) == extensions_of((FOLDER / "ipython_config.py").read_text())


def extensions_of(code: str) -> Any:
    c = Config()
    exec(compile(code, "ipython_config.py", "exec"), {"c": c})
    return c.InteractiveShellApp.extensions.get_value(["mine"])


def test_the_notebooks_configuration_keeps_what_is_there() -> None:
    """It adds the extension to those that others load."""
    assert extensions_of((FOLDER / "ipython_config.py").read_text()) == ["mine", "ipyterrascope"]


def test_nothing_of_the_default_roles_is_lost() -> None:
    """The two roles are the Hub's own and more, so that nothing stops working."""
    default = {role["name"]: set(role["scopes"]) for role in get_default_roles()}
    for name, scopes in roles_of(plain()).items():
        assert scopes > default[name]


def test_tokens_are_renewed_before_notebooks_want_new_ones() -> None:
    """For every life of a token from 20 s on: early enough that the Hub has looked before a notebook asks."""
    age_s = plain().GenericOAuthenticator.auth_refresh_age
    offer: Any = hub_source(
        {"JUPYTERHUB_API_URL": "http://hub:8081", "JUPYTERHUB_API_TOKEN": "x", "JUPYTERHUB_USER": "dora"}
    ).find(None)  # pyright: ignore[reportArgumentType]
    for life_s in range(20, 3600):
        early_s = min(plain().GenericOAuthenticator.refresh_user_hook._early_s, 0.75 * life_s)
        assert early_s >= age_s + min(offer.margin_s, 0.5 * life_s)


def test_another_provider_is_one_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """`OIDC_ISSUER` moves every address, with or without a slash at its end."""
    monkeypatch.setenv("OIDC_ISSUER", "https://sso.example.org/realms/mine/")
    traits = traits_of(plain())

    for name in ("authorize_url", "token_url", "userdata_url"):
        assert traits[name].startswith("https://sso.example.org/realms/mine/protocol/openid-connect/")


@pytest.mark.parametrize("name", ENVIRON)
def test_what_is_missing_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Hub whose environment lacks something does not start, and says what."""
    monkeypatch.delenv(name)
    with pytest.raises(KeyError, match=name):
        plain()
