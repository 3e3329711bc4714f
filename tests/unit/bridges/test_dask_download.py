"""Downloads by the workers of a cluster in this process, from a sandbox."""

from __future__ import annotations

import json
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

import ipyterrascope as ts
from ipyterrascope.auth.account import Account
from ipyterrascope.bridges import dask_batch
from ipyterrascope.bridges.dask_batch import Batch, Ended, fetch
from ipyterrascope.bridges.dask_plugin import this_process
from ipyterrascope.errors import (
    ContentInvalid,
    DownloadFailed,
    LoginRequired,
    ServerRefused,
    ServerUnreachable,
    TerrascopeError,
    UsageError,
)
from ipyterrascope.sandbox import Sandbox, steps
from ipyterrascope.transfer import Action, Item
from testbed.loopback import Asked, Reply, loopback
from testbed.waiting import until

CONTENT = b"II*\x00" + bytes(5000)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A cluster of three workers in this process."""
    with (
        LocalCluster(n_workers=3, threads_per_worker=2, processes=False, dashboard_address=":0") as cluster,
        Client(cluster) as made,
    ):
        yield made


@pytest.fixture
def download(client: Client, account: Account) -> Iterator[Callable[..., ts.Report]]:
    yield lambda *args, **kwargs: ts.download(*args, provider=account.provider, client=client, **kwargs)
    ts.dask.detach(client, account.provider)


def files(box: Sandbox, count: int) -> list[str]:
    return [box.add_file(f"p/{number}.tif", CONTENT + bytes(number)) for number in range(count)]


def test_the_report_is_that_of_a_download_at_home(
    box: Sandbox, download: Callable[..., ts.Report], tmp_path: Path
) -> None:
    """All is there, in the order of what was asked for and with sizes; a second time nothing is fetched."""
    urls = files(box, 60)
    report = download(urls, tmp_path / "data")
    assert [path.name for path in report] == [f"{number}.tif" for number in range(60)]
    assert [path.stat().st_size for path in report] == [len(CONTENT) + number for number in range(60)]
    assert [one.size_bytes for one in report.saved] == [len(CONTENT) + number for number in range(60)]
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == sorted(f"{n}.tif" for n in range(60))
    box.forget_requests()
    again = download([Item(url, f"{n}.tif", len(CONTENT) + n) for n, url in enumerate(urls)], tmp_path / "data")
    assert len(again.skipped) == 60
    assert box.requests == []


def test_a_relative_folder_is_the_notebooks(
    box: Sandbox, download: Callable[..., ts.Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are below the notebook's folder, whatever folder a worker was started in."""
    monkeypatch.chdir(tmp_path)
    assert [*download(files(box, 2), "data")] == [tmp_path / "data" / "0.tif", tmp_path / "data" / "1.tif"]
    assert (tmp_path / "data" / "1.tif").is_file()


def test_what_fails_is_in_the_report_and_can_be_fetched_again(
    box: Sandbox, download: Callable[..., ts.Report], tmp_path: Path
) -> None:
    """Failures stop nothing, say why as at home, and `retry` fetches what has come by then."""
    missing = f"{box.url}/download/late.tif"
    with pytest.raises(DownloadFailed) as caught:
        download([*files(box, 10), missing], tmp_path)
    report = caught.value.report
    assert isinstance(report, ts.Report)
    assert len(report.saved) == 10
    assert isinstance(report.failed[0].error, ServerRefused)
    assert report.failed[0].error.status == 404
    box.add_file("late.tif", CONTENT)
    assert len(report.retry().saved) == 11


def test_a_wrong_checksum_leaves_nothing(box: Sandbox, download: Callable[..., ts.Report], tmp_path: Path) -> None:
    """A worker checks as the kernel does."""
    item = Item(files(box, 1)[0], "a.tif", checksum="1220" + "00" * 32)
    with pytest.raises(DownloadFailed) as caught:
        download([item], tmp_path)
    assert isinstance(caught.value.report.failed[0].error, ContentInvalid)  # type: ignore[attr-defined]
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("is_seen", [True, False])
def test_all_workers_together_keep_to_the_connections(client: Client, tmp_path: Path, is_seen: bool) -> None:
    """Three workers that may have four connections have no more at once, and do have several, also where the client
    knows no more of the cluster than its address."""
    under_way, seen, lock = [0], [0], threading.Lock()

    def answer(asked: Asked) -> Reply:
        with lock:
            under_way[0] += 1
            seen[0] = max(seen[0], under_way[0])
        time.sleep(0.02)
        with lock:
            under_way[0] -= 1
        return Reply(body=CONTENT, headers={"Content-Type": "image/tiff"})

    provider = ts.Provider(name="other", label="O", issuer="https://sso.example.org", client_id="p", hosts=frozenset())
    with loopback(answer) as server, Client(client.scheduler.address) as unseeing:
        assert unseeing.cluster is None
        urls = [f"{server.url}/{number}.tif" for number in range(60)]
        used = client if is_seen else unseeing
        report = ts.download(urls, tmp_path, provider=provider, client=used, max_connections=4)
    assert len(report.saved) == 60
    assert 3 <= seen[0] <= 4


