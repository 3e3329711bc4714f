"""The steps of a timeline: one scripted answer each (sandbox).

Where a word or a status does not say enough, the functions do: ``stall(after=1000)``, ``status(429, retry_after=2)``.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from requests.structures import CaseInsensitiveDict

from . import messages
from .content import Held, Part
from .messages import Answer, ReceivedRequest
from .pages import login_page


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How an answer is sent: after how many bytes what happens, in which portions, after which wait."""

    delay_s: float = 0
    chunk_bytes: int = 1 << 18
    pause_s: float = 0
    after: int | None = None
    then: Literal["go_on", "close", "reset", "stall", "no_answer"] = "go_on"
    stall_s: float = 0


def _as_it_came(request: ReceivedRequest) -> ReceivedRequest:
    return request


def _as_it_is(answer: Answer) -> Answer:
    return answer


@dataclass(frozen=True, kw_only=True)
class Step:
    """One scripted answer.

    The request is rewritten, answered by the service (or `instead`, which is told the issuer), the answer altered, and
    sent in a manner. `approves` lets a device login that still waits succeed.
    """

    rewrite: Callable[[ReceivedRequest], ReceivedRequest] = _as_it_came
    instead: Callable[[str], Answer] | None = None
    alter: Callable[[Answer], Answer] = _as_it_is
    manner: Manner = field(default=Manner())
    approves: bool = False


NORMAL = Step()


def status(code: int, *, retry_after: float | str | None = None) -> Step:
    """Answer with a bare HTTP status, where asked with `Retry-After` (seconds, or a date as it is)."""
    headers = () if retry_after is None else (("Retry-After", str(retry_after)),)
    answer = messages.text_answer(f"scripted {code}", code)
    answer = replace(answer, headers=(*answer.headers, *headers))
    return Step(instead=lambda issuer: answer)


def redirect(url: str, code: int = 302) -> Step:
    """Send the client to `url`."""
    return Step(instead=lambda issuer: messages.redirect(url, code))


def oauth_error(error: str, description: str = "", code: int = 0) -> Step:
    """Answer with any OAuth error (RFC 6749 section 5.2), unless given with Keycloak's description and status."""
    return Step(instead=lambda issuer: messages.oauth_error(error, description, code))


def payload(value: object, code: int = 200) -> Step:
    """Answer with any JSON."""
    return Step(instead=lambda issuer: messages.json_answer(value, code))


def drip(chunk_bytes: int = 1000, pause_s: float = 0.05) -> Step:
    """Send the normal answer in portions of `chunk_bytes`, `pause_s` seconds apart."""
    return Step(manner=Manner(chunk_bytes=chunk_bytes, pause_s=pause_s))


def stall(after: int | None = None, for_s: float = 30) -> Step:
    """Send `after` bytes of the normal answer (half of it by default), nothing for `for_s` seconds, then close."""
    return Step(manner=Manner(after=after, then="stall", stall_s=for_s))


def reset(after: int | None = None) -> Step:
    """Send `after` bytes of the normal answer (half of it by default), then reset the connection."""
    return Step(manner=Manner(after=after, then="reset"))


def truncated(after: int | None = None) -> Step:
    """Announce the whole length, send `after` bytes of it (half by default), then close."""
    return Step(manner=Manner(after=after, then="close"))


def wrong_length(by: int = -100) -> Step:
    """Send a whole body that is `by` bytes longer or shorter than the real one, its Content-Length in keeping."""

    def alter(answer: Answer) -> Answer:
        size = answer.body.size_bytes
        if by > 0:
            return replace(answer, body=Held(answer.body.read(0, size) + b"\0" * by))
        return replace(answer, body=Part(answer.body, 0, max(0, size + by)))

    return Step(alter=alter)


def delayed(delay_s: float, then: str | int | Step = "success") -> Step:
    """Wait `delay_s` seconds before another step's first byte."""
    step = as_step(then)
    return replace(step, manner=replace(step.manner, delay_s=delay_s))


def _without_range(request: ReceivedRequest) -> ReceivedRequest:
    kept = ((name, value) for name, value in request.headers.items() if name.lower() not in ("range", "if-range"))
    return replace(request, headers=CaseInsensitiveDict(kept))


def _refused_if_range(request: ReceivedRequest) -> ReceivedRequest:
    return _without_range(request) if "If-Range" in request.headers else request


def _changed_etag(answer: Answer) -> Answer:
    return replace(answer, headers=answer.with_header("ETag", '"changed"'))


def _shifted_range(answer: Answer) -> Answer:
    given = answer.header("Content-Range")
    if given is None:
        return answer
    span, _, size = given.removeprefix("bytes ").partition("/")
    first, _, last = span.partition("-")
    shifted = f"bytes {int(first) + 1}-{int(last) + 1}/{size}"
    return replace(answer, headers=answer.with_header("Content-Range", shifted))


def _gzipped(answer: Answer) -> Answer:
    data = gzip.compress(answer.body.read(0, answer.body.size_bytes), mtime=0)
    return replace(answer, headers=answer.with_header("Content-Encoding", "gzip"), body=Held(data))


def _json_changed(**changes: object) -> Callable[[Answer], Answer]:
    def alter(answer: Answer) -> Answer:
        fields = json.loads(answer.body.read(0, answer.body.size_bytes))
        changed = {name: changes.get(name, value) for name, value in fields.items()}
        kept = {name: value for name, value in changed.items() if value is not None}
        return replace(answer, body=Held(json.dumps(kept).encode()))

    return alter


def _not_json(issuer: str) -> Answer:
    return replace(messages.json_answer({}), body=Held(b'{"access_token": '))


_WORDS: dict[str, Step] = {
    "success": Step(approves=True),
    "html": Step(instead=lambda issuer: login_page(issuer)),
    "redirect_to_login": Step(instead=lambda issuer: messages.redirect(login_url(issuer))),
    "no_answer": Step(manner=Manner(then="no_answer")),
    "drip": drip(),
    "stall": stall(),
    "reset": reset(),
    "truncated": truncated(),
    "wrong_length": wrong_length(),
    "ignore_ranges": Step(rewrite=_without_range),
    "changed_etag": Step(rewrite=_refused_if_range, alter=_changed_etag),
    "wrong_range": Step(alter=_shifted_range),
    "gzip": Step(alter=_gzipped),
    "not_json": Step(instead=_not_json),
    "missing_access_token": Step(approves=True, alter=_json_changed(access_token=None)),
    "wrong_types": Step(approves=True, alter=_json_changed(access_token=42, expires_in="soon", interval="often")),
    **{error: oauth_error(error) for error in messages.OAUTH_ERRORS},
}


def login_url(issuer: str) -> str:
    """Return the page to which a browser without a login is sent."""
    return f"{issuer}/protocol/openid-connect/auth"


def as_step(step: str | int | Step) -> Step:
    """Return the step that a word or a status stands for.

    Raises
    ------
    ValueError
        For a word that is not known.
    """
    if isinstance(step, Step):
        return step
    if isinstance(step, int):
        return status(step, retry_after=1 if step == 429 else None)
    if step not in _WORDS:
        raise ValueError(f"No timeline step is called {step!r}. There are: {', '.join(sorted(_WORDS))}.")
    return _WORDS[step]
