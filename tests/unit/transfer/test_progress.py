from __future__ import annotations

import io
import re
from typing import Any

import pytest
from downloads import DATA, Downloads
from faulty import Answer
from tqdm import tqdm

from ipyterrascope.errors import ServerUnreachable
from ipyterrascope.transfer import Backoff, DownloadState, FileState, download
from ipyterrascope.transfer.progress import TerminalBar, show_bar, show_waits

NAME = "S2C_20260807T104621_31TCN_TOC-B02_10M_V220.tif"


class Bars(TerminalBar):
    """A bar that is drawn into memory and can be looked at after its end."""

    def __init__(self, columns: int = 160) -> None:
        self.bars: list[tqdm[Any]] = []
        self.screen = io.StringIO()
        self.columns = columns
        super().__init__(self.draw)

    def draw(self, **options: object) -> tqdm[Any]:
        self.bars.append(tqdm(file=self.screen, ncols=self.columns, **options))  # type: ignore[arg-type]
        return self.bars[-1]

    def drawn(self) -> str:
        text = self.screen.getvalue().replace("\x1b[A", "").replace("\r", "\n")
        return text.rstrip().rpartition("\n")[2]


def state(phase: str = "running", **fields: Any) -> DownloadState:
    return DownloadState(phase=phase, **{"files_total": 3, **fields})  # type: ignore[arg-type]


def test_a_download_under_way() -> None:
    """The bar tells files, how much is done, bytes, speed, what is left, and which file comes."""
    bar = Bars()
    active = (FileState(name="b.tif", status="active"), FileState(name="c.tif", status="active"))
    figures = {"bytes_done": 500, "bytes_total": 1000, "bytes_per_s": 250.4, "eta_s": 2.0, "fraction": 0.5}
    bar.show(state(files_done=1, active=active, **figures))
    assert bar.drawn().startswith("1 of 3 files  50%|")
    assert bar.drawn().endswith("500 B of 1.0 kB, 250 B/s, 2 s left, b.tif +1")


def test_the_first_frame_is_true() -> None:
    """No frame says that nothing is there beside files that are."""
    bar = Bars()
    bar.show(state(files_done=3, fraction=1.0))
    assert "3 of 3 files 100%" in bar.screen.getvalue()
    assert " 0%" not in bar.screen.getvalue()


@pytest.mark.parametrize(("columns", "name"), [(160, NAME), (110, "S2C_…C-B02_10M_V220.tif"), (80, "")])
def test_the_bar_has_room(columns: int, name: str) -> None:
    """However long a product's name is, there is a bar to be seen; of the name the end stays, which tells the band."""
    bar = Bars(columns)
    active = tuple(FileState(name=name, status="active") for name in [NAME] * 8)
    figures = {
        "bytes_done": 279_700,
        "bytes_total": 1_100_000,
        "bytes_per_s": 63_100.0,
        "eta_s": 12.0,
        "fraction": 0.27,
    }
    bar.show(state(files_total=8, active=active, **figures))
    assert bar.drawn().endswith(f"63.1 kB/s, 12 s left, {name} +7" if name else "63.1 kB/s, 12 s left")
    assert len(bar.drawn()) == columns
    assert len(bar.drawn().split("|")[1]) >= 8


def test_waiting_is_said() -> None:
    """While a busy server is waited for, the bar says so, rather than which file comes."""
    bar = Bars()
    waiting = FileState(name="b.tif", status="active", note="It is busy. Next try in 30 s.")
    bar.show(state(active=(FileState(name="a.tif", status="active"), waiting)))
    assert bar.drawn().endswith("b.tif: It is busy. Next try in 30 s.")


@pytest.mark.parametrize(
    ("note", "said"),
    [
        ("Another download is fetching it.", "0 B of 1.1 MB, Another download is fetching it."),
        ("files.example did not deliver the file (503). Next try in 30 s.", "file (503). Next try in 30 s."),
    ],
)
def test_the_end_of_what_is_waited_for_is_seen(note: str, said: str) -> None:
    """What is waited for is not cut off at the edge of a narrow terminal: name and figures make room for it."""
    bar = Bars(80)
    bar.show(state(bytes_total=1_100_000, active=(FileState(name=NAME, status="active", note=note),)))
    assert bar.drawn().endswith(said)
    assert len(bar.drawn()) == 80


def test_failures_are_counted() -> None:
    """What failed is said, and the last state stays on the screen."""
    bar = Bars()
    bar.show(state())
    bar.show(state("failed", files_done=2, files_failed=1, fraction=2 / 3))
    assert bar.drawn().startswith("2 of 3 files  67%|")
    assert bar.drawn().endswith("1 failed")
    assert bar.screen.getvalue().endswith("\n")


def test_a_retry_has_a_bar_of_its_own() -> None:
    """The end closes the bar; a download that begins again begins another one."""
    bar = Bars()
    for phase in ("running", "failed", "running", "done"):
        bar.show(state(phase))
    assert len(bar.bars) == 2
    assert all(each.disable for each in bar.bars)


def test_nothing_is_printed_where_nobody_looks(capfd: pytest.CaptureFixture[str]) -> None:
    """Where stderr is no terminal, nothing is drawn and nobody observes the download."""

    class Unobserved:
        def observe(self, callback: object) -> None:
            raise AssertionError("nobody looks")

    show_bar(Unobserved())  # type: ignore[arg-type]
    assert capfd.readouterr() == ("", "")


def test_a_wait_is_told_where_there_is_no_bar(one: Downloads, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing goes on one line says for what a download waits, and no second one follows."""
    engine = one.engine(backoff=Backoff(max_tries=3, first_s=1.0))
    with pytest.raises(ServerUnreachable):
        download("http://127.0.0.1:9/a.tif", one.folder, engine=engine, show=show_waits)
    out, err = capsys.readouterr()
    assert not out
    assert re.fullmatch(r"a\.tif: 127\.0\.0\.1:9 takes no connections\. Next try in [01] s\.\n", err)


def test_work_is_no_wait(one: Downloads, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is printed of a download that goes on."""
    one.server.files["/a.tif"] = Answer(DATA, pause_s=0.05)
    download(one.server.url("/a.tif"), one.folder, engine=one.engine(), show=show_waits)
    assert capsys.readouterr() == ("", "")
