"""By which ways a token goes from a kernel to its workers, and whether others can listen there (floor 5)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..values.hosts import reach_of

# encrypted, or inside of one process; a gateway's proxy is reached by tls
_PRIVATE = ("tls", "wss", "inproc", "gateway")
_ADDRESS = re.compile(r"(?P<scheme>[a-z0-9+.-]+)://(?P<host>\[[^\]]*\]|[^:/]*)", re.IGNORECASE)


def is_private(address: str) -> bool:
    """Tell whether nobody on the network can listen to what goes to an address of Dask."""
    match = _ADDRESS.match(address)
    if match is None:
        return False
    return match["scheme"].lower() in _PRIVATE or reach_of(match["host"]) == "machine"


def exposed(addresses: Iterable[str]) -> list[str]:
    """Return those of the addresses on whose way others can listen.

    An SSH tunnel makes the scheduler look as if it were on this machine: so its own address counts, and each worker's.
    """
    return sorted({address for address in addresses if not is_private(address)})
