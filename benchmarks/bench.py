"""Our downloads against those of others, and our planning: `make bench`, or `bench.py [ROW …] [--rounds N]
[--results FILE]`.

In each round every peer downloads the same once, each time in another order, so that what else the machine does hits
all alike; ratios are taken within a round, and medians of them are told. Seconds of the clock and of the processor are
those of the whole process for programs, and from the call on for Python, whose kernel runs already in a notebook; what
its whole process took stands beside them. Memory is of the whole process always.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import planning
from bed import CA, CAPPED, FILES, HERE, OUT, PLACES, PORT, ROOT, SETS, TOKEN, beds

HEADER = f"Authorization: Bearer {TOKEN}"
LIST, RESULT = ROOT / "list", ROOT / "result"
PLANNING = "planning"
"""The row that needs no server and has no peers."""

NEARLY = 0.97
"""A median of so much counts as reached: these machines are noisy."""


@dataclass(frozen=True)
class Bar:
    """What is to be reached: `ours` so many times as fast as `peer`, and with no more than so many times its CPU."""

    ours: str
    peer: str
    at_least: float
    most_cpu: float | None = None


@dataclass(frozen=True)
class Row:
    """Files, where they are, who fetches them, and what is to be reached. A peer is a name and how many connections."""

    place: str
    files: str
    peers: tuple[str, ...]
    bars: tuple[Bar, ...]
    folder: str = "free"


ROWS = {
    "large": Row(
        "loopback", "1 × 1 GB", ("curl 1", "ours 1", "ours 8", "aria2c 16", "wget 1", "threads 1", "naive 1"),
        (Bar("ours 1", "curl 1", 1.0, most_cpu=1.0),),
    ),
    "small": Row(
        "loopback", "2000 × 100 KB",
        ("curl 16", "aria2c 16", "ours 16", "ours 8", "curl 8", "wget 1", "threads 16", "naive 1"),
        (Bar("ours 16", "aria2c 16", 1.0), Bar("ours 16", "curl 16", 0.9), Bar("ours 8", "curl 8", 0.9)),
    ),
    "capped": Row(
        "WAN", "1 × 250 MB", ("aria2c 16", "ours 16", "ours 8"), (Bar("ours 16", "aria2c 16", 1.0),), CAPPED
    ),
    "mix": Row(
        # -x16 -j16 opens 31 connections here: sixteen for the large file, and one for each of fifteen others
        "WAN", "1 × 100 MB and 100 × 1 MB", ("aria2c 16", "ours 31", "ours 16", "ours 8"),
        (Bar("ours 31", "aria2c 16", 1.0),), CAPPED,
    ),
    "far": Row(
        "WAN", "500 × 100 KB", ("aria2c 16", "curl 64", "ours 64", "ours 16", "ours 8", "threads 16"),
        (Bar("ours 64", "aria2c 16", 1.3), Bar("ours 64", "curl 64", 0.9)),
    ),
    "lossy": Row(
        "WAN with 1 % loss", "1 × 32 MB", ("aria2c 16", "ours 16", "ours 8"),
        (Bar("ours 16", "aria2c 16", 1.0),),
    ),
}  # fmt: skip


def command(peer: str, urls: list[str]) -> list[str]:
    """Return the command of a peer, as its users write it; what it reads is written to `LIST`."""
    name, connections = peer.split()
    names = [url.rpartition("/")[2] for url in urls]
    if name == "curl":
        LIST.write_text("".join(f'url = "{url}"\noutput = "{OUT}/{to}"\n' for url, to in zip(urls, names, strict=True)))
        parallel = ["--parallel", "--parallel-immediate", "--parallel-max", connections] if len(urls) > 1 else []
        return ["curl", "-sSf", "--http1.1", "--cacert", str(CA), "-H", HEADER, *parallel, "-K", str(LIST)]
    LIST.write_text("\n".join(urls))
    if name == "aria2c":
        each = str(min(16, int(connections)))
        options = ["-q", "--no-conf", "--file-allocation=none", f"--ca-certificate={CA}", "-k1M", f"-d{OUT}"]
        return ["aria2c", *options, f"-j{connections}", f"-x{each}", f"-s{each}", f"--header={HEADER}", f"-i{LIST}"]
    if name == "wget":
        return ["wget", "-q", f"--ca-certificate={CA}", f"--header={HEADER}", f"-P{OUT}", f"-i{LIST}"]
    return [sys.executable, str(HERE / "client.py"), name, connections, str(LIST), str(OUT)]


def measured(row: Row, peer: str, *, compares: bool) -> dict[str, float]:
    """Let one peer download once."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    place = PLACES[row.place]
    urls = [f"https://{place.address}:{PORT}/{row.folder}/{name}" for name, _ in SETS[row.files]]
    namespace = place.namespaces[1] if place.namespaces else "-"
    done = subprocess.run(
        [str(ROOT / "measure"), namespace, str(RESULT), *command(peer, urls)],
        env={**os.environ, "BENCH_TOKEN": TOKEN, "REQUESTS_CA_BUNDLE": str(CA)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    result: dict[str, float] = json.loads(RESULT.read_text())
    for name, size in SETS[row.files]:
        path = OUT / name
        is_there = path.exists() and path.stat().st_size == size
        if not is_there or (compares and not filecmp.cmp(path, FILES / name, shallow=False)):
            sys.exit(f"{peer}: {name} is not what was served\n{done.stdout}{done.stderr}")
    called = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    whole = {"seconds": result["wall_s"], "cpu": result["cpu_s"]}
    return {**result, **(called[0] if called else whole)}


def table(row: Row, rounds: list[dict[str, dict[str, float]]]) -> str:
    """Write what was measured of one row, and what was to be reached."""
    size_bytes = sum(size for _, size in SETS[row.files])

    def middle(peer: str, field: str) -> float:
        return statistics.median(each[peer][field] for each in rounds)

    lines = [f"### {row.files}, {row.place}{', 8 MiB/s for each connection' if row.folder == CAPPED else ''}", ""]
    columns = ["peer", "s", "MB/s", "CPU s per GB", "whole process: s", "CPU s per GB", "peak memory, MB"]
    lines += [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for peer in row.peers:
        seconds, gb = middle(peer, "seconds"), size_bytes / 1e9
        lines.append(
            f"| {peer} | {seconds:.3f} | {gb * 1000 / seconds:.0f} | {middle(peer, 'cpu') / gb:.2f} "
            f"| {middle(peer, 'wall_s'):.3f} | {middle(peer, 'cpu_s') / gb:.2f} | {middle(peer, 'peak_mb'):.0f} |"
        )
    lines.append("")
    for bar in row.bars:
        ratios = [each[bar.peer]["seconds"] / each[bar.ours]["seconds"] for each in rounds]
        ratio = statistics.median(ratios)
        cpu = statistics.median(each[bar.ours]["cpu"] / each[bar.peer]["cpu"] for each in rounds)
        told = f"{bar.at_least}: **{_word(is_reached=ratio >= bar.at_least * NEARLY)}**"
        if bar.most_cpu is not None:
            told += f", with {bar.most_cpu} times the CPU: **{_word(is_reached=cpu <= bar.most_cpu / NEARLY)}**"
        lines.append(
            f"- {bar.ours} is {ratio:.2f} times as fast as {bar.peer} ({min(ratios):.2f} to {max(ratios):.2f}), with "
            f"{cpu:.2f} times its CPU. To reach: {told}."
        )
    return "\n".join(lines) + "\n"


def _word(*, is_reached: bool) -> str:
    return "reached" if is_reached else "NOT reached"


def main() -> None:
    """Measure the rows that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"{', '.join([*ROWS, PLANNING])}; all unless given")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--results", type=Path, help="a file for the tables")
    options = parser.parse_args()
    chosen = options.rows or [*ROWS, PLANNING]
    wanted = [name for name in chosen if name != PLANNING]
    if os.geteuid() != 0 and any(PLACES[ROWS[name].place].namespaces for name in wanted):
        print("The rows with a WAN are left out: network namespaces take root.", file=sys.stderr)
        wanted = [name for name in wanted if PLACES[ROWS[name].place].namespaces is None]
    told = [_machine(options.rounds, [*wanted, PLANNING] if PLANNING in chosen else wanted)]
    with beds(sorted({ROWS[name].place for name in wanted})):
        for name in wanted:
            told.append(_measured_row(ROWS[name], options.rounds))
            print(told[-1], flush=True)
    shutil.rmtree(OUT, ignore_errors=True)
    if PLANNING in chosen:
        told.append(planning.table())
        print(told[-1], flush=True)
    if options.results:
        options.results.write_text("\n".join(told))


def _measured_row(row: Row, rounds: int) -> str:
    for peer in row.peers:
        measured(row, peer, compares=True)
    results: list[dict[str, dict[str, float]]] = []
    for number in range(rounds):
        turn = number % len(row.peers)
        order = [*row.peers[turn:], *row.peers[:turn]]
        results.append({peer: measured(row, peer, compares=False) for peer in order})
    return table(row, results)


def _machine(rounds: int, rows: list[str]) -> str:
    versions = [
        " ".join(subprocess.run([name, "--version"], capture_output=True, text=True, check=False).stdout.split()[:3])
        for name in ("curl", "aria2c", "wget")
    ]
    return (
        f"# Results\n\n`benchmarks/bench.py {' '.join(rows)} --rounds {rounds}` on {time.strftime('%Y-%m-%d')}: "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start, Python {platform.python_version()}, "
        f"{'; '.join(versions)}. Medians; https and a bearer throughout; files in memory.\n"
    )


if __name__ == "__main__":
    main()
