"""The live token on the workers of a real cluster of processes, with tokens that live three seconds."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, LocalCluster

import ipyterrascope as ts
from ipyterrascope.auth.account import Account
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.values.connection import Connection
from ipyterrascope.values.secret import Secret
from testbed import geo
from testbed.waiting import until


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Two workers of two threads, each a process of its own."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=":0") as cluster,
        Client(cluster) as made,
    ):
        yield made


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(access_token_lifetime_s=3) as running:
        running.add_file("cog.tif", geo.cog(tmp_path_factory.mktemp("cog"), 512))
        yield running


@pytest.fixture
def account(box: Sandbox) -> Iterator[Account]:
    """An account that is signed in as dora."""
    made = ts.account(box.provider())
    sign_in(made)
    box.forget_requests()
    yield made
    made.logout()


@pytest.fixture
def attached(client: Client, account: Account) -> Iterator[Account]:
    assert ts.dask.attach(client, account.provider).workers == 2
    yield account
    ts.dask.detach(client, account.provider)


def sign_in(account: Account) -> None:
    account.start_password_login("dora", Secret("s3cret-Pa55"))
    assert account.wait(30).phase == "signed_in"


def read(url: str, folder: str = "", seconds: float = 0.0) -> tuple[int, list[str]]:
    """Read in every way for a while; return the process, and what failed. Runs on a worker."""
    import rasterio
    import requests

    failures: list[str] = []
    ends_at = time.monotonic() + seconds
    ts.gdal.enable()
    file = ts.fsspec.open(url, block_size=4096)
    while not failures and (time.monotonic() < ends_at or not seconds):
        try:
            ts.session().get(url).raise_for_status()
            requests.get(url, auth=ts.auth(), timeout=30).raise_for_status()
            file.seek(0)
            assert file.read(2) == b"II"
            with rasterio.open(url) as picture:
                picture.read(1)
            if folder:
                ts.download(url, folder, name=f"{os.getpid()}-{time.monotonic_ns()}.tif")
        except Exception as exc:
            failures.append(f"{type(exc).__name__}: {exc}")
        if not seconds:
            break
    return os.getpid(), failures


def use(url: str) -> tuple[int, str]:
    """Read once; return the process, and how it went. Runs on a worker."""
    try:
        return os.getpid(), str(ts.session().get(url, timeout=30).status_code)
    except ts.TerrascopeError as exc:
        return os.getpid(), str(exc)


def everywhere(client: Client, function: Callable[..., Any], *args: Any) -> list[Any]:
    """Run a task on each worker, and return what came of it."""
    workers = list(client.nthreads())
    return client.gather([client.submit(function, *args, workers=[worker], pure=False) for worker in workers])


@pytest.mark.soak
def test_all_ways_to_read_go_through_every_rotation(
    client: Client, box: Sandbox, attached: Account, tmp_path: Path, full_counts: bool
) -> None:
    """Session, auth object, GDAL, fsspec and downloads read on all workers for long; no read fails or is refused, and
    the token is renewed once for all of them, by the kernel."""
    seconds = 60.0 if full_counts else 8.0
    url = f"{box.url}/download/cog.tif"
    began = time.monotonic()
    tasks = [client.submit(read, url, str(tmp_path), seconds, pure=False) for _ in range(4)]
    told = client.gather(tasks)
    took_s = time.monotonic() - began
    assert [failures for _, failures in told if failures] == []
    assert os.getpid() not in {pid for pid, _ in told}
    asked = box.requests_to("/download/")
    assert len(asked) > 40
    assert [record for record in asked if "Authorization" not in record.headers] == []
    assert {record.status for record in asked} <= {200, 206}
    grants = [record.form["grant_type"] for record in box.requests_to("/token")]
    assert set(grants) == {"refresh_token"}
    # GDAL wishes for half of a life: the token is renewed no later than by a quarter, and no sooner than by half
    assert took_s / 3 - 1 <= len(grants) <= took_s / 1.5 + 1


def test_workers_have_access_tokens_alone(client: Client, attached: Account) -> None:
    """No worker has a refresh token, and none says that it could renew one by itself."""

    def held() -> tuple[bool, str]:
        tokens = ts.account().tokens()
        return tokens.refresh_token is None and tokens.refresh_expires_at is None, ts.account().came_from

    assert everywhere(client, held) == [(True, "the notebook that attached this worker")] * 2


def test_a_refused_token_is_replaced_for_all(client: Client, box: Sandbox, attached: Account) -> None:
    """Tokens that a service refuses before their end are renewed once, however many workers were refused."""
    time.sleep(0.5)  # a token that came just now is not the fault
    box.access_token_lifetime_s = 300  # nor is it that the next one ends on a busy machine
    box.expire_access_tokens()
    box.forget_requests()
    url = box.download_urls[0]
    told = {told for _, told in client.gather([client.submit(use, url, pure=False) for _ in range(8)])}
    box.access_token_lifetime_s = 3
    assert told == {"200"}
    assert len(box.requests_to("/token")) <= 2


def by_gdal_alone(url: str) -> int:
    """Read by rasterio, without a word to this package. Runs on a worker."""
    import rasterio

    with rasterio.open(url) as picture:
        return int(picture.read(1).sum())


def test_gdal_is_on_there_where_it_is_on_here(client: Client, box: Sandbox, account: Account) -> None:
    """What reads by GDAL on a worker has the token where the notebook has switched it on, and none after `detach`."""
    url = f"{box.url}/download/cog.tif"
    ts.gdal.enable(account.provider)
    ts.dask.attach(client, account.provider)
    try:
        assert everywhere(client, by_gdal_alone, url) == [int(geo.pixels(512).sum())] * 2
    finally:
        ts.dask.detach(client, account.provider)
        ts.gdal.disable(account.provider)
    for worker in client.nthreads():
        with pytest.raises(Exception, match=r"401|not recognized|CURL|HTTP"):
            client.submit(by_gdal_alone, f"{url}?after", workers=[worker], pure=False).result()


def test_a_late_worker_is_served_like_the_others(client: Client, box: Sandbox, attached: Account) -> None:
    """A worker that comes after the attachment has the token for its first task."""
    before = set(client.nthreads())
    client.cluster.scale(3)
    client.wait_for_workers(3)
    (late,) = set(client.nthreads()) - before
    assert client.submit(use, box.download_urls[0], workers=[late], pure=False).result()[1] == "200"
    client.cluster.scale(2)


def test_workers_that_start_anew_are_served(client: Client, box: Sandbox, attached: Account) -> None:
    """After `client.restart()` the new processes sign in as the old ones did."""
    before = {pid for pid, _ in everywhere(client, use, box.download_urls[0])}
    client.restart()
    told = everywhere(client, use, box.download_urls[0])
    assert {status for _, status in told} == {"200"}
    assert before.isdisjoint(pid for pid, _ in told)


def test_a_logout_takes_the_token_away_and_a_login_gives_it_back(
    client: Client, box: Sandbox, attached: Account
) -> None:
    """After a logout in the notebook each worker says so; after the next login it is served again."""
    url = box.download_urls[0]
    everywhere(client, use, url)
    attached.logout()
    said = "The notebook lends no token: You signed out of Terrascope. Sign in there again."
    # it is told to them beside the logout, which does not wait for the slowest
    until(lambda: {why for _, why in everywhere(client, use, url)} == {said})
    box.forget_requests()
    assert "You signed out of Terrascope." in everywhere(client, use, url)[0][1]
    assert box.requests == []
    sign_in(attached)
    until(lambda: {status for _, status in everywhere(client, use, url)} == {"200"})


def person() -> tuple[str, list[str]]:
    """Return who is signed in, and whose tokens are held. Runs on a worker."""
    import gc

    from ipyterrascope.protocol.claims import user_of
    from ipyterrascope.values.secret import held_secrets

    gc.collect()
    return ts.account().state.user, sorted(filter(None, {user_of(secret) for secret in held_secrets()}))


def test_another_account_takes_the_place_of_the_former(client: Client, box: Sandbox, attached: Account) -> None:
    """After a switch of accounts in the notebook nothing of the former person is left on a worker, without a use."""
    url = f"{box.url}/download/cog.tif"
    assert {text for _, text in everywhere(client, use, url)} == {"200"}
    assert everywhere(client, person) == [("dora", ["dora"])] * 2
    attached.start_password_login("boots", Secret("päss wörd+&%"), is_switch=True)
    assert attached.wait(30).user == "boots"
    until(lambda: everywhere(client, person) == [("boots", ["boots"])] * 2)
    assert {text for _, text in everywhere(client, use, url)} == {"200"}


def test_detached_workers_have_no_login(client: Client, box: Sandbox, account: Account) -> None:
    """After `detach` the login goes on in the notebook alone."""
    ts.dask.attach(client, account.provider)
    url = box.download_urls[0]
    assert {status for _, status in everywhere(client, use, url)} == {"200"}
    ts.dask.detach(client, account.provider)
    box.forget_requests()
    assert not {"200", "401"} & {status for _, status in everywhere(client, use, url)}
    assert box.requests == []
    assert ts.session(account.provider).get(url).status_code == 200


def test_a_worker_that_hangs_holds_nobody_up(client: Client, box: Sandbox, account: Account) -> None:
    """A process that does not answer costs attach and detach the time for a connection, and the others are served."""
    account.connection = Connection(connect_timeout_s=1)
    hanging, serving = client.run(os.getpid).items()
    os.kill(hanging[1], signal.SIGSTOP)
    try:
        ts.dask.attach(client, account.provider)
        task = client.submit(use, box.download_urls[0], workers=[serving[0]], pure=False)
        assert task.result() == (serving[1], "200")
        ts.dask.detach(client, account.provider)
    finally:
        os.kill(hanging[1], signal.SIGCONT)


def test_without_the_notebook_workers_go_on_to_the_tokens_end(box: Sandbox, account: Account) -> None:
    """Once the client is gone the token serves to its end; then the error says that the notebook does not answer."""
    account.connection = Connection(connect_timeout_s=2)
    url = box.download_urls[0]
    with (
        LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=":0") as cluster,
        Client(cluster) as other,
    ):
        other.submit(use, url, pure=False).result()  # which imports what this module does
        with Client(cluster) as short:
            ts.dask.attach(short, account.provider)
        assert other.submit(use, url, pure=False).result()[1] == "200"
        time.sleep(3)
        _, told = other.submit(use, url, pure=False).result()
    assert "The notebook that attached this worker sent no token. It did not answer within 2 s" in told
