"""The download service: who may read, byte ranges, validators (sandbox; RFC 9110 sections 8.8, 13 and 14)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from .content import Content, Held, Part
from .messages import Answer, Header, ReceivedRequest, http_error, redirect, text_answer
from .products import products
from .sessions import Refused
from .settings import Settings

PREFIX = "/download/"
_HASHED_BYTES = 1 << 20
_MODIFIED = "Fri, 07 Aug 2026 12:00:00 GMT"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_CHALLENGES = (
    ("WWW-Authenticate", 'Bearer realm="terrascope"'),
    ("WWW-Authenticate", 'Basic realm="terrascope", charset="UTF-8"'),
)


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """One file of the service; `is_public` files are given to everybody."""

    content: Content
    media_type: str
    etag: str
    is_public: bool = False
    headers: tuple[Header, ...] = ()


class FileService:
    """The files under `/download/`."""

    def __init__(
        self, settings: Settings, url: str, login_url: str, user_of: Callable[[Mapping[str, str]], str]
    ) -> None:
        self._settings, self._url, self._login_url, self._user_of = settings, url, login_url, user_of
        self._files: dict[str, StoredFile] = {}
        for product in products():
            for file in product.files:
                self.add(file.path, file.content, media_type=file.media_type, is_public=file.is_public)

    @property
    def urls(self) -> list[str]:
        """The address of every file."""
        return [self.url_of(path) for path in self._files]

    @property
    def sizes(self) -> list[tuple[str, int]]:
        """The address of every file and its size in bytes."""
        return [(self.url_of(path), file.content.size_bytes) for path, file in self._files.items()]

    def url_of(self, path: str) -> str:
        """Return the address of a file, given its path below `/download/`."""
        return f"{self._url}{PREFIX}{quote(path)}"

    def add(
        self,
        path: str,
        content: Content,
        *,
        media_type: str = "application/octet-stream",
        is_public: bool = False,
        headers: tuple[Header, ...] = (),
    ) -> str:
        """Serve `content` under `path` from now on, instead of what was there, and return its address."""
        path = path.lstrip("/").removeprefix(PREFIX.lstrip("/"))
        self._files[path] = StoredFile(
            content=content, media_type=media_type, etag=etag_of(path, content), is_public=is_public, headers=headers
        )
        return self.url_of(path)

    def answer(self, request: ReceivedRequest) -> Answer:
        """Answer a request for a file."""
        if request.method not in ("GET", "HEAD"):
            return http_error(405)
        file = self._files.get(request.path.removeprefix(PREFIX))
        if self._settings.require_bearer and not (file and file.is_public):
            try:
                self._user_of(request.headers)
            except Refused:
                return self._refuse(request)
        return http_error(404) if file is None else serve(request, file)

    def _refuse(self, request: ReceivedRequest) -> Answer:
        if "Authorization" not in request.headers and "text/html" in request.headers.get("Accept", ""):
            return redirect(self._login_url)
        answer = text_answer("Sign in first.", 401)
        return Answer(status=401, headers=(*answer.headers, *_CHALLENGES), body=answer.body)


def etag_of(path: str, content: Content) -> str:
    """Return a strong validator of a content at a path."""
    is_hashed = isinstance(content, Held) or content.size_bytes <= _HASHED_BYTES
    whole = content.read(0, content.size_bytes) if is_hashed else f"{path}:{content.size_bytes}".encode()
    return f'"{hashlib.sha256(whole).hexdigest()[:32]}"'


def serve(request: ReceivedRequest, file: StoredFile) -> Answer:
    """Give a file, or the part of it that was asked for."""
    size = file.content.size_bytes
    headers = (
        ("Content-Type", file.media_type),
        ("ETag", file.etag),
        ("Last-Modified", _MODIFIED),
        ("Accept-Ranges", "bytes"),
        *file.headers,
    )
    wanted = request.headers.get("Range", "") if request.method == "GET" else ""
    if request.headers.get("If-Range", file.etag) not in (file.etag, _MODIFIED):
        wanted = ""
    span = _span(wanted, size)
    if span is None:
        return Answer(headers=headers, body=file.content)
    start, stop = span
    if start >= stop:
        return Answer(status=416, headers=(("Content-Range", f"bytes */{size}"), *headers[1:]))
    part = ("Content-Range", f"bytes {start}-{stop - 1}/{size}")
    return Answer(status=206, headers=(*headers, part), body=Part(file.content, start, stop))


def _span(wanted: str, size: int) -> tuple[int, int] | None:
    """Return start and stop of one range, empty when it cannot be satisfied; None for what may be ignored.

    Several ranges at once may be answered with the whole file (RFC 9110 section 14.2).
    """
    match = _RANGE.fullmatch(wanted.replace(" ", ""))
    if match is None or match[1] == match[2] == "":
        return None
    first, last = match[1], match[2]
    if not first:
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    return int(first), min(size, int(last) + 1) if last else size
