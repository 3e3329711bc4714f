"""A `requests.Session` whose requests carry a live credential to the hosts that may see it, and nowhere else (floor 4).

The credential exists on the wire only: it is put on a copy of the request as that copy leaves, whichever adapter is
mounted, and so for the first request, every redirect and the one retry after a 401 alike. What the caller keeps (the
response, its request, its history, an exception) never held it, and can be pickled or printed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urljoin

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.util import parse_url

from .errors import LoginRequired, SecretExposed, ServerRefused, TerrascopeError
from .protocol.earthdata_answers import MOST_BYTES, Explain, FinalAnswer, explainer
from .protocol.http import NoNetrc
from .values.authorizer import Authorizer
from .values.connection import Connection
from .values.redirects import changed_hands, is_login_page, may_redirect
from .values.secret import chained, sealed

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

    from .auth.account import Account

# Anything but a web page: a server that sees a browser may answer with its login page. Servers that look for the words
# text/html would find them also in "text/html;q=0".
_ACCEPT = "image/tiff, application/json, application/octet-stream, */*;q=0.5"


class AuthorizedSession(requests.Session):
    """A `requests.Session` that signs its own requests. Make it by `ipyterrascope.session()`.

    Differences from a plain session: the credential is added, renewed and kept to the provider's hosts; a 401 is
    answered by one renewal and one more try; `~/.netrc` is not read; there are time-outs by default; a redirect to the
    login page, from https to http, or from elsewhere into this machine raises instead of being followed; it does not
    pickle. With `allow_redirects=False`, which is what `head` does unless told otherwise, such a redirect is returned
    like any other, and its `next` is None. An `Authorization` header or `auth=` of your own goes first, and is yours to
    look after. Adapters that you mount (for retries, say) work as usual. Cookies are forgotten when another person
    signs in.

    Parameters
    ----------
    authorizer : Authorizer
        Gives the headers.
    login_url : str
        The identity provider's issuer: a redirect to its pages is an error, not data.
    connection : Connection
        CA bundle and time-outs in seconds.
    whose : callable
        Returns what tells who is signed in from others, or nothing for nobody.
    explain : callable, optional
        Returns the error to raise for an answer that says what a person has to do first, or None.
    advice : str
        Stands in the `reason` of an answer that refuses a valid credential (401, 403), and so in what
        `raise_for_status` raises.
    """

    def __init__(
        self,
        authorizer: Authorizer,
        *,
        login_url: str = "",
        connection: Connection | None = None,
        whose: Callable[[], str] = lambda: "",
        explain: Explain | None = None,
        advice: str = "",
    ) -> None:
        super().__init__()
        connection = connection or Connection()
        self.headers["Accept"] = _ACCEPT
        self.timeout = connection.timeout
        if connection.verify:
            self.verify = connection.verify
        self.auth = NoNetrc()
        self._authorizer, self._login_url = authorizer, login_url
        self._explain, self._advice = explain, advice
        self._whose, self._user = whose, ""
        # how many have followed each other, and whose the cookies are of what each thread sends at present
        self._people, self._begun = 0, threading.local()

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Send a request as `requests.Session.request` does, with this session's `timeout` unless one is given."""
        kwargs.setdefault("timeout", self.timeout)
        # said for each request, for REQUESTS_CA_BUNDLE would go before what is only said for the session
        kwargs.setdefault("verify", self.verify)
        try:
            with self._sending():
                return super().request(method, url, *args, **kwargs)
        except TerrascopeError as exc:
            failure = exc
        try:
            # the way through requests says nothing of it, and fills a page of a notebook
            raise failure.with_traceback(None)
        finally:
            del failure  # this frame is in its traceback: a cycle would keep both

    def send(self, request: PreparedRequest, **kwargs: Any) -> Response:
        """Send a prepared request as `requests.Session.send` does, with this session's `timeout` likewise."""
        kwargs.setdefault("timeout", self.timeout)
        with self._sending():
            return super().send(request, **kwargs)

    @contextmanager
    def _sending(self) -> Generator[None, None, None]:
        """Note whose cookies the request will have, and its redirects, for which this is done again within."""
        is_first = not hasattr(self._begun, "by")
        if is_first:
            self._forget_another()
            self._begun.by = self._people
        try:
            yield
        finally:
            if is_first:
                del self._begun.by

    def get_adapter(self, url: str) -> BaseAdapter:
        """Return the adapter for `url`, made to sign what passes through it."""
        inner = super().get_adapter(url)
        return _SigningAdapter(inner, self._authorizer, self._has_changed_hands, self._explain, self._advice)

    def _forget_another(self) -> None:
        """Forget the cookies where they are another person's."""
        before, self._user = self._user, self._whose()
        if before not in ("", self._user):
            self._people += 1
            self.cookies.clear()

    def _has_changed_hands(self) -> bool:
        """Tell whether another person has signed in since this was asked of the request under way, or it was begun."""
        self._forget_another()
        before = getattr(self._begun, "by", self._people)
        self._begun.by = self._people
        return before != self._people

    def resolve_redirects(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, *args: Any, yield_requests: bool = False, **kwargs: Any
    ) -> Generator[Response, None, None]:
        """Follow redirects as the base class does, or only prepare the next request, where there may be one."""
        hops = super().resolve_redirects(*args, yield_requests=yield_requests, **kwargs)
        if not yield_requests:
            yield from hops
            return
        # nobody goes there: who asked not to be led on gets the answer itself
        with suppress(LoginRequired, ServerRefused):
            yield from hops

    def rebuild_auth(self, prepared_request: PreparedRequest, response: Response) -> None:
        """Raise for a redirect that must not be followed; take a caller's own `Authorization` off to another origin."""
        if not may_redirect(str(response.url), str(prepared_request.url)):
            raise ServerRefused(
                f"{parse_url(str(response.url)).host} sent us to an address that is not safe to ask.",
                "It is not encrypted, leads into this machine or its network, or cannot be read.",
                "Ask for the new address yourself, if you trust it.",
                status=response.status_code,
            )
        headers = prepared_request.headers
        if "Authorization" in headers and self.should_strip_auth(str(response.request.url), str(prepared_request.url)):
            del headers["Authorization"]

    def get_redirect_target(self, resp: Response) -> str | None:
        """Return where a response redirects to; raise when that is the login page (the answer is then no data)."""
        target = super().get_redirect_target(resp)
        if target and is_login_page(resp.url, urljoin(resp.url, target), self._login_url):
            resp.close()
            raise LoginRequired(
                "The service sent us to its login page instead of the data.",
                "It does not accept this login, or wants something done in a browser first.",
                "Sign in again, or open the address in a browser.",
                status=resp.status_code,
            )
        return target

    def __reduce__(self) -> NoReturn:
        raise SecretExposed(
            "A signed-in session cannot be pickled.",
            "It belongs to the login of this kernel.",
            "Make one where it is needed, by ipyterrascope.session().",
        )

    __getstate__ = __reduce__


