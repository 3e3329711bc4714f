"""Downloads that outlive tokens, disks and patience: many files, short-lived tokens, a disk that fills up."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import ipyterrascope as ts
from ipyterrascope.errors import DownloadFailed
from ipyterrascope.sandbox import Sandbox, steps
from ipyterrascope.values.secret import Secret
from testbed.waiting import until

TIFF = b"II*\x00" + random.Random(3).randbytes(3_000_000)


@pytest.fixture
def brief() -> Iterator[Sandbox]:
    """A Terrascope whose tokens live for a second."""
    with Sandbox(access_token_lifetime_s=1) as running:
        yield running


def test_token_that_ends_every_second(brief: Sandbox, tmp_path: Path) -> None:
    """Of tokens that live for a second, one at a time is renewed for all connections, before or when it is refused, and
    every file arrives."""
    account = ts.account(brief.provider())
    account.start_password_login("dora", Secret("s3cret-Pa55"))
    assert account.wait(30).phase == "signed_in"
    urls = [brief.add_file(f"p/{n}.tif", TIFF) for n in range(40)]
    brief.timeline.files(*[steps.drip(chunk_bytes=500_000, pause_s=0.08)] * 40)
    brief.forget_requests()
    try:
        report = ts.download(urls, tmp_path, provider=account.provider)
    finally:
        account.logout()
    assert all(path.read_bytes() == TIFF for path in report)
    renewals = len(brief.requests_to("/token"))
    assert 2 <= renewals <= 4 + 2 * report.seconds


def test_token_that_is_refused_in_the_middle(tmp_path: Path) -> None:
    """Of all requests whose token is refused, each is sent once more, with one renewal for all of them."""
    with Sandbox(access_token_lifetime_s=10) as box:
        account = ts.account(box.provider())
        account.start_password_login("dora", Secret("s3cret-Pa55"))
        assert account.wait(30).phase == "signed_in"
        urls = [box.add_file(f"p/{n}.tif", TIFF[:5000]) for n in range(40)]
        time.sleep(1.1)  # a token that is new is not the reason for a refusal, and is not renewed
        box.expire_access_tokens()
        box.forget_requests()
        try:
            report = ts.download(urls, tmp_path, provider=account.provider)
        finally:
            account.logout()
        assert len(report.saved) == 40
        assert len(box.requests_to("/token")) == 1
        refused = [request for request in box.requests_to("/download/") if request.status == 401]
        assert 1 <= len(refused) <= 8


FULL_DISK = """
import pathlib, resource, subprocess, sys
from ipyterrascope.errors import TargetInvalid
from ipyterrascope.transfer import CurlEngine, download

class Nobody:
    def headers(self, url):
        return {}
    def refused(self, url, headers):
        return False

def make_room(size_bytes):
    if is_disk:
        subprocess.run(["mount", "-o", f"remount,size={size_bytes}", folder], check=True)
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))

is_disk, folder, url = sys.argv[1] == "disk", sys.argv[2], sys.argv[3]
if is_disk:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=True)
make_room(2 << 20)
try:
    download(url, folder, engine=CurlEngine(Nobody()))
except TargetInvalid as error:
    print(error.what)
print(*sorted(path.name for path in pathlib.Path(folder).iterdir()))
make_room(64 << 20)
[path] = download(url, folder, engine=CurlEngine(Nobody()))
print(*sorted(path.name for path in pathlib.Path(folder).iterdir()))
print(path.read_bytes() == pathlib.Path(sys.argv[4]).read_bytes())
"""


def test_disk_that_is_full(tmp_path: Path) -> None:
    """On a full disk the error says so, what came is kept, and the next run goes on with it once there is room."""
    content, folder = tmp_path / "content", tmp_path / "data"
    content.write_bytes(TIFF)
    folder.mkdir()
    # a disk of its own takes rights that not everybody has; a limit for the size of files is nearly the same
    apart = ["unshare", "--mount"]
    is_disk = subprocess.run([*apart, "mount", "-t", "tmpfs", "tmpfs", folder], check=False, capture_output=True)
    as_root = apart if is_disk.returncode == 0 else []
    with Sandbox(require_bearer=False) as box:
        url = box.add_file("p/x.tif", TIFF)
        command = [
            *as_root,
            sys.executable,
            "-c",
            FULL_DISK,
            "disk" if as_root else "limit",
            str(folder),
            url,
            str(content),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        first_try = box.requests_to("x.tif")
    what, there, finally_there, is_same = done.stdout.splitlines() or [done.stderr, "", "", ""]
    assert "the disk is full" in what or "larger than this place allows" in what, done.stderr
    assert there == "x.tif.part x.tif.part.json"
    assert finally_there == "x.tif"
    assert is_same == "True"
    assert len(first_try) > 1


MANY = """
import os, resource, sys
from ipyterrascope.transfer import CurlEngine, Item, download

