"""What comes is the file or nothing: login pages, redirects, sizes, checksums, and files that are there already."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from downloads import DATA, HALF, Downloads
from faulty import Answer, Asked, FaultyServer

from ipyterrascope.errors import (
    ContentInvalid,
    ServerRefused,
    ServerUnreachable,
    TargetInvalid,
)
from ipyterrascope.transfer import download
from testbed.loopback import Reply, loopback


@pytest.mark.parametrize(
    "page",
    [
        Answer(b"<!DOCTYPE html><title>Sign in</title>"),
        Answer(b"\n<html><body>Sign in"),
        Answer(b"Sign in", headers={"Content-Type": "text/html;charset=utf-8"}),
        Answer(b"<!doctype html><title>Sign in</title>", chunked=True, chunk_bytes=1),
        Answer(b"<!--" + b" " * 9000 + b"--><html>", chunked=True, chunk_bytes=1000),
        Answer(b" " * 20_000 + b"<script>location='/login'</script>", headers={"Content-Type": "text/plain"}),
        Answer("<html>Sign in".encode("utf-16"), chunked=True, chunk_bytes=1),
    ],
)
def test_login_page_is_not_saved(one: Downloads, page: Answer) -> None:
    """A web page with 200 in the place of a file is an error, at once and without a file."""
    with pytest.raises(ContentInvalid, match=r"A web page came instead of a\.tif"):
        one.get(page)
    assert len(one.server.gets()) == 1
    assert one.names() == []


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.json", "a"])
@pytest.mark.parametrize(
    "page",
    [
        Answer(b"<p>Log in</p>", chunked=True, chunk_bytes=1, headers={"Content-Type": "text/plain"}),
        Answer(b" " * 5000 + b"<form action=/login>", headers={"Content-Type": "text/csv"}),
        Answer("<center>Log in".encode("utf-16"), chunked=True, chunk_bytes=1),
    ],
)
def test_login_page_under_the_name_of_a_text(one: Downloads, name: str, page: Answer) -> None:
    """A page in disguise is no CSV, text or JSON either."""
    with pytest.raises(ContentInvalid, match="A web page came instead"):
        one.get(page, item=one.item(name=name))
    assert one.names() == []


def test_login_page_in_the_place_of_a_file_that_is_there(one: Downloads) -> None:
    """A login page is told as such also where the file is there: not as another file, which overwriting would help."""
    one.folder.mkdir()
    (one.folder / "a.tif").write_bytes(DATA)
    page = Answer(b"<!doctype html><title>Sign in</title>", headers={"Content-Type": "text/html"})
    one.server.files["/p/a.tif"] = page
    with pytest.raises(ContentInvalid, match="A web page came instead"):
        one.get()
    assert (one.folder / "a.tif").read_bytes() == DATA


def test_redirect_to_a_login_page(one: Downloads) -> None:
    """A redirect to a login page is an error, and its address is named without its query."""
    one.server.files["/login"] = Answer(b"<!doctype html>", headers={"Content-Type": "text/html"})
    with pytest.raises(ContentInvalid, match="A web page came") as caught:
        one.get(Answer(status=302, headers={"Location": "/login?state=s3cret"}))
    assert "s3cret" not in str(caught.value)
    assert one.names() == []


def test_redirected_page_is_no_html_file(one: Downloads) -> None:
    """A file called `.html` may be a page, also where a redirect leads to the same name, but not to another one."""
    page = Answer(b"<!doctype html>", etag=None, headers={"Content-Type": "text/html"})
    [path] = one.get(page, item=one.item(name="page.html"))
    assert path.read_bytes() == page.content
    with FaultyServer() as other:
        other.files["/login"] = other.files["/store/a.tif"] = page
        for place in (other.url("/login"), "/login"):
            moved = Answer(status=302, headers={"Location": place})
            with pytest.raises(ContentInvalid, match=r"by way of 127\.0\.0\.1"):
                one.get(moved, page, item=one.item(name="other.html"))
            one.server.script.clear()
        stored = Answer(status=302, headers={"Location": other.url("/store/a.tif?signature=s3cret")})
        [path] = one.get(stored, item=one.item(name="stored.html"))
    assert path.read_bytes() == page.content


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.html", b"<!doctype html><title>Quality report</title>", "text/html"),
        ("a.xml", b"<?xml version='1.0'?><Product/>", "text/html"),
        ("a.gml", b"<gml:Collection/>", "text/plain"),
        ("a.kml", b"\xef\xbb\xbf<kml/>", "application/vnd.google-earth.kml+xml"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "image/svg+xml"),
        ("a.txt", b"<", "text/plain"),
    ],
)
def test_products_that_look_like_pages(one: Downloads, name: str, content: bytes, kind: str) -> None:
    """Products in HTML and XML are files as others are."""
    answer = Answer(content, chunked=True, chunk_bytes=1, headers={"Content-Type": kind})
    [path] = one.get(answer, item=one.item(name=name))
    assert path.read_bytes() == content


def test_redirect_to_the_data_is_followed(one: Downloads) -> None:
    """A redirect to a storage host that has the file is followed, also for the rest of a part."""
    with FaultyServer() as storage:
        storage.script += [Answer(DATA, cut_at=HALF), Answer(DATA)]
        moved = Answer(status=307, headers={"Location": storage.url("/x?signature=s3cret")})
        [path] = one.get(moved, moved)
    assert path.read_bytes() == DATA


@pytest.mark.parametrize(
    "location", ["http://127.0.0.2:1/x", "http://[broken/x", "gopher://h/x", "file:///etc/passwd", "https://.x/"]
)
def test_redirect_to_nowhere(one: Downloads, location: str) -> None:
    """A redirect that cannot be followed is an error of our tree."""
    with pytest.raises((ServerRefused, ServerUnreachable)):
        one.get(*[Answer(status=302, headers={"Location": location})] * 4)
    assert one.names() == []


def test_endless_redirects(one: Downloads) -> None:
    """Redirects in a circle end in an error, without further tries."""
    one.server.files["/p/a.tif"] = Answer(status=302, headers={"Location": "/p/a.tif"})
    with pytest.raises(ServerRefused, match="cannot be followed"):
        one.get()
    assert one.waits.seconds == []


def test_compressed_answer_is_refused(one: Downloads) -> None:
    """A body compressed though identity was asked for is not saved."""
    with pytest.raises(ContentInvalid, match="compressed"):
        one.get(Answer(gzip.compress(DATA), headers={"Content-Encoding": "gzip"}))
    assert one.names() == []


@pytest.mark.parametrize("coding", ["gzip, chunked", "gzip,chunked", "x-gzip, chunked", "deflate, chunked"])
def test_answer_compressed_on_the_way_is_refused(one: Downloads, coding: str) -> None:
    """A body compressed for the way, which nobody asked for, is not saved as it came."""
    packed = gzip.compress(DATA)
    head = f'HTTP/1.1 200 OK\r\nETag: "v1"\r\nTransfer-Encoding: {coding}\r\n\r\n{len(packed):x}\r\n'
    reply = Reply(write=lambda out: out.write(head.encode() + packed + b"\r\n0\r\n\r\n"))
    with loopback(lambda _: reply) as server, pytest.raises(ContentInvalid, match="compressed"):
        download(f"{server.url}/a.tif", one.folder, engine=one.engine())
    assert one.names() == []
    assert one.waits.seconds == []


@pytest.mark.parametrize("answer", [Answer(DATA), Answer(DATA, chunked=True)])
@pytest.mark.parametrize("difference", [-1, 1])
def test_catalogue_and_server_disagree(one: Downloads, answer: Answer, difference: int) -> None:
    """A file of another size than the catalogue says is not saved."""
    with pytest.raises((ContentInvalid, ServerUnreachable)):
        one.get(*[answer] * 4, item=one.item(len(DATA) + difference))
    assert not (one.folder / "a.tif").exists()


@pytest.mark.parametrize("size_bytes", [None, len(DATA)])
def test_truncated_for_good(one: Downloads, size_bytes: int | None) -> None:
    """A server that never sends all it announces ends in an error that counts the bytes, and no file."""
    with pytest.raises(ServerUnreachable):
        one.get(*[Answer(DATA, length=len(DATA), cut_at=1000, ranges=False)] * 4, item=one.item(size_bytes))
    assert not (one.folder / "a.tif").exists()


def test_length_that_nobody_tells(one: Downloads) -> None:
    """Without a length and chunks, a cut could not be noticed, so only the catalogue's size makes it a file."""
    with pytest.raises(ContentInvalid, match="Nobody can tell"):
        one.get(Answer(DATA, length=None))
    [path] = one.get(Answer(DATA, length=None), item=one.item(len(DATA)))
    assert path.read_bytes() == DATA


