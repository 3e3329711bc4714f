"""What the login widget shows of an account: the values of its traits, and the code to approve (floor 6).

The code is not among the traits: these are saved with the notebook, and whoever opens the file while the code is good
could approve it under another name. It goes to the views as a message, which nothing keeps.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import TerrascopeError, quoted
from ..values.hosts import is_loopback
from ..values.providers import LoginMethod, Provider
from ..values.states import LoginState

_PASSWORD: tuple[LoginMethod, ...] = ("password", "basic")
_LONGEST_TITLE = 40
_MOST_LINKS = 6


def traits_of(state: LoginState, has_ended: bool) -> dict[str, object]:
    """Return the values of the traits that follow an account. Instants are POSIX seconds, 0 where there is none.

    `has_ended` says of a failure that it ended a login that was there.
    """
    device = state.device if state.phase == "awaiting_user" else None
    return {
        "phase": state.phase,
        "verification_uri": device.verification_uri if device else "",
        "code_expires_at": float(device.expires_at) if device else 0.0,
        "user": state.user,
        "source": state.source,
        "expires_at": float(state.expires_at or 0.0),
        "session_ends_at": float(state.session_ends_at or 0.0),
        "remember": state.remember,
        "renewable": state.renewable,
        "error": _shown_error(state.error, has_ended),
        "notice": state.notice,
    }


def code_of(state: LoginState) -> dict[str, object] | None:
    """Return the code that waits for approval as a message tells it (RFC 8628 section 3.2); None when none waits."""
    device = state.device if state.phase == "awaiting_user" else None
    if device is None:
        return None
    return {
        "user_code": device.user_code,
        "verification_uri_complete": device.verification_uri_complete or "",
        # by which a view knows that the code belongs to what its traits say
        "code_expires_at": float(device.expires_at),
    }


def offered_ways(methods: Iterable[LoginMethod], provider: Provider) -> tuple[LoginMethod, ...]:
    """Return the ways to sign in that the widget offers, of all that there are now.

    One form for user name and password is enough, and few have a token or a client's secret: those who ask for one of
    these ways get it. A code is pasted at a prompt.
    """
    ways: list[LoginMethod] = [way for way in methods if way != "code"]
    aside = [way for way in ways if way in _PASSWORD][1:]
    aside += ["oidc"] if provider.methods[0] == "token" else ["oidc", "token"]
    return tuple(way for way in ways if way == ways[0] or way not in aside)


def shown_provider(provider: Provider, methods: Iterable[LoginMethod], *, can_remember: bool) -> dict[str, object]:
    """Return what may be shown of a provider, the ways to sign in on offer, and whether a login can be kept."""
    is_demo = bool(provider.badge) and is_loopback(provider.issuer_host)
    return {
        "name": provider.name,
        "label": provider.label,
        "badge": provider.badge,
        "demo_login": provider.demo_login if is_demo else "",
        "issuer_host": provider.issuer_host,
        "registration_url": provider.registration_url,
        "account_url": provider.account_url,
        "password_reset_url": provider.password_reset_url,
        "token_url": next((link.url for link in provider.links if link.rel == "token"), ""),
        # a back-end may name any number, in any words
        "links": [
            [quoted(link.title, _LONGEST_TITLE), link.url]
            for link in provider.links
            if link.url != provider.registration_url and link.rel != "token"
        ][:_MOST_LINKS],
        "methods": list(methods),
        "can_remember": can_remember,
    }


def _shown_error(error: TerrascopeError | None, has_ended: bool) -> dict[str, object]:
    if error is None:
        return {}
    return {"what": error.what, "why": error.why, "do": error.do, "error": error.error or "", "ended": has_ended}