def test_files_without_a_login_need_no_attachment(client: Client, account: Account, tmp_path: Path) -> None:
    """Where no file is on a host of the provider, the workers are given no token."""
    account.logout()
    with loopback(lambda _: Reply(body=CONTENT, headers={"Content-Type": "image/tiff"})) as server:
        assert len(ts.download([f"{server.url}/a.tif"], tmp_path, provider=account.provider, client=client)) == 1
    assert str(ts.dask.status(client, account.provider)) == "not attached"


def slow_files(box: Sandbox, count: int, pause_s: float = 0.2) -> list[str]:
    urls = [box.add_file(f"p/{number}.tif", b"II*\x00" + bytes(3_000_000)) for number in range(count)]
    box.timeline.files(*[steps.drip(chunk_bytes=100_000, pause_s=pause_s)] * (4 * count))
    return urls


def test_it_is_cancelled_within_a_second_and_gone_on_with(
    box: Sandbox, download: Callable[..., ts.Download], tmp_path: Path
) -> None:
    """Cancel ends what the workers do and keeps the parts, which were told as they grew; a retry goes on with them."""
    under_way = download(slow_files(box, 3), tmp_path, background=True)
    until(lambda: under_way.state.bytes_done > 400_000)
    began = time.monotonic()
    under_way.cancel()
    with pytest.raises(DownloadFailed) as caught:
        under_way.wait(10)
    assert time.monotonic() - began < 3
    assert len(caught.value.report.cancelled) == 3  # type: ignore[attr-defined]
    until(lambda: dask_batch._runs._controls == {})
    assert [*tmp_path.glob("*.part")] != []
    box.timeline.clear()
    box.forget_requests()
    under_way.retry()
    assert len(under_way.wait(30).saved) == 3
    assert any("Range" in record.headers for record in box.requests_to("/download/"))


def test_a_pause_holds_no_connection(box: Sandbox, download: Callable[..., ts.Download], tmp_path: Path) -> None:
    """After a pause no worker fetches, and it goes on where it was."""
    under_way = download(slow_files(box, 2), tmp_path, background=True)
    until(lambda: under_way.state.bytes_done > 200_000)
    under_way.pause()
    until(lambda: dask_batch._runs._controls == {})
    assert under_way.state.phase == "paused"
    box.timeline.clear()
    under_way.resume()
    assert len(under_way.wait(30).saved) == 2


def test_a_host_that_delivers_nothing_is_given_up(client: Client, tmp_path: Path) -> None:
    """What one batch found out spares all later ones their tries."""
    provider = ts.Provider(name="none", label="O", issuer="https://sso.example.org", client_id="p", hosts=frozenset())
    with loopback(lambda _: Reply(503, headers={"Retry-After": "86400"})) as server:
        urls = [f"{server.url}/{number}.tif" for number in range(400)]
        with pytest.raises(DownloadFailed) as caught:
            ts.download(urls, tmp_path, provider=provider, client=client)
    report = caught.value.report
    assert isinstance(report, ts.Report)
    assert len(report.failed) == 400
    assert len(server.asked) < 40


def test_a_folder_that_is_not_shared_is_said_to_be(client: Client, box: Sandbox, tmp_path: Path) -> None:
    """A worker that does not see the notebook's folder fetches nothing, and says what is the matter."""
    action = Action(Item(files(box, 1)[0], "a.tif"), tmp_path, ("a.tif",), "fetch")
    batch = Batch("run", 0, (action,), tmp_path / "mark", box.provider(), this_process())
    (ended,) = client.submit(fetch, batch, pure=False).result()
    assert f"do not see the folder {tmp_path}" in str(ended.error)
    assert [*tmp_path.iterdir()] == []


