"""An engine whose waits take no time and are counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ipyterrascope.transfer import Backoff, CurlEngine
from ipyterrascope.values.authorizer import Authorizer
from ipyterrascope.values.connection import Connection


@dataclass(frozen=True)
class _NoWait(Backoff):
    """Counts what it would wait."""

    seconds: list[float] = field(default_factory=list)

    def wait_s(self, tries: int, asked_s: float | None, random: Callable[[], float]) -> float:
        self.seconds.append(super().wait_s(tries, asked_s, random))
        return 0.0


@dataclass
class Waits:
    """A clock that stands still, and the waits that were asked for."""

    seconds: list[float] = field(default_factory=list)

    def engine(self, authorizer: Authorizer, max_tries: int = 4, **options: Any) -> CurlEngine:
        settings: dict[str, Any] = {
            "backoff": _NoWait(max_tries=max_tries, seconds=self.seconds),
            "connection": Connection(connect_timeout_s=5.0, read_timeout_s=5.0),
            "clock": lambda: 1_785_585_600.0,
            "random": lambda: 1.0,
            "max_connections": 1,
        }
        return CurlEngine(authorizer, **settings | options)