class Nobody:
    def headers(self, url):
        return {}
    def refused(self, url, headers):
        return False

class Descriptors:
    most = 0
    def show(self, download):
        download.observe(self.look)
    def look(self, state):
        self.most = max(self.most, len(os.listdir("/proc/self/fd")))

def peak_kib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

url, folder, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
download(url, folder, engine=CurlEngine(Nobody()))
before, fds = peak_kib(), len(os.listdir("/proc/self/fd"))
descriptors = Descriptors()
items = [Item(f"{url}?{number}", f"{number}.tif") for number in range(count)]
report = download(items, folder, engine=CurlEngine(Nobody()), show=descriptors.show)
print(len(report.saved), peak_kib() - before, descriptors.most - fds, len(os.listdir("/proc/self/fd")) - fds)
"""


@pytest.mark.soak
def test_ten_thousand_small_files(tmp_path: Path, full_counts: bool) -> None:
    """Any number of small files takes little memory, few descriptors, and leaves none open."""
    count = 10_000 if full_counts else 1500
    with Sandbox(require_bearer=False) as box:
        url = box.add_file("p/x.tif", TIFF[:3000])
        done = subprocess.run(
            [sys.executable, "-c", MANY, url, str(tmp_path), str(count)],
            capture_output=True, text=True, check=False, timeout=160,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    saved, more_kib, more_descriptors, left_descriptors = map(int, done.stdout.split())
    assert saved == count
    assert more_kib < 40 * 1024
    assert more_descriptors < 60
    assert left_descriptors == 0


def test_batch_ends_with_its_login(brief: Sandbox, tmp_path: Path) -> None:
    """When the session ends in the middle of a batch, what came stays, and what did not is told to need a sign-in."""
    account = ts.account(brief.provider())
    account.start_password_login("dora", Secret("s3cret-Pa55"))
    assert account.wait(30).phase == "signed_in"
    urls = [brief.add_file(f"p/{n}.tif", TIFF[:5000]) for n in range(30)]
    brief.timeline.files(*[steps.drip(chunk_bytes=2000, pause_s=0.2)] * 30)
    ts.download(urls[0], tmp_path, provider=account.provider)
    brief.revoke_all()
    with pytest.raises(DownloadFailed) as caught:
        ts.download(urls, tmp_path, provider=account.provider)
    assert "sign" in str(caught.value).lower()
    assert (tmp_path / "0.tif").read_bytes() == TIFF[:5000]


def test_logout_while_a_download_goes_on(tmp_path: Path) -> None:
    """Who signs out is told that a download is under way; what it cannot fetch any more says why, and comes once they
    are signed in again, with nothing lost."""
    with Sandbox() as box:
        account = ts.account(box.provider())
        account.start_password_login("dora", Secret("s3cret-Pa55"))
        assert account.wait(30).phase == "signed_in"
        urls = [box.add_file(f"p/{n}.tif", TIFF) for n in range(6)]
        box.timeline.files(*[steps.drip(chunk_bytes=300_000, pause_s=0.1)] * 20)
        options = {"provider": account.provider, "max_connections": 2}
        running = ts.download(urls, tmp_path, background=True, **options)  # type: ignore[call-overload]
        until(lambda: running.state.bytes_done > 0)
        said = ts.logout(account.provider)
        assert "is ended. A download is under way: what was begun may still end, the rest is refused." in said
        with pytest.raises(DownloadFailed) as caught:
            running.wait(30)
        assert "5.tif: You signed out of Terrascope." in str(caught.value)
        assert running.files("failed")[-1].note == "You signed out of Terrascope."
        assert running.files("failed")[-1].advice.startswith("Run %terrascope login")
        assert ts.logout(account.provider) == "Nobody was signed in."
        box.timeline.clear()
        account.start_password_login("dora", Secret("s3cret-Pa55"))
        assert account.wait(30).phase == "signed_in"
        running.retry()
        assert all(path.read_bytes() == TIFF for path in running.wait(30))
        account.logout()
