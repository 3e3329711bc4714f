"""Files with a secret: only one that is ours alone is read, and whatever else lies there, nothing hangs or breaks."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from ipyterrascope.auth.private_files import UnfitFileError, read_private

SECRET = "s3cret-t0ken"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that is this user's alone."""
    path = tmp_path / "token"
    path.write_text(SECRET)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_that_is_ours_alone_is_read(path: Path, mode: int) -> None:
    """Its text is returned, with when it was written; its repr shows no text."""
    path.chmod(mode)
    content = read_private(path)
    assert content.text == SECRET
    assert content.written_at == path.stat().st_mtime
    assert SECRET not in repr(content)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o777])
def test_a_file_that_others_reach_is_refused(path: Path, mode: int) -> None:
    """Readable or writable for the group or the world is too much, unless it is allowed; the mode is left as it is."""
    path.chmod(mode)
    with pytest.raises(UnfitFileError, match=f"Others can read or change it .its mode is {mode:04o}"):
        read_private(path)
    assert path.stat().st_mode & 0o777 == mode
    assert read_private(path, may_be_shared=True).text == SECRET


def test_a_file_of_another_user_is_refused(path: Path) -> None:
    """Whose it is counts, unless it is allowed."""
    with pytest.raises(UnfitFileError, match="belongs to another user"):
        read_private(path, user_id=os.geteuid() + 1)
    assert read_private(path, user_id=os.geteuid() + 1, may_be_shared=True).text == SECRET


def test_a_link_is_followed_only_where_that_is_meant(path: Path) -> None:
    """Where links may be, the file it leads to is what is checked."""
    link = path.with_name("link")
    link.symlink_to(path)
    with pytest.raises(UnfitFileError, match="symbolic link"):
        read_private(link)
    assert read_private(link, may_be_link=True).text == SECRET
    path.chmod(0o644)
    with pytest.raises(UnfitFileError, match="Others can read"):
        read_private(link, may_be_link=True)


def sock(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "It is not there"),
        (lambda path: path.mkdir(), "no regular file"),
        (os.mkfifo, "no regular file"),
        (sock, "no regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "no regular file"),
        (lambda path: path.symlink_to(path), "cannot be read"),
        (lambda path: path.symlink_to("nowhere"), "It is not there"),
        (lambda path: path.write_bytes(b"x" * 65537), "too large"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "not text"),
    ],
)
def test_whatever_else_lies_there_is_told(tmp_path: Path, make: Callable[[Path], object], reason: str) -> None:
    """A folder, a pipe, a device, a huge or binary file: one sentence, at once."""
    path = tmp_path / "t"
    make(path)
    if path.is_file():
        path.chmod(0o600)
    with pytest.raises(UnfitFileError, match=reason):
        read_private(path, may_be_link=True)


def test_a_path_below_a_file(path: Path) -> None:
    """A path that cannot be there is not there."""
    with pytest.raises(UnfitFileError, match="not there"):
        read_private(path / "below")


def test_the_signature_tells_every_change(path: Path) -> None:
    """Written in place or replaced, also with the same size and time: it is another signature."""
    signatures = {read_private(path).signature}
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    for number in range(3):
        path.write_text(SECRET[:-1] + str(number))
        os.utime(path, ns=times)
        signatures.add(read_private(path).signature)
    other = path.with_name("other")
    other.write_text(SECRET)
    other.chmod(0o600)
    os.utime(other, ns=times)
    other.replace(path)
    signatures.add(read_private(path).signature)
    assert len(signatures) >= 4  # two writes within one tick of the clock may look alike
