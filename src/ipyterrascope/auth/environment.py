"""The environment as a source (floor 3).

`TERRASCOPE_TOKEN`, or `_USERNAME` and `_PASSWORD`, or `_CLIENT_ID` and `_CLIENT_SECRET`, in this order. It is read when
somebody signs in, and never written. Child processes see it too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ..protocol.claims import instant_of
from ..values.providers import Provider
from ..values.secret import Secret
from ..values.tokens import is_fit_for_header
from .chain import Found, GivenClient, GivenPassword, GivenToken, SilentSource, WhyNot


def environment_source(
    configured: Provider, environ: Mapping[str, str], clock: Callable[[], float] = time.time
) -> SilentSource:
    """Make the source.

    Parameters
    ----------
    configured : Provider
        Whom the environment's credentials are meant for; its name gives the prefix of the variables.
    environ : mapping
        Usually `os.environ`.
    clock : callable
        POSIX seconds.
    """
    prefix = prefix_of(configured)

    def find(provider: Provider) -> Found:
        token, username, password, client_id, client_secret = (
            environ.get(f"{prefix}_{name}", "")
            for name in ("TOKEN", "USERNAME", "PASSWORD", "CLIENT_ID", "CLIENT_SECRET")
        )
        given = _given_token(token.strip(), f"{prefix}_TOKEN", clock()) if token.strip() else None
        if isinstance(given, GivenToken):
            return given
        if username and password:
            return GivenPassword(username, Secret(password), f"{prefix}_USERNAME and {prefix}_PASSWORD")
        if client_id.strip() and client_secret:
            came_from = f"{prefix}_CLIENT_ID and {prefix}_CLIENT_SECRET"
            return GivenClient(client_id.strip(), Secret(client_secret), came_from)
        if given is not None:
            return given
        # a client_id alone only says as which client people sign in
        for value, other, missing in (
            (username, password, "PASSWORD"),
            (password, username, "USERNAME"),
            (client_secret, client_id, "CLIENT_ID"),
        ):
            if value and not other:
                return WhyNot(f"{prefix}_{missing} is not set.", is_half=True)
        return WhyNot(f"Neither {prefix}_TOKEN nor {prefix}_USERNAME and {prefix}_PASSWORD are set.")

    return SilentSource("environment", find)


def prefix_of(configured: Provider) -> str:
    """Return what the names of a provider's variables begin with."""
    return configured.name.upper().replace("-", "_")


def _given_token(token: str, name: str, now: float) -> GivenToken | WhyNot:
    if not is_fit_for_header(token):
        return WhyNot(f"{name} is no token: it holds white space or characters that a header cannot.", is_fault=True)
    expires_at = instant_of(Secret(token), "exp")
    if expires_at is not None and expires_at <= now:
        return WhyNot(f"{name} has expired.", is_fault=True)
    return GivenToken(Secret(token), name)
