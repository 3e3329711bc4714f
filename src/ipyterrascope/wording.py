"""How a login, its errors and an interrupt are told to people: in the same words everywhere (below asking)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .errors import TerrascopeError

if TYPE_CHECKING:
    from .auth.account import Account
    from .values.providers import Provider, SilentName

SOURCES: Mapping[SilentName, str] = {
    "environment": "environment",
    "token_file": "token file",
    "stored": "stored login",
    "hub": "JupyterHub",
    "netrc": "~/.netrc",
    "dask": "notebook that attached this worker",
}
"""What people call the places where a credential may lie ready."""

STOPPED = "Stopped."
GOES_ON = "Stopped. Run the same line again to go on where it was."
"""What is said after an interrupt."""

_HOW = {
    "device": "by device code",
    "password": "by password",
    "basic": "by Basic authentication",
    "code": "in a browser",
    "token": "by a token that was given",
    "oidc": "as a client with a secret",
}


def named(provider: Provider) -> str:
    """Return what a provider is called, and that it is not the real one where it is not."""
    return f"{provider.label} [{provider.badge}]" if provider.badge else provider.label


def login_at(provider: Provider) -> str:
    """Return what a login there is called: "Terrascope login", "Earthdata Login"."""
    return provider.label if "login" in provider.label.lower() else f"{provider.label} login"


def how(account: Account) -> str:
    """Return how somebody signed in, such as "by device code" or "from TERRASCOPE_TOKEN"."""
    return _HOW.get(account.state.source, f"from {account.came_from or 'the environment'}")


def how_again(account: Account) -> str:
    """Return what to do where a service refuses the login that is there, as a sentence."""
    provider, source = account.provider, account.state.source
    page = f": a user token is made at {provider.account_url}" if provider.is_earthdata else ""
    if account.came_from and source not in ("stored", "hub"):
        return f"Renew what {account.came_from} holds{page}."
    return f"Sign in again{page}."


def line_for(provider: Provider, login_by: str) -> str:
    """Return what signs in at a provider: a magic, a command or a call, with its name unless it is Terrascope."""
    if provider.name == "terrascope":
        return login_by
    return f'{login_by[:-1]}"{provider.name}")' if login_by.endswith(")") else f"{login_by} {provider.name}"


def welcome(account: Account) -> str:
    """Return the sentence that ends a sign-in."""
    who = f" as {account.state.user}" if account.state.user else ""
    unchecked = " (not checked yet)" if account.is_unchecked else ""
    state = account.state
    # one whose session ends by itself is kept for as long as it is used
    lasts = "until you log out" if state.session_ends_at is None else "kept on this machine"
    kept = f", {lasts}" if state.remember else ""
    return f"Signed in to {account.provider.label}{who}, {how(account)}{unchecked}{kept}."


def sentences_of(error: TerrascopeError) -> list[str]:
    """Return an error as its lines, without a stack that would say nothing more."""
    return [f"{type(error).__name__}: {error.what}", *(part for part in (error.why, error.do) if part)]
