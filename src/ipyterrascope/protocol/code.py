"""The authorization code grant, RFC 6749 section 4.1, with PKCE S256, RFC 7636 (floor 2).

No server waits for the browser: a person signs in there and brings back the address that they were led to. The code in
it is of no use to who else sees it, without the verifier, which stays here.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from oauthlib.common import urlencode
from oauthlib.oauth2 import WebApplicationClient

from ..errors import FlowUnavailable, LoginDenied, LoginRefused, TerrascopeError, quoted
from ..threads.abort import AbortSignal
from ..values.hosts import origin_of
from ..values.providers import Provider
from ..values.secret import Secret, sealed
from ..values.tokens import TokenSet
from .oauth import OAuthClient
from .refusals import flow_refused

_CODE = re.compile(r"[\x20-\x7e]{1,4000}")
_AGAIN = "Sign in again, and copy the whole address when the browser has been led there."


@dataclass(frozen=True, kw_only=True)
class CodeRequest:
    """A sign-in that was begun: the page to open, and what the answer has to fit."""

    url: str
    redirect_uri: str
    state: Secret = field(repr=False)
    code_verifier: Secret = field(repr=False)


def request_code(client: OAuthClient, *, remember: bool = False, signal: AbortSignal | None = None) -> CodeRequest:
    """Return the page at which a person signs in (RFC 6749 section 4.1.1).

    Raises
    ------
    FlowUnavailable
        The provider has no such page, or nothing is known of where it would lead.
    ProviderUnreachable, ProviderAnswerInvalid
        There was no useful answer.
    """
    provider = client.provider
    endpoint = client.endpoints(signal).authorization_endpoint
    if endpoint is None or not provider.redirect_uri:
        raise FlowUnavailable(
            f"{provider.label} offers no sign-in by authorization code.",
            "" if endpoint else "It names no authorization_endpoint.",
            "Use another way to sign in.",
        )
    oauth = WebApplicationClient(provider.client_id)
    code_verifier, state, scope = (
        Secret(oauth.create_code_verifier(64)),
        secrets.token_urlsafe(24),
        client.scope(remember),
    )
    # oauthlib's own form of this refuses http, also on loopback
    query = urlencode(
        [
            ("response_type", "code"),
            ("client_id", provider.client_id),
            ("redirect_uri", provider.redirect_uri),
            *([("scope", scope)] if scope else []),
            ("state", state),
            ("code_challenge", oauth.create_code_challenge(code_verifier.reveal(), "S256")),
            ("code_challenge_method", "S256"),
            *provider.authorization_parameters,
        ]
    )
    url = f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"
    return CodeRequest(url=url, redirect_uri=provider.redirect_uri, state=Secret(state), code_verifier=code_verifier)


def redeem(
    client: OAuthClient, request: CodeRequest, redirected: Secret, *, signal: AbortSignal | None = None
) -> TokenSet:
    """Exchange the code in the address that a browser was led to (RFC 6749 section 4.1.3).

    Raises
    ------
    LoginRefused
        It is no such address, belongs to another sign-in, or its code is not good (any more).
    LoginDenied
        Somebody said no on the provider's page.
    """

    def form(_scope: str) -> str:
        return WebApplicationClient(client.provider.client_id).prepare_request_body(
            code=code.reveal(),
            redirect_uri=request.redirect_uri,
            code_verifier=request.code_verifier.reveal(),
            include_client_id=True,
            **client.secret_fields(),
        )

    code = sealed(lambda: _code_of(client.provider, request, redirected))
    return client.grant(form, "", _refused, signal=signal)


def _code_of(provider: Provider, request: CodeRequest, redirected: Secret) -> Secret:
    text = redirected.reveal().strip()
    is_there = origin_of(text) == origin_of(request.redirect_uri) and text.startswith(request.redirect_uri.rstrip("/"))
    query = text.partition("?")[2].partition("#")[0]
    if not is_there or not query:
        raise _no_address()
    told = dict(parse_qsl(query))
    # an answer to another question may be somebody else's: RFC 6749 section 10.12, RFC 9207
    if (
        Secret(told.get("state", "")) != request.state
        or told.get("iss", provider.issuer).rstrip("/") != provider.issuer
    ):
        raise LoginRefused("That address belongs to another sign-in.", "", _AGAIN)
    if "error" in told:
        raise _denied(provider, told["error"], told.get("error_description", ""))
    if not _CODE.fullmatch(told.get("code", "")):
        raise _no_address()
    return Secret(told["code"])


def _no_address() -> LoginRefused:
    return LoginRefused("That is not the address that the browser was led to.", "It has no code in it.", _AGAIN)


def _denied(provider: Provider, error: str, description: str) -> TerrascopeError:
    if error == "access_denied":
        return LoginDenied("The sign-in was denied.", f"{provider.label} said no.", "Sign in again.", error=error)
    return flow_refused(provider, quoted(error, 60), quoted(description), "the authorization code")


def _refused(provider: Provider, error: str, description: str) -> TerrascopeError:
    if error == "invalid_grant":
        return LoginRefused(
            "The code is not good any more.", "It was used, or it ran out.", "Sign in again.", error=error
        )
    return flow_refused(provider, error, description, "the authorization code")
