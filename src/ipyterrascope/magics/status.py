"""What `%terrascope status` says."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ..auth.account import Account
from ..values.states import LoginState

_WARN_S = 600.0


def status(accounts: Sequence[Account], now: float | None = None) -> str:
    """Return a paragraph for each account: who, from which source, until when, and what to do next.

    Parameters
    ----------
    accounts : sequence of Account
    now : float, optional
        POSIX seconds; the clock unless given.
    """
    moment = time.time() if now is None else now
    return (
        "\n".join(_paragraph(account, moment) for account in accounts) or "Nobody is signed in. Run %terrascope login."
    )


def _paragraph(account: Account, now: float) -> str:
    state, label = account.state, account.provider.label
    badge = f" [{account.provider.badge}]" if account.provider.badge else ""
    lines = [f"{label}{badge}: {_headline(account, state, now)}"]
    if state.notice:
        lines.append(state.notice)
    lines += [f"{name}: {reason}" for name, reason in account.why_not.items() if state.phase != "signed_in"]
    return "\n  ".join(lines)


def _headline(account: Account, state: LoginState, now: float) -> str:
    if state.phase == "signed_in":
        return " ".join([_who(state), _until(state, now)]).strip()
    if state.phase == "awaiting_user" and state.device is not None:
        return f"waiting for approval of the code {state.device.user_code} at {account.provider.issuer_host}."
    if state.phase == "signing_in":
        return "signing in …"
    if state.error is not None:
        return f"not signed in. {state.error}"
    return "not signed in. Run %terrascope login."


def _who(state: LoginState) -> str:
    who = f"signed in as {state.user}" if state.user else "signed in"
    source = {"environment": "from the environment, which child processes see too"}.get(
        state.source, f"by {state.source}"
    )
    return f"{who}, {source}."


def _until(state: LoginState, now: float) -> str:
    if state.expires_at is None:
        return ""
    until = time.strftime("%H:%M:%S", time.localtime(state.expires_at))
    if not state.renewable:
        return f"The token ends at {until} and is not renewed."
    said = f"The token is good until {until} and renewed quietly."
    if state.session_ends_at is None:
        return said
    ends = time.strftime("%H:%M", time.localtime(state.session_ends_at))
    soon = "Soon: " if state.session_ends_at - now < _WARN_S else ""
    return f"{said} {soon}If nothing uses it, the session ends at {ends}."
