"""The box to stay signed in, ticked or not while a code waits: every code that was shown stays good."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from filelock import FileLock

from ipyterrascope.auth.account import Account
from ipyterrascope.auth.accounts import Accounts
from ipyterrascope.auth.attempts import EARLIER_CODE
from ipyterrascope.auth.stored_login import key_of
from ipyterrascope.configuration import Configuration
from ipyterrascope.errors import UsageError
from ipyterrascope.sandbox import Sandbox, steps

Until = Callable[[Callable[[], object]], None]


def shown(account: Account) -> str:
    device = account.state.device
    return device.user_code if device else ""


def ask(account: Account, until: Until, *, remember: bool = False) -> str:
    account.start_device_login(remember=remember)
    until(lambda: shown(account))
    return shown(account)


def change(account: Account, until: Until, *, remember: bool) -> str:
    before = shown(account)
    account.change_wish(remember)
    until(lambda: shown(account) != before)
    return shown(account)


def is_good(account: Account, box: Sandbox) -> bool:
    """Tell whether the provider's services take the token: none of a session that was ended."""
    url = box.add_file("some.bin", b"data")
    return requests.get(url, headers=account.headers(url), timeout=10).status_code == 200


def scopes(box: Sandbox) -> list[str | None]:
    return [record.form.get("scope") for record in box.requests_to("/auth/device")]


def test_the_code_that_was_shown_stays_good(box: Sandbox, account: Account, until: Until) -> None:
    """Approved after the box was ticked, it signs in, and is kept for as long as such a login lasts, which is said."""
    first = ask(account, until)
    second = change(account, until, remember=True)
    assert second != first
    assert (account.state.phase, account.state.remember, account.state.notice) == ("awaiting_user", True, EARLIER_CODE)
    box.approve(first)
    state = account.wait(20)
    assert (state.phase, state.user, state.remember) == ("signed_in", "dora", True)
    assert state.notice == (
        "But the code that you approved was not yet of a login that lasts: it ends when it is not used for 60 minutes. "
        "For one that lasts, log out and tick the box before you approve."
    )
    assert account.has_kept_login


def test_a_wish_that_may_ask_for_no_code_changes_nothing(box: Sandbox, account: Account, until: Until) -> None:
    """Who keeps count of the codes is asked before one is had, and not where a code for either answer is there."""

    def refuse() -> None:
        raise UsageError("No more codes.")

    first = ask(account, until)
    with pytest.raises(UsageError):
        account.change_wish(True, on_asking=refuse)
    assert (shown(account), account.state.remember) == (first, False)
    second = change(account, until, remember=True)
    account.change_wish(False, on_asking=refuse)
    assert (shown(account), account.state.remember) == (first, False)
    account.change_wish(True, on_asking=refuse)
    assert shown(account) == second
    assert len(scopes(box)) == 2


def test_the_code_that_is_shown_then_is_of_a_login_that_lasts(box: Sandbox, account: Account, until: Until) -> None:
    """It is asked for with `offline_access`, and once it is approved nobody asks about the other one any more."""
    ask(account, until)
    box.approve(change(account, until, remember=True))
    state = account.wait(20)
    assert (state.phase, state.remember, state.session_ends_at, state.notice) == ("signed_in", True, None, "")
    assert scopes(box) == [None, "offline_access"]
    box.forget_requests()
    assert account.wait(0.5).phase == "signed_in"
    assert box.requests == []


def test_the_picture_stays_while_the_other_code_is_asked_for(box: Sandbox, account: Account, until: Until) -> None:
    """There is always a code to approve: nothing in between takes it, and with it the focus, away."""
    ask(account, until)
    phases: list[tuple[str, bool]] = []
    end = account.observe(lambda state: phases.append((state.phase, state.device is not None)))
    change(account, until, remember=True)
    until(lambda: len(phases) == 2)
    assert set(phases) == {("awaiting_user", True)}
    end()


def test_to_and_fro_asks_for_two_codes_in_all(box: Sandbox, account: Account, until: Until) -> None:
    """Each answer of the box has one code, which comes back with it."""
    first = ask(account, until)
    second = change(account, until, remember=True)
    assert change(account, until, remember=False) == first
    assert change(account, until, remember=True) == second
    assert len(scopes(box)) == 2


def test_a_lasting_login_that_shall_not_be_kept_after_all_is_told(box: Sandbox, account: Account, until: Until) -> None:
    """The code of the ticked box, approved after that was unticked, signs in here only, and says what lasts there."""
    second = ask(account, until, remember=True)
    change(account, until, remember=False)
    box.approve(second)
    state = account.wait(20)
    assert (state.phase, state.remember) == ("signed_in", False)
    assert state.notice == "It is not kept on this machine, but lasts at Terrascope until you log out."
    assert not account.has_kept_login
    assert account.logout() == "Signed out, and the session at Terrascope is ended."


def test_unticked_and_approved_nothing_lasts(box: Sandbox, account: Account, until: Until) -> None:
    """The code that is shown for the box without a tick asks for nothing that outlives the kernel."""
    ask(account, until, remember=True)
    box.approve(change(account, until, remember=False))
    state = account.wait(20)
    assert (state.phase, state.remember, state.notice) == ("signed_in", False, "")
    assert state.session_ends_at is not None
    assert scopes(box) == ["offline_access", None]


