"""Signing in as somebody else: the login that is there serves until the other one is, and only then ends."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from filelock import FileLock

from ipyterrascope.auth import signing_in
from ipyterrascope.auth.account import Account
from ipyterrascope.auth.accounts import Accounts
from ipyterrascope.auth.attempts import EARLIER_CODE, ELSEWHERE
from ipyterrascope.auth.login_store import LoginStore
from ipyterrascope.auth.stored_login import key_of
from ipyterrascope.configuration import Configuration
from ipyterrascope.errors import LoginRequired, TerrascopeError
from ipyterrascope.sandbox import Sandbox, oauth_rules, steps
from ipyterrascope.status import Status
from ipyterrascope.values.secret import Secret

Until = Callable[[Callable[[], object]], None]


@pytest.fixture
def _all_may_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oauth_rules, "person_of", lambda people, name: replace(people[name], may_stay=True))


def sign_in(account: Account, box: Sandbox, *, remember: bool = False) -> str:
    """Sign dora in, and return her access token."""
    account.start_password_login("dora", Secret(box.users["dora"]), remember=remember)
    assert account.wait(20).user == "dora"
    return account.tokens().access_token.reveal()


def switch(account: Account, until: Until, *, remember: bool = False) -> str:
    account.start_device_login(remember=remember, is_switch=True)
    until(lambda: account.state.device)
    device = account.state.device
    assert device is not None
    return device.user_code


def is_good(token: str, box: Sandbox) -> bool:
    """Tell whether the services take a token: none of a session that was ended."""
    url = box.add_file("some.bin", b"data")
    return requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=10).status_code == 200


def test_the_former_login_serves_while_a_code_waits(box: Sandbox, account: Account, until: Until) -> None:
    """Sessions and downloads go on with it, and state and status say whose it is."""
    token = sign_in(account, box)
    switch(account, until)
    state = account.state
    assert (state.phase, state.user, state.source, state.notice) == ("awaiting_user", "dora", "password", ELSEWHERE)
    assert account.headers(box.add_file("some.bin", b"data")) == {"Authorization": f"Bearer {token}"}
    told = Status([account]).accounts[0]
    assert told.is_signed_in
    assert told.headline == (
        "Terrascope [SANDBOX]: signed in as dora, by password; "
        f"waiting for approval of a code at {account.provider.issuer_host}."
    )


_SCRIPT = """
import sys

import ipyterrascope as ts
from ipyterrascope.values.secret import Secret

issuer, *words = sys.argv[1:]
hosts = frozenset({"127.0.0.1"})
account = ts.account(ts.Provider(name="box", label="Box", issuer=issuer, client_id="public", hosts=hosts))
for user, password in zip(words[::2], words[1::2]):
    account.start_password_login(user, Secret(password), is_switch=account.is_signed_in)
    assert account.wait(20).user == user
"""


def test_a_script_that_ends_at_once_ends_the_former_login(box: Sandbox) -> None:
    """Python waits until the provider has heard of it, for some seconds at most."""
    box.timeline.revoke(steps.delayed(1.0))
    people = [word for person in ("dora", "boots") for word in (person, box.users[person])]
    subprocess.run([sys.executable, "-c", _SCRIPT, box.issuer, *people], check=True, timeout=60)
    (ended,) = box.requests_to("/revoke")
    assert ended.status == 200


def test_cancelled_everything_is_as_it_was(box: Sandbox, account: Account, until: Until) -> None:
    """The login is there, kept as before, and nothing was ended at the provider."""
    token = sign_in(account, box, remember=True)
    switch(account, until)
    account.cancel()
    state = account.state
    assert (state.phase, state.user, state.remember, state.notice) == ("signed_in", "dora", True, "Cancelled.")
    assert account.tokens().access_token.reveal() == token
    assert account.has_kept_login
    assert box.requests_to("/revoke") == []


def test_a_refusal_leaves_everything_as_it_was(box: Sandbox, account: Account, until: Until) -> None:
    """Denied at the provider, the former login goes on, and the state says both."""
    sign_in(account, box)
    box.deny(switch(account, until))
    state = account.wait(20)
    assert (state.phase, state.user, state.error and state.error.error) == ("signed_in", "dora", "access_denied")
    account.look_again()
    assert account.state.error is not None, "whoever comes back to the page has not read it"
    account.look_again(is_anew=True)
    assert (account.state.phase, account.state.error) == ("signed_in", None)


def test_why_a_switch_failed_is_forgotten_with_it(box: Sandbox, account: Account, until: Until) -> None:
    """Who gives a switch up is not told of the other account's trouble beside the login that goes on."""
    sign_in(account, box)
    box.deny(switch(account, until))
    assert account.wait(20).error is not None
    account.cancel()
    assert (account.state.phase, account.state.user, account.state.error) == ("signed_in", "dora", None)


