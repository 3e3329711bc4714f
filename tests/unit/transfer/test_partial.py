from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import time
from pathlib import Path

import pytest

from ipyterrascope.errors import ContentInvalid, TargetInvalid
from ipyterrascope.transfer import locked, small
from ipyterrascope.transfer.checksums import matches
from ipyterrascope.transfer.directory import Directory
from ipyterrascope.transfer.partial import SMALL_BYTES, Partial
from ipyterrascope.transfer.rivals import InUse, Overtaken

URL = "https://h/a.tif?signature=s3cret"
HEAD, REST = b"12345", b"6" * SMALL_BYTES
SIZE = len(HEAD + REST)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "a.tif"


def write(partial: Partial, position: int, data: bytes) -> None:
    partial.write_at(position, [data[:2], data[2:]])
    partial.note(position, position + len(data))


def interrupted(
    target: Path, *, validator: str | None = '"v1"', data: bytes = HEAD, size: int | None = SIZE, at: int = 0
) -> None:
    with Partial(target, URL) as partial:
        partial.begin(validator, size)
        write(partial, at, data)


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_whole_file_has_its_name_only(target: Path) -> None:
    """After the end there is the file and nothing else."""
    with Partial(target, URL) as partial:
        partial.begin(None, SIZE)
        write(partial, 0, HEAD + REST)
        assert names(target.parent) == ["a.tif.part", "a.tif.part.json"]
        partial.finish(SIZE, None)
    assert names(target.parent) == ["a.tif"]
    assert target.read_bytes() == HEAD + REST


def test_small_file_has_no_part(target: Path) -> None:
    """A small file is in the folder with all its bytes or not at all."""
    with Partial(target, URL) as partial:
        partial.begin('"v1"', 5)
        write(partial, 3, b"45")
        assert names(target.parent) == []
        write(partial, 0, b"123")
        partial.finish(5, None)
        assert names(target.parent) == ["a.tif"]
    assert target.read_bytes() == b"12345"
    assert target.stat().st_mode & 0o777 == 0o666 & ~umask()


def test_small_file_that_does_not_come(target: Path) -> None:
    """Of a small file that is not whole nothing is left behind, where nothing proves what would be gone on with."""
    interrupted(target, size=10, validator=None)
    assert names(target.parent) == []


def test_small_file_that_is_stopped(target: Path) -> None:
    """Of a small file that is stopped on its way what came is kept, and gone on with; a kill leaves nothing of it."""
    with Partial(target, URL) as partial:
        partial.begin('"v1"', 10)
        write(partial, 5, b"678")
        write(partial, 0, b"12")
        assert names(target.parent) == []
    assert names(target.parent) == ["a.tif.part", "a.tif.part.json"]
    with Partial(target, URL) as partial:
        assert [*partial.done] == [(0, 2), (5, 8)]
        partial.resume()
        write(partial, 2, b"345")
        write(partial, 8, b"90")
        partial.finish(10, None)
    assert (target.read_bytes(), names(target.parent)) == (b"1234567890"[:5] + b"67890", ["a.tif"])


def test_small_file_whose_place_is_taken(target: Path) -> None:
    """Of a small file that is stopped nothing is kept beside a file that came to its place meanwhile."""
    with Partial(target, URL) as partial:
        partial.begin('"v1"', 10)
        write(partial, 0, b"12")
        target.write_bytes(b"theirs")
    assert (target.read_bytes(), names(target.parent)) == (b"theirs", ["a.tif"])


