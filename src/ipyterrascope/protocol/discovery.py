"""Where an issuer answers: OpenID Connect Discovery 1.0 section 4 and RFC 8414 section 3 (floor 2)."""

from __future__ import annotations

from ..errors import ProviderAnswerInvalid, ProviderError, quoted
from ..values.hosts import is_address, leads_inward, origin_of
from ..values.providers import Endpoints, Provider
from .faults import HostUnknown
from .http import Answer, HttpClient, not_as_expected


def discover(provider: Provider, http: HttpClient) -> Endpoints:
    """Ask an issuer for its endpoints.

    Raises
    ------
    ProviderUnreachable
        No answer, or one that says "later".
    ProviderAnswerInvalid
        No metadata, another issuer's metadata, or an endpoint that is neither https nor on loopback.
    """
    return _endpoints(provider, http.get(f"{provider.issuer}/.well-known/openid-configuration"))


def _endpoints(provider: Provider, answer: Answer) -> Endpoints:
    if answer.status != 200 or answer.body is None:
        raise not_as_expected(answer, provider.issuer_host, "OpenID configuration")
    issuer = answer.body.get("issuer")
    if not isinstance(issuer, str) or issuer.rstrip("/") != provider.issuer:
        raise IssuerMismatch(
            "The identity provider says it is somebody else.",
            f"It calls itself {quoted(issuer)}, but {provider.issuer} was asked.",
            "Check the issuer's address.",
        )
    found = {name: _endpoint(provider, answer.body, name) for name in Endpoints.__dataclass_fields__}
    token_endpoint = found.pop("token_endpoint")
    if token_endpoint is None:
        raise not_as_expected(answer, provider.issuer_host, "token_endpoint")
    return Endpoints(token_endpoint=token_endpoint, **found)


def _endpoint(provider: Provider, body: dict[str, object], name: str) -> str | None:
    url = body.get(name)
    if url is None:
        return None
    # an issuer elsewhere has no endpoint on this machine: the form would go to whatever listens there
    if not is_address(url) or leads_inward(url, provider.issuer):
        raise InsecureEndpoint(
            f"The identity provider's {name} is not a secure address.",
            "Credentials go only to https (to this machine only when the provider itself is on it).",
            "Tell the provider's administrator.",
        )
    return url


class IssuerMismatch(ProviderAnswerInvalid):
    """The metadata belongs to another issuer (RFC 8414 section 3.3): never fall back, never go on."""


class InsecureEndpoint(ProviderAnswerInvalid):
    """An endpoint in the metadata is not secure: never fall back, never go on."""


def endpoints_of(provider: Provider, http: HttpClient) -> tuple[Endpoints, bool]:
    """Return an issuer's endpoints, and whether they were discovered (else they are the known ones).

    A provider whose metadata cannot be had right now is spoken to where it is known to answer, unless its host was not
    found, which looking for it once more would only take longer to tell. Metadata that contradicts the issuer, or that
    is not secure, is never passed over.
    """
    trouble: ProviderError
    try:
        return discover(provider, http), True
    except (IssuerMismatch, InsecureEndpoint):
        raise
    except ProviderError as exc:
        trouble = exc
    known = provider.endpoints
    if known is None:
        raise trouble
    if isinstance(trouble, HostUnknown) and origin_of(known.token_endpoint) == origin_of(provider.issuer):
        raise trouble
    return known, False
