"""Downloads from data centres by the workers of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

import ipyterrascope as ts
from ipyterrascope.sandbox.earthdata import EarthdataSandbox


@pytest.fixture
def client() -> Iterator[Client]:
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,  # type: ignore[no-untyped-call]
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        yield client


@pytest.mark.usefixtures("token")
def test_workers_pass_through_the_login(client: Client, box: EarthdataSandbox, tmp_path: Path) -> None:
    """A data centre that leads to the login is one for a worker as for the kernel."""
    box.data_takes_bearer = False
    url = box.add_file("granule.h5", b"z" * 3000)
    report = ts.download([url], tmp_path, provider="earthdata", client=client)
    assert [path.read_bytes() for path in report] == [b"z" * 3000]