def test_cut_without_a_length(one: Downloads) -> None:
    """With the catalogue's size, a cut is noticed also where the server tells no length."""
    cut = Answer(DATA, length=None, cut_at=HALF)
    [path] = one.get(cut, Answer(DATA, length=None), item=one.item(len(DATA)))
    assert path.read_bytes() == DATA


def test_wrong_checksum(one: Downloads) -> None:
    """A file with another checksum than the catalogue's is not saved."""
    with pytest.raises(ContentInvalid, match="another checksum"):
        one.get(Answer(DATA), item=one.item(checksum="1220" + "00" * 32))
    assert one.names() == []


def test_other_file_is_kept(one: Downloads) -> None:
    """A file of another size is not replaced unasked, and is replaced whole when asked."""
    one.folder.mkdir()
    mine = one.folder / "a.tif"
    mine.write_bytes(b"my own work")
    with pytest.raises(TargetInvalid, match="overwrite"):
        one.get(Answer(DATA), item=one.item())
    with pytest.raises(TargetInvalid, match="overwrite"):
        one.get(item=one.item(len(DATA)))
    with pytest.raises(ServerUnreachable):
        one.get(Answer(DATA, cut_at=HALF), *[Answer(status=503)] * 4, item=one.item(), overwrite=True)
    assert mine.read_bytes() == b"my own work"
    one.get(Answer(DATA), item=one.item(), overwrite=True)
    assert mine.read_bytes() == DATA
    assert one.names() == ["a.tif"]


