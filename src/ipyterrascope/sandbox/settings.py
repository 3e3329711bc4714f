"""The switches of a sandbox. Each may be changed while it runs and counts from the next request on (sandbox)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(kw_only=True, eq=False)
class Settings:
    """How the sandbox behaves. The defaults are those of Terrascope's Keycloak.

    Parameters
    ----------
    access_token_lifetime_s : float
        Life of an access token.
    refresh_token_lifetime_s : float
        How long an idle session lasts.
    rotation : bool
        A refresh token is good once; using it again ends the session (Keycloak's `revokeRefreshToken`). When False,
        each refresh still answers with a new one, and the old ones stay good.
    refresh_max_reuse : int
        With rotation, how often a token may be used again (Keycloak's `refreshTokenMaxReuse`).
    device_interval_s, device_lifetime_s : float
        RFC 8628 section 3.2: least time between polls, and life of a device code.
    pkce_required : bool
        Refuse a device login without a code challenge (RFC 7636). A challenge that was sent is always enforced.
    device_flow : bool
        When False, discovery names no device endpoint and there is none.
    discovery : bool
        When False, the discovery document is missing (404).
    discovery_changes : mapping of str to object
        Fields of the discovery document to replace, for example ``{"issuer": "https://other.example.org"}``; None
        removes one.
    require_bearer : bool
        When False, files are given to everybody.
    data_root : str
        Where the items of the catalogue say the same file lies on Terrascope's own machines.
    """

    access_token_lifetime_s: float = 300
    refresh_token_lifetime_s: float = 3600
    rotation: bool = True
    refresh_max_reuse: int = 0
    device_interval_s: float = 5
    device_lifetime_s: float = 600
    pkce_required: bool = False
    device_flow: bool = True
    discovery: bool = True
    discovery_changes: Mapping[str, object] = field(default_factory=dict[str, object])
    require_bearer: bool = True
    data_root: str = "/data/MTDA"