def session_of(account: Account) -> AuthorizedSession:
    """Make a session of an account."""
    provider = account.provider
    return AuthorizedSession(
        account,
        login_url=provider.login_url,
        connection=account.connection,
        whose=lambda: account.whose,
        explain=explainer(provider),
        advice=provider.advice,
    )


class _SigningAdapter(BaseAdapter):
    def __init__(
        self,
        inner: BaseAdapter,
        authorizer: Authorizer,
        has_changed_hands: Callable[[], bool],
        explain: Explain | None,
        advice: str,
    ) -> None:
        super().__init__()
        self._inner, self._authorizer = inner, authorizer
        self._has_changed_hands, self._explain, self._advice = has_changed_hands, explain, advice

    def send(self, request: PreparedRequest, **kwargs: Any) -> Response:  # pyright: ignore[reportIncompatibleMethodOverride]
        response = sealed(lambda: self._answered(request, kwargs))
        trouble = self._explain(_final_answer(response)) if self._explain is not None else None
        if trouble is not None:
            response.close()
            raise trouble
        return response

    def close(self) -> None:
        self._inner.close()

    def _answered(self, request: PreparedRequest, kwargs: dict[str, Any]) -> Response:
        url = str(request.url)
        headers: Mapping[str, str] = {}
        if "Authorization" not in request.headers:
            headers = self._authorizer.headers(url)
        response = self._sent(request, headers, kwargs)
        if response.status_code != 401 or not headers:
            return response
        try:
            if not self._authorizer.refused(url, headers) or not _is_repeatable(request):
                return response
            headers = self._authorizer.headers(url)
        except BaseException:
            response.close()
            raise
        response.close()
        return self._sent(request, headers, kwargs)

    def _sent(self, request: PreparedRequest, headers: Mapping[str, str], kwargs: dict[str, Any]) -> Response:
        signed = request.copy()
        signed.headers.update(headers)
        # also where no login goes: a cookie may be one
        if self._has_changed_hands():
            signed.headers.pop("Cookie", None)
            _hand_on_no_cookies(request)
        if headers and str(request.url).lower().startswith("http:"):
            # that is loopback: a proxy of the environment would be another machine, and read the credential
            kwargs = {**kwargs, "proxies": {}}
        _hush(self._inner, request, kwargs)
        try:
            response = self._inner.send(signed, **kwargs)
        except BaseException as failure:
            for exc in chained(failure):
                if isinstance(exc, requests.RequestException):
                    exc.request = request
            raise
        response.request = request
        if self._has_changed_hands():
            if response.is_redirect:
                response.close()
                raise changed_hands(str(request.url))
            _set_no_cookies(response)
        if headers and self._advice and response.status_code in (401, 403):
            response.reason = f"{response.reason}. {self._advice}"
        if response.is_redirect:
            # requests would read its body whole, whatever its size and however long it takes
            response.close()
            response._content = b""  # pyright: ignore[reportPrivateUsage]
        return response


