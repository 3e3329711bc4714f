"""A stage for the download widget inside a kernel: a download that fetches nothing, and whose states are played."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

from ipyterrascope.errors import ContentInvalid, ServerRefused, ServerUnreachable, TerrascopeError
from ipyterrascope.notebook.download_widget import DownloadWidget
from ipyterrascope.transfer import Action, Control, Download, Item, LocalFiles, Order, Outcome, Plan
from ipyterrascope.transfer.report import Status
from ipyterrascope.transfer.states import Phase

FOLDER = Path("data/2026/sentinel-2")
NAMES = ("B02", "B03", "B04", "B08", "SCENECLASSIFICATION", "CLOUD")
MB = 1_000_000

REFUSED = ServerRefused(
    "services.terrascope.be answered 403.", "It did not accept this login for that file.", "Ask for access, then retry."
)
LATE = ServerUnreachable("services.terrascope.be is busy.", "It answered 503.", "Try later.")


def _login_page(item: Item) -> TerrascopeError:
    return ContentInvalid(
        f"A web page came instead of {item.name}.",
        "It looks like a login page.",
        "Sign in again; if it comes again, open the address in a browser to read what the page says.",
    )


class Nowhere:
    """An engine that fetches nothing."""

    def run(
        self, actions: Iterable[Action], progress: object, control: Control | None = None
    ) -> Generator[Outcome, None, None]:
        """Yield nothing."""
        yield from ()


class PlayedDownload(Download):
    """A download that stands as it is told."""

    def __init__(self, count: int) -> None:
        self.now = 0.0
        self.items = [_item(number) for number in range(count)]
        plan = Plan([Action(item, FOLDER, (item.name,), "fetch") for item in self.items], FOLDER)
        order = Order(plan=plan, overwrite=False, engine=Nowhere(), local=LocalFiles(()))
        super().__init__(order, monotonic=lambda: self.now)
        self._tally.begin()

    def play(self, phase: Phase, *, foreground: bool = True) -> None:
        """Stand in a phase."""
        self._phase, self._is_foreground = phase, foreground
        if phase == "paused":
            self._tally.rest()

    def advance(self, number: int, share: float, *, there: float = 0.0) -> None:
        """Let a share of a file be there, of which some was there before."""
        item = self.items[number]
        size_bytes = item.size_bytes or 0
        self._tally.item_started(item, int(there * size_bytes))
        self._tally.advanced(item, int(share * size_bytes), size_bytes)

    def end(self, number: int, status: Status = "saved", error: TerrascopeError | None = None) -> None:
        """Let a file end."""
        item = self.items[number]
        size_bytes = item.size_bytes if status in ("saved", "skipped") else None
        outcome = Outcome(item=item, path=FOLDER / item.name, status=status, size_bytes=size_bytes, error=error)
        self._tally.item_done(outcome)

    def wait_for(self, number: int, error: TerrascopeError) -> None:
        """Let a file wait for another try."""
        self._tally.waiting(self.items[number], 30.0, error)


def _item(number: int) -> Item:
    day, name = 1 + number // len(NAMES) % 28, NAMES[number % len(NAMES)]
    name = f"S2C_202608{day:02}T104621_{number:05}_TOC-{name}_10M_V220.tif"
    return Item(f"https://services.terrascope.be/download/{name}?signature=s3cret", name, (12 + 7 * (number % 9)) * MB)


def _running(played: PlayedDownload) -> None:
    played.end(0)
    played.advance(1, 0.62)
    played.advance(2, 0.31)


def _many(played: PlayedDownload) -> None:
    for number in range(1200):
        played.end(number, "failed" if number % 400 == 7 else "saved", REFUSED if number % 400 == 7 else None)
    for number in range(1200, 1208):
        played.advance(number, (number - 1199) / 9)


def _waiting(played: PlayedDownload) -> None:
    _running(played)
    played.wait_for(2, LATE)


def _failed(played: PlayedDownload) -> None:
    played.end(0)
    played.end(1, "failed", _login_page(played.items[1]))
    played.end(2, "failed", REFUSED)


def _cancelled(played: PlayedDownload) -> None:
    played.end(0)
    played.end(1, "cancelled")
    played.end(2, "cancelled")


def _done(played: PlayedDownload) -> None:
    for number in range(len(played.items)):
        played.end(number, "skipped" if number == 1 else "saved")


def _many_failed(played: PlayedDownload) -> None:
    for number in range(len(played.items)):
        if number % 3 == 0:
            played.end(number)
        else:
            played.end(number, "failed", _login_page(played.items[number]) if number % 2 else REFUSED)


STATES: dict[str, tuple[int, Phase, Callable[[PlayedDownload], None]]] = {
    "starting": (3, "running", lambda played: None),
    "running": (3, "running", _running),
    "waiting": (3, "running", _waiting),
    "paused": (3, "paused", _running),
    "done": (3, "done", _done),
    "failed": (3, "failed", _failed),
    "cancelled": (3, "cancelled", _cancelled),
    "many": (10_000, "running", _many),
    "many failed": (10_000, "failed", _many_failed),
}
"""What a download can show, by name: of how many files, in which phase, and how it got there."""


class DownloadStage:
    """A widget for each state, and the one that was played last."""

    widget: DownloadWidget
    download: PlayedDownload

    def play(self, name: str, **options: Any) -> DownloadWidget:
        """Return a widget whose download stands in a state of `STATES`."""
        count, phase, act = STATES[name]
        self.download = PlayedDownload(count)
        act(self.download)
        self.download.now = 4.0 if count < 100 else 400.0
        self.download.play(phase, **options)
        self.widget = DownloadWidget(self.download)
        return self.widget
