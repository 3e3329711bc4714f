"""Attaching a cluster in this process: what is refused, what is warned of, and what the kernel's process needs."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterator

import pytest
from distributed import Client, LocalCluster
from distributed.comm import Comm
from signing import sign_in

import ipyterrascope as ts
from ipyterrascope.auth.account import Account
from ipyterrascope.bridges import ExtraMissing, dask_attachment
from ipyterrascope.bridges.dask import TokenExposed
from ipyterrascope.bridges.dask_plugin import Loan, TokenPlugin
from ipyterrascope.errors import LoginRequired, UsageError
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.status import Status
from ipyterrascope.values.connection import Connection
from testbed.waiting import until


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A cluster of one worker in this process."""
    with (
        LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0") as cluster,
        Client(cluster) as made,
    ):
        yield made


@pytest.fixture
def attached(client: Client, account: Account) -> Iterator[ts.dask.DaskStatus]:
    yield ts.dask.attach(client, account.provider)
    ts.dask.detach(client, account.provider)


def test_the_kernels_own_account_serves_in_its_process(
    client: Client, attached: ts.dask.DaskStatus, account: Account
) -> None:
    """A worker in the kernel's process uses the very account of the kernel."""
    assert attached.workers == 1
    assert client.submit(lambda: ts.account("box"), pure=False).result() is account


def test_it_is_attached_once(client: Client, attached: ts.dask.DaskStatus, account: Account) -> None:
    """To attach what is attached changes nothing; to detach it twice neither."""
    threads = threading.active_count()
    assert repr(ts.dask.attach(client, account.provider)) == repr(attached)
    assert threading.active_count() == threads
    for _ in range(2):
        assert repr(ts.dask.detach(client, account.provider)) == "Dask: not attached."
        assert str(ts.dask.status(client, account.provider)) == "not attached"


def test_the_status_has_a_line(client: Client, attached: ts.dask.DaskStatus, account: Account) -> None:
    """`%terrascope status` tells which cluster is attached, and when it waits for a login."""
    address = client.scheduler.address
    assert repr(attached) == f"Dask: attached to {address}; 1 worker has the token."
    assert f"Dask: attached to {address}; 1 worker has the token" in repr(Status([account]))
    account.logout()
    assert f"Dask: attached to {address}; waits for a login" in repr(Status([account]))


def test_a_worker_that_leaves_meanwhile_stops_nothing(account: Account) -> None:
    """Where a worker ends in the moment of the attachment, the others are served all the same."""

    async def leave(comm: Comm, **_: object) -> None:
        comm.abort()

    with (
        LocalCluster(n_workers=2, processes=False, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        cluster.workers[0].handlers["plugin-add"] = leave
        ts.dask.attach(client, account.provider)
        until(lambda: ts.dask.status(client, account.provider).workers == 1)
        ts.dask.detach(client, account.provider)


def test_an_end_of_the_client_ends_it(account: Account) -> None:
    """Once its client is closed nothing is attached, and no thread of it goes on."""
    with LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as cluster:
        with Client(cluster) as short:
            ts.dask.attach(short, account.provider)
            names = [thread.name for thread in threading.enumerate()]
            assert "dask-tokens" in names
        assert "Dask" not in repr(Status([account]))
    until(lambda: "dask-tokens" not in [thread.name for thread in threading.enumerate()])


def test_a_way_that_others_may_listen_on_is_warned_of(
    client: Client, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The warning names the address and says what to do; who makes it an error sends nothing."""
    monkeypatch.setattr(dask_attachment, "addresses_of", lambda _: ["tcp://127.0.0.1:1", "tcp://10.0.0.5:8786"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TokenExposed, match=r"unencrypted \(tcp://10\.0\.0\.5:8786\)"):
            ts.dask.attach(client, account.provider)
    assert str(ts.dask.status(client, account.provider)) == "not attached"
    assert not any(name.startswith("terrascope") for name in client.cluster.workers[0].plugins)
    with pytest.warns(TokenExposed):
        status = ts.dask.attach(client, account.provider)
    assert str(status).endswith("; not encrypted")
    ts.dask.detach(client, account.provider)


def test_a_basic_login_stays_at_home(client: Client, account: Account) -> None:
    """A password goes to no worker."""
    account.logout()
    sign_in(account, "basic")
    with pytest.raises(LoginRequired, match="Basic"):
        ts.dask.attach(client, account.provider)


def test_what_is_no_client_is_refused(account: Account) -> None:
    """An asynchronous client, and anything else, is refused with what to give instead."""
    with pytest.raises(UsageError, match="of type str"):
        ts.dask.attach("tcp://127.0.0.1:8786", account.provider)  # type: ignore[arg-type]


def test_a_missing_library_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without distributed the error names the extra that brings it."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "ipyterrascope.bridges.dask_attachment")
    with pytest.raises(ExtraMissing, match=r"ipyterrascope\[dask\]"):
        ts.dask.attach(None)  # type: ignore[arg-type]


def test_a_plugin_holds_no_secret(box: Sandbox, account: Account, holds: Callable[..., list[str]]) -> None:
    """What the scheduler keeps is the provider, without what is shown to people."""
    plugin = TokenPlugin("topic", box.provider(demo_login="dora, s3cret-Pa55"), Connection())
    assert [path for secret in (*box.issued, "s3cret-Pa55") for path in holds(secret, vars(plugin))] == []


def test_a_ca_bundle_that_is_not_there_is_left_out(tmp_path: object, box: Sandbox) -> None:
    """A worker without the kernel's file verifies by what it has itself."""
    loan = Loan("topic", box.provider(name="lent"), Connection(verify=f"{tmp_path}/ca.pem", read_timeout_s=7))
    account = ts.account("lent")
    assert account.connection == Connection(read_timeout_s=7)
    loan.end()
    until(lambda: "lent" not in ts.providers)
