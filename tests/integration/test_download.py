"""Downloading from Terrascope, as a scientist sees it: batches, reruns, colliding names, a server in a bad mood."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from ipyterrascope.errors import (
    ContentInvalid,
    DownloadFailed,
    ServerRefused,
    ServerUnreachable,
    SourceInvalid,
    TargetInvalid,
    TransferError,
)
from ipyterrascope.sandbox import Sandbox, steps
from ipyterrascope.transfer import Backoff, CurlEngine, Item, Report, download

TIFF = b"II*\x00" + random.Random(3).randbytes(1_024_000)


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


class Signed:
    """Is signed in for five minutes and cannot renew."""

    def __init__(self, token: str) -> None:
        self.token = token

    def headers(self, url: str) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def refused(self, url: str, headers: Mapping[str, str]) -> bool:
        return False


@pytest.fixture
def signed(box: Sandbox) -> Signed:
    form = {"grant_type": "password", "client_id": "public", "username": "dora", "password": box.users["dora"]}
    token = requests.post(f"{box.issuer}/protocol/openid-connect/token", data=form, timeout=10).json()["access_token"]
    box.forget_requests()
    return Signed(token)


@pytest.fixture
def engine(signed: Signed) -> CurlEngine:
    return CurlEngine(signed)


@pytest.fixture
def fast(signed: Signed) -> Callable[..., CurlEngine]:
    """Make engines that wait for nothing."""

    def make(max_tries: int = 3, **options: int) -> CurlEngine:
        backoff = Backoff(max_tries=max_tries, first_s=0.0, most_s=0.0)
        return CurlEngine(signed, backoff=backoff, random=lambda: 0.0, **options)

    return make


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def served(signed: Signed, url: str) -> bytes:
    return requests.get(url, headers=signed.headers(url), timeout=10).content


def test_all_of_a_catalogue(box: Sandbox, engine: CurlEngine, signed: Signed, tmp_path: Path) -> None:
    """A batch of Terrascope's addresses arrives whole, each path in the order of the addresses."""
    report = download(box.download_urls, tmp_path / "data", engine=engine)
    assert len(report) == len(box.download_urls)
    for url, path in zip(box.download_urls, report, strict=True):
        assert path.read_bytes() == served(signed, url)
        assert path.name == urlsplit(url).path.rpartition("/")[2]
    assert json.dumps(report.to_dict())


def test_running_the_cell_again(box: Sandbox, engine: CurlEngine, tmp_path: Path) -> None:
    """Running the same cell again fetches nothing, and gives the same paths."""
    first = download(box.download_urls, tmp_path, engine=engine)
    box.forget_requests()
    second = download(box.download_urls, tmp_path, engine=engine)
    assert list(second) == list(first)
    assert second.saved == []
    assert {request.method for request in box.requests} == {"HEAD"}


def test_sizes_from_the_catalogue(box: Sandbox, engine: CurlEngine, tmp_path: Path) -> None:
    """With sizes from the catalogue, a rerun asks the server for nothing at all."""
    url = box.add_file("p/x.tif", TIFF)
    items = [Item(url, "x.tif", size_bytes=len(TIFF))]
    download(items, tmp_path, engine=engine)
    box.forget_requests()
    assert len(download(items, tmp_path, engine=engine).skipped) == 1
    assert box.requests == []


def test_files_of_one_name_in_several_products(box: Sandbox, engine: CurlEngine, tmp_path: Path) -> None:
    """Files of one name lie in the folders of their products, the others flat; nothing is lost."""
    urls = [box.add_file(path, path.encode()) for path in ("S2A/CLASS.tif", "S2B/CLASS.tif", "S2B/B02.tif")]
    download(urls, tmp_path, engine=engine)
    assert files_in(tmp_path) == {
        "S2A/CLASS.tif": b"S2A/CLASS.tif",
        "S2B/CLASS.tif": b"S2B/CLASS.tif",
        "B02.tif": b"S2B/B02.tif",
    }