def test_small_file_where_no_file_is_nameless(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a system or file system without nameless files a small file gets its name by way of a part."""
    monkeypatch.setattr(small, "_CAN", False)
    with Partial(target, URL) as partial:
        partial.begin('"v1"', 5)
        write(partial, 0, b"12345")
        partial.finish(5, None)
    assert target.read_bytes() == b"12345"
    assert names(target.parent) == ["a.tif"]


def test_small_file_becomes_large(target: Path) -> None:
    """A file that is small at first and large when it is asked for anew is all on the disk, and the other way."""
    with Partial(target, URL) as partial:
        partial.begin('"v1"', 5)
        write(partial, 0, b"12345")
        partial.begin('"v2"', SIZE)
        write(partial, 0, HEAD + REST)
        partial.begin('"v3"', 3)
        write(partial, 0, b"abc")
        partial.finish(3, None)
    assert target.read_bytes() == b"abc"
    assert names(target.parent) == ["a.tif"]


def test_ranges_in_any_order(target: Path) -> None:
    """What is there may have holes; a later run is told what is not there, and so is one after it."""
    interrupted(target, data=b"66666", at=1000)
    with Partial(target, URL) as partial:
        assert partial.done == [(1000, 1005)]
        partial.resume()
        write(partial, 0, HEAD)
    with Partial(target, URL) as partial:
        assert partial.done == [(0, 5), (1000, 1005)]
        partial.resume()
        write(partial, 5, REST)
        partial.finish(SIZE, None)
    assert target.read_bytes() == HEAD + REST


def test_part_is_resumed(target: Path) -> None:
    """What came before an interruption is used by the next run."""
    interrupted(target)
    with Partial(target, URL) as partial:
        assert partial.done == [(0, 5)]
        assert partial.journal is not None
        assert partial.journal.validator == '"v1"'
        partial.resume()
        write(partial, 5, REST)
        partial.finish(SIZE, None)
    assert target.read_bytes() == HEAD + REST
    assert names(target.parent) == ["a.tif"]


def test_journal_holds_no_query(target: Path) -> None:
    """A signature in the query is not written to the disk."""
    interrupted(target)
    assert "s3cret" not in (target.parent / "a.tif.part.json").read_text()


def test_part_without_validator_is_removed(target: Path) -> None:
    """What could not be resumed leaves nothing behind."""
    interrupted(target, validator=None)
    assert names(target.parent) == []


def test_empty_part_is_removed(target: Path) -> None:
    """A transfer that brought nothing leaves nothing behind."""
    interrupted(target, data=b"")
    assert names(target.parent) == []


def test_complete_part_is_asked_for_its_last_byte(target: Path) -> None:
    """A part that was killed before it got its name is not believed before the server confirmed it."""
    interrupted(target, data=HEAD + REST)
    with Partial(target, URL) as partial:
        assert partial.done == [(0, SIZE - 1)]


def test_part_of_another_url_is_not_used_and_not_lost(target: Path) -> None:
    """Another URL starts anew, and keeps the old part until its own first byte."""
    interrupted(target)
    with Partial(target, "https://h/other/a.tif") as partial:
        assert not partial.done
    assert names(target.parent) == ["a.tif.part", "a.tif.part.json"]
    with Partial(target, "https://h/other/a.tif") as partial:
        partial.begin('"v2"', 3)
        write(partial, 0, b"abc")
        partial.finish(3, None)
    assert target.read_bytes() == b"abc"


@pytest.mark.parametrize(
    "journal",
    [
        "",
        "{",
        '{"ur',
        '{"url": 1}',
        '{"url": "u", "url_sha256": "x", "validator": null}',
        '{"url": ' + "[" * 60_000,
        '{"url": ' * 4000,
        '{"url": ' + "9" * 10_000,
        "\x00" * 99,
        '{"url": \x00\x00',
    ],
)
def test_torn_journal_starts_anew(target: Path, journal: str) -> None:
    """A journal that a kill has cut is no reason to fail, and none to believe the part."""
    interrupted(target)
    (target.parent / "a.tif.part.json").write_text(journal)
    with Partial(target, URL) as partial:
        assert not partial.done
        partial.begin(None, 3)
        write(partial, 0, b"abc")
        partial.finish(3, None)
    assert target.read_bytes() == b"abc"


@pytest.mark.parametrize(
    "text", ["[]", "null", "my own notes", '{"a": 1}', '{"size_bytes": ' * 4000, "[" * 60_000, "9" * 10_000]
)
def test_what_lies_beside_a_part_may_be_a_strangers(target: Path, text: str) -> None:
    """A part with a file beside it that is no journal of ours is another program's: both stay as they are."""
    part, beside = (target.parent / f"a.tif.part{end}" for end in ("", ".json"))
    part.write_bytes(b"precious")
    beside.write_text(text)
    with pytest.raises(TargetInvalid, match="was not made by this program"), Partial(target, URL):
        pass
    assert (part.read_bytes(), beside.read_text()) == (b"precious", text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size_bytes": "10"},
        {"size_bytes": True},
        {"size_bytes": -1},
        {"size_bytes": 10.0},
        {"url": None},
        {"boot": 1},
        {"url_sha256": ["x"]},
        {"validator": 'W/"v1"'},
        {"validator": '"v1"\r\nX: y'},
        {"validator": '"' + "v" * 5000 + '"'},
    ],
)
def test_journal_with_a_wrong_value(target: Path, wrong: dict[str, object]) -> None:
    """A journal that holds what we would not have written is not believed."""
    interrupted(target)
    path = target.parent / "a.tif.part.json"
    head, _, lines = path.read_text().partition("\n")
    path.write_text(f"{json.dumps(json.loads(head) | wrong)}\n{lines}")
    with Partial(target, URL) as partial:
        assert not partial.done


