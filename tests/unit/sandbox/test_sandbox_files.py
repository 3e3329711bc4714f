"""The download service: who may read, byte ranges, validators, what there is."""

from __future__ import annotations

import hashlib
import struct
from base64 import b64encode
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import rasterio
import requests

from ipyterrascope.sandbox import Sandbox
from ipyterrascope.sandbox.geotiff import geotiff


def basic(name: str, password: str) -> str:
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


@pytest.fixture
def url(box):
    """A file of 1000 bytes."""
    return box.add_file("test/file.bin", bytes(range(250)) * 4)


def test_without_a_login(box, url):
    """GET, HEAD and ranged GET are 401 with both challenges, also where there is no file."""
    for answer in (
        requests.get(url, timeout=10),
        requests.head(url, timeout=10),
        requests.get(url, headers={"Range": "bytes=0-9"}, timeout=10),
        requests.get(f"{box.url}/download/nowhere", timeout=10),
    ):
        assert answer.status_code == 401
        assert "Bearer realm" in answer.headers["WWW-Authenticate"]
        assert 'charset="UTF-8"' in answer.headers["WWW-Authenticate"]


def test_a_browser_is_sent_to_the_login_page(box, url):
    """A request that would like HTML is redirected to a page that is HTML with status 200."""
    answer = requests.get(url, headers={"Accept": "text/html,*/*"}, timeout=10)
    assert answer.history[0].status_code == 302
    assert answer.url.startswith(box.issuer)
    assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (basic("dora", "s3cret-Pa55"), 200),
        (basic("boots", "päss wörd+&%"), 200),
        (basic("dora", "wrong"), 401),
        (basic("disabled", "x"), 401),
        ("Basic !!!", 401),
        ("Bearer made.up.token", 401),
        ("Bearer", 401),
    ],
)
def test_credentials(url, header, status):
    """Basic is UTF-8 (RFC 7617); what cannot be read or is not good is refused."""
    assert requests.get(url, headers={"Authorization": header}, timeout=10).status_code == status


def test_bearer(box, url, fetch):
    """A good bearer reads the file; an expired one does not, and 404 comes only after the login."""
    assert fetch(url).content == bytes(range(250)) * 4
    assert fetch(f"{box.url}/download/nowhere").status_code == 404
    box.expire_access_tokens()
    assert fetch(url).status_code == 401


def test_a_forged_bearer_is_refused(url, sign_in):
    """A changed signature is noticed."""
    token = sign_in()["access_token"]
    forged = token[:-8] + ("A" * 8 if token[-8:] != "A" * 8 else "B" * 8)
    assert requests.get(url, headers={"Authorization": f"Bearer {forged}"}, timeout=10).status_code == 401


def test_open_files(box, url):
    """With `require_bearer` off everybody may read."""
    box.require_bearer = False
    assert requests.get(url, timeout=10).ok


@pytest.mark.parametrize(
    ("wanted", "status", "span"),
    [
        ("bytes=0-9", 206, (0, 10)),
        ("bytes=990-", 206, (990, 1000)),
        ("bytes=-5", 206, (995, 1000)),
        ("bytes=-5000", 206, (0, 1000)),
        ("bytes=500-9999", 206, (500, 1000)),
        ("bytes=0-1,5-6", 200, (0, 1000)),
        ("bytes=9-3", 200, (0, 1000)),
        ("bytes=-", 200, (0, 1000)),
        ("lines=1-2", 200, (0, 1000)),
    ],
)
def test_ranges(url, fetch, wanted, status, span):
    """One range is answered with that part, anything else with the whole file."""
    answer = fetch(url, Range=wanted)
    start, stop = span
    assert answer.status_code == status
    assert answer.content == (bytes(range(250)) * 4)[start:stop]
    assert answer.headers.get("Content-Range") == (f"bytes {start}-{stop - 1}/1000" if status == 206 else None)


@pytest.mark.parametrize("wanted", ["bytes=1000-", "bytes=-0"])
def test_unsatisfiable_range(url, fetch, wanted):
    """A range beyond the end is 416 and tells the size."""
    answer = fetch(url, Range=wanted)
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */1000")


def test_if_range(url, fetch):
    """With `If-Range` a part comes only while the file is the same, by strong ETag or exact date."""
    head = fetch(url, "HEAD")
    for good in (head.headers["ETag"], head.headers["Last-Modified"]):
        assert fetch(url, Range="bytes=0-9", If_Range=good).status_code == 206
    for other in ('"other"', "Thu, 01 Jan 2026 00:00:00 GMT", f"W/{head.headers['ETag']}"):
        assert fetch(url, Range="bytes=0-9", If_Range=other).status_code == 200


def test_head(url, fetch):
    """HEAD tells size, validators and that ranges work, and sends no body."""
    head = fetch(url, "HEAD")
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "1000", b"")
    assert head.headers["Accept-Ranges"] == "bytes"
    assert head.headers["ETag"].startswith('"')


