"""The messages between the download widget and its views (floor 6). `js/download-protocol.js` mirrors the names.

A view asks for windows of rows, since of ten thousand files a few are in view. How it stands is a message too: traits
are kept in every open tab and, where asked for, in the notebook file, and would be written again with each change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Literal, cast, get_args

from ..transfer.states import DownloadState, FileState, Which
from .handshake import read_fields, refusal, view_of

RequestKind = Literal["hello", "rows", "pause", "resume", "cancel", "retry"]
ReplyKind = Literal["welcome", "progress", "accepted", "refused"]

REQUEST_KINDS: tuple[RequestKind, ...] = get_args(RequestKind)
REPLY_KINDS: tuple[ReplyKind, ...] = get_args(ReplyKind)
LISTS: tuple[Which, ...] = get_args(Which)

FEW = 10
"""So many files are shown all, in their order; of more, those that are being fetched."""

_FIELDS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(REQUEST_KINDS, frozenset[str]()),
    "rows": frozenset({"list", "start", "count"}),
}
_LAST_START = 10_000_000
_MOST_ROWS = 100


@dataclass(frozen=True)
class Window:
    """Which rows a view has in view: of a list, so many from `start` on."""

    list: Which
    start: int
    count: int


@dataclass(frozen=True, kw_only=True)
class Request:
    """One message of a view, checked.

    Attributes
    ----------
    kind : str
        What the person, or the view itself (`hello`, `rows`), wants.
    view_id : str
        Which view asks; echoed. Empty when it did not say.
    window : Window, optional
        Only of `rows`.
    """

    kind: RequestKind
    view_id: str = ""
    window: Window | None = None


def read_request(content: object, boot_id: str, *, has_buffers: bool = False) -> Request:
    """Check a message of a view.

    Raises
    ------
    UsageError
        When it is not exactly a message of the protocol. Its text repeats nothing of the message.
    """
    fields = read_fields(content, _FIELDS, boot_id, "download")
    if has_buffers:
        raise refusal("It has a buffer that it must not have.")
    kind = cast(RequestKind, fields["kind"])
    return Request(kind=kind, view_id=view_of(fields), window=_read_window(fields) if kind == "rows" else None)


def _read_window(fields: Mapping[str, object]) -> Window:
    which, start, count = (fields.get(name) for name in ("list", "start", "count"))
    if which not in LISTS:
        raise refusal("Its list is not known.")
    if not _is_number(start, 0, _LAST_START) or not _is_number(count, 1, _MOST_ROWS):
        raise refusal("Its rows are not numbered as rows are.")
    return Window(which, cast(int, start), cast(int, count))


def _is_number(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def first_window(state: DownloadState) -> Window:
    """Return what a view shows while the person has not chosen: of few files all, else those that matter now."""
    if state.files_total <= FEW:
        return Window("all", 0, FEW)
    if not state.is_ended:
        return Window("active", 0, FEW)
    return Window("failed" if state.files_failed else "all", 0, FEW)


def shown_state(state: DownloadState, is_foreground: bool) -> dict[str, object]:
    """Return how a download stands as a view is told it; `is_foreground` says that a cell waits for it."""
    return {
        "phase": state.phase,
        "files_done": state.files_done,
        "files_failed": state.files_failed,
        "files_active": len(state.active),
        "files_total": state.files_total,
        "bytes_done": state.bytes_done,
        "bytes_total": state.bytes_total,
        "bytes_per_s": round(state.bytes_per_s),
        "eta_s": None if state.eta_s is None else round(state.eta_s),
        "fraction": round(state.fraction, 4),
        "list": first_window(state).list,
        "is_foreground": is_foreground,
    }


def shown_window(window: Window, files: Iterable[FileState]) -> dict[str, object]:
    """Return rows as a view is told them."""
    return {"list": window.list, "start": window.start, "rows": [asdict(file) for file in files]}
