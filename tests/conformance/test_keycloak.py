"""The login against a real Keycloak, the software behind Terrascope's: what it accepts, refuses, renews and ends."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import requests

from ipyterrascope.auth.account import Account
from ipyterrascope.auth.environment import environment_source
from ipyterrascope.errors import FlowUnavailable, LoginRefused, LoginRequired
from ipyterrascope.protocol.oauth import OAuthClient
from ipyterrascope.protocol.revocation import revoke
from ipyterrascope.session import AuthorizedSession
from ipyterrascope.threads.abort import AbortSignal
from ipyterrascope.values.known import TERRASCOPE
from ipyterrascope.values.providers import Endpoints, Provider
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.states import LoginState
from testbed.files import ProtectedFiles
from testbed.keycloak import BOOTS, DISABLED, DORA, MUSTACT, SWIPER, Keycloak, User
from testbed.waiting import until

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext


def by_password(account: Account, user: User, one_time_code: str | None = None) -> LoginState:
    code = Secret(one_time_code) if one_time_code else None
    account.start_password_login(user.username, Secret(user.password), one_time_code=code)
    return account.wait(30)


def signed_in(provider: Provider, user: User = DORA) -> Account:
    account = Account(provider)
    assert by_password(account, user).phase == "signed_in"
    return account


def device_code(account: Account) -> LoginState:
    account.start_device_login()
    deadline = time.monotonic() + 30
    while account.state.phase == "signing_in" and time.monotonic() < deadline:
        time.sleep(0.05)
    return account.state


def test_password_signs_in_and_tells_who_and_how_long(keycloak: Keycloak) -> None:
    """A good password gives a token of 300 s and a session of an hour, in the user's name."""
    state = signed_in(keycloak.provider()).state

    now = time.time()
    assert state.user == "dora"
    assert state.expires_at == pytest.approx(now + 300, abs=10)
    assert state.session_ends_at == pytest.approx(now + 3600, abs=10)


def test_any_character_may_stand_in_a_password(keycloak: Keycloak) -> None:
    """Umlauts, spaces and form characters arrive as they were typed."""
    assert signed_in(keycloak.provider(), BOOTS).state.user == "boots"


@pytest.mark.parametrize(
    ("user", "words"),
    [
        (User("dora", "wrong"), "did not accept the user name and password"),
        (User("nobody", "x"), "did not accept the user name and password"),
        (SWIPER, "one-time code"),
        (DISABLED, "Account disabled"),
        (MUSTACT, "Account is not fully set up"),
    ],
    ids=["wrong password", "unknown user", "one-time code missing", "disabled", "required action"],
)
def test_refused_password_says_why_and_what_to_do(keycloak: Keycloak, user: User, words: str) -> None:
    """Each reason to refuse a password is told in its own words, with a way on."""
    state = by_password(Account(keycloak.provider()), user)

    assert state.phase == "failed"
    assert isinstance(state.error, LoginRefused)
    assert state.error.error == "invalid_grant"
    assert words in str(state.error)
    assert state.error.do


def test_one_time_code_completes_a_password(keycloak: Keycloak) -> None:
    """A user with two factors signs in by the form's optional field."""
    state = by_password(Account(keycloak.provider()), SWIPER, SWIPER.one_time_code())

    assert (state.phase, state.user) == ("signed_in", "swiper")


def test_offline_access_is_asked_for_and_lived_without(keycloak: Keycloak) -> None:
    """Who may stay signed in does; who may not is signed in for the usual hour, without a question."""
    provider = keycloak.provider(scope="offline_access")

    assert signed_in(provider, DORA).state.session_ends_at is None
    assert signed_in(provider, BOOTS).state.session_ends_at == pytest.approx(time.time() + 3600, abs=10)


