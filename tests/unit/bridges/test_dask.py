"""Attaching a cluster in this process: what is refused, what is warned of, and what the kernel's process needs."""

from __future__ import annotations

import asyncio
import math
import socket
import sys
import threading
import time
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
from ipyterrascope.bridges.dask_parcel import Parcel, Refusal
from ipyterrascope.bridges.dask_plugin import Loan, TokenPlugin
from ipyterrascope.errors import LoginRequired, UsageError
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.status import Status
from ipyterrascope.values.connection import Connection
from ipyterrascope.values.secret import Secret
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


class Played:
    """Stands in a worker for what takes the messages, and takes them when it is let."""

    def __init__(self, client: Client) -> None:
        (self.attachment,) = ts.dask._attached
        (self.worker,) = client.cluster.workers.values()
        self.came: list[object] = []
        self.may_end = threading.Event()
        self.may_end.set()
        self.worker.handlers[self.attachment.name] = self.take

    async def take(self, sent: object) -> bool:
        self.came.append(sent)
        while not self.may_end.is_set():
            await asyncio.sleep(0.02)
        return True

    def ask(self, client: Client, address: str = "", serial: int = 0, *, is_refused: bool = False) -> None:
        told = {"worker": address or self.worker.address, "serial": serial, "is_refused": is_refused}
        client.log_event(self.attachment.name, told)


def test_no_token_goes_to_who_is_no_worker(client: Client, attached: ts.dask.DaskStatus) -> None:
    """Whoever is on the cluster can name an address; nobody connects there, and it counts as no worker."""
    played = Played(client)
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(0)
        played.ask(client, f"tcp://127.0.0.1:{elsewhere.getsockname()[1]}")
        played.ask(client)
        until(lambda: played.came)
        with pytest.raises(BlockingIOError):
            elsewhere.accept()
    assert played.attachment.served == {played.worker.address}


def test_many_asks_make_few_messages(client: Client, attached: ts.dask.DaskStatus) -> None:
    """While a worker does not take what was sent, it is sent once more, and no third time."""
    played = Played(client)
    played.may_end.clear()
    for _ in range(100):
        played.ask(client)
        time.sleep(0.002)
    until(lambda: len(played.came) == 2)
    played.ask(client, serial=7)
    until(lambda: len(played.came) == 3)
    deliveries = [thread for thread in threading.enumerate() if thread.name == "dask-delivery"]
    assert (len(played.came), len(deliveries)) == (3, 3)
    played.may_end.set()
    until(lambda: not any(thread.is_alive() for thread in deliveries))
    played.ask(client)
    until(lambda: len(played.came) == 4)


def test_no_thread_waits_for_ever_for_who_hangs(
    client: Client, attached: ts.dask.DaskStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that takes no message costs a thread for a while only, and is served once it goes on."""
    played = Played(client)
    monkeypatch.setattr(dask_attachment, "_LONGEST_S", 0.2)
    played.may_end.clear()
    played.ask(client)
    until(lambda: played.came)
    until(lambda: not any(thread.name == "dask-delivery" for thread in threading.enumerate()))
    played.attachment.served.clear()
    played.may_end.set()
    played.ask(client)
    until(lambda: played.attachment.served == {played.worker.address})


def test_what_was_forged_is_replaced(client: Client, attached: ts.dask.DaskStatus) -> None:
    """A worker whose token came from elsewhere asks with its number, and gets one that counts for newer."""
    played = Played(client)
    played.ask(client, serial=1 << 40)
    played.ask(client, serial=1_000_000, is_refused=True)
    until(lambda: played.came)
    assert [sent.serial for sent in played.came] == [1_000_001]


@pytest.mark.parametrize(
    "sent",
    [
        *("x", None, {"serial": 1}),
        *(Parcel(serial, Secret("t"), None, None) for serial in (0, -1, 1 << 62, True, 1.5)),
        *(Parcel(1, Secret("t"), left_s, 1.0) for left_s in (math.nan, math.inf, "1")),
        Parcel(1, Secret("a\r\nX: 1"), None, None),
        Parcel(1, "t", None, None),
        Parcel(1, Secret("t"), None, None, "2"),
        Refusal(1 << 62, "no"),
        Refusal(1, None),
    ],
)
def test_what_no_kernel_sends_is_refused(box: Sandbox, sent: object) -> None:
    """It changes nothing at a worker, which takes what is sound afterwards."""
    loan = Loan("topic", box.provider(name="lent"), Connection())
    assert not asyncio.run(loan.deliver(sent))
    assert loan._holder.serial == 0
    assert asyncio.run(loan.deliver(Parcel(1, Secret("token"), 60.0, 60.0)))
    assert loan._holder.serial == 1
    until(lambda: "lent" not in ts.providers)
