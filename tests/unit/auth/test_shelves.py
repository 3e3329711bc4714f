"""Where a login can be kept: a file that is this user's alone, and the system's keyring with its ways to fail."""

from __future__ import annotations

import builtins
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keyring
import keyring.backends.fail
import keyring.backends.null
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import InitError, KeyringLocked, PasswordSetError

from ipyterrascope.auth import shelves
from ipyterrascope.auth.login_store import NothingStoredError
from ipyterrascope.auth.private_files import private_folder
from ipyterrascope.auth.shelves import FileShelf, KeyringShelf, logins_folder
from ipyterrascope.auth.stored_login import StoreTroubleError
from ipyterrascope.values.secret import Secret
from testbed.keyrings import Memory
from testbed.leaks import places

TEXT = Secret('{"refresh_token": "s3cret-refresh"}')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "logins"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def shelf(folder: Path) -> FileShelf:
    return FileShelf(folder, "key")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# The file


def test_what_is_written_is_read(shelf: FileShelf, folder: Path) -> None:
    """The text comes back; the file is this user's alone, and nothing else is left beside it."""
    with pytest.raises(NothingStoredError):
        shelf.read()
    for text in (TEXT, Secret("")):
        shelf.write(text)
        assert shelf.read() == text
    assert mode_of(folder / "key.login") == 0o600
    assert [path.name for path in folder.iterdir()] == ["key.login"]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_mode_does_not_depend_on_the_umask(shelf: FileShelf, folder: Path, umask: int) -> None:
    """However generous the umask is, nobody else can read the file."""
    before = os.umask(umask)
    try:
        shelf.write(TEXT)
    finally:
        os.umask(before)
    assert mode_of(folder / "key.login") == 0o600


def test_a_reader_sees_the_old_or_the_new_text(shelf: FileShelf, folder: Path) -> None:
    """The file is replaced, not written over: who has the old one open reads it to its end."""
    shelf.write(TEXT)
    old = (folder / "key.login").read_text()
    with (folder / "key.login").open() as reader:
        shelf.write(Secret("new"))
        assert reader.read() == old
    assert shelf.read() == Secret("new")


def test_what_a_killed_process_left_is_no_hindrance(shelf: FileShelf, folder: Path) -> None:
    """A half-written neighbour, or a link in its place, is removed and not written through."""
    target = folder / "target"
    target.write_text("untouched")
    (folder / "key.new").symlink_to(target)
    shelf.write(TEXT)
    assert shelf.read() == TEXT
    (folder / "key.new").write_text("half")
    shelf.write(TEXT)
    assert target.read_text() == "untouched"
    assert sorted(path.name for path in folder.iterdir()) == ["key.login", "target"]


def test_what_a_killed_process_wrote_whole_takes_its_place(shelf: FileShelf, folder: Path) -> None:
    """Killed between the writing and the renaming: what is newer counts, since what is there may be void by then."""
    shelf.write(TEXT)
    whole = (folder / "key.login").read_bytes()
    shelf.write(Secret("older"))
    for left, is_whole in ((whole[:-1], False), (b"", False), (b"\xff\n", False), (whole, True)):
        (folder / "key.new").write_bytes(left)
        (folder / "key.new").chmod(0o600)
        assert shelf.was_cut_off()
        assert shelf.read() == Secret("older")
        shelf.recover()
        assert shelf.read() == (TEXT if is_whole else Secret("older"))
        assert [path.name for path in folder.iterdir()] == ["key.login"]
    shelf.recover()
    assert shelf.read() == TEXT


def test_a_link_beside_it_is_not_recovered(shelf: FileShelf, folder: Path) -> None:
    """Only what this user's process wrote takes its place."""
    shelf.write(TEXT)
    target = folder / "target"
    target.write_bytes((folder / "key.login").read_bytes())
    target.chmod(0o600)
    (folder / "key.new").symlink_to(target)
    shelf.remove()
    assert [path.name for path in folder.iterdir()] == ["target"]
    (folder / "key.new").symlink_to(target)
    shelf.recover()
    assert [path.name for path in folder.iterdir()] == ["target"]


