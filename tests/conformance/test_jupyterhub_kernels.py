"""Many kernels at one JupyterHub: who asks whom, and how often."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from testbed.files import ProtectedFiles
from testbed.hub import Hub
from testbed.keycloak import DORA, Keycloak

LIFE_S = 20

_USE_ONCE = "import ipyterrascope as ts; s = ts.session(); s.get({url!r}).raise_for_status()"
_USE = """
import time
ends_at = time.monotonic() + {seconds}
while time.monotonic() < ends_at:
    s.get({url!r}).raise_for_status()
    time.sleep(0.2)
"""


@contextmanager
def kernel(environ: Mapping[str, str], connection_file: Path) -> Iterator[BlockingKernelClient]:
    """Run a kernel as a user's server would."""
    manager = KernelManager(connection_file=str(connection_file))
    manager.start_kernel(env=dict(environ))
    client = manager.blocking_client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=150)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run(client: BlockingKernelClient, code: str) -> None:
    reply = client.execute_interactive(code, allow_stdin=False, output_hook=lambda _: None, timeout=180)
    assert reply["content"]["status"] == "ok", reply["content"]


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_each_kernel_asks_only_when_it_is_used(
    hub: Hub,
    keycloak: Keycloak,
    hub_files: ProtectedFiles,
    tmp_path: Path,
    full_counts: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Loading asks nobody, the first use asks the Hub once, an idle kernel never again, a busy one at half of a life.

    Keycloak is asked by the Hub alone, and no more often for many kernels than for one.
    """
    count, seconds = (20, 60) if full_counts else (4, 12)
    url = hub_files.add("/download/a.tif", b"data")

    def asked() -> int:
        return len(re.findall(r"200 GET /hub/api/users/dora \(dora@", hub.log))

    with keycloak.realm(revokeRefreshToken=True, accessTokenLifespan=LIFE_S), ExitStack() as stack:
        hub.sign_in(DORA)
        environ = hub.server(DORA)
        with ThreadPoolExecutor(count) as pool:
            kernels = [kernel(environ, tmp_path / f"{number}.json") for number in range(count)]
            clients = list(pool.map(stack.enter_context, kernels))
            begin = asked()
            list(pool.map(lambda client: run(client, "%load_ext ipyterrascope\n%terrascope status"), clients))
            assert asked() == begin

            hub.sign_in(DORA)
            list(pool.map(lambda client: run(client, _USE_ONCE.format(url=url)), clients))
            assert asked() - begin == count

            busy, refreshed = clients[: count // 2], len(keycloak.events("REFRESH_TOKEN", of_hub=True))
            began = time.monotonic()
            list(pool.map(lambda client: run(client, _USE.format(url=url, seconds=seconds)), busy))
            took_s = time.monotonic() - began
            by_hub, by_kernels = len(keycloak.events("REFRESH_TOKEN", of_hub=True)) - refreshed, asked() - begin - count

    with capsys.disabled():
        print(
            f"\n{count} kernels, {len(busy)} of them busy for {took_s:.0f} s, tokens of {LIFE_S} s: "
            f"{count} + {by_kernels} requests to the Hub, {by_hub} to Keycloak"
        )
    # each is renewed with at least half of a life left, and a token that the Hub gives has at least a quarter of one
    assert len(busy) <= by_kernels <= len(busy) * (took_s / (LIFE_S / 4) + 1)
    assert by_hub <= took_s / (LIFE_S / 4) + 1
    assert keycloak.events("REFRESH_TOKEN_ERROR", of_hub=True) == []
