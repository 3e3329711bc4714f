"""How we connect to any server: certificates and patience (floor 1)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Settings of a connection, the same for the identity provider and for the data.

    Parameters
    ----------
    verify : str
        Path of a CA bundle; empty means what requests takes from the environment or from certifi.
    connect_timeout_s, read_timeout_s : float
        Seconds to wait for a connection, and for the next byte.
    """

    verify: str = ""
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 60.0

    @property
    def timeout(self) -> tuple[float, float]:
        """Both time-outs as requests takes them, in seconds."""
        return self.connect_timeout_s, self.read_timeout_s
