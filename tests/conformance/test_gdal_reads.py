"""GDAL as others bring it, reading with tokens that live three seconds: rasterio and all that uses it, pyogrio, osgeo.

The readers are processes of their own, for rasterio holds the interpreter while it waits for some of its answers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

import ipyterrascope as ts
from ipyterrascope.sandbox import Sandbox
from testbed import geo
from testbed.certificate import self_signed
from testbed.files import ProtectedFiles
from testbed.keycloak import DORA, Keycloak
from testbed.loopback import Asked, Loopback, Reply, loopback

EDGE = 1024
PASSWORD = "s3cret-Pa55"  # of the sandbox's dora
TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def cog(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return geo.cog(tmp_path_factory.mktemp("cog"), EDGE)


def serving(data: bytes) -> Any:
    """Return what answers with a file, in ranges, to everybody."""

    def answer(asked: Asked) -> Reply:
        if not asked.path.partition("?")[0].endswith(".tif"):
            return Reply(404)
        wanted = asked.headers.get("Range")
        if asked.method == "HEAD" or not wanted:
            return Reply(200, b"" if asked.method == "HEAD" else data, {"Content-Length": str(len(data))})
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last) + 1]
        span = f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"
        return Reply(206, part, {"Content-Range": span})

    return answer


@pytest.fixture
def foreign(cog: bytes) -> Iterator[Loopback]:
    """A host that is none of the provider's."""
    with loopback(serving(cog)) as running:
        yield running


