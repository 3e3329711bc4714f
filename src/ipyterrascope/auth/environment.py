"""The environment as a source: `TERRASCOPE_TOKEN`, or `TERRASCOPE_USERNAME` and `TERRASCOPE_PASSWORD` (floor 3).

It is read when somebody signs in, and never written. What it holds serves only the issuer and hosts that were
configured there or by traits: a `Provider` made in a notebook cannot send it elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ..protocol.claims import instant_of
from ..values.providers import Provider
from ..values.secret import Secret
from .chain import Found, GivenPassword, GivenToken, SilentSource, WhyNot


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
    prefix = configured.name.upper().replace("-", "_")

    def find(provider: Provider) -> Found:
        if not is_meant_for(provider, configured):
            return WhyNot("The environment's credentials serve only the configured issuer, client and hosts.")
        token, username, password = (environ.get(f"{prefix}_{name}", "") for name in ("TOKEN", "USERNAME", "PASSWORD"))
        if token.strip():
            secret = Secret(token.strip())
            expires_at = instant_of(secret, "exp")
            if expires_at is None or expires_at > clock():
                return GivenToken(secret, f"{prefix}_TOKEN")
            if not (username and password):
                return WhyNot(f"{prefix}_TOKEN has expired.")
        if username and password:
            return GivenPassword(username, Secret(password), f"{prefix}_USERNAME")
        if username or password:
            return WhyNot(f"{prefix}_{'PASSWORD' if username else 'USERNAME'} is not set.")
        return WhyNot(f"Neither {prefix}_TOKEN nor {prefix}_USERNAME and {prefix}_PASSWORD are set.")

    return SilentSource("environment", find)


def is_meant_for(provider: Provider, configured: Provider) -> bool:
    """Tell whether a credential of `configured` may serve `provider`: same issuer and client, and no host more."""
    same = (provider.issuer, provider.client_id) == (configured.issuer, configured.client_id)
    return same and provider.hosts <= configured.hosts
