"""The README as somebody follows it who has never seen this: what it shows to paste works."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernels import FrontEnd, front_end
from places import environment_for

from ipyterrascope.sandbox import Sandbox
from private_jupyter import configure_ipython, provider_traits

README = (Path(__file__).parents[2] / "README.md").read_text()


def cells_of(section: str) -> list[str]:
    """Return the Python blocks of a section."""
    text = README.partition(f"## {section}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.fixture
def notebook(box: Sandbox, tmp_path: Path) -> Iterator[FrontEnd]:
    """A notebook in front of a person, configured as `make demo` does it."""
    environ = environment_for(tmp_path)
    configure_ipython(Path(environ["IPYTHONDIR"]), provider_traits(box.provider()))
    with front_end(environ, tmp_path) as opened:
        yield opened


def test_each_cell_of_the_tour_works_when_pasted(notebook: FrontEnd, box: Sandbox, tmp_path: Path) -> None:
    """Pasted one after the other, with the sign-in approved where it asks for it, no cell of the tour fails."""
    cells = cells_of("A tour of a minute")
    assert len(cells) == 4
    for source in cells:
        cell = notebook.run(source)
        assert not cell.ename, cell.shown
        for view in [view for view in cell.views if "phase" in notebook.widgets[view]]:
            notebook.until_phase(view, "awaiting_user")
            box.approve(box.waiting_codes[0])
            notebook.until_phase(view, "signed_in")
    assert len([*tmp_path.glob("data/**/*.tif")]) == 2
    assert len(box.requests_to("/revoke")) == 2


def test_the_token_is_where_the_readme_says(notebook: FrontEnd, box: Sandbox) -> None:
    """The cells about GDAL and xarray run as they are, in a notebook that has signed in and has the tour's `urls`."""
    url = next(url for url in box.download_urls if url.endswith("_TOC-B02_10M_V220.tif"))
    view = notebook.run("%load_ext ipyterrascope\n%terrascope login").views[0]
    notebook.until_phase(view, "awaiting_user")
    box.approve(box.waiting_codes[0])
    notebook.until_phase(view, "signed_in")
    notebook.run(f"import ipyterrascope as ts; urls = [{url!r}]")
    first, second = cells_of("The token in GDAL, xarray and zarr")
    assert not notebook.run(first).ename
    assert notebook.run("int(picture.sum()) > 0").result == "True"
    assert notebook.run(second).stream == "b'II*\\x00'\n"


def test_the_configuration_shown_is_one(box: Sandbox, tmp_path: Path) -> None:
    """The lines for `ipython_config.py` load the extension and set the traits, as the `%config` line does."""
    (lines,) = cells_of("Configuration")
    (line,) = re.findall(r"`(%config [^`]*=[^`]*)`", README)
    environ = environment_for(tmp_path, box)
    profile = Path(environ["IPYTHONDIR"]) / "profile_default"
    profile.mkdir(parents=True)
    (profile / "ipython_config.py").write_text(lines)
    with front_end(environ, tmp_path) as notebook:
        for _ in range(2):
            assert notebook.run("%config Terrascope.keep_alive_s").result == "7200.0"
            notebook.run("%config Terrascope.keep_alive_s = 0.0")
            notebook.run(line)
        assert notebook.run("%config Terrascope.verify").result == "'/etc/ssl/my-ca.pem'"
