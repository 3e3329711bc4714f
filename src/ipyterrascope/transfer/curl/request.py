"""One request for a piece of a file, and what is made of the answer (floor 4; RFC 9110 sections 13 and 14)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from ...errors import ContentInvalid, TerrascopeError
from ...protocol.earthdata_answers import MOST_BYTES, FinalAnswer
from .. import answers, pages
from ..failures import broken_off, part_unusable, scanty
from ..pieces import Piece
from ..plan import other_file_there
from ..small import SMALL_BYTES
from .faults import unreadable
from .head import Head, read_head
from .job import Job
from .line import Line
from .verdicts import AskAgain, Changed, Moved, Passing, Skipped, Unauthorized, Verdict

FIRST_BYTES = 8 << 20
"""So much is asked for at first where nobody told the length: the answer tells it, and whether ranges are served."""
_WRITTEN_BYTES = 96 << 10
"""So much is collected before it is written: libcurl brings 16 KiB at a time. With 128 KiB and more, glibc gives the
memory back to the system after each write, and takes it again page by page."""
_NOTED_BYTES = 512 << 10
"""With what is collected and written meanwhile, less than the 1 MiB that a kill may cost a connection."""
_DRAINED_BYTES = 64 << 10
_SCANTY_BYTES = 16 << 10
"""An answer that ends before so many bytes, short of what was asked, is a failed try: else a file could take a year."""
HEADERS = ("Accept: application/octet-stream, */*;q=0.5", "Accept-Encoding: identity")
_HEADERS_OF_FIRST = (*HEADERS, f"Range: bytes=0-{FIRST_BYTES - 1}")
_REDIRECTS = (301, 302, 303, 307, 308)


class Request:
    """One request for a piece of a file, and the `Receiver` of its answer. What it means is raised by `finish`.

    Parameters
    ----------
    job : Job
    piece : Piece
    after : Request, optional
        The one in the place of which this is sent: after a redirect, say.

    Attributes
    ----------
    headers : sequence of str
        The lines of the header that are not of the credential.
    http_1 : bool
        Whether it is not sent over HTTP/2.
    line : Line or None
        On which it is sent.
    was_answered : bool
        True from the first look at a whole header on.
    brought_bytes : int
        How much of the file came.
    """

    # of the class, as long as they are so: thousands of requests a second are made
    moves = status = 0
    was_refused = was_answered = False
    brought_bytes = 0
    line: Line | None = None
    _is_believed = _is_too_long = _is_scanty = False
    _said = b""
    _verdict: BaseException | None = None
    _answer_end: int | None = None
    _collected_bytes = _enough_bytes = _drained_bytes = 0
    _fields: answers.Headers = MappingProxyType({})

    def __init__(self, job: Job, piece: Piece, after: Request | None = None) -> None:
        self.job, self.piece, self.host = job, piece, job.host
        self.url, self.is_head, self.http_1 = job.place, job.asks_for_size, job.host.takes_http_1
        if after is not None:
            self.moves, self.was_refused = after.moves, after.was_refused
        self._chunks: list[bytes] = []
        position = self._noted = piece.position
        asked_end = self._asked_end = piece.end or self._first_end()
        self.headers: Sequence[str] = HEADERS
        if asked_end is not None or position:
            # to the end of the file is said as such: some servers serve no other range
            last = "" if asked_end is None or asked_end == job.pieces.size_bytes else asked_end - 1
            self.headers = (*HEADERS, f"Range: bytes={position}-{last}")
            if job.validator:
                self.headers = (*self.headers, f"If-Range: {job.validator}")

    def _first_end(self) -> int | None:
        """Return how much is asked for of what may go on to the end of the file; None for all of it."""
        job = self.job
        if self.piece.position or job.asks_for_size or not job.may_split:
            return None
        return FIRST_BYTES if _may_be_long(job.item.size_bytes) else None

    # ── the answer comes ───────────────────────────────────────────────────────────────────────────────────────────

    def body(self, data: bytes) -> int | None:
        """Take a part of the body; -1 ends the request. This is called for each 16 KiB: what can wait is done later."""
        self._chunks.append(data)
        self._collected_bytes += len(data)
        if self._collected_bytes < self._enough_bytes:
            return None
        return None if self._goes_on() else -1

    def _goes_on(self) -> bool:
        """Look at what was collected; False to end the request."""
        self._believe()
        if self._verdict is not None:
            # a short body is let pass, so that the connection can be used again
            self._drained_bytes += self._collected_bytes
            self._said = b"".join((self._said, *self._chunks))[:MOST_BYTES]
            self._chunks, self._collected_bytes = [], 0
            return max(self._drained_bytes, answers.content_length(self._fields) or 0) <= _DRAINED_BYTES
        if self._collected_bytes < self._enough_bytes:
            return True
        return self.settle() and not self.is_overtaken

    def look_at_head(self) -> None:
        """Judge the answer's status and header, if they are there and were not yet looked at."""
        if not self.was_answered and self.line is not None and (head := read_head(self.line.lines)) is not None:
            self.was_answered, self.job.host.tries = True, 0
            self._fields = head.fields
            self._is_kept(self._judge, head)

    def _believe(self, *, is_all: bool = False) -> None:
        """Judge what came, unless that was done, if it tells enough."""
        self.look_at_head()
        if self._is_believed or self._verdict is not None or not self.was_answered:
            return
        first = b"".join(self._chunks)
        if is_all or pages.is_telling(first):
            self._is_kept(self._begin, first)
        else:
            # not at each byte again of what comes byte by byte
            self._enough_bytes = 2 * len(first)

    def settle(self) -> bool:
        """Write what came; False where that, or anything before it, went wrong."""
        if self._collected_bytes and self._verdict is None:
            self._believe()
            if self._is_believed:
                self._is_kept(self._write)
        return self._verdict is None

    def _is_kept(self, step: Callable[..., None], *arguments: Any) -> bool:
        try:
            step(*arguments)
        except BaseException as verdict:  # noqa: BLE001 - raised by `finish`: libcurl's binding would print it
            self._verdict = verdict
            return False
        return True

    @property
    def is_pending(self) -> bool:
        """True while neither all of the piece came nor anything else is known of the answer."""
        return self._verdict is None and not self.is_at_its_end

    @property
    def is_at_its_end(self) -> bool:
        """True when all of the piece came, also where another connection took over the rest of the answer."""
        return self._verdict is None and self.piece.end is not None and self.piece.position >= self.piece.end

    @property
    def is_overtaken(self) -> bool:
        """True when all of the piece came, and what is left of the answer was taken over by another connection."""
        return self.is_at_its_end and self.piece.end != self._answer_end

    def final_answer(self) -> FinalAnswer:
        """Return what is known of an answer that brought no file."""
        media_type = self._fields.get("content-type", "").partition(";")[0].strip().lower()
        said = b"".join((self._said, *self._chunks))[:MOST_BYTES]
        return FinalAnswer(self.url, self.status, media_type, said)

    def keep(self) -> None:
        """Nothing more comes; write down what did, where that can be done."""
        self.settle()
        with suppress(TerrascopeError):
            self._note()

    def end(self) -> None:
        """Nothing more comes, and somebody else may ask for what did not."""
        self.keep()
        self.job.give_back(self.piece)

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
        self._believe(is_all=is_whole)
        if not self.was_answered:
            raise unreadable(self.url)
        if not self.settle() and self._verdict is not None:
            if self._is_too_long:
                job.partial.discard()
            self.keep()
            raise self._verdict
        self._note()
        if piece.end is None and is_whole:
            piece.end = piece.position
            job.pieces.complete(piece.position)
        if piece.end is None or piece.position < piece.end:
            raise Passing(broken_off(job.item, job.pieces.done_bytes, job.size_bytes))
        if self._is_scanty and (job.pieces.is_open or len(job.pieces.under_way) > 1):
            raise Passing(scanty(job.item))

    # ── what is made of it ─────────────────────────────────────────────────────────────────────────────────────────

    def _judge(self, head: Head) -> None:
        _, status, fields = head
        self.status = status
        if status in (200, 206) and not self.is_head:
            self._check_body(head)
            return
        if status in _REDIRECTS and fields.get("location"):
            raise Moved(fields["location"])
        if status == 401:
            raise Unauthorized
        if self.is_head:
            self._judge_size(status)
        if status == 416 and self.headers is not HEADERS:
            raise self._unusable()
        if status == 0:
            raise unreadable(self.url)
        asked_s = answers.retry_after_s(fields, self.job.host.clock())
        error = answers.refusal(status, self.job.item.url, self.url, asked_s)
        raise Passing(error, asked_s, is_overload=status in (429, 503)) if error.retryable else error

    def _judge_size(self, status: int) -> None:
        job = self.job
        job.asks_for_size = False
        is_same = status == 200 and answers.content_length(self._fields) == job.action.present_bytes
        raise Skipped if is_same and not pages.is_web_page(self._fields, b"") else AskAgain

    def _check_body(self, head: Head) -> None:
        job, piece = self.job, self.piece
        body = answers.read_body(head.status, head.fields, piece.position, self._asked_end, job.validator)
        if body is None or not self._fits(body):
            raise self._unusable()
        is_sized = body.size_bytes is not None or job.item.size_bytes is not None
        if head.http in ("2", "3") and not is_sized and not self.http_1:
            # libcurl takes a stream for ended that was closed in the middle without an error; the last chunk is proof
            job.host.takes_http_1 = True
            raise AskAgain
        size_bytes = answers.agreed_size(job.item, self._fields, body)
        if job.action.present_bytes is not None:
            # a login page says nothing of the file
            pages.check_page(job.item.url, self.url, job.item.name, self._fields, b"")
            if size_bytes == job.action.present_bytes:
                raise Skipped
            # where nobody tells the size, the bytes are compared in the end
            if size_bytes is not None:
                raise other_file_there(job.item.name, job.action.present_bytes, size_bytes)
        if body.end not in (None, size_bytes) and body.validator is None:
            job.may_split = False  # nothing proves that the next part would be of the same content
            raise AskAgain
        job.host.answered()
        self._body, self._size_bytes = body, size_bytes
        if body.end is None:
            self._answer_end = size_bytes
            job.may_split = False  # from here on: nobody else is to begin a part of it
            return
        self._answer_end = body.end
        is_short = body.end not in (self._asked_end, body.size_bytes)
        self._is_scanty = is_short and body.end - body.start < _SCANTY_BYTES
        job.pieces.shorten(piece, body.end)
        if job.is_open:
            job.offer()
            self._is_believed = True
            self._look_again()

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
        job, piece, size_bytes = self.job, self.piece, self._size_bytes
        start, end, _, validator = self._body
        if start == 0:
            pages.check_page(job.item.url, self.url, job.item.name, self._fields, first)
        if end is None:
            # the server has another content than is there, if anything is, or serves no ranges: this is all of it
            job.pieces.begin_anew(piece)
            self._noted = 0
        if end is None or job.validator is None:
            job.partial.begin(validator, size_bytes)
        else:
            job.partial.resume()
        job.validator, job.is_open, self._is_believed = validator, True, True
        if size_bytes is not None and job.pieces.size_bytes is None:
            job.pieces.bound(piece, size_bytes if end is None else end, size_bytes)
        job.offer()
        self._look_again()

    def _look_again(self) -> None:
        """Say when what comes next is to be written: there is no waiting for what will not come."""
        most, end = SMALL_BYTES if self.job.partial.is_small else _WRITTEN_BYTES, self.piece.end
        self._enough_bytes = most if end is None else min(most, end - self.piece.position)

    def _write(self) -> None:
        piece, job, chunks, size_bytes = self.piece, self.job, self._chunks, self._collected_bytes
        self._chunks, self._collected_bytes = [], 0
        self.brought_bytes += size_bytes
        job.host.brought_bytes += size_bytes
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
        if piece.position != piece.end:
            if piece.position - self._noted >= _NOTED_BYTES:
                self._note()
            self._look_again()

    def _note(self) -> None:
        start, end = self._noted, self.piece.position
        if start < end and self.job.is_open:
            self.job.partial.note(start, end)
            self._noted = end


def first_headers(size_bytes: int | None, *, may_split: bool) -> Sequence[str]:
    """Return the lines of the first request for a file of which nothing is there, without those of the credential.

    Parameters
    ----------
    size_bytes : int or None
        What the catalogue tells.
    may_split : bool
        Whether several connections may work on it.
    """
    return _HEADERS_OF_FIRST if may_split and _may_be_long(size_bytes) else HEADERS


def _may_be_long(size_bytes: int | None) -> bool:
    return size_bytes is None or size_bytes > FIRST_BYTES


def _too_long(job: Job) -> ContentInvalid:
    size = "" if job.size_bytes is None else f"It should have {job.size_bytes:,} bytes."
    return ContentInvalid(f"{job.item.name} is longer than was said.", size, "Search the catalogue again.")