@pytest.mark.parametrize("approved", [0, 1], ids=["first", "second"])
def test_either_code_signs_in_when_the_wish_to_stay_has_changed(
    keycloak: Keycloak, browser_context: BrowserContext, approved: int
) -> None:
    """Two codes of one sign-in are good side by side; the second one's login has no end of its session."""
    with keycloak.realm(oauth2DevicePollingInterval=1):
        account = Account(keycloak.provider())
        codes = [device_code(account).device]
        account.change_wish(True)
        until(lambda: account.state.device is not codes[0])
        codes.append(account.state.device)
        device = codes[approved]
        assert device is not None
        assert device.verification_uri_complete is not None

        keycloak.answer_device_login(browser_context, device.verification_uri_complete, DORA)
        state = account.wait(30)

    assert (state.phase, state.user, state.source) == ("signed_in", "dora", "device")
    assert (state.session_ends_at is None) is (approved == 1)
    account.logout()


def test_device_code_is_approved_on_keycloaks_pages(keycloak: Keycloak, browser_context: BrowserContext) -> None:
    """The code shown here is granted there, and the account is that person's."""
    with keycloak.realm(oauth2DevicePollingInterval=1):
        account = Account(keycloak.provider())
        device = device_code(account).device
        assert device is not None
        assert device.verification_uri_complete is not None
        assert device.user_code in device.verification_uri_complete

        keycloak.answer_device_login(browser_context, device.verification_uri_complete, DORA)

        state = account.wait(30)
        assert (state.phase, state.user, state.source) == ("signed_in", "dora", "device")
        assert account.logout() == "Signed out, and the session at Terrascope is ended."


def test_device_code_is_denied_on_keycloaks_pages(keycloak: Keycloak, browser_context: BrowserContext) -> None:
    """A "No" there is told here."""
    with keycloak.realm(oauth2DevicePollingInterval=1):
        account = Account(keycloak.provider())
        device = device_code(account).device
        assert device is not None
        assert device.verification_uri_complete is not None

        keycloak.answer_device_login(browser_context, device.verification_uri_complete, DORA, approve=False)

        state = account.wait(30)
        assert state.error is not None
        assert (state.phase, state.error.error) == ("failed", "access_denied")


def test_device_code_expires(keycloak: Keycloak) -> None:
    """A code that nobody approves ends by itself and asks for a new one."""
    with keycloak.realm(oauth2DevicePollingInterval=1, oauth2DeviceCodeLifespan=3):
        account = Account(keycloak.provider())
        device_code(account)

        state = account.wait(30)
        assert state.error is not None
        assert (state.phase, state.error.error, state.error.do) == (
            "failed",
            "expired_token",
            "Get a new sign-in code.",
        )


def test_polling_keeps_to_the_interval(keycloak: Keycloak) -> None:
    """Keycloak never has to say slow_down to us."""
    with keycloak.realm(oauth2DevicePollingInterval=1, oauth2DeviceCodeLifespan=8):
        account = Account(keycloak.provider())
        device_code(account)
        account.wait(30)

    errors = [event.get("error") for event in keycloak.events("OAUTH2_DEVICE_CODE_TO_TOKEN_ERROR")]
    assert "slow_down" not in errors


def test_clients_without_a_flow_lead_to_the_other(keycloak: Keycloak) -> None:
    """A client that may not use the device code, or is unknown, leaves the password form on offer."""
    for provider in (keycloak.provider(client_id="jupyterhub"), keycloak.provider(client_id="unknown")):
        state = device_code(Account(provider))
        assert isinstance(state.error, FlowUnavailable), state
        assert state.methods == ("password",)


def test_password_grant_that_is_switched_off_is_told(keycloak: Keycloak) -> None:
    """A provider without the password grant says so, instead of blaming the password."""
    with keycloak.client(directAccessGrantsEnabled=False):
        state = by_password(Account(keycloak.provider()), DORA)

    assert isinstance(state.error, FlowUnavailable)


SERVICE = {"TERRASCOPE_CLIENT_ID": "jupyterhub", "TERRASCOPE_CLIENT_SECRET": "hub-client-secret-hub-client-secret"}


