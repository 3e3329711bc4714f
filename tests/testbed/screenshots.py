"""Take a picture of each face of the widgets: `make screenshots`. In JupyterLab, three themes, wide and narrow."""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.browser import chromium, loopback_context
from testbed.download_scenes import DOWNLOAD_ENDINGS, DOWNLOAD_SCENES, download_theatre
from testbed.lab import Lab, Notebook, lab_server
from testbed.scenes import ENDINGS, GUESTS, SCENES, THEMES, theatre

if TYPE_CHECKING:
    from playwright.sync_api import Locator

WIDTHS = {"wide": 0, "narrow": 320}
_SET_WIDTH = "([card, width]) => { card.parentElement.style.width = width ? `${width}px` : ''; }"


def main(folder: Path) -> None:
    """Write the pictures to `folder`: `FACE-WIDTH-THEME.png`."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, chromium() as browser, loopback_context(browser) as context:
        (Path(name) / "lab").mkdir()
        with lab_server(Path(name) / "lab") as server:
            lab = Lab(server, context, Path(name))
            for face, notebook, widget in _faces(lab):
                for theme in THEMES:
                    notebook.use_theme(THEMES[theme])
                    for width, px in WIDTHS.items():
                        notebook.page.evaluate(_SET_WIDTH, [widget.element_handle(), px])
                        widget.screenshot(path=folder / f"{face}-{width}-{theme}.png")
            lab.server.end_kernels()
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")


def _faces(lab: Lab) -> Iterator[tuple[str, Notebook, Locator]]:
    casts = itertools.groupby(GUESTS, lambda name: GUESTS[name].cast)
    stages = [("terrascope", list(SCENES)), *((cast, list(names)) for cast, names in casts)]
    stages += [("terrascope", [name]) for name in ENDINGS]
    for cast, names in stages:
        with theatre(lab, cast) as stage:
            for name in names:
                yield name, stage.notebook, stage.show(name)
    for names in (list(DOWNLOAD_SCENES), *([name] for name in DOWNLOAD_ENDINGS)):
        with download_theatre(lab) as downloads:
            for name in names:
                yield name, downloads.notebook, downloads.show(name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
