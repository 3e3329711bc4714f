"""What another download has in hand: that of another notebook, another person, or another worker (floor 4).

It is waited for, so that two downloads of one list share the work. One that brings nothing for a while is told of; in
the end nobody waits for one that hangs, or was stopped with its files open.
"""

from __future__ import annotations

from ..errors import TargetInvalid

_LOOK_EVERY_S = 1.0
_SILENT_S = 60.0
_MOST_SILENT_S = 900.0
"""A download that goes on writes within that time, also after a wait for which a server asked, or has read a large file
for its checksum."""


class InUse(TargetInvalid):
    """Another download writes the file now.

    Attributes
    ----------
    trace : object
        What is another one as soon as it wrote more; None where that is not known.
    """

    trace: object = None


_NAMES = "Give each its own name (`-o NAME`, name=…) or folder"


class Overtaken(TargetInvalid):
    """A file of that name came while it was fetched.

    Attributes
    ----------
    same_bytes : int or None
        Its size, where it holds what was fetched: it was another download of the same file.
    """

    same_bytes: int | None = None


def in_use(part: str, trace: object = None) -> InUse:
    """Return the error for an unfinished file that another download is writing."""
    error = InUse(
        f"{part} is in use: another download is writing it.",
        "It may be that of another notebook, or of another person.",
        "Wait until it has ended, or choose another folder.",
    )
    error.trace = trace
    return error


def of_another(name: str) -> TargetInvalid:
    """Return the error for a name under which another download is fetching another address."""
    return TargetInvalid(
        f"{name} is in use: another download is writing it.", "It fetches another address to that name.", f"{_NAMES}."
    )


def overtaken(name: str, same_bytes: int | None = None) -> Overtaken:
    """Return the error for a file that came meanwhile; `same_bytes` is its size, where it holds what was fetched."""
    error = Overtaken(
        f"Another file {name} came there meanwhile.",
        "Perhaps another download fetched it, from another address.",
        f"{_NAMES}, or allow overwriting (`--overwrite`, overwrite=True).",
    )
    error.same_bytes = same_bytes
    return error


class Rival:
    """Another download that has a file, as it looks from here.

    Parameters
    ----------
    name : str
        Of the file.
    now : float
        When it was met first, in the engine's seconds.

    Attributes
    ----------
    due : float
        When to look again.
    """

    def __init__(self, name: str, now: float) -> None:
        self._name, self._wrote_at = name, now
        self._trace: object = None
        self.due = now

    def met(self, now: float, trace: object) -> None:
        """Say that it has the file, and what `InUse` says of it.

        Raises
        ------
        TargetInvalid
            It wrote nothing for so long that it is not waited for any more.
        """
        self.due = now + _LOOK_EVERY_S
        if trace != self._trace:
            self._trace, self._wrote_at = trace, now
        elif self._silent_s(now) >= _MOST_SILENT_S:
            raise TargetInvalid(
                f"{self._name} is held by another download, which brought nothing for {_MOST_SILENT_S / 60:.0f} min.",
                "Perhaps it hangs, or its process was stopped.",
                "End that one, then try again: what it brought stays.",
            )

    def news(self, now: float) -> TargetInvalid:
        """Return what to say about it."""
        silent_s = self._silent_s(now)
        if silent_s < _SILENT_S:
            return TargetInvalid("Another download is fetching it.")
        return TargetInvalid(f"Another download holds it, and brought nothing for {silent_s / 60:.0f} min.")

    def _silent_s(self, now: float) -> float:
        return now - self._wrote_at
