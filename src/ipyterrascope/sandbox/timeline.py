"""The timeline: what the next answers are, whatever the services would have said (sandbox).

A step is a word, an HTTP status, or what one of the functions in `steps` returns::

    box.timeline.token("authorization_pending", "slow_down", 503, "success")
    box.timeline.files(429, steps.stall(after=1000), "ignore_ranges", to="B02")
"""

from __future__ import annotations

import threading
from collections import deque

from .steps import NORMAL, Step, as_step

ENDPOINTS = ("token", "device", "discovery", "revoke", "logout", "userinfo", "certs", "files", "stac")


class Timeline:
    """Scripts the next answers, one queue for each endpoint; when a queue is empty, normal service resumes.

    Every method takes steps, used one for each request. `to` keeps them for requests whose path contains it.
    Calls add up; `clear` forgets what is left.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queues: dict[str, deque[tuple[Step, str]]] = {name: deque() for name in ENDPOINTS}

    def token(self, *steps: str | int | Step, to: str = "") -> None:
        """Script the token endpoint."""
        self._add("token", steps, to)

    def device(self, *steps: str | int | Step, to: str = "") -> None:
        """Script the device authorization endpoint."""
        self._add("device", steps, to)

    def discovery(self, *steps: str | int | Step, to: str = "") -> None:
        """Script the discovery document."""
        self._add("discovery", steps, to)

    def revoke(self, *steps: str | int | Step, to: str = "") -> None:
        """Script the revocation endpoint."""
        self._add("revoke", steps, to)

    def logout(self, *steps: str | int | Step, to: str = "") -> None:
        """Script the logout endpoint."""
        self._add("logout", steps, to)

    def userinfo(self, *steps: str | int | Step, to: str = "") -> None:
        """Script the userinfo endpoint."""
        self._add("userinfo", steps, to)

    def certs(self, *steps: str | int | Step, to: str = "") -> None:
        """Script the key set."""
        self._add("certs", steps, to)

    def files(self, *steps: str | int | Step, to: str = "") -> None:
        """Script the download service (HEAD requests count as well)."""
        self._add("files", steps, to)

    def stac(self, *steps: str | int | Step, to: str = "") -> None:
        """Script the STAC API."""
        self._add("stac", steps, to)

    def clear(self) -> None:
        """Forget all steps that were not used."""
        with self._lock:
            for queue in self._queues.values():
                queue.clear()

    def left(self, endpoint: str) -> int:
        """Return how many steps of an endpoint were not used yet."""
        with self._lock:
            return len(self._queues[endpoint])

    def take(self, endpoint: str, path: str) -> Step:
        """Use up the next step for a request; `NORMAL` when there is none."""
        with self._lock:
            queue = self._queues.get(endpoint, deque())
            entry = next((entry for entry in queue if entry[1] in path), None)
            if entry is None:
                return NORMAL
            queue.remove(entry)
            return entry[0]

    def _add(self, endpoint: str, steps: tuple[str | int | Step, ...], to: str) -> None:
        entries = [(as_step(step), to) for step in steps]
        with self._lock:
            self._queues[endpoint].extend(entries)
