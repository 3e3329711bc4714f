from __future__ import annotations

from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ipyterrascope.transfer.names import MAX_NAME_BYTES, _cleaned, clean, host_of, last_segment, path_segments, shown

hostile = st.one_of(
    st.text(),
    st.text(alphabet="./\\: %\x00aCON~"),
    st.text(st.characters(codec=None)),
    st.sampled_from(
        ["..", ".", "...", "/", "\\", "C:", "C:\\x", "nul", "CON.tif", "com1", ".netrc", "a\x00b", "x" * 300]
    ),
)


@pytest.mark.soak
@given(hostile)
@example("../../etc/passwd")
@example("..\\..\\windows\\system32")
@example("a" * 235 + ".part")
def test_clean_name_stays_in_its_folder(text: str) -> None:
    """Whatever a server calls a file, its name is one plain component on POSIX and on Windows."""
    name = clean(text)
    if not name:
        return
    folder = Path("/data/target")
    assert (folder / name).parent == folder
    assert Path(f"/data/target/{name}").resolve(strict=False).parent == folder.resolve(strict=False)
    windows = PureWindowsPath(name)
    assert (windows.drive, windows.root, len(windows.parts)) == ("", "", 1)
    assert not windows.is_reserved()
    assert not name.startswith((".", " "))
    assert not name.endswith((".", " ", ".part", ".part.json", ".py", ".so"))
    assert name.isprintable() or not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in name)
    assert len(name.encode()) <= MAX_NAME_BYTES


@pytest.mark.soak
@given(hostile)
def test_clean_name_is_kept(text: str) -> None:
    """Cleaning twice changes nothing more."""
    name = clean(text)
    assert clean(name) == name


@pytest.mark.soak
@given(
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "con", "CON ", "nul.", "lpt1", "com0 .x", "a", "-", "prn", "aux.tif"]),
        st.text(alphabet="aB3._ -", max_size=6) | st.sampled_from(["a" * 229, "a" * 240]),
        st.sampled_from(["", ".part", ".PART.json", ".py", ".Pyc", ".so", ".tif", "y", "\n", "."]),
    )
)
def test_plain_names_are_cleaned_as_all_others(text: str) -> None:
    """The short way for names in which nothing is forbidden ends where the long one does."""
    assert clean(text) == _cleaned(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("S2B_20260807-B02_10M_V220.tif", "S2B_20260807-B02_10M_V220.tif"),
        ("värme karta 1.tif", "värme karta 1.tif"),
        ("../../etc/passwd", "__.._etc_passwd"),
        ("C:\\autoexec.bat", "C__autoexec.bat"),
        ("a\x00b\nc.tif", "a_b_c.tif"),
        ("nul", "_nul"),
        ("CON.tif", "_CON.tif"),
        ("console.tif", "console.tif"),
        (".netrc", "_netrc"),
        ("trailing. . ", "trailing"),
        ("x.tif.part", "x.tif.part_"),
        ("x.tif.PART.json", "x.tif.PART.json_"),
        ("innocent\u202efit.exe", "innocent_fit.exe"),
        ("a\u00adb\u3164c\u206ad\U000e0041e.tif", "a_b_c_d_e.tif"),
        ("\u0646\u0645\u06cc\u200c\u062f.tif", "\u0646\u0645\u06cc\u200c\u062f.tif"),
        ("numpy.py", "numpy.py_"),
        ("numpy.PYC", "numpy.PYC_"),
        ("numpy.cpython-311-x86_64-linux-gnu.so", "numpy.cpython-311-x86_64-linux-gnu.so_"),
        ("numpy.pyd", "numpy.pyd_"),
        ("evil.pth", "evil.pth_"),
        ("notes.python.txt", "notes.python.txt"),
        ("..", ""),
        ("", ""),
        ("x" * 241, ""),
        ("ö" * 121, ""),
    ],
)
def test_clean(text: str, name: str) -> None:
    """Ordinary names are kept, hostile ones are cleaned, and what cannot be a name becomes nothing."""
    assert clean(text) == name


def test_path_segments_are_decoded() -> None:
    """Segments are percent-decoded, an escaped separator stays inside its segment, and the query is no part of them."""
    assert path_segments("https://h/a%20b/..%2Fc/d.tif?x=/y#/z") == ["a b", "../c", "d.tif"]
    assert path_segments("https://h") == []
    assert path_segments("https://h/a/%ff") == ["a", "\ufffd"]


@given(hostile, st.sampled_from(["", "https://h", "https://h/", "https://h/a/"]))
def test_last_segment(text: str, begin: str) -> None:
    """The last segment is the last of all segments."""
    assert last_segment(begin + text) == (path_segments(begin + text) or [""])[-1]


@pytest.mark.timeout(60)
def test_long_addresses_are_read_in_one_pass() -> None:
    """An address of a million characters takes no longer than its length."""
    for text in ("a" * 1_000_000, "https://" + "a" * 1_000_000, "https://h" + "//a" * 300_000):
        path_segments(text)
        host_of(text)
        shown(text)
    assert path_segments("ftp:x/y") == ["y"]


def test_shown_hides_secrets() -> None:
    """A URL is shown without user information, query and fragment."""
    assert shown("https://me:pw@h/a@b/c.tif?signature=s3cret#f") == "https://h/a@b/c.tif"
    key = "5f2d1c0ab1e5c0ffee5f2d1c0ab1e5c0"
    assert shown(f"https://h/results/ZG9yYQ==/{key}/c.tif?expires=1") == "https://h/results/ZG9yYQ==/…/c.tif"
    assert shown(f"https://h/{key}") == "https://h/…"
    assert shown(f"https://h/{key}.tif") == f"https://h/{key}.tif"
    assert host_of("https://me:pw@h:8443/a") == "h:8443"
