"""An auth object for clients that are not our session: plain requests, and httpx (floor 4).

Once the answer is there the header is taken off the request again, and meanwhile it shows as a mask in tracebacks.
Some places are out of reach, for which `AuthorizedSession` is better: the request that a connection error of requests
carries, the earlier requests of its redirects (it copies their header), the stream inside a response of httpx, what
http.client prints at its debug level, and the bytes in the library's frames when it fails just while it sends the
headers (for requests on http also when it fails to connect, for it forms them before).
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NoReturn, cast
from urllib.request import getproxies, proxy_bypass

from requests.auth import AuthBase
from requests.utils import select_proxy

from .errors import ConfigurationError, SecretExposed
from .values.authorizer import Authorizer
from .values.hosts import origin_of
from .values.secret import Veiled, sealed

if TYPE_CHECKING:
    import httpx
    from requests import PreparedRequest, Response


class LiveAuth(AuthBase):
    """Adds a live credential to a request for a host that may see it, and retries once after a 401.

    Parameters
    ----------
    authorizer : Authorizer
        Gives the headers.
    """

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        self._sign(r)
        r.register_hook("response", self._on_response)  # pyright: ignore[reportArgumentType]
        return r

    def _on_response(self, response: Response, **kwargs: Any) -> Response:
        request = response.request
        is_repeatable = request.body is None or isinstance(request.body, (bytes, str))
        if response.status_code == 401 and is_repeatable and self._sign_anew(request, response):
            response.close()
            adapter = cast("Any", response).connection
            refused, response = response, sealed(lambda: adapter.send(request, **kwargs))
            response.history.append(refused)
        if not response.is_redirect:
            request.headers.pop("Authorization", None)
        return response

    def _sign(self, request: PreparedRequest | httpx.Request) -> None:
        url = str(request.url)
        headers = {name: Veiled(value) for name, value in self._authorizer.headers(url).items()}
        if headers and _goes_through_a_proxy(url):
            raise ConfigurationError(
                "A login for this machine would go through a proxy in the clear.",
                "HTTP_PROXY or ALL_PROXY is set, and http is not encrypted.",
                "Put the host into NO_PROXY, or use ipyterrascope.session(), which goes there directly.",
            )
        request.headers.update(headers)

    def _sign_anew(self, request: PreparedRequest | httpx.Request, response: Response | httpx.Response) -> bool:
        """Put another credential on a request, if the one that was refused was ours and there is another."""

        def is_signed() -> bool:
            sent = response.request  # after a redirect not the same, and perhaps to a host that never saw ours
            refused = sent.headers.get("Authorization", "")
            if not refused or not self._authorizer.refused(str(sent.url), {"Authorization": str(refused)}):
                return False
            self._sign(request)
            return True

        return sealed(is_signed)

    def __repr__(self) -> str:
        return "<LiveAuth>"

    def __reduce__(self) -> NoReturn:
        raise SecretExposed(
            "A live login cannot be pickled.",
            "It belongs to this kernel.",
            "Make one where it is needed, by ipyterrascope.auth().",
        )


def _goes_through_a_proxy(url: str) -> bool:
    """Tell whether the environment would send a request by http to a proxy (the libraries read it as Python does)."""
    origin = origin_of(url)
    if origin is None or origin[0] != "http":
        return False  # https is a tunnel, also through a proxy
    # requests reads also a variable that is named for a host, such as `http://127.0.0.1_proxy`
    return select_proxy(url, getproxies()) is not None and not proxy_bypass(origin[1])


def live_auth(authorizer: Authorizer) -> LiveAuth:
    """Return an auth object for requests, which is one for httpx too where httpx is installed."""
    if find_spec("httpx") is None:
        return LiveAuth(authorizer)
    return _class_for_both()(authorizer)


@cache
def _class_for_both() -> type[LiveAuth]:
    import anyio.to_thread
    import httpx

    class LiveHttpxAuth(LiveAuth, httpx.Auth):
        """`LiveAuth` in the shape that httpx asks for."""

        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            has_failed = False
            try:
                self._sign(request)
                response = yield request
                if _can_repeat(response, request) and self._sign_anew(request, response):
                    refused, response = response, (yield request)
                    _take_off(refused)
                _take_off(response)
            except GeneratorExit:
                has_failed = True
            finally:
                request.headers.pop("Authorization", None)
            if has_failed:
                _take_off_failure(sys.exc_info()[1])

        async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
            run = anyio.to_thread.run_sync  # a renewal may wait for the network: not on the event loop
            has_failed = False
            try:
                await run(self._sign, request)
                response = yield request
                if _can_repeat(response, request) and await run(self._sign_anew, request, response):
                    refused, response = response, (yield request)
                    _take_off(refused)
                _take_off(response)
            except GeneratorExit:
                has_failed = True
            finally:
                request.headers.pop("Authorization", None)
            if has_failed:
                _take_off_failure(sys.exc_info()[1])

    def _can_repeat(response: httpx.Response, request: httpx.Request) -> bool:
        return response.status_code == 401 and isinstance(request.stream, httpx.ByteStream)

    def _take_off(response: httpx.Response) -> None:
        for part in (response, *response.history):
            for sent in (part.request, part.next_request):
                if sent is not None:
                    sent.headers.pop("Authorization", None)

    def _take_off_failure(failure: BaseException | None) -> None:
        # httpx closes a flow while it handles the failure, which after a redirect carries a request of its own
        if isinstance(failure, httpx.RequestError):
            with suppress(RuntimeError):  # it carries none
                failure.request.headers.pop("Authorization", None)

    return LiveHttpxAuth
