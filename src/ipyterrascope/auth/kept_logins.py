"""All logins that are kept in files on this machine, whoever they are of, and the end of one (floor 3).

A file tells the issuer and the client that it was made with, which is enough to end its session there: an openEO
back-end need not be asked for its provider again. The entries of a keyring cannot be listed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import ConfigurationError, quoted
from ..values.connection import Connection
from ..values.providers import Provider
from ..values.secret import Secret
from .account import Account
from .login_store import LoginStore, NothingStoredError
from .shelves import FileShelf, logins_folder
from .stored_login import StoreTroubleError, is_stored_as, key_of, owner_of


@dataclass(frozen=True, kw_only=True)
class KeptLogin:
    """A file with a login.

    Attributes
    ----------
    path : pathlib.Path
    issuer, client_id, user : str
        Where it was made, with which client, and whose it is; empty where the file cannot be read, which `trouble`
        says.
    trouble : str
    """

    path: Path
    issuer: str = ""
    client_id: str = ""
    user: str = ""
    trouble: str = ""

    def shown(self, known: Iterable[Provider]) -> str:
        """Return it as people are told of it."""
        provider = self.provider(known)
        if provider is None:
            return f"{quoted(self.path.name)}. {self.trouble}".strip()
        return f"{quoted(self.user) or 'somebody'} at {provider.label}"

    def provider(self, known: Iterable[Provider]) -> Provider | None:
        """Return its provider: one that is known, or as much of it as the file tells; None where it tells nothing."""
        found = next((each for each in known if key_of(each) == self.path.stem), None)
        if found is not None or not self.issuer:
            return found
        host = urlsplit(self.issuer).netloc
        try:
            return Provider(name="kept", label=host, issuer=self.issuer, client_id=self.client_id, hosts=frozenset())
        except ConfigurationError:
            return None  # somebody else wrote that file


def why_not() -> str:
    """Return why the folder of logins that is there is not looked into, or nothing."""
    return FileShelf(logins_folder(), "").why_not()


def kept_logins() -> list[KeptLogin]:
    """Return the logins that are kept in files, in the order of their names; also what a killed process left of one.

    There are none in a folder that is not this user's alone: what lies there may be anybody's.
    """
    if why_not():
        return []
    files = (path for pattern in ("*.login", "*.new") for path in logins_folder().glob(pattern))
    return [_read(path) for path in sorted({path.with_suffix(".login") for path in files})]


def _read(path: Path) -> KeptLogin:
    shelf = FileShelf(path.parent, path.stem)
    try:
        text = _text_of(shelf)
        issuer, client_id, user = owner_of(text)
    except StoreTroubleError as exc:
        return KeptLogin(path=path, trouble=str(exc))
    if not is_stored_as(text, path.stem):
        return KeptLogin(path=path, trouble="It is damaged: it is another login than its name says.")
    return KeptLogin(path=path, issuer=issuer, client_id=client_id, user=user)


def _text_of(shelf: FileShelf) -> Secret:
    try:
        return shelf.read()
    except NothingStoredError:
        left = shelf.left()
    if left is None:
        raise StoreTroubleError("It is damaged.")
    return left


def end(login: KeptLogin, known: Iterable[Provider], connection: Connection) -> str:
    """End the session of a login at its provider, remove its file whatever that says, and return what happened."""
    provider = login.provider(known)
    shelf = FileShelf(login.path.parent, login.path.stem)
    if provider is None:
        try:
            shelf.remove()
        except StoreTroubleError as exc:
            return f"It could not be removed. {exc}"
        return "Removed. It could not be read, so that nothing was ended at a provider."
    store = LoginStore(provider, shelf, login.path.with_suffix(".lock"))
    return Account(provider, connection=connection, store=store).logout()
