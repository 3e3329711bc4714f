"""What `%terrascope status` shows: the same facts as text and as a table."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from html import escape

from ..auth.account import Account
from ..auth.openeo_backends import me_of
from ..configuration import current
from ..errors import TerrascopeError
from ..values.providers import SilentName
from ..values.states import LoginState
from ..wording import SOURCES, how

Fact = tuple[str, str]

_WARNINGS: Mapping[SilentName, str] = {"environment": "; child processes see it too"}


class Status:
    """How accounts stood at one moment.

    Parameters
    ----------
    accounts : sequence of Account
    now : float, optional
        POSIX seconds; the clock unless given.
    """

    def __init__(self, accounts: Sequence[Account], now: float | None = None) -> None:
        moment = time.time() if now is None else now
        self._parts = [(_headline(account), _facts(account, moment)) for account in accounts]
        if not accounts:
            self._parts = [("Nobody is signed in. Run %terrascope login.", [])]

    def __repr__(self) -> str:
        return "\n".join(
            line
            for headline, facts in self._parts
            for line in (headline, *(f"  {name}: {text}" for name, text in facts))
        )

    def _repr_html_(self) -> str:
        return "".join(f"<div><p>{escape(headline)}</p>{_table(facts)}</div>" for headline, facts in self._parts)


def _table(facts: list[Fact]) -> str:
    rows = "".join(
        f'<tr><th scope="row" style="text-align:left">{escape(name)}</th>'
        f'<td style="text-align:left">{escape(text)}</td></tr>'
        for name, text in facts
    )
    return f"<table><tbody>{rows}</tbody></table>" if rows else ""


def _headline(account: Account) -> str:
    state, provider = account.state, account.provider
    badge = f" [{provider.badge}]" if provider.badge else ""
    return f"{provider.label}{badge}: {_stand(account, state)}"


def _stand(account: Account, state: LoginState) -> str:
    if state.phase == "signed_in":
        who = f"signed in as {state.user}" if state.user else "signed in"
        unchecked = " (not checked at sign-in)" if account.is_unchecked else ""
        return f"{who}, {how(account)}{unchecked}."
    if state.phase == "awaiting_user":
        # without the code: what is printed is saved with the notebook, and whoever opens it could approve the code
        return f"waiting for approval of a code at {account.provider.issuer_host}."
    if state.phase == "signing_in":
        return "signing in …"
    if state.error is not None:
        return f"not signed in. {state.error}"
    return "not signed in. Run %terrascope login."


def _facts(account: Account, now: float) -> list[Fact]:
    state = account.state
    facts: list[Fact] = []
    if state.phase == "signed_in":
        facts += [*_times(state, now), *_at_backend(account)]
    if state.phase != "signing_in":  # a source may be what is tried just now
        facts += _sources(account)
    gdal = sys.modules.get("ipyterrascope.bridges.gdal")
    if gdal is not None and (told := gdal.status(account.provider)).is_on:
        facts.append(("GDAL", str(told)))
    return [*facts, ("note", state.notice)] if state.notice else facts


def _sources(account: Account) -> list[Fact]:
    """Say of each place where a credential may lie ready whether it serves, or why not; places of one text together."""
    places: dict[str, list[str]] = {}
    for name in account.sources:
        why_not = account.why_not.get(name)
        if account.state.source == name:
            text = f"serves{_WARNINGS.get(name, '')}"
        elif name == "stored" and account.state.remember:
            text = "keeps this login until you log out"
        else:
            text = why_not.reason if why_not else "not asked"
        places.setdefault(text, []).append(SOURCES[name])
    return [(", ".join(names), text) for text, names in places.items()]


def _at_backend(account: Account) -> list[Fact]:
    """Say how an openEO back-end knows who is signed in."""
    provider = account.provider
    if not provider.backend_url:
        return []
    facts = [("back-end", provider.backend_url), *([] if provider.is_basic else [("issuer", provider.issuer)])]
    try:
        return [*facts, *((name.replace("_", " "), text) for name, text in me_of(account).items())]
    except TerrascopeError as exc:
        return [*facts, ("account", str(exc))]


def _times(state: LoginState, now: float) -> list[Fact]:
    facts: list[Fact] = []
    if state.expires_at is not None:
        manner = "and is renewed before" if state.renewable else "and is not renewed"
        facts.append(("token ends", f"{_instant(state.expires_at, now)} {manner}"))
    if state.session_ends_at is not None:
        facts.append(("session ends", f"{_instant(state.session_ends_at, now)} unless it is used"))
        if current().keep_alive_s:
            facts.append(("kept alive", f"for {_duration(current().keep_alive_s)} after the last use"))
    return facts


def _instant(at: float, now: float) -> str:
    there, here = time.localtime(at), time.localtime(now)
    form = "%H:%M:%S %Z" if there[:3] == here[:3] else "%Y-%m-%d %H:%M:%S %Z"
    left = at - now
    return f"{time.strftime(form, there)} ({f'in {_duration(left)}' if left >= 0 else f'{_duration(-left)} ago'})"


def _duration(seconds: float) -> str:
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"
