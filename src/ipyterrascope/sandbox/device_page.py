"""The page on which a person approves a device login, with Keycloak's element ids (sandbox; RFC 8628 section 3.3).

Like Keycloak's: enter the code (unless the link brought it), sign in, then grant or deny. Only POST changes anything,
and granting takes a ticket that the sign-in handed out once.
"""

from __future__ import annotations

import secrets
from html import escape

from .accounts import refusal
from .device_codes import DeviceLogin
from .identity import REALM, IdentityProvider
from .messages import Answer, ReceivedRequest
from .pages import page

PATH = f"{REALM}/device"


class DevicePage:
    """The steps of the page."""

    def __init__(self, provider: IdentityProvider) -> None:
        self._provider = provider
        self._tickets: dict[str, tuple[DeviceLogin, str]] = {}

    def answer(self, request: ReceivedRequest) -> Answer:
        """Answer the person's browser."""
        if request.method == "POST":
            return self._decide(request) if "ticket" in request.form else self._sign_in(request)
        typed = request.query.get("user_code", "")
        login = self._provider.device_logins.find(typed)
        if login is not None:
            return _sign_in_page(login)
        return _code_page("Invalid code, please try again." if typed else "")

    def _sign_in(self, request: ReceivedRequest) -> Answer:
        login = self._provider.device_logins.find(request.form.get("user_code", ""))
        if login is None:
            return _code_page("That code has expired or was used. Start again in the notebook.")
        name, password = request.form.get("username", ""), request.form.get("password", "")
        why = refusal(self._provider.people.get(name), password, request.form.get("totp", ""), self._provider.now())
        if why:
            texts = {"Account disabled": "Account is disabled, contact your administrator."}
            return _sign_in_page(login, name, texts.get(why, "Invalid username or password."))
        ticket = secrets.token_urlsafe(24)
        self._tickets[ticket] = (login, name)
        return self._grant_page(login, name, ticket)

    def _grant_page(self, login: DeviceLogin, name: str, ticket: str) -> Answer:
        client = self._provider.clients[login.client_id]
        return page(
            f"Grant Access to {client.label}",
            f"<p>You are signed in as <strong>{escape(name)}</strong>. "
            "Go on only if this is the code in your notebook:</p>"
            f'<strong class="code">{escape(login.user_code)}</strong>'
            f'<form method="post" action="{PATH}"><input type="hidden" name="ticket" value="{escape(ticket)}">'
            '<div class="buttons"><button class="main" id="kc-login" name="accept" value="yes">Grant access</button>'
            '<button id="kc-cancel" name="cancel" value="no">Deny</button></div></form>',
        )

    def _decide(self, request: ReceivedRequest) -> Answer:
        entry = self._tickets.pop(request.form["ticket"], None)
        if entry is None or self._provider.device_logins.find(entry[0].user_code) is not entry[0]:
            return _code_page("That code has expired or was used. Start again in the notebook.")
        login, name = entry
        if "accept" not in request.form:
            login.state = "denied"
            return page(
                "Device Login Failed", '<p class="alert" role="alert">Consent denied for connecting the device.</p>'
            )
        login.state, login.user = "approved", name
        return page("Device Login Successful", "<p>You may close this window and go back to your notebook.</p>")


def _code_page(problem: str) -> Answer:
    return page(
        "Device Login",
        f'{_alert(problem)}<form method="get" action="{PATH}">'
        '<label for="device_user_code">Enter the code shown in your notebook and submit</label>'
        '<input id="device_user_code" name="user_code" autocomplete="off" autocapitalize="characters" '
        'spellcheck="false" required>'
        '<div class="buttons"><button class="main" id="kc-login">Submit</button></div></form>',
    )


def _sign_in_page(login: DeviceLogin, name: str = "dora", problem: str = "") -> Answer:
    password = "" if problem else "s3cret-Pa55"
    return page(
        "Sign in to your account",
        "<p>To let your notebook use Terrascope with the code</p>"
        f'<strong class="code">{escape(login.user_code)}</strong>'
        '<p class="note">This is no real account: user <code>dora</code>, password <code>s3cret-Pa55</code>. '
        "Never type a real password here.</p>"
        f'{_alert(problem)}<form method="post" action="{PATH}">'
        f'<input type="hidden" name="user_code" value="{escape(login.user_code)}">'
        '<label for="username">User name</label>'
        f'<input id="username" name="username" value="{escape(name)}" autocomplete="off" spellcheck="false" required>'
        '<label for="password">Password</label>'
        f'<input id="password" name="password" type="password" value="{escape(password)}" autocomplete="off" required>'
        '<label for="totp">One-time code, if the account has one</label>'
        '<input id="totp" name="totp" inputmode="numeric" autocomplete="off">'
        '<div class="buttons"><button class="main" id="kc-login">Sign in</button></div></form>',
    )


def _alert(problem: str) -> str:
    return f'<p class="alert" role="alert">{escape(problem)}</p>' if problem else ""