def test_nothing_is_left_where_it_cannot_be_written(shelf: FileShelf, folder: Path) -> None:
    """A write that fails leaves no file with the secret beside it, and says so."""
    (folder / "key.login").mkdir()
    with pytest.raises(StoreTroubleError, match="cannot be written"):
        shelf.write(TEXT)
    assert [path.name for path in folder.iterdir()] == ["key.login"]


def test_it_is_no_header(shelf: FileShelf, folder: Path) -> None:
    """GDAL sends the lines of any file that a VRT names for its headers, where they have a colon: these have none."""
    shelf.write(TEXT)
    line = (folder / "key.login").read_text()
    assert ":" not in line
    assert "refresh" not in line
    assert line.count("\n") == 1


def test_a_link_in_the_place_of_the_file_is_replaced(shelf: FileShelf, folder: Path) -> None:
    """It is not read through, and a write replaces the link and not what it leads to."""
    target = folder / "target"
    target.write_text("untouched")
    target.chmod(0o600)
    (folder / "key.login").symlink_to(target)
    with pytest.raises(StoreTroubleError, match="symbolic link"):
        shelf.read()
    shelf.write(TEXT)
    assert (shelf.read(), target.read_text()) == (TEXT, "untouched")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_not_believed(shelf: FileShelf, folder: Path, mode: int) -> None:
    """Somebody opened it to others: it is told, and its mode is left as it is."""
    shelf.write(TEXT)
    (folder / "key.login").chmod(mode)
    with pytest.raises(StoreTroubleError, match="Others can read or change it"):
        shelf.read()
    assert mode_of(folder / "key.login") == mode


def test_removing(shelf: FileShelf, folder: Path) -> None:
    """The file is gone; removing it again, or without its folder, is no error."""
    shelf.write(TEXT)
    shelf.remove()
    shelf.remove()
    assert [*folder.iterdir()] == []


def test_the_signature_tells_every_write(shelf: FileShelf) -> None:
    """Written, written again with the same text, removed: each is another signature, and reading changes none."""
    seen = [shelf.signature()]
    for change in (lambda: shelf.write(TEXT), lambda: shelf.write(TEXT), shelf.remove):
        change()
        seen.append(shelf.signature())
        shelf.signature()
    assert seen[0] == seen[3] == ()
    assert len(set(seen)) == 3