def test_what_a_dead_worker_had_saved_counts_as_saved(
    client: Client, account: Account, box: Sandbox, tmp_path: Path
) -> None:
    """A batch that is begun anew fetches the rest: known sizes are compared here, others with the server's."""
    urls = files(box, 3)
    mark = tmp_path / "mark"
    mark.touch()
    sizes = [len(CONTENT), None, None]
    actions = [
        Action(Item(url, f"{n}.tif", size), tmp_path, (f"{n}.tif",), "fetch")
        for n, (url, size) in enumerate(zip(urls, sizes, strict=True))
    ]
    for number in (0, 1):
        (tmp_path / f"{number}.tif").write_bytes(CONTENT + bytes(number))
    box.forget_requests()
    batch = Batch("run", 0, tuple(actions), mark, account.provider, this_process())
    ended = client.submit(fetch, batch, pure=False).result()
    assert sorted((one.index, one.status, one.size_bytes) for one in ended) == [
        (number, "saved", len(CONTENT) + number) for number in range(3)
    ]
    fetched = [record.path for record in box.requests_to("/download/", "GET") if record.status == 200]
    assert not any(path.endswith("/0.tif") for path in fetched)


@pytest.mark.parametrize(
    "error",
    [
        None,
        ServerRefused("There is no such file.", "It was asked for.", "Ask for another.", status=404),
        LoginRequired("Nobody is signed in.", "", "Sign in.", error="invalid_grant"),
        ServerUnreachable("It is busy.", retry_after_s=7.0),
    ],
)
def test_an_outcome_travels_in_an_event(error: TerrascopeError | None) -> None:
    """What an event can hold says the same: also of which class an error is, and whether it may pass."""
    ended = Ended(3, "failed" if error else "saved", 17, error, 0.5)
    told = Ended.unpacked(json.loads(json.dumps(ended.packed())))
    assert (told.index, told.status, told.size_bytes, told.seconds) == (3, ended.status, 17, 0.5)
    assert type(told.error) is type(error)
    if error is not None and told.error is not None:
        assert str(told.error) == str(error)
        assert vars(told.error) == vars(error)


def test_nothing_that_somebody_says_breaks_a_download(
    client: Client, box: Sandbox, download: Callable[..., ts.Download], tmp_path: Path
) -> None:
    """Events that no worker of ours has made are passed over."""
    under_way = download(slow_files(box, 1, 0.05), tmp_path, background=True)
    until(lambda: under_way.state.bytes_done > 0)
    *_, topic = [name for name in client._event_handlers if name.startswith("terrascope-download")]
    batch = {"batch": 0}
    for said in ("hello", {}, {**batch, "ended": [[7]]}, {**batch, "files": [[9, 1, 1]]}, {**batch, "waits": 3}):
        client.log_event(topic, said)
    for attachment in [name for name in client._event_handlers if len(name) == len("terrascope-") + 32]:
        client.log_event(attachment, {"worker": 7})
    assert len(under_way.wait(30).saved) == 1


def test_a_batch_shows_no_address() -> None:
    """What Dask may print of a task holds no signature."""
    action = Action(Item("https://data.example.org/a.tif?signature=s3cret", "a.tif"), Path("/"), ("a.tif",), "fetch")
    provider = ts.Provider(name="o", label="O", issuer="https://sso.example.org", client_id="p", hosts=frozenset())
    batch = Batch("run", 7, (action,), Path("/mark"), provider, "")
    assert repr(batch) == "<Batch 7: 1 files>"
    assert pickle.loads(pickle.dumps(batch)).actions[0].item == action.item


def test_a_client_that_is_none_is_refused(account: Account, box: Sandbox, tmp_path: Path) -> None:
    """Anything but a client is refused before anything is fetched."""
    with pytest.raises(UsageError, match="of type str"):
        ts.download(files(box, 1), tmp_path, provider=account.provider, client="tcp://1")  # type: ignore[call-overload]


def test_a_client_that_is_closed_on_the_way_fails_the_rest(box: Sandbox, account: Account, tmp_path: Path) -> None:
    """Nothing hangs: what was not fetched says that the cluster is gone."""
    with (
        LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as cluster,
        Client(cluster) as short,
    ):
        urls = slow_files(box, 2)
        under_way = ts.download(urls, tmp_path, provider=account.provider, client=short, background=True)
        until(lambda: under_way.state.bytes_done > 100_000)
        short.close()
        with pytest.raises(DownloadFailed) as caught:
            under_way.wait(20)
        assert "The connection to the cluster is closed." in str(caught.value)
        box.timeline.clear()
