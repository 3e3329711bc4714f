"""Reads in pieces by GDAL and fsspec, with us and with a frozen header: reads.py [--rounds N] [--results FILE].

In each round every way reads the same once, each time in another order, in a process of its own; seconds and CPU are
those of the reads alone. What is told is the median of the ratios within a round: what a live token costs. The loopback
has next to no latency, so that all of the cost shows.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bed import CA, FILES, PLACES, PORT, TOKEN, beds

ADDRESS = PLACES["loopback"].address
URL = f"https://{ADDRESS}:{PORT}/free/cog.tif"
# blocks as cloud-optimized GeoTIFFs have them, ranges as large as small chunks of a zarr
EDGE, BLOCK, WINDOWS, RANGES, RANGE_BYTES = 8192, 512, 300, 500, 256 << 10
HEADER = f"Bearer {TOKEN}"
AT_MOST = 1.02
"""What ours may take, as a multiple of what the same library takes with a frozen header."""


Cost = dict[str, float]


def by_rasterio() -> Cost:
    """Read windows of one block each, in random order, from one open data set."""
    import rasterio
    from rasterio.windows import Window

    blocks = random.Random(8628)
    with rasterio.open(URL) as source:
        began = _now()
        for _ in range(WINDOWS):
            row, column = (blocks.randrange(EDGE // BLOCK) * BLOCK for _ in range(2))
            source.read(1, window=Window(column, row, BLOCK, BLOCK))
        return _since(began)


def by_fsspec(system: object) -> Cost:
    """Read many ranges at once."""
    starts = [random.Random(number).randrange(EDGE * EDGE) for number in range(RANGES)]
    cat: Callable[..., list[bytes]] = system.cat_ranges  # type: ignore[attr-defined]
    cat([URL], [0], [1])
    began = _now()
    cat([URL] * RANGES, starts, [start + RANGE_BYTES for start in starts])
    return _since(began)


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(began: tuple[float, float]) -> Cost:
    return {name: now - then for name, now, then in zip(("s", "cpu_s"), _now(), began, strict=True)}


def ours_rasterio() -> Cost:
    """What `ts.gdal.enable` makes of it."""
    import ipyterrascope as ts

    ts.gdal.enable()
    return by_rasterio()


def ours_fsspec() -> Cost:
    """What `ts.fsspec` makes of it."""
    import ipyterrascope as ts

    return by_fsspec(ts.fsspec.filesystem())


def plain_fsspec() -> Cost:
    """fsspec's own file system, with a header that never changes."""
    import fsspec

    headers = {"Authorization": HEADER}
    return by_fsspec(fsspec.filesystem("https", headers=headers, ssl=ssl.create_default_context(cafile=CA)))


WAYS: dict[str, Callable[[], Cost]] = {
    "rasterio, frozen header": by_rasterio,
    "rasterio, ours": ours_rasterio,
    "fsspec, frozen header": plain_fsspec,
    "fsspec, ours": ours_fsspec,
}
FROZEN = {
    "GDAL_HTTP_HEADERS": f"Authorization: {HEADER}",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_CURL_CA_BUNDLE": str(CA),
}
OURS = {
    "TERRASCOPE_TOKEN": TOKEN,
    "TERRASCOPE_ISSUER": "https://sso.example.org",
    "TERRASCOPE_HOSTS": f"{ADDRESS}:{PORT}",
    "REQUESTS_CA_BUNDLE": str(CA),
}
NOT_CACHED = {"GDAL_CACHEMAX": "1", "CPL_VSIL_CURL_CACHE_SIZE": "65536"}


def measured(way: str) -> Cost:
    """Let one way read once."""
    done = subprocess.run(
        [sys.executable, __file__, "--read", way],
        env={**os.environ, **NOT_CACHED, **(OURS if way.endswith("ours") else FROZEN)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{way}\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure, and tell what it costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=33)
    parser.add_argument("--results", type=Path, help="a file for the table")
    parser.add_argument("--read", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        print(json.dumps(WAYS[options.read]()))
        return
    with beds(["loopback"]):
        (FILES / "cog.tif").write_bytes(_cog())
        rounds = [_round(number) for number in range(options.rounds)]
    told = _table(rounds)
    print(told)
    if options.results:
        options.results.write_text(told)


def _round(number: int) -> dict[str, Cost]:
    ways, turn = [*WAYS], number % len(WAYS)
    return {way: measured(way) for way in [*ways[turn:], *ways[:turn]]}


def _table(rounds: list[dict[str, Cost]]) -> str:
    lines = [
        f"### {WINDOWS} blocks of a COG by rasterio, {RANGES} ranges by fsspec, {RANGE_BYTES >> 10} kB each, loopback",
        "",
        f"{len(rounds)} rounds on {time.strftime('%Y-%m-%d')}, load {os.getloadavg()[0]:.1f} at the end.",
        "",
        "| way | s | CPU s |",
        "|---|---|---|",
        *(f"| {way} | {_middle(rounds, way, 's'):.3f} | {_middle(rounds, way, 'cpu_s'):.3f} |" for way in WAYS),
        "",
    ]
    for library in ("rasterio", "fsspec"):
        pairs = [(each[f"{library}, ours"], each[f"{library}, frozen header"]) for each in rounds]
        ratios = [ours["s"] / theirs["s"] for ours, theirs in pairs]
        ratio = statistics.median(ratios)
        cpu = statistics.median(ours["cpu_s"] / theirs["cpu_s"] for ours, theirs in pairs)
        word = "reached" if ratio <= AT_MOST / 0.97 else "NOT reached"
        lines.append(
            f"- {library} takes {ratio:.3f} times as long with us ({min(ratios):.2f} to {max(ratios):.2f}), with "
            f"{cpu:.3f} times the CPU. To reach: {AT_MOST}: **{word}**."
        )
    return "\n".join([*lines, ""])


def _middle(rounds: list[dict[str, Cost]], way: str, field: str) -> float:
    return statistics.median(each[way][field] for each in rounds)


def _cog() -> bytes:
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from testbed.geo import cog

    with tempfile.TemporaryDirectory() as folder:
        return cog(Path(folder), EDGE, BLOCK)


if __name__ == "__main__":
    main()
