"""Where a login is kept on this machine, and whose turn it is to change it (floor 3).

Kernels that share a stored login take turns by a file lock, which the system lets go of however a process ends. What is
there is replaced as a whole, so that it can be read at any time.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..errors import ProviderUnreachable
from ..values.providers import Provider
from ..values.secret import Secret
from ..values.tokens import TokenSet
from .private_files import Signature, UnfitFileError, private_folder, reason_of
from .stored_login import StoredLogin, StoreTroubleError, read, written

if TYPE_CHECKING:
    from filelock import BaseFileLock

# longer than a renewal may take: discovery and token request, each with its deadline
_LOCK_WAIT_S = 90.0


class NothingStoredError(StoreTroubleError):
    """There is no stored login."""


class NoStoreError(StoreTroubleError):
    """There is nowhere to store a login."""


class Shelf(Protocol):
    """Where one text is kept. Every method may raise `StoreTroubleError`."""

    @property
    def where(self) -> str:
        """The place, for people."""
        ...

    def read(self) -> Secret:
        """Return what is there; raise `NothingStoredError` where there is nothing."""
        ...

    def write(self, text: Secret) -> None:
        """Put a text in the place of what is there, as a whole or not at all."""
        ...

    def remove(self) -> None:
        """Take away what is there, if anything is."""
        ...

    def was_cut_off(self) -> bool:
        """Tell whether something lies there that a killed process may have left in the middle of `write`."""
        ...

    def recover(self) -> None:
        """Finish or undo what a killed process began; only during one's turn."""
        ...

    def signature(self) -> Signature | None:
        """Return, at once, what is another one whenever something else is there; always None where that is unknown."""
        ...

    def why_not(self) -> str:
        """Return one sentence why nothing can be kept here, or nothing."""
        ...


class LoginStore:
    """The stored login of one provider and client.

    Parameters
    ----------
    provider : Provider
    shelf : Shelf
        Where its text is kept.
    lock_path : pathlib.Path
        The file by which processes take turns; its folder is there.
    lock_wait_s : float
        Seconds to wait for one's turn.
    """

    def __init__(self, provider: Provider, shelf: Shelf, lock_path: Path, *, lock_wait_s: float = _LOCK_WAIT_S) -> None:
        self._provider, self.shelf = provider, shelf
        self._lock_path, self._lock_wait_s = lock_path, lock_wait_s

    @contextlib.contextmanager
    def turn(self, wait_s: float | None = None) -> Generator[None, None, None]:
        """Be the only one who changes what is stored.

        Raises
        ------
        ProviderUnreachable
            Another process has not ended in time.
        StoreTroubleError
            There is no lock to be had.
        """
        from filelock import FileLock

        reason = _why_not(self._lock_path.parent)
        if reason:
            raise StoreTroubleError(f"Its folder serves no login. {reason}")
        # one for each turn: threads of this process take turns as well
        lock = FileLock(self._lock_path, mode=0o600)
        failure = _failure_to_acquire(lock, self._lock_wait_s if wait_s is None else wait_s)
        if failure is not None:
            raise failure
        try:
            self.shelf.recover()
            yield
        finally:
            lock.release()

    def look(self) -> StoredLogin:
        """Return what is stored.

        Raises
        ------
        StoreTroubleError
            It is damaged, of a newer version, or cannot be read. `NothingStoredError` where there is none.
        """
        login = self._read()
        if login.is_ended:
            raise NothingStoredError("No login is stored: somebody signed out of it.")
        return login

    def _read(self) -> StoredLogin:
        return read(self.shelf.read(), self._provider)

    def covers(self, login: StoredLogin) -> bool:
        """Tell whether a stored login was made for all the hosts that may see the bearer now."""
        return self._provider.hosts <= login.hosts

    def keep(
        self,
        tokens: TokenSet,
        user: str,
        secret: Secret | None = None,
        *,
        is_wanted: Callable[[], bool] = lambda: True,
        settles: Callable[[], bool] = lambda: True,
    ) -> tuple[StoredLogin, StoredLogin | None]:
        """Store a fresh login, and return it with the one whose place it took, if that could be read.

        `is_wanted` is asked once it is one's turn, and `settles` once it is stored, both of which may take a while: a
        login that was cancelled takes no place.
        """
        fresh = StoredLogin(secrets.token_hex(16), user, self._provider.hosts, tokens, secret)
        with self.turn():
            if not is_wanted():
                raise StoreTroubleError("It was cancelled.")
            before = self._read_or_none()
            self.put(fresh)
            if not settles():
                self._undo(before)
                raise StoreTroubleError("It was cancelled.")
        return fresh, before

    def _undo(self, before: StoredLogin | None) -> None:
        if before is None:
            self.shelf.remove()
        else:
            self.put(before)

    def put(self, login: StoredLogin) -> None:
        """Store what was renewed; only during one's turn."""
        self.shelf.write(written(login, self._provider))
        self.used()

    def used(self) -> None:
        """Note that the login is used: of several at one back-end, that one is meant which was used last.

        That is no news to others who use it, and so not in the file that they look at.
        """
        with contextlib.suppress(OSError):
            os.utime(self._lock_path)

    def take(
        self, wait_s: float, only: str = "", *, first: Callable[[StoredLogin], object] = lambda _: None
    ) -> StoredLogin | None:
        """Remove what is stored, and return it where it could be read.

        Parameters
        ----------
        wait_s : float
            Seconds to wait for one's turn.
        only : str
            The `login_id` of the one to be removed; any, when empty.
        first : callable
            Done with it before, while it serves nobody any more: what a killed process had removed, nobody could end.
        """
        try:
            self._read()
        except (NothingStoredError, NoStoreError):
            if not self.shelf.was_cut_off():
                return None  # and no folder is made for that
        except StoreTroubleError:
            pass
        with self.turn(wait_s):
            login = self._read_or_none()
            if only and (login is None or login.login_id != only):
                return None
            if login is not None:
                self._end(login, first)
            self.shelf.remove()
        return login

    def _end(self, login: StoredLogin, first: Callable[[StoredLogin], object]) -> None:
        with contextlib.suppress(StoreTroubleError):  # of a full disk: it is removed in the end
            self.shelf.write(written(replace(login, is_ended=True), self._provider))
        try:
            first(login)
        except Exception:
            self.shelf.remove()
            raise

    def _read_or_none(self) -> StoredLogin | None:
        try:
            return self._read()
        except StoreTroubleError:
            return None


def _why_not(folder: Path) -> str:
    try:
        private_folder(folder)
    except UnfitFileError as exc:
        return str(exc)
    return ""


def _failure_to_acquire(lock: BaseFileLock, wait_s: float) -> Exception | None:
    from filelock import Timeout

    try:
        lock.acquire(timeout=wait_s)
    except Timeout:
        return ProviderUnreachable(
            "Another kernel is renewing the stored login.",
            f"It has not ended within {wait_s:.0f} s.",
            "Try again in a moment; if it stays so, end that kernel: it may be suspended (Ctrl-Z), or hang.",
        )
    except (OSError, NotImplementedError) as exc:
        why = reason_of(exc) if isinstance(exc, OSError) else "this file system has no locks"
        return StoreTroubleError(f"Its folder cannot be locked ({why}).")
    return None
