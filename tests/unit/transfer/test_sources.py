from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyterrascope.errors import SourceInvalid, UsageError
from ipyterrascope.transfer import Item, items_from
from ipyterrascope.transfer.sources.item import checked_url

URL = "https://services.terrascope.be/download/Sentinel2/product/band.tif"


def test_one_url() -> None:
    """A URL becomes one item, named by the last part of its path."""
    assert items_from(URL) == [Item(URL, "band.tif")]


@pytest.mark.parametrize("several", [list, tuple, iter])
def test_several(several: Callable[[list[str | Item]], Iterable[str | Item]]) -> None:
    """Lists, tuples and generators of URLs and items keep their order."""
    entries = [URL, Item(URL, "other.tif", size_bytes=3)]
    assert [item.name for item in items_from(several(entries))] == ["band.tif", "other.tif"]


def test_set_is_read_in_the_order_of_urls() -> None:
    """A set gives the same order in every run."""
    urls = {f"https://h/{letter}.tif" for letter in "bdac"}
    assert [item.name for item in items_from(urls)] == ["a.tif", "b.tif", "c.tif", "d.tif"]


def test_nothing_to_fetch() -> None:
    """An empty list is no error: a search may find nothing."""
    assert items_from([]) == []


@pytest.mark.parametrize("kind", ["device", "fifo", "folder", "list"])
def test_a_source_that_never_ends_is_not_read(kind: str, tmp_path: Path) -> None:
    """A device, a FIFO and a folder are refused at once, in a list that somebody sent too."""
    fifo, listed = tmp_path / "fifo", tmp_path / "list.txt"
    os.mkfifo(fifo)
    listed.write_text("@/dev/zero\n")
    path = {"device": "/dev/zero", "fifo": fifo, "folder": tmp_path, "list": listed}[kind]
    with pytest.raises(SourceInvalid):
        items_from(f"@{path}")


def test_line_ends_and_fragments_are_dropped() -> None:
    """Lines of a file are URLs, and a fragment never reaches a server."""
    assert items_from([f" {URL}#top\n"]) == [Item(URL, "band.tif")]


def test_name() -> None:
    """A given name replaces that of the URL, also where the URL has none."""
    assert items_from("https://h/a/", name="x.tif")[0].name == "x.tif"
    assert items_from([Item(URL, "a.tif", 7)], name="x.tif") == [Item(URL, "x.tif", 7)]


@pytest.mark.parametrize("entries", [[], [URL, URL]])
def test_name_is_for_one(entries: list[str]) -> None:
    """One name for none or several files is an error."""
    with pytest.raises(UsageError, match=f"for {len(entries)} files"):
        items_from(entries, name="x.tif")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("https://h/folder/", "has no file name"),
        ("https://h", "has no file name"),
        ("https://h/..", "has no file name"),
        ("https://h/%2e%2e", "has no file name"),
        ("https://h/" + "x" * 300, "has no file name"),
        ("http://services.terrascope.be/a.tif", "is not encrypted"),
        ("ftp://h/a.tif", "ftp:// cannot be downloaded from.*Find its https address"),
        ("htp://h/a.tif", "htp:// cannot be downloaded from.*Did you mean https://?"),
        ("file:///etc/passwd", "file:// cannot be downloaded from"),
        ("data/a.tif", "is not a URL"),
        ("", "is not a URL"),
        ("https://me:secret@h/a.tif", "The host in What you gave cannot be read"),
        ("https://h\\@evil/a.tif", "The host in"),
        ("https://h/a.tif https://h/b.tif", "white space inside"),
        ("https://h/a\x00.tif", "white space inside"),
        ("https://h/a\ud800.tif", "half a character"),
        ("https://h/p/a.tif?x=\udfff", "half a character"),
        (b"https://h/a.tif", "Something of type bytes cannot"),
        (Path("a.tif"), "'a.tif' cannot be read as a source"),
        ("@a.txt", "'a.txt' cannot be read as a source"),
        ({}, "What you gave has no assets"),
        (None, "Something of type NoneType cannot"),
        (3, "Something of type int cannot"),
    ],
)
def test_bad_source(source: object, reason: str) -> None:
    """What cannot be downloaded is refused with its reason, and in a list with its number."""
    with pytest.raises(SourceInvalid, match=reason) as single:
        items_from(source)  # type: ignore[arg-type]
    assert "secret" not in str(single.value)
    with pytest.raises(SourceInvalid, match=f"Entry 2: .*({reason})"):
        items_from([URL, source])  # type: ignore[list-item]
    with pytest.raises(SourceInvalid) as alone:
        items_from([source])  # type: ignore[list-item]
    assert str(alone.value) == str(single.value)


def test_advice_for_a_url_without_a_name() -> None:
    """A URL without a file name says how to give one."""
    with pytest.raises(SourceInvalid, match="-o NAME"):
        items_from("https://h/folder/?token=s3cret")


