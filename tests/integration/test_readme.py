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
    """Pasted one after the other, with the sign-in approved where it asks for it, no cell of the tour fails, nor one of
    those about GDAL and xarray after it."""
    tour, reads = cells_of("A tour of a minute"), cells_of("The token in GDAL, xarray and zarr")
    assert (len(tour), len(reads)) == (4, 2)
    for source in [*tour, *reads]:
        cell = notebook.run(source)
        assert not cell.ename, cell.shown
        for view in [view for view in cell.views if "phase" in notebook.widgets[view]]:
            notebook.until_phase(view, "awaiting_user")
            box.approve(box.waiting_codes[0])
            notebook.until_phase(view, "signed_in")
    assert len([*tmp_path.glob("data/**/*.tif")]) == 2
    assert len(box.requests_to("/revoke")) == 1
    assert notebook.run("int(picture.sum()) > 0").result == "True"
    assert cell.stream == "b'II*\\x00'\n"


def test_the_workers_of_a_cluster_are_signed_in_as_the_readme_says(notebook: FrontEnd, box: Sandbox) -> None:
    """The cells about Dask run as they are, in a notebook that has signed in and has the tour's `url` and `items`."""
    view = notebook.run("%load_ext ipyterrascope\n%terrascope login").views[0]
    notebook.until_phase(view, "awaiting_user")
    box.approve(box.waiting_codes[0])
    notebook.until_phase(view, "signed_in")
    (search,) = re.findall(r"^items = .*$", README, re.MULTILINE)
    notebook.run(f"import ipyterrascope as ts; url = {box.download_urls[0]!r}; {search}")
    first, second = cells_of("On the workers of a Dask cluster")
    assert notebook.run(first).result == "200"
    assert "2 workers have the token" in notebook.run("%terrascope status").result
    assert not notebook.run(second).ename
    assert notebook.run("len(report.saved)").result == "2"
    assert not notebook.run("client.close()").ename


def test_earthdata_login_is_tried_without_an_account_as_the_readme_says(notebook: FrontEnd, tmp_path: Path) -> None:
    """The two cells about its sandbox run as they are; the token that the first one prints is pasted between them."""
    _, first, second = cells_of("NASA Earthdata Login")
    notebook.run("%load_ext ipyterrascope")
    cell = notebook.run(first)
    assert not cell.ename, cell.shown
    token, _ = cell.stream.split()
    (view,) = [view for view in cell.views if "phase" in notebook.widgets[view]]
    form = {"username": "", "method": "token", "has_one_time_code": False}
    notebook.click(view, "submit_password", [token.encode()], **form)
    assert notebook.until_phase(view, "signed_in")["user"] == "dora"
    assert not notebook.run(second).ename
    assert (tmp_path / "data" / "granule.h5").read_bytes() == b"not much"


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
