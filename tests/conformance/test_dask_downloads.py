"""Downloads by a real cluster of processes whose workers die, and whose tokens live three seconds."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

import ipyterrascope as ts
from ipyterrascope.auth.account import Account
from ipyterrascope.sandbox import Sandbox, steps
from ipyterrascope.values.secret import Secret
from testbed.waiting import until


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with (
        LocalCluster(n_workers=3, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as made,
    ):
        yield made


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(access_token_lifetime_s=3) as running:
        yield running


@pytest.fixture
def account(box: Sandbox, client: Client) -> Iterator[Account]:
    made = ts.account(box.provider())
    made.start_password_login("dora", Secret("s3cret-Pa55"))
    assert made.wait(30).phase == "signed_in"
    client.wait_for_workers(3)
    yield made
    ts.dask.detach(client, made.provider)
    made.logout()


@pytest.fixture
def count(full_counts: bool) -> int:
    return 2000 if full_counts else 600


def content(number: int) -> bytes:
    return b"II*\x00" + number.to_bytes(4, "big") * 500


def files(box: Sandbox, count: int) -> list[str]:
    """Serve small files, slowly enough that a worker can die while they come."""
    urls = [box.add_file(f"p/{number}.tif", content(number)) for number in range(count)]
    box.timeline.files(*[steps.delayed(0.01)] * (2 * count))
    box.forget_requests()
    return urls


def check(report: ts.Report, folder: Path, count: int) -> None:
    """See that everything is there, whole, and nothing else."""
    assert len(report.saved) == count
    assert [path.read_bytes() for path in report] == [content(number) for number in range(count)]
    assert len([*folder.iterdir()]) == count


@pytest.mark.soak
def test_a_worker_that_is_killed_loses_nothing(
    client: Client, box: Sandbox, account: Account, tmp_path: Path, count: int
) -> None:
    """After kill -9 of a worker in the middle all files are there, and hardly any was fetched twice."""
    under_way = ts.download(files(box, count), tmp_path, provider=account.provider, client=client, background=True)
    until(lambda: under_way.state.files_done > count / 4, 60)
    os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
    check(under_way.wait(150), tmp_path, count)
    fetched = [record.path for record in box.requests_to("/download/", "GET") if record.status in (200, 206)]
    # a file whose size no catalogue tells is asked for again, and not read
    print(f"{len(fetched)} answers for {count} files")
    assert len(fetched) <= count + 100


@pytest.mark.soak
def test_a_cluster_that_starts_anew_loses_nothing(
    client: Client, box: Sandbox, account: Account, tmp_path: Path, count: int
) -> None:
    """`client.restart()` in the middle cancels all tasks; they are begun anew by the new workers."""
    under_way = ts.download(files(box, count), tmp_path, provider=account.provider, client=client, background=True)
    until(lambda: under_way.state.files_done > count / 4, 60)
    client.restart()
    check(under_way.wait(150), tmp_path, count)


def test_a_large_file_is_seen_growing(client: Client, box: Sandbox, account: Account, tmp_path: Path) -> None:
    """What a worker has of a file is told while it comes, and its speed."""
    url = box.add_synthetic("large.tif", 20_000_000)
    box.timeline.files(*[steps.drip(chunk_bytes=200_000, pause_s=0.1)] * 20)
    under_way = ts.download([url], tmp_path, provider=account.provider, client=client, background=True)
    until(lambda: under_way.state.bytes_per_s > 0 and 0 < under_way.state.bytes_done < 20_000_000, 60)
    assert [file.name for file in under_way.state.active] == ["large.tif"]
    box.timeline.clear()
    assert under_way.wait(60)[0].stat().st_size == 20_000_000


def test_an_adaptive_cluster_grows_for_a_download(box: Sandbox, account: Account, tmp_path: Path) -> None:
    """Begun where there is no worker at all, a download brings as many as the cluster may have; each has the token
    for its first file."""
    with LocalCluster(n_workers=0, threads_per_worker=1, dashboard_address=":0") as cluster, Client(cluster) as other:
        cluster.adapt(minimum=0, maximum=3, interval="100ms", target_duration="100ms")
        urls = files(box, 60)
        box.timeline.clear()
        box.timeline.files(*[steps.delayed(0.5)] * 60)
        under_way = ts.download(urls, tmp_path, provider=account.provider, client=other, background=True)
        until(lambda: len(other.nthreads()) == 3, 60)
        box.timeline.clear()
        check(under_way.wait(60), tmp_path, 60)
    assert {record.status for record in box.requests_to("/download/")} <= {200, 206}


def test_an_adaptive_cluster_that_is_not_seen_grows(box: Sandbox, account: Account, tmp_path: Path) -> None:
    """A cluster that adapts itself grows also for a client that was made by the scheduler's address alone."""
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster.scheduler_address) as other,
    ):
        cluster.adapt(minimum=1, maximum=3, interval="100ms", target_duration="100ms")
        assert other.cluster is None
        urls = files(box, 60)
        box.timeline.clear()
        box.timeline.files(*[steps.delayed(0.5)] * 60)
        under_way = ts.download(urls, tmp_path, provider=account.provider, client=other, background=True)
        until(lambda: len(other.nthreads()) == 3 or under_way.state.is_ended, 60)
        assert len(other.nthreads()) == 3
        box.timeline.clear()
        check(under_way.wait(60), tmp_path, 60)
    assert {record.status for record in box.requests_to("/download/")} <= {200, 206}