def test_the_first_code_goes_on_where_no_other_is_to_be_had(box: Sandbox, account: Account, until: Until) -> None:
    """A provider that is down for the second question takes nothing away."""
    first = ask(account, until)
    box.timeline.device(503)
    account.change_wish(True)
    until(lambda: len(scopes(box)) == 2 and box.timeline.left("device") == 0)
    box.approve(first)
    assert account.wait(20).remember
    assert account.state.phase == "signed_in"


def test_a_new_code_is_the_only_one(box: Sandbox, account: Account, until: Until) -> None:
    """Asked for by the person, it takes the place of both: they may have fallen into other hands."""
    ask(account, until)
    change(account, until, remember=True)
    before = {shown(account)}
    account.start_device_login(remember=True)
    until(lambda: shown(account) not in {"", *before})
    assert account.state.notice == ""
    box.forget_requests()
    until(lambda: box.requests_to("/token"))
    assert account.wait(0.5).phase == "awaiting_user"
    assert len({record.form["device_code"] for record in box.requests_to("/token")}) == 1


def test_a_no_ends_both(box: Sandbox, account: Account, until: Until) -> None:
    """Denied at the provider, the sign-in has failed, and nobody asks about the other code."""
    ask(account, until)
    box.deny(change(account, until, remember=True))
    state = account.wait(20)
    assert (state.phase, state.error and state.error.error) == ("failed", "access_denied")
    box.forget_requests()
    assert account.wait(0.5).phase == "failed"
    assert box.requests == []


def test_cancel_ends_both(box: Sandbox, account: Account, until: Until) -> None:
    """Cancelled, no code that was shown signs in any more."""
    first = ask(account, until)
    second = change(account, until, remember=True)
    account.cancel()
    for code in (first, second):
        box.approve(code)
    box.forget_requests()
    assert account.wait(0.5).phase == "signed_out"
    assert box.requests == []


def test_the_wish_of_nobody_changes_nothing(account: Account) -> None:
    """Without a code that waits there is nothing to change."""
    account.change_wish(True)
    assert (account.state.phase, account.state.remember) == ("signed_out", False)


@pytest.fixture
def others_turn(account: Account, tmp_path: Path) -> FileLock:
    """Held, another kernel changes what is stored, and this one waits."""
    folder = tmp_path / "ipyterrascope" / "logins"
    folder.mkdir(parents=True, mode=0o700)
    return FileLock(folder / f"{key_of(account.provider)}.lock", mode=0o600)


def test_of_two_that_are_approved_the_first_is_the_login(
    box: Sandbox, account: Account, until: Until, others_turn: FileLock, is_settled: Callable[[], bool]
) -> None:
    """Also where keeping it takes a while: what is kept is what is shown, and goes on."""
    first = ask(account, until)
    second = change(account, until, remember=True)
    with others_turn:
        box.approve(first)
        until(lambda: [record for record in box.requests_to("/token") if record.status == 200])
        box.approve(second)
        assert account.wait(0.5).phase == "awaiting_user"
    assert account.wait(20).remember
    until(is_settled)
    assert account.has_kept_login
    assert is_good(account, box)


def test_a_login_that_is_cancelled_takes_no_other_s_place(
    box: Sandbox, account: Account, until: Until, others_turn: FileLock, is_settled: Callable[[], bool]
) -> None:
    """Cancelled while it waits for its turn, it is ended, and what was kept before stays."""
    box.approve(ask(account, until, remember=True))
    assert account.wait(20).remember
    configuration = Configuration(terrascope=box.provider(), store="file")
    other = Accounts(lambda: configuration, environ={}).account()
    code = ask(other, until, remember=True)
    box.forget_requests()
    with others_turn:
        box.approve(code)
        until(lambda: [record for record in box.requests_to("/token") if record.status == 200])
        assert other.wait(0.3).phase == "awaiting_user"
        other.cancel()
    until(lambda: box.requests_to("/revoke"))
    until(is_settled)
    assert (other.state.phase, account.has_kept_login) == ("signed_out", True)
    assert is_good(account, box)


def test_a_second_login_that_comes_late_is_ended(
    box: Sandbox, account: Account, until: Until, is_settled: Callable[[], bool]
) -> None:
    """Both approved, and one answered long after the other: its session does not go on at the provider."""
    codes = {ask(account, until), change(account, until, remember=True)}
    # longer than a question that was cancelled is waited for
    box.timeline.token(steps.delayed(7))
    until(lambda: len(codes.intersection(box.waiting_codes)) == 1)
    box.approve(box.waiting_codes[0])
    assert account.wait(5).phase == "signed_in"
    assert box.requests_to("/revoke") == []
    until(is_settled)
    assert len(box.requests_to("/revoke")) == 1
    assert is_good(account, box)


def test_a_code_that_cannot_be_had_is_not_asked_for_at_each_tick(box: Sandbox, account: Account, until: Until) -> None:
    """Ticked to and fro where the provider is down, the box asks for the other code once."""
    ask(account, until)
    box.timeline.device(*[503] * 20)
    for _ in range(5):
        account.change_wish(True)
        until(lambda: len(scopes(box)) >= 2)
        account.change_wish(False)
    assert account.wait(0.5).phase == "awaiting_user"
    assert len(scopes(box)) == 2