def test_a_disk_that_is_full_leaves_what_was_there(
    shelf: FileShelf, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be written is told, without the text, and the old one stays whole."""
    shelf.write(TEXT)
    if not os.path.exists("/dev/full"):
        raise AssertionError("this test needs /dev/full")
    real = os.open
    monkeypatch.setattr(
        os,
        "open",
        lambda path, *args: real("/dev/full", os.O_WRONLY) if str(path).endswith(".new") else real(path, *args),
    )
    with pytest.raises(StoreTroubleError, match="No space left on device") as caught:
        shelf.write(Secret("n3w-secret-text"))
    monkeypatch.undo()
    assert shelf.read() == TEXT
    assert places("n3w-secret-text", caught.value) == []


def test_the_folder_is_made_when_it_is_needed_and_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lies in the user's data folder; looking for it makes nothing."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    folder = logins_folder()
    assert folder == tmp_path / "data" / "ipyterrascope" / "logins"
    assert FileShelf(folder, "key").why_not() == ""
    assert not (tmp_path / "data").exists()
    private_folder(folder)
    assert mode_of(folder) == 0o700


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.mkdir(mode=0o755), "Others can read or change it"),
        (lambda path: path.write_text(""), "It is no folder"),
        (lambda path: path.symlink_to(path.parent), "It is no folder"),
    ],
)
def test_a_folder_that_is_not_private_keeps_nothing(tmp_path: Path, make: Callable[[Path], Any], reason: str) -> None:
    """A folder that others can look into, or that is none, is refused and not changed."""
    folder = tmp_path / "logins"
    make(folder)
    before = folder.lstat().st_mode
    assert reason in FileShelf(folder, "key").why_not()
    assert folder.lstat().st_mode == before


# The keyring


class Failing(Memory):
    """A keyring that raises."""

    def __init__(self, failure: Exception) -> None:
        super().__init__()
        self.failure = failure

    def get_password(self, service: str, username: str) -> str | None:
        raise self.failure


def test_an_entry_of_the_keyring(use: Any) -> None:
    """Kept, read, replaced and removed, under our own name; removing what is not there is no error."""
    backend = use(Memory())
    shelf = KeyringShelf("key")
    assert shelf.why_not() == ""
    with pytest.raises(NothingStoredError):
        shelf.read()
    for text in (TEXT, Secret("new")):
        shelf.write(text)
        assert shelf.read() == text
    assert list(backend.entries) == [("ipyterrascope", "key")]
    shelf.remove()
    shelf.remove()
    assert backend.entries == {}
    assert shelf.signature() is None


@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        (keyring.backends.fail.Keyring(), "There is no keyring here, as in most containers"),
        (keyring.backends.null.Keyring(), "There is no keyring here, as in most containers"),
        (Failing(KeyringLocked("locked")), "The keyring is locked: unlock it"),
        (Failing(InitError("no")), "could not be opened"),
        (Failing(ValueError("odd s3cret-refresh")), r"The keyring failed \(ValueError\)"),
    ],
)
def test_a_keyring_that_serves_nothing_is_told(use: Any, backend: KeyringBackend, reason: str) -> None:
    """No backend, locked, broken: one sentence, with nothing of the secret in it."""
    use(backend)
    shelf = KeyringShelf("key")
    with pytest.raises(StoreTroubleError, match=reason) as caught:
        shelf.write(TEXT)
    assert places("s3cret-refresh", caught.value, besides=[TEXT]) == []


def test_an_entry_that_is_too_long(use: Any) -> None:
    """A keyring that refuses the entry says so; what was there before is not ours to mend."""

    class Small(Memory):
        def set_password(self, service: str, username: str, password: str) -> None:
            raise PasswordSetError("too long")

    use(Small())
    with pytest.raises(StoreTroubleError, match="too long for this keyring"):
        KeyringShelf("key").write(TEXT)


def test_the_note_of_an_entry_that_is_not_replaced_stays(use: Any, folder: Path) -> None:
    """Where a keyring refuses the next text, the one before is there still, and so is what tells of it."""
    backend = use(Memory())
    shelf = KeyringShelf("key", folder)
    shelf.write(TEXT)

    def refuse(*_: str) -> None:
        raise PasswordSetError("too long")

    backend.set_password = refuse
    with pytest.raises(StoreTroubleError):
        shelf.write(Secret('{"refresh_token": "s3cret-new"}'))
    assert [path.name for path in folder.iterdir()] == ["key.keyring"]
    assert shelf.read() == TEXT


def test_a_keyring_that_forgets(use: Any) -> None:
    """What was kept is looked at again: a backend that takes everything and keeps nothing is no store."""

    class Forgetful(Memory):
        def set_password(self, service: str, username: str, password: str) -> None:
            pass

    use(Forgetful())
    with pytest.raises(StoreTroubleError, match="did not keep it"):
        KeyringShelf("key").write(TEXT)


@pytest.mark.parametrize("backend", [keyring.backends.fail.Keyring(), keyring.backends.null.Keyring()])
def test_where_there_is_no_keyring_none_is_offered(use: Any, backend: KeyringBackend) -> None:
    """Without a backend that keeps things the answer is ready without asking anybody."""
    use(backend)
    assert "as in most containers" in KeyringShelf("key").why_not()


def test_a_locked_keyring_is_not_unlocked_to_ask_whether_it_is_there(use: Any) -> None:
    """Whether a login can be kept is said without opening the keyring, which would ask a person."""
    use(Failing(KeyringLocked("locked")))
    assert KeyringShelf("key").why_not() == ""


def test_a_keyring_that_never_answers(use: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up after a while, and told."""

    class Hanging(Memory):
        def get_password(self, service: str, username: str) -> str | None:
            time.sleep(2)
            return None

    monkeypatch.setattr(shelves, "_KEYRING_WAIT_S", 0.1)
    use(Hanging())
    with pytest.raises(StoreTroubleError, match="did not answer in time"):
        KeyringShelf("key").read()


def test_the_library_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, what to install is said."""
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "keyring":
            raise ModuleNotFoundError("No module named 'keyring'", name="keyring")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    assert KeyringShelf("key").why_not() == "The keyring library is missing: pip install 'ipyterrascope[keyring]'."
