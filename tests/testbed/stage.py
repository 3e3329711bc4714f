"""A stage for the login widget inside a kernel: an account that asks nobody, and whose states are played."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from ipyterrascope.auth.account import Account
from ipyterrascope.auth.attempts import EARLIER_CODE, ELSEWHERE
from ipyterrascope.errors import LoginDenied, LoginExpired, LoginRefused, LoginRequired, ProviderUnreachable
from ipyterrascope.notebook.login_widget import LoginWidget
from ipyterrascope.protocol.earthdata import TokenLimitReached
from ipyterrascope.values.known import EARTHDATA, TERRASCOPE
from ipyterrascope.values.openeo import PageLink
from ipyterrascope.values.providers import Provider
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.states import DeviceAuthorization, LoginState

PROVIDER = replace(TERRASCOPE, password_reset_url="https://sso.terrascope.be/reset")
MINE = replace(TERRASCOPE, name="mine", label="My own provider with a long name", badge="SANDBOX")
OPENEO = Provider(
    name="openeo:openeo.example.org#egi",
    label="openEO at openeo.example.org (EGI Check-in for research communities)",
    issuer="https://aai.egi.eu/auth/realms/egi",
    client_id="public",
    hosts=frozenset({"openeo.example.org"}),
    methods=("device", "oidc", "token"),
    sources=("environment", "stored"),
    registration_url="https://aai.egi.eu/signup",
    backend_url="https://openeo.example.org/openeo/1.2",
    bearer_prefix="oidc/egi/",
    links=(
        PageLink(rel="register", url="https://aai.egi.eu/signup", title="Register at EGI"),
        PageLink(rel="vo", url="https://aai.egi.eu/vo", title="Join the virtual organization openEO"),
        PageLink(rel="account", url="https://aai.egi.eu/link", title="Link your accounts"),
        PageLink(rel="help", url="https://openeo.example.org/help", title="Support"),
    ),
)
CASTS: dict[str, tuple[Provider, ...]] = {
    "terrascope": (PROVIDER,),
    "choice": (PROVIDER, MINE),
    "earthdata": (EARTHDATA,),
    "openeo": (OPENEO,),
}
"""Whose accounts a stage has, the first of them on it."""


def states() -> dict[str, dict[str, Any]]:
    """Return what an account can show, by name; the instants are of now."""
    now = time.time()
    uri = "https://sso.terrascope.be/auth/realms/terrascope/device"
    code = DeviceAuthorization(
        device_code=Secret("never shown"),
        code_verifier=Secret("never shown"),
        user_code="WDJB-MJHT",
        verification_uri=uri,
        verification_uri_complete=f"{uri}?user_code=WDJB-MJHT",
        expires_at=now + 581,
        interval=5,
    )
    signed_in = {"phase": "signed_in", "user": "dora", "source": "device", "renewable": True, "expires_at": now + 290}
    refused = "Terrascope did not accept the user name and password."
    return {
        "signed out": {},
        "asking": {"phase": "signing_in"},
        "code": {"phase": "awaiting_user", "device": code},
        "code, two": {"phase": "awaiting_user", "device": code, "remember": True, "notice": EARLIER_CODE},
        "code, switch": {**signed_in, "phase": "awaiting_user", "device": code, "notice": ELSEWHERE},
        "code, trouble": {
            "phase": "awaiting_user",
            "device": code,
            "error": ProviderUnreachable("sso.terrascope.be does not answer.", "It answered 503.", "Try again later."),
        },
        "denied": _failed(
            LoginDenied, "The sign-in was denied.", "Somebody said no on Terrascope's page.", "access_denied"
        ),
        "expired": _failed(LoginExpired, "The code ran out.", "It was not approved in time.", "expired_token"),
        "refused": {
            "phase": "failed",
            "error": LoginRefused(
                refused,
                "One of them, or the one-time code, is wrong; accounts of EduGAIN or a social login have no password.",
                "Try again, or sign in with the device code.",
                error="invalid_grant",
            ),
        },
        "client's secret": {"methods": ("oidc", "device")},
        "a token": {"methods": ("token", "device")},
        "token refused": {
            "phase": "failed",
            "error": LoginRefused(
                "Earthdata Login does not accept this user token.",
                "It has ended, or was deleted.",
                f"Make another one at {EARTHDATA.account_url}.",
                status=401,
            ),
        },
        "no other token": {
            "phase": "failed",
            "error": TokenLimitReached(
                "Earthdata Login gives you no other user token.",
                "You have two already, which is all that it allows.",
                f"Delete one at {EARTHDATA.account_url}, or paste one of the two.",
                error="max_token_limit",
            ),
        },
        "signed in by token": {"phase": "signed_in", "user": "dora", "source": "token", "expires_at": now + 60 * 86400},
        "signed in by a token that ends": {
            "phase": "signed_in",
            "user": "dora",
            "source": "password",
            "expires_at": now + 3 * 86400,
            "notice": "This token ends on 3 December 2026. You have two already, which is all that Earthdata Login "
            f"allows: delete one at {EARTHDATA.account_url} to get one that lasts longer.",
        },
        "signed in": {**signed_in, "session_ends_at": now + 3590},
        "signed in to stay": {**signed_in, "remember": True, "source": "stored"},
        "ends soon": {**signed_in, "session_ends_at": now + 400},
        "token": {"phase": "signed_in", "source": "environment", "expires_at": now + 290},
        "ended": {
            "phase": "failed",
            "error": LoginRequired("The session has ended.", "Nobody used it for too long.", "Sign in again."),
        },
        "signed out again": {"notice": "Signed out, and the session at Terrascope is ended."},
    }


def _failed(kind: type[Exception], what: str, why: str, error: str) -> dict[str, Any]:
    return {"phase": "failed", "error": kind(what, why, "Get a new code.", error=error)}  # type: ignore[call-arg]


class PlayedAccount(Account):
    """An account whose sign-ins do nothing, and could be kept where its provider's can."""

    @property
    def why_not_kept(self) -> str:
        """One sentence."""
        return "" if "stored" in self.provider.sources else "No login of this provider is kept."

    def play(self, **changes: object) -> None:
        """Show a state; what is not named is as in the beginning."""
        fresh = LoginState(methods=self.provider.methods)
        self._machine.show(**{name: getattr(fresh, name) for name in vars(fresh) if name != "serial"} | changes)

    def start_device_login(self, **_: Any) -> None:
        """Ask nobody."""

    def start_password_login(self, *_: Any, **__: Any) -> None:
        """Ask nobody."""

    def cancel(self) -> None:
        """Go back to the beginning."""
        self.play()

    def logout(self) -> str:
        """Go back to the beginning."""
        self.play(notice="Signed out.")
        return ""


class Stage:
    """A widget, and what plays it.

    Parameters
    ----------
    cast : str
        One of `CASTS`.
    """

    def __init__(self, cast: str = "terrascope") -> None:
        self.account, *choices = (PlayedAccount(provider) for provider in CASTS[cast])
        self.widget = LoginWidget(self.account, choices=choices)

    def play(self, name: str) -> None:
        """Let the account show a state of `states`."""
        self.account.play(**states()[name])
