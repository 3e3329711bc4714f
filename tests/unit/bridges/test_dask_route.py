"""Which addresses of a cluster are safe from listeners."""

from __future__ import annotations

import pytest

from ipyterrascope.bridges.dask_route import exposed, is_private


@pytest.mark.parametrize(
    "address",
    [
        "tls://10.0.0.5:8786",
        "wss://scheduler.example.org:443/",
        "inproc://10.0.0.5/8/1",
        "gateway://gateway.example.org:8786/dev.1",
        "tcp://127.0.0.1:8786",
        "tcp://localhost:8786",
        "tcp://[::1]:8786",
        "ws://127.0.0.1:8786",
    ],
)
def test_nobody_listens(address: str) -> None:
    """What is encrypted, or stays on this machine or in this process, counts as private."""
    assert is_private(address)


@pytest.mark.parametrize(
    "address",
    [
        "tcp://10.0.0.5:8786",
        "tcp://scheduler:8786",
        "ws://scheduler.example.org:8786",
        "ucx://10.0.0.5:8786",
        "tcp://[2001:db8::1]:8786",
        "tcp://127.0.0.1.example.org:8786",
        "10.0.0.5:8786",
        "",
    ],
)
def test_somebody_may_listen(address: str) -> None:
    """All else does not, nor does what cannot be read."""
    assert not is_private(address)


def test_a_tunnel_does_not_hide_the_network_behind_it() -> None:
    """A scheduler that looks as if it were here is named with its own address and its workers', each once."""
    addresses = ["tcp://127.0.0.1:8786", "tcp://10.0.0.5:8786", "tcp://10.0.0.7:4000", "tcp://10.0.0.7:4000"]
    assert exposed(addresses) == ["tcp://10.0.0.5:8786", "tcp://10.0.0.7:4000"]
