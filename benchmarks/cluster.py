"""Downloads by a cluster of this machine: cluster.py [--rounds N] [--items N] [--results FILE].

What the cluster itself costs: many planned files that turn out to be there, so that nothing is left but batches, the
scheduler and the report. And small files by one to four workers against the engine in the kernel, over loopback, in
turn: the workers share the processors with it, so this shows what they cost and not what more machines bring.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import statistics
import time
from contextlib import closing
from pathlib import Path

from distributed import Client, LocalCluster

import ipyterrascope as ts
from bed import CA, KB, OUT, PLACES, PORT, SETS, TOKEN, beds
from ipyterrascope.bridges.dask_download import ClusterEngine
from ipyterrascope.configuration import Configuration, configure
from ipyterrascope.transfer import Action, Item
from ipyterrascope.transfer.tally import Tally
from ipyterrascope.values.connection import Connection

ADDRESS = PLACES["loopback"].address
FILES = "2000 × 100 KB"
LOCAL = "kernel"
WORKERS = (1, 2, 3, 4)
OURS = {
    "TERRASCOPE_TOKEN": TOKEN,
    "TERRASCOPE_ISSUER": "https://sso.example.org",
    "TERRASCOPE_HOSTS": f"{ADDRESS}:{PORT}",
}


def overhead_s(client: Client, count: int) -> float:
    """Return the seconds that a cluster takes for each of so many files that have come since they were planned."""
    folder = OUT / "there"
    folder.mkdir(parents=True, exist_ok=True)
    actions: list[Action] = []
    for number in range(count):
        name = f"{number}.tif"
        (folder / name).touch()
        actions.append(Action(Item(f"https://{ADDRESS}:{PORT}/free/{name}", name, 0), folder, (name,), "fetch"))
    tally = Tally({action.item: action.path for action in actions}, folder)
    began = time.perf_counter()
    with closing(ClusterEngine(client, ts.account().provider).run(actions, tally)) as running:
        for outcome in running:
            tally.item_done(outcome)
    seconds = time.perf_counter() - began
    assert len(tally.outcomes) == count
    shutil.rmtree(folder)
    return seconds / count


def download_s(client: Client | None) -> float:
    """Return the seconds of a download of small files."""
    folder = OUT / "cluster"
    shutil.rmtree(folder, ignore_errors=True)
    items = [Item(f"https://{ADDRESS}:{PORT}/free/{name}", name, size) for name, size in SETS[FILES]]
    began = time.perf_counter()
    report = ts.download(items, folder, client=client)
    seconds = time.perf_counter() - began
    assert len(report.saved) == len(items)
    assert report[0].stat().st_size == 100 * KB
    shutil.rmtree(folder)
    return seconds


def measured(rounds: int, items: int) -> tuple[float, dict[str, list[float]]]:
    """Measure all of it; clusters are made before, and have fetched once."""
    os.environ |= OURS
    configure(Configuration(connection=Connection(verify=str(CA))))
    clusters = {
        f"{count} worker{'s' * (count > 1)}": LocalCluster(
            n_workers=count, threads_per_worker=1, dashboard_address=":0", silence_logs=logging.ERROR
        )
        for count in WORKERS
    }
    clients: dict[str, Client | None] = {LOCAL: None, **{name: Client(cluster) for name, cluster in clusters.items()}}
    try:
        for client in clients.values():
            download_s(client)
        spent: dict[str, list[float]] = {name: [] for name in clients}
        for number in range(rounds):
            names = [*clients]
            for name in [*names[number % len(names) :], *names[: number % len(names)]]:
                spent[name].append(download_s(clients[name]))
        four = clients["4 workers"]
        assert four is not None
        return overhead_s(four, items), spent
    finally:
        for client in filter(None, clients.values()):
            client.close()
        for cluster in clusters.values():
            cluster.close()


def main() -> None:
    """Measure, and tell what it costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--results", type=Path, help="a file for the table")
    options = parser.parse_args()
    with beds(["loopback"]):
        each_s, spent = measured(options.rounds, options.items)
    local = spent[LOCAL]
    lines = [
        f"### {FILES} by the workers of a cluster on this machine, loopback",
        "",
        f"{options.rounds} rounds on {time.strftime('%Y-%m-%d')}, {os.cpu_count()} processors, "
        f"load {os.getloadavg()[0]:.1f} at the end.",
        "",
        "| by | s | × kernel |",
        "|---|---|---|",
    ]
    for name, seconds in spent.items():
        ratio = statistics.median(mine / theirs for mine, theirs in zip(seconds, local, strict=True))
        lines.append(f"| {name} | {statistics.median(seconds):.2f} | {ratio:.2f} |")
    lines += [
        "",
        f"- Of {options.items:,} planned files, the cluster of four takes {1e6 * each_s:.0f} µs for each.",
        "",
    ]
    told = "\n".join(lines)
    print(told)
    if options.results:
        options.results.write_text(told)


if __name__ == "__main__":
    main()