def test_replacing_a_file_changes_its_etag(box, url, fetch):
    """Other content under the same address has another ETag."""
    before = fetch(url).headers["ETag"]
    assert box.add_file("test/file.bin", b"other") == url
    assert fetch(url).headers["ETag"] != before


def test_synthetic_file(box, fetch):
    """A file of any size is made up by offset, without its parts repeating at round distances."""
    url = box.add_synthetic("test/big.bin", 10**12)
    assert fetch(url, "HEAD").headers["Content-Length"] == str(10**12)
    part = fetch(url, Range="bytes=999999990000-").content
    assert part == box.synthetic_bytes(999999990000, 10**12)
    assert len(part) == 10000
    assert box.synthetic_bytes(0, 100) != box.synthetic_bytes(1 << 20, (1 << 20) + 100)


def test_what_there_is(box, fetch):
    """Every file can be fetched; addresses have Terrascope's shapes, and two products share a file name."""
    assert len(box.download_urls) > 10
    for url in box.download_urls:
        answer = fetch(url)
        assert answer.status_code == 200
        assert answer.content[:4] == (b"II*\0" if url.endswith(".tif") else b"<?xm")
    paths = [url.removeprefix(f"{box.url}/download/") for url in box.download_urls]
    for shape in (
        "Sentinel2/TOC_V2/2026/08/07/",
        "WORLDCOVER/ESA_WORLDCOVER_10M_2020_V100/MAP/",
        "LCFM/products/LCM-10/",
    ):
        assert any(path.startswith(shape) for path in paths)
    names = Counter(path.rpartition("/")[2] for path in paths)
    [twice] = [name for name, count in names.items() if count == 2]
    one, other = (url for url in box.download_urls if url.endswith(twice))
    assert fetch(one).content != fetch(other).content


def test_files_are_the_same_every_time(box, fetch):
    """The images do not change from run to run or machine to machine."""
    [band] = [url for url in box.download_urls if "S2C" in url and "B02" in url]
    digest = hashlib.sha256(fetch(band).content).hexdigest()
    assert digest == "4f3e485bce5e908f45bb9c6df6b568bb4af0b07dade7ade968b462566b0a9b9c"


def test_geotiff_directory():
    """Size, tiles and georeference of an image stand in its first directory, and the pixels where it says."""
    rows = [struct.pack("<20H", *range(20 * y, 20 * y + 20)) for y in range(17)]
    content = geotiff(rows, bits=16, epsg=32631, origin=(300000, 5300040), pixel_size=10, nodata=7, tile=16)
    data = content.read(0, content.size_bytes)
    [count] = struct.unpack_from("<H", data, 8)
    entries = {}
    for index in range(count):
        tag, kind, number, value = struct.unpack_from("<HHII", data, 10 + 12 * index)
        entries[tag] = (kind, number, value)
    assert list(entries) == sorted(entries)
    assert (entries[256][2], entries[257][2], entries[258][2]) == (20, 17, 16)
    assert struct.unpack_from("<3d", data, entries[33550][2]) == (10, 10, 0)
    assert struct.unpack_from("<6d", data, entries[33922][2]) == (0, 0, 0, 300000, 5300040, 0)
    assert struct.unpack_from("<16H", data, entries[34735][2])[-1] == 32631
    offsets = struct.unpack_from("<4I", data, entries[324][2])
    assert struct.unpack_from("<16H", data, offsets[0]) == tuple(range(16))
    assert struct.unpack_from("<4H", data, offsets[1]) == (16, 17, 18, 19)
    assert struct.unpack_from("<2H", data, offsets[2]) == (320, 321)
    assert len(data) == offsets[3] + 16 * 16 * 2


def test_large_geotiff(tmp_path: Path):
    """An image that stands beside itself many times is one that GDAL reads, from whatever part of the file."""
    rows = [struct.pack("<32H", *range(32 * y, 32 * y + 32)) for y in range(16)]
    how = {"bits": 16, "epsg": 32631, "origin": (300000, 5300040), "pixel_size": 10, "tile": 16}
    content = geotiff(rows, copies=3, **how)
    whole = content.read(0, content.size_bytes)
    assert whole == b"".join(content.read(start, start + 777) for start in range(0, content.size_bytes, 777))
    (tmp_path / "a.tif").write_bytes(whole)
    with rasterio.open(tmp_path / "a.tif") as image:
        pixels = image.read(1)
    one = np.arange(32 * 16, dtype="uint16").reshape(16, 32)
    assert np.array_equal(pixels, np.tile(one, (3, 3)))


def test_a_file_to_wait_for(box: Sandbox):
    """One file of the newest product is large enough to be watched, and the catalogue tells its size."""
    features = requests.get(f"{box.stac_url}/search", params={"limit": 1}, timeout=10).json()["features"]
    largest = max(features[0]["assets"].values(), key=lambda asset: asset["file:size"])
    assert largest["file:size"] > 30_000_000
    assert largest["href"] in box.download_urls
