"""earthaccess over our session: its sessions, its file system and its token are those of the live login (floor 5).

Imported only where earthaccess is installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import earthaccess
import requests
from earthaccess import PROD, UAT, Auth, Store
from earthaccess.system import EDLHostname

from ..auth.account import Account
from ..session import session_of
from ..values.secret import Veiled
from .fsspec import filesystem


class LiveAuth(Auth):
    """Stands for an account: what earthaccess reads of it is what holds at this moment.

    Parameters
    ----------
    account : Account
    """

    def __init__(self, account: Account) -> None:
        # not that of the base class, which keeps user name, password and one token for good
        self._account = account
        self.username = self.password = None
        host = account.provider.issuer.removeprefix("https://")
        known = {str(system.edl_hostname): system for system in (PROD, UAT)}
        self._set_earthdata_system(known.get(host) or replace(PROD, edl_hostname=EDLHostname(host)))

    @property
    def account(self) -> Account:
        """The account."""
        return self._account

    @property
    def authenticated(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether somebody is signed in."""
        return self._account.is_signed_in

    @property
    def token(self) -> Mapping[str, str]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The live token, masked where it is printed."""
        return {"access_token": Veiled(self._account.tokens().access_token.reveal())}

    def login(self, *args: Any, **kwargs: Any) -> LiveAuth:
        """Return itself: `ipyterrascope.login("earthdata")` is the way to sign in."""
        return self

    def get_session(self) -> requests.Session:
        """Return a session whose requests are signed as they leave, for Earthdata's hosts only."""
        return session_of(self._account)

    def __repr__(self) -> str:
        return f"<LiveAuth of {self._account!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        from .earthaccess import earthaccess_auth

        return earthaccess_auth, (self._account.provider.name,)


class LiveStore(Store):
    """earthaccess' access to files, with our file system in the place of one that holds a token in its headers.

    Parameters
    ----------
    auth : LiveAuth
    """

    def __init__(self, auth: LiveAuth) -> None:
        self._provider = auth.account.provider
        super().__init__(auth)

    def get_fsspec_session(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Return the file system that signs each request as it leaves."""
        return filesystem(self._provider)


def hand_over(auth: LiveAuth) -> None:
    """Let the functions of the module use it, as `earthaccess.login` does."""
    module: Any = earthaccess
    module.__auth__ = auth
    module.__store__ = LiveStore(auth)
