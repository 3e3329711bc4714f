"""What `%terrascope status` shows, as text and as a table."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from ipyterrascope import configuration
from ipyterrascope.auth.account import Account
from ipyterrascope.auth.chain import WhyNot
from ipyterrascope.errors import LoginDenied
from ipyterrascope.magics.status import Status
from ipyterrascope.values.known import TERRASCOPE
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.states import DeviceAuthorization, LoginState

NOW = 1_800_000_000.0
SIGNED_IN = LoginState(
    phase="signed_in", user="dora", source="device", expires_at=NOW + 300, session_ends_at=NOW + 3600, renewable=True
)
WAITING = LoginState(
    phase="awaiting_user",
    device=DeviceAuthorization(
        device_code=Secret("device-secret"),
        code_verifier=Secret("verifier-secret"),
        user_code="ABCD-EFGH",
        verification_uri="https://sso.terrascope.be/device",
        verification_uri_complete=None,
        expires_at=NOW + 600,
        interval=5,
    ),
)


@pytest.fixture(autouse=True)
def _in_brussels(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this machine's time be that of Brussels, where `NOW` is 09:00 on a winter morning."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def shown(
    state: LoginState, badge: str = "", *, came_from: str = "", is_unchecked: bool = False, **why_not: str
) -> Status:
    account = SimpleNamespace(
        provider=replace(TERRASCOPE, badge=badge),
        state=state,
        sources=("environment", "token_file", *(("stored",) if state.remember else ()), "hub"),
        why_not={name: WhyNot(reason) for name, reason in why_not.items()},
        came_from=came_from,
        is_unchecked=is_unchecked,
    )
    return Status([cast(Account, account)], NOW)


def said(state: LoginState, badge: str = "", **more: object) -> list[str]:
    return repr(shown(state, badge, **more)).splitlines()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "more", "lines"),
    [
        (
            SIGNED_IN,
            {},
            [
                "signed in as dora, by device code.",
                "  token ends: 09:05:00 CET (in 5 min) and is renewed before",
                "  session ends: 10:00:00 CET (in 60 min) unless it is used",
                "  environment, token file, JupyterHub: not asked",
            ],
        ),
        (
            replace(SIGNED_IN, session_ends_at=None, user="", source="password"),
            {},
            [
                "signed in, by password.",
                "  token ends: 09:05:00 CET (in 5 min) and is renewed before",
                "  environment, token file, JupyterHub: not asked",
            ],
        ),
        (
            replace(SIGNED_IN, source="environment", renewable=False, session_ends_at=None),
            {"came_from": "TERRASCOPE_TOKEN", "is_unchecked": True},
            [
                "signed in as dora, from TERRASCOPE_TOKEN (not checked at sign-in).",
                "  token ends: 09:05:00 CET (in 5 min) and is not renewed",
                "  environment: serves; child processes see it too",
                "  token file, JupyterHub: not asked",
            ],
        ),
        (
            replace(SIGNED_IN, remember=True, session_ends_at=None),
            {"environment": "Nothing is set.", "stored": "No login is stored."},
            [
                "signed in as dora, by device code.",
                "  token ends: 09:05:00 CET (in 5 min) and is renewed before",
                "  environment: Nothing is set.",
                "  token file, JupyterHub: not asked",
                "  stored login: keeps this login until you log out",
            ],
        ),
        (
            replace(SIGNED_IN, source="hub", session_ends_at=None),
            {"came_from": "JupyterHub", "environment": "Nothing is set.", "token_file": "Others can read it."},
            [
                "signed in as dora, from JupyterHub.",
                "  token ends: 09:05:00 CET (in 5 min) and is renewed before",
                "  environment: Nothing is set.",
                "  token file: Others can read it.",
                "  JupyterHub: serves",
            ],
        ),
        (
            replace(SIGNED_IN, source="basic", expires_at=None, session_ends_at=None),
            {"is_unchecked": True},
            [
                "signed in as dora, by Basic authentication (not checked at sign-in).",
                "  environment, token file, JupyterHub: not asked",
            ],
        ),
        (
            LoginState(),
            {},
            ["not signed in. Run %terrascope login.", "  environment, token file, JupyterHub: not asked"],
        ),
        (LoginState(phase="signing_in"), {"environment": "Nothing is set."}, ["signing in …"]),
        (
            WAITING,
            {"environment": "Nothing is set.", "hub": "The Hub does not share its login with this server."},
            [
                "waiting for approval of a code at sso.terrascope.be.",
                "  environment: Nothing is set.",
                "  token file: not asked",
                "  JupyterHub: The Hub does not share its login with this server.",
            ],
        ),
        (
            LoginState(phase="failed", error=LoginDenied("The sign-in was denied.", "", "Get a new code.")),
            {"environment": "Nothing is set."},
            [
                "not signed in. The sign-in was denied. Get a new code.",
                "  environment: Nothing is set.",
                "  token file, JupyterHub: not asked",
            ],
        ),
        (
            LoginState(notice="Signed out."),
            dict.fromkeys(("environment", "token_file", "hub"), "It rests until the next login."),
            [
                "not signed in. Run %terrascope login.",
                "  environment, token file, JupyterHub: It rests until the next login.",
                "  note: Signed out.",
            ],
        ),
    ],
)
def test_each_phase_has_its_facts(state: LoginState, more: dict[str, object], lines: list[str]) -> None:
    """Who and how; until when, in local time with its zone; or what to do, and why nothing else signed in."""
    assert said(state, **more) == [f"Terrascope: {lines[0]}", *lines[1:]]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "09:00:00 CET (in 0 s)"),
        (80, "09:01:20 CET (in 80 s)"),
        (-80, "08:58:40 CET (80 s ago)"),
        (3600, "10:00:00 CET (in 60 min)"),
        (7200, "11:00:00 CET (in 2 h)"),
        (20 * 3600, "2027-01-16 05:00:00 CET (in 20 h)"),
        (180 * 86400, "2027-07-14 10:00:00 CEST (in 180 d)"),
    ],
)
def test_an_instant_has_its_zone_and_how_far_it_is(seconds: float, text: str) -> None:
    """A time of another day has its date; the distance is in the unit that people would take."""
    assert said(replace(SIGNED_IN, session_ends_at=NOW + seconds))[2] == f"  session ends: {text} unless it is used"


def test_a_login_that_is_kept_alive_says_so() -> None:
    """With `keep_alive_s` the status tells for how long."""
    configuration.configure(configuration.Configuration(keep_alive_s=7200))
    try:
        assert said(SIGNED_IN)[3] == "  kept alive: for 2 h after the last use"
    finally:
        configuration.configure(None)


def test_the_badge_stands_beside_the_label() -> None:
    """What is not the real service is told to be so."""
    assert said(LoginState(), "SANDBOX")[0].startswith("Terrascope [SANDBOX]: ")


@pytest.mark.parametrize("state", [SIGNED_IN, WAITING, LoginState(notice="<b>Signed</b> out & gone.")])
def test_the_table_has_the_same_facts(state: LoginState) -> None:
    """The HTML holds every word of the text, escaped, and nothing else."""
    status = shown(state, "<SANDBOX>", environment="Nothing is <set>.")
    page = status._repr_html_()
    text = re.sub(r"<(?=/?(?:div|p|table|tbody|tr|th|td)[ >])[^>]*>", " ", page)
    assert "<" not in text
    for escaped, plain in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(escaped, plain)
    assert (
        text.split()
        == repr(status).replace(": ", " ").replace("Terrascope [<SANDBOX>]", "Terrascope [<SANDBOX>]:").split()
    )


def test_nobody() -> None:
    """Without an account there is one sentence with what to do."""
    assert repr(Status([])) == "Nobody is signed in. Run %terrascope login."
    assert "Nobody is signed in." in Status([])._repr_html_()