def test_foreign_part_is_kept(target: Path) -> None:
    """A `.part` that another program (a browser, say) has made is neither used nor removed."""
    foreign = target.parent / "a.tif.part"
    foreign.write_bytes(b"theirs")
    with pytest.raises(TargetInvalid, match="was not made by this program"), Partial(target, URL):
        pass
    assert foreign.read_bytes() == b"theirs"


def test_part_with_two_names_is_not_written_to(target: Path) -> None:
    """A hard link to another file, in the place of the part, is refused."""
    victim = target.parent / "victim"
    victim.write_bytes(b"precious")
    interrupted(target)
    part = target.parent / "a.tif.part"
    part.unlink()
    part.hardlink_to(victim)
    with pytest.raises(TargetInvalid, match="not a regular file of its own"), Partial(target, URL):
        pass
    assert victim.read_bytes() == b"precious"


def test_linked_part_is_not_written_through(target: Path) -> None:
    """A symbolic link in the place of the part is refused, and what it points at stays as it is."""
    victim = target.parent / "victim"
    victim.write_bytes(b"precious")
    interrupted(target)
    part = target.parent / "a.tif.part"
    part.unlink()
    part.symlink_to(victim)
    with pytest.raises(TargetInvalid, match="not a regular file"), Partial(target, URL):
        pass
    assert victim.read_bytes() == b"precious"


def test_linked_journal_is_not_written_through(target: Path) -> None:
    """A symbolic link in the place of the journal is replaced, and what it points at stays as it is."""
    victim = target.parent / "victim"
    victim.write_bytes(b"precious")
    (target.parent / "a.tif.part.json").symlink_to(victim)
    with Partial(target, URL) as partial:
        partial.begin('"v1"', None)
        write(partial, 0, b"abc")
        partial.finish(3, None)
    assert victim.read_bytes() == b"precious"
    assert target.read_bytes() == b"abc"


def test_part_changed_by_somebody_else(target: Path) -> None:
    """When another process wrote to the part, the file is not given its name."""
    with Partial(target, URL) as partial:
        partial.begin('"v1"', None)
        write(partial, 0, b"abc")
        with (target.parent / "a.tif.part").open("ab") as file:
            file.write(b"x")
        with pytest.raises(ContentInvalid, match="changed while it was written"):
            partial.finish(3, None)
    assert names(target.parent) == []


@pytest.mark.parametrize(
    ("function", "prefix"),
    [("sha1", "1114"), ("sha256", "1220"), ("sha384", "2030"), ("sha512", "1340"), ("md5", "d50110")],
)
def test_checksum(function: str, prefix: str) -> None:
    """Each multihash that catalogues use is checked."""
    file = io.BytesIO(b"data")
    right = prefix + hashlib.new(function, b"data").hexdigest()
    assert matches(file, right)
    assert matches(file, right.upper())
    assert not matches(file, prefix + hashlib.new(function, b"other").hexdigest())


def test_unknown_checksum_is_no_obstacle() -> None:
    """A function that is not known here stops no download."""
    assert matches(io.BytesIO(b"data"), "1e20" + "0" * 64)


