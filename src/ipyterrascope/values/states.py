"""What the state machine of an account shows of itself (floor 1). `js/protocol.js` mirrors these names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..errors import TerrascopeError
from .providers import LoginMethod, ReadyName, SilentName
from .secret import Secret

Phase = Literal["signed_out", "signing_in", "awaiting_user", "signed_in", "failed"]
Source = Literal[ReadyName, LoginMethod]
"""What a person may choose to sign in from."""
Origin = Literal[SilentName, LoginMethod]
"""What a login may have come from."""

CANCELLED = "Cancelled."
"""How the notice of a sign-in that was cancelled begins."""


@dataclass(frozen=True, kw_only=True)
class DeviceAuthorization:
    """The answer of a device authorization endpoint (RFC 8628 section 3.2).

    `device_code` and `code_verifier` (RFC 7636) stay in the kernel; the rest is shown. `expires_at` is in POSIX
    seconds, `interval` in seconds; `scope` is what was asked for.
    """

    device_code: Secret = field(repr=False)
    code_verifier: Secret = field(repr=False)
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_at: float
    interval: float
    scope: str = ""


@dataclass(frozen=True, kw_only=True)
class LoginState:
    """One moment of an account.

    Attributes
    ----------
    phase : {"signed_out", "signing_in", "awaiting_user", "signed_in", "failed"}
        `awaiting_user` is a device login that waits for approval; `failed` carries `error` and acts as signed out.
    serial : int
        Grows with every change, so that an older state never replaces a newer one.
    device : DeviceAuthorization, optional
        Present while `awaiting_user`.
    user : str
        The user's name for display; empty when the provider does not tell.
    source : str
        Where the credential came from; empty when signed out.
    expires_at : float, optional
        End of the access token, POSIX seconds.
    session_ends_at : float, optional
        When an idle session ends, POSIX seconds; None when it does not or that is not known.
    remember : bool
        True when the login that is there, or under way, is to be kept for other kernels and later days.
    renewable : bool
        True when the token is renewed without asking.
    error : TerrascopeError, optional
        Why it failed, or a passing trouble while it goes on (`awaiting_user`).
    notice : str
        One sentence about what just happened, for example what logging out did at the provider.
    methods : tuple of {"device", "password", "basic", "code", "token", "oidc"}
        Ways to sign in that are still on offer; one that the provider turned out not to have is missing.
    """

    phase: Phase = "signed_out"
    serial: int = 0
    device: DeviceAuthorization | None = None
    user: str = ""
    source: Origin | Literal[""] = ""
    expires_at: float | None = None
    session_ends_at: float | None = None
    remember: bool = False
    renewable: bool = False
    error: TerrascopeError | None = None
    notice: str = ""
    methods: tuple[LoginMethod, ...] = ()

    @property
    def was_cancelled(self) -> bool:
        """True when the last thing that happened was that a sign-in was cancelled."""
        return self.notice.startswith(CANCELLED)
