"""An account: every arrow of its drawing, against a provider on loopback."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import subprocess
import sys
import threading
import time
import traceback
from base64 import b64decode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

import pytest
import requests

from ipyterrascope.auth.account import Account
from ipyterrascope.errors import (
    FlowUnavailable,
    LoginDenied,
    LoginExpired,
    LoginRefused,
    LoginRequired,
    ProviderUnreachable,
    SecretExposed,
    TerrascopeError,
)
from ipyterrascope.sandbox import Sandbox, steps
from ipyterrascope.session import AuthorizedSession
from ipyterrascope.threads.abort import AbortSignal
from ipyterrascope.threads.errand import Errand
from ipyterrascope.values.secret import Secret, held_secrets
from ipyterrascope.values.states import LoginState
from testbed.leaks import places

PASSWORD = Secret("s3cret-Pa55")
WRONG = Secret("wr0ng-Pa55-kept-secret")
Until = Callable[[Callable[[], object]], None]


@pytest.fixture
def account(box: Sandbox) -> Account:
    return Account(box.provider(methods=("device", "password", "basic")))


@pytest.fixture
def signed_in(account: Account, box: Sandbox) -> Account:
    account.start_password_login("dora", PASSWORD)
    assert account.wait(20).phase == "signed_in"
    box.forget_requests()
    return account


class Seen(list[LoginState]):
    """Every state of an account from now on."""

    def __init__(self, account: Account) -> None:
        super().__init__()
        self._account, self._before = account, account.state.serial
        account.observe(self.append)

    def settle(self) -> None:
        """Wait until the last change was told."""
        deadline = time.monotonic() + 20
        while (self[-1].serial if self else self._before) < self._account.state.serial:
            assert time.monotonic() < deadline, "a change was not told"
            time.sleep(0.001)


@pytest.fixture
def seen(account: Account) -> Seen:
    return Seen(account)


def phases(seen: Seen) -> list[str]:
    seen.settle()
    return [state.phase for state in seen]


def refresh_token(account: Account) -> str:
    tokens = account.tokens()
    assert tokens.refresh_token is not None
    return tokens.refresh_token.reveal()


def revoked(box: Sandbox) -> list[str]:
    return [asked.form["token"] for asked in box.requests_to("/revoke")]


# Signing in by password


def test_at_first_nobody_is_signed_in(account: Account) -> None:
    """A new account is signed out, offers its provider's ways, and has asked nobody."""
    assert account.state == LoginState(methods=("device", "password", "basic"))
    assert not account.is_signed_in
    assert repr(account) == "<Account terrascope: signed_out>"


def test_by_password(account: Account, seen: Seen, box: Sandbox) -> None:
    """signed_out → signing_in → signed_in: the call returns at once, and the state says who, whence and how long."""
    account.start_password_login("dora", PASSWORD)
    assert account.state.phase == "signing_in"
    state = account.wait(20)
    assert phases(seen) == ["signing_in", "signed_in"]
    assert [one.serial for one in seen] == [1, 2]
    assert (state.user, state.source, state.renewable, state.error) == ("dora", "password", True, None)
    assert state.expires_at == pytest.approx(box.now() + 300, abs=30)
    assert state.session_ends_at == pytest.approx(box.now() + 3600, abs=30)
    assert account.is_signed_in
    assert repr(account) == "<Account terrascope: signed_in as dora>"


def test_a_wrong_password(account: Account, seen: Seen) -> None:
    """signing_in → failed, with the reason; the ways to sign in stay on offer, and the next try can succeed."""
    account.start_password_login("dora", WRONG)
    state = account.wait(20)
    assert phases(seen) == ["signing_in", "failed"]
    assert isinstance(state.error, LoginRefused)
    assert state.methods == ("device", "password", "basic")
    assert not account.is_signed_in
    account.start_password_login("dora", PASSWORD)
    assert account.state.error is None
    assert account.wait(20).phase == "signed_in"