def test_client_credentials_sign_in_a_service_account(keycloak: Keycloak, keycloak_files: ProtectedFiles) -> None:
    """A confidential client of the environment signs in for itself, and again when its token has ended."""
    url = keycloak_files.add("/download/a.tif", b"data")
    provider = keycloak.provider()
    account = Account(provider, sources=[environment_source(provider, SERVICE)])
    with keycloak.client("jupyterhub", serviceAccountsEnabled=True), keycloak.realm(accessTokenLifespan=2):
        session = AuthorizedSession(account)
        assert session.get(url).content == b"data"
        assert (account.state.user, account.state.session_ends_at) == ("service-account-jupyterhub", None)
        time.sleep(2.1)
        assert session.get(url).content == b"data"


@pytest.mark.parametrize(
    ("environ", "is_service", "words"),
    [
        ({**SERVICE, "TERRASCOPE_CLIENT_SECRET": "wrong"}, True, "credentials"),
        ({**SERVICE, "TERRASCOPE_CLIENT_ID": "unknown"}, True, "credentials"),
        ({**SERVICE, "TERRASCOPE_CLIENT_ID": "public"}, True, "public client"),
        (SERVICE, False, "service account"),
    ],
    ids=["wrong secret", "unknown client", "public client", "no service account"],
)
def test_client_credentials_that_are_refused(
    keycloak: Keycloak, environ: dict[str, str], is_service: bool, words: str
) -> None:
    """A wrong secret or a client that may not sign in for itself is refused with Keycloak's words and what to check."""
    provider = keycloak.provider()
    account = Account(provider, sources=[environment_source(provider, environ)])
    with keycloak.client("jupyterhub", serviceAccountsEnabled=is_service), pytest.raises(LoginRefused) as caught:
        account.sign_in_silently()
    assert words in str(caught.value).lower()
    assert caught.value.do == "Check TERRASCOPE_CLIENT_ID and TERRASCOPE_CLIENT_SECRET."


@pytest.mark.soak
@pytest.mark.parametrize("rotation", [False, True], ids=["tokens reused", "rotation with reuse detection"])
def test_eight_threads_on_an_expired_token_make_one_refresh(
    keycloak: Keycloak, keycloak_files: ProtectedFiles, rotation: bool, full_counts: bool
) -> None:
    """Time and again the token has ended, eight threads ask at once, and Keycloak sees one refresh."""
    url = keycloak_files.add("/download/a.tif", b"data")
    # beside other tests eight answers may take more than the two seconds after which there has to be another one
    life_s = 2 if full_counts else 5
    with keycloak.realm(revokeRefreshToken=rotation, accessTokenLifespan=life_s):
        account = signed_in(keycloak.provider())
        session = AuthorizedSession(account, login_url=keycloak.issuer)
        for expected in range(1, 6 if full_counts else 3):
            time.sleep(life_s + 0.1)
            assert all_of(8, lambda: session.get(url).status_code) == [200] * 8
            assert len(keycloak.events("REFRESH_TOKEN")) == expected
        assert keycloak.events("REFRESH_TOKEN_ERROR") == []


def all_of(count: int, work: object) -> list[object]:
    assert callable(work)
    results: list[object] = [None] * count
    start = threading.Barrier(count)

    def run(index: int) -> None:
        start.wait()
        results[index] = work()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_refused_token_is_renewed_once_and_the_request_repeated(
    keycloak: Keycloak, keycloak_files: ProtectedFiles
) -> None:
    """A bearer that the service refuses before its time costs one renewal, and the caller does not notice."""
    url = keycloak_files.add("/download/a.tif", b"data")
    with keycloak.realm(accessTokenLifespan=2):
        account = signed_in(keycloak.provider())
    held = account._vault._held
    assert held is not None
    # as a clock that stands still would have it: we believe the token is good, the service knows better
    held.tokens = replace(held.tokens, expires_at=time.time() + 300)
    held._since -= 60
    time.sleep(2.1)

    assert AuthorizedSession(account).get(url).content == b"data"
    assert [status for _, status in keycloak_files.answered] == [401, 200]
    assert len(keycloak.events("REFRESH_TOKEN")) == 1


