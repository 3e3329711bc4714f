"""The HTTP calls to an identity provider, and to whoever lends its tokens (floor 2).

No redirect is followed, no `~/.netrc` is read, nothing for loopback goes through a proxy, and no answer larger than
1 MiB or slower than a deadline is waited for. No exception of the HTTP library leaves this module: it would carry the
request, and with it the password.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import cast

import requests
from requests.auth import AuthBase

from ..errors import (
    LoginCancelled,
    ProviderAnswerInvalid,
    ProviderUnreachable,
    TerrascopeError,
    quoted,
)
from ..threads.abort import AbortSignal
from ..threads.errand import Errand
from ..values.connection import Connection
from ..values.secret import Secret, Veiled
from ..values.waits import retry_after_s
from .bodies import read_body
from .cuttable import CuttableAdapter
from .echoes import Echoes
from .faults import unreached
from .log_masks import mask_logs

JsonObject = dict[str, object]

_LIMIT_BYTES = 1 << 20
# a renewal whose answer is not waited for may be lost with the session: as long as for all of it
_READ_TIMEOUT_S = 40.0
_DEADLINE_S = 40.0
_LONGEST_RETRY_AFTER_S = 120.0


@dataclass(frozen=True)
class Answer:
    """A status and the JSON that came with it; `body` is None where it was no object, and `entries` where no list.

    `retry_after_s` is what the server asks to wait, two minutes at most: nobody's sign-in shall hang for a day.
    """

    status: int
    body: JsonObject | None = field(repr=False)
    content_type: str = ""
    retry_after_s: float | None = None
    entries: list[object] | None = field(default=None, repr=False)

    @property
    def is_passing(self) -> bool:
        """True for a status that says "later"."""
        return self.status in (408, 429) or self.status >= 500


class NoNetrc(AuthBase):
    """Stands where requests would otherwise put what ~/.netrc says."""

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        return r


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        # also when told to follow no redirect, requests prepares the next request, and reads all of the body before
        return None


class HttpClient:
    """Asks an identity provider, or who lends its tokens.

    Parameters
    ----------
    connection : Connection
        CA bundle and connect time-out.
    deadline_s : float
        Seconds after which an answer that is not complete is given up, however often a byte of it comes.
    authorization : Secret, optional
        The header of that name, for a server that asks for one.
    """

    def __init__(
        self, connection: Connection, *, deadline_s: float = _DEADLINE_S, authorization: Secret | None = None
    ) -> None:
        self._connection = connection
        self._deadline_s = deadline_s
        self._authorization = authorization
        # every account asks by one, whatever else sends its token then
        mask_logs()

    def get(self, url: str, *, authorization: Secret | None = None, signal: AbortSignal | None = None) -> Answer:
        """GET a JSON document, with an `Authorization` header where one is given.

        Raises `ProviderError` when no answer comes that can be read, and `LoginCancelled` when `signal` is aborted.
        """
        return self._send("GET", url, None, signal or AbortSignal(), 0.0, authorization)

    def post(
        self,
        url: str,
        form: Secret,
        *,
        authorization: Secret | None = None,
        signal: AbortSignal | None = None,
        grace_s: float = 0.0,
    ) -> Answer:
        """POST a form that is already encoded.

        Parameters
        ----------
        url : str
        form : Secret
        authorization : Secret, optional
            The header of that name.
        signal : AbortSignal, optional
            Cuts the call when it is aborted.
        grace_s : float
            Seconds for which an answer that is under way then is waited for all the same.

        Raises
        ------
        ProviderError
            No answer came that can be read.
        LoginCancelled
            It was cut, or never sent.
        """
        return self._send("POST", url, form, signal or AbortSignal(), grace_s, authorization)

    def _send(
        self,
        method: str,
        url: str,
        form: Secret | None,
        signal: AbortSignal,
        grace_s: float,
        authorization: Secret | None = None,
    ) -> Answer:
        if signal.is_aborted:
            raise cancelled()
        adapter = CuttableAdapter()
        # on a thread of its own: a name that is looked up has no time-out, and Ctrl-C must find no password in a frame
        errand = Errand(lambda: self._attempt(method, url, form, authorization, adapter), "provider")
        try:
            errand.start()
            answer = errand.wait(self._deadline_s, signal)
            if answer is None and signal.is_aborted:
                answer = errand.wait(grace_s)
        finally:
            adapter.close()
        if answer is None:
            answer = cancelled() if signal.is_aborted else unreached(url, requests.Timeout())
        if isinstance(answer, BaseException):
            raise answer  # here, not where the library's exception is at hand: it holds the request body
        return answer

    def _attempt(
        self, method: str, url: str, form: Secret | None, authorization: Secret | None, adapter: CuttableAdapter
    ) -> Answer | TerrascopeError:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if authorization is not None:
            headers["Authorization"] = Veiled(authorization.reveal())
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if self._authorization is not None:
            headers["Authorization"] = self._authorization.reveal()
        try:
            with _Session() as session:
                session.mount("https://", adapter)
                session.mount("http://", adapter)
                session.auth = NoNetrc()
                # http is for what is near, and that needs no proxy and no CA bundle of the environment
                session.trust_env = not url.lower().startswith("http:")
                with session.request(
                    method,
                    url,
                    data=None if form is None else form.reveal(),
                    headers=headers,
                    timeout=(self._connection.connect_timeout_s, _READ_TIMEOUT_S),
                    # said here and not to the session, where REQUESTS_CA_BUNDLE would go first
                    verify=self._connection.verify or None,
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    return _answer(
                        response,
                        read_body(response, _LIMIT_BYTES),
                        Echoes(form, self._authorization or authorization, spares_addresses=True),
                    )
        except Exception as exc:  # noqa: BLE001 - whatever it is, it carries the request
            return unreached(url, exc)


def _answer(response: requests.Response, data: bytes, echoes: Echoes) -> Answer:
    try:
        said: object = json.loads(data)
        parsed = echoes.cleaned(said)
    except (ValueError, RecursionError):
        said = parsed = None
    body = cast("JsonObject", parsed) if isinstance(parsed, dict) else None
    if body is not None and body.get("error") == "" != cast("JsonObject", said).get("error"):
        body["error"] = "invalid_request"  # it was one, and repeats what was sent
    content_type = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
    content_type = echoes.without(content_type)
    asked_s = retry_after_s(response.headers.get("Retry-After", ""), time.time())
    return Answer(
        response.status_code,
        body,
        content_type,
        None if asked_s is None else min(asked_s, _LONGEST_RETRY_AFTER_S),
        cast("list[object]", parsed) if isinstance(parsed, list) else None,
    )


def cancelled() -> LoginCancelled:
    """Make the error of who was cancelled."""
    return LoginCancelled("The sign-in was cancelled.", "", "Start it again when you like.")


def not_as_expected(answer: Answer, host: str, expected: str) -> TerrascopeError:
    """Make the error for an answer that is no OAuth message at all."""
    if answer.is_passing:
        return ProviderUnreachable(
            f"{host} cannot answer right now.",
            f"It said {answer.status}.",
            "Try again in a moment.",
            status=answer.status,
            retry_after_s=answer.retry_after_s,
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