def test_a_password_is_held_no_longer_than_it_is_asked_about(account: Account, box: Sandbox, until: Until) -> None:
    """Neither once it has signed in, nor when it was refused, nor when somebody thought better of it."""

    def is_held(password: str) -> bool:
        gc.collect()
        return any(secret.reveal() == password for secret in held_secrets())

    account.start_password_login("swiper", Secret("otp-Pa55"), one_time_code=Secret(box.one_time_code()))
    assert is_held("otp-Pa55")
    assert account.wait(20).phase == "signed_in"
    until(lambda: not is_held("otp-Pa55"))
    account.start_password_login("dora", Secret("an0ther-wr0ng"))
    assert account.wait(20).phase == "signed_in"
    until(lambda: not is_held("an0ther-wr0ng"))
    no_answer(box, "/token")
    account.start_password_login("dora", Secret("a-th1rd"))
    account.cancel()
    until(lambda: not is_held("a-th1rd"))


def test_two_factors(account: Account, box: Sandbox) -> None:
    """A one-time code goes along with the password."""
    account.start_password_login("swiper", Secret("otp-Pa55"), one_time_code=Secret(box.one_time_code()))
    assert account.wait(20).user == "swiper"


@pytest.mark.parametrize("fault", [503, "no_answer", "html", "missing_access_token"])
def test_a_provider_in_trouble(account: Account, box: Sandbox, fault: int | str) -> None:
    """signing_in → failed: the state tells the trouble, whatever it is."""
    box.timeline.token(fault)
    account.start_password_login("dora", PASSWORD)
    state = account.wait(20)
    assert state.phase == "failed"
    assert state.error is not None


def test_a_fault_of_this_software_is_shown(account: Account) -> None:
    """Also a bug ends the signing in, with its kind but not its text."""
    account.start_password_login("dora", 42)  # pyright: ignore[reportArgumentType]
    state = account.wait(20)
    assert state.phase == "failed"
    assert "AttributeError" in str(state.error)


# By device code


def test_by_device_code(account: Account, box: Sandbox, seen: Seen, until: Until) -> None:
    """signing_in → awaiting_user with a code → signed_in once it was approved; what was secret is not shown."""
    box.device_interval_s = 1
    account.start_device_login()
    until(lambda: account.state.device)
    device = account.state.device
    assert device is not None
    assert [device.user_code] == box.waiting_codes
    box.approve(device.user_code)
    account.poll_now()
    state = account.wait(20)
    assert phases(seen) == ["signing_in", "awaiting_user", "signed_in"]
    assert (state.user, state.source, state.device) == ("dora", "device", None)
    assert places(device.device_code.reveal(), *seen) == []


@pytest.mark.parametrize(("said", "kind"), [("access_denied", LoginDenied), ("expired_token", LoginExpired)])
def test_a_device_login_that_ends_without(
    account: Account, box: Sandbox, said: str, kind: type[TerrascopeError], seen: Seen
) -> None:
    """awaiting_user → failed when the person denies, or the code runs out."""
    box.device_interval_s = 1
    box.timeline.token(said)
    account.start_device_login()
    state = account.wait(20)
    assert phases(seen) == ["signing_in", "awaiting_user", "failed"]
    assert type(state.error) is kind
    assert state.device is None


def test_a_passing_trouble_is_shown_while_it_goes_on(account: Account, box: Sandbox, seen: Seen, until: Until) -> None:
    """A 503 during the waiting is shown, and does not end it."""
    box.device_interval_s = 1
    box.timeline.token(503)
    account.start_device_login()
    until(lambda: account.state.error)
    assert account.state.phase == "awaiting_user"
    assert isinstance(account.state.error, ProviderUnreachable)
    assert account.state.device is not None
    account.cancel()
    assert account.state.error is None


# What is not on offer


def test_without_device_flow_the_form_is_left(account: Account, box: Sandbox) -> None:
    """A provider without the device flow: that way is off the offer, the others stay."""
    box.device_flow = False
    account.start_device_login()
    state = account.wait(20)
    assert isinstance(state.error, FlowUnavailable)
    assert state.methods == ("password", "basic")


def test_without_password_grant_the_device_code_is_left(account: Account, box: Sandbox) -> None:
    """A client without the password grant: that way is off the offer, the device code stays."""
    box.timeline.token("unauthorized_client")
    account.start_password_login("dora", PASSWORD)
    state = account.wait(20)
    assert isinstance(state.error, FlowUnavailable)
    assert state.methods == ("device", "basic")


