"""No token is found in anything that a cluster shows, writes down or sends by tls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest
from distributed import Client, LocalCluster
from distributed.security import Security

import ipyterrascope as ts
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.values.secret import Secret
from testbed import geo
from testbed.canary import found_in, secrets_of
from testbed.relay import relay

PASSWORD = "s3cret-Pa55"
PLANTED = "=== from here on a token is leaked ==="
TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Told:
    """What came of the story of `testbed.cluster_story`: its counts, its log, and where secrets are found."""

    counts: dict[str, int]
    logged: str
    found: set[str]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("story")
    with Sandbox(access_token_lifetime_s=3) as box:
        url = box.add_file("cog.tif", geo.cog(tmp_path_factory.mktemp("cog"), 512))
        environ = {
            **os.environ,
            "TERRASCOPE_ISSUER": box.issuer,
            "TERRASCOPE_HOSTS": f"127.0.0.1:{box.port}",
            "DASK_LOGGING__DISTRIBUTED": "debug",
            "PYTHONPATH": str(TESTS),
            "FOLDER": str(folder),
            "URL": url,
            "PLANTED": PLANTED,
        }
        command = [sys.executable, "-m", "testbed.cluster_story"]
        story = subprocess.run(
            command, input=PASSWORD, env=environ, cwd=folder, capture_output=True, text=True, timeout=150, check=False
        )
        assert story.returncode == 0, story.stderr[-3000:]
        logged, _, after = story.stderr.partition(PLANTED)
        places = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        places |= {"stdout": story.stdout.encode(), "stderr": logged.encode(), "planted/stderr": after.encode()}
        found = found_in(places, secrets_of(box, [PASSWORD]), ["dora"])
    return Told(json.loads(story.stdout.splitlines()[-1]), logged, found)


def test_no_secret_is_in_what_a_cluster_shows(told: Told) -> None:
    """Neither dump, events, pages, logs at DEBUG, failures, stories, environments nor what is spilled hold one."""
    assert {place for place in told.found if not place.startswith("planted/")} == set()
    assert told.counts["saved"] == 1
    assert told.counts["spilled"] >= 6
    assert told.counts["pages"] > 20
    # what was sent is among what was logged, as a mask
    assert "Secret('•••')" in told.logged
    assert "'op': 'broadcast'" in told.logged


def test_the_scan_can_fail(told: Told) -> None:
    """A token in a header of one's own is found where this package keeps it from: failures, stories, logs and dump."""
    places = {place.removeprefix("planted/").partition(" ")[0].partition(".")[0] for place in told.found}
    assert places >= {"failure-by_header", "dump", "stderr", "logs"}


@pytest.mark.parametrize("protocol", ["tcp", "tls"])
def test_the_wire_shows_a_token_without_tls_alone(protocol: str) -> None:
    """Between kernel and scheduler a listener reads the token on plain tcp, and nothing on tls."""
    security = Security.temporary() if protocol == "tls" else Security()
    with (
        Sandbox() as box,
        LocalCluster(n_workers=1, security=security, protocol=protocol, dashboard_address=":0") as cluster,
        relay(int(cluster.scheduler_address.rpartition(":")[2])) as tapped,
    ):
        tapped.heard = []
        account = ts.account(box.provider(name=f"by-{protocol}"))
        account.start_password_login("dora", Secret(PASSWORD))
        assert account.wait(30).phase == "signed_in"
        with Client(f"{protocol}://127.0.0.1:{tapped.port}", security=security) as client, warnings.catch_warnings():
            warnings.simplefilter("error")
            assert ts.dask.attach(client, account.provider).workers == 1
            ts.dask.detach(client, account.provider)
        account.logout()
        heard = {"wire": b"".join(tapped.heard)}
        assert len(heard["wire"]) > 1000
        found = found_in(heard, secrets_of(box, [PASSWORD]), ["dora"])
    assert bool(found) == (protocol == "tcp")
    # the refresh token and the password never go there
    assert len({place for place in found if "beginning" not in place}) <= 1
