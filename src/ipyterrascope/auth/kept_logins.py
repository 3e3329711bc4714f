"""All logins that are kept on this machine, whoever they are of, and the end of one (floor 3).

A file tells the issuer and the client that it was made with, which is enough to end its session there: an openEO
back-end need not be asked for its provider again. For an entry of the keyring, which cannot be listed, stands a note.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import ConfigurationError, quoted
from ..values.connection import Connection
from ..values.hosts import host_entry
from ..values.openeo import BASIC_BEARER, BASIC_ID, PREFIX
from ..values.providers import Provider
from ..values.secret import Secret
from .account import Account
from .login_store import LoginStore, NothingStoredError
from .private_files import UnfitFileError
from .shelves import NOTED, FileShelf, KeyringShelf, logins_folder, text_of
from .stored_login import Owner, StoreTroubleError, is_stored_as, key_at, key_of, owner_of


@dataclass(frozen=True, kw_only=True)
class KeptLogin:
    """A file with a login, or the note that stands for an entry of the keyring.

    Attributes
    ----------
    path : pathlib.Path
    issuer, client_id, user : str
        Where it was made, with which client, and whose it is; empty where the file cannot be read, which `trouble`
        says.
    name : str
        Of an openEO back-end the name of the provider, ``openeo:<address>#<id>``; else empty.
    trouble : str
    """

    path: Path
    issuer: str = ""
    client_id: str = ""
    user: str = ""
    name: str = ""
    trouble: str = ""

    @property
    def key(self) -> str:
        """The name under which it is stored."""
        return self.path.stem

    @property
    def is_in_keyring(self) -> bool:
        """True for a note that stands for an entry of the keyring."""
        return self.path.suffix == NOTED

    @property
    def used_at(self) -> float:
        """When it was kept, renewed or taken up last, in POSIX seconds; 0 where that is not known."""
        try:
            return self.path.with_suffix(".lock").stat().st_mtime
        except OSError:
            return 0.0

    @property
    def backend_url(self) -> str:
        """The address of its openEO back-end; empty where it has none, or was made before that was noted."""
        address = self.name.removeprefix(PREFIX).partition("#")[0]
        return address if "://" in address or not address else f"https://{address}"

    @property
    def provider_id(self) -> str:
        """The provider's id at that back-end."""
        return self.name.partition("#")[2]

    def is_at(self, backend_url: str) -> bool:
        """Tell whether it was made for the back-end at that address."""
        return bool(self.issuer) and self.key == key_at(self.issuer, self.client_id, backend_url)

    def shown(self, known: Iterable[Provider]) -> str:
        """Return it as people are told of it: by a name that they can give to a command, where there is one."""
        provider = self.provider(known)
        if provider is None:
            return f"{quoted(self.path.name)}. {self.trouble}".strip()
        return f"{quoted(self.user) or 'somebody'} at {self.name or provider.label}"

    def provider(self, known: Iterable[Provider]) -> Provider | None:
        """Return its provider: one that is known, or as much of it as the file tells; None where it tells nothing."""
        found = next((each for each in known if key_of(each) == self.key), None)
        if found is not None or not self.issuer:
            return found
        try:
            return self._of_backend() if self.name else self._of_issuer()
        except ConfigurationError:
            return None  # somebody else wrote that file

    def _of_issuer(self) -> Provider:
        host = urlsplit(self.issuer).netloc
        return Provider(name="kept", label=host, issuer=self.issuer, client_id=self.client_id, hosts=frozenset())

    def _of_backend(self) -> Provider:
        host = urlsplit(self.backend_url).netloc
        return Provider(
            name=self.name,
            label=f"openEO at {host} ({self.provider_id})",
            issuer=self.issuer,
            client_id=self.client_id,
            hosts=frozenset({host_entry(self.backend_url)}),
            backend_url=self.backend_url,
            bearer_prefix=BASIC_BEARER if self.provider_id == BASIC_ID else f"oidc/{self.provider_id}/",
        )


def why_not() -> str:
    """Return why the folder of logins that is there is not looked into, or nothing."""
    return FileShelf(logins_folder(), "").why_not()


def kept_logins() -> list[KeptLogin]:
    """Return the logins that are kept, in the order of their names; also what a killed process left of one.

    There are none in a folder that is not this user's alone: what lies there may be anybody's.
    """
    if why_not():
        return []
    folder = logins_folder()
    files = {path.with_suffix(".login") for pattern in ("*.login", "*.new") for path in folder.glob(pattern)}
    notes = set(folder.glob(f"*{NOTED}"))
    # beside a note, what a killed process left is of that
    files = {path for path in files if path.exists() or path.with_suffix(NOTED) not in notes}
    return [_read(path) for path in sorted(files | notes)]


def _read(path: Path) -> KeptLogin:
    try:
        text = _noted(path) if path.suffix == NOTED else _text_of(FileShelf(path.parent, path.stem))
        owner = owner_of(text)
    except StoreTroubleError as exc:
        return KeptLogin(path=path, trouble=str(exc))
    if not is_stored_as(text, path.stem):
        return KeptLogin(path=path, trouble="It is damaged: it is another login than its name says.")
    return KeptLogin(
        path=path, issuer=owner.issuer, client_id=owner.client_id, user=owner.user, name=_name_of(owner, path.stem)
    )


def _name_of(owner: Owner, key: str) -> str:
    """Return the name that a file tells, where that is of the back-end that it was stored for."""
    login = KeptLogin(path=Path(f"{key}.login"), issuer=owner.issuer, client_id=owner.client_id, name=owner.name)
    if not owner.name.startswith(PREFIX) or not login.is_at(login.backend_url):
        return ""
    return owner.name if login.provider(()) is not None else ""


def _noted(path: Path) -> Secret:
    try:
        text = text_of(path)
    except UnfitFileError as exc:
        raise StoreTroubleError(str(exc)) from exc
    if text is None:
        raise StoreTroubleError("It is damaged.")
    return text


def _text_of(shelf: FileShelf) -> Secret:
    try:
        return shelf.read()
    except NothingStoredError:
        left = shelf.left()
    if left is None:
        raise StoreTroubleError("It is damaged.")
    return left


def end(login: KeptLogin, known: Iterable[Provider], connection: Connection) -> str:
    """End the session of a login at its provider, remove what is here whatever that says, and return what happened."""
    provider, folder = login.provider(known), login.path.parent
    shelf = KeyringShelf(login.key, folder) if login.is_in_keyring else FileShelf(folder, login.key)
    if provider is None:
        try:
            shelf.remove()
        except StoreTroubleError as exc:
            return f"It could not be removed. {exc}"
        return "Removed. It could not be read, so that nothing was ended at a provider."
    store = LoginStore(provider, shelf, login.path.with_suffix(".lock"))
    return Account(provider, connection=connection, store=store).logout()
