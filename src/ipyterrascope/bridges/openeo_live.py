"""`openeo.Connection` over our session: what it sends is signed as it leaves, and its bearer is read live (floor 5).

Imported only where the openEO client is installed.
"""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

from openeo.rest import OpenEoApiPlainError
from openeo.rest.auth.auth import OidcBearerAuth
from openeo.rest.connection import Connection
from openeo.utils.http import session_with_retries  # pyright: ignore[reportUnknownVariableType]

from ..auth.account import Account
from ..errors import LoginRequired, SecretExposed, TerrascopeError
from ..session import session_of

_Request = TypeVar("_Request")


class LiveBearer(OidcBearerAuth):
    """Stands for the login in a connection: `bearer` is the one of this moment, with the back-end's prefix.

    It signs nothing itself: the connection's session does, on the wire only.

    Parameters
    ----------
    account : Account
        One of an openEO back-end.
    """

    def __init__(self, account: Account) -> None:
        # not that of the base class, which keeps one bearer for good
        self._account = account

    @property
    def bearer(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The live bearer: openEO hands it to its threads and prints it as curl's."""
        return self._account.headers(self._url)["Authorization"].removeprefix("Bearer ")

    def __call__(self, req: _Request) -> _Request:  # pyright: ignore[reportIncompatibleMethodOverride]
        return req

    @property
    def _url(self) -> str:
        return self._account.provider.backend_url

    def renew(self) -> bool:
        """Have the token renewed, once for all who ask; return whether another try can help.

        Raises
        ------
        LoginRequired
            The session is over.
        """
        account = self._account
        # one that is renewed and too young to be renewed again came after what was refused, or may do so by now
        return account.refused(self._url, account.headers(self._url)) or account.state.renewable

    def __repr__(self) -> str:
        return "<LiveBearer>"

    def __reduce__(self) -> NoReturn:
        raise SecretExposed(
            "A live login cannot be pickled.",
            "It belongs to this kernel.",
            "Make the connection where it is needed, by ipyterrascope.openeo_connection().",
        )


class LiveConnection(Connection):
    """An `openeo.Connection` of an account.

    Parameters
    ----------
    account : Account
        One of an openEO back-end, signed in.
    retry
        As `openeo.Connection` takes it; False for no retries.
    **options
        All else that `openeo.Connection` takes.
    """

    def __init__(self, account: Account, *, retry: Any = None, **options: Any) -> None:
        session = session_of(account)
        session.headers["Accept"] = "*/*"
        if retry is not False:
            retrying = session_with_retries(retry=retry)
            for scheme in ("http://", "https://"):
                session.mount(scheme, retrying.get_adapter(scheme))
        self._live = LiveBearer(account)
        self._advice = account.provider.advice
        super().__init__(account.provider.backend_url, session=session, auth=self._live, retry=False, **options)

    @classmethod
    def version_discovery(cls, url: str, *_: Any, **__: Any) -> str:
        """Return the address as it is: where the API is was asked before anybody signed in there."""
        return url

    def try_access_token_refresh(self, *, reason: str | None = None) -> bool:
        """Have the token renewed, as openEO asks for it after a refusal and before it starts jobs.

        Raises
        ------
        LoginRequired
            A request was refused, and the session is over.
        """
        if self.auth is not self._live:
            return super().try_access_token_refresh(reason=reason)
        try:
            return self._live.renew()
        except LoginRequired:
            if reason is not None:
                raise
        except TerrascopeError:
            pass
        return False

    def request(self, *args: Any, **kwargs: Any) -> Any:
        """Send a request as `openeo.Connection` does; a refusal tells the provider's pages for people."""
        try:
            return super().request(*args, **kwargs)
        except OpenEoApiPlainError as exc:
            if exc.http_status_code in (401, 403) and self._advice:
                exc.args = (f"{exc.args[0]} {self._advice}", *exc.args[1:])
            raise
