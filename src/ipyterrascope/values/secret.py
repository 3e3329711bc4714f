"""An opaque secret: what holds a password or a token while it is in the kernel (floor 1).

Nothing shows it by accident: `repr`, `str` and `format` are masked (so a traceback in Verbose mode prints nothing),
pickling and copying raise, and reading it is one deliberate, greppable call. Code that has to read it for a moment
runs inside `sealed`; where frames are not ours to drop, it is `Veiled` in them.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from typing import NoReturn, TypeVar, cast
from weakref import WeakValueDictionary

from ..errors import SecretExposed, UsageError

_T = TypeVar("_T")
_E = TypeVar("_E", bound=BaseException)
_MASK = "Secret('•••')"
# by identity: two of one value live as long as the second
_held: WeakValueDictionary[int, Secret] = WeakValueDictionary()


class Secret:
    """A string that is shown to nobody who does not ask for it by `reveal()`.

    Parameters
    ----------
    value : str
        The password, token or code to keep.

    Raises
    ------
    UsageError
        It is no text.

    Examples
    --------
    >>> token = Secret("an access token")
    >>> token
    Secret('•••')
    >>> token.reveal()
    'an access token'
    """

    __slots__ = ("__value", "__weakref__")

    def __init__(self, value: str) -> None:
        if not isinstance(cast("object", value), str):
            kind = type(value).__name__
            del value  # a traceback may show it
            raise UsageError("A secret is text.", f"What was given is of type {kind}.", "Give it as text.")
        # in a function: what lists attributes (a debugger's variables, rich.inspect) would show text
        self.__value = lambda: value
        _held[id(self)] = self

    def reveal(self) -> str:
        """Return the secret itself. Whoever calls this answers for where it goes."""
        return self.__value()

    def __repr__(self) -> str:
        return _MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(_MASK, spec)

    def __bool__(self) -> bool:
        return bool(self.__value())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # in no variable, which an interrupt could leave to a traceback
        return hmac.compare_digest(_bytes_of(self), _bytes_of(other))

    def __hash__(self) -> int:
        return hash((Secret, self.__value()))

    def __reduce__(self) -> NoReturn:
        raise SecretExposed(
            "A secret cannot be pickled or copied.",
            "It would leave this kernel in a file or a message.",
            "Sign in where it is needed instead, for example by the environment.",
        )

    __getstate__ = __reduce__


def _bytes_of(secret: Secret) -> bytes:
    # surrogates come from an environment variable that is not UTF-8
    return secret.reveal().encode(errors="surrogatepass")


def held_secrets() -> list[Secret]:
    """Return every secret that something in this process holds at present."""
    # of a list, which no other thread can change: each may be gone in the next moment
    return [secret for secret in (reference() for reference in _held.valuerefs()) if secret is not None]


def taken(value: object) -> Secret | None:
    """Return text as a secret, or a secret itself; None for what is neither, or empty. Raises nothing."""
    secret = Secret(value) if isinstance(value, str) else value
    return secret if isinstance(secret, Secret) and secret else None


class Veiled(str):
    """Text that a library has to put on the wire, and that shows as a mask where values are printed or pickled.

    A `Secret` where it can be one: this is text, and whoever formats, slices or encodes it has it.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'•••'"

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, ("•••",)


def sealed(call: Callable[[], _T]) -> _T:
    """Return what `call` returns; what it raises goes on without its frames, for their locals hold what was read.

    A traceback in Verbose mode prints every local of every frame, and an exception that is kept keeps them alive.
    """
    try:
        return call()
    except BaseException as exc:  # noqa: BLE001 - raised again below, also an interrupt
        failure = frameless(exc)
    try:
        raise failure
    finally:
        del failure  # this frame is in its traceback: a cycle would keep both


def frameless(failure: _E) -> _E:
    """Return an exception, to be kept or raised again, without its frames and those of all that it wraps."""
    for part in list(chained(failure)):
        part.__traceback__ = None
        del part
    return failure


def chained(failure: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that it wraps: its chain, and what libraries put into `args` and `reason`."""
    seen: set[int] = set()
    pending: list[object] = [failure]
    while pending:
        exc = pending.pop()
        if isinstance(exc, BaseException) and id(exc) not in seen:
            seen.add(id(exc))
            pending += [exc.__cause__, exc.__context__, *exc.args, getattr(exc, "reason", None)]
            yield exc
