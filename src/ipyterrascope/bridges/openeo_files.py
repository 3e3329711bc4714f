"""Logins go from and to the files of openEO's own client: `refresh-tokens.json` and `auth-config.json` (floor 5).

A refresh token that changes with each use has one owner. So an import moves it, and an export is a sign-in of its own,
which leaves the login of this kernel as it is. Their files are replaced as a whole, under a lock, at mode 0600.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from copy import copy
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .. import frontend, terminal
from ..accounts import providers
from ..asking import check_store
from ..auth.account import Account
from ..auth.openeo_choice import Wish
from ..auth.openeo_json import Tree, branch_of, change_file, look, read_file, turn
from ..auth.openeo_settings import auth_config_path, refresh_tokens_path
from ..auth.revocation import revoke
from ..errors import ConfigurationError, LoginError, LoginRefused, LoginRequired, UsageError
from ..protocol.device import Wake, authorize, poll, until_approved
from ..protocol.oauth import OAuthClient
from ..protocol.openeo import address_of
from ..threads.errand import Errand
from ..values.openeo import PREFIX
from ..values.secret import Secret, sealed
from ..values.tokens import TokenSet

__all__ = ["export_openeo", "import_openeo"]

# seconds for which a first Ctrl-C waits: a provider that is asked has not answered by then, and will hardly
_LAST_WAIT_S = 15.0


def import_openeo(url: str, *, provider_id: str = "", client_id: str = "") -> str:
    """Move a login that openEO's client keeps for a back-end's provider to this software, and sign in by it.

    openEO's client is signed out by that: a refresh token that changes with each use cannot serve two.

    Parameters
    ----------
    url : str
        Address of the back-end that the login shall serve.
    provider_id, client_id : str
        Which of its providers, and which client, as for `login`.

    Returns
    -------
    str
        What happened, in a sentence or two.

    Raises
    ------
    UsageError
        There is no such login, or nowhere to keep it here.
    LoginError
        The provider does not accept it any more (`LoginRefused`), or it could not be kept here. It is left to openEO's
        client.
    ConfigurationError
        Their file cannot be used.
    """
    address, tokens_path, _ = _places(url)
    account = _to_import(tokens_path, address, Wish(provider_id=provider_id, client_id=client_id))
    check_store(account, "sign in here by login()", is_sure=True)
    _finish(Errand(lambda: sealed(lambda: _move(tokens_path, account)), "import-openeo"))
    moved = f"Moved: openEO's client has that login no more, and you are signed in to {account.provider.label} here."
    return f"{moved} {account.state.notice}".strip()


def export_openeo(url: str, *, provider_id: str = "", client_id: str = "") -> str:
    """Sign in anew for openEO's own client, and leave that login in its files. The login of this kernel stays as it is.

    A person approves a code, here and now.

    Parameters
    ----------
    url : str
        Address of the back-end, as it will be named to openEO's client.
    provider_id, client_id : str
        As for `login`.

    Returns
    -------
    str
        What happened, in a sentence or two.

    Raises
    ------
    LoginRequired
        Nobody can be asked here.
    LoginError, ProviderError
        The sign-in did not succeed, or gave nothing that can be kept.
    ConfigurationError
        Their file cannot be used.
    """
    address, tokens_path, config_path = _places(url)
    account = _account(address, provider_id, client_id, method="device")
    provider = account.provider
    for path in (tokens_path, config_path):
        sealed(lambda path=path: read_file(path))  # before anybody approves anything
    refresh_token = _fresh_login(account)
    date = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    oidc_id = provider.bearer_prefix.split("/")[1]

    def with_login(tree: Tree) -> None:
        entry = {"date": date, "refresh_token": refresh_token.reveal()}
        branch_of(tree, provider.issuer)[provider.client_id] = entry

    def with_client(tree: Tree) -> None:
        about = {"type": "AuthConfig", "created": date, "created_by": "ipyterrascope", "version": 1}
        tree.setdefault("metadata", about)
        tree.setdefault("general", {})
        configured = branch_of(tree, "backends", address, "oidc", "providers")
        before = look(configured, oidc_id)
        is_same = (before.get("client_id"), before.get("issuer")) == (provider.client_id, provider.issuer)
        secret = before.get("client_secret") if is_same else None
        entry = {"date": date, "client_id": provider.client_id, "client_secret": secret, "issuer": provider.issuer}
        configured[oidc_id] = entry

    try:
        sealed(lambda: change_file(tokens_path, with_login))
    except ConfigurationError:
        # nobody could sign out of it any more
        revoke(account.another_client(), TokenSet(access_token=Secret(""), refresh_token=refresh_token, issued_at=0.0))
        raise
    sealed(lambda: change_file(config_path, with_client))
    return (
        f"openEO's client is signed in at {provider.label} by a login of its own. "
        "Signing out here does not remove it; where the provider counts both as one session it ends that too."
    )


def _places(url: str) -> tuple[str, Path, Path]:
    tokens_path = refresh_tokens_path(os.environ)
    config_path = auth_config_path(os.environ)
    for path in (tokens_path, config_path):
        path.parent.mkdir(parents=True, exist_ok=True)
    return address_of(url.removeprefix(PREFIX)), tokens_path, config_path


def _account(address: str, provider_id: str, client_id: str, **wish: Any) -> Account:
    wished = Wish(provider_id=provider_id, client_id=client_id, **wish)
    return providers.of_backend(f"{PREFIX}{address}", wished)[0]


def _to_import(path: Path, address: str, wish: Wish) -> Account:
    """Return the account of the first provider whose login openEO's client has; else the first."""
    accounts = providers.of_backend(f"{PREFIX}{address}", wish)

    def has_login(account: Account) -> bool:
        return bool(look(read_file(path), account.provider.issuer, account.provider.client_id))

    return sealed(lambda: next(filter(has_login, accounts), accounts[0]))


