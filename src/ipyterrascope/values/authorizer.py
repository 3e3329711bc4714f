"""The seam between who holds a credential and who sends requests (floor 1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Authorizer(Protocol):
    """Gives a request its credential, and is told when it was refused. Safe from any thread."""

    def headers(self, url: str) -> Mapping[str, str]:
        """Return the headers for a request to `url`: empty for a host that must not see the credential.

        May block for one renewal, and raises `LoginRequired` when nobody is signed in any more. Call it at the start
        of each request and after each redirect; do not keep what it returns.
        """
        ...

    def refused(self, url: str, headers: Mapping[str, str]) -> bool:
        """Say that a server answered 401 to `headers`; return whether a second try with new headers can help."""
        ...
