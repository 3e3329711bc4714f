"""The file from which GDAL reads its headers: who can read it, and what they see while it changes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ipyterrascope.bridges.gdal_header_file import HeaderFile
from ipyterrascope.values.secret import Secret
from testbed.waiting import until


@pytest.fixture
def file(tmp_path: Path) -> Iterator[HeaderFile]:
    made = HeaderFile([str(tmp_path)])
    yield made
    made.close()


def test_a_reader_sees_the_old_or_the_new_and_nothing_else(file: HeaderFile) -> None:
    """While it is replaced a hundred times and more, each of a thousand readings finds one whole header."""
    contents = [f"Authorization: Bearer {letter * 1500}\n" for letter in "ab"]
    file.write(Secret(contents[0]))
    seen: list[str] = []
    is_over = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            seen.append(Path(file.path).read_text())
            time.sleep(0.0005)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    number = 0
    while len(seen) < 1000 or number < 100:
        number += 1
        file.write(Secret(contents[number % 2]))
    is_over.set()
    for reader in readers:
        reader.join()
    assert set(seen) == set(contents)


def test_only_this_user_can_read_it(file: HeaderFile) -> None:
    """The file is closed to others from its first byte on, and so is the folder around it."""
    file.write(Secret("Authorization: Bearer x\n"))
    assert stat.S_IMODE(os.stat(file.path).st_mode) == 0o600
    assert not stat.S_IMODE(os.stat(Path(file.path).parent).st_mode) & 0o077


def test_a_child_reads_what_is_written_after_it_was_started(file: HeaderFile) -> None:
    """The path serves a child process too, with what the parent has written in the meantime."""
    code = "import sys; sys.stdin.readline(); print(open(sys.argv[1]).read())"
    with subprocess.Popen(
        [sys.executable, "-c", code, file.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        file.write(Secret("Authorization: later\n"))
        told, _ = child.communicate("\n", timeout=30)
    assert told.strip() == "Authorization: later"


def test_it_is_in_memory_and_gone_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's run-time folder goes first, then shared memory; one that is not there is passed over."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    first = HeaderFile()
    assert Path(first.path).parent.parent == tmp_path
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "missing"))
    second = HeaderFile()
    if os.path.isdir("/dev/shm"):
        assert Path(second.path).parent.parent == Path("/dev/shm")
    for file in (first, second):
        file.write(Secret("Authorization: Bearer x\n"))
        file.close()
        assert not Path(file.path).parent.exists()


def test_nobody_can_guess_where_it_is(file: HeaderFile) -> None:
    """No open file leads to it, nor to its folder, and its name is another one each time.

    So a picture of anybody's, which GDAL may take for a VRT, cannot name it as the headers for another host.
    """
    file.write(Secret("Authorization: Bearer x\n"))
    folder = os.path.dirname(file.path)
    if os.path.isdir("/proc/self/fd"):
        opened = [
            os.readlink(f"/proc/self/fd/{number}")
            for number in map(int, os.listdir("/proc/self/fd"))
            if os.path.lexists(f"/proc/self/fd/{number}")
        ]
        assert [path for path in opened if path.startswith(folder)] == [os.path.join(folder, "lock")]
    assert Path(folder, "lock").read_bytes() == b""
    assert len(os.path.basename(file.path)) == 32


LEFT = """
import os, sys, time
from ipyterrascope.bridges.gdal_header_file import HeaderFile
from ipyterrascope.values.secret import Secret
file = HeaderFile([sys.argv[1]])
file.write(Secret("Authorization: Bearer x"))
child = os.fork() if sys.argv[2] == "parent" else 1
print(file.path, child, flush=True) if child else None
sys.stdin.readline() if child else time.sleep(600)
"""


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    """The folder of a process that was killed goes, that of a living one stays, and so does one whose child lives."""
    command = [sys.executable, "-c", LEFT, str(tmp_path)]

    def begun(kind: str) -> tuple[subprocess.Popen[str], str, int]:
        process = subprocess.Popen([*command, kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        path, child = process.stdout.readline().split()
        return process, path, int(child)

    killed, killed_path, _ = begun("alone")
    living, living_path, _ = begun("alone")
    parent, parents_path, child = begun("parent")
    for process in (killed, parent):
        process.kill()
        process.wait()
    try:
        HeaderFile([str(tmp_path)]).close()
        there = [os.path.exists(path) for path in (killed_path, living_path, parents_path)]
        assert there == [False, True, True]
    finally:
        os.kill(child, 9)
        living.communicate("\n")

    def is_nothing_left() -> bool:
        HeaderFile([str(tmp_path)]).close()
        return not [*tmp_path.iterdir()]

    # the child is nobody's to wait for
    until(is_nothing_left)


def test_the_secret_is_in_no_frame_of_a_failure(file: HeaderFile, holds: Callable[..., list[str]]) -> None:
    """What fails while it is written carries nothing of the header away."""
    secret = "Authorization: Bearer eyJ0aGlzIGlzIG5vdCBmb3IgeW91"
    os.unlink(file.path)
    os.mkdir(file.path)
    with pytest.raises(OSError, match="directory") as caught:
        file.write(Secret(secret))
    assert holds(secret, caught.value) == []


def test_nothing_else_is_removed(tmp_path: Path) -> None:
    """A folder of a like name that is not of this kind stays with all that is in it, however old it is."""
    others = [tmp_path / f"ipyterrascope-{name}" for name in ("data", "gdal-data", "gdal-locked", "gdal-empty")]
    for folder in others:
        folder.mkdir()
    for folder in others[:3]:
        (folder / "scene.tif").write_bytes(b"II*")
    (others[2] / "lock").write_bytes(b"")
    for folder in others:
        os.utime(folder, (0, 0))
    HeaderFile([str(tmp_path)]).close()
    assert [folder.name for folder in sorted(tmp_path.iterdir())] == sorted(folder.name for folder in others[:3])
    assert [(folder / "scene.tif").read_bytes() for folder in others[:3]] == [b"II*"] * 3


def test_many_begin_and_end_at_the_same_moment(tmp_path: Path) -> None:
    """No process takes away what another one is making or removing, as the workers of a cluster do together."""
    code = (
        "import sys; from ipyterrascope.bridges.gdal_header_file import HeaderFile; sys.stdin.read(1)\n"
        "for _ in range(100): HeaderFile([sys.argv[1]]).close()"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"x")
        process.stdin.flush()
    assert [(process.communicate(timeout=60)[1], process.returncode) for process in processes] == [(b"", 0)] * 4
    assert [*tmp_path.iterdir()] == []
