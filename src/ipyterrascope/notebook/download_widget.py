"""The download widget: how far a download is, and what a person may do about it (floor 6).

The download tells its state five times a second at most; each time one message goes to all views, with the totals and
the rows that they have in view. What it costs does not depend on the number of files.
"""

# ipywidgets ships no types
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Callable, Mapping

import traitlets

from ..errors import UsageError
from ..transfer import Download, DownloadState
from ..transfer.states import Phase
from .download_protocol import (
    Request,
    RequestKind,
    Window,
    first_window,
    read_request,
    shown_state,
    shown_window,
)
from .handshake import view_of
from .kernel_widget import STATIC, KernelWidget

__all__ = ["DownloadWidget"]

_ALLOWED_IN: Mapping[RequestKind, tuple[Phase, ...]] = {
    "pause": ("running",),
    "resume": ("paused",),
    "cancel": ("running", "paused"),
    "retry": ("failed", "cancelled"),
}
# a view that is gone does not say so
_MOST_VIEWS = 6


def _nothing() -> None:
    pass


class DownloadWidget(KernelWidget):
    """Shows a download, and lets a person pause, cancel and retry it.

    Parameters
    ----------
    download : Download
    on_end : callable, optional
        Called whenever the download has ended, when the widget knows how.

    Notes
    -----
    The traits are what is left of it in a saved notebook; what a view shows comes by the messages of
    `download_protocol.py`. No address is in either: an address may hold a signature.
    """

    _esm = STATIC / "download.js"
    _css = STATIC / "download.css"
    _noun = "download"

    folder = traitlets.Unicode(read_only=True, help="Where the files go.").tag(sync=True)
    phase = traitlets.Unicode("running", read_only=True, help="A name of `transfer.states.Phase`.").tag(sync=True)
    summary = traitlets.Unicode(read_only=True, help="What was begun, or once it has ended, how.").tag(sync=True)

    def __init__(self, download: Download, *, on_end: Callable[[DownloadWidget], object] | None = None) -> None:
        self._download: Download | None = download
        self._on_end = on_end
        self._windows: dict[str, Window] = {}
        self.set_trait("folder", download.folder)
        self._take(download, download.state)
        super().__init__()
        self.on_msg(self._on_message)
        self._unobserve = download.observe(self._on_state)

    def close(self) -> None:
        """Close the views and let go of the download, which goes on."""
        self._unobserve()
        # who no longer looks keeps nothing of it
        self._unobserve, self._download = _nothing, None
        super().close()

    def _on_state(self, state: DownloadState) -> None:
        download = self._download
        if download is None:
            return
        self._take(download, state)
        self._tell(download, state)
        if state.is_ended and self._on_end is not None:
            self._on_end(self)

    def _take(self, download: Download, state: DownloadState) -> None:
        with self._lock, self.hold_sync():
            self.set_trait("phase", state.phase)
            if state.is_ended:
                self.set_trait("summary", str(download.report))
            else:
                files = "1 file" if state.files_total == 1 else f"{state.files_total:,} files"
                self.set_trait("summary", f"Began to download {files} to {download.folder}.")

    def _tell(self, download: Download, state: DownloadState) -> None:
        with self._lock:
            windows = dict.fromkeys((first_window(state), *self._windows.values()))
        rows = [shown_window(each, download.files(each.list, each.start, each.start + each.count)) for each in windows]
        self._reply("progress", "", state=shown_state(state, download.is_foreground), windows=rows)

    def _on_message(self, _widget: object, content: object, buffers: object) -> None:
        self._guarded(
            view_of(content), lambda: self._act(read_request(content, self.boot_id, has_buffers=bool(buffers)))
        )

    def _act(self, request: Request) -> None:
        download, kind = self._download, request.kind
        if download is None:
            return
        if request.window is not None:
            self._look_at(request.view_id, request.window)
        if kind == "hello":
            self._reply("welcome", request.view_id)
        if kind in ("hello", "rows"):
            self._tell(download, download.state)
            return
        if download.state.phase not in _ALLOWED_IN[kind]:
            raise UsageError("Nothing was done.", "The download had moved on already.", "See how it stands now.")
        self._do(download, request)
        self._reply("accepted", request.view_id)

    def _do(self, download: Download, request: Request) -> None:
        if request.kind == "pause":
            download.pause()
        elif request.kind == "resume":
            download.resume()
        elif request.kind == "cancel":
            download.cancel()
        else:
            self._beside(request.view_id, download.retry)  # looks at every file

    def _look_at(self, view_id: str, window: Window) -> None:
        with self._lock:
            self._windows.pop(view_id, None)
            self._windows[view_id] = window
            for oldest in list(self._windows)[:-_MOST_VIEWS]:
                del self._windows[oldest]

    def _text(self) -> str:
        return self.summary
