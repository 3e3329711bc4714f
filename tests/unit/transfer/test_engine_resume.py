"""A file arrives whole, also over a line that breaks: what came is used, if the content is still the same."""

from __future__ import annotations

from typing import BinaryIO

import pytest
from downloads import DATA, HALF, Downloads
from faulty import Answer

from ipyterrascope.errors import (
    ContentInvalid,
    ServerUnreachable,
)
from ipyterrascope.transfer import download
from testbed.loopback import Reply, loopback

OLD = "Fri, 31 Jul 2026 12:00:00 GMT"


def test_file_arrives(one: Downloads) -> None:
    """A file is saved whole under its name, and nothing else is left in the folder."""
    [path] = report = one.get(Answer(DATA))
    assert path.read_bytes() == DATA
    assert path == one.folder / "a.tif"
    assert one.names() == ["a.tif"]
    assert [outcome.size_bytes for outcome in report.saved] == [len(DATA)]
    assert one.waits.seconds == []


def test_request_asks_for_data(one: Downloads) -> None:
    """A request asks for no web page and for no compression, and not for a range."""
    one.get(Answer(DATA))
    [asked] = one.server.gets()
    assert "html" not in asked.headers["Accept"]
    assert asked.headers["Accept-Encoding"] == "identity"
    assert "Range" not in asked.headers


@pytest.mark.parametrize("answer", [Answer(b""), Answer(b"", chunked=True), Answer(DATA, chunked=True)])
def test_empty_and_chunked_files(one: Downloads, answer: Answer) -> None:
    """An empty file is a file, and a chunked answer needs no length."""
    [path] = one.get(answer)
    assert path.read_bytes() == answer.content


def test_cut_connection_goes_on_where_it_was(one: Downloads) -> None:
    """After a connection that ended in the middle, only the rest is asked for and the file is identical."""
    [path] = one.get(Answer(DATA, cut_at=HALF), Answer(DATA))
    assert path.read_bytes() == DATA
    assert one.ranges() == [None, f"bytes={HALF}-"]
    assert one.server.gets()[1].headers["If-Range"] == '"v1"'
    assert len(one.waits.seconds) == 1


def test_reset_connection(one: Downloads) -> None:
    """After a reset, whatever of the bytes arrived, the file is identical."""
    [path] = one.get(Answer(DATA, cut_at=HALF, reset=True), Answer(DATA))
    assert path.read_bytes() == DATA
    assert len(one.ranges()) == 2


def test_cut_in_a_chunked_body(one: Downloads) -> None:
    """A chunked body without its last chunk is not complete."""
    [path] = one.get(Answer(DATA, chunked=True, cut_at=HALF), Answer(DATA))
    assert path.read_bytes() == DATA
    assert len(one.ranges()) == 2


@pytest.mark.parametrize("cut", [b"00", b"00|00fff0", b"0", b"0\r\n", b"f0000", b""])
def test_cut_inside_the_size_of_a_chunk(one: Downloads, cut: bytes) -> None:
    """A chunked body that ends in the middle of what its next chunk begins with is not complete."""

    def write(out: BinaryIO) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        out.write(head + b"%x\r\n%s\r\n" % (HALF, DATA[:HALF]) + cut)

    with loopback(lambda _: Reply(write=write)) as server, pytest.raises(ServerUnreachable):
        download(f"{server.url}/a.tif", one.folder, engine=one.engine(max_tries=2))
    assert one.names() == []


def test_last_modified_serves_as_validator(one: Downloads) -> None:
    """Without an ETag, a Last-Modified that is old enough guards the resumption."""
    dated = {"Last-Modified": OLD}
    [path] = one.get(Answer(DATA, etag=None, cut_at=HALF, headers=dated), Answer(DATA, etag=None, headers=dated))
    assert path.read_bytes() == DATA
    assert one.server.gets()[1].headers["If-Range"] == OLD


@pytest.mark.parametrize("etag", [None, 'W/"v1"'])
def test_no_strong_validator_starts_anew(one: Downloads, etag: str | None) -> None:
    """Without a strong validator no part is resumed, in the same run or a later one."""
    [path] = one.get(Answer(DATA, etag=etag, cut_at=HALF), Answer(DATA, etag=etag))
    assert path.read_bytes() == DATA
    assert one.ranges() == [None, None]


def test_server_that_ignores_ranges(one: Downloads) -> None:
    """A server that sends the whole file again costs only time."""
    [path] = one.get(Answer(DATA, cut_at=HALF), Answer(DATA, ranges=False))
    assert path.read_bytes() == DATA


