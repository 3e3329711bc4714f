"""What an answer means, where it is not the bytes that were asked for and no error either (floor 4)."""

from __future__ import annotations

from ...errors import TerrascopeError


class Verdict(Exception):
    """Base of what is made of an answer."""


class Passing(Verdict):
    """It failed in a way that may pass.

    Parameters
    ----------
    error : TerrascopeError
        Which one, if it does not pass.
    asked_s : float, optional
        How long the host asks to wait.
    is_overload : bool
        The host wants fewer requests.
    is_unreached : bool
        The host was not reached: it is no matter of the file.
    is_unknown_name : bool
        For its name was not found.
    """

    def __init__(
        self,
        error: TerrascopeError,
        asked_s: float | None = None,
        *,
        is_overload: bool = False,
        is_unreached: bool = False,
        is_unknown_name: bool = False,
    ) -> None:
        super().__init__()
        self.error, self.asked_s = error, asked_s
        self.is_overload, self.is_unreached, self.is_unknown_name = is_overload, is_unreached, is_unknown_name


class Changed(Passing):
    """It is not the content of which the rest is there: all has to be asked for anew."""


class AskAgain(Verdict):
    """The same is to be asked for at once, in another way."""


class Skipped(Verdict):
    """The file that is there already is the right one."""


class Unauthorized(Verdict):
    """The credential was refused (401)."""


class Moved(Verdict):
    """The file lies at `location`, as the header writes it."""

    def __init__(self, location: str) -> None:
        super().__init__()
        self.location = location