def test_the_last_way_stays_on_offer(box: Sandbox) -> None:
    """An offer is never empty: the only way can be tried again."""
    box.device_flow = False
    account = Account(box.provider(methods=("device",)))
    account.start_device_login()
    assert account.wait(20).methods == ("device",)


# Cancelling, and starting again


def test_cancel_tells_of_the_logout_before(account: Account) -> None:
    """Who was signed out to sign in as somebody else, and cancels that, is told so; and once, however often."""
    account.start_password_login("dora", PASSWORD)
    account.wait(20)
    said = account.logout()
    for _ in range(2):
        account.start_device_login()
        account.cancel()
        assert account.state.notice == f"Cancelled. {said}"


def test_cancelled_is_said_of_a_login_that_goes_on_only_once(signed_in: Account) -> None:
    """Who cancels a second sign-in is told so, and not at each later look at the login that goes on."""
    signed_in.start_device_login()
    signed_in.cancel()
    assert (signed_in.state.phase, signed_in.state.notice) == ("signed_in", "Cancelled.")
    signed_in.look_again()
    assert (signed_in.state.phase, signed_in.state.notice) == ("signed_in", "")


def test_cancel_during_the_question(account: Account, box: Sandbox, seen: Seen, until: Until) -> None:
    """signing_in → signed_out at once; the tokens that still arrive are revoked, and change nothing."""
    box.timeline.token(steps.delayed(1.0))
    account.start_password_login("dora", PASSWORD)
    until(lambda: box.requests_to("/token"))
    account.cancel()
    assert (account.state.phase, account.state.notice) == ("signed_out", "Cancelled.")
    until(lambda: box.requests_to("/revoke"))
    assert phases(seen) == ["signing_in", "signed_out"]
    assert not account.is_signed_in
    renewal = {"client_id": "public", "grant_type": "refresh_token", "refresh_token": revoked(box)[0]}
    answer = requests.post(f"{box.issuer}/protocol/openid-connect/token", data=renewal, timeout=10)
    assert answer.json()["error"] == "invalid_grant"


def test_cancel_before_the_password_is_sent(account: Account, box: Sandbox, until: Until) -> None:
    """Cancelled while the issuer takes its time to say where to send it, the password is never sent."""
    box.timeline.discovery(steps.delayed(0.5))
    account.start_password_login("dora", PASSWORD)
    thread = next(thread for thread in threading.enumerate() if thread.name == "login")
    until(lambda: box.requests)
    account.cancel()
    thread.join(20)
    assert not thread.is_alive()
    assert box.requests_to("/token") == []


def test_cancel_before_there_is_a_code(account: Account, box: Sandbox, seen: Seen, until: Until) -> None:
    """A code that arrives after cancelling is neither shown nor polled."""
    box.timeline.device(steps.delayed(0.2))
    account.start_device_login()
    until(lambda: box.requests_to("/auth/device"))
    account.cancel()
    until(lambda: box.waiting_codes)
    assert phases(seen) == ["signing_in", "signed_out"]
    assert box.requests_to("/token") == []


def no_answer(box: Sandbox, path: str) -> Sandbox:
    """Let the sandbox keep silent where `path` is asked."""
    script = {"/.well-known": box.timeline.discovery, "/token": box.timeline.token, "/device": box.timeline.device}
    script[path](*[steps.delayed(60.0)] * 40)
    return box


@pytest.mark.parametrize("silent_at", ["/.well-known", "/token", "/device"])
def test_cancel_leaves_no_thread_behind(account: Account, box: Sandbox, until: Until, silent_at: str) -> None:
    """Twenty logins at a provider that does not answer, each in the place of the last, and a cancel: long before the
    calls would be given up, no thread waits for one (but for the one question where the provider answers at all)."""
    no_answer(box, silent_at)
    before = set(threading.enumerate())

    def left() -> set[str]:
        return {thread.name for thread in set(threading.enumerate()) - before if thread.name != "login-observers"}

    for _ in range(20):
        if silent_at == "/token":
            account.start_password_login("dora", PASSWORD)
        else:
            account.start_device_login()
    until(lambda: any(silent_at in request.path for request in box.requests))
    assert "login" in left()
    account.cancel()
    until(lambda: left() <= ({"flight", "provider"} if silent_at == "/.well-known" else set()))


