"""What was asked for, and by what means it is carried out (floor 4)."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import cached_property

from ..errors import LoginRequired, ServerRefused, TransferError
from ..values.hosts import may_carry
from .answers import no_login_sent
from .contents import Contents, journals_left_alone
from .control import Control
from .directory import Folders
from .engine import Engine
from .folder import make_writable
from .local import LocalFiles
from .partial import Partial
from .plan import Action
from .prepare import plan_of, prepare
from .preview import Plan
from .progress import Progress
from .report import Outcome
from .sources import Item, Selection, Source


@dataclass(frozen=True, kw_only=True)
class Order:
    """A batch of files to be fetched.

    Attributes
    ----------
    plan : Plan
        What to do about each, and where to.
    overwrite : bool
        Whether what is there is replaced.
    engine : Engine
        Fetches, with the sign-in for the hosts that may see it.
    local : LocalFiles
        What may be used of this machine.
    login_hosts : collection of str, optional
        Those hosts, for the error when another one refuses.
    sign_in_again : callable
        Returns what to do about a login that one of them refuses, as a sentence; nothing where that is not known.
    """

    plan: Plan
    overwrite: bool
    engine: Engine
    local: LocalFiles
    login_hosts: Collection[str] | None = None
    sign_in_again: Callable[[], str] = str

    @cached_property
    def by_item(self) -> dict[Item, Action]:
        """The actions, each once."""
        return {action.item: action for action in self.plan.actions}

    def fetches(self, concerns: Callable[[str], bool]) -> bool:
        """Tell whether a server has to be asked for an address that is of concern."""
        return any(action.do == "fetch" and concerns(action.item.url) for action in self.plan.actions)

    def prepare(self) -> None:
        """Make the folder where something is to come to it.

        Raises
        ------
        TargetInvalid
            It cannot be written.
        """
        if any(action.do in ("fetch", "link", "copy") for action in self.plan.actions):
            make_writable(self.plan.folder)

    def planned_again(self) -> Order:
        """Return the same order, with what is to be done about it now."""
        items, before = [action.item for action in self.plan.actions], self.plan
        again = plan_of(items, before.folder, overwrite=self.overwrite, local=self.local, is_single=before.is_single)
        return replace(self, plan=again)

    def kept_bytes(self, actions: Sequence[Action]) -> dict[Item, int]:
        """Find out how much of files that are not fetched is there to be gone on with, while none is under way."""
        contents = Contents(self.plan.folder)
        found: dict[Item, int] = {}
        for action in actions:
            # of what cannot be looked at nothing is promised
            with suppress(TransferError):
                found[action.item] = contents.unfinished(action.trail, action.item)
        return found

    def carry_out(
        self, actions: Sequence[Action], progress: Progress, control: Control
    ) -> Generator[Outcome, None, None]:
        """Do some of its actions, and yield what became of them; end early when `control` is stopped."""
        _tidy([action for action in actions if action.do == "skip"])
        yield from (_settled(action) for action in actions if action.do in ("skip", "conflict"))
        # what turns out not to be on this machine any more is added to what is fetched
        wanted = [action for action in actions if action.do == "fetch"]
        here = [action for action in actions if action.do in ("link", "copy")]
        with closing(self.local.placed(here, progress, wanted)) as placing:
            while not control.is_stopped and (placed := next(placing, None)) is not None:
                yield placed
        if wanted and not control.is_stopped:
            with closing(self.engine.run(wanted, progress, control)) as running:
                yield from map(self._explained, running)

    def _explained(self, outcome: Outcome) -> Outcome:
        """Say so where a host refused that was sent no login; a page at which a person can mend it says more."""
        error, url = outcome.error, outcome.item.url
        if error is not None and error.page_url:
            return outcome
        asks_for_login = isinstance(error, LoginRequired) or (error is not None and error.status in (401, 403))
        if error is None or not asks_for_login or self.login_hosts is None:
            return outcome
        if may_carry(url, self.login_hosts):
            do = self.sign_in_again() if type(error) is ServerRefused and error.status == 401 else ""
            return replace(outcome, error=ServerRefused(error.what, error.why, do, status=401)) if do else outcome
        return replace(outcome, error=no_login_sent(error.status, url, self.login_hosts))


def order_of(
    sources: Source | Plan,
    folder: str | os.PathLike[str] = ".",
    *,
    engine: Engine,
    login_hosts: Collection[str] | None = None,
    sign_in_again: Callable[[], str] = str,
    name: str | None = None,
    overwrite: bool = False,
    selection: Selection | None = None,
    local: LocalFiles | None = None,
) -> Order:
    """Read what was asked for and decide what to do about it, without touching anything. See `download`."""
    planned = sources
    if not isinstance(planned, Plan):
        planned = prepare(planned, folder, name=name, overwrite=overwrite, selection=selection, local=local)
    return Order(
        plan=planned,
        overwrite=overwrite,
        engine=engine,
        local=local or LocalFiles(()),
        login_hosts=login_hosts,
        sign_in_again=sign_in_again,
    )


def _tidy(there: Sequence[Action]) -> None:
    """Remove what a kill left beside files that are whole."""
    left = journals_left_alone(action.path for action in there)
    with closing(Folders()) as folders:
        for action in (action for action in there if action.path in left):
            folder = folders.of(action.folder, action.trail)
            # what cannot be removed now does no harm
            with suppress(TransferError), Partial(action.path, action.item.url, overwrite=True, folder=folder):
                pass


def _settled(action: Action) -> Outcome:
    status = "skipped" if action.do == "skip" else "failed"
    return Outcome(
        item=action.item, path=action.path, status=status, size_bytes=action.present_bytes, error=action.error
    )


def unfetched(action: Action, fault: BaseException | None) -> Outcome:
    """Return what became of a file whose turn did not come: the download was cancelled, or broke down."""
    if fault is None:
        return Outcome(item=action.item, path=action.path, status="cancelled")
    error = TransferError(
        "The download broke down.",
        f"This is a bug in ipyterrascope ({type(fault).__name__}).",
        "Please report it, with what ts.show_versions() prints.",
    )
    return Outcome(item=action.item, path=action.path, status="failed", error=error)
