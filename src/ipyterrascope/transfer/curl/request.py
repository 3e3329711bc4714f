"""One request for a piece of a file, and what is made of the answer (floor 4; RFC 9110 sections 13 and 14)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from ...errors import ContentInvalid, TerrascopeError
from .. import answers, pages
from ..failures import broken_off, part_unusable
from ..pieces import Piece
from ..plan import other_file_there
from .job import Job
from .line import Fields
from .verdicts import AskAgain, Changed, Moved, Passing, Skipped, Unauthorized, Verdict

FIRST_BYTES = 8 << 20
"""So much is asked for at first where nobody told the length: the answer tells it, and whether ranges are served."""
_WRITTEN_BYTES = 256 << 10
"""So much is collected before it is written: libcurl brings 16 KiB at a time."""
_NOTED_BYTES = 512 << 10
"""With what is collected and written meanwhile, less than the 1 MiB that a kill may cost a connection."""
_DRAINED_BYTES = 64 << 10
_HEADERS = {"Accept": "application/octet-stream, */*;q=0.5", "Accept-Encoding": "identity"}
_REDIRECTS = (301, 302, 303, 307, 308)


class Request:
    """One request for a piece of a file, and the `Receiver` of its answer. What it means is raised by `finish`.

    Parameters
    ----------
    job : Job
    piece : Piece
    after : Request, optional
        The one in the place of which this is sent: after a redirect, say.
    """

    def __init__(self, job: Job, piece: Piece, after: Request | None = None) -> None:
        self.job, self.piece = job, piece
        self.url = job.place
        self.is_head = job.asks_for_size
        self.moves, self.was_refused = (after.moves, after.was_refused) if after else (0, False)
        self.was_answered = False
        self.brought_bytes = 0
        self._verdict: Exception | None = None
        # the first bytes, until they tell whether they are of a file; None from then on
        self._first: bytes | None = b""
        self._look_at = 0
        self._chunks: list[bytes] = []
        self._collected_bytes = 0
        self._is_too_long = False
        self._drained = 0
        self._noted = piece.position
        self._asked_end = self._range_end()
        self._answer_end: int | None = None
        self.headers = dict(_HEADERS)
        if self._asked_end is not None or piece.position:
            # to the end of the file is said as such: some servers serve no other range
            is_last = self._asked_end == job.pieces.size_bytes
            last = "" if self._asked_end is None or is_last else self._asked_end - 1
            self.headers["Range"] = f"bytes={piece.position}-{last}"
            if job.validator:
                self.headers["If-Range"] = job.validator

    def _range_end(self) -> int | None:
        job, piece = self.job, self.piece
        if piece.end is not None or piece.position or job.asks_for_size:
            return piece.end
        known = job.item.size_bytes
        return FIRST_BYTES if job.may_split and (known is None or known > FIRST_BYTES) else None

    # ── the answer comes ───────────────────────────────────────────────────────────────────────────────────────────

    def head(self, status: int, fields: Fields) -> bool:
        """See `Receiver`."""
        self.was_answered = True
        if self._is_kept(lambda: self._judge(status, fields)):
            return True
        # a short body is let pass, so that the connection can be used again
        return (answers.content_length(fields) or 0) <= _DRAINED_BYTES

    def body(self, data: bytes) -> bool:
        """See `Receiver`."""
        if self._verdict is not None:
            self._drained += len(data)
            return self._drained <= _DRAINED_BYTES
        if self._first is not None:
            first = self._first = self._first + data
            # not at each byte again of what comes byte by byte
            if len(first) < self._look_at:
                return True
            if not pages.is_telling(first):
                self._look_at = 2 * len(first)
                return True
            if not self._is_kept(lambda: self._begin(first)):
                return False
            data = first
        self._chunks.append(data)
        self._collected_bytes += len(data)
        self.brought_bytes += len(data)
        self.job.host.brought_bytes += len(data)
        end = self.piece.end
        if self._collected_bytes < _WRITTEN_BYTES and (
            end is None or self.piece.position + self._collected_bytes < end
        ):
            return True
        return self.settle() and (not self.is_at_its_end or end == self._answer_end)

    def settle(self) -> bool:
        """Write what came; False where that, or anything before it, went wrong."""
        return self._verdict is None and self._is_kept(self._write)

    def _is_kept(self, step: Callable[[], None]) -> bool:
        try:
            step()
        except (TerrascopeError, Verdict) as verdict:
            self._verdict = verdict
        return self._verdict is None

    @property
    def is_pending(self) -> bool:
        """True while neither all of the piece came nor anything else is known of the answer."""
        return self._verdict is None and not self.is_at_its_end

    @property
    def is_at_its_end(self) -> bool:
        """True when all of the piece came, also where another connection took over the rest of the answer."""
        return self._verdict is None and self.piece.end is not None and self.piece.position >= self.piece.end

    def keep(self) -> None:
        """Nothing more comes; write down what did, where that can be done."""
        self.settle()
        with suppress(TerrascopeError):
            self._note()

    def finish(self, *, is_whole: bool) -> None:
        """Say that nothing more comes, and whether the answer ended as it should; raise what it means.

        Raises
        ------
        TerrascopeError
            The file cannot be had.
        Verdict
            See its kinds.
        """
        job, piece = self.job, self.piece
        if self._verdict is None and self._first is not None and is_whole:
            first = self._first
            self._begin(first)
            self.body(first)
        self.settle()
        if self._is_too_long:
            job.partial.discard()
        if self._verdict is not None:
            self.keep()
            raise self._verdict
        self._note()
        if piece.end is None and is_whole:
            piece.end = piece.position
            job.pieces.complete(piece.position)
        if piece.end is None or piece.position < piece.end:
            raise Passing(broken_off(job.item, job.pieces.done_bytes, job.size_bytes))

    # ── what is made of it ─────────────────────────────────────────────────────────────────────────────────────────

    def _judge(self, status: int, fields: Fields) -> None:
        if status in _REDIRECTS and fields.get("Location"):
            raise Moved(fields["Location"])
        if status == 401:
            raise Unauthorized
        if self.is_head:
            self._judge_size(status, fields)
        if status == 416 and "Range" in self.headers:
            raise self._unusable()
        if status not in (200, 206):
            asked_s = answers.retry_after_s(fields, self.job.host.clock())
            error = answers.refusal(status, self.job.item.url, self.url, asked_s)
            raise Passing(error, asked_s, is_overload=status in (429, 503)) if error.retryable else error
        self._check_body(status, fields)

    def _judge_size(self, status: int, fields: Fields) -> None:
        job = self.job
        job.asks_for_size = False
        is_same = status == 200 and answers.content_length(fields) == job.action.present_bytes
        raise Skipped if is_same and not pages.is_web_page(fields, b"") else AskAgain

    def _check_body(self, status: int, fields: Fields) -> None:
        job = self.job
        body = answers.read_body(status, fields, self.piece.position, self._asked_end, job.validator)
        if body is None or not self._fits(body):
            raise self._unusable()
        size_bytes = answers.agreed_size(job.item, fields, body)
        if job.action.present_bytes is not None:
            if size_bytes == job.action.present_bytes:
                raise Skipped
            raise other_file_there(job.item.name, job.action.present_bytes, size_bytes)
        if body.end not in (None, size_bytes) and body.validator is None:
            job.may_split = False  # nothing proves that the next part would be of the same content
            raise AskAgain
        job.host.answered()
        self._body, self._size_bytes, self._fields = body, size_bytes, fields
        self._answer_end = size_bytes if body.end is None else body.end
        if body.end is None:
            job.may_split = False  # from here on: nobody else is to begin a part of it
            return
        job.pieces.shorten(self.piece, body.end)
        if job.is_open:
            self._first = None

    def _unusable(self) -> Verdict:
        """Return what follows from a part that is not the one that was asked for."""
        job = self.job
        if job.may_split and job.validator is None:
            job.may_split = False  # it was the first part of all: an empty file has none
            return AskAgain()
        return Changed(part_unusable(job.item), 0.0)

    def _fits(self, body: answers.Body) -> bool:
        """Tell whether a body belongs to what is there, or can take the place of all of it."""
        pieces = self.job.pieces
        if body.end is None:
            return len(pieces.under_way) == 1
        return pieces.size_bytes in (None, body.size_bytes)

    def _begin(self, first: bytes) -> None:
        """Believe the first bytes of an answer, or raise."""
        job, piece, body, size_bytes = self.job, self.piece, self._body, self._size_bytes
        self._first = None
        if body.start == 0:
            pages.check_page(job.item.url, self.url, job.item.name, self._fields, first)
        if body.end is None:
            # the server has another content than is there, if anything is, or serves no ranges: this is all of it
            job.pieces.begin_anew(piece)
            self._noted = 0
        if body.end is None or job.validator is None:
            job.partial.begin(body.validator, size_bytes)
        else:
            job.partial.resume()
        job.validator, job.is_open = body.validator, True
        if size_bytes is not None and job.pieces.size_bytes is None:
            job.pieces.bound(piece, size_bytes if body.end is None else body.end, size_bytes)

    def _write(self) -> None:
        piece, job, chunks, size_bytes = self.piece, self.job, self._chunks, self._collected_bytes
        self._chunks, self._collected_bytes = [], 0
        left = size_bytes if piece.end is None else piece.end - piece.position
        if size_bytes > left:
            if piece.end == self._answer_end:
                self._is_too_long = True
                raise _too_long(job)
            # another connection has taken over the rest
            chunks, size_bytes = [b"".join(chunks)[:left]], left
        if size_bytes:
            job.partial.write_at(piece.position, chunks)
            job.pieces.advance(piece, size_bytes)
        if piece.position - self._noted >= _NOTED_BYTES:
            self._note()

    def _note(self) -> None:
        if self.job.is_open and self.piece.position > self._noted:
            self.job.partial.note(self._noted, self.piece.position)
            self._noted = self.piece.position


def _too_long(job: Job) -> ContentInvalid:
    size = "" if job.size_bytes is None else f"It should have {job.size_bytes:,} bytes."
    return ContentInvalid(f"{job.item.name} is longer than was said.", size, "Look it up again.")