def test_cancel_while_a_code_waits(account: Account, box: Sandbox, seen: Seen, until: Until) -> None:
    """awaiting_user → signed_out at once, and no poll comes any more."""
    account.start_device_login()
    until(lambda: account.state.device)
    account.cancel()
    assert account.wait(1).phase == "signed_out"
    assert phases(seen) == ["signing_in", "awaiting_user", "signed_out"]
    assert account.state.device is None
    assert box.requests_to("/token") == []


def test_cancel_while_it_is_polled(account: Account, box: Sandbox, seen: Seen, until: Until) -> None:
    """Approved in the very moment in which it is cancelled: the tokens are revoked, nobody is signed in."""
    box.device_interval_s = 1
    box.timeline.token(steps.delayed(1.0, "success"))
    account.start_device_login()
    until(lambda: box.requests_to("/token"))
    account.cancel()
    until(lambda: box.requests_to("/revoke"))
    assert phases(seen) == ["signing_in", "awaiting_user", "signed_out"]


def test_cancel_when_nothing_is_under_way(signed_in: Account, seen: Seen) -> None:
    """Without a sign-in under way, cancelling changes nothing, before and after."""
    signed_in.cancel()
    assert seen == []
    assert signed_in.is_signed_in


def test_a_second_start_replaces_the_first(account: Account, box: Sandbox, until: Until) -> None:
    """The latest start counts: what the first still obtains is revoked."""
    box.timeline.token(steps.delayed(1.0))
    account.start_password_login("dora", PASSWORD)
    until(lambda: box.requests_to("/token"))
    account.start_password_login("boots", Secret("päss wörd+&%"))
    assert account.wait(20).user == "boots"
    until(lambda: box.requests_to("/revoke"))
    assert account.state.user == "boots"
    assert refresh_token(account) not in revoked(box)


def test_a_code_replaced_by_the_form(account: Account, box: Sandbox, seen: Seen, until: Until) -> None:
    """Who has a code on the screen and types a password is signed in by that; the code is polled no more."""
    account.start_device_login()
    until(lambda: account.state.device)
    account.start_password_login("dora", PASSWORD)
    assert account.state.device is None
    assert account.wait(20).source == "password"
    assert phases(seen) == ["signing_in", "awaiting_user", "signing_in", "signed_in"]


def test_a_failed_change_of_user_leaves_the_login(signed_in: Account) -> None:
    """Who is signed in and mistypes the password of another stays signed in, and is told."""
    signed_in.start_password_login("boots", WRONG)
    state = signed_in.wait(20)
    assert (state.phase, state.user) == ("signed_in", "dora")
    assert isinstance(state.error, LoginRefused)
    assert signed_in.tokens().access_token


def test_a_cancelled_change_of_user_leaves_the_login(signed_in: Account, until: Until) -> None:
    """Cancelling goes back to the login that was there."""
    signed_in.start_device_login()
    until(lambda: signed_in.state.device)
    signed_in.cancel()
    assert (signed_in.state.phase, signed_in.state.user) == ("signed_in", "dora")


# Being signed in


def test_headers_only_for_hosts_of_the_provider(signed_in: Account, box: Sandbox) -> None:
    """The bearer is given for the provider's hosts; for any other URL nothing, and nothing is asked."""
    bearer = f"Bearer {signed_in.tokens().access_token.reveal()}"
    assert signed_in.headers(f"{box.url}/download/a.tif") == {"Authorization": bearer}
    for url in ("https://evil.example.org/", f"http://localhost:{box.port}/", "http://127.0.0.1:1/", ""):
        assert signed_in.headers(url) == {}


def test_headers_at_once(signed_in: Account, box: Sandbox) -> None:
    """What is held and lives is given without a wait; where a renewal or an error would follow, nothing is done."""
    url = f"{box.url}/download/a.tif"
    assert signed_in.headers_at_once(url) == signed_in.headers(url)
    assert signed_in.headers_at_once("https://evil.example.org/") == {}
    signed_in.logout()
    before = len(box.requests)
    assert signed_in.headers_at_once(url) is None
    assert signed_in.headers_at_once("https://evil.example.org/") == {}
    assert len(box.requests) == before


