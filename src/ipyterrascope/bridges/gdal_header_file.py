"""The file from which GDAL reads a header before every request, replaced in one step at each renewal (floor 5).

Where Linux offers it, the file is memory without a name, which is opened as ``/proc/<pid>/fd/<n>``: no disk ever holds
it, only this user's processes can open it (children too, whom a path by ``/proc/self`` would not serve), and it is gone
with this process however that ends. Elsewhere it is a file that only this user can read, in a folder likewise, and in
memory where there is a place for that.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from ..values.secret import Secret


class HeaderFile(Protocol):
    """A file of headers. The path is the same for as long as it lives."""

    @property
    def path(self) -> str:
        """What GDAL opens."""
        ...

    def write(self, headers: Secret) -> None:
        """Let `headers` be its whole content, in one step: who reads meanwhile gets the old or the new."""
        ...

    def close(self) -> None:
        """Leave nothing of it."""
        ...


def header_file(folders: Sequence[str] | None = None, *, may_be_memory: bool = True) -> HeaderFile:
    """Make an empty file, by memory where that can be had.

    Parameters
    ----------
    folders : sequence of str, optional
        Where else to try, in order; the user's run-time folder, shared memory and the temporary folder unless given.
    may_be_memory : bool
    """
    if may_be_memory:
        # AttributeError: another system; OSError: a sandbox that forbids it, or hides /proc
        with suppress(AttributeError, OSError):
            return _MemoryFile()
    return _FolderFile(_standard_folders() if folders is None else folders)


class _MemoryFile:
    def __init__(self) -> None:
        self._descriptor = _memory(Secret(""))
        self.path = f"/proc/{os.getpid()}/fd/{self._descriptor}"
        Path(self.path).read_bytes()

    def write(self, headers: Secret) -> None:
        # another file under the same number: writing into the one that is there could be seen half done
        new = _memory(headers)
        try:
            os.dup2(new, self._descriptor, inheritable=False)
        finally:
            os.close(new)

    def close(self) -> None:
        self.write(Secret(""))
        os.close(self._descriptor)


def _memory(content: Secret) -> int:
    descriptor = os.memfd_create("ipyterrascope", os.MFD_CLOEXEC)
    os.fchmod(descriptor, 0o600)
    os.write(descriptor, content.reveal().encode())
    return descriptor


class _FolderFile:
    def __init__(self, folders: Sequence[str]) -> None:
        self._folder = Path(_private_folder(folders))
        self.path = str(self._folder / "headers")
        self.write(Secret(""))

    def write(self, headers: Secret) -> None:
        descriptor, name = tempfile.mkstemp(dir=self._folder)
        try:
            os.write(descriptor, headers.reveal().encode())
        finally:
            os.close(descriptor)
        os.replace(name, self.path)

    def close(self) -> None:
        for path in self._folder.glob("*"):
            path.unlink(missing_ok=True)
        self._folder.rmdir()


def _private_folder(folders: Sequence[str]) -> str:
    for folder in folders:
        with suppress(OSError):
            return tempfile.mkdtemp(prefix="ipyterrascope-", dir=folder)
    return tempfile.mkdtemp(prefix="ipyterrascope-")


def _standard_folders() -> list[str]:
    return [folder for folder in (os.environ.get("XDG_RUNTIME_DIR"), "/dev/shm") if folder]  # noqa: S108 - private there
