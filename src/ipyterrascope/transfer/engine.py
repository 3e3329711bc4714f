"""The seam between a plan and what carries it out (floor 4)."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Protocol

from .control import Control
from .plan import Action
from .progress import Progress
from .report import Outcome


class Engine(Protocol):
    """Fetches files. It is given only what is to be fetched, and each target once."""

    def run(
        self, actions: Iterable[Action], progress: Progress, control: Control | None = None
    ) -> Generator[Outcome, None, None]:
        """Yield an outcome for each action as it ends, in any order; a failure is an outcome and stops nothing.

        When `control` is stopped, everything is ended and no connection held; what can be resumed is kept, what had
        ended is still yielded, and the rest has no outcome. Closing the generator, or an exception from `progress`,
        ends everything likewise.
        """
        ...
