"""What libcurl and redirects say went wrong, as errors of our tree (floor 4)."""

from __future__ import annotations

from urllib.parse import urljoin

import pycurl

from ...errors import LoginRequired, ServerRefused, ServerUnreachable, TerrascopeError
from ...values.hosts import is_secure
from ...values.redirects import is_login_page, may_redirect
from ..answers import compressed
from ..failures import not_found, silent, takes_no_connections, untrusted
from ..names import host_of, shown

# what a host may mean by it that wants no further connection
_NO_CONNECTION = (
    pycurl.E_COULDNT_CONNECT,
    pycurl.E_GOT_NOTHING,
    pycurl.E_RECV_ERROR,
    pycurl.E_SEND_ERROR,
    pycurl.E_SSL_CONNECT_ERROR,
)
# nobody was reached at all
_UNREACHED = (
    pycurl.E_COULDNT_CONNECT,
    pycurl.E_COULDNT_RESOLVE_HOST,
    pycurl.E_COULDNT_RESOLVE_PROXY,
    pycurl.E_OPERATION_TIMEDOUT,  # of the connection: for the rest there is no such limit
)
_UNTRUSTED = (pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_ISSUER_ERROR, pycurl.E_SSL_CACERT_BADFILE)


def is_no_connection(code: int) -> bool:
    """Tell whether the code is one of a connection that did not come about, or was ended by the host."""
    return code in _NO_CONNECTION


def is_unreached(code: int) -> bool:
    """Tell whether the code is one of a host that was not reached at all."""
    return code in _UNREACHED


def is_unknown_name(code: int) -> bool:
    """Tell whether the code is one of a name that was not found: libcurl does not tell one that nobody has from a
    resolver that is down."""
    return code == pycurl.E_COULDNT_RESOLVE_HOST


def curl_failure(code: int, url: str, proxy: str | None = None) -> TerrascopeError:
    """Return our error for one of libcurl's codes; `retryable` for what may pass. `proxy` is what was asked, if any."""
    host = host_of(url)
    if code in _UNTRUSTED:
        return untrusted(host)
    if code == pycurl.E_URL_MALFORMAT:
        return bad_address(url)
    if code == pycurl.E_UNSUPPORTED_PROTOCOL:
        return unreadable(url)
    if code == pycurl.E_BAD_CONTENT_ENCODING:
        return compressed(shown(url))
    if is_unreached(code):
        return _unreached(code, host, proxy)
    return ServerUnreachable(
        f"The connection to {host} was lost.",
        f"It happened at {shown(url)}.",
        "Check the network, and try again: it goes on where it was, if the server allows.",
    )


def _unreached(code: int, host: str, proxy: str | None) -> ServerUnreachable:
    if is_unknown_name(code):
        return not_found(host)
    if code == pycurl.E_COULDNT_RESOLVE_PROXY:
        return ServerUnreachable(
            f"The proxy to {host} was not found.", "HTTPS_PROXY has a name that nobody knows.", "Check HTTPS_PROXY."
        )
    if proxy:
        answers = "does not answer" if code == pycurl.E_OPERATION_TIMEDOUT else "takes no connections"
        return ServerUnreachable(
            f"The proxy to {host} {answers}.",
            f"HTTPS_PROXY names {host_of(proxy) or 'it'}.",
            "Check HTTPS_PROXY and NO_PROXY, and try again later.",
        )
    return silent(host) if code == pycurl.E_OPERATION_TIMEDOUT else takes_no_connections(host)


def bad_address(url: str) -> ServerRefused:
    """Return the error for an address that cannot be asked."""
    return ServerRefused(f"{host_of(url)} cannot be asked.", f"The address is {shown(url)}.", "Check the address.")


def unreadable(url: str) -> ServerRefused:
    """Return the error for an answer without a status, or with a header that does not end."""
    return ServerRefused(
        f"{host_of(url)} answered in a way that cannot be read.",
        f"It has no status, or no end of its header, at {shown(url)}.",
        "Try again later; if it stays so, tell the provider.",
    )


def too_many_redirects(url: str) -> ServerRefused:
    """Return the error for redirects without end."""
    return ServerRefused(
        f"{host_of(url)} sent a redirect that cannot be followed.",
        f"There were too many, the last at {shown(url)}.",
        "Check the address.",
    )


def redirected(here: str, location: str, login_url: str) -> str:
    """Return where a redirect leads.

    Raises
    ------
    LoginRequired
        To the login page.
    ServerRefused
        To where it must not be followed.
    """
    try:
        # as requests reads it
        there = urljoin(here, location.encode("latin-1").decode("utf-8", "replace"))
    except ValueError:
        there = ""
    if is_login_page(here, there, login_url):
        raise LoginRequired(
            "The service sent us to its login page instead of the data.",
            "It does not accept this login, or wants something done in a browser first.",
            "Sign in again, or open the address in a browser.",
        )
    # libcurl has a parser of its own: only what all parsers read alike is asked
    if not is_secure(there) or not may_redirect(here, there):
        raise ServerRefused(
            f"{host_of(here)} sent a redirect that cannot be followed.",
            "It is not encrypted, leads into this machine or its network, or cannot be read.",
            "Ask for the new address yourself, if you trust it.",
        )
    return there