@pytest.mark.parametrize("was_kept", [False, True])
def test_the_former_ends_when_the_other_is_there(box: Sandbox, account: Account, until: Until, was_kept: bool) -> None:
    """It is ended at the provider, and not kept any more where it was: no later kernel is dora again."""
    token = sign_in(account, box, remember=was_kept)
    box.approve(switch(account, until), user="boots")
    state = account.wait(20)
    assert (state.phase, state.user, state.remember, state.notice) == ("signed_in", "boots", False, "")
    until(lambda: not is_good(token, box))
    until(lambda: not account.has_kept_login)
    assert is_good(account.tokens().access_token.reveal(), box)


@pytest.mark.usefixtures("_all_may_stay")
@pytest.mark.parametrize(("was_kept", "is_kept"), [(False, False), (True, False), (True, True)])
def test_a_former_login_that_is_not_ended_is_told_of(
    box: Sandbox, account: Account, until: Until, was_kept: bool, is_kept: bool
) -> None:
    """Where the provider does not confirm its end, the account says so, as a logout does, beside what it says else."""
    sign_in(account, box, remember=was_kept)
    box.timeline.revoke(503)
    box.timeline.logout(503)
    box.approve(switch(account, until, remember=is_kept), user="boots")
    told = f"The former login is gone here. {account.provider.issuer_host} cannot answer right now."
    until(lambda: told in account.state.notice)
    assert account.state.notice.endswith("The session there ends by itself.")
    assert (account.state.phase, account.state.user) == ("signed_in", "boots")