def _hand_on_no_cookies(request: PreparedRequest) -> None:
    """Let a request that is sent in the place of this one, or that this one leads to, have none of its cookies."""
    if (cookies := request._cookies) is not None:  # pyright: ignore[reportPrivateUsage]
        cookies.clear()


def _set_no_cookies(response: Response) -> None:
    """Let a session take no cookie from an answer."""
    response.cookies.clear()
    if (plain := getattr(response.raw, "_original_response", None)) is not None:
        del plain.msg["Set-Cookie"]


def _final_answer(response: Response) -> FinalAnswer:
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    length = response.headers.get("Content-Length", "")
    # of what comes in chunks or compressed, the length tells nothing
    is_plain = not any(name in response.headers for name in ("Transfer-Encoding", "Content-Encoding"))
    is_short = is_plain and media_type.endswith("json") and length.isdecimal() and int(length) <= MOST_BYTES
    body = response.content if response.status_code in (401, 403) and is_short else b""
    return FinalAnswer(str(response.url), response.status_code, media_type, body)


class _Quiet:
    # http.client's debug level, where somebody set it for all connections, prints every header
    debuglevel = 0


@cache
def _quiet(connection_class: type[Any]) -> type[Any]:
    if issubclass(connection_class, _Quiet):
        return connection_class
    return type(connection_class.__name__, (_Quiet, connection_class), {})


def _hush(adapter: BaseAdapter, request: PreparedRequest, options: Mapping[str, Any]) -> None:
    """Let no connection to which `adapter` will send a request print what is sent."""
    if isinstance(adapter, HTTPAdapter):
        with suppress(ValueError):  # what is no address is said when it is sent
            pool: Any = adapter.get_connection_with_tls_context(
                request, options.get("verify", True), options.get("proxies"), options.get("cert")
            )
            pool.ConnectionCls = _quiet(pool.ConnectionCls)


def _is_repeatable(request: PreparedRequest) -> bool:
    return request.body is None or isinstance(request.body, (bytes, str))
