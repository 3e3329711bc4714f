"""The two places where a login can be kept: a file that is this user's alone, and the system's keyring (floor 3).

The file is in the user's data folder as platformdirs knows it, not in Jupyter's: a script without Jupyter shares it,
and that of Jupyter (`JUPYTER_DATA_DIR`) may be one for several people.
"""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, TypeVar

from ..threads.errand import Errand
from ..values.secret import Secret
from .login_store import NoStoreError, NothingStoredError
from .private_files import (
    MissingFileError,
    Signature,
    UnfitFileError,
    new_beside,
    private_folder,
    read_private,
    reason_of,
    signature_of,
    write_private,
)
from .stored_login import StoreTroubleError, note_of

_T = TypeVar("_T")

_SERVICE = "ipyterrascope"
NOTED = ".keyring"
"""How the name of a note ends that stands for an entry of the keyring."""
# an unlocking that a person is asked for
_KEYRING_WAIT_S = 60.0


def logins_folder() -> Path:
    """Return the folder of stored logins, which may not be there."""
    from platformdirs import user_data_path

    return user_data_path("ipyterrascope", appauthor=False) / "logins"


class FileShelf:
    """A file of mode 0600 in a folder of mode 0700; it is replaced, never changed.

    It is one line of base64, and so no header: GDAL sends whatever file a VRT from anywhere names for its headers.

    Parameters
    ----------
    folder : pathlib.Path
    key : str
        The file's name, without its ending.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._folder, self._path = folder, folder / f"{key}.login"
        self._new = new_beside(self._path)

    @property
    def where(self) -> str:
        """The file's path."""
        return str(self._path)

    def read(self) -> Secret:
        """Return what the file holds."""
        try:
            text = text_of(self._path)
        except MissingFileError:
            failure: StoreTroubleError = NothingStoredError("No login is stored.")
        except UnfitFileError as exc:
            failure = StoreTroubleError(str(exc))
        else:
            if text is not None:
                return text
            failure = StoreTroubleError("It is damaged.")
        raise failure

    def write(self, text: Secret) -> None:
        """Write a file beside it, and let that take its place once it is on the disk."""
        with _troubles():
            _write(self._path, text)
            self._sync_folder()

    def remove(self) -> None:
        """Remove the file."""
        with _troubles():
            self._new.unlink(missing_ok=True)
            self._path.unlink(missing_ok=True)
            self._sync_folder()

    def was_cut_off(self) -> bool:
        """Tell whether a file lies beside it that has not taken its place: perhaps yet, perhaps of a killed process."""
        return os.path.lexists(self._new)

    def left(self) -> Secret | None:
        """Return what a killed process left beside it; None where that is nothing, or not whole."""
        try:
            return text_of(self._new)
        except UnfitFileError:
            return None

    def recover(self) -> None:
        """Let what a killed process left take its place where it is whole: what is there is older, and may be void."""
        if not self.was_cut_off():
            return
        try:
            is_whole = text_of(self._new) is not None
        except UnfitFileError:
            is_whole = False
        with _troubles():
            if is_whole:
                self._new.replace(self._path)
            else:
                self._new.unlink()
            self._sync_folder()

    def signature(self) -> Signature:
        """Return the file's signature; an empty one where it is missing."""
        try:
            return signature_of(self._path.lstat())
        except OSError:
            return ()

    def why_not(self) -> str:
        """Return why the folder that is there cannot be used, or nothing."""
        try:
            if os.path.lexists(self._folder):
                private_folder(self._folder)
        except UnfitFileError as exc:
            return f"The folder {self._folder} serves no login. {exc}"
        return ""

    def _sync_folder(self) -> None:
        if os.name == "posix":
            fd = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)


def _write(path: Path, text: Secret) -> None:
    # the end of the line tells that it is whole
    write_private(path, Secret(f"{base64.b64encode(text.reveal().encode()).decode()}\n"))


def text_of(path: Path) -> Secret | None:
    """Return what a file holds; None where it is not whole, or is something else.

    Raises
    ------
    UnfitFileError
        It must not be used.
    """
    line = read_private(path).text
    try:
        return Secret(base64.b64decode(line[:-1], validate=True).decode()) if line.endswith("\n") else None
    except ValueError:
        return None