def test_a_mixture_of_everything(
    box: Sandbox, engine: CurlEngine, fast: Callable[..., CurlEngine], tmp_path: Path
) -> None:
    """In one batch: there already, interrupted before, colliding, missing, refused, twice, and another file in the way.
    What can be fetched is, nothing of the user's is lost, and one error at the end says what failed."""
    there, broken, first, second, absent, mine = (
        box.add_file(path, path.encode() * 150_000)
        for path in ("p/there.tif", "p/broken.tif", "p/same.tif", "q/same.tif", "p/absent.tif", "p/mine.tif")
    )
    download(there, tmp_path, engine=engine)
    box.timeline.files(steps.truncated(after=400_000), 503, 503, to="broken")
    with pytest.raises(ServerUnreachable):
        download(broken, tmp_path, engine=fast(max_connections=1))
    asked_before = len(box.requests_to("broken", "GET"))
    (tmp_path / "mine.tif").write_bytes(b"my own work")
    box.timeline.files(404, to="absent")
    batch = [there, broken, first, second, absent, mine, there]
    with pytest.raises(DownloadFailed, match="2 of 6 downloads failed") as caught:
        download(batch, tmp_path, engine=fast())
    report = caught.value.report
    assert isinstance(report, Report)
    assert [type(outcome.error) for outcome in report.failed] == [ServerRefused, TargetInvalid]
    assert files_in(tmp_path) == {
        "there.tif": b"p/there.tif" * 150_000,
        "broken.tif": b"p/broken.tif" * 150_000,
        "p/same.tif": b"p/same.tif" * 150_000,
        "q/same.tif": b"q/same.tif" * 150_000,
        "mine.tif": b"my own work",
    }
    after = box.requests_to("broken", "GET")[asked_before:]
    assert [request.headers["Range"] for request in after[:1]] == ["bytes=400000-"]


def test_only_the_rest_is_fetched(box: Sandbox, engine: CurlEngine, tmp_path: Path) -> None:
    """After a batch in which something failed, the same call fetches what is missing and nothing else."""
    urls = [box.add_file(f"p/{n}.tif", TIFF) for n in range(4)]
    box.timeline.files(404, to="/2.tif")
    with pytest.raises(DownloadFailed, match="1 of 4"):
        download(urls, tmp_path, engine=engine)
    report = download(urls, tmp_path, engine=engine)
    assert [outcome.item.name for outcome in report.saved] == ["2.tif"]
    assert len(report) == 4


def test_a_list_of_one_fails_as_a_list(box: Sandbox, engine: CurlEngine, tmp_path: Path) -> None:
    """One URL fails with its own error; a list, also of one, always with the summary."""
    url = f"{box.url}/download/no/such.tif"
    with pytest.raises(ServerRefused, match="404"):
        download(url, tmp_path, engine=engine)
    with pytest.raises(DownloadFailed, match="1 of 1"):
        download([url], tmp_path, engine=engine)


@pytest.mark.parametrize(
    "mood",
    [
        steps.drip(chunk_bytes=100_000, pause_s=0.01),
        "truncated",
        "reset",
        "no_answer",
        "changed_etag",
        429,
        500,
        503,
        steps.status(429, retry_after="Sat, 01 Aug 2026 12:00:00 GMT"),
        steps.truncated(after=1),
        steps.reset(after=1_000_000),
    ],
)
@pytest.mark.parametrize("then", ["success", "ignore_ranges", "wrong_range", "changed_etag", "reset", 503])
def test_passing_moods(
    mood: str | int | steps.Step, then: str | int, box: Sandbox, tmp_path: Path, fast: Callable[..., CurlEngine]
) -> None:
    """Whatever passing trouble the server has, and whatever comes after it, the file is identical at the end."""
    url = box.add_file("p/x.tif", TIFF)
    box.timeline.files(mood, then)
    [path] = download(url, tmp_path, engine=fast(max_tries=4))
    assert files_in(tmp_path) == {"x.tif": TIFF}
    assert path.name == "x.tif"


@pytest.mark.parametrize(
    ("mood", "error"),
    [
        ("html", ContentInvalid),
        ("redirect_to_login", ContentInvalid),
        ("gzip", ContentInvalid),
        (401, ServerRefused),
        (403, ServerRefused),
        (404, ServerRefused),
    ],
)
def test_lasting_moods(
    mood: str | int, error: type[TransferError], box: Sandbox, tmp_path: Path, fast: Callable[..., CurlEngine]
) -> None:
    """What is not the file is never saved, and not asked for again."""
    url = box.add_file("p/x.tif", TIFF)
    box.timeline.files(mood)
    with pytest.raises(error):
        download(url, tmp_path, engine=fast())
    assert files_in(tmp_path) == {}
    assert len(box.requests_to("x.tif")) == 1