@pytest.mark.parametrize("size", [3, None])
def test_wrong_checksum_is_not_saved(target: Path, size: int | None) -> None:
    """A file whose checksum is another than the catalogue's leaves nothing behind."""
    with Partial(target, URL) as partial:
        partial.begin('"v1"', size)
        write(partial, 0, b"abc")
        with pytest.raises(ContentInvalid, match="another checksum"):
            partial.finish(3, "1220" + "0" * 64)
    assert names(target.parent) == []


@pytest.mark.parametrize("url", [URL, "https://h/other/a.tif"])
def test_part_belongs_to_who_writes_it(target: Path, url: str) -> None:
    """While a part is written, another download of that name fails, of the same URL too, and touches nothing."""
    interrupted(target)
    with Partial(target, URL) as partial:
        partial.resume()
        with pytest.raises(TargetInvalid, match="another download is writing it"), Partial(target, url):
            pass
        write(partial, 5, REST)
        with pytest.raises(TargetInvalid, match="another download is writing it"), Partial(target, url):
            pass
        partial.finish(SIZE, None)
    assert target.read_bytes() == HEAD + REST
    assert names(target.parent) == ["a.tif"]


def test_forked_process_blocks_nobody(target: Path) -> None:
    """A process that was forked meanwhile and lives on does not keep the part from the next download."""
    with Partial(target, URL) as partial:
        partial.begin('"v1"', SIZE)
        write(partial, 0, HEAD)
        with partial._part.reading() as file:
            inherited = os.dup(file.fileno())
    try:
        with Partial(target, URL) as again:
            assert again.done == [(0, 5)]
    finally:
        os.close(inherited)


def test_part_that_came_in_between(target: Path) -> None:
    """Of two downloads that found nothing there, the one that comes second to write fails and touches nothing."""
    with Partial(target, URL) as first, Partial(target, "https://h/other/a.tif") as second:
        first.begin('"v1"', None)
        write(first, 0, b"123")
        with pytest.raises(TargetInvalid, match="another download is writing it"):
            second.begin('"w1"', None)
        second.discard()
        write(first, 3, b"45")
        first.finish(5, None)
    assert target.read_bytes() == b"12345"
    assert names(target.parent) == ["a.tif"]


def test_other_part_in_the_same_place(target: Path) -> None:
    """A part that was put in the place of ours is neither given the name nor removed."""
    part = target.parent / "a.tif.part"
    with Partial(target, URL) as partial:
        partial.begin('"v1"', None)
        write(partial, 0, b"abc")
        part.unlink()
        part.write_bytes(b"xyz")
        with pytest.raises(ContentInvalid, match="changed while it was written"):
            partial.finish(3, None)
    assert not target.exists()
    assert part.read_bytes() == b"xyz"


@pytest.mark.parametrize("size", [3, None])
def test_file_that_came_meanwhile_is_kept(target: Path, size: int | None) -> None:
    """A file that got the name while we fetched is not replaced, unless that was asked for."""
    with Partial(target, URL) as partial:
        partial.begin(None, size)
        write(partial, 0, b"abc")
        target.write_bytes(b"theirs")
        with pytest.raises(TargetInvalid, match="came there meanwhile"):
            partial.finish(3, None)
    assert target.read_bytes() == b"theirs"
    with Partial(target, URL, overwrite=True) as partial:
        partial.begin(None, 3)
        write(partial, 0, b"abc")
        partial.finish(3, None)
    assert target.read_bytes() == b"abc"
    assert names(target.parent) == ["a.tif"]


