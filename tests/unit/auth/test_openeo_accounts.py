"""Signing in at an openEO back-end: whose bearer goes where, what is reused, and who gets a client's secret."""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from ipyterrascope.auth.account import Account
from ipyterrascope.auth.accounts import Accounts
from ipyterrascope.auth.openeo_choice import Wish
from ipyterrascope.auth.stored_login import key_of
from ipyterrascope.configuration import Configuration
from ipyterrascope.errors import ConfigurationError, LoginRefused, LoginRequired
from ipyterrascope.sandbox import Sandbox, steps
from ipyterrascope.session import AuthorizedSession
from ipyterrascope.values.providers import Endpoints
from ipyterrascope.values.secret import Secret
from testbed.leaks import places
from testbed.loopback import Reply
from testbed.openeo import FakeBackend, fake_backend

Until = Callable[[Callable[[], object]], None]

SECRET = {
    "OPENEO_AUTH_METHOD": "client_credentials",
    "OPENEO_AUTH_CLIENT_ID": "service",
    "OPENEO_AUTH_CLIENT_SECRET": "sandbox-service-secret",
}


@pytest.fixture
def other(box: Sandbox) -> Iterator[FakeBackend]:
    """Another back-end, with the same provider and client."""
    with fake_backend() as running:
        running.offer(box.issuer)
        yield running


@pytest.fixture
def logins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A data folder of its own for stored logins."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path


def accounts(environ: Mapping[str, str] | None = None, **configured: object) -> Accounts:
    configuration = replace(Configuration(), **configured)  # type: ignore[arg-type]
    return Accounts(lambda: configuration, environ=environ or {})


def name_of(backend: FakeBackend) -> str:
    return f"openeo:{backend.address}"


def by_password(account: Account, *, remember: bool = False) -> Account:
    account.start_password_login("dora", Secret("s3cret-Pa55"), remember=remember)
    assert account.wait(30).phase == "signed_in", account.state.error
    return account


def me(account: Account, backend: FakeBackend) -> int:
    return AuthorizedSession(account).get(f"{backend.url}/me").status_code


def test_a_device_login_with_pkce_and_the_back_ends_parameters(
    box: Sandbox, backend: FakeBackend, until: Until
) -> None:
    """Scopes and parameters of the back-end go with the request, a challenge too; the bearer has the prefix."""
    backend.providers[0] |= {"scopes": ["email"], "authorization_parameters": {"kc_idp_hint": "egi", "scope": "evil"}}
    box.device_interval_s, box.pkce_required = 1, True
    account = accounts().account(name_of(backend))
    account.start_device_login()
    until(lambda: account.state.device)
    box.approve(box.waiting_codes[0])

    assert account.wait(30).phase == "signed_in"
    (asked,) = box.requests_to("/auth/device")
    assert (asked.form["kc_idp_hint"], asked.form["scope"]) == ("egi", "email openid")
    assert me(account, backend) == 200
    assert backend.bearers()[-1] == f"Bearer oidc/sso/{account.tokens().access_token.reveal()}"


def test_a_refused_bearer_is_renewed_once(box: Sandbox, backend: FakeBackend) -> None:
    """What follows the prefix is known as the token that was refused."""
    box.access_token_lifetime_s = 3
    account = by_password(accounts().account(name_of(backend)))
    old = account.headers(backend.url)
    time.sleep(0.4)  # one that is younger than a tenth of its life is not the fault
    assert account.refused(backend.url, old)
    assert account.headers(backend.url) != old


def test_a_download_is_signed_as_any_request(backend: FakeBackend) -> None:
    """The back-end wants the prefix also where the header must be had without a wait."""
    account = by_password(accounts().account(name_of(backend)))
    assert account.headers_at_once(backend.url) == account.headers(backend.url)


def test_the_bearer_of_a_back_end_goes_nowhere_else(backend: FakeBackend, other: FakeBackend) -> None:
    """Not to another back-end with the same provider, not to another port, not to the provider."""
    account = by_password(accounts().account(name_of(backend)))
    assert me(account, other) == 403
    assert other.bearers() == []
    assert account.headers(account.provider.issuer) == {}


def test_another_back_end_reuses_no_login(backend: FakeBackend, other: FakeBackend, logins: Path) -> None:
    """Same issuer and client, another back-end: nobody is signed in until a person says so, also from the store."""
    known = accounts(store="file")
    first = by_password(known.account(name_of(backend)), remember=True)
    second = known.account(name_of(other))

    assert (first.state.remember, second.is_signed_in) == (True, False)
    assert not second.sign_in_silently()
    assert key_of(first.provider) != key_of(second.provider)
    assert second.provider.label != first.provider.label