def test_no_range_is_served(box: Sandbox, tmp_path: Path, fast: Callable[..., CurlEngine]) -> None:
    """A file of which the server serves no first part is asked for whole, and is refused when that is refused too."""
    url = box.add_file("p/x.tif", TIFF)
    box.timeline.files(416, 416)
    with pytest.raises(ServerRefused, match="416"):
        download(url, tmp_path, engine=fast())
    box.timeline.files(416)
    download(url, tmp_path, engine=fast())
    assert files_in(tmp_path) == {"x.tif": TIFF}
    assert [request.headers.get("Range") for request in box.requests_to("x.tif")] == ["bytes=0-8388607", None] * 2


@pytest.mark.parametrize("by", [-100, 100])
def test_wrong_length(by: int, box: Sandbox, tmp_path: Path, engine: CurlEngine) -> None:
    """A file that is shorter or longer than the catalogue says is not saved."""
    item = Item(box.add_file("p/x.tif", TIFF), "x.tif", size_bytes=len(TIFF))
    box.timeline.files(steps.wrong_length(by))
    with pytest.raises(ContentInvalid, match="another size"):
        download(item, tmp_path, engine=engine)
    assert files_in(tmp_path) == {}


def test_token_that_ends_and_cannot_be_renewed(box: Sandbox, signed: Signed, tmp_path: Path) -> None:
    """When the sign-in ends in the middle of a batch, what came stays and the error says to sign in again."""
    urls = [box.add_file(f"p/{n}.tif", TIFF) for n in range(3)]

    class EndsAfterOne(Signed):
        def headers(self, url: str) -> Mapping[str, str]:
            if url == urls[1]:
                box.expire_access_tokens()
            return super().headers(url)

    with pytest.raises(DownloadFailed, match="Sign in again") as caught:
        download(urls, tmp_path, engine=CurlEngine(EndsAfterOne(signed.token), max_connections=1))
    assert list(files_in(tmp_path)) == ["0.tif"]
    assert "2 of 3" in str(caught.value)


@pytest.mark.parametrize("hostile", ["..%2F..%2Fevil.tif", "%2e%2e%5cevil.tif", "C:%5Cevil.tif", "%00evil.tif", "nul"])
def test_hostile_names(hostile: str, box: Sandbox, engine: CurlEngine, tmp_path: Path) -> None:
    """No name of a server leaves the folder."""
    folder = tmp_path / "data"
    box.timeline.files(steps.payload({"x": 1}))
    [path] = download(f"{box.url}/download/p/{hostile}", folder, engine=engine)
    assert path.parent == folder
    assert [found.name for found in tmp_path.iterdir()] == ["data"]


def test_linked_folders_are_not_followed(box: Sandbox, engine: CurlEngine, tmp_path: Path) -> None:
    """A symbolic link in the place of a product's folder keeps that product from being saved, and no other."""
    folder, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / "p").symlink_to(elsewhere)
    urls = [box.add_file("p/same.tif", TIFF), box.add_file("q/same.tif", TIFF)]
    with pytest.raises(DownloadFailed, match="not a folder"):
        download(urls, folder, engine=engine, overwrite=True)
    assert files_in(elsewhere) == {}
    assert (folder / "q" / "same.tif").read_bytes() == TIFF


def test_bad_entry_stops_before_the_first_byte(box: Sandbox, engine: CurlEngine, tmp_path: Path) -> None:
    """One entry that cannot be downloaded stops the whole call before anything is asked or made."""
    with pytest.raises(SourceInvalid, match="Entry 2"):
        download([*box.download_urls[:1], "http://example.org/x.tif"], tmp_path / "data", engine=engine)
    assert box.requests == []
    assert not (tmp_path / "data").exists()


def test_a_name_of_my_own(box: Sandbox, engine: CurlEngine, tmp_path: Path) -> None:
    """A given name is used, in a folder that is made."""
    url = box.add_file("p/x.tif", TIFF)
    [path] = download(url, tmp_path / "new" / "folder", engine=engine, name="mine.tif")
    assert path == tmp_path / "new" / "folder" / "mine.tif"
    assert path.read_bytes() == TIFF


def test_nothing_to_download(engine: CurlEngine, tmp_path: Path) -> None:
    """An empty batch is an empty report, and shows no progress."""
    shown: list[object] = []
    report = download([], tmp_path / "data", engine=engine, show=shown.append)
    assert shown == []
    assert list(report) == []
    assert str(report).startswith("nothing to download: ")
