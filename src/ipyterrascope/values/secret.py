"""An opaque secret: what holds a password or a token while it is in the kernel (floor 1).

Nothing shows it by accident: `repr`, `str` and `format` are masked (so a traceback in Verbose mode prints nothing),
pickling and copying into another process raise, and reading it is one deliberate, greppable call.
"""

from __future__ import annotations

import hmac
from typing import NoReturn

from ..errors import SecretExposed

_MASK = "Secret('•••')"


class Secret:
    """A string that is shown to nobody who does not ask for it by `reveal()`.

    Parameters
    ----------
    value : str
        The password, token or code to keep.

    Examples
    --------
    >>> token = Secret("eyJhbGciOi…")
    >>> token
    Secret('•••')
    >>> token.reveal()
    'eyJhbGciOi…'
    """

    __slots__ = ("__value", "__weakref__")

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """Return the secret itself. Whoever calls this answers for where it goes."""
        return self.__value

    def __repr__(self) -> str:
        return _MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(_MASK, spec)

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.__value.encode(), other.__value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self.__value))

    def __reduce__(self) -> NoReturn:
        raise SecretExposed(
            "A secret cannot be pickled.",
            "It would leave this kernel in a file or a message.",
            "Sign in where it is needed instead, for example by the environment.",
        )
