"""What a provider's "no" means for the person in front of it (floor 2; RFC 6749 section 5.2, and Keycloak's words)."""

from __future__ import annotations

from ..errors import SIGN_IN_AGAIN, AccountRefused, FlowUnavailable, LoginRefused, ProviderError, TerrascopeError
from ..values.providers import Provider


def password_refused(provider: Provider, error: str, description: str) -> TerrascopeError:
    """Make the error for a refused password grant; without an `error`, some providers just answer 401 or 403."""
    if error not in ("", "invalid_grant"):
        return flow_refused(provider, error, description, "the password form")
    where = f" at {provider.account_url}" if provider.account_url else ""
    for words, do in (
        (("disabled", "locked"), f"Only {provider.label} can change that: ask its help desk."),
        (("not fully set up", "verif"), f"Open your account{where} in a browser and do what it asks there."),
    ):
        if any(word in description.lower() for word in words):
            what = f"{provider.label} did not let you in."
            return AccountRefused(what, f'It said "{description}".', do, error=error)
    return LoginRefused(
        f"{provider.label} did not accept the user name and password.",
        "One of them, or the one-time code, is wrong; accounts of EduGAIN or a social login have no password.",
        "Try again, or sign in with the device code." if "device" in provider.methods else "Try again.",
        error=error or None,
    )


def stay_refused(provider: Provider, error: str, do: str) -> LoginRefused:
    """Make the error for `offline_access` that is refused only when a code was used up; `do` says what to do then."""
    return LoginRefused(
        f"{provider.label} does not let this account stay signed in.",
        "That shows only now, and the code is used up; the next one is for a session of the usual length.",
        do,
        error=error,
    )


def client_refused(provider: Provider, error: str, description: str) -> TerrascopeError:
    """Make the error for refused client credentials (Keycloak says `unauthorized_client`, also to a wrong secret)."""
    if error not in ("", "invalid_client", "unauthorized_client", "invalid_grant"):
        return flow_refused(provider, error, description, "signing in as a client")
    why = f'It said "{description}".' if description else ""
    return LoginRefused(
        f"{provider.label} did not accept the client and its secret.",
        why,
        "Check both, and that the client may sign in for itself (a service account).",
        error=error or None,
    )


def refresh_refused(provider: Provider, error: str, description: str) -> TerrascopeError:
    """Make the error for a refused refresh."""
    if error == "invalid_grant":
        why = f'It said "{description}".' if description else ""
        return LoginRefused(f"{provider.label} ended the session.", why, SIGN_IN_AGAIN, error=error)
    return flow_refused(provider, error, description, "renewing the session")


def flow_refused(provider: Provider, error: str, description: str, flow: str) -> TerrascopeError:
    """Make the error for a grant that this client may not use, or for a code that the RFC does not foresee."""
    said = f'It said {error}: "{description}".' if description else f"It said {error}."
    if error in ("unauthorized_client", "invalid_client", "unsupported_grant_type"):
        return FlowUnavailable(
            f"{provider.label} does not offer {flow} to client '{provider.client_id}'.",
            said,
            "Use another way to sign in, or check client_id.",
            error=error,
        )
    return ProviderError(f"{provider.label} refused {flow}.", said, "Check scope and client_id.", error=error)