@pytest.mark.parametrize("size_bytes", [None, len(DATA)])
def test_file_of_the_right_size_is_skipped(one: Downloads, size_bytes: int | None) -> None:
    """What is there already is not fetched again; a size that no catalogue tells is asked of the server."""
    one.server.files["/p/a.tif"] = Answer(DATA)
    one.get(item=one.item(size_bytes))
    one.server.asked.clear()
    report = one.get(item=one.item(size_bytes))
    assert [path.read_bytes() for path in report] == [DATA]
    assert len(report.skipped) == 1
    assert [asked.method for asked in one.server.asked] == ([] if size_bytes else ["HEAD"])


@pytest.mark.parametrize("size", [100, len(DATA)])
def test_file_of_which_nobody_tells_the_size(one: Downloads, size: int) -> None:
    """Where neither catalogue nor server tells the size, what is there is skipped if it holds the same bytes, and is a
    conflict if not, with what to do; nothing else is left behind."""
    one.server.files["/p/a.tif"] = Answer(DATA[:size], chunked=True, ranges=False)
    mine = one.folder / "a.tif"
    one.get()
    assert [outcome.status for outcome in one.get().outcomes] == ["skipped"]
    for other, why in ((bytes(size), f"Both have {size:,} bytes"), (b"my own work", "It has 11 bytes")):
        mine.write_bytes(other)
        with pytest.raises(TargetInvalid, match=r"Another file a\.tif is there already\.") as caught:
            one.get()
        assert why in caught.value.why
        assert "--overwrite" in caught.value.do
        assert mine.read_bytes() == other
    assert one.names() == ["a.tif"]


@pytest.mark.parametrize("content", [DATA, b"their work"])
def test_name_that_is_taken_while_nobody_tells_the_size(one: Downloads, content: bytes) -> None:
    """A file that gets the name of one of unknown size meanwhile is compared with it, and never replaced."""
    theirs = one.folder / "a.tif"

    def decide(asked: Asked) -> Answer:
        theirs.write_bytes(content)
        return Answer(DATA, chunked=True, ranges=False)

    one.server.decide = decide
    if content == DATA:
        assert [outcome.status for outcome in one.get().outcomes] == ["skipped"]
    else:
        with pytest.raises(TargetInvalid, match=r"Another file a\.tif came there meanwhile\."):
            one.get()
    assert theirs.read_bytes() == content
    assert one.names() == ["a.tif"]


@pytest.mark.parametrize("head", [Answer(status=405), Answer(status=503), Answer(b""), Answer(DATA, length=None)])
def test_size_without_head(one: Downloads, head: Answer) -> None:
    """Where HEAD does not tell the size, GET does, and its body is not saved again."""
    one.folder.mkdir()
    (one.folder / "a.tif").write_bytes(DATA)
    one.server.files["/p/a.tif"] = head
    report = one.get(Answer(DATA))
    assert len(report.skipped) == 1
    assert one.names() == ["a.tif"]


def test_link_is_replaced_not_written_through(one: Downloads, tmp_path: Path) -> None:
    """Overwriting a symbolic link replaces the link; the file it points at stays."""
    one.folder.mkdir()
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (one.folder / "a.tif").symlink_to(victim)
    one.get(Answer(DATA), item=one.item(), overwrite=True)
    assert victim.read_bytes() == b"precious"
    assert not (one.folder / "a.tif").is_symlink()
    assert (one.folder / "a.tif").read_bytes() == DATA