def test_a_login_that_was_kept_serves_the_same_back_end(backend: FakeBackend, logins: Path) -> None:
    """A later kernel is signed in by what is stored, by any name of that back-end."""
    by_password(accounts(store="file").account(name_of(backend)), remember=True)
    for name in (name_of(backend), f"openeo:{backend.url}", f"{name_of(backend)}#sso"):
        later = accounts(store="file").account(name)
        assert later.sign_in_silently()
        assert me(later, backend) == 200


def test_a_provider_made_by_hand_gets_no_stored_login(backend: FakeBackend, logins: Path) -> None:
    """Endpoints of its own would be sent the refresh token; other hosts would be sent the bearer."""
    account = by_password(accounts(store="file").account(name_of(backend)), remember=True)
    forged = replace(account.provider, endpoints=Endpoints(token_endpoint="https://evil.example.org/token"))
    assert not accounts(store="file").account(forged).sign_in_silently()
    with pytest.raises(ConfigurationError, match="its own host and nowhere else"):
        replace(account.provider, hosts=frozenset({"evil.example.org"}))
    with pytest.raises(ConfigurationError, match="field of the protocol"):
        replace(account.provider, authorization_parameters=(("client_id", "evil"),))
    with pytest.raises(ConfigurationError, match="bearer_prefix"):
        replace(account.provider, bearer_prefix="x\r\nHost: evil")


def test_a_back_end_is_asked_once(backend: FakeBackend) -> None:
    """Later calls by any of its names ask nobody, also when it went away meanwhile."""
    known = accounts()
    first = known.account(name_of(backend))
    count = len(backend.asked)
    assert known.account(first.provider.name) is known.account(f"openeo:{backend.url}") is first
    assert len(backend.asked) == count


def test_the_account_that_is_signed_in_is_meant(box: Sandbox, backend: FakeBackend) -> None:
    """Where a person chose another provider of the back-end, its name stands for that one from then on."""
    backend.offer(box.issuer, id="second", default_clients=[{"id": "nodevice", "grant_types": ["password"]}])
    known = accounts()
    first, second = known.of_backend(name_of(backend))
    assert (first.provider.bearer_prefix, second.provider.bearer_prefix) == ("oidc/sso/", "oidc/second/")
    by_password(second)
    assert known.account(name_of(backend)) is second
    assert known.account(f"{name_of(backend)}#sso") is first


def test_a_client_signs_in_for_itself_at_a_trusted_issuer(box: Sandbox, backend: FakeBackend) -> None:
    """OPENEO_AUTH_METHOD=client_credentials signs in where the issuer is configured, with the back-end's scopes."""
    account = accounts(SECRET, openeo_issuers=(f"{box.issuer}/",)).account(name_of(backend))
    assert account.sign_in_silently()
    assert (account.came_from, account.state.renewable) == (
        "OPENEO_AUTH_CLIENT_ID and OPENEO_AUTH_CLIENT_SECRET",
        True,
    )
    assert me(account, backend) == 200


def test_a_secret_goes_to_no_issuer_that_only_a_back_end_names(box: Sandbox, backend: FakeBackend) -> None:
    """An issuer that nobody confirmed is not even asked; the reason says what to set."""
    account = accounts(SECRET).account(name_of(backend))
    assert not account.sign_in_silently()
    assert "openeo_issuers" in account.why_not["environment"].reason
    assert box.requests_to("/token") == []


def test_a_secret_goes_to_an_issuer_that_a_person_confirmed(box: Sandbox, backend: FakeBackend, logins: Path) -> None:
    """Who signed in there for that back-end and stayed so has confirmed it, for no other back-end."""
    by_password(accounts(store="file").account(name_of(backend)), remember=True)
    account = accounts(SECRET, store="file").account(name_of(backend))
    assert account.sign_in_silently(source="environment")
    with fake_backend() as other:
        other.offer(box.issuer)
        assert not accounts(SECRET, store="file").account(name_of(other)).sign_in_silently(source="environment")


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "OPENEO_AUTH_METHOD is not set"),
        ({"OPENEO_AUTH_METHOD": "magic"}, "something else than client_credentials"),
        ({**SECRET, "OPENEO_AUTH_CLIENT_ID": ""}, "OPENEO_AUTH_CLIENT_ID is not set"),
        ({**SECRET, "OPENEO_AUTH_CLIENT_SECRET": ""}, "OPENEO_AUTH_CLIENT_SECRET is not set"),
    ],
)
def test_an_environment_that_is_not_whole_says_what_it_lacks(
    backend: FakeBackend, environ: dict[str, str], words: str
) -> None:
    """The variables have the meaning that openEO's client gives them; Terrascope's own do not count."""
    more = {"TERRASCOPE_TOKEN": "eyJ.a.b", "TERRASCOPE_USERNAME": "dora", "TERRASCOPE_PASSWORD": "s3cret-Pa55"}
    account = accounts({**more, **environ}).account(name_of(backend))
    assert not account.sign_in_silently()
    assert words in account.why_not["environment"].reason