class KeyringShelf:
    """An entry of the system's keyring, by the library of that name.

    The entries of a keyring cannot be listed: a note beside, without a secret, says whose there are.

    Parameters
    ----------
    key : str
        The entry's user name.
    folder : pathlib.Path, optional
        Where the note lies; there is none unless given.
    """

    def __init__(self, key: str, folder: Path | None = None) -> None:
        self._key = key
        self._note = folder / f"{key}{NOTED}" if folder else None

    @property
    def where(self) -> str:
        """The entry's name."""
        return f"the keyring, as {self._key} of {_SERVICE}"

    def read(self) -> Secret:
        """Return what the entry holds."""

        def get(keyring: Any) -> Secret | None:
            text = keyring.get_password(_SERVICE, self._key)
            return Secret(text) if text else None

        found = _asked(get)
        if found is None:
            raise NothingStoredError("No login is stored.")
        return found

    def write(self, text: Secret) -> None:
        """Replace the entry, and look whether it is there: some backends take everything and keep nothing."""

        def put(keyring: Any) -> bool:
            keyring.set_password(_SERVICE, self._key, text.reveal())
            return keyring.get_password(_SERVICE, self._key) == text.reveal()

        was_noted = self.was_cut_off()
        if self._note is not None:
            with _troubles():
                _write(self._note, note_of(text))
        is_kept = False
        try:
            is_kept = _asked(put)
        finally:
            if not is_kept and not was_noted:
                self._remove_note()
        if not is_kept:
            raise StoreTroubleError("The keyring did not keep it.")

    def remove(self) -> None:
        """Remove the entry."""

        def delete(keyring: Any) -> None:
            if keyring.get_password(_SERVICE, self._key) is not None:
                keyring.delete_password(_SERVICE, self._key)

        _asked(delete)
        self._remove_note()

    def _remove_note(self) -> None:
        if self._note is not None:
            with _troubles():
                self._note.unlink(missing_ok=True)

    def was_cut_off(self) -> bool:
        """Tell whether there is a note: of an entry that somebody removed by other means, where that is missing."""
        return self._note is not None and os.path.lexists(self._note)

    def recover(self) -> None:
        """Do nothing: it is the keyring that replaces an entry."""

    def signature(self) -> None:
        """Return None: a keyring does not tell of changes."""

    def why_not(self) -> str:
        """Return why there is no keyring, or nothing. It is not opened for that, which could ask a person."""
        try:
            _asked(lambda _: None)
        except StoreTroubleError as exc:
            return str(exc)
        return ""


@contextlib.contextmanager
def _troubles() -> Generator[None, None, None]:
    """Turn an error of the system into one sentence."""
    try:
        yield
    except OSError as exc:
        raise StoreTroubleError(f"The store cannot be written ({reason_of(exc)}).") from exc


def _asked(ask: Callable[[Any], _T]) -> _T:
    """Ask the keyring on a thread of its own: its frames hold what it was given, and it may wait for a person."""

    def answer() -> tuple[_T]:
        import keyring
        from keyring.errors import NoKeyringError

        # what raises always, or keeps nothing
        if keyring.get_keyring().priority <= 0:
            raise NoKeyringError
        return (ask(keyring),)

    errand = Errand(answer, "keyring")
    errand.start()
    found = errand.wait(_KEYRING_WAIT_S)
    if isinstance(found, tuple):
        return found[0]
    trouble = _trouble_of(found)
    del errand, found  # the frames of its exception hold what the library was given
    raise trouble


def _trouble_of(failure: BaseException | None) -> StoreTroubleError:
    if failure is None:
        return StoreTroubleError("The keyring did not answer in time.")
    if isinstance(failure, ModuleNotFoundError) and failure.name == "keyring":
        return NoStoreError("The keyring library is missing: pip install 'ipyterrascope[keyring]'.")
    names = [kind.__name__ for kind in type(failure).__mro__]
    if "NoKeyringError" in names:
        return NoStoreError('There is no keyring here, as in most containers; the store "file" needs none.')
    known = (_KEYRING_TROUBLES.get(name) for name in names)
    return StoreTroubleError(next(filter(None, known), f"The keyring failed ({type(failure).__name__})."))


_KEYRING_TROUBLES = {
    "KeyringLocked": "The keyring is locked: unlock it, then try again.",
    "InitError": "The keyring could not be opened: unlock it, then try again.",
    "PasswordSetError": "The keyring refused it; it may be too long for this keyring.",
}
