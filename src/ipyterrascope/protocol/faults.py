"""Why a provider gave no answer, as an error of our tree (floor 2)."""

from __future__ import annotations

import socket

import requests
from urllib3.exceptions import ReadTimeoutError

from ..errors import ConfigurationError, ProviderAnswerInvalid, ProviderUnreachable, TerrascopeError
from ..values.hosts import origin_of


class HostUnknown(ProviderUnreachable):
    """No name server knows the host, or none answers: it took its time, and asking again at once is of no use."""


def unreached(url: str, exc: Exception) -> TerrascopeError:
    """Return the error for an exception of the HTTP library, which holds the request and must not leave that module."""
    origin = origin_of(url)
    host = f"{origin[1]}:{origin[2]}" if origin else "the identity provider"
    if isinstance(exc, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" not in str(exc):
        return ProviderUnreachable(
            f"{host} could not be verified.",
            "No TLS is spoken there, or none that this machine understands.",
            "Check address and port; on this machine write http:// before them, if that is what answers there.",
        )
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
    # requests makes a ConnectionError of a time-out in the middle of a body
    if isinstance(exc, requests.Timeout) or any(isinstance(part, ReadTimeoutError) for part in exc.args):
        return ProviderUnreachable(f"{host} did not answer in time.", "", "Try again in a moment.")
    if _is_of_a_name(exc):
        return HostUnknown(
            f"No server called {host} was found.",
            "The name is misspelt, or this machine has no network.",
            "Check the address and the network, then try again.",
        )
    # the second is what requests makes of a connection that breaks in the middle of a body
    if isinstance(exc, (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        return ProviderUnreachable(
            f"{host} was not reached.", "There is no connection, or it broke.", "Check the network, then try again."
        )
    if isinstance(exc, OSError) and not isinstance(exc, requests.RequestException):
        # raised by requests itself, before it connects
        return ConfigurationError(
            f"No connection to {host} can be made.",
            "The CA bundle is not there or cannot be read.",
            "Check c.Terrascope.verify and REQUESTS_CA_BUNDLE.",
        )
    return ProviderAnswerInvalid(
        f"{host} gave an answer that cannot be read.",
        "It is too large, or no proper HTTP.",
        "Check the issuer's address, or try again later.",
    )


def _is_of_a_name(exc: BaseException) -> bool:
    """Tell whether it came of looking a name up."""
    each: BaseException | None = exc
    while each is not None and not isinstance(each, socket.gaierror):
        each = each.__cause__ or each.__context__
    return each is not None
