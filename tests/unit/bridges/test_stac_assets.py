"""`ts.stac.asset_clients()`: stac-asset downloads with the live login, and nobody but the provider sees it."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest
import stac_asset
from pystac import Asset, Item
from signing import PASSWORD, sign_in
from stac_asset.errors import DownloadError

import ipyterrascope as ts
from ipyterrascope.auth.account import Account
from ipyterrascope.configuration import Configuration, configure
from ipyterrascope.errors import ContentInvalid, LoginRequired, ServerRefused
from ipyterrascope.sandbox import Sandbox, steps
from testbed.loopback import Asked, Loopback, Reply


def item_of(*urls: str) -> Item:
    """Make an item with an asset for each address."""
    item = Item("scene", None, None, datetime(2026, 8, 7, tzinfo=timezone.utc), {})
    for number, url in enumerate(urls):
        item.add_asset(f"B{number:02}", Asset(url))
    return item


def fetched(folder: Path, *urls: str, **options: object) -> dict[str, bytes]:
    """Download an item in one call; return the files."""
    call = stac_asset.download_item(item_of(*urls), folder, clients=ts.stac.asset_clients("box"), **options)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    asyncio.run(call)
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".json"}


def failure(folder: Path, *urls: str) -> Exception:
    """Download an item in vain; return why the first of its files failed."""
    with pytest.raises(DownloadError) as caught:
        fetched(folder, *urls)
    return caught.value.exceptions[0]


def test_files_come_through_rotations_and_a_foreign_host_sees_nothing(
    account: Account, box: Sandbox, foreign: Loopback, tmp_path: Path
) -> None:
    """Asset by asset for longer than two tokens live, beside a foreign one: all come, each with a valid token."""
    urls = [box.add_file(f"{number}.bin", bytes([number]) * 1000) for number in range(8)]
    configure(Configuration(max_connections=1))
    try:
        box.timeline.files(*[steps.delayed(0.9)] * 8)
        found = fetched(tmp_path, *urls, f"{foreign.url}/other.bin")
    finally:
        configure(None)
    assert found == {"other.bin": b"foreign"} | {f"{number}.bin": bytes([number]) * 1000 for number in range(8)}
    asked = box.requests_to("/download/")
    assert [record.status for record in asked] == [200] * 8
    assert len({record.headers["Authorization"] for record in asked}) >= 3
    assert [request.headers.get("Authorization") for request in foreign.asked] == [None]


def test_a_redirect_takes_no_login_along(account: Account, box: Sandbox, foreign: Loopback, tmp_path: Path) -> None:
    """What lies at another host is fetched there without the login; a redirect to the login page asks to sign in."""
    url = box.add_file("moved.bin", b"x")
    box.timeline.files(steps.redirect(f"{foreign.url}/there"))
    assert fetched(tmp_path / "a", url) == {"moved.bin": b"foreign"}
    assert [request.headers.get("Authorization") for request in foreign.asked] == [None]
    box.timeline.files("redirect_to_login")
    assert isinstance(failure(tmp_path / "b", url), LoginRequired)


def test_at_most_so_many_at_once(account: Account, foreign: Loopback, tmp_path: Path) -> None:
    """However many assets there are, no more are asked for at once than a download of ours would."""
    under_way: set[str] = set()
    most: list[int] = []

    def answer(asked: Asked) -> Reply:
        under_way.add(asked.path)
        time.sleep(0.05)
        most.append(len(under_way))
        under_way.remove(asked.path)
        return Reply(200, b"foreign")

    foreign.answer = answer
    assert len(fetched(tmp_path, *[f"{foreign.url}/{number}.bin" for number in range(40)])) == 40
    assert 1 < max(most) <= Configuration().max_connections


def test_what_does_not_come_says_why(account: Account, box: Sandbox, foreign: Loopback, tmp_path: Path) -> None:
    """What is refused, missing, or a login page with 200 is an error of the tree, and leaves no file."""
    url = box.add_file("some.bin", b"x")
    for step, error in ((403, ServerRefused), (404, ServerRefused), ("html", ContentInvalid)):
        box.timeline.files(step)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        assert isinstance(failure(tmp_path, url), error), step
    foreign.answer = lambda _: Reply(401)
    assert "no login was sent there" in str(failure(tmp_path, f"{foreign.url}/closed.bin"))
    assert [*tmp_path.iterdir()] == []


def test_what_passes_is_tried_again(account: Account, box: Sandbox, tmp_path: Path) -> None:
    """Busy servers and broken connections are asked again, and a refused token is renewed."""
    url = box.add_file("some.bin", b"data")
    box.timeline.files(503, 429, "no_answer", 500)
    assert fetched(tmp_path / "a", url) == {"some.bin": b"data"}
    time.sleep(0.5)
    box.expire_access_tokens()
    assert fetched(tmp_path / "b", url) == {"some.bin": b"data"}


def test_clients_serve_again_and_on_another_loop(account: Account, box: Sandbox, tmp_path: Path) -> None:
    """The same clients serve one call after the other, each with an event loop of its own, and whether a file is
    there."""
    url = box.add_file("some.bin", b"data")
    clients = ts.stac.asset_clients("box")
    for name in "ab":
        asyncio.run(stac_asset.download_item(item_of(url), tmp_path / name, clients=clients))
        assert (tmp_path / name / "some.bin").read_bytes() == b"data"
    assert asyncio.run(stac_asset.asset_exists(Asset(url), clients=clients))  # which closes nothing
    assert asyncio.run(stac_asset.read_href(url, clients=clients)) == b"data"

    async def exist() -> list[bool]:
        found = [await stac_asset.asset_exists(Asset(href), clients=clients) for href in (url, f"{url}.missing")]
        await clients[0].close()
        return found

    assert asyncio.run(exist()) == [True, False]


def test_stac_assets_own_clients_stay_its_own(account: Account, box: Sandbox) -> None:
    """Who asks without our clients afterwards, also for one by name, gets the library's, which knows no login."""
    ts.stac.asset_clients("box")
    url = box.add_file("some.bin", b"data")
    box.forget_requests()
    for config in (stac_asset.Config(), stac_asset.Config(client_override="http")):
        with pytest.raises(Exception, match="401"):
            asyncio.run(stac_asset.read_href(url, config))
    assert {record.headers.get("Authorization") for record in box.requests_to("/download/")} == {None}