def test_a_stranger_s_url_needs_no_login(account: Account) -> None:
    """Without a login a URL of another host is no error, and one of the provider's is."""
    assert account.headers("https://example.org/") == {}
    with pytest.raises(LoginRequired):
        account.headers(f"https://127.0.0.1:{account.provider.issuer.split(':')[2].split('/')[0]}/")


def test_renewal_is_shown(signed_in: Account, box: Sandbox, seen: Seen, until: Until) -> None:
    """A renewed token's times are in the state before the caller goes on; the phase stays."""
    box.access_token_lifetime_s = 500
    before = signed_in.state.expires_at
    assert signed_in.tokens(150.0).access_token
    assert seen == []
    signed_in._vault.renew()  # pyright: ignore[reportPrivateUsage]
    assert signed_in.state.expires_at == pytest.approx((before or 0) + 200, abs=30)
    assert phases(seen) == ["signed_in"]


def test_a_session_ended_by_the_provider(box: Sandbox, seen: Seen) -> None:
    """signed_in → failed when the renewal is refused; every later call says why, and asks nothing more."""
    box.access_token_lifetime_s = 0
    account = Account(box.provider())
    account.start_password_login("dora", PASSWORD)
    account.wait(20)
    box.revoke_all()
    box.forget_requests()
    for _ in range(2):
        with pytest.raises(LoginRequired, match="ended the session") as caught:
            account.tokens()
        assert caught.value.error == "invalid_grant"
    assert len(box.requests) == 1
    state = account.state
    assert (state.phase, state.user, state.expires_at, account.is_signed_in) == ("failed", "", None, False)


def test_an_idle_session_ends_by_itself(box: Sandbox) -> None:
    """signed_in → failed when nobody used the session for too long, without anybody asking."""
    box.refresh_token_lifetime_s = 0.3
    account = Account(box.provider())
    account.start_password_login("dora", PASSWORD)
    account.wait(20)
    state = account._machine.wait_for(lambda state: state.phase == "failed", 20)  # pyright: ignore[reportPrivateUsage]
    assert "Nobody used it for too long" in str(state.error)
    with pytest.raises(LoginRequired, match="Nobody used it for too long"):
        account.tokens()


def test_an_idle_session_is_kept_alive(box: Sandbox, until: Until) -> None:
    """With `keep_alive_s` a login that nobody uses is renewed; after a logout nothing is."""
    before = timers()
    box.refresh_token_lifetime_s = 3
    account = Account(box.provider(), keep_alive_s=3600)
    account.start_password_login("dora", PASSWORD)
    account.wait(20)
    until(lambda: len(box.requests_to("/token")) >= 2)
    assert account.state.phase == "signed_in"
    account.logout()
    for timer in timers() - before:
        timer.join(20)
    assert timers() <= before


def timers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)}


# Basic


def test_basic(account: Account, box: Sandbox) -> None:
    """A Basic login asks nobody; its header goes to the provider's hosts, and it has no token."""
    account.start_password_login("boots", Secret("päss wörd+&%"), method="basic")
    state = account.wait(20)
    assert (state.phase, state.user, state.source, state.renewable) == ("signed_in", "boots", "basic", False)
    assert box.requests == []
    header = account.headers(f"{box.url}/download/x")["Authorization"]
    assert b64decode(header.removeprefix("Basic ")).decode() == "boots:päss wörd+&%"
    assert account.headers("https://evil.example.org/") == {}
    with pytest.raises(LoginRequired, match="It is a Basic login"):
        account.tokens()
    assert account.logout() == "Signed out: user name and password are wiped from this kernel."
    with pytest.raises(LoginRequired):
        account.headers(f"{box.url}/download/x")


def test_basic_after_tokens(signed_in: Account, box: Sandbox) -> None:
    """After a change to Basic the tokens of before are given to nobody, and their renewal does not show."""
    signed_in.start_password_login("boots", Secret("päss wörd+&%"), method="basic")
    assert signed_in.wait(20).user == "boots"
    with pytest.raises(LoginRequired, match="It is a Basic login"):
        signed_in.tokens()
    assert signed_in.state.expires_at is None
    assert signed_in.logout().startswith("Signed out: user name and password")