def test_user_name_and_password_at_the_back_end_itself(backend: FakeBackend) -> None:
    """Basic gives a token with the prefix `basic//`; a refused one is exchanged anew, a wrong password refused."""
    backend.users = {"dora": "pa55w0rd"}
    (account,) = accounts().of_backend(name_of(backend), Wish(method="basic"))
    account.start_password_login("dora", Secret("wrong"), method="basic")
    assert isinstance(account.wait(30).error, LoginRefused)

    account.start_password_login("dora", Secret("pa55w0rd"), method="basic")
    assert account.wait(30).phase == "signed_in"
    assert account.headers(backend.url) == {"Authorization": "Bearer basic//basic-dora-0"}
    assert me(account, backend) == 200
    assert account.logout().startswith("Signed out here")


def test_a_token_that_somebody_has(backend: FakeBackend) -> None:
    """The back-end is asked whether it is good; it is used until it ends, renewed by nobody and not revoked."""
    token = by_password(accounts().account(name_of(backend))).tokens().access_token.reveal()
    (account,) = accounts().of_backend(name_of(backend), Wish(method="token"))
    account.start_token_login(Secret(f" Bearer oidc/sso/{token}\n"))

    state = account.wait(30)
    assert (state.phase, state.user, state.source, state.renewable) == ("signed_in", "Dora", "token", False)
    assert account.headers(backend.url) == {"Authorization": f"Bearer oidc/sso/{token}"}
    assert not account.is_unchecked
    assert account.logout() == "Signed out here. The token that was given is not revoked: it is good until it ends."
    account.start_token_login(Secret(token), remember=True)
    assert account.wait(30).notice == "This login is not kept: there is nothing to renew it by."


@pytest.mark.parametrize("token", ["s3cr3t-but-wrong", "s3cr3t two words", "s3cr3t\r\nHost: evil"])
def test_a_token_that_is_none_is_refused(backend: FakeBackend, token: str) -> None:
    """Nobody is signed in by it, the next use does not send it, and the error repeats nothing of it."""
    (account,) = accounts().of_backend(name_of(backend), Wish(method="token"))
    account.start_token_login(Secret(token))
    error = account.wait(30).error
    assert isinstance(error, LoginRefused)
    assert "s3cr3t" not in str(error)
    assert not account.is_signed_in


def own_client(backend: FakeBackend, client_id: str, **configured: object) -> Account:
    (account,) = accounts(**configured).of_backend(name_of(backend), Wish(method="oidc", client_id=client_id))
    return account


def test_a_client_with_a_secret_signs_in_for_itself(box: Sandbox, backend: FakeBackend) -> None:
    """The secret that was typed gives a token, and the next one where that ends; a logout wipes it."""
    account = own_client(backend, "service")
    box.access_token_lifetime_s = 3
    account.start_client_login(Secret("sandbox-service-secret"))
    assert account.wait(30).phase == "signed_in", account.state.error
    assert (account.state.user, account.state.source) == ("service-account-service", "oidc")
    assert me(account, backend) == 200
    time.sleep(3)
    assert me(account, backend) == 200
    account.logout()
    assert not account.sign_in_silently()


def test_a_wrong_secret_is_refused_and_not_kept(box: Sandbox, backend: FakeBackend, logins: Path) -> None:
    """The error names what to check and repeats nothing; the next try is as if there had been none."""
    account = own_client(backend, "service", store="file")
    account.start_client_login(Secret("s3cr3t-wr0ng"), remember=True)
    error = account.wait(30).error
    assert isinstance(error, LoginRefused)
    assert "s3cr3t" not in str(error)
    assert list(logins.rglob("*.login")) == []


