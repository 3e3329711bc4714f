"""The seam between who holds a credential and who sends requests (floor 1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable


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


@runtime_checkable
class PromptAuthorizer(Authorizer, Protocol):
    """One that can tell whether it would block: who serves many requests in one thread need not wait for a renewal."""

    def headers_at_once(self, url: str) -> Mapping[str, str] | None:
        """Return what `headers` does where that takes no wait, and None where it may, or would raise."""
        ...