# Signing out


def test_logout(signed_in: Account, box: Sandbox, seen: Seen) -> None:
    """signed_in → signed_out: the session is ended at the provider, nothing is left, and the state says so."""
    token = refresh_token(signed_in)
    assert signed_in.logout() == "Signed out, and the session at Terrascope is ended."
    assert revoked(box) == [token]
    assert (signed_in.state.phase, signed_in.state.user, signed_in.state.expires_at) == ("signed_out", "", None)
    assert signed_in.state.notice == "Signed out, and the session at Terrascope is ended."
    assert phases(seen) == ["signed_out", "signed_out"]
    assert places(token, signed_in) == []
    with pytest.raises(LoginRequired, match="You signed out of Terrascope"):
        signed_in.tokens()
    assert signed_in.logout() == "Nobody was signed in."


@pytest.mark.parametrize("fault", [503, "no_answer", "html"])
def test_logout_when_the_provider_does_not_confirm(signed_in: Account, box: Sandbox, fault: int | str) -> None:
    """What the provider did not confirm is said; here everything is wiped all the same."""
    token = refresh_token(signed_in)
    box.timeline.revoke(fault)
    box.timeline.logout(404)
    notice = signed_in.logout()
    if fault == "html":  # which answers 200, as a confirmation does
        assert notice == "Signed out, and the session at Terrascope is ended."
    else:
        assert notice.startswith("Signed out here. 127.0.0.1")
        assert notice.endswith("The session there ends by itself.")
    assert signed_in.state.notice == notice
    assert places(token, signed_in) == []


def test_logout_when_the_provider_is_gone(signed_in: Account, box: Sandbox) -> None:
    """A provider that is down does not keep anybody signed in."""
    box.stop()
    assert "was not reached" in signed_in.logout()
    assert signed_in.state.phase == "signed_out"
    assert not signed_in.is_signed_in


def test_logout_without_a_way_to_end_the_session(box: Sandbox) -> None:
    """A provider that offers no revocation: that the session ends by itself is said."""
    box.discovery_changes = {"revocation_endpoint": None, "end_session_endpoint": None}
    account = Account(box.provider())
    account.start_password_login("dora", PASSWORD)
    account.wait(20)
    assert account.logout() == "Signed out here. The session there ends by itself."