def kept_by_code(box: Sandbox, backend: FakeBackend, until: Until) -> Account:
    """Sign in to stay, as a client with a secret, by a code."""
    box.device_interval_s = 1
    account = own_client(backend, "confidential", store="file")
    account.start_client_login(Secret("sandbox-client-secret"), remember=True)
    until(lambda: account.state.device)
    box.approve(box.waiting_codes[0])
    assert account.wait(30).phase == "signed_in", account.state.error
    return account


def test_a_client_for_people_lets_one_approve_a_code(
    box: Sandbox, backend: FakeBackend, until: Until, logins: Path
) -> None:
    """Its secret goes along with the code and each renewal, and a later kernel renews by what was kept."""
    account = kept_by_code(box, backend, until)
    assert (account.state.user, account.state.source, account.state.remember) == ("dora", "oidc", True)

    later = own_client(backend, "confidential", store="file")
    assert later.sign_in_silently()
    box.expire_access_tokens()
    later._vault.renew()  # pyright: ignore[reportPrivateUsage]
    assert me(later, backend) == 200
    renewal = box.requests_to("/token")[-1].form
    assert (renewal["grant_type"], renewal["client_secret"]) == ("refresh_token", "sandbox-client-secret")
    assert "is ended" in later.logout()
    assert list(logins.rglob("*.login")) == []


def test_a_kept_login_of_a_client_is_ended_by_its_secret(
    box: Sandbox, backend: FakeBackend, until: Until, logins: Path
) -> None:
    """Who only logs out in a later process ends the session at the provider, which asks the client for its secret."""
    kept_by_code(box, backend, until)
    later = own_client(backend, "confidential", store="file")
    assert later.has_kept_login
    assert later.logout().endswith("is ended.")
    (revocation,) = box.requests_to("/revoke")
    assert revocation.form["client_secret"] == "sandbox-client-secret"
    assert not later.has_kept_login
    assert list(logins.rglob("*.login")) == []


def test_a_new_code_is_asked_for_as_the_same_client(box: Sandbox, backend: FakeBackend, until: Until) -> None:
    """While one waits, another code is the client's too, also for the token; once cancelled, nothing has the secret."""
    box.device_interval_s = 1
    account = own_client(backend, "confidential")
    account.start_client_login(Secret("sandbox-client-secret"))
    until(lambda: box.waiting_codes)
    account.start_device_login()
    until(lambda: len(box.waiting_codes) == 2 and account.state.device)
    box.approve(box.waiting_codes[1])
    assert account.wait(30).phase == "signed_in", account.state.error
    assert account.state.source == "oidc"
    account.logout()

    account.start_client_login(Secret("sandbox-client-secret"))
    until(lambda: account.state.device)
    account.cancel()
    until(lambda: not places("sandbox-client-secret", account))


