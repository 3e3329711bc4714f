"""A set of tokens as one answer gave it, and the rule for when it is stale (floor 1; RFC 6749 section 5.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from ..errors import SecretExposed
from .secret import Secret

_FIT = re.compile(r"[\x21-\x7e]+")


def is_fit_for_header(token: str) -> bool:
    """Tell whether a token can stand in a header: visible ASCII, a little more than RFC 6750 section 2.1 asks for."""
    return _FIT.fullmatch(token) is not None


@dataclass(frozen=True, kw_only=True, repr=False)
class TokenSet:
    """What a token endpoint answered. `repr` shows times and scope only; pickling raises.

    Parameters
    ----------
    access_token : Secret
        The bearer (RFC 6750).
    issued_at : float
        When the answer came, in POSIX seconds.
    refresh_token : Secret, optional
        Missing for a bearer that was handed to us as it is.
    expires_at : float, optional
        End of the access token in POSIX seconds; None when it is not known.
    refresh_expires_at : float, optional
        End of the refresh token, and so of an idle session; None when it is not known or does not end.
    scope : str
        The granted scope.
    client_secret : Secret, optional
        That of the client that got them: it goes along when they are renewed or revoked, also when the client has
        another one by then, or none.
    """

    access_token: Secret
    issued_at: float
    refresh_token: Secret | None = None
    expires_at: float | None = None
    refresh_expires_at: float | None = None
    scope: str = ""
    client_secret: Secret | None = None

    @property
    def lifetime_s(self) -> float | None:
        """Seconds between issue and expiry of the access token; None when the expiry is not known."""
        return None if self.expires_at is None else max(0.0, self.expires_at - self.issued_at)

    @property
    def leeway_s(self) -> float:
        """How long before its end the access token counts as stale: 10 % of its life, 30 s at most."""
        return min(30.0, 0.1 * (self.lifetime_s or 0.0))

    def __repr__(self) -> str:
        times = f"expires_at={self.expires_at}, refresh_expires_at={self.refresh_expires_at}"
        return f"TokenSet({times}, scope={self.scope!r})"

    def __reduce__(self) -> NoReturn:
        raise SecretExposed(
            "Tokens cannot be pickled or copied.",
            "They would leave this kernel in a file or a message.",
            "Pass the provider's name, and sign in where the tokens are needed.",
        )