def test_logins_without_a_name_are_told_apart(
    account: Account, box: Sandbox, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where tokens are opaque nobody knows whose they are: each login counts as another person's."""
    monkeypatch.setattr(import_module("ipyterrascope.auth.credentials"), "user_of", lambda _: "")
    found = [account.whose]
    for _ in range(2):
        account.start_device_login()
        until(lambda: box.waiting_codes)
        box.approve(box.waiting_codes[0])
        assert account.wait(20).phase == "signed_in"
        found += [account.whose, account.whose]
        account.logout()
        found.append(account.whose)
    nobody, first, again, left, second, _, _ = found
    assert (nobody, left, again) == ("", "", first)
    assert len({first, second, ""}) == 3


def test_logout_during_a_sign_in(account: Account, box: Sandbox, until: Until) -> None:
    """Signing out cancels what is under way: its tokens are revoked when they come."""
    box.timeline.token(steps.delayed(1.0))
    account.start_password_login("dora", PASSWORD)
    until(lambda: box.requests_to("/token"))
    assert account.logout() == "Nobody was signed in."
    assert account.state.phase == "signed_out"
    until(lambda: box.requests_to("/revoke"))
    assert account.state.phase == "signed_out"


@pytest.mark.parametrize("step", ["success", "invalid_grant"])
def test_logout_during_a_renewal(signed_in: Account, box: Sandbox, until: Until, step: str) -> None:
    """Signing out waits for a renewal under way and revokes the newest token; one that is refused changes nothing."""
    old = refresh_token(signed_in)
    box.timeline.token(steps.delayed(1.0, step))
    with ThreadPoolExecutor(1) as pool:
        renewal = pool.submit(signed_in._vault.renew)  # pyright: ignore[reportPrivateUsage]
        until(lambda: box.requests_to("/token"))
        notice = signed_in.logout()
        renewal.exception(20)
    assert signed_in.state.phase == "signed_out"
    assert signed_in.state.notice == notice
    if step == "success":
        assert len(revoked(box)) == 1
        assert old not in revoked(box)
        assert notice == "Signed out, and the session at Terrascope is ended."
    else:
        assert notice == "Signed out. The session had ended already."


@pytest.mark.parametrize("step", ["success", "invalid_grant"])
def test_logout_during_a_renewal_that_takes_its_time(
    signed_in: Account, box: Sandbox, until: Until, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A renewal that outlasts the patience of a logout: no end is claimed, and what it brings is revoked."""
    monkeypatch.setattr(import_module("ipyterrascope.auth.farewell"), "RENEWAL_WAIT_S", 0.01)
    old = refresh_token(signed_in)
    box.timeline.token(steps.delayed(1.0, step))
    with ThreadPoolExecutor(1) as pool:
        renewal = pool.submit(signed_in._vault.renew)  # pyright: ignore[reportPrivateUsage]
        until(lambda: box.requests_to("/token"))
        notice = signed_in.logout()
        assert notice.startswith("Signed out here. A renewal is under way")
        assert revoked(box) == []
        renewal.exception(20)
    if step == "success":
        until(lambda: revoked(box))
    assert old not in revoked(box)
    assert signed_in.state.phase == "signed_out"


def test_an_interrupt_of_a_logout(
    signed_in: Account, box: Sandbox, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends the waiting; signing out goes on to its end."""
    token = refresh_token(signed_in)

    wait = Errand.wait

    def interrupted(self: Errand[str], timeout_s: float | None = None, signal: AbortSignal | None = None) -> object:
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        return wait(self, timeout_s, signal)

    monkeypatch.setattr(Errand, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        signed_in.logout()
    until(lambda: signed_in.state.notice)
    assert revoked(box) == [token]
    assert not signed_in.is_signed_in


# One login replaces another


def test_a_login_that_is_replaced_is_ended(signed_in: Account, box: Sandbox, until: Until) -> None:
    """Who signs in as somebody else leaves no session behind that nobody could sign out of; the new one lives."""
    before = refresh_token(signed_in)
    signed_in.start_password_login("boots", Secret("päss wörd+&%"))
    assert signed_in.wait(20).user == "boots"
    until(lambda: revoked(box))
    assert revoked(box) == [before]
    signed_in._vault.renew()  # pyright: ignore[reportPrivateUsage]
    assert signed_in.state.phase == "signed_in"
    assert refresh_token(signed_in) not in revoked(box)


def test_a_login_replaced_during_its_renewal(signed_in: Account, box: Sandbox, until: Until) -> None:
    """What a renewal of the older login still brings is revoked, not the void token that was held before."""
    old = refresh_token(signed_in)
    box.timeline.token(steps.delayed(1.0))
    with ThreadPoolExecutor(1) as pool:
        renewal = pool.submit(signed_in._vault.renew)  # pyright: ignore[reportPrivateUsage]
        until(lambda: box.requests_to("/token"))
        signed_in.start_password_login("boots", Secret("päss wörd+&%"))
        assert signed_in.wait(20).user == "boots"
        renewal.exception(20)
    until(lambda: revoked(box))
    assert len(revoked(box)) == 1
    assert revoked(box)[0] not in (old, refresh_token(signed_in))


def test_a_basic_login_replaces_tokens(signed_in: Account, box: Sandbox, until: Until) -> None:
    """Also a login without tokens ends the session that was there."""
    before = refresh_token(signed_in)
    signed_in.start_password_login("boots", Secret("päss wörd+&%"), method="basic")
    until(lambda: revoked(box))
    assert revoked(box) == [before]


# What it says, and what it does not show


def test_why_nobody_is_signed_in(account: Account, box: Sandbox, until: Until) -> None:
    """Who needs a login is told what to do: sign in, finish the sign-in under way, or sign in again and why."""
    assert "Run %terrascope login" in str(account.login_required())
    account.start_device_login()
    until(lambda: account.state.device)
    with pytest.raises(LoginRequired, match="Finish the sign-in above, then run this cell again"):
        account.tokens()
    account.start_password_login("dora", WRONG)
    account.wait(20)
    assert "did not accept the user name and password" in str(account.login_required())


def test_no_error_of_a_login_holds_a_secret(account: Account) -> None:
    """The error that stays in the state leads to no password, by no frame, attribute or pickle."""
    account.start_password_login("dora", WRONG, one_time_code=Secret("c0de-kept-secret"))
    error = account.wait(20).error
    assert error is not None
    stream = io.StringIO()
    stream.writelines(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    for secret in (WRONG.reveal(), "c0de-kept-secret"):
        assert secret not in stream.getvalue()
        assert secret.encode() not in pickle.dumps(error)
        assert places(secret, error, account) == []


def test_no_part_of_an_account_shows_a_token(signed_in: Account) -> None:
    """Tokens are held masked: walking over all of an account finds none in clear."""
    tokens = signed_in.tokens()
    for secret in (tokens.access_token.reveal(), refresh_token(signed_in), PASSWORD.reveal()):
        assert places(secret, signed_in) == []


@pytest.mark.parametrize("copied", [pickle.dumps, copy.copy, copy.deepcopy])
def test_an_account_stays_where_it_is(signed_in: Account, copied: Callable[[Account], object]) -> None:
    """Whoever pickles or copies it is told what to do instead."""
    with pytest.raises(SecretExposed, match=r"ipyterrascope\.login\(\)"):
        copied(signed_in)


def test_refused_credentials_of_others(signed_in: Account, box: Sandbox) -> None:
    """A 401 of another host, to Basic or to nothing is not answered by a renewal."""
    bearer = signed_in.headers(f"{box.url}/x")
    assert not signed_in.refused("https://evil.example.org/", bearer)
    assert not signed_in.refused(f"{box.url}/x", {})
    assert not signed_in.refused(f"{box.url}/x", {"Authorization": "Basic eDp5"})
    assert box.requests == []


def test_a_refused_basic_login_is_over(box: Sandbox) -> None:
    """A user name and password that were refused are not sent again: file after file, that would lock the account."""
    account = Account(box.provider(methods=("basic",)))
    account.start_password_login("dora", Secret("wr0ng"), method="basic")
    account.wait(20)
    session = AuthorizedSession(account)
    assert session.get(box.download_urls[0]).status_code == 401
    for url in box.download_urls[1:4]:
        with pytest.raises(LoginRequired, match="did not accept"):
            session.get(url)
    assert account.state.phase == "failed"
    assert [record.status for record in box.requests_to("/download/")] == [401]


# Forks

_FORK = """
import os, sys, threading, time
from ipyterrascope.api import providers
from ipyterrascope.auth.account import Account
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.values.secret import Secret

with Sandbox() as box:
    account = Account(box.provider())
    account.start_password_login("dora", Secret("s3cret-Pa55"))
    account.wait(20)
    if sys.argv[1] == "waiting":
        account.start_device_login()
        while not account.state.device:
            time.sleep(0.01)
    locks = [account._machine.lock, account._silent, account._vault._lock, account._idle._lock, providers._lock]
    held, may_go_on = threading.Event(), threading.Event()

    def hold():
        for lock in locks:
            lock.acquire()
        held.set()
        may_go_on.wait(60)
        for lock in reversed(locks):
            lock.release()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(20)
    pid = os.fork()
    if pid == 0:
        child = account.state
        says = [child.phase, child.user, child.device, child.renewable, account.sign_in_silently()]
        account.observe(print)()
        account.cancel()
        providers.account()
        print(*says, bool(account.tokens().access_token), flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
    may_go_on.set()
    holder.join()
    print(account.state.phase, account.state.renewable, bool(account.tokens().refresh_token))
    os._exit(0)
"""


@pytest.mark.parametrize("moment", ["at rest", "waiting"])
def test_the_child_of_a_fork(moment: str) -> None:
    """A child has the token but nothing under way, whatever other threads of its parent held, and never blocks."""
    done = subprocess.run([sys.executable, "-c", _FORK, moment], capture_output=True, text=True, timeout=60)
    child, parent = done.stdout.splitlines()
    assert child == "signed_in dora None False True True", done.stderr
    assert parent == ("signed_in True True" if moment == "at rest" else "awaiting_user True True")
