"""An account under any sequence of what people and providers do: hypothesis looks for the one that breaks it."""

from __future__ import annotations

import time
from collections import Counter

import pytest
import requests
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ipyterrascope.auth.account import Account
from ipyterrascope.errors import LoginRequired, ProviderError, ProviderUnreachable, TerrascopeError
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.states import LoginState

UNDER_WAY = ("signing_in", "awaiting_user")


class AnyLogin(RuleBasedStateMachine):
    """Signs in, fails, cancels, uses, loses and ends logins in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.box = Sandbox(device_interval_s=0.05).start()
        self.account = Account(self.box.provider(methods=("device", "password", "basic")))
        self.states: list[LoginState] = [self.account.state]
        self.account.observe(self.states.append)

    def teardown(self) -> None:
        self.account.logout()
        assert not self.account.is_signed_in
        self.box.stop()

    @rule(user=st.sampled_from(["dora", "boots", "disabled"]), is_right=st.booleans())
    def by_password(self, user: str, is_right: bool) -> None:
        was_signed_in = self.account.is_signed_in
        self.account.start_password_login(user, Secret(self.box.users[user] if is_right else "wrong"))
        state = self.account.wait(20)
        if is_right and user != "disabled" and not isinstance(state.error, ProviderUnreachable):
            assert (state.phase, state.user, state.error) == ("signed_in", user, None)
        else:
            assert state.phase == ("signed_in" if was_signed_in else "failed")
            assert state.error is not None

    @rule()
    def by_basic(self) -> None:
        self.account.start_password_login("boots", Secret("päss wörd+&%"), method="basic")
        assert self.account.wait(20).source == "basic"

    @rule()
    def by_device(self) -> None:
        self.account.start_device_login()
        self.account._machine.wait_for(lambda state: state.phase != "signing_in", 20)  # pyright: ignore[reportPrivateUsage]

    @precondition(lambda self: self.account.state.phase == "awaiting_user")
    @rule(remember=st.booleans())
    def change_wish(self, remember: bool) -> None:
        self.account.change_wish(remember)
        assert self.account.state.remember is remember

    @precondition(lambda self: self.account.state.phase == "awaiting_user")
    @rule()
    def approve_what_waits(self) -> None:
        shown = self.account.state.device
        assert shown is not None
        for code in {shown.user_code, *self.box.waiting_codes}:
            self.box.approve(code)
        state = self.account.wait(20)
        assert (state.phase, state.user, state.source) == ("signed_in", "dora", "device")

    @rule()
    def cancel(self) -> None:
        self.account.cancel()
        assert self.account.state.phase not in UNDER_WAY

    @rule()
    def logout(self) -> None:
        assert self.account.logout()
        assert self.account.state.phase == "signed_out"

    @rule()
    def the_provider_ends_all_sessions(self) -> None:
        self.box.revoke_all()

    @rule()
    def renew(self) -> None:
        try:
            self.account._vault.renew()  # pyright: ignore[reportPrivateUsage]
        except TerrascopeError as exc:
            failure = exc
        else:
            return
        assert isinstance(failure, (LoginRequired, ProviderError))

    @rule()
    def trouble_ahead(self) -> None:
        self.box.timeline.clear()
        self.box.timeline.token(503)

    @precondition(lambda self: self.account.state.phase not in UNDER_WAY)
    @rule()
    def use(self) -> None:
        url = f"{self.box.url}/download/x"
        try:
            headers = self.account.headers(url)
        except LoginRequired:
            assert not self.account.is_signed_in
            return
        assert self.account.is_signed_in
        assert headers["Authorization"].startswith("Basic " if self.account.state.source == "basic" else "Bearer ")
        assert requests.get(url, headers=headers, timeout=10).status_code in (404, 401)

    @invariant()
    def the_state_is_sound(self) -> None:
        state = self.account.state
        assert (state.device is not None) == (state.phase == "awaiting_user")
        if state.phase == "signed_in":
            assert self.account.is_signed_in
            assert state.source
        if state.phase in ("signed_out", "failed"):
            assert not self.account.is_signed_in
            assert (state.user, state.source, state.expires_at, state.renewable) == ("", "", None, False)
        assert (state.phase == "failed") <= (state.error is not None)

    @invariant()
    def every_state_is_told_once_and_in_order(self) -> None:
        deadline = time.monotonic() + 20
        while self.states[-1] is not self.account.state:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        serials = [state.serial for state in self.states]
        assert serials == list(range(len(serials)))
        assert max(Counter(serials).values()) == 1


AnyLogin.TestCase.settings = settings(
    max_examples=500 if settings.get_current_profile_name() == "soak" else 25,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.soak
class TestAnyLogin(AnyLogin.TestCase):
    """No sequence of logins, troubles and logouts leaves an account in two minds."""
