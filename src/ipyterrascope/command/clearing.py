"""`clear`: every login that is kept on this machine, ended as by `logout` (floor 6)."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import UsageError, printable
from .answers import DONE, FAILED, Answer

if TYPE_CHECKING:
    from .application import TerrascopeApp


@dataclass(frozen=True)
class _Kept:
    """A login as it is shown, and what ends it."""

    shown: str
    end: Callable[[], str]
    is_there: Callable[[], bool]


def clear(app: TerrascopeApp, options: Namespace) -> Answer:
    """Name them, ask, and end each at its provider; what is here goes whatever that says."""
    from ..auth.kept_logins import why_not

    kept, reason = _kept(), why_not()
    notes = [f"{reason} Nothing in it was read or removed."] if reason else []
    if not kept:
        text = "" if reason else "No login is kept on this machine."
        return Answer(text=text, fields={"ended": []}, notes=notes, status=FAILED if reason else DONE)
    if not app.answer_yes and not _is_meant([each.shown for each in kept]):
        return Answer(text="Nothing was removed.", fields={"ended": []}, status=FAILED)
    ended = [(each.shown, each.end()) for each in kept]
    is_left = reason != "" or any(each.is_there() for each in kept)
    return Answer(
        text="\n".join(f"{shown}: {done}" for shown, done in ended),
        fields={"ended": [{"login": shown, "done": done} for shown, done in ended]},
        notes=notes,
        status=FAILED if is_left else DONE,
    )


def _kept() -> list[_Kept]:
    from ..auth.kept_logins import KeptLogin, end, kept_logins
    from ..configuration import current

    configuration = current()
    known = (configuration.terrascope, *configuration.beside)

    def of(login: KeptLogin) -> _Kept:
        return _Kept(login.shown(known), lambda: end(login, known, configuration.connection), login.path.exists)

    return [of(login) for login in kept_logins()]


def _is_meant(shown: list[str]) -> bool:
    from .. import frontend

    if frontend.place() != "terminal":
        raise UsageError("Nobody can be asked here whether to remove them.", "No terminal is attached.", "Add --yes.")
    print("Kept on this machine:", *(f"  {printable(each)}" for each in shown), sep="\n")
    try:
        return input("End and remove all of these? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:  # Ctrl-D
        return False
