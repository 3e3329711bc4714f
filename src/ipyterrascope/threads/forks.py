"""What the child of a fork must put right: locks that another thread held, threads that are gone (below floor 1)."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """What has something to put right in a child process."""

    def after_fork(self) -> None:
        """Put it right. No other thread runs at that moment."""


def renew_in_child(thing: Forkable) -> None:
    """Call `thing.after_fork()` in every child process, as long as somebody holds `thing`."""
    _things[id(thing)] = thing


_things: weakref.WeakValueDictionary[int, Forkable] = weakref.WeakValueDictionary()


def _after_fork() -> None:
    for thing in _things.values():
        thing.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
