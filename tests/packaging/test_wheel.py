"""What people install: the tests run on it, it is whole, and it needs no Node. `make test` builds and installs it."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import ipyterrascope


@pytest.fixture
def wheel(pytestconfig: pytest.Config) -> Path:
    (path,) = (pytestconfig.rootpath / "dist").glob("*.whl")
    return path


def test_the_tests_run_on_the_installed_wheel(wheel: Path) -> None:
    """What is imported lies in site-packages and is, byte for byte, what the wheel holds."""
    site_packages = Path(sysconfig.get_path("purelib"))
    with zipfile.ZipFile(wheel) as archive:
        package = [name for name in archive.namelist() if name.startswith("ipyterrascope/")]
        differing = [name for name in package if (site_packages / name).read_bytes() != archive.read(name)]

    assert Path(ipyterrascope.__file__) == site_packages / "ipyterrascope" / "__init__.py"
    assert not differing


def test_the_wheel_has_the_front_end_and_its_types(wheel: Path) -> None:
    """It serves every Python 3 on every system, and brings the built front-end, the licence and `py.typed`."""
    with zipfile.ZipFile(wheel) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}

    assert wheel.name.endswith("-py3-none-any.whl")
    static = [f"static/{name}" for name in ("login.js", "login.css", "download.js", "download.css")]
    for name in (*static, "__init__.py"):
        assert sizes[f"ipyterrascope/{name}"] > 0
    assert "ipyterrascope/py.typed" in sizes
    assert any(name.endswith("/LICENSE") for name in sizes)
    # of the QR encoder, which is bundled
    assert any(name.endswith("/lean-qr.txt") for name in sizes)
    assert not [name for name in sizes if not name.startswith(("ipyterrascope/", "ipyterrascope-"))]


def test_the_description_stands_alone(wheel: Path) -> None:
    """What a package index shows of it leads to no file beside it, and is not empty."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        text = archive.read(name).decode().partition("\n\n")[2]

    assert "%terrascope login" in text
    targets = re.findall(r"\]\(\s*([^)\s]+)|(?:src|href)=[\"']?([^\"'\s>]+)", text)
    assert [target for pair in targets for target in pair if target and not target.startswith("https://")] == []


def test_installing_the_wheel_needs_no_node(wheel: Path, tmp_path: Path) -> None:
    """pip puts it in place without anything on the search path."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        tmp_path,
        wheel,
    ]

    subprocess.run(command, check=True, env={"PATH": ""}, timeout=120)

    assert (tmp_path / "ipyterrascope" / "static" / "login.js").stat().st_size > 0
