"""What a download would do, as a table and as what it comes to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyterrascope.errors import TargetInvalid
from ipyterrascope.transfer import Action, Item, LocalFiles, Plan, prepare
from ipyterrascope.transfer.journal import Journal, JournalFile
from ipyterrascope.transfer.preview import kind_of


def item(name: str, size_bytes: int | None = 2_500_000, **fields: Any) -> Item:
    return Item(f"https://h.example.org/p/{name}?signature=s3cret", name, size_bytes, **fields)


@pytest.fixture
def everything(tmp_path: Path) -> Plan:
    """A plan of a folder in which there is something of each kind."""
    data, root = tmp_path / "data", tmp_path / "MTDA"
    data.mkdir()
    root.mkdir()
    (root / "here.tif").write_bytes(bytes(700))
    (data / "there.tif").write_bytes(bytes(500))
    (data / "other.tif").write_bytes(bytes(501))
    (data / "compared.tif").write_bytes(bytes(9))
    (data / "resumed.tif.part").write_bytes(bytes(2000))
    part = item("resumed.tif")
    journal = JournalFile(data / "resumed.tif.part.json", Journal.of(part.url, '"v"', 2_500_000))
    journal.add(0, 1500)
    journal.close()
    batch = [
        item("new.tif"),
        item("unknown.tif", None),
        part,
        item("compared.tif", None),
        item("here.tif", None, local_path=str(root / "here.tif")),
        item("there.tif", 500),
        item("other.tif", 500),
        item("new.tif"),
    ]
    return prepare(batch, data, local=LocalFiles([str(root)], "copy"))


def test_what_would_be_done(everything: Plan) -> None:
    """Each item is told with what would be done about it, and all of them are summed up, each file once."""
    assert [kind_of(action) for action in everything.actions] == [
        "fetch", "fetch", "resume", "compare", "copy", "skip", "conflict", "fetch",
    ]  # fmt: skip
    assert len(everything) == 8
    assert (everything.fetch_bytes, everything.part_bytes, everything.copy_bytes) == (4_998_500, 1500, 700)
    assert (everything.there_bytes, everything.unknown, everything.needed_bytes) == (500, 1, 4_999_200)
    assert dict(everything.counts) == {
        "fetch": 2, "resume": 1, "compare": 1, "copy": 1, "skip": 1, "conflict": 1,
    }  # fmt: skip


def test_nothing_was_done(everything: Plan) -> None:
    """A plan makes neither file nor folder, and asks no server."""
    assert sorted(path.name for path in everything.folder.iterdir()) == [
        "compared.tif", "other.tif", "resumed.tif.part", "resumed.tif.part.json", "there.tif",
    ]  # fmt: skip
    assert not prepare("https://unreachable.invalid/a.tif", everything.folder / "new").folder.exists()


def test_plan_as_text(everything: Plan) -> None:
    """As text a plan is its sum and the room for it, then a table with what is most telling first."""
    plan = Plan(everything.actions, Path("data"), 80_000_000)
    assert str(plan).splitlines() == [
        "1 in conflict, 2 to fetch, 1 to resume, 1 to compare, 1 to copy, 1 already there",
        "5.0 MB and 1 of unknown size, 1.5 kB of it are there already; 80.0 MB are free in data: enough as far as "
        "sizes are known",
    ]
    text = repr(plan).replace(str(everything.folder), "data").replace(str(everything.folder.parent), "")
    assert [line.split() for line in text.splitlines()[2:]] == [
        ["status", "size", "file"],
        ["conflict", "500", "B", "data/other.tif", "Another", "file", "other.tif", "is", "there", "already."],
        ["fetch", "2.5", "MB", "data/new.tif"],
        ["fetch", "data/unknown.tif"],
        ["resume", "2.5", "MB", "data/resumed.tif", "1.5", "kB", "are", "there", "already"],
        [
            "compare",
            "data/compared.tif",
            "9",
            "B",
            "are",
            "there:",
            "skipped",
            "where",
            "the",
            "server",
            "tells",
            "the",
            "same",
            "size",
        ],
        ["copy", "700", "B", "data/here.tif", "from", "/MTDA/here.tif"],
        ["already", "there", "500", "B", "data/there.tif"],
    ]


def test_part_that_is_longer_than_its_file(everything: Plan) -> None:
    """Of a part to which something else wrote, nothing is promised: all of the file is to be fetched."""
    (everything.folder / "resumed.tif.part").write_bytes(bytes(2_500_001))
    [action] = prepare(item("resumed.tif"), everything.folder).actions
    assert (kind_of(action), action.part_bytes) == ("fetch", 0)


@pytest.mark.parametrize(
    ("free_bytes", "sizes", "fits", "word"),
    [
        (100, [60, 40], True, ": enough"),
        (99, [60, 40], False, ": NOT enough"),
        (100, [60, None], None, ": enough as far as sizes are known"),
        (59, [60, None], False, ": NOT enough"),
        (None, [60], None, "60 B"),
        (0, [], True, "nothing to download: the list is empty, the search found nothing, or no item has assets"),
    ],
)
def test_room(free_bytes: int | None, sizes: list[int | None], fits: bool | None, word: str) -> None:
    """Whether there is room is told, and that it cannot be known where sizes are missing."""
    actions = [Action(item(f"{n}.tif", size), Path(), (f"{n}.tif",), "fetch") for n, size in enumerate(sizes)]
    plan = Plan(actions, Path("data"), free_bytes)
    assert plan.fits is fits
    assert str(plan).endswith(word)


def test_plan_as_json(everything: Plan) -> None:
    """`to_dict` can be written as JSON, and holds no query of an address."""
    text = json.dumps(everything.to_dict())
    assert "s3cret" not in text
    read = json.loads(text)
    assert (read["fetch"], read["link"], read["unknown_sizes"], read["fits"]) == (2, 0, 1, None)
    assert [entry["do"] for entry in read["items"]][:3] == ["fetch", "fetch", "resume"]
    assert "Another file" in read["items"][6]["error"]
    assert read["items"][0]["error"] is None


def test_long_plans_are_cut() -> None:
    """The tables of ten thousand files stay short and say how many they leave out."""
    names = [f"{n}.tif" for n in range(10_000)]
    plan = Plan([Action(item(name), Path(), (name,), "fetch") for name in names], Path("data"), 1 << 40)
    assert len(repr(plan).splitlines()) == 24
    for shown in (repr(plan), plan._repr_html_()):
        assert "… and 9,980 more" in shown
        assert "10,000 to fetch" in shown


@given(st.text(), st.text())
def test_html_of_a_plan_is_escaped(what: str, folder: str) -> None:
    """Whatever a folder or an error is called, the table holds it as text."""
    path = Path(f"<img src=x>{folder}".replace("\x00", ""))
    action = Action(item("a.tif"), path, ("a.tif",), "conflict", error=TargetInvalid(f"<script>{what}"))
    page = Plan([action, Action(item("b.tif"), path, ("b.tif",), "fetch")], path, 5)._repr_html_()
    assert "<script>" not in page
    assert "<img" not in page


def test_free_room_is_that_of_the_folder_to_come(tmp_path: Path) -> None:
    """For a folder that is not there yet the room is that of the disk on which it would be made."""
    plan = prepare("https://h.example.org/a.tif", tmp_path / "new" / "folder")
    assert (plan.free_bytes or 0) > 0
    assert plan.is_single