def test_what_comes_of_a_client_that_nobody_waits_for_is_ended_as_its_own(
    box: Sandbox, backend: FakeBackend, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The secret goes along when a login is revoked that came after it was cancelled, and one that a renewal brought
    after the logout."""
    box.device_interval_s = 1
    account = own_client(backend, "confidential")

    def approved() -> None:
        account.start_client_login(Secret("sandbox-client-secret"))
        until(lambda: account.state.device)
        box.approve(box.waiting_codes[-1])

    def ended_as_whom() -> str:
        until(lambda: box.requests_to("/revoke"))
        (revocation,) = box.requests_to("/revoke")
        assert revocation.status == 200
        box.forget_requests()
        return revocation.form["client_secret"]

    def asked_for(grant: str) -> bool:
        return any(grant in asked.form["grant_type"] for asked in box.requests_to("/token"))

    box.timeline.token("unauthorized_client", steps.delayed(1.0))
    approved()
    until(lambda: asked_for("device_code"))
    account.cancel()
    assert ended_as_whom() == "sandbox-client-secret"

    monkeypatch.setattr(import_module("ipyterrascope.auth.farewell"), "RENEWAL_WAIT_S", 0.01)
    approved()
    assert account.wait(30).phase == "signed_in", account.state.error
    box.forget_requests()
    box.timeline.token(steps.delayed(1.0))
    with ThreadPoolExecutor(1) as pool:
        renewal = pool.submit(account._vault.renew)  # pyright: ignore[reportPrivateUsage]
        until(lambda: asked_for("refresh_token"))
        assert "A renewal is under way" in account.logout()
        assert isinstance(renewal.exception(20), LoginRequired)
    assert ended_as_whom() == "sandbox-client-secret"
    until(lambda: not places("sandbox-client-secret", account))


def test_a_logout_that_takes_its_time_leaves_the_next_login_its_secret(
    box: Sandbox, backend: FakeBackend, until: Until
) -> None:
    """A login that is made while the provider is still asked to end the former one is renewed as its client."""
    box.device_interval_s = 1
    account = own_client(backend, "confidential")

    def sign_in() -> None:
        account.start_client_login(Secret("sandbox-client-secret"))
        until(lambda: account.state.device)
        box.approve(box.waiting_codes[-1])
        assert account.wait(30).phase == "signed_in", account.state.error

    sign_in()
    box.timeline.revoke(steps.delayed(4.0))
    with ThreadPoolExecutor(1) as pool:
        ending = pool.submit(account.logout)
        until(lambda: box.requests_to("/revoke"))
        sign_in()
        assert not ending.done()
        assert "is ended" in ending.result(20)
    account._vault.renew()  # pyright: ignore[reportPrivateUsage]
    asked = box.requests_to("/token")[-1]
    assert (asked.form["grant_type"], asked.status) == ("refresh_token", 200)
    assert asked.form["client_secret"] == "sandbox-client-secret"
    account.logout()
    until(lambda: not places("sandbox-client-secret", account))


def test_a_client_that_signs_in_for_itself_is_kept_when_asked_to(
    box: Sandbox, backend: FakeBackend, logins: Path
) -> None:
    """It has no refresh token: a later kernel signs in anew by the secret, once the token has ended."""
    account = own_client(backend, "service", store="file")
    account.start_client_login(Secret("sandbox-service-secret"), remember=True)
    assert account.wait(30).remember, account.state.notice or account.state.error
    (kept,) = logins.rglob("*.login")
    assert b"sandbox-service-secret" in b64decode(kept.read_bytes())
    assert kept.stat().st_mode & 0o777 == 0o600

    later = own_client(backend, "service", store="file")
    assert later.sign_in_silently()
    count = len(box.requests_to("/token"))
    later._vault.renew()  # pyright: ignore[reportPrivateUsage]
    assert me(later, backend) == 200
    assert len(box.requests_to("/token")) == count + 1
    later.logout()
    assert list(logins.rglob("*.login")) == []


def test_a_password_of_the_back_end_is_kept_when_asked_to(backend: FakeBackend, logins: Path) -> None:
    """A later kernel uses the token, and exchanges the password anew once that is refused; a logout removes both."""
    backend.users = {"dora": "pa55w0rd"}
    (account,) = accounts(store="file").of_backend(name_of(backend), Wish(method="basic"))
    account.start_password_login("dora", Secret("pa55w0rd"), method="basic", remember=True)
    assert account.wait(30).remember, account.state.notice or account.state.error
    assert len(list(logins.rglob("*.login"))) == 1

    (later,) = accounts(store="file").of_backend(name_of(backend), Wish(method="basic"))
    assert later.sign_in_silently()
    assert (later.state.user, later.state.source, me(later, backend)) == ("dora", "stored", 200)
    backend.issued = {"another one"}
    later._vault._held._since -= 300  # type: ignore[union-attr]  # pyright: ignore - as if it were old
    assert later.refused(backend.url, later.headers(backend.url))
    assert me(later, backend) == 200
    later.logout()
    assert list(logins.rglob("*.login")) == []


@pytest.mark.parametrize("trouble", ["refused", "down", "odd"])
def test_no_error_holds_a_typed_secret(box: Sandbox, backend: FakeBackend, trouble: str) -> None:
    """Neither its text, its chain, nor a local of its frames; a client's secret and a token alike."""
    account = own_client(backend, "service")
    secret = "sandbox-service-secret" if trouble != "refused" else "wr0ng-s3cret"
    (given,) = accounts().of_backend(name_of(backend), Wish(method="token"))
    if trouble == "odd":
        box.timeline.token("not_json", "not_json")
        backend.answers["/openeo/1.2/me"] = Reply(200, b"<html>")
    elif trouble == "down":
        box.timeline.token(*[503] * 8)
        backend.answers["/openeo/1.2/me"] = Reply(503)
    account.start_client_login(Secret(secret))
    given.start_token_login(Secret("g1ven-t0ken"))
    for each, typed in ((account, secret), (given, "g1ven-t0ken")):
        error = each.wait(60).error
        assert error is not None
        assert places(typed, error, each.state, repr(each)) == []
