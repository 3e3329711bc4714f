"""The download widget's looks in JupyterLab: every face, in three themes, wide and narrow, and by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from testbed.download_scenes import DOWNLOAD_SCENES, DownloadTheatre, download_theatre
from testbed.lab import Lab
from testbed.looks import checked, size_of
from testbed.scenes import THEMES

WIDTHS_PX = (0, 640, 320, 240)  # 0: as the cell is
# while these follow one another nothing below may move
_OF_THREE_FILES = {
    f"download-{name}" for name in ("starting", "running", "waiting", "paused", "done", "failed", "cancelled")
}
_ROOT = ".jp-NotebookPanel:not(.lm-mod-hidden) .ipyterrascope-download"


@pytest.fixture
def stage(lab: Lab) -> Iterator[DownloadTheatre]:
    with download_theatre(lab) as stage:
        yield stage


def test_every_face_is_accessible(stage: DownloadTheatre, record_property: Any) -> None:
    """axe finds nothing wrong and is unsure of nothing in light, dark and high contrast, and it did look at the
    contrast of the texts in each face."""
    found: dict[str, list[Any]] = {}
    looked: dict[str, int] = {}
    for name in DOWNLOAD_SCENES:
        stage.show(name)
        for theme, label in THEMES.items():
            stage.notebook.use_theme(label)
            face = f"{name}, {theme}"
            found[face], looked[face] = checked(stage.notebook.page, _ROOT)
    record_property("color-contrast", looked)
    assert {face: faults for face, faults in found.items() if faults} == {}
    assert min(looked.values()) >= 8, looked


def test_a_lost_kernel_is_accessible(stage: DownloadTheatre) -> None:
    """The same holds where the kernel knows nothing of the download, and where it is gone."""
    for name in ("download-gone", "download-stopped"):
        stage.show(name)
        for theme in THEMES.values():
            stage.notebook.use_theme(theme)
            faults, looked = checked(stage.notebook.page, _ROOT)
            assert faults == []
            assert looked >= 3


def test_every_face_fits_and_nothing_below_jumps(stage: DownloadTheatre) -> None:
    """From its start to whatever end a download is equally high, wide and narrow; and nothing sticks
    out of the card and no word is broken."""
    heights: dict[int, dict[str, int]] = {width: {} for width in WIDTHS_PX}
    faults: list[tuple[object, ...]] = []
    for name in DOWNLOAD_SCENES:
        stage.show(name)
        for width in WIDTHS_PX:
            height, over, broken = size_of(stage.notebook.page, _ROOT, width)
            if name in _OF_THREE_FILES:
                heights[width][name] = height
            # a file's name is as long as it is
            broken = [word for word in broken if "_" not in word]
            if over > 0 or broken:
                faults.append((name, width, over, broken))
    assert faults == []
    for width in (0, 320):
        assert len(set(heights[width].values())) == 1, heights[width]


def test_all_of_it_by_keyboard(stage: DownloadTheatre) -> None:
    """Tab leads through the lists, the rows and the buttons in the order of reading, and never out of the widget to a
    command of the notebook; the arrows scroll the rows."""
    widget = stage.show("download-many")
    page = stage.notebook.page
    widget.get_by_role("button", name="Under way 8").focus()
    reached = []
    for _ in range(6):
        reached.append(
            page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText")
        )
        page.keyboard.press("Tab")
    assert reached[:6] == ["Under way 8", "Failed 3", "All 10,000", "Files under way", "Pause", "Cancel"]
    widget.get_by_role("button", name="All 10,000").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    widget.get_by_text("_09999_").first.wait_for()
    assert stage.notebook.cell(2).count() == 1


_CUT = """card => [...card.querySelectorAll(".ts-name span")]
  .filter(part => part.scrollWidth > part.clientWidth)
  .map(part => [part.textContent, part.clientWidth])"""


def test_a_name_that_is_cut_says_so(stage: DownloadTheatre) -> None:
    """However narrow the card is, what is left of a file's name has the ellipsis of what is missing."""
    for name in ("download-done", "download-running"):
        widget = stage.show(name)
        for width in range(160, 330, 10):
            size_of(stage.notebook.page, _ROOT, width)
            cut = widget.evaluate(_CUT)
            assert cut or width > 300
            # a wide letter and the ellipsis
            assert [part for part, room_px in cut if room_px < 24] == [], (name, width)