def _finish(errand: Errand[bool]) -> None:
    """Do what must not be left in the middle: Ctrl-C waits for it, for a while; the second one does not."""
    errand.start()
    try:
        answer = errand.wait()
    except KeyboardInterrupt:
        # with the provider's answer the token in their file is void, and the new one has to be stored
        answer = errand.wait(_LAST_WAIT_S)
        if answer is None:
            raise
    if isinstance(answer, BaseException):
        raise answer


def _move(path: Path, account: Account) -> bool:
    issuer, client_id = account.provider.issuer, account.provider.client_id
    with turn(path):
        entry = look(read_file(path), issuer, client_id)
        refresh_token = entry.get("refresh_token")
        if not isinstance(refresh_token, str) or not refresh_token:
            raise UsageError(
                f"openEO's client keeps no login of {account.provider.issuer_host} for client {client_id}.",
                "",
                "Sign in here instead, or name another provider or client.",
            )
        account.start_renewal_login(Secret(refresh_token), remember=True)
        error = account.wait().error
        if error is not None:
            raise copy(error)
        # by now what is there may be void
        if account.state.remember:
            change_file(path, lambda tree: branch_of(tree, issuer).pop(client_id, None), has_turn=True)
            return True
        why, renewed = account.state.notice, account.hand_over()

        def give_back(tree: Tree) -> None:
            given = renewed.reveal() if renewed else refresh_token
            branch_of(tree, issuer)[client_id] = {**entry, "refresh_token": given}

        change_file(path, give_back, has_turn=True)
    raise LoginError("The login was not moved.", why, "openEO's client has it as before: try again, or sign in here.")


def _fresh_login(account: Account) -> Secret:
    """Return the refresh token of a sign-in that a person approves."""
    place = frontend.place()
    if place == "headless":
        raise LoginRequired(
            "Nobody can approve a code here.", "No notebook front-end and no terminal is attached.", "Export elsewhere."
        )
    if place == "terminal":
        return sealed(lambda: _approved(account, terminal.say))
    with frontend.passing_text() as show:
        return sealed(lambda: _approved(account, show))


def _approved(account: Account, show: Callable[[str], object]) -> Secret:
    client = account.another_client()
    try:
        return _by_code(client, show)
    except LoginRefused:
        if client.may_stay:
            raise
    # only now the provider said that it lets nobody stay: a session of the usual length then, by another code
    return _by_code(client, show)


def _by_code(client: OAuthClient, show: Callable[[str], object]) -> Secret:
    label = client.provider.label
    authorization = authorize(client, remember=True)
    show(terminal.invitation(label, authorization))

    def wait(seconds: float) -> Wake:
        time.sleep(seconds)
        return "elapsed"

    tokens = until_approved(
        lambda: poll(client, authorization),
        interval_s=authorization.interval,
        lifetime_s=authorization.expires_at - client.clock(),
        wait=wait,
    )
    if tokens.refresh_token is None:
        raise UsageError("This login cannot be kept.", f"{label} gave nothing to renew it by.", "Use it here.")
    return tokens.refresh_token
