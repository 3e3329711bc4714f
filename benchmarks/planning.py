"""How long it takes to plan a download of many STAC items, and how much memory: `planning.py [COUNT]`.

The items come one after the other, as those of a search do, each with twelve bands in Terrascope's shape; one band of
each is wanted, by the name of the band, which takes more than by its key. What making the items takes is measured
apart and taken off. Planned is into an empty folder, and into one in which half of the files are there already.
"""

from __future__ import annotations

import multiprocessing
import resource
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path("/dev/shm/ipyterrascope-planning")
MOST_S, MOST_MB = 3.0, 300.0
BANDS = [f"B{number:02}" for number in range(1, 13)]


def feature(number: int) -> dict[str, Any]:
    """Return an item of Terrascope's."""
    product = f"S2A_{number:06}T104621_31UFS_TOC_V220"
    folder = f"Sentinel2/TOC_V2/2026/08/{number % 28 + 1:02}/{product}"
    assets = {
        f"TOC-{band}_10M": {
            "href": f"https://services.terrascope.be/download/{folder}/{product}-{band}_10M.tif",
            "title": f"TOC-{band}_10M",
            "type": "image/tiff; application=geotiff",
            "roles": ["data"],
            "file:size": 185_000_000 + number,
            "eo:bands": [{"name": band}],
            "auth:refs": ["oidc"],
            "alternate": {"local": {"href": f"file:///data/MTDA/TERRASCOPE_{folder}/{product}-{band}_10M.tif"}},
        }
        for band in BANDS
    }
    return {"type": "Feature", "stac_version": "1.0.0", "id": product, "links": [], "assets": assets}


def measured(count: int, there: int, results: multiprocessing.SimpleQueue[dict[str, float]]) -> None:
    """Plan once; to be run in a process of its own, whose peak of memory is then that of the plan."""
    from ipyterrascope.transfer import Selection, prepare

    folder = ROOT / f"{there} of {count}"
    with spent() as making:
        for number in range(count):
            feature(number)
    bare_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with spent() as planning:
        plan = prepare((feature(number) for number in range(count)), folder, selection=Selection.of("B02"))
    assert (plan.counts["skip"], len(plan)) == (there, count)
    assert len(repr(plan).splitlines()) == 24
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds, cpu_s = (planning[n] - making[n] for n in range(2))
    results.put({"seconds": seconds, "cpu_s": cpu_s, "bare_mb": bare_mb, "peak_mb": peak_mb})


@contextmanager
def spent() -> Iterator[list[float]]:
    """Measure what the block takes: seconds, and seconds of this process's CPU."""
    taken = [-time.perf_counter(), -time.process_time()]
    yield taken
    taken[0] += time.perf_counter()
    taken[1] += time.process_time()


def fill(count: int, there: int) -> None:
    """Make files of the right sizes that take no room."""
    folder = ROOT / f"{there} of {count}"
    folder.mkdir(parents=True)
    for number in range(there):
        asset = feature(number)["assets"]["TOC-B02_10M"]
        with (folder / asset["href"].rpartition("/")[2]).open("wb") as file:
            file.truncate(asset["file:size"])


def table(count: int = 100_000, rounds: int = 3) -> str:
    """Measure, and write what was measured as a table."""
    spawn = multiprocessing.get_context("spawn")
    lines = [f"### {count:,} STAC items planned, one of twelve bands each", ""]
    lines += ["| already there | s | CPU s | peak memory, MB | of it before |", "|---|---|---|---|---|"]
    is_reached = True
    for there in (0, count // 2):
        shutil.rmtree(ROOT, ignore_errors=True)
        fill(count, there)
        found: list[dict[str, float]] = []
        for _ in range(rounds):
            results = spawn.SimpleQueue()
            process = spawn.Process(target=measured, args=(count, there, results))
            process.start()
            process.join()
            found.append(results.get())
        middle = {name: statistics.median(each[name] for each in found) for name in found[0]}
        is_reached &= middle["cpu_s"] <= MOST_S and middle["peak_mb"] <= MOST_MB
        told = (
            f"{middle['seconds']:.2f}",
            f"{middle['cpu_s']:.2f}",
            f"{middle['peak_mb']:.0f}",
            f"{middle['bare_mb']:.0f}",
        )
        lines.append(f"| {there:,} | {' | '.join(told)} |")
    shutil.rmtree(ROOT, ignore_errors=True)
    word = "reached" if is_reached else "NOT reached"
    lines += ["", f"- To reach: {MOST_S:.0f} s of CPU and {MOST_MB:.0f} MB: **{word}**."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(int(sys.argv[1]) if sys.argv[1:] else 100_000))
