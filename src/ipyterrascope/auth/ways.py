"""The ways to sign in: each asks the provider on the thread of an attempt, and yields a login (floor 3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, TypeVar

from ..errors import AccountRefused, FlowUnavailable, LoginRefused, TerrascopeError, quoted
from ..protocol.claims import unverified_claims
from ..protocol.code import CodeRequest, redeem
from ..protocol.device import authorize, poll, until_approved
from ..protocol.oauth import OAuthClient
from ..protocol.openeo import basic_tokens, describe_me
from ..threads.abort import AbortSignal
from ..values.providers import LoginMethod
from ..values.secret import Secret
from ..values.states import DeviceAuthorization, Origin
from ..values.tokens import TokenSet, is_fit_for_header
from .attempts import Attempt
from .chain import GivenClient, GivenPassword, GivenToken, LentToken, Offer, PassedOver, StoredOffer
from .credentials import Login, basic_login, borrowed_login, given_tokens, token_login
from .keeper import Keeper
from .renewers import ByClient, ByLender, by_secret
from .user_tokens import by_browser, by_found_password, by_pasted_token, by_typed_password

_T = TypeVar("_T")

_BEFORE_TOKEN = re.compile(r"(?:authorization:\s*)?bearer\s+", re.IGNORECASE)


def by_device(
    client: OAuthClient,
    attempt: Attempt,
    *,
    on_code: Callable[[DeviceAuthorization], None],
    on_trouble: Callable[[TerrascopeError | None], None],
) -> Login:
    """Ask for a code, and wait until somebody has approved it (RFC 8628)."""
    authorization = authorize(client, remember=attempt.remember, signal=attempt.signal)
    on_code(authorization)
    tokens = until_approved(
        lambda: poll(client, authorization, signal=attempt.signal),
        interval_s=authorization.interval,
        lifetime_s=authorization.expires_at - client.clock(),
        wait=attempt.wait,
        on_trouble=on_trouble,
    )
    return token_login(tokens, "device")


def by_code(client: OAuthClient, attempt: Attempt, request: CodeRequest, redirected: Secret) -> Login:
    """Exchange the code that a browser was led back with (RFC 6749 section 4.1)."""
    login = token_login(redeem(client, request, redirected, signal=attempt.signal), "code")
    return replace(login, end=by_browser(client.provider)) if client.provider.is_earthdata else login


def by_token(client: OAuthClient, attempt: Attempt, access_token: Secret) -> Login:
    """Use a token that somebody has; what stands before it may come along.

    It is shown to the back-end, or to Earthdata Login, first. Nobody is asked about another provider's, but what it
    says of itself counts.
    """
    token = Secret(_BEFORE_TOKEN.sub("", access_token.reveal().strip()).removeprefix(client.provider.bearer_prefix))
    if not is_fit_for_header(token.reveal()):
        raise LoginRefused("That is no access token.", "It holds a space, or what is no ASCII.", "Copy it again.")
    if client.provider.is_earthdata:
        return by_pasted_token(client, token)
    if not client.provider.backend_url:
        return _by_unasked_token(client, token)
    authorization = Secret(f"Bearer {client.provider.bearer_prefix}{token.reveal()}")
    provider = client.provider
    try:
        me = describe_me(client.http, provider, authorization, signal=attempt.signal)
    except LoginRefused as exc:
        status = exc.status
    else:
        user = me.get("name") or me.get("user_id", "")
        return replace(borrowed_login(given_tokens(token, client.clock()), "token", ""), user=user)
    raise LoginRefused(
        f"{provider.label} does not accept this token.",
        "It has ended, is another provider's, or you are not registered there.",
        f"Get an access token of {provider.issuer_host}, or sign in another way.",
        status=status,
    )


def _by_unasked_token(client: OAuthClient, token: Secret) -> Login:
    tokens, provider = given_tokens(token, client.clock()), client.provider
    if tokens.expires_at is not None and tokens.expires_at <= client.clock():
        raise LoginRefused("This token has ended.", "", "Get another one, or sign in another way.")
    issuer = unverified_claims(token).get("iss")
    if isinstance(issuer, str) and issuer.rstrip("/") != provider.issuer:
        raise LoginRefused(
            f"This is no token of {provider.label}.",
            f"{quoted(issuer)} issued it, and not {provider.issuer}.",
            f"Get an access token of {provider.issuer_host}, or sign in another way.",
        )
    return borrowed_login(tokens, "token", "")


def by_client(client: OAuthClient, attempt: Attempt, client_secret: Secret, by_person: Callable[[], Login]) -> Login:
    """Sign in as a client that has a secret: for itself where it may, else `by_person`, who has to send it along."""
    client_id = client.provider.client_id
    try:
        tokens = client.client_credentials(client_id, client_secret, signal=attempt.signal)
    except (LoginRefused, FlowUnavailable) as exc:
        refused = exc
    else:
        login = token_login(tokens, "oidc", user=client_id)
        return replace(login, renewer=by_secret(client, client_secret), secret=client_secret)
    # Keycloak says the same to a wrong secret and to a client that may not sign in for itself
    try:
        return replace(by_person(), source="oidc")
    except FlowUnavailable:
        pass
    raise refused


def by_refresh_token(client: OAuthClient, refresh_token: Secret) -> Login:
    """Exchange a refresh token of a device login that was made elsewhere (RFC 6749 section 6)."""
    given = TokenSet(access_token=Secret(""), refresh_token=refresh_token, issued_at=client.clock())
    return token_login(client.refresh(given), "device")


def by_password(
    client: OAuthClient,
    attempt: Attempt,
    username: str,
    password: Secret,
    one_time_code: Secret | None,
    method: Literal["password", "basic"],
    *,
    remember: bool,
) -> Login:
    """Exchange user name and password for tokens, or keep both for Basic authentication without trying them.

    An openEO back-end that takes them itself exchanges them for a token of its own, Earthdata Login for a user token.
    """
    if client.provider.is_earthdata:
        return by_typed_password(client, attempt, username, password)
    if method == "basic":
        return _by_basic(client, attempt, username, password)
    tokens = client.password(username, password, one_time_code, remember=remember, signal=attempt.signal)
    return token_login(tokens, "password", user=username)


def _by_basic(client: OAuthClient, attempt: Attempt, username: str, password: Secret) -> Login:
    login, provider = basic_login(username, password), client.provider
    credentials = login.basic
    if not provider.is_basic or credentials is None:
        return login

    tokens = basic_tokens(client.http, provider, credentials, client.clock(), signal=attempt.signal)
    # the password stays in memory, for the token has no other renewal
    renewer = by_secret(client, credentials)
    return replace(token_login(tokens, "basic", user=username), renewer=renewer, secret=credentials)


def by_offer(
    client: OAuthClient, attempt: Attempt, keeper: Keeper, source: Origin, found: Offer, method: LoginMethod | None
) -> Login:
    """Use what a silent source found.

    Raises
    ------
    PassedOver
        It turned out to be nothing; another source may serve.
    """
    if isinstance(found, GivenToken):
        return borrowed_login(given_tokens(found.access_token, client.clock()), source, found.came_from)
    if isinstance(found, LentToken):
        return _by_lender(source, found)
    if isinstance(found, StoredOffer):
        return keeper.serve(source, found)
    if isinstance(found, GivenClient):
        return _by_given_client(client, attempt, source, found)
    if client.provider.is_earthdata:
        return by_found_password(client, attempt, source, found)
    if client.provider.is_basic:
        login = _unless_refused(lambda: _by_basic(client, attempt, found.username, found.password), found.came_from)
        return replace(login, source=source, came_from=found.came_from)
    if method == "basic":
        return basic_login(found.username, found.password, source)
    return _by_given_password(client, attempt, source, found)


def _by_lender(source: Origin, lent: LentToken) -> Login:
    renewer = ByLender(lent)
    try:
        return borrowed_login(renewer.asked(), source, lent.came_from, renewer)
    except TerrascopeError as exc:
        nothing = PassedOver(exc)
    raise nothing


def _by_given_password(client: OAuthClient, attempt: Attempt, source: Origin, found: GivenPassword) -> Login:
    def sign_in() -> TokenSet:
        return client.password(found.username, found.password, signal=attempt.signal)

    return token_login(
        _unless_refused(sign_in, found.came_from), source, user=found.username, came_from=found.came_from
    )


def _by_given_client(client: OAuthClient, attempt: Attempt, source: Origin, found: GivenClient) -> Login:
    def sign_in(signal: AbortSignal | None = None) -> TokenSet:
        return _unless_refused(
            lambda: client.client_credentials(found.client_id, found.secret, signal=signal), found.came_from
        )

    login = token_login(sign_in(attempt.signal), source, user=found.client_id, came_from=found.came_from)
    return replace(login, renewer=ByClient(sign_in))


def _unless_refused(ask: Callable[[], _T], came_from: str) -> _T:
    try:
        return ask()
    except AccountRefused:
        raise  # nothing is wrong with what was found
    except LoginRefused as exc:
        refused = LoginRefused(exc.what, exc.why, f"Check {came_from}.", error=exc.error, status=exc.status)
    raise refused
