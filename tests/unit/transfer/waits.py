"""An engine whose waits take no time and are counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from ipyterrascope.transfer import Backoff, SessionEngine


@dataclass
class Waits:
    """A clock that stands still, and the waits that were asked for."""

    seconds: list[float] = field(default_factory=list)

    def engine(self, max_tries: int = 4) -> partial[SessionEngine]:
        return partial(
            SessionEngine,
            backoff=Backoff(max_tries=max_tries),
            timeout_s=(5.0, 5.0),
            no_progress_s=5.0,
            clock=lambda: 1_785_585_600.0,
            wait=self.seconds.append,
            random=lambda: 1.0,
        )
