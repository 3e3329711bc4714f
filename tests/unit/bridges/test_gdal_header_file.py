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

from ipyterrascope.bridges.gdal_header_file import HeaderFile, header_file
from ipyterrascope.values.secret import Secret


@pytest.fixture(params=["memory", "folder"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[HeaderFile]:
    made = header_file([str(tmp_path)], may_be_memory=request.param == "memory")
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


def test_memory_is_on_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Linux nothing is written to any folder, and after the end there is nothing to open."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    file = header_file()
    file.write(Secret("Authorization: Bearer x\n"))
    assert file.path.startswith(f"/proc/{os.getpid()}/fd/")
    assert "memfd" in os.readlink(file.path)
    assert not [*tmp_path.iterdir()]
    path = file.path
    file.close()
    assert not os.path.exists(path)


def test_without_memory_it_is_in_the_first_folder_that_will_do(tmp_path: Path) -> None:
    """A folder that is not there is passed over, and at the end nothing is left."""
    file = header_file([str(tmp_path / "missing"), str(tmp_path)], may_be_memory=False)
    file.write(Secret("Authorization: Bearer x\n"))
    assert Path(file.path).parent.parent == tmp_path
    file.close()
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("where", ["memory", "folder"])
def test_the_secret_is_in_no_frame_of_a_failure(where: str, tmp_path: Path, holds: Callable[..., list[str]]) -> None:
    """What fails while it is written carries nothing of the header away."""
    file = header_file([str(tmp_path)], may_be_memory=where == "memory")
    secret = "Authorization: Bearer eyJ0aGlzIGlzIG5vdCBmb3IgeW91"
    if where == "memory":
        os.close(int(file.path.rpartition("/")[2]))
        file._descriptor = 1 << 20  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    else:
        os.unlink(file.path)
        os.mkdir(file.path)
    with pytest.raises(OSError, match=r"descriptor|directory") as caught:
        file.write(Secret(secret))
    assert holds(secret, caught.value) == []
