"""Who is signed in where, until when, from which source: the same facts as text, table and values (below the API)."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from .auth.account import Account
from .auth.chain import NOT_ASKED
from .auth.openeo_backends import me_of
from .auth.user_tokens import profile_of
from .configuration import current
from .errors import SIGN_IN_AGAIN, TerrascopeError
from .values.providers import SilentName
from .values.states import LoginState, Phase
from .wording import SOURCES, how, line_for, named

Fact = tuple[str, str]

_OTHERS = "other sources"
_OF_A_PERSON = ("uid", "first_name", "last_name", "affiliation", "organization")
_READY = "Something lies ready, and signs in at the next use."
_WARNINGS: Mapping[SilentName, str] = {"environment": " Child processes see it too."}


@dataclass(frozen=True, kw_only=True)
class AccountStatus:
    """How one account stood.

    Attributes
    ----------
    provider : str
        Its name.
    phase : {"signed_out", "signing_in", "awaiting_user", "signed_in", "failed"}
    user : str
        Who is signed in; empty where nobody is, or the provider does not tell.
    source : str
        From where the login came: "device", "environment" …; empty where nobody is signed in.
    expires_at, session_ends_at : float, optional
        When the token ends, and the session if it is not used, in POSIX seconds; None where that is not known.
    is_renewed : bool
        Whether the token is renewed.
    is_kept : bool
        Whether the login stays on this machine, for other kernels and later days.
    sources : mapping of str to str
        Of each place where a credential may lie ready, a sentence: whether it serves, or why not.
    profile : mapping of str to str
        All that the provider says of who is signed in, by its names, where it is asked: Earthdata Login, or the `/me`
        of an openEO back-end.
    headline : str
        The first line.
    facts, others : list of (str, str)
        What stands below it, name and text, and what does not concern who is signed in.
    """

    provider: str
    phase: Phase
    user: str
    source: str
    expires_at: float | None
    session_ends_at: float | None
    is_renewed: bool
    is_kept: bool
    sources: Mapping[SilentName, str]
    profile: Mapping[str, str]
    headline: str
    facts: list[Fact]
    others: list[Fact]

    @property
    def is_signed_in(self) -> bool:
        """True when somebody is."""
        return self.phase == "signed_in" or self.source != ""  # also while somebody else is to sign in


class Status:
    """How accounts stood at one moment.

    Parameters
    ----------
    accounts : sequence of Account
    now : float, optional
        POSIX seconds; the clock unless given.
    login_by : str
        What signs in here: a magic, a call, or a command. Where it is not Terrascope, its name comes to that.
    instead : str
        A sentence that says what to do where nothing of the kind signs in.

    Attributes
    ----------
    accounts : list of AccountStatus
    """

    def __init__(
        self,
        accounts: Sequence[Account],
        now: float | None = None,
        *,
        login_by: str = "%terrascope login",
        instead: str = "",
    ) -> None:
        moment = time.time() if now is None else now
        self.accounts = [
            _status_of(account, moment, instead or f"Run {line_for(account.provider, login_by)}.")
            for account in accounts
        ]

    def __repr__(self) -> str:
        return "\n".join(line for each in self.accounts for line in _lines(each))

    def _repr_html_(self) -> str:
        return "".join(map(_html, self.accounts))


def _lines(status: AccountStatus) -> list[str]:
    lines = [status.headline, *(f"  {name}: {text}" for name, text in status.facts)]
    if status.others:
        lines += [f"  {_OTHERS}:", *(f"    {name}: {text}" for name, text in status.others)]
    return lines


def _html(status: AccountStatus) -> str:
    others = _table(status.others)
    more = f"<details><summary>{_OTHERS}:</summary>{others}</details>" if others else ""
    return f"<div><p>{escape(status.headline)}</p>{_table(status.facts)}{more}</div>"


def _table(facts: list[Fact]) -> str:
    rows = "".join(
        f'<tr><th scope="row" style="text-align:left">{escape(name)}</th>'
        f'<td style="text-align:left;overflow-wrap:anywhere">{escape(text)}</td></tr>'
        for name, text in facts
    )
    return f"<table><tbody>{rows}</tbody></table>" if rows else ""


def _status_of(account: Account, now: float, do: str) -> AccountStatus:
    if _has_login(account.state):
        account.look_again()
    state = account.state
    sources, concerned = _sources(account, state)
    facts: list[Fact] = []
    profile: Mapping[str, str] = {}
    if _has_login(state):
        profile, told_there = _at_provider(account)
        facts += [*_times(state, now), *told_there]
    facts += _together({name: text for name, text in sources.items() if name in concerned})
    gdal = sys.modules.get("ipyterrascope.bridges.gdal")
    if gdal is not None and (told := gdal.status(account.provider)).is_on:
        facts.append(("GDAL", str(told)))
    if (dask := sys.modules.get("ipyterrascope.bridges.dask")) is not None:
        facts += [("Dask", str(told)) for told in dask.all_of(account.provider)]
    if state.notice:
        facts.append(("note", state.notice))
    return AccountStatus(
        provider=account.provider.name,
        phase=state.phase,
        user=state.user,
        source=state.source,
        expires_at=state.expires_at,
        session_ends_at=state.session_ends_at,
        is_renewed=state.renewable,
        is_kept=account.is_kept,
        sources=sources,
        profile=profile,
        headline=_headline(account, state, sources, do),
        facts=facts,
        others=_together({name: text for name, text in sources.items() if name not in concerned}),
    )


def _headline(account: Account, state: LoginState, sources: Mapping[SilentName, str], do: str) -> str:
    return f"{named(account.provider)}: {_stand(account, state, sources, do)}"


def _stand(account: Account, state: LoginState, sources: Mapping[SilentName, str], do: str) -> str:
    under_way = _under_way(account, state)
    if _has_login(state):
        who = f"signed in as {state.user}" if state.user else "signed in"
        unchecked = " (not checked at sign-in)" if account.is_unchecked else ""
        return f"{who}, {how(account)}{unchecked}{f'; {under_way}' if under_way else '.'}"
    if under_way:
        return under_way
    if state.error is not None:
        error = state.error
        return " ".join(
            filter(None, ("not signed in.", error.what, error.why, do if error.do == SIGN_IN_AGAIN else error.do))
        )
    ready = next((SOURCES[name] for name, text in sources.items() if text == _READY), "")
    return f"not signed in yet; the next use signs in ({ready})." if ready else f"not signed in. {do}"


def _has_login(state: LoginState) -> bool:
    # while another one is to take its place, too
    return state.phase == "signed_in" or state.source != ""


def _under_way(account: Account, state: LoginState) -> str:
    if state.phase == "awaiting_user":
        # without the code: what is printed is saved with the notebook, and whoever opens it could approve the code
        return f"waiting for approval of a code at {account.provider.issuer_host}."
    return "signing in …" if state.phase == "signing_in" else ""


def _sources(account: Account, state: LoginState) -> tuple[dict[SilentName, str], set[SilentName]]:
    """Say of each place where a credential may lie ready whether it serves, or why not; and which of that matters now.

    Who is signed in is concerned by what serves, and by what somebody set up and does not.
    """
    told: dict[SilentName, str] = {}
    concerned = set[SilentName]()
    if state.phase == "signing_in":  # a source may be what is tried just now
        return told, concerned
    has_login = state.phase in ("signed_in", "awaiting_user")
    survey = account.why_not if has_login else account.survey()
    for name in account.sources:
        why_not = survey.get(name)
        if state.source == name:
            told[name] = f"Serves.{_WARNINGS.get(name, '')}"
        elif name == "stored" and account.is_kept:
            told[name] = f"Keeps this login{' until you log out' if state.session_ends_at is None else ''}."
        elif why_not is not None:
            told[name] = f"{why_not.reason} {why_not.do}".strip()
        else:
            told[name] = NOT_ASKED if has_login else _READY
        serves = state.source == name or (name == "stored" and account.is_kept)
        if state.phase != "signed_in" or serves or (why_not is not None and why_not.is_fault):
            concerned.add(name)
    return told, concerned


def _together(sources: Mapping[SilentName, str]) -> list[Fact]:
    """Return sources as facts; those of one text together."""
    places: dict[str, list[str]] = {}
    for name, text in sources.items():
        places.setdefault(text, []).append(SOURCES[name])
    return [(", ".join(names), text) for text, names in places.items()]


def _at_provider(account: Account) -> tuple[Mapping[str, str], list[Fact]]:
    """Return all that an openEO back-end, or Earthdata Login, knows of who is signed in, and what is shown of it."""
    provider, facts = account.provider, list[Fact]()
    if provider.backend_url:
        facts = [("back-end", provider.backend_url), *([] if provider.is_basic else [("issuer", provider.issuer)])]
    elif not provider.is_earthdata:
        return {}, []
    try:
        profile = profile_of(account) if provider.is_earthdata else me_of(account)
    except TerrascopeError as exc:
        return {}, [*facts, ("account", str(exc))]
    # what is printed is saved with the notebook, and of a person it is enough to know who it is
    shown = [name for name in profile if name in _OF_A_PERSON or not provider.is_earthdata]
    return profile, [*facts, *((name.replace("_", " "), profile[name]) for name in shown)]


def _times(state: LoginState, now: float) -> list[Fact]:
    facts: list[Fact] = []
    if state.expires_at is not None:
        is_over = state.expires_at <= now
        renewed = "at the next use" if is_over else "before"
        manner = f"is renewed {renewed}" if state.renewable else "is not renewed"
        if state.source == "token_file":  # we only look at it again
            manner = f"whoever keeps the token file has to put another one there{'' if is_over else ' before'}"
        facts.append(("token ended" if is_over else "token ends", f"{_instant(state.expires_at, now)}, and {manner}"))
    if state.session_ends_at is not None:
        is_over = state.session_ends_at <= now
        manner = "" if is_over else ", unless it is used"
        facts.append(
            ("session ended" if is_over else "session ends", f"{_instant(state.session_ends_at, now)}{manner}")
        )
        if current().keep_alive_s:
            facts.append(("kept alive", f"for {_duration(current().keep_alive_s)} after the last use"))
    return facts


def _instant(at: float, now: float) -> str:
    """Return how far an instant is, which needs no zone, and then what the clock of this machine says then."""
    there, here = time.localtime(at), time.localtime(now)
    form = "%H:%M:%S %Z" if there[:3] == here[:3] else "%Y-%m-%d %H:%M:%S %Z"
    left = at - now
    return f"{f'in {_duration(left)}' if left >= 0 else f'{_duration(-left)} ago'} ({time.strftime(form, there)})"


def _duration(seconds: float) -> str:
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"