def test_a_former_login_that_stays_kept_is_told_of(
    box: Sandbox, account: Account, until: Until, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another kernel that renews it for long may go on with it: who is signed in now hears of that."""
    monkeypatch.setattr(signing_in, "RENEWAL_WAIT_S", 0.2)
    sign_in(account, box, remember=True)
    code = switch(account, until)
    lock = tmp_path / "ipyterrascope" / "logins" / f"{key_of(account.provider)}.lock"
    with FileLock(lock, mode=0o600):
        box.approve(code, user="boots")
        until(lambda: account.state.phase == "signed_in" and account.state.notice)
    assert account.state.notice.startswith("The former login was not ended. The stored login could not be removed.")
    assert account.state.notice.endswith("Logging out ends it, too.")
    account.logout()
    assert not account.has_kept_login


def test_one_kept_login_takes_the_place_of_another(
    box: Sandbox, account: Account, until: Until, is_settled: Callable[[], bool]
) -> None:
    """With the box ticked the new login is what is kept, and only the former one is ended."""
    token = sign_in(account, box, remember=True)
    box.approve(switch(account, until, remember=True))
    assert (account.wait(20).phase, account.state.remember) == ("signed_in", True)
    until(lambda: not is_good(token, box))
    until(is_settled)
    assert account.has_kept_login
    assert is_good(account.tokens().access_token.reveal(), box)


@pytest.mark.usefixtures("_all_may_stay")
def test_a_kept_login_in_use_gives_way_to_another_persons(
    box: Sandbox, account: Account, until: Until, is_settled: Callable[[], bool]
) -> None:
    """No request fails meanwhile, although the store has the other one's login a moment before this kernel."""
    url, failures, is_over = box.add_file("some.bin", b"data"), list[str](), threading.Event()

    def ask() -> None:
        try:
            account.headers(url)
        except TerrascopeError as exc:
            failures.append(str(exc))

    def use() -> None:
        while not is_over.wait(0.0005):
            ask()

    sign_in(account, box, remember=True)
    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for user in ("boots", "dora", "boots", "dora"):
            box.approve(switch(account, until, remember=True), user=user)
            until(lambda user=user: (account.state.phase, account.state.user) == ("signed_in", user))
            until(is_settled)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert account.has_kept_login


def test_what_lies_ready_does_not_take_the_place_of_a_code(box: Sandbox, until: Until) -> None:
    """The former login over, a use in the middle of a switch leaves it to the person, and signs nobody else in."""
    environ = {"TERRASCOPE_USERNAME": "dora", "TERRASCOPE_PASSWORD": box.users["dora"]}
    configuration = Configuration(terrascope=box.provider())
    account = Accounts(lambda: configuration, environ=environ).account()
    assert account.sign_in_silently()
    code = switch(account, until)
    box.revoke_all()
    with pytest.raises(LoginRequired):
        account._vault.renew()
    with pytest.raises(LoginRequired, match="A sign-in is under way"):
        account.headers(box.add_file("some.bin", b"data"))
    box.approve(code, user="boots")
    assert account.wait(20).user == "boots"


def test_a_source_that_is_named_takes_the_place_of_a_code(box: Sandbox, until: Until) -> None:
    """Whoever asks for one in the middle of a switch has changed their mind."""
    environ = {"TERRASCOPE_USERNAME": "dora", "TERRASCOPE_PASSWORD": box.users["dora"]}
    configuration = Configuration(terrascope=box.provider())
    account = Accounts(lambda: configuration, environ=environ).account()
    account.start_password_login("boots", Secret(box.users["boots"]))
    assert account.wait(20).user == "boots"
    switch(account, until)
    assert account.sign_in_silently(source="environment")
    assert (account.state.phase, account.state.user) == ("signed_in", "dora")


def test_cancelled_while_it_is_being_kept_the_former_is_kept_on(
    box: Sandbox, account: Account, until: Until, monkeypatch: pytest.MonkeyPatch, is_settled: Callable[[], bool]
) -> None:
    """A keyring may ask for its password meanwhile; what was there before is there again, and was not ended."""
    token = sign_in(account, box, remember=True)
    code = switch(account, until, remember=True)
    store = account._keeper.store
    assert isinstance(store, LoginStore)
    write, is_writing, goes_on = store.shelf.write, threading.Event(), threading.Event()

    def slow(text: Secret) -> None:
        is_writing.set()
        assert goes_on.wait(20)
        write(text)

    monkeypatch.setattr(type(store.shelf), "write", lambda _, text: slow(text))
    box.approve(code)
    assert is_writing.wait(20)
    account.cancel()
    goes_on.set()
    until(is_settled)
    assert account.has_kept_login
    assert (account.state.user, account.tokens().access_token.reveal()) == ("dora", token)
    assert is_good(token, box)


def test_the_same_person_again_is_told_how_to_be_another(box: Sandbox, account: Account, until: Until) -> None:
    """A browser that is still signed in there approves as the same person."""
    sign_in(account, box)
    box.approve(switch(account, until), user="dora")
    assert account.wait(20).notice == f"You are dora as before. {ELSEWHERE}"


def test_a_new_code_and_another_wish_belong_to_the_same_switch(box: Sandbox, account: Account, until: Until) -> None:
    """What is asked for while a code waits needs not say again what it is for."""
    sign_in(account, box, remember=True)
    first = switch(account, until)
    account.start_device_login()
    until(lambda: account.state.device and account.state.device.user_code != first)
    assert account.state.notice == ELSEWHERE
    account.change_wish(True)
    until(lambda: account.state.notice == f"{EARLIER_CODE} {ELSEWHERE}")
    account.change_wish(False)
    device = account.state.device
    assert device is not None
    box.approve(device.user_code, user="boots")
    assert account.wait(20).user == "boots"
    until(lambda: not account.has_kept_login)


def test_a_former_login_that_ends_meanwhile_is_not_shown_any_more(box: Sandbox, account: Account, until: Until) -> None:
    """Its session over, nobody is signed in, and the code still waits."""
    sign_in(account, box)
    code = switch(account, until)
    box.revoke_all()
    with pytest.raises(LoginRequired):
        account._vault.renew()
    state = account.state
    assert (state.phase, state.user, state.source, account.is_signed_in) == ("awaiting_user", "", "", False)
    box.approve(code, user="boots")
    assert account.wait(20).user == "boots"


@pytest.mark.parametrize("is_kept", [True, False])
def test_what_is_kept_is_told_of_the_login_that_is_there(
    box: Sandbox, account: Account, until: Until, is_kept: bool
) -> None:
    """A wish about the one that is to come says nothing of it."""
    sign_in(account, box, remember=is_kept)
    switch(account, until, remember=not is_kept)
    assert Status([account]).accounts[0].is_kept == is_kept
