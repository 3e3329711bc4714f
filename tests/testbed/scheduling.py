"""Which tests stay on one worker of `pytest -n 2`, so that what they share is started once.

xdist's own groups are marks in the tests' names, which it no longer finds since pytest 9.2: every worker then started a
Keycloak of its own. So this goes by the files alone.
"""

from __future__ import annotations

import functools
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

_ROOT = Path(__file__).parents[2]
KEYCLOAK = "Keycloak"


class BySharedServer(LoadScopeScheduling):
    """Hands out the tests by `scope_of`, the largest lots first."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def scope_of(nodeid: str) -> str:
    """Name the lot to which a test belongs: that of Keycloak, that of its file, or itself."""
    path = nodeid.partition("::")[0]
    shared = _shared_in(path)
    return nodeid if shared is None else shared


@functools.cache
def _shared_in(path: str) -> str | None:
    text = (_ROOT / path).read_text()
    if not path.startswith("tests/unit/") and (": Keycloak" in text or ": Hub" in text):
        return KEYCLOAK
    # one browser, one cluster, one story for all tests of a file
    return path if path.startswith("tests/browser/") or 'scope="module"' in text else None
