"""Lists of addresses in aria2's form: mirrors, names, folders, checksums, and what is not followed."""

from __future__ import annotations

import contextlib
import hashlib
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyterrascope.errors import SourceInvalid, TerrascopeError
from ipyterrascope.transfer import Item, Lines, items_from

URL = "https://h.example.org/p/a.tif"
SHA256 = hashlib.sha256(b"x").hexdigest()


@pytest.fixture
def listed(tmp_path: Path):
    """Write a list, and read it."""

    def read(text: str, name: str | None = None) -> list[Item]:
        (tmp_path / "list.txt").write_text(text, "utf-8")
        return items_from(f"@{tmp_path / 'list.txt'}", name)

    return read


def test_a_line_each(listed) -> None:
    """Each line is an address; empty ones and remarks are none."""
    assert listed(f"# two\n\n{URL}\r\n   \nhttps://h.example.org/p/b.tif  \n") == [
        Item(URL, "a.tif"),
        Item("https://h.example.org/p/b.tif", "b.tif"),
    ]
    assert listed("") == []


def test_a_path_of_a_list(tmp_path: Path) -> None:
    """In Python the path of a list is one too, alone and among others."""
    path = tmp_path / "list.txt"
    path.write_text(URL)
    assert items_from(path) == [Item(URL, "a.tif")]
    assert items_from([path, f"@{path}"]) == [Item(URL, "a.tif")] * 2


def test_options(listed) -> None:
    """Name, folder and checksum below an address are those of that file."""
    text = f"{URL}\n  out=one.tif\n\tdir=x/y\n checksum=sha-256={SHA256.upper()}\n{URL}\n"
    assert listed(text) == [Item(URL, "one.tif", checksum=f"1220{SHA256}", folder="x/y"), Item(URL, "a.tif")]


@pytest.mark.parametrize(
    ("options", "folder", "name"),
    [
        ("out=x/y/one.tif", "x/y", "one.tif"),
        ("out=./one.tif", "", "one.tif"),
        ("dir=.", "", "a.tif"),
        ("dir=x//y/", "x/y", "a.tif"),
        ("dir=x\n out=y/one.tif", "x/y", "one.tif"),
        ("out=one.tif\n out=two.tif", "", "two.tif"),
        ("out=a = b.tif", "", "a = b.tif"),
        ("out=x/", "", "x"),
        ("out=", "", "a.tif"),
    ],
)
def test_where_a_file_goes(listed, options: str, folder: str, name: str) -> None:
    """`out` may name folders, `dir` too, all of them below the target folder."""
    [item] = listed(f"{URL}\n {options}\n")
    assert (item.folder, item.name) == (folder, name)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("dir=/etc", "Line 3( of .*)?: `dir` leads out of the target folder"),
        ("dir=../x", "Line 3( of .*)?: `dir` leads out"),
        ("dir=x/../../y", "Line 3( of .*)?: `dir` leads out"),
        ("dir=C:\\x", "Line 3( of .*)?: 'C:.+x' cannot be a file's name"),
        ("dir=.ssh", "Line 3( of .*)?: '.ssh' cannot be"),
        ("out=../x", "Line 3( of .*)?: `out` leads out"),
        ("out=/x", "Line 3( of .*)?: `out` leads out"),
        ("out=x.py", "Line 2( of .*)?: 'x.py' cannot be"),
        ("checksum=adler32=00", "Line 3( of .*)?: Checksums of the kind 'adler32' cannot be checked here"),
        ("checksum=sha-256=00", "Line 3( of .*)?: .* is no sha256 checksum"),
        ("checksum=sha-256", "Line 3( of .*)?: .* is no sha256 checksum"),
        ("checksum=", "Line 3( of .*)?: Checksums of the kind ''"),
    ],
)
def test_options_that_cannot_be_right(listed, options: str, reason: str) -> None:
    """What leads out of the folder, or cannot be checked, is refused with the line in which it stands."""
    with pytest.raises(SourceInvalid, match=reason):
        listed(f"\n{URL}\n {options}\n")


@pytest.mark.parametrize("kind", ["sha-1", "sha-256", "sha-384", "sha-512", "md5", "SHA-256"])
def test_kinds_of_checksums(listed, kind: str) -> None:
    """Each kind that aria2 and we know is read."""
    digest = hashlib.new(kind.lower().replace("-", ""), b"x").hexdigest()
    assert (listed(f"{URL}\n checksum={kind}={digest}")[0].checksum or "").endswith(digest)


def test_mirrors(listed) -> None:
    """Of several addresses of one file the first that is spoken is used; where none is, the first says why."""
    assert listed(f"ftp://h/x\thttp://h/y \t{URL}\thttps://h/z") == [Item(URL, "a.tif")]
    with pytest.raises(SourceInvalid, match=r"Line 1( of .*)?: ftp:// cannot be downloaded from"):
        listed("ftp://h/x\thttp://h/y")


