"""What `%terrascope status` and `status()` tell, as text, as a table and as values."""

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
from ipyterrascope.errors import SIGN_IN_AGAIN, LoginDenied, LoginRequired
from ipyterrascope.notebook.show import WithoutWidgets
from ipyterrascope.status import Status
from ipyterrascope.values.known import EARTHDATA, TERRASCOPE
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.states import DeviceAuthorization, LoginState

NOTHING = "Nothing is set."
READY = "Something lies ready, and signs in at the next use."
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
    state: LoginState,
    badge: str = "",
    *,
    came_from: str = "",
    is_unchecked: bool = False,
    login_by: str = "%terrascope login",
    **why_not: str | WhyNot,
) -> Status:
    reasons = {name: why if isinstance(why, WhyNot) else WhyNot(why) for name, why in why_not.items()}
    account = SimpleNamespace(
        provider=replace(TERRASCOPE, badge=badge),
        state=state,
        sources=("environment", "token_file", *(("stored",) if state.remember else ()), "hub"),
        why_not=reasons,
        survey=lambda: {"environment": WhyNot(NOTHING), **dict.fromkeys(("token_file", "hub")), **reasons},
        look_again=lambda: None,
        came_from=came_from,
        is_unchecked=is_unchecked,
        is_kept=state.remember,
    )
    return Status([cast(Account, account)], NOW, login_by=login_by)


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
                "  token ends: in 5 min (09:05:00 CET), and is renewed before",
                "  session ends: in 60 min (10:00:00 CET), unless it is used",
                "  other sources:",
                "    environment, token file, JupyterHub: Not asked.",
            ],
        ),
        (
            replace(SIGNED_IN, session_ends_at=None, user="", source="password"),
            {},
            [
                "signed in, by password.",
                "  token ends: in 5 min (09:05:00 CET), and is renewed before",
                "  other sources:",
                "    environment, token file, JupyterHub: Not asked.",
            ],
        ),
        (
            replace(SIGNED_IN, source="environment", renewable=False, session_ends_at=None),
            {"came_from": "TERRASCOPE_TOKEN", "is_unchecked": True},
            [
                "signed in as dora, from TERRASCOPE_TOKEN (not checked at sign-in).",
                "  token ends: in 5 min (09:05:00 CET), and is not renewed",
                "  environment: Serves. Child processes see it too.",
                "  other sources:",
                "    token file, JupyterHub: Not asked.",
            ],
        ),
        (
            replace(SIGNED_IN, remember=True),
            {"stored": "No login is stored."},
            [
                "signed in as dora, by device code.",
                "  token ends: in 5 min (09:05:00 CET), and is renewed before",
                "  session ends: in 60 min (10:00:00 CET), unless it is used",
                "  stored login: Keeps this login.",
                "  other sources:",
                "    environment, token file, JupyterHub: Not asked.",
            ],
        ),
        (
            replace(SIGNED_IN, remember=True, session_ends_at=None),
            {"environment": "Nothing is set.", "stored": "No login is stored."},
            [
                "signed in as dora, by device code.",
                "  token ends: in 5 min (09:05:00 CET), and is renewed before",
                "  stored login: Keeps this login until you log out.",
                "  other sources:",
                "    environment: Nothing is set.",
                "    token file, JupyterHub: Not asked.",
            ],
        ),
        (
            replace(SIGNED_IN, source="hub", session_ends_at=None),
            {"came_from": "JupyterHub", "environment": "Nothing is set.", "token_file": "Others can read it."},
            [
                "signed in as dora, from JupyterHub.",
                "  token ends: in 5 min (09:05:00 CET), and is renewed before",
                "  JupyterHub: Serves.",
                "  other sources:",
                "    environment: Nothing is set.",
                "    token file: Others can read it.",
            ],
        ),
        (
            replace(SIGNED_IN, source="basic", expires_at=None, session_ends_at=None),
            {"is_unchecked": True},
            [
                "signed in as dora, by Basic authentication (not checked at sign-in).",
                "  other sources:",
                "    environment, token file, JupyterHub: Not asked.",
            ],
        ),
        (
            LoginState(),
            {},
            [
                "not signed in yet; the next use signs in (token file).",
                "  environment: Nothing is set.",
                f"  token file, JupyterHub: {READY}",
            ],
        ),
        (LoginState(phase="signing_in"), {"environment": "Nothing is set."}, ["signing in …"]),
        (
            WAITING,
            {"environment": "Nothing is set.", "hub": "The Hub does not share its login with this server."},
            [
                "waiting for approval of a code at sso.terrascope.be.",
                "  environment: Nothing is set.",
                "  token file: Not asked.",
                "  JupyterHub: The Hub does not share its login with this server.",
            ],
        ),
        (
            LoginState(phase="failed", error=LoginDenied("The sign-in was denied.", "", "Get a new code.")),
            {"environment": "Nothing is set."},
            [
                "not signed in. The sign-in was denied. Get a new code.",
                "  environment: Nothing is set.",
                f"  token file, JupyterHub: {READY}",
            ],
        ),
        (
            LoginState(phase="failed", error=LoginRequired("The stored login is gone.", "", SIGN_IN_AGAIN)),
            {"environment": "Nothing is set."},
            [
                "not signed in. The stored login is gone. Run %terrascope login.",
                "  environment: Nothing is set.",
                f"  token file, JupyterHub: {READY}",
            ],
        ),
        (
            LoginState(notice="Signed out."),
            dict.fromkeys(("environment", "token_file", "hub"), "Not asked until the next login."),
            [
                "not signed in. Run %terrascope login.",
                "  environment, token file, JupyterHub: Not asked until the next login.",
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
        (1, "ends: in 1 s (09:00:01 CET), unless it is used"),
        (80, "ends: in 80 s (09:01:20 CET), unless it is used"),
        (-80, "ended: 80 s ago (08:58:40 CET)"),
        (3600, "ends: in 60 min (10:00:00 CET), unless it is used"),
        (7200, "ends: in 2 h (11:00:00 CET), unless it is used"),
        (20 * 3600, "ends: in 20 h (2027-01-16 05:00:00 CET), unless it is used"),
        (180 * 86400, "ends: in 180 d (2027-07-14 10:00:00 CEST), unless it is used"),
    ],
)
def test_an_instant_has_its_zone_and_how_far_it_is(seconds: float, text: str) -> None:
    """A time of another day has its date; the distance is in the unit that people would take."""
    assert said(replace(SIGNED_IN, session_ends_at=NOW + seconds))[2] == f"  session {text}"


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
    text = re.sub(r"<(?=/?(?:div|p|table|tbody|tr|th|td|details|summary)[ >])[^>]*>", " ", page)
    assert "<" not in text
    for escaped, plain in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(escaped, plain)
    assert (
        text.split()
        == repr(status).replace(": ", " ").replace("Terrascope [<SANDBOX>]", "Terrascope [<SANDBOX>]:").split()
    )