def run(command: list[str], **environ: str) -> dict[str, Any]:
    """Run a process to its end, without the developer's settings, and return what it printed."""
    done = subprocess.run(
        command,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TERRASCOPE_USERNAME": "dora", **environ},
        capture_output=True, text=True, timeout=150 + float(environ.get("SECONDS", 0)), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def read_for(seconds: float, url: str, foreign: Loopback, **environ: str) -> dict[str, Any]:
    told = run(
        [sys.executable, str(TESTS / "testbed" / "readers.py")],
        URL=url,
        FOREIGN=f"{foreign.url}/open.tif",
        SECONDS=str(seconds),
        EDGE=str(EDGE),
        EPSG=str(geo.EPSG),
        **environ,
    )
    print(told)
    return told


def check(told: dict[str, Any], foreign: Loopback) -> None:
    assert told["failures"] == []
    assert told["counts"]["by_rasterio"] > 50
    assert min(told["counts"].values()) >= 1
    assert set(told["counts"]) == {"by_rasterio", "by_rioxarray", "by_odc_stac", "by_stackstac", "beside"}
    assert "through rasterio" in told["status"]
    assert "401" in told["after"]
    assert len(foreign.asked) > 10
    assert [asked.headers["Authorization"] for asked in foreign.asked if "Authorization" in asked.headers] == []


@pytest.fixture
def seconds(full_counts: bool) -> float:
    return 60 if full_counts else 8


@pytest.mark.soak
def test_four_libraries_read_through_every_rotation(cog: bytes, foreign: Loopback, seconds: float) -> None:
    """With a token of three seconds that is void at once when renewed, no read of four libraries fails, every request
    has a token that is good, and a foreign host that is read beside them sees none."""
    with Sandbox(access_token_lifetime_s=3) as box:
        url = box.add_file("cog.tif", cog, "image/tiff")
        told = read_for(
            seconds, url, foreign,
            TERRASCOPE_ISSUER=box.issuer, TERRASCOPE_HOSTS=f"127.0.0.1:{box.port}", TERRASCOPE_PASSWORD=PASSWORD,
        )  # fmt: skip
        asked = box.requests_to("/download/")
        renewals = [record for record in box.requests_to("/token") if record.form.get("grant_type") == "refresh_token"]
    check(told, foreign)
    signed = [record.status for record in asked if "Authorization" in record.headers]
    assert set(signed) <= {200, 206}
    # what comes after the logout has no token: the file, and the folder that it is in
    assert {record.status for record in asked[len(signed) :]} == {401}
    assert 1 <= len(asked) - len(signed) <= 2
    assert len(renewals) >= seconds / 3


@pytest.mark.soak
def test_four_libraries_read_with_keycloaks_tokens(
    keycloak: Keycloak,
    keycloak_files: ProtectedFiles,
    cog: bytes,
    foreign: Loopback,
    seconds: float,
    full_counts: bool,
) -> None:
    """The same against a real Keycloak, with rotation and a file service that checks each token's signature and end."""
    url = keycloak_files.add("/download/cog.tif", cog)
    # beside other tests a renewal may take more than the second and a half that is left of three
    life_s = 3 if full_counts else 6
    with keycloak.realm(accessTokenLifespan=life_s, revokeRefreshToken=True):
        told = read_for(
            seconds, url, foreign,
            TERRASCOPE_ISSUER=keycloak.issuer, TERRASCOPE_HOSTS=url.split("/")[2], TERRASCOPE_PASSWORD=DORA.password,
        )  # fmt: skip
    check(told, foreign)
    statuses = [status for _, status in keycloak_files.answered]
    # what comes after the logout: the file, and the folder that it is in
    logout = statuses.index(401)
    assert (set(statuses[:logout]), set(statuses[logout:])) == ({200, 206}, {401})
    assert len(statuses) - logout <= 2
    assert len(keycloak.events("REFRESH_TOKEN")) >= seconds / life_s
    assert keycloak.events("REFRESH_TOKEN_ERROR") == []


REDIRECTED = """
import json, os, rasterio
import ipyterrascope as ts
ts.gdal.enable()
failures = []
for url in os.environ["URLS"].split():
    try:
        with rasterio.open(url) as source:
            for offset in (0, 500, 900):
                source.read(1, window=((offset, offset + 50), (offset, offset + 50)))
    except Exception as exc:
        failures.append(f"{url}: {exc}")
print(json.dumps(failures))
"""


def signed(url: str) -> str:
    """Return an address as object stores sign them, which GDAL knows."""
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return f"{url}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={now}&X-Amz-Expires=3600&X-Amz-Signature=abc"


@pytest.mark.parametrize("netrc", [False, True], ids=["", "with a .netrc"])
def test_no_redirect_takes_the_token_along(cog: bytes, foreign: Loopback, netrc: bool, tmp_path: Path) -> None:
    """Redirects to another host, plain or to a signed address, bring the file, and the token stays behind; an entry
    in ~/.netrc for the same machine does not replace it."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login somebody password else\n" if netrc else "")
    (tmp_path / ".netrc").chmod(0o600)
    sent: list[tuple[str, str]] = []

    def redirecting(asked: Asked) -> Reply:
        sent.append((asked.path, asked.headers.get("Authorization", "")))
        _, status, kind = asked.path.split("/")[:3]
        target = f"{foreign.url}{asked.path}"
        return Reply(int(status), headers={"Location": signed(target) if kind == "signed" else target})

    with Sandbox() as box, loopback(redirecting) as ours:
        cases = [(status, kind) for status in (302, 303, 307, 308) for kind in ("plain", "signed")]
        failures = run(
            [sys.executable, "-c", REDIRECTED],
            URLS=" ".join(f"{ours.url}/{status}/{kind}/a.tif" for status, kind in cases),
            TERRASCOPE_ISSUER=box.issuer, TERRASCOPE_HOSTS=ours.url.removeprefix("http://"),
            TERRASCOPE_PASSWORD=PASSWORD, HOME=str(tmp_path),
        )  # fmt: skip
        assert failures == []
        assert {value[:7] for _, value in sent} == {"Bearer "}
        shown = {asked.headers.get("Authorization", "") for asked in foreign.asked}
        assert not [value for value in shown if value.startswith("Bearer")]
        assert len({asked.path.partition("?")[0] for asked in foreign.asked}) == len(cases)


def test_a_permanent_redirect_is_where_gdal_does_not_ask(cog: bytes, foreign: Loopback) -> None:
    """GDAL remembers a 301 whatever it is told, and shows the token at the new address: the day it no longer does,
    this test fails, and the warning in `ipyterrascope.gdal` can go."""
    with (
        Sandbox() as box,
        loopback(lambda asked: Reply(301, headers={"Location": f"{foreign.url}{asked.path}"})) as ours,
    ):
        run(
            [sys.executable, "-c", REDIRECTED],
            URLS=f"{ours.url}/a.tif", TERRASCOPE_ISSUER=box.issuer, TERRASCOPE_PASSWORD=PASSWORD,
            TERRASCOPE_HOSTS=ours.url.removeprefix("http://"),
        )  # fmt: skip
    assert "Authorization" not in foreign.asked[0].headers
    assert "Authorization" in foreign.asked[-1].headers


TLS = """
import json, os, rasterio
import ipyterrascope as ts
ts.gdal.enable()
with rasterio.open(os.environ["URL"]) as source:
    print(json.dumps([source.read(1).size, len(ts.fsspec.filesystem().cat(os.environ["URL"]))]))
"""


def test_an_authority_of_ones_own(cog: bytes, tmp_path: Path) -> None:
    """By https with a certificate that only our CA bundle knows GDAL and fsspec read; the bundle that rasterio sets for
    all hosts does not stand in the way."""
    bundle, context = self_signed(tmp_path)
    with Sandbox() as box, loopback(serving(cog), context) as server:
        host = f"127.0.0.1:{server.port}"
        told = run(
            [sys.executable, "-c", TLS],
            URL=f"https://{host}/a.tif", TERRASCOPE_HOSTS=host, TERRASCOPE_ISSUER=box.issuer,
            TERRASCOPE_PASSWORD=PASSWORD, REQUESTS_CA_BUNDLE=str(bundle),
        )  # fmt: skip
        assert told == [EDGE * EDGE, len(cog)]
        assert {asked.headers.get("Authorization", "")[:7] for asked in server.asked} == {"Bearer "}


BOTH = """
import json, os
import rasterio
import ipyterrascope as ts
first = str(ts.gdal.enable())
import pyogrio

def read():
    with rasterio.open(os.environ["URL"]) as source:
        source.read(1)
    return pyogrio.read_info(os.environ["VECTOR"])["features"]

told = {"features": read(), "first": first, "status": str(ts.gdal.status())}
ts.gdal.disable()
try:
    pyogrio.read_info(os.environ["VECTOR"])
except Exception as exc:
    told["after"] = str(exc)
print(json.dumps(told))
"""


def test_two_libraries_with_a_libgdal_each_are_served(cog: bytes) -> None:
    """rasterio, and pyogrio that is imported later, each have a libgdal of their own: both read, and both are left."""
    point = {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [3, 51]}}
    points = json.dumps({"type": "FeatureCollection", "features": [point] * 7}).encode()
    with Sandbox(access_token_lifetime_s=3) as box:
        told = run(
            [sys.executable, "-c", BOTH],
            URL=box.add_file("cog.tif", cog), VECTOR=box.add_file("points.geojson", points),
            TERRASCOPE_ISSUER=box.issuer, TERRASCOPE_PASSWORD=PASSWORD, TERRASCOPE_HOSTS=f"127.0.0.1:{box.port}",
        )  # fmt: skip
    assert told["features"] == 7
    assert "pyogrio" not in told["first"]
    assert told["status"].count("(GDAL 3.") == 2
    assert "401" in told["after"]


OSGEO = """
import json, os
from osgeo import gdal
import ipyterrascope as ts
from ipyterrascope.bridges.gdal_library import OsgeoLibrary
from ipyterrascope.bridges.gdal_options import Settings
gdal.UseExceptions()
told = {"status": str(ts.gdal.enable()), "names": gdal.VersionInfo("RELEASE_NAME")}
source = gdal.Open(ts.gdal.path(os.environ["URL"]))
told["pixels"] = len(source.GetRasterBand(1).ReadRaster())
prefix, option = "/vsicurl/https://a.example.org/", "GDAL_HTTP_HEADER_FILE"
gdal.SetPathSpecificOption(prefix, option, "/mine")
settings = Settings(OsgeoLibrary(gdal), [prefix])
settings.apply({option: "/ours"})
told["during"] = gdal.GetPathSpecificOption(prefix, option), gdal.GetConfigOption("CPL_VSIL_CURL_USE_S3_REDIRECT")
settings.restore()
told["after"] = gdal.GetPathSpecificOption(prefix, option), gdal.GetConfigOption("CPL_VSIL_CURL_USE_S3_REDIRECT")
print(json.dumps(told))
"""


def test_the_systems_gdal(cog: bytes) -> None:
    """The distribution's `osgeo`, where it is too old for headers by path, is named so and reads the addresses of
    `path`; its own functions set and put back as the others do."""
    with Sandbox(access_token_lifetime_s=3) as box:
        told = run(
            ["/usr/bin/python3", "-c", OSGEO],
            URL=box.add_file("cog.tif", cog, "image/tiff"), TERRASCOPE_ISSUER=box.issuer,
            TERRASCOPE_PASSWORD=PASSWORD, TERRASCOPE_HOSTS=f"127.0.0.1:{box.port}",
            PYTHONPATH=os.pathsep.join(str(Path(module.__file__).parents[1]) for module in (ts, requests)),
        )  # fmt: skip
    is_old = tuple(map(int, told["names"].split(".")[:2])) < (3, 7)
    assert ("not reached: osgeo" if is_old else "through osgeo") in told["status"]
    assert told["pixels"] == EDGE * EDGE
    assert told["during"] == ["/ours", "NO"]
    assert told["after"] == ["/mine", None]