@pytest.mark.parametrize(
    ("size", "validator", "left"),
    [
        (SIZE, '"v1"', ["a.tif.part", "a.tif.part.json"]),
        (None, '"v1"', ["a.tif.part", "a.tif.part.json"]),
        (SIZE, None, []),
        (None, None, []),
    ],
)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_keeps_what_can_be_gone_on_with(
    target: Path, monkeypatch: pytest.MonkeyPatch, code: int, size: int | None, validator: str | None, left: list[str]
) -> None:
    """On a full disk stays what can be gone on with, also of unknown size, and the error says how much is free."""

    def full(*_: object) -> int:
        raise OSError(code, "full")

    said = r"cannot be written: the disk is full\. [0-9.]+ .?B are free there" if code == errno.ENOSPC else "quota"
    with Partial(target, URL) as partial:
        partial.begin(validator, size)
        write(partial, 0, b"12345")
        monkeypatch.setattr(os, "pwrite", full)
        monkeypatch.setattr(os, "pwritev", full)
        with pytest.raises(TargetInvalid, match=said):
            write(partial, 5, b"67890")
    assert names(target.parent) == left


def test_full_disk_from_the_beginning_on(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file that the disk has no room for, not even for its journal, nothing is left."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    with Partial(target, URL) as partial:
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(TargetInvalid, match="the disk is full"):
            partial.begin('"v1"', SIZE)
    assert names(target.parent) == []


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that has none, as some network file systems."""

    def refuses(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locked.fcntl, "flock", refuses)


@pytest.mark.usefixtures("without_locks")
def test_without_locks_what_is_being_written_is_not_touched(target: Path) -> None:
    """What was written a moment ago counts as another's; a minute later it may be gone on with."""
    with Partial(target, URL) as first:
        first.begin('"v1"', SIZE)
        write(first, 0, HEAD)
        with pytest.raises(InUse), Partial(target, URL):
            raise AssertionError("it was opened")
        os.utime(f"{target}.part", (time.time() - 100,) * 2)
        with Partial(target, URL) as second:
            assert list(second.done) == [(0, len(HEAD))]


@pytest.mark.usefixtures("without_locks")
def test_without_locks_what_was_stopped_is_gone_on_with_at_once(target: Path) -> None:
    """Who stops says so, and the next one needs not wait."""
    interrupted(target)
    with Partial(target, URL) as partial:
        assert list(partial.done) == [(0, len(HEAD))]
        partial.resume()
        write(partial, len(HEAD), REST)
        partial.finish(SIZE, None)
    assert target.read_bytes() == HEAD + REST
    assert target.stat().st_mtime > time.time() - 100


@pytest.mark.usefixtures("without_locks")
def test_without_locks_nothing_is_cut_away_under_another(target: Path) -> None:
    """Who begins anew does so in a file of its own: the former writer's ends without a name, not with a hole."""
    with Partial(target, URL) as first:
        first.begin(None, SIZE)
        write(first, 0, HEAD)
        os.utime(f"{target}.part", (time.time() - 100,) * 2)
        with Partial(target, URL) as second:
            second.begin(None, SIZE)
            with pytest.raises(ContentInvalid, match="changed while it was written"):
                write(first, len(HEAD), REST)
            write(second, 0, HEAD + REST)
            second.finish(SIZE, None)
    assert target.read_bytes() == HEAD + REST


def test_what_is_dropped_takes_no_others_journal_along(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal goes before the part: in between another one may begin, and must keep its own."""
    removed: list[str] = []
    unlink = os.unlink

    def watched(path: str, **options: int | None) -> None:
        removed.append(os.path.basename(path))
        unlink(path, **options)

    with Partial(target, URL) as partial:
        partial.begin('"v1"', SIZE)
        write(partial, 0, HEAD)
        monkeypatch.setattr(os, "unlink", watched)
        partial.discard()
    assert removed == ["a.tif.part.json", "a.tif.part"]


@pytest.mark.parametrize("size", [5, SIZE])
def test_same_file_that_came_since_the_folder_was_listed(target: Path, size: int) -> None:
    """What another download saved since the folder was looked at last is the same file, and no conflict."""
    folder = Directory(str(target.parent))
    assert folder.is_there()
    for _ in range(99):
        folder.look_around(1.0)
    with Partial(target, URL, folder=folder) as partial:
        partial.begin('"v1"', size)
        content = (HEAD + REST)[:size]
        target.write_bytes(content)
        partial.write_at(0, [content])
        with pytest.raises(Overtaken) as caught:
            partial.finish(size, None)
    assert caught.value.same_bytes == size
    folder.close()