@pytest.mark.parametrize(("is_renewed", "manner"), [(True, "renewed at the next use"), (False, "not renewed")])
def test_a_token_that_has_ended_since(is_renewed: bool, manner: str) -> None:
    """A token that nobody used until its end is no fault where it is renewed, and that is said."""
    line = said(replace(SIGNED_IN, expires_at=NOW - 240, renewable=is_renewed))[1]
    assert line == f"  token ended: 4 min ago (08:56:00 CET), and is {manner}"


def test_what_is_set_up_and_does_not_serve_stands_among_what_matters() -> None:
    """Who is signed in sees first what somebody set up in vain, with what mends it; in the table the rest is folded."""
    status = shown(replace(SIGNED_IN, session_ends_at=None), token_file=WhyNot("Others see it.", True, "Run chmod."))
    assert repr(status).splitlines()[2:4] == ["  token file: Others see it. Run chmod.", "  other sources:"]
    first, rest = status._repr_html_().split("<details>")
    assert "Run chmod." in first
    assert "JupyterHub" not in first
    assert "JupyterHub" in rest


def test_the_same_as_values() -> None:
    """A program reads the fields of each account, and the reason of each source by its name."""
    [dora] = shown(replace(SIGNED_IN, remember=True), environment=NOTHING).accounts
    assert (dora.provider, dora.is_signed_in, dora.user, dora.source) == ("terrascope", True, "dora", "device")
    assert (dora.expires_at, dora.session_ends_at, dora.is_renewed, dora.is_kept) == (NOW + 300, NOW + 3600, True, True)
    assert dora.sources["environment"] == NOTHING
    assert dora.sources["stored"].startswith("Keeps this login")
    [nobody] = shown(LoginState()).accounts
    assert (nobody.is_signed_in, nobody.user, nobody.sources["hub"]) == (False, "", READY)


def test_where_there_are_no_magics_the_call_is_named() -> None:
    """In plain Python what to run is a call."""
    headline = said(LoginState(), login_by="ipyterrascope.login()", token_file=NOTHING, hub=NOTHING)[0]
    assert headline == "Terrascope: not signed in. Run ipyterrascope.login()."


def test_the_line_names_the_provider() -> None:
    """What is to be run signs in at the provider that is told of, and not at Terrascope."""
    account = Account(EARTHDATA)
    for login_by, line in (
        ("%terrascope login", "%terrascope login earthdata."),
        ("ipyterrascope.login()", 'ipyterrascope.login("earthdata").'),
    ):
        assert str(Status([account], login_by=login_by)).splitlines()[0].endswith(f"not signed in. Run {line}")
    assert '%terrascope login earthdata (in Python: ipyterrascope.login("earthdata"))' in str(account.login_required())
    assert "--wait" not in repr(WithoutWidgets(EARTHDATA))
    backend = replace(TERRASCOPE, name="openeo:openeo.example.org#egi")
    assert "run %terrascope login openeo:openeo.example.org#egi --wait" in repr(WithoutWidgets(backend))


def test_who_has_to_renew_a_token_file() -> None:
    """We only look at it again: nobody here puts another token there."""
    (line,) = [line for line in said(replace(SIGNED_IN, source="token_file")) if "token ends" in line]
    assert line.endswith(", and whoever keeps the token file has to put another one there before")
