"""The HTTP calls to an identity provider (floor 2).

No redirect is followed, no `~/.netrc` is read, no answer larger than 1 MiB or slower than a deadline is waited for, and
no exception of the HTTP library leaves this module: it would carry the request, and with it the password.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import cast

import requests
from requests.auth import AuthBase

from ..errors import ProviderAnswerInvalid, ProviderUnreachable, TerrascopeError, quoted
from ..values.connection import Connection
from ..values.hosts import origin_of

JsonObject = dict[str, object]

_LIMIT_BYTES = 1 << 20
_READ_TIMEOUT_S = 20.0
_DEADLINE_S = 40.0


@dataclass(frozen=True)
class Answer:
    """A status and the JSON object that came with it; `body` is None where it was no JSON object."""

    status: int
    body: JsonObject | None
    content_type: str = ""
    retry_after_s: float | None = None

    @property
    def is_passing(self) -> bool:
        """True for a status that says "later"."""
        return self.status in (408, 429) or self.status >= 500


class _NoNetrc(AuthBase):
    """Keeps requests from looking into ~/.netrc, which would add Basic to a token request."""

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        return r


class HttpClient:
    """Asks an identity provider.

    Parameters
    ----------
    connection : Connection
        CA bundle and connect time-out.
    monotonic : callable
        The clock for the deadline, in seconds.
    """

    def __init__(self, connection: Connection, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._monotonic = monotonic

    def get(self, url: str) -> Answer:
        """GET a JSON document. Raises `ProviderUnreachable` when no answer comes."""
        return self._send("GET", url, None)

    def post(self, url: str, form: str) -> Answer:
        """POST a form that is already encoded. Raises `ProviderUnreachable` when no answer comes."""
        return self._send("POST", url, form)

    def _send(self, method: str, url: str, form: str | None) -> Answer:
        answer = self._attempt(method, url, form)
        if isinstance(answer, TerrascopeError):
            raise answer  # outside the `except`: the library's exception holds the request body
        return answer

    def _attempt(self, method: str, url: str, form: str | None) -> Answer | TerrascopeError:
        deadline = self._monotonic() + _DEADLINE_S
        try:
            with requests.Session() as session:
                session.auth = _NoNetrc()
                if self._connection.verify:
                    session.verify = self._connection.verify
                headers = {"Accept": "application/json"}
                if form is not None:
                    headers["Content-Type"] = "application/x-www-form-urlencoded"
                with session.request(
                    method,
                    url,
                    data=form,
                    headers=headers,
                    timeout=(self._connection.connect_timeout_s, _READ_TIMEOUT_S),
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    return _answer(response, self._body(response, deadline))
        except (requests.RequestException, OSError, ValueError) as exc:
            return _unreachable(url, exc)

    def _body(self, response: requests.Response, deadline: float) -> bytes:
        data = b""
        # small pieces, so that a server that drips is noticed by the deadline
        for piece in response.iter_content(32):
            data += piece
            if len(data) > _LIMIT_BYTES:
                raise ValueError("too large")
            if self._monotonic() > deadline:
                raise requests.ReadTimeout
        return data


def _answer(response: requests.Response, data: bytes) -> Answer:
    try:
        parsed: object = json.loads(data)
    except (ValueError, RecursionError):
        parsed = None
    body = cast("JsonObject", parsed) if isinstance(parsed, dict) else None
    return Answer(
        status=response.status_code,
        body=body,
        content_type=response.headers.get("Content-Type", "").split(";")[0].strip().lower(),
        retry_after_s=retry_after_s(response.headers.get("Retry-After"), time.time()),
    )


def retry_after_s(value: str | None, now: float) -> float | None:
    """Read a `Retry-After` header (RFC 9110 section 10.2.3), seconds or date; None when there is none to read."""
    if not value:
        return None
    try:
        seconds = float(value) if value.strip().isdigit() else parsedate_to_datetime(value).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return max(0.0, seconds)


def _unreachable(url: str, exc: Exception) -> TerrascopeError:
    origin = origin_of(url)
    host = f"{origin[1]}:{origin[2]}" if origin else "the identity provider"
    if isinstance(exc, requests.exceptions.SSLError):
        return ProviderUnreachable(
            f"{host} could not be verified.",
            "Its certificate is not signed by an authority that this machine knows.",
            "Check the address; for an authority of your own, set c.Terrascope.verify to its CA bundle.",
        )
    if isinstance(exc, requests.exceptions.ProxyError):
        return ProviderUnreachable(
            f"{host} was not reached.", "The proxy refused or did not answer.", "Check HTTPS_PROXY and NO_PROXY."
        )
    if isinstance(exc, requests.Timeout):
        return ProviderUnreachable(f"{host} did not answer in time.", "", "Try again in a moment.")
    if isinstance(exc, requests.ConnectionError):
        return ProviderUnreachable(
            f"{host} was not reached.", "There was no connection.", "Check the network, then try again."
        )
    if isinstance(exc, (requests.RequestException, ValueError)):
        return ProviderAnswerInvalid(
            f"{host} gave an answer that cannot be read.", "", "Check the issuer's address, or try again later."
        )
    return ProviderUnreachable(
        f"{host} was not reached.",
        f"The system said: {quoted(exc.strerror)}." if isinstance(exc, OSError) and exc.strerror else "",
        "Check the network and c.Terrascope.verify.",
    )


def not_as_expected(answer: Answer, host: str, expected: str) -> TerrascopeError:
    """Make the error for an answer that is no OAuth message at all."""
    if answer.is_passing:
        return ProviderUnreachable(
            f"{host} cannot answer right now.",
            f"It said {answer.status}.",
            "Try again in a moment.",
            status=answer.status,
        )
    if 300 <= answer.status < 400:
        why = f"It redirected elsewhere ({answer.status}), and such requests follow no redirect."
    elif answer.body is None:
        why = f"It answered {answer.status} with {quoted(answer.content_type) or 'no content type'} instead of JSON."
    else:
        why = f"It answered {answer.status} without {expected}."
    return ProviderAnswerInvalid(
        f"{host} gave no {expected}.",
        why,
        "Check the issuer's address; a proxy or a captive portal may stand between.",
        status=answer.status,
    )