def test_other_options_are_warned_of(listed) -> None:
    """What is not followed is said, once and without its value, which may be a secret."""
    text = f"{URL}\n  header=Authorization: Bearer s3cret\n  split=5\n{URL}\n  split=5\n  out=b.tif\n"
    with pytest.warns(UserWarning, match=r"options header, split are not followed") as warned:
        assert [item.name for item in listed(text)] == ["a.tif", "b.tif"]
    assert len(warned) == 1
    assert "s3cret" not in str(warned[0].message)


def test_an_indented_address_is_one(listed) -> None:
    """A line that is indented and no option is an address, also one with an equals sign."""
    assert [item.url for item in listed(f"{URL}\n  https://h/b.tif?x=1\n")] == [URL, "https://h/b.tif?x=1"]


def test_an_option_without_an_address(listed) -> None:
    """An option at the top belongs to nothing."""
    with pytest.raises(SourceInvalid, match="Line 2 is an option"):
        listed(f"# x\n out=a\n{URL}")


@pytest.mark.parametrize(
    ("line", "reason"), [("b.tif", "is not a URL"), ("https://h/ b", "white space"), ("@x", "'x' cannot be read")]
)
def test_a_line_that_is_wrong_is_numbered(listed, line: str, reason: str) -> None:
    """What is wrong in a list is said with its line."""
    with pytest.raises(SourceInvalid, match=f"Line 3( of .*)?: .*{reason}"):
        listed(f"{URL}\n\n{line}\n")


def test_a_name_is_for_one(listed) -> None:
    """A name from the call is used for a list of one, and the list's own goes before it."""
    assert listed(URL, "mine.tif")[0].name == "mine.tif"
    assert listed(f"{URL}\n out=its.tif", "mine.tif")[0].name == "its.tif"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "There is no such file in /.*Check its name and its folder"),
        (b"\xff\xfe\x00", "no text in UTF-8"),
        (b'{"type": "Feature"', "begins like JSON"),
        (b"[" * 100_000, "begins like JSON"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, reason: str) -> None:
    """A file that is not there, is no text or broken JSON says so with its path."""
    if content is not None:
        (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(SourceInvalid, match=f"list.txt' cannot be read as a source.*{reason}"):
        items_from(tmp_path / "list.txt")


def test_a_folder_is_no_list(tmp_path: Path) -> None:
    """Nor is a folder, an empty name, or the home of nobody."""
    for path in (tmp_path, "@", "@~nobody-is-called-so/x"):
        with pytest.raises(SourceInvalid, match="cannot be read as a source"):
            items_from(path)


def test_a_list_that_names_itself(tmp_path: Path) -> None:
    """A list in a list is read, and one that names itself ends in an error."""
    (tmp_path / "a.txt").write_text(f"@{tmp_path / 'b.txt'}\n")
    (tmp_path / "b.txt").write_text(URL)
    assert items_from(tmp_path / "a.txt") == [Item(URL, "a.tif")]
    (tmp_path / "b.txt").write_text(f"@{tmp_path / 'a.txt'}")
    with pytest.raises(SourceInvalid, match="lists in lists"):
        items_from(tmp_path / "a.txt")
    itself: list[object] = []
    itself.append(itself)
    with pytest.raises(SourceInvalid, match="lists in lists"):
        items_from(itself)


def test_lines_that_stand_for_something(tmp_path: Path) -> None:
    """A line may stand for an object, whose file is called and placed as the options say."""
    things = {"$one": Item(URL, "a.tif", 7), "$two": [URL, URL]}
    lines = Lines(["$one", " out=x/b.tif", "$two", " dir=y"], things.__getitem__)
    assert items_from(lines) == [
        Item(URL, "b.tif", 7, folder="x"),
        Item(URL, "a.tif", folder="y"),
        Item(URL, "a.tif", folder="y"),
    ]


lines = st.one_of(
    st.just(URL),
    st.text(max_size=20),
    st.builds(
        lambda name, value: f" {name}={value}",
        st.sampled_from(["out", "dir", "checksum", "header"]),
        st.text(max_size=10),
    ),
    st.sampled_from([" out=../x", " dir=/x", " out=a/./b", " dir=a\x00", f"ftp://x\t{URL}", f"{URL}\t\t", "\t\t"]),
)


@pytest.mark.soak
@given(st.lists(lines, max_size=8))
def test_any_list_stays_below_the_folder(texts: list[str]) -> None:
    """Whatever stands in a list, its files lie below the target folder, or it is refused in words."""
    with warnings.catch_warnings(), contextlib.suppress(TerrascopeError):
        warnings.simplefilter("ignore")
        for item in items_from(Lines(texts)):
            target = Path("/t", item.folder, item.name)
            assert ".." not in target.parts
            assert Path("/t") in target.parents


def test_a_list_that_is_a_file_is_named(tmp_path: Path) -> None:
    """The error says which list it was, and in its words what stands in the line of the option."""
    (tmp_path / "list.txt").write_text(f"# mine\n{URL}\n checksum=sha-256=0000\n")
    with pytest.raises(SourceInvalid) as caught:
        items_from(f"@{tmp_path / 'list.txt'}")
    assert caught.value.what == "Line 3 of list.txt: '0000' is no sha256 checksum."