def test_without_a_login(account: Account, box: Sandbox, tmp_path: Path) -> None:
    """Nobody signed in: it says so before anything is asked; signed out meanwhile, each file does."""
    url = box.add_file("some.bin", b"data")
    clients = ts.stac.asset_clients("box")
    account.logout()
    box.forget_requests()
    with pytest.raises(LoginRequired, match="You signed out"):
        ts.stac.asset_clients("box")
    with pytest.raises(DownloadError) as caught:
        asyncio.run(stac_asset.download_item(item_of(url), tmp_path, clients=clients))
    assert isinstance(caught.value.exceptions[0], LoginRequired)
    assert box.requests == []


def test_nothing_shows_the_token(
    account: Account,
    box: Sandbox,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    holds: Callable[..., list[str]],
) -> None:
    """No log at DEBUG and no error, with all that it holds, has the token, whatever goes wrong."""
    box.access_token_lifetime_s = 300
    sign_in(account)
    token = account.tokens().access_token.reveal()
    url = box.add_file("some.bin", b"data")
    with caplog.at_level(logging.DEBUG):
        for step in (403, 404, "html", 401, steps.truncated(), "redirect_to_login"):
            box.timeline.files(*[step] * 2)  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
            assert holds(token, failure(tmp_path, url), besides=[account]) == [], step
            box.timeline.clear()
        box.timeline.files(503)
        fetched(tmp_path, url)
    assert "Retrying" in caplog.text
    assert token[-20:] not in caplog.text
    assert "Bearer" not in caplog.text


CLOSING = """
import asyncio, sys, stac_asset
from datetime import datetime
from pystac import Asset, Item
import ipyterrascope as ts
item = Item("scene", None, None, datetime(2026, 8, 7), {}, assets={"B02": Asset(sys.argv[1])})
asyncio.run(stac_asset.download_item(item, sys.argv[2], clients=ts.stac.asset_clients()))
"""


def test_nothing_is_left_open(box: Sandbox, tmp_path: Path) -> None:
    """With all warnings on, a script that signs in by its environment and downloads an item says nothing."""
    url = box.add_file("some.bin", b"data")
    environ = {"PATH": "/usr/bin", "HOME": "/nonexistent", "TERRASCOPE_ISSUER": box.issuer}
    environ |= {"TERRASCOPE_HOSTS": f"127.0.0.1:{box.port}", "TERRASCOPE_USERNAME": "dora"}
    environ |= {"TERRASCOPE_PASSWORD": PASSWORD, "PYTHONASYNCIODEBUG": "1"}
    command = [sys.executable, "-W", "always::ResourceWarning", "-c", CLOSING, url, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "some.bin").read_bytes() == b"data"


def test_without_stac_asset() -> None:
    """Where the library is missing it is named, with how to get it."""
    code = (
        "import sys; sys.modules['stac_asset'] = None\n"
        "import ipyterrascope as ts\n"
        "try: ts.stac.asset_clients()\n"
        "except ImportError as error: print(type(error).__name__, error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("ExtraMissing stac-asset is not installed.")
    assert "pip install stac-asset" in said
