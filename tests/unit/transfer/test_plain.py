"""Small files that come plainly: nothing is saved that a closer look would refuse, and nothing else is lost by it."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import psutil
import pytest
from downloads import Downloads, Nobody
from faulty import Answer, Asked, FaultyServer
from hypothesis import given, settings
from hypothesis import strategies as st

from ipyterrascope.errors import ContentInvalid, TargetInvalid, TransferError
from ipyterrascope.transfer import CurlEngine, Download, Item, download, order_of
from ipyterrascope.transfer.answers import agreed_size, read_body
from ipyterrascope.transfer.curl.head import content_length, is_plain, read_head
from ipyterrascope.transfer.pages import check_page, is_data
from testbed.waiting import until

DATA = b"II*\0" + random.Random(3).randbytes(30_000)
ITEM = Item("https://files.example/a.tif", "a.tif")
FIELDS = st.sampled_from(
    [
        "Content-Length: 7", "content-length: 7", "Content-Length:7", "Content-Length : 7", "Content-Length: 8",
        "Content-Length: 7, 7", "X-Content-Length: 7", "Content-Range: bytes 0-6/7", "Content-Range: bytes 0-6/8",
        "content-range:bytes 0-6/7", "Content-Range: bytes 1-7/8", "Content-Encoding: gzip", "Content-encoding : br",
        "Transfer-Encoding: chunked", "Transfer-Encoding: gzip",
        "Vary: Accept-Encoding", "Content-Type: image/tiff", "Content-Type: text/html",
        "Content-Type:application/xhtml+xml", "ETag: \"a\"", "Location: /elsewhere", "X: \tContent-Length: 7", "",
    ]
)  # fmt: skip
STATUSES = st.sampled_from(
    [
        "HTTP/1.1 200 OK", "HTTP/1.1 200 OK", "HTTP/1.1 206 Partial Content", "HTTP/1.1 206 Partial Content",
        "HTTP/1.0 206", "HTTP/2 200", "HTTP/2 206", "HTTP/1.1 204", "HTTP/1.1 100", "HTTP/1.1 2000",
    ]
)  # fmt: skip


@settings(max_examples=1500)
@given(
    STATUSES,
    st.lists(FIELDS, max_size=3).map(lambda fields: [*fields, "Content-Length: 7"]).flatmap(st.permutations),
    st.sampled_from(["\r\n", "\r\n", "\r\n", "\n"]),
    st.sampled_from([None, 8 << 20]),
    st.sampled_from([b"II*\0abc", b"II*\0abc", b"II*\0abc", b"<html>!", b" <html>", b"\xef\xbb\xbf<p>"]),
)
def test_what_is_plain_is_what_a_closer_look_takes(
    status: str, fields: list[str], end: str, asked_end: int | None, first: bytes
) -> None:
    """Whatever fields a header has, in whatever order: what is saved without a closer look would be saved after it."""
    lines = [f"{line}{end}".encode() for line in [status, *fields, ""]]
    head = b"".join(lines).lower()
    if content_length(head) != len(first) or not is_data(first):
        return
    if not is_plain(head, len(first), is_asked_in_part=asked_end is not None):
        return
    look = read_head(lines)
    assert look is not None
    assert look.status in (200, 206)
    body = read_body(look.status, look.fields, 0, asked_end, None)
    assert body is not None
    assert (body.start, body.end or len(first), agreed_size(ITEM, look.fields, body)) == (0, len(first), len(first))
    check_page(ITEM.url, ITEM.url, ITEM.name, look.fields, first)


@pytest.mark.parametrize(
    "fields",
    [["Content-Length: 7"], ["Server: x", "Vary: Accept-Encoding", "content-length: 7", "Content-Type: image/tiff"]],
)
def test_what_servers_say_is_plain(fields: list[str]) -> None:
    """An answer as servers give it takes no closer look, neither the whole file nor the whole of it as a part."""
    rest = "".join(f"{line}\r\n" for line in [*fields, ""]).lower()
    assert content_length(f"\r\n{rest}".encode()) == 7
    assert is_plain(f"http/1.1 200 ok\r\n{rest}".encode(), 7, is_asked_in_part=True)
    part = f"http/2 206\r\ncontent-range: bytes 0-6/7\r\n{rest}".encode()
    assert is_plain(part, 7, is_asked_in_part=True)
    assert not is_plain(part, 7, is_asked_in_part=False)
    assert not is_plain(part, 6, is_asked_in_part=True)


def begun(sources: Sequence[str | Item], folder: Path, engine: CurlEngine) -> Download:
    """Begin a download in the background."""
    running = Download(order_of(sources, folder, engine=engine))
    running.start()
    return running


def asked_then(server: FaultyServer, act: Callable[[], object], answer: Answer) -> None:
    """Let something happen while the first answer is awaited."""

    def decide(asked: Asked) -> Answer:
        if asked.nth == 1:
            act()
        return answer

    server.decide = decide


@pytest.mark.parametrize("content", [DATA, bytes(len(DATA)), b"5"])
def test_name_that_is_taken_meanwhile(one: Downloads, content: bytes) -> None:
    """A file that gets its name while ours is on its way is never replaced; where it is another, it is told of."""
    theirs = one.folder / "a.tif"
    asked_then(one.server, lambda: theirs.write_bytes(content), Answer(DATA))
    if content == DATA:
        assert len(one.get().skipped) == 1
    else:
        with pytest.raises(TargetInvalid, match=r"Another file a\.tif (?:is there already|came there meanwhile)\."):
            one.get()
    assert theirs.read_bytes() == content
    assert one.names() == ["a.tif"]


@pytest.mark.parametrize(
    ("size_bytes", "checksum", "why"),
    [
        (len(DATA) + 1, None, "another size than the catalogue says"),
        (None, "1220" + sha256(b"other").hexdigest(), "another checksum than the catalogue says"),
    ],
)
def test_catalogue_that_says_otherwise(one: Downloads, size_bytes: int | None, checksum: str | None, why: str) -> None:
    """Nothing is saved that is not what the catalogue says."""
    with pytest.raises(ContentInvalid, match=why):
        one.get(Answer(DATA), item=one.item(size_bytes, checksum))
    assert one.names() == []


def test_part_that_comes_meanwhile(one: Downloads) -> None:
    """Where another program begins the same file while ours comes slowly, its part is left alone and told of."""
    part = one.folder / "a.tif.part"
    slow = Answer(DATA, pause_s=0.2, chunk_bytes=10_000)
    asked_then(one.server, lambda: part.write_bytes(b"theirs"), slow)
    with pytest.raises(TargetInvalid, match=r"a\.tif\.part is there and was not made by this program\."):
        one.get()
    assert part.read_bytes() == b"theirs"
    assert one.names() == ["a.tif.part"]


def test_small_file_that_comes_slowly_is_shown(server: FaultyServer, engine: CurlEngine, tmp_path: Path) -> None:
    """How far a small file is can be seen, where it takes longer than a moment."""
    server.files["/a.tif"] = Answer(DATA, cut_at=20_000, stall=True)
    running = begun([server.url("/a.tif")], tmp_path, engine)
    until(lambda: [(file.name, file.bytes_done) for file in running.state.active] == [("a.tif", 20_000)])
    running.cancel()


class Hesitant(Nobody):
    """Takes its time over the second credential."""

    def __init__(self) -> None:
        self.asked, self.go = threading.Event(), threading.Event()
        self._times = 0

    def headers(self, url: str) -> Mapping[str, str]:
        self._times += 1
        if self._times > 1:
            self.asked.set()
            self.go.wait(30)
        return {}


def test_no_folder_stays_open(server: FaultyServer, tmp_path: Path) -> None:
    """The folders of small files are closed, of those that are saved and of those that wait for a credential."""
    server.decide = lambda asked: Answer(DATA)
    items = [Item(server.url(f"/{n}.tif"), f"{n}.tif", folder="below") for n in range(3)]
    (tmp_path / "below").mkdir()
    who = Hesitant()
    before = psutil.Process().num_fds()
    running = begun(items, tmp_path, CurlEngine(who, max_connections=1))
    assert who.asked.wait(10)
    running.cancel()
    who.go.set()
    until(lambda: running.state.is_ended and psutil.Process().num_fds() <= before)
    assert (tmp_path / "below" / "0.tif").read_bytes() == DATA


def test_thousands_beside_large_ones(server: FaultyServer, engine: CurlEngine, tmp_path: Path) -> None:
    """Files of all sizes, known and unknown, come whole in one download."""
    sizes = [0, 1, 5, 16_384, 30_004, 1 << 20, (1 << 20) + 1, 3 << 20]
    content = {f"/{n}.bin": DATA[:1] * sizes[n % len(sizes)] for n in range(200)}
    server.decide = lambda asked: Answer(content[asked.path])
    items = [
        Item(server.url(path), path[1:], len(data) if n % 3 else None) for n, (path, data) in enumerate(content.items())
    ]
    report = download(items, tmp_path, engine=engine)
    assert len(report.saved) == len(content)
    assert {f"/{path.name}": path.read_bytes() for path in report} == content


@pytest.mark.parametrize("first", ["103 Early Hints", "200 OK"])
@pytest.mark.parametrize("told", [100, 16_384])
def test_length_of_another_answer(tmp_path: Path, engine: CurlEngine, first: str, told: int) -> None:
    """A length that is not the answer's own, where bytes arrive just so many at a time, loses none of the others."""
    content = DATA * 10
    head = f"HTTP/1.1 {first}\r\nContent-Length: {told}\r\n"
    head += "\r\nHTTP/1.1 200 OK\r\n" if first.startswith("1") else ""
    head += f'ETag: "a"\r\nContent-Length: {len(content)}\r\n\r\n'

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                # whoever else has the port in mind is answered too, say a Jupyter client whose kernel had it before
                asked = connection.recv(65536).decode(errors="replace")
                start = int(asked.partition("bytes=")[2].partition("-")[0] or 0)
                if start:
                    rest = f"bytes {start}-{len(content) - 1}/{len(content)}"
                    part = f'HTTP/1.1 206 Part\r\nETag: "a"\r\nContent-Range: {rest}\r\nConnection: close\r\n\r\n'
                    connection.sendall(part.encode() + content[start:])
                else:
                    connection.sendall(head.encode() + content[:told])
                    time.sleep(0.05)
                    connection.sendall(content[told:])

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/a.tif"
        with suppress(TransferError):
            download(url, tmp_path, engine=engine)
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)
    assert {path.read_bytes() == content for path in tmp_path.glob("*.tif")} <= {True}
    if first.startswith("1"):
        assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]
