"""A download under way: what it is doing, and what a person may do about it (floor 4).

The engine has a thread of its own; another one takes what it tells, and a third tells the views. So nothing that a view
or the caller does, an interrupt (Ctrl-C) included, meets the data, and a download in the background is the same as one
in the foreground, for which somebody waits.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable
from contextlib import closing
from copy import copy
from functools import partial
from queue import SimpleQueue
from typing import TypeAlias, cast

from ..errors import DownloadUnfinished, TerrascopeError
from ..threads.errand import Errand
from .control import Control
from .folder import from_here
from .order import Order, unfetched
from .plan import Action
from .report import UNFETCHED, Report, download_failed
from .states import DownloadState, FileState, Phase, Which
from .tally import Tally
from .telling import Teller

_CANCELLED_WITHIN_S = 0.7
_PATIENCE_S = 1.0
_LOOK_EVERY_S = 0.5

_under_way: dict[Download, None] = {}


class Download:
    """A download under way, or one that has ended. All of it may be used from any thread.

    `ipyterrascope.download(…, background=True)` gives one.

    Parameters
    ----------
    order : Order
        What is to be done.
    show : callable, optional
        Is handed each new download, to show how far it is.
    earlier : Report, optional
        What became of some of it before.
    monotonic : callable
        Seconds that never go back.
    """

    def __init__(
        self,
        order: Order,
        *,
        show: Show | None = None,
        earlier: Report | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._order, self._show, self._monotonic = order, show, monotonic
        self._lock = threading.RLock()
        self._phase: Phase = "running"
        self._control, self._is_cancelled = Control(monotonic), False
        self._is_foreground = False
        self._news = SimpleQueue[None]()
        paths = {item: action.path for item, action in order.by_item.items()}
        self._tally = Tally(paths, order.plan.folder, monotonic)
        self._earlier_s = earlier.seconds if earlier else 0.0
        for outcome in earlier.outcomes if earlier else ():
            if outcome.status not in UNFETCHED:
                self._tally.item_done(outcome)
        self._tally.kept({action.item: action.part_bytes for action in order.plan.actions if action.part_bytes})
        self._teller = Teller(lambda: self.state)
        self._run = Errand(self._work, "download-run")

    def start(self) -> None:
        """Begin, and return at once.

        Raises
        ------
        TargetInvalid
            The folder cannot be written; nothing was fetched.
        """
        self._order.prepare()
        if self._show is not None and self._order.plan.actions:
            self._show(self)
        self._begin()

    def carry_out(self) -> Report:
        """Begin, and wait for the end as `wait` does; an interrupt (Ctrl-C) cancels it, within a second."""
        self._is_foreground = True
        try:
            self.start()
            return self.wait()
        finally:
            self._end_by(time.monotonic() + _PATIENCE_S)
            self._is_foreground = False

    # ── what a person may do ───────────────────────────────────────────────────────────────────────────────────────

    @property
    def state(self) -> DownloadState:
        """How it stands now."""
        return self._tally.state(self._phase)

    @property
    def is_foreground(self) -> bool:
        """True while the call that began it waits for it, so that an interrupt cancels it."""
        return self._is_foreground

    @property
    def folder(self) -> str:
        """Where the files go."""
        return from_here(self._order.plan.folder)

    @property
    def report(self) -> Report:
        """What became of the files that have ended, in the order of what was asked for; final when all have."""
        outcomes = self._tally.outcomes
        ended = (outcomes[action.item] for action in self._order.plan.actions if action.item in outcomes)
        again = partial(_again, self._order, self._show, self._monotonic)
        return Report(ended, self._earlier_s + self._tally.seconds, again=again)

    def fetches(self, concerns: Callable[[str], bool]) -> bool:
        """Tell whether a server has still to be asked for an address that is of concern."""
        return any(action.do == "fetch" and concerns(action.item.url) for action in self._open_actions())

    def files(self, which: Which = "all", start: int = 0, stop: int | None = None) -> list[FileState]:
        """Return how far files are.

        Parameters
        ----------
        which : {"all", "active", "failed"}
            All in their order, each once; those that are being fetched; those that failed.
        start, stop : int
            From which and up to, not including, which of these.
        """
        return self._tally.files(which, start, len(self._order.plan.actions) if stop is None else stop)

    def wait(self, timeout_s: float | None = None) -> Report:
        """Wait until it has ended, and return what became of it, or raise as `ipyterrascope.download` does.

        An interrupt (Ctrl-C) ends the wait only.

        Raises
        ------
        DownloadUnfinished
            It has not ended within `timeout_s` seconds; it goes on.
        TransferError
            Something failed, or it was cancelled. A `DownloadFailed` carries the report.
        """
        run, ends_at = self._run, None if timeout_s is None else self._monotonic() + timeout_s
        while (answer := run.wait(_left(ends_at, self._monotonic()))) is None:
            if ends_at is not None and self._monotonic() >= ends_at:
                raise DownloadUnfinished(
                    f"The download has not ended within {timeout_s} s.",
                    f"It stands at {self.state}.",
                    "It goes on: wait again, or cancel() it.",
                )
        if isinstance(answer, BaseException):
            raise answer
        if not (answer.failed or answer.cancelled):
            return answer
        if self._order.plan.is_single and answer.failed:
            # each call its own, for a traceback is kept in the exception
            raise copy(cast(TerrascopeError, answer.failed[0].error))
        raise download_failed(answer)

    def pause(self) -> None:
        """Fetch nothing for now and hold no connection; what came of unfinished files is kept."""
        with self._lock:
            if self._phase == "running" and not self._is_cancelled:
                self._phase = "paused"
                self._control.stop()

    def resume(self) -> None:
        """Go on after a pause."""
        with self._lock:
            if self._phase == "paused":
                self._phase = "running"
                self._news.put(None)

    def cancel(self) -> None:
        """Let it end, within a second. What came is kept: `retry`, or the same call, goes on with it."""
        with self._lock:
            if self._phase in ("running", "paused"):
                self._is_cancelled = True
                self._control.stop(_CANCELLED_WITHIN_S)
                self._news.put(None)

    def retry(self) -> None:
        """Once it has ended, fetch again what failed or was cancelled, and return at once.

        Raises
        ------
        TargetInvalid
            The folder cannot be written any more; nothing was fetched.
        """
        with self._lock:
            if self._phase not in ("failed", "cancelled"):
                return
            order = self._order.planned_again()
            order.prepare()
            self._order = order
            self._tally.reopen()
            self._phase, self._is_cancelled, self._control = "running", False, Control(self._monotonic)
            self._run = Errand(self._work, "download-run")
            self._begin()

    def show(self) -> None:
        """Show again how far it is, as when it began: in a notebook by a widget below this cell."""
        if self._show is not None:
            self._show(self)

    def observe(self, callback: Callable[[DownloadState], None]) -> Callable[[], None]:
        """Call `callback` with the state, five times a second at most and once at the end; return what ends this.

        It is called in a thread of its own, with states from now on.
        """
        return self._teller.observe(callback)

    def __repr__(self) -> str:
        state = self.state
        return f"<Download {state.phase}: {self.report if state.is_ended else state}>"

    # ── how it is done ─────────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self) -> None:
        _under_way[self] = None
        self._tally.begin()
        self._run.start()

    def _work(self) -> Report:
        try:
            self._teller.begin()
            self._fetch()
        except BaseException as exc:
            self._end(exc)
            raise
        return self._end()

    def _fetch(self) -> None:
        actions = self._open_actions()
        while actions:
            control = self._control
            with closing(self._order.carry_out(actions, self._tally, control)) as running:
                for outcome in running:
                    self._tally.item_done(outcome)
            actions = self._open_actions()
            if actions and not (control.is_stopped and self._goes_on()):
                return

    def _open_actions(self) -> list[Action]:
        ended = self._tally.outcomes
        return [action for item, action in self._order.by_item.items() if item not in ended]

    def _goes_on(self) -> bool:
        """Wait while it is paused; tell whether it goes on after that."""
        self._rest()
        while True:
            with self._lock:
                if self._is_cancelled:
                    return False
                if self._phase == "running":
                    self._control = Control(self._monotonic)
                    self._tally.begin()
                    return True
            self._news.get()

    def _rest(self) -> None:
        """Say that nothing is under way, and how much is kept of what was."""
        self._tally.rest()
        if self._control.is_overdue:
            return  # something holds up who writes, and would hold up who looks
        outcomes = self._tally.outcomes
        unfetched = [
            action
            for item, action in self._order.by_item.items()
            if action.do == "fetch" and (item not in outcomes or outcomes[item].status in UNFETCHED)
        ]
        self._tally.kept(self._order.kept_bytes(unfetched))

    def _end(self, fault: BaseException | None = None) -> Report:
        self._teller.pause()
        for action in self._open_actions():
            self._tally.item_done(unfetched(action, fault))
        self._rest()
        report = self.report
        with self._lock:
            self._phase = "cancelled" if report.cancelled else "failed" if report.failed else "done"
            _under_way.pop(self, None)
        self._teller.tell()
        return report

    def _end_by(self, ends_at: float) -> None:
        """Cancel it and wait for the end; nothing where it has ended."""
        self.cancel()
        if self._run.recall():
            self._end()  # it never began
        else:
            self._run.wait(max(0.0, ends_at - time.monotonic()))


Show: TypeAlias = Callable[[Download], object]
"""What is handed a download that begins, to show how far it is."""


def downloads_under_way() -> list[Download]:
    """Return the downloads of this process that have not ended, the oldest first."""
    return list(_under_way)


def _again(order: Order, show: Show | None, monotonic: Callable[[], float], report: Report) -> Report:
    return Download(order.planned_again(), show=show, earlier=report, monotonic=monotonic).carry_out()


def _left(ends_at: float | None, now: float) -> float:
    # in small parts: on Windows an interrupt ends no wait
    return _LOOK_EVERY_S if ends_at is None else min(_LOOK_EVERY_S, max(0.0, ends_at - now))


@atexit.register
def _end_all() -> None:
    """Let what is under way when Python ends keep what it has."""
    downloads, ends_at = tuple(_under_way), time.monotonic() + _PATIENCE_S
    for download in downloads:
        download.cancel()
    for download in downloads:
        download._end_by(ends_at)  # pyright: ignore[reportPrivateUsage]


if hasattr(os, "register_at_fork"):
    # the child of a fork has no thread that could end them
    os.register_at_fork(after_in_child=_under_way.clear)
