"""What a token endpoint answered: errors (RFC 6749 section 5.2) and tokens (section 5.1). Floor 2.

oauthlib parses them; what enters it was narrowed to the types the RFC names.
"""

from __future__ import annotations

import json

from oauthlib.oauth2 import OAuth2Error
from oauthlib.oauth2.rfc6749.parameters import parse_token_response

from ..errors import ProviderAnswerInvalid, quoted
from ..values.secret import Secret
from ..values.tokens import TokenSet, is_fit_for_header
from .claims import instant_of
from .http import Answer, JsonObject, not_as_expected

# three centuries: what is said to last longer does not end
_LONGEST_S = 1e10


def error_of(answer: Answer) -> tuple[str, str] | None:
    """Return `error` and `error_description` of an OAuth error answer; None when the answer is not one."""
    if answer.body is None:
        return None
    code, description = _string(answer.body, "error"), _string(answer.body, "error_description")
    # some providers say these two with 429
    if not code or (answer.is_passing and code not in ("authorization_pending", "slow_down")):
        return None
    try:
        parse_token_response(json.dumps({"error": code, "error_description": description}))
    except OAuth2Error as exc:
        code, description = exc.error or code, exc.description or ""
    return quoted(code, 60), quoted(description)


def tokens_of(answer: Answer, host: str, issued_at: float) -> TokenSet:
    """Narrow a token answer (RFC 6749 section 5.1).

    Parameters
    ----------
    answer : Answer
    host : str
        Named in errors.
    issued_at : float
        POSIX seconds when the request was sent: lifetimes count from there.

    Raises
    ------
    ProviderAnswerInvalid
        There is no usable bearer in it.
    """
    if answer.status != 200 or answer.body is None:
        raise not_as_expected(answer, host, "access_token")
    text = {name: _string(answer.body, name) for name in ("access_token", "refresh_token", "token_type", "scope")}
    if not is_fit_for_header(text["access_token"]):
        raise not_as_expected(answer, host, "access_token")
    if text["refresh_token"] and not is_fit_for_header(text["refresh_token"]):
        raise not_as_expected(answer, host, "refresh_token that can be used")
    if text["token_type"].lower() not in ("bearer", ""):
        raise ProviderAnswerInvalid(
            f"{host} gave a token of another type.",
            f"It is {quoted(text['token_type'], 40)}, not Bearer.",
            "Check the issuer's address.",
        )
    text["token_type"] = "Bearer"  # noqa: S105 - the RFC's word for it
    parsed = parse_token_response(json.dumps({name: value for name, value in text.items() if value}))
    access_token = Secret(parsed["access_token"])
    lifetime = _seconds(answer.body, "expires_in")
    refresh_lifetime = _seconds(answer.body, "refresh_expires_in")
    return TokenSet(
        access_token=access_token,
        refresh_token=Secret(parsed["refresh_token"]) if parsed.get("refresh_token") else None,
        issued_at=issued_at,
        expires_at=issued_at + lifetime if lifetime is not None else instant_of(access_token, "exp"),
        # Keycloak says 0 for a refresh token that does not end
        refresh_expires_at=issued_at + refresh_lifetime if refresh_lifetime else None,
        scope=quoted(text["scope"], 500),
    )


def _string(body: JsonObject, name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _seconds(body: JsonObject, name: str) -> float | None:
    value = number_of(body, name)
    return float(value) if value is not None and 0 <= value < _LONGEST_S else None


def number_of(body: JsonObject, name: str) -> float | None:
    """Read a number, which some providers write as text; None when it is missing or none."""
    value = body.get(name)
    if isinstance(value, str) and value.strip().isdecimal():
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        return None
    return value
