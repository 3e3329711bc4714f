"""What a run of the engine keeps to (floor 4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...protocol.earthdata_answers import Explain
from ..retry import Backoff


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a run keeps to. See `CurlEngine`."""

    login_url: str
    explain: Explain | None
    cookies_of: Callable[[], str] | None
    max_connections: int
    limit_rate: float | None
    backoff: Backoff
    stall_s: float
    clock: Callable[[], float]
    monotonic: Callable[[], float]
    random: Callable[[], float]
    disk_usage: Callable[[Path], tuple[int, int, int]]