def test_changed_file_starts_anew(one: Downloads) -> None:
    """A file that changed between two tries is fetched whole, and never a mixture."""
    new = DATA[::-1]
    [path] = one.get(Answer(DATA, cut_at=HALF), Answer(new, etag='"v2"'))
    assert path.read_bytes() == new


def test_changed_file_on_a_server_that_ignores_if_range(one: Downloads) -> None:
    """Also a server that sends a part of the changed file is found out, by its ETag."""
    new = DATA[::-1]
    [path] = one.get(Answer(DATA, cut_at=HALF), Answer(new, etag='"v2"', if_range=False), Answer(new, etag='"v2"'))
    assert path.read_bytes() == new
    assert one.ranges() == [None, f"bytes={HALF}-", None]


def test_changed_size_with_the_same_etag(one: Downloads) -> None:
    """A part of a file of another size is not appended, whatever its ETag says."""
    longer = DATA + b"more"
    [path] = one.get(Answer(DATA, cut_at=HALF), Answer(longer), Answer(longer))
    assert path.read_bytes() == longer


def test_part_that_begins_elsewhere(one: Downloads) -> None:
    """A 206 that does not begin where it was asked to is not used."""
    elsewhere = Answer(DATA, headers={"Content-Range": f"bytes 0-{len(DATA) - 1}/{len(DATA)}"})
    [path] = one.get(Answer(DATA, cut_at=HALF), elsewhere, Answer(DATA))
    assert path.read_bytes() == DATA


def test_range_not_satisfiable(one: Downloads) -> None:
    """A 416, of a file that has shrunk, starts anew."""
    short = DATA[:1000]
    [path] = one.get(Answer(DATA, cut_at=HALF), Answer(short, if_range=False), Answer(short, etag='"v2"'))
    assert path.read_bytes() == short


def test_unasked_part_is_refused(one: Downloads) -> None:
    """A server that answers every request with a part ends in an error and no file."""
    part = Answer(DATA, status=206, headers={"Content-Range": "bytes 0-9/10"})
    with pytest.raises(ContentInvalid, match="a part that was not asked for"):
        one.get(*[part] * 4)
    assert one.names() == []


def test_unasked_part_costs_no_other_url_its_part(one: Downloads) -> None:
    """A server that answers with a part that was not asked for does not cost another URL of that name what it has."""
    with pytest.raises(ServerUnreachable):
        one.get(Answer(DATA, cut_at=HALF), *[Answer(status=503)] * 4)
    part = Answer(DATA, status=206, headers={"Content-Range": "bytes 0-9/10"})
    with pytest.raises(ContentInvalid):
        one.get(*[part] * 4, item=one.item())
    assert one.names() == ["a.tif.part", "a.tif.part.json"]


def test_next_run_goes_on(one: Downloads) -> None:
    """What a run could not finish, the next one does, fetching only the rest."""
    with pytest.raises(ServerUnreachable):
        one.get(Answer(DATA, cut_at=HALF), *[Answer(status=503)] * 4)
    assert one.names() == ["a.tif.part", "a.tif.part.json"]
    [path] = one.get(Answer(DATA))
    assert path.read_bytes() == DATA
    assert one.ranges()[-1] == f"bytes={HALF}-"
    assert one.names() == ["a.tif"]


def test_part_that_is_longer_than_its_file(one: Downloads) -> None:
    """A part to which something else wrote is fetched anew, whole."""
    with pytest.raises(ServerUnreachable):
        one.get(Answer(DATA, cut_at=HALF), *[Answer(status=503)] * 4)
    with (one.folder / "a.tif.part").open("ab") as part:
        part.write(bytes(len(DATA)))
    [path] = one.get(Answer(DATA))
    assert path.read_bytes() == DATA
    assert one.ranges()[-1] is None
    assert one.names() == ["a.tif"]


def test_part_survives_a_login_page(one: Downloads) -> None:
    """A login page in the place of the rest is not appended, and what came before it stays usable."""
    page = Answer(b"<!doctype html>", ranges=False, headers={"Content-Type": "text/html"})
    with pytest.raises(ContentInvalid):
        one.get(Answer(DATA, cut_at=HALF), page)
    [path] = one.get(Answer(DATA))
    assert path.read_bytes() == DATA
    assert one.ranges()[-1] == f"bytes={HALF}-"


def test_progress_resets_the_count_of_tries(one: Downloads) -> None:
    """A bad line that brings the file further with every try is not given up."""
    cuts = [Answer(DATA, cut_at=300_000)] * 3
    one.server.script += [*cuts, Answer(DATA)]
    report = download(one.server.url("/p/a.tif"), one.folder, engine=one.engine(max_tries=2))
    assert report[0].read_bytes() == DATA
