"""An auth object for clients that are not our session: plain requests, and httpx (floor 4).

With `requests.get(url, auth=…)` the header stays on the request that the response carries, because that library copies
it for a redirect: prefer `AuthorizedSession`, which keeps it off. With httpx it is taken off again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NoReturn, cast

from requests.auth import AuthBase

from .errors import SecretExposed
from .values.authorizer import Authorizer

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
        r.headers.update(self._authorizer.headers(str(r.url)))
        r.register_hook("response", self._on_response)  # pyright: ignore[reportArgumentType]
        return r

    def _on_response(self, response: Response, **kwargs: Any) -> Response:
        request = response.request
        sent = {"Authorization": str(request.headers.get("Authorization", ""))}
        if response.status_code != 401 or not self._authorizer.refused(str(request.url), sent):
            return response
        response.close()
        again = request.copy()
        again.deregister_hook("response", self._on_response)  # pyright: ignore[reportArgumentType]
        again.headers.update(self._authorizer.headers(str(again.url)))
        retried = cast("Any", response).connection.send(again, **kwargs)
        retried.history.append(response)
        retried.request = again
        return retried

    def __repr__(self) -> str:
        return "<LiveAuth>"

    def __reduce__(self) -> NoReturn:
        raise SecretExposed(
            "A live login cannot be pickled.",
            "It belongs to this kernel.",
            "Make one where it is needed, by ipyterrascope.auth().",
        )


def live_auth(authorizer: Authorizer) -> LiveAuth:
    """Return an auth object for requests, which is one for httpx too where httpx is installed."""
    if find_spec("httpx") is None:
        return LiveAuth(authorizer)
    return _class_for_both()(authorizer)


def _class_for_both() -> type[LiveAuth]:
    import anyio.to_thread
    import httpx

    class LiveHttpxAuth(LiveAuth, httpx.Auth):
        """`LiveAuth` in the shape that httpx asks for."""

        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            url = str(request.url)
            headers = self._authorizer.headers(url)
            request.headers.update(headers)
            response = yield request
            if response.status_code == 401 and headers and self._authorizer.refused(url, headers):
                request.headers.update(self._authorizer.headers(url))
                response = yield request
            _take_off(request, response)

        async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
            # a renewal may wait for the network: not on the event loop
            url, run = str(request.url), anyio.to_thread.run_sync
            headers = await run(self._authorizer.headers, url)
            request.headers.update(headers)
            response = yield request
            if response.status_code == 401 and headers and await run(self._authorizer.refused, url, headers):
                request.headers.update(await run(self._authorizer.headers, url))
                response = yield request
            _take_off(request, response)

    def _take_off(request: httpx.Request, response: httpx.Response) -> None:
        for sent in (request, response.request):
            sent.headers.pop("Authorization", None)

    return LiveHttpxAuth
