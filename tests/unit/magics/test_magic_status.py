"""The sentences of `%terrascope status`."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from ipyterrascope.auth.account import Account
from ipyterrascope.errors import LoginDenied
from ipyterrascope.magics.status import status
from ipyterrascope.values.known import TERRASCOPE
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.states import DeviceAuthorization, LoginState

NOW = 1_800_000_000.0
SIGNED_IN = LoginState(
    phase="signed_in", user="dora", source="device", expires_at=NOW + 300, session_ends_at=NOW + 3600, renewable=True
)


def said(state: LoginState, badge: str = "", **why_not: str) -> str:
    account = SimpleNamespace(provider=replace(TERRASCOPE, badge=badge), state=state, why_not=why_not)
    return status([cast(Account, account)], NOW)


def clock(at: float, form: str) -> str:
    return time.strftime(form, time.localtime(at))


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (
            SIGNED_IN,
            f"signed in as dora, by device. The token is good until {clock(NOW + 300, '%H:%M:%S')} and renewed "
            f"quietly. If nothing uses it, the session ends at {clock(NOW + 3600, '%H:%M')}.",
        ),
        (
            replace(SIGNED_IN, session_ends_at=None, user=""),
            f"signed in, by device. The token is good until {clock(NOW + 300, '%H:%M:%S')} and renewed quietly.",
        ),
        (
            replace(SIGNED_IN, source="environment", renewable=False),
            "signed in as dora, from the environment, which child processes see too. "
            f"The token ends at {clock(NOW + 300, '%H:%M:%S')} and is not renewed.",
        ),
        (replace(SIGNED_IN, source="basic", expires_at=None), "signed in as dora, by basic."),
        (LoginState(), "not signed in. Run %terrascope login."),
        (LoginState(phase="signing_in"), "signing in …"),
        (
            LoginState(phase="failed", error=LoginDenied("The sign-in was denied.", "", "Get a new code.")),
            "not signed in. The sign-in was denied. Get a new code.",
        ),
    ],
)
def test_each_phase_has_its_sentence(state: LoginState, text: str) -> None:
    """Who, from which source, until when, or what to do."""
    assert said(state) == f"Terrascope: {text}"


def test_a_waiting_code_is_named_with_its_host() -> None:
    """While a code waits, status shows the code and the host, and nothing that is secret."""
    device = DeviceAuthorization(
        device_code=Secret("device-secret"),
        code_verifier=Secret("verifier-secret"),
        user_code="ABCD-EFGH",
        verification_uri="https://sso.terrascope.be/device",
        verification_uri_complete=None,
        expires_at=NOW + 600,
        interval=5,
    )
    text = said(LoginState(phase="awaiting_user", device=device))
    assert text == "Terrascope: waiting for approval of the code ABCD-EFGH at sso.terrascope.be."


def test_the_end_of_an_idle_session_is_announced() -> None:
    """In the last ten minutes of an idle session status says so."""
    assert "Soon: If nothing uses it" in said(replace(SIGNED_IN, session_ends_at=NOW + 500))
    assert "Soon" not in said(replace(SIGNED_IN, session_ends_at=NOW + 700))


def test_badge_notice_and_reasons_are_told() -> None:
    """A badge stands beside the label; the notice and, while signed out, the reasons of silent sources follow."""
    text = said(LoginState(notice="Signed out."), "SANDBOX", environment="Nothing is set.")
    assert text.splitlines() == [
        "Terrascope [SANDBOX]: not signed in. Run %terrascope login.",
        "  Signed out.",
        "  environment: Nothing is set.",
    ]
    assert "Nothing is set." not in said(SIGNED_IN, environment="Nothing is set.")


def test_nobody() -> None:
    """Without an account there is one sentence with what to do."""
    assert status([]) == "Nobody is signed in. Run %terrascope login."