@pytest.mark.parametrize(
    "name", ["", "..", "a/b", "a\\b", "C:x", "nul", ".hidden", "a\x00", "a.part", "x.py", "x" * 241]
)
def test_given_name_is_refused_not_cleaned(name: str) -> None:
    """A name that a person gave is refused when it is not safe, and a safe one is proposed."""
    with pytest.raises(SourceInvalid, match="cannot be a file's name"):
        Item(URL, name)


@pytest.mark.parametrize("name", ["data/", ".", ".."])
def test_a_folder_in_the_place_of_a_name(name: str) -> None:
    """Who gives a folder as the name is told where folders are given."""
    with pytest.raises(SourceInvalid, match=r"Give the folder apart \(`-d DIR`, folder=…\)\.$"):
        Item(URL, name)


@pytest.mark.parametrize("name", ["/tmp/x.tif", "data\\x.tif"])
def test_a_name_with_a_folder(name: str) -> None:
    """Who gives a folder with the name is told where folders are given."""
    with pytest.raises(SourceInvalid, match=r"Give the folder apart \(`-d DIR`, folder=…\), and name it 'x\.tif'"):
        Item(URL, name)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"url": 5}, "url of an item is of type int"),
        ({"url": URL.encode()}, "of type bytes"),
        ({"name": None}, "name of an item is of type NoneType"),
        ({"size_bytes": -1}, "size of a.tif is -1"),
        ({"size_bytes": "7"}, "size of a.tif is 7"),
        ({"size_bytes": 7.0}, "size of a.tif is 7.0"),
        ({"size_bytes": True}, "size of a.tif is True"),
        ({"local_path": b"/data/a.tif"}, "local_path of an item is of type bytes"),
        ({"folder": None}, "folder of an item is of type NoneType"),
        ({"folder": "a/../b"}, "'..' cannot be a file's name"),
        ({"folder": "/a"}, "'' cannot be a file's name"),
        ({"checksum": 5}, "checksum of an item is of type int"),
        ({"checksum": ""}, "'' is no checksum.*not hexadecimal"),
        ({"checksum": "zz"}, "'zz' is no checksum"),
        ({"checksum": "123"}, "'123' is no checksum"),
        ({"checksum": "1220"}, "'1220' is no checksum.*32 bytes"),
        ({"checksum": "1220" + "00" * 31}, "is no checksum"),
        ({"checksum": "1214" + "00" * 20}, "is no checksum"),
        ({"checksum": "d50110" + "00" * 17}, "is no checksum"),
        ({"checksum": "1e20" + "00" * 31}, "names its function and the length"),
        ({"checksum": "1e00"}, "names its function and the length"),
        ({"checksum": "9f86d081884c7d65" * 4}, "names its function and the length"),
        ({"checksum": "ff" * 40}, "names its function and the length"),
    ],
)
def test_field_that_cannot_be_right(fields: dict[str, object], reason: str) -> None:
    """A field of a wrong type or a checksum that can match nothing is refused when the item is made."""
    with pytest.raises(SourceInvalid, match=reason):
        Item(**{"url": URL, "name": "a.tif"} | fields)  # type: ignore[arg-type]


class Eight:
    def __index__(self) -> int:
        return 8


def test_any_integer_is_a_size() -> None:
    """A size of another integer type, such as numpy's, is one, and is plain afterwards."""
    assert type(Item(URL, "a.tif", size_bytes=Eight()).size_bytes) is int  # type: ignore[arg-type]


def test_checksum_of_an_unknown_function() -> None:
    """A multihash of a function that is not known here is no error."""
    for checksum in ("1e20" + "00" * 32, "b240" + "20" + "00" * 32, "16" + "8001" + "00" * 128):
        assert Item(URL, "a.tif", checksum=checksum).checksum == checksum


@pytest.mark.soak
@given(st.text(alphabet="abc./%25eF\\: \u202e", max_size=30))
def test_any_path_gives_a_safe_name_or_an_error(path: str) -> None:
    """Whatever the path of a URL, the item's name is one component."""
    try:
        [item] = items_from(f"https://h/{path}")
    except SourceInvalid:
        return
    assert Path("/t", item.name).parent == Path("/t")


@pytest.mark.soak
@given(
    st.one_of(
        st.text(max_size=20),
        st.text(alphabet="https:/.@#?%- \\[]1aA\u00e9\x7f\n", max_size=30),
        st.builds(
            lambda host, path: f"https://{host}/{path}",
            st.text(alphabet="aA1.-:@[]%\\", max_size=8),
            st.text(alphabet='a/#?%20 \\!~"\x7f\u00e9', max_size=8),
        ),
    )
)
def test_plain_addresses_are_checked_as_all_others(url: str) -> None:
    """The short way for addresses in which nothing can be wrong lets through what the long one does, and no other."""

    def outcome(check: Callable[[], str]) -> str:
        try:
            return check()
        except SourceInvalid as error:
            return error.what

    assert outcome(lambda: Item(url, "a").url) == outcome(lambda: checked_url(url))


def test_repr_shows_no_query() -> None:
    """An item shows its URL without the query, which may be a signature."""
    assert "s3cret" not in repr(Item(f"{URL}?signature=s3cret", "a.tif"))