def test_logout_ends_the_session_at_the_server(keycloak: Keycloak) -> None:
    """After logout Keycloak knows no session of the user, and says what it did."""
    account = signed_in(keycloak.provider())
    assert keycloak.sessions(DORA) == 1

    assert account.logout() == "Signed out, and the session at Terrascope is ended."
    assert keycloak.sessions(DORA) == 0
    with pytest.raises(LoginRequired):
        account.tokens()


def test_login_that_is_replaced_is_ended_at_the_server(keycloak: Keycloak) -> None:
    """Who signs in again leaves one session there, the one that can be signed out of."""
    account = signed_in(keycloak.provider())
    assert by_password(account, DORA).phase == "signed_in"

    deadline = time.monotonic() + 30
    while keycloak.sessions(DORA) > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert keycloak.sessions(DORA) == 1
    account._vault.renew()  # pyright: ignore[reportPrivateUsage]
    account.logout()
    assert keycloak.sessions(DORA) == 0


def test_two_logins_of_one_browser_share_a_session(keycloak: Keycloak, browser_context: BrowserContext) -> None:
    """A second device login in the same browser is of the same session: the first is not ended, for both would be."""
    with keycloak.realm(oauth2DevicePollingInterval=1):
        account = Account(keycloak.provider())
        for _ in range(2):
            device = device_code(account).device
            assert device is not None
            assert device.verification_uri_complete is not None
            keycloak.answer_device_login(browser_context, device.verification_uri_complete, DORA)
            assert account.wait(30).error is None
        for thread in threading.enumerate():
            if thread.name == "replaced":
                thread.join(30)
        assert keycloak.sessions(DORA) == 1
        account._vault.renew()  # pyright: ignore[reportPrivateUsage]
        account.logout()
        assert keycloak.sessions(DORA) == 0


def test_logout_without_a_revocation_endpoint_uses_keycloaks_own(keycloak: Keycloak) -> None:
    """Where RFC 7009 is missing, Keycloak's logout ends the session."""

    class Old(OAuthClient):
        def endpoints(self, signal: AbortSignal | None = None) -> Endpoints:
            return replace(super().endpoints(signal), revocation_endpoint=None)

    client = Old(keycloak.provider())
    tokens = client.password(DORA.username, Secret(DORA.password))
    assert tokens.refresh_token is not None
    assert keycloak.sessions(DORA) == 1

    assert revoke(client, tokens)
    assert keycloak.sessions(DORA) == 0


def test_session_that_ends_at_the_server_asks_for_a_new_login(
    keycloak: Keycloak, keycloak_files: ProtectedFiles
) -> None:
    """One clear error at the next renewal, and the dead token is never sent again."""
    url = keycloak_files.add("/download/a.tif", b"data")
    with keycloak.realm(accessTokenLifespan=2):
        account = signed_in(keycloak.provider())
        session = AuthorizedSession(account)
        keycloak.end_sessions(DORA)
        time.sleep(2.1)
        for _ in range(3):
            with pytest.raises(LoginRequired, match="Sign in again"):
                session.get(url)

    assert account.state.phase == "failed"
    assert len(keycloak.events("REFRESH_TOKEN_ERROR")) == 1


def test_who_forgot_the_password_is_led_to_the_page_for_it(keycloak: Keycloak) -> None:
    """The address that is built in for Terrascope opens Keycloak's own page, without a login that is under way."""
    path = TERRASCOPE.password_reset_url.removeprefix(TERRASCOPE.issuer)
    with keycloak.realm(resetPasswordAllowed=True):
        page = requests.get(f"{keycloak.issuer}{path}", timeout=30)
    assert page.status_code == 200
    assert "Forgot Your Password?" in page.text
