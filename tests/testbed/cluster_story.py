"""A process that uses a cluster for a while, in trouble too, and writes down all that Dask shows; run by the tests.

The environment says where. Dask logs at DEBUG, spills what it can, and keeps its pages; what it prints goes to stderr.
"""

from __future__ import annotations

import gzip
import json
import logging
import os
import pickle
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import dask
import numpy as np
import requests
from distributed import Client, LocalCluster

import ipyterrascope as ts
from ipyterrascope.values.secret import Secret

FOLDER, URL = Path(os.environ["FOLDER"]), os.environ["URL"]
MISSING = URL.replace("cog.tif", "missing.tif")
PAGES = (
    *("status", "workers", "tasks", "system", "profile", "graph", "groups", "metrics", "health", "json/identity.json"),
    *(f"info/main/{name}.html" for name in ("workers", "logs", "events")),
    *("json/counts.json", "json/index.html", "statics/individual-cluster-map", "individual-task-stream"),
)
# as scratch files: target and spill are shares of the memory that a worker may have
SPILLING = {"target": 0.0001, "spill": False, "pause": False, "terminate": False}


def use() -> tuple[object, ...]:
    """Use the login in every way, and keep what can be kept: it is spilled. Runs on a worker."""
    import rasterio

    ts.gdal.enable()
    with rasterio.open(URL) as picture:
        pixels = picture.read(1)
    file = ts.fsspec.open(URL)
    file.read(4)
    ts.session().get(URL).raise_for_status()
    return pixels, np.zeros(100_000), file, ts.fsspec.filesystem(), repr(ts.session()), repr(ts.account())


def by_session() -> None:
    """Fail with a session in the frame."""
    session, token = ts.session(), ts.token()
    session.get(MISSING, headers={"X-Token": repr(token)}).raise_for_status()


def by_auth() -> None:
    """Fail with a request that was signed for another library."""
    requests.get(MISSING, auth=ts.auth(), timeout=30).raise_for_status()


def by_fsspec() -> None:
    """Fail by a file that is not there."""
    ts.fsspec.open(MISSING)


def by_returning() -> object:
    """Return what must not leave its process."""
    return ts.session()


def by_token() -> object:
    """Return what must not leave its process."""
    return {"token": ts.token()}


def by_header() -> None:
    """Do what this package spares people: a header of their own, in an exception."""
    header = {"Authorization": f"Bearer {ts.token().reveal()}"}
    raise RuntimeError(f"could not read with {header}")


def fail(client: Client, function: Callable[[], object], folder: Path) -> None:
    """Let a task fail, and keep what comes of it."""
    name = folder / f"failure-{function.__name__}"
    future = client.submit(function, pure=False)
    try:
        future.result()
    except Exception as exc:
        name.with_suffix(".txt").write_text(traceback.format_exc())
        name.with_suffix(".pickle").write_bytes(pickle.dumps(exc))
    else:
        raise AssertionError(f"{name} did not fail")
    (folder / f"story-{function.__name__}.txt").write_text(str(client.story(future.key)))


def look(client: Client, folder: Path) -> None:
    """Save what the scheduler and the workers tell of themselves."""
    client.dump_cluster_state(str(folder / "dump"))
    packed = folder / "dump.msgpack.gz"
    (folder / "dump.msgpack").write_bytes(gzip.decompress(packed.read_bytes()))
    (folder / "events.txt").write_text(str(client.get_events()))
    logs = (client.get_worker_logs(), client.get_worker_logs(nanny=True), client.get_scheduler_logs())
    (folder / "logs.txt").write_text(str(logs))


def pages(client: Client) -> int:
    """Save the pages of the dashboard and of the scheduler, and return how many there were."""
    root = client.dashboard_link.rpartition("/")[0]
    plots = requests.get(f"{root}/individual-plots.json", timeout=30).json().values()
    workers = [
        f"/info/{kind}/{quote(worker, safe='')}.html" for kind in ("worker", "logs") for worker in client.nthreads()
    ]
    wanted = [*PAGES, *plots, *workers]
    answers = {path: requests.get(f"{root}/{path.lstrip('/')}", timeout=60) for path in wanted}
    for number, (path, answer) in enumerate(answers.items()):
        (FOLDER / f"page-{number}.txt").write_bytes(path.encode() + b"\n" + answer.content)
    return sum(answer.ok for answer in answers.values())


def main() -> None:
    """Tell the story."""
    logging.basicConfig(level=logging.DEBUG)
    dask.config.set({f"distributed.worker.memory.{name}": value for name, value in SPILLING.items()})
    account = ts.account()
    account.start_password_login("dora", Secret(sys.stdin.read()))
    assert account.wait(30).phase == "signed_in", account.state.error
    scratch = FOLDER / "scratch"
    (FOLDER / "planted").mkdir()
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            memory_limit="1GB",
            silence_logs=False,
            local_directory=str(scratch),
            dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster) as client,
    ):
        ts.dask.attach(client)
        kept = client.map(lambda _: use(), range(6), pure=False)
        client.gather([client.submit(lambda kept: len(kept), future) for future in kept])
        told = {"saved": len(ts.download([URL], FOLDER / "data", client=client))}
        time.sleep(3)  # a rotation
        for function in (by_session, by_auth, by_fsspec, by_returning, by_token):
            fail(client, function, FOLDER)
        told["pages"] = pages(client)
        look(client, FOLDER)
        (FOLDER / "profile.txt").write_text(str(client.profile()))
        (FOLDER / "environ.txt").write_text(str(client.run(lambda: dict(os.environ))))
        spilled = [path for path in scratch.rglob("*") if path.is_file() and "storage" in str(path)]
        told["spilled"] = len(spilled)
        # they go with their worker
        (FOLDER / "spilled.bin").write_bytes(b"".join(path.read_bytes() for path in spilled))
        # from here on a token is leaked on purpose
        print(os.environ["PLANTED"], file=sys.stderr, flush=True)
        fail(client, by_header, FOLDER / "planted")
        look(client, FOLDER / "planted")
        account.logout()
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
