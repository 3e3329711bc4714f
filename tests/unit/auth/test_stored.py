"""Staying signed in: a login that outlives its kernel, that several kernels share, and that a logout ends for all."""

from __future__ import annotations

import json
import os
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import keyring.backends.fail
import pytest

from ipyterrascope import asking
from ipyterrascope.auth.account import Account
from ipyterrascope.auth.accounts import Accounts
from ipyterrascope.auth.chain import WhyNot
from ipyterrascope.auth.login_store import LoginStore
from ipyterrascope.auth.shelves import FileShelf
from ipyterrascope.auth.stored import ByStore
from ipyterrascope.auth.stored_login import StoreTroubleError, key_of
from ipyterrascope.configuration import Configuration
from ipyterrascope.errors import LoginRequired, ProviderUnreachable
from ipyterrascope.sandbox import Sandbox, steps
from ipyterrascope.values.providers import Provider
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.states import LoginState
from testbed.keyrings import Memory
from testbed.leaks import places

Until = Callable[[Callable[[], object]], None]
PASSWORDS = {"dora": "s3cret-Pa55", "boots": "päss wörd+&%"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of stored logins of this test."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path / "ipyterrascope" / "logins"


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A provider that rotates refresh tokens and ends a session in which one is used twice."""
    with Sandbox(rotation=True, refresh_max_reuse=0) as running:
        yield running


def kernel(box: Sandbox, provider: Provider | None = None, **changes: Any) -> Account:
    """Return the account of a kernel of its own."""
    provider = provider or box.provider()
    configuration = replace(Configuration(terrascope=provider, store="file"), **changes)
    return Accounts(lambda: configuration, environ={}).account()


def wide_of(box: Sandbox) -> Provider:
    """Return the provider with a host more."""
    return box.provider(hosts=frozenset({f"127.0.0.1:{box.port}", "data.example.org"}))


def sign_in(account: Account, user: str = "dora", *, remember: bool = True) -> LoginState:
    account.start_password_login(user, Secret(PASSWORDS[user]), remember=remember)
    return account.wait(20)


def file_of(folder: Path) -> Path:
    (path,) = folder.glob("*.login")
    return path


def held_by(path: Path) -> dict[str, Any]:
    """Return what a stored login holds."""
    return json.loads(b64decode(path.read_bytes()))


def in_version(version: int, held: dict[str, Any]) -> bytes:
    return b64encode(json.dumps({**held, "version": version}).encode()) + b"\n"


def renewals(box: Sandbox) -> int:
    return len([record for record in box.requests_to("/token") if record.form["grant_type"] == "refresh_token"])


def renew(account: Account) -> None:
    account._vault.renew()  # pyright: ignore[reportPrivateUsage]


def bearer(account: Account) -> str:
    return account.tokens().access_token.reveal()


# Keeping and finding again


def test_what_was_kept_while_the_clock_was_ahead(box: Sandbox, folder: Path) -> None:
    """Nobody knows how old its token is, which looks good for a day: it is renewed before it is used."""
    sign_in(kernel(box))
    held = held_by(file_of(folder))
    ahead = {name: held[name] + 86400 for name in ("issued_at", "expires_at")}
    file_of(folder).write_bytes(b64encode(json.dumps({**held, **ahead}).encode()) + b"\n")
    assert kernel(box).headers(f"{box.url}/")
    assert renewals(box) == 1


def test_a_new_kernel_is_signed_in_without_a_question(box: Sandbox, folder: Path) -> None:
    """What was kept signs in there without asking anybody, not even the provider while the token lives."""
    state = sign_in(kernel(box))
    assert (state.phase, state.source, state.remember, state.renewable) == ("signed_in", "password", True, True)
    assert (state.session_ends_at, state.notice) == (None, "")
    box.forget_requests()
    later = kernel(box)
    assert later.sign_in_silently()
    state = later.state
    assert (state.user, state.source, state.remember, state.renewable) == ("dora", "stored", True, True)
    assert later.came_from == "the stored login"
    assert box.requests == []
    assert (file_of(folder).stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert file_of(folder).stem == key_of(box.provider())


def test_a_device_login_is_kept_too(box: Sandbox, until: Until) -> None:
    """The code is asked for with `offline_access`, and what is approved is kept."""
    box.device_interval_s = 0.05
    account = kernel(box)
    account.start_device_login(remember=True)
    assert account.state.remember
    until(lambda: box.waiting_codes)
    box.approve(box.waiting_codes[0])
    assert account.wait(20).remember
    assert box.requests_to("/auth/device")[0].form["scope"] == "offline_access"
    assert kernel(box).sign_in_silently()


def test_nothing_is_kept_unless_somebody_asks(box: Sandbox, folder: Path) -> None:
    """A login without the wish leaves no trace on the disk, and asks for nothing more than ever."""
    account = kernel(box)
    assert account.why_not_kept == ""
    assert not sign_in(account, remember=False).remember
    account.logout()
    assert not folder.parent.exists()
    assert "scope" not in box.requests_to("/token")[0].form
    later = kernel(box)
    assert not later.sign_in_silently()
    assert later.why_not["stored"] == WhyNot("No login is stored.")


def test_who_may_not_stay_is_told_once_and_kept_for_the_session(box: Sandbox) -> None:
    """Without `offline_access` the login is kept until its session ends, and that is said."""
    account = kernel(box)
    state = sign_in(account, "boots")
    assert state.remember
    assert state.notice == "Terrascope lets no login of this account last: it ends when it is not used for 60 minutes."
    assert state.session_ends_at is not None
    assert kernel(box).sign_in_silently()
    renew(account)
    assert [record.form.get("scope") for record in box.requests_to("/token")] == ["offline_access", None, None]


def test_a_basic_login_is_not_kept(box: Sandbox, folder: Path) -> None:
    """A user name and password are never written down; that is said."""
    account = kernel(box)
    account.start_password_login("boots", Secret(PASSWORDS["boots"]), method="basic", remember=True)
    state = account.wait(20)
    assert (state.phase, state.remember) == ("signed_in", False)
    assert state.notice == "This login is not kept: there is nothing to renew it by."
    assert not folder.exists()


def test_a_login_that_cannot_be_kept_is_a_login_all_the_same(box: Sandbox, folder: Path) -> None:
    """A folder that is open to others keeps nothing: that is told, and the login goes on in this kernel."""
    folder.mkdir(parents=True, mode=0o755)
    account = kernel(box)
    assert "Others can read or change it" in account.why_not_kept
    state = sign_in(account)
    assert (state.phase, state.remember) == ("signed_in", False)
    assert state.notice.startswith("This login is not kept. ")
    assert [*folder.iterdir()] == []
    assert account.logout() == "Signed out, and the session at Terrascope is ended."


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"store": "none"}, '(c.Terrascope.store, TERRASCOPE_STORE) is "none".'),
        ({"sources": ("device", "password")}, "c.Terrascope.sources, do not name a stored login"),
        ({"use_silent_sources": False}, "use_silent_sources is off"),
    ],
)
def test_where_there_is_no_store_nothing_is_kept_and_nothing_is_found(
    box: Sandbox, folder: Path, changes: dict[str, Any], reason: str
) -> None:
    """A store that is not configured, or not a way to sign in, serves nobody, and says why."""
    sign_in(kernel(box))
    account = kernel(box, **changes)
    assert not account.sign_in_silently()
    assert reason in account.why_not_kept
    before = file_of(folder).read_bytes()
    assert not sign_in(account).remember
    account.logout()
    assert file_of(folder).read_bytes() == before


def test_visitors_and_other_providers_keep_nothing(box: Sandbox) -> None:
    """Neither a visitor of an app nor a `Provider` made in a notebook reaches the store."""
    configuration = Configuration(terrascope=box.provider(), store="file")
    visitors = Accounts(lambda: configuration, is_app=lambda: True, environ={})
    assert "visitors" in visitors.account().why_not_kept
    mine = Accounts(lambda: configuration, environ={}).account(box.provider(client_id="nodevice"))
    assert "only the configured issuer" in mine.why_not_kept


# Whose it is


def test_wider_hosts_need_a_fresh_login(box: Sandbox) -> None:
    """A stored login is not used for hosts that it was not made for, and the reason says so; fewer are fine."""
    wide = wide_of(box)
    sign_in(kernel(box))
    wider = kernel(box, wide)
    assert not wider.sign_in_silently()
    assert "made for fewer hosts" in wider.why_not["stored"].reason
    assert wider.why_not["stored"].is_fault
    sign_in(wider)
    assert kernel(box).sign_in_silently()
    assert kernel(box, wide).sign_in_silently()


def test_a_narrower_login_made_meanwhile_does_not_serve_wider_hosts(box: Sandbox) -> None:
    """Also a kernel that shares the store is not handed a login that was made for fewer hosts than it has."""
    wide = kernel(box, wide_of(box))
    sign_in(wide)
    sign_in(kernel(box))
    with pytest.raises(LoginRequired, match="took the place"):
        wide.tokens()


def test_another_client_has_another_login(box: Sandbox) -> None:
    """What one client kept, another one does not find."""
    sign_in(kernel(box))
    other = kernel(box, box.provider(client_id="nodevice"))
    assert not other.sign_in_silently()
    assert other.why_not["stored"] == WhyNot("No login is stored.")


def test_a_new_login_of_the_same_person_serves_all(box: Sandbox, until: Until) -> None:
    """Who signs in again in one kernel is signed in anew in the others; the earlier session is ended."""
    first, second = kernel(box), kernel(box)
    sign_in(first)
    assert second.sign_in_silently()
    sign_in(first)
    until(lambda: len(box.requests_to("/revoke")) == 1)
    assert bearer(second) == bearer(first)
    renew(second)
    assert bearer(first) == bearer(second)


def test_another_person_s_login_takes_nobody_over(box: Sandbox) -> None:
    """A kernel that was signed in as dora is never boots all of a sudden: its login is over, and that is said."""
    first, second = kernel(box), kernel(box)
    sign_in(first, "dora")
    assert second.sign_in_silently()
    sign_in(first, "boots")
    with pytest.raises(LoginRequired, match="took the place of the stored one"):
        second.tokens()
    assert (second.state.phase, second.state.user) == ("failed", "")
    with pytest.raises(LoginRequired, match="took the place of the stored one"):
        second.tokens()
    second.allow_sources()
    assert second.sign_in_silently()
    assert second.state.user == "boots"


# Sharing


def test_kernels_share_one_renewal(box: Sandbox) -> None:
    """Four kernels whose token has ended make one refresh in all, and all have the same new token."""
    box.access_token_lifetime_s = 1
    kernels = [kernel(box) for _ in range(4)]
    sign_in(kernels[0])
    assert all(each.sign_in_silently() for each in kernels)
    box.access_token_lifetime_s = 300
    time.sleep(1.1)
    box.forget_requests()
    with ThreadPoolExecutor(16) as pool:
        bearers = {future.result(30) for future in [pool.submit(bearer, each) for each in kernels * 4]}
    assert (len(bearers), renewals(box)) == (1, 1)


def test_what_another_kernel_renewed_is_taken_at_the_next_use(box: Sandbox) -> None:
    """A kernel whose token still lives goes over to the newer one, without the provider."""
    first, second = kernel(box), kernel(box)
    sign_in(first)
    second.sign_in_silently()
    renew(first)
    asked = renewals(box)
    assert bearer(second) == bearer(first)
    assert renewals(box) == asked == 1
    assert second.tokens() is second.tokens()


def test_who_signed_out_elsewhere_is_asked_again(box: Sandbox) -> None:
    """A login that another kernel has ended is no answer to `login`, nor does a session begin with it."""
    for ask in (asking.ready, lambda account: asking.sign_in(account, None, wait=False, username="")):
        first, second = kernel(box), kernel(box)
        sign_in(first)
        assert second.sign_in_silently()
        first.logout()
        with pytest.raises(LoginRequired):
            ask(second)
        assert not second.is_signed_in


def test_a_file_that_was_only_touched_renews_nothing(box: Sandbox, folder: Path) -> None:
    """A change of the file that brings no other token is looked at once, and nobody is asked."""
    account = kernel(box)
    sign_in(account)
    before = bearer(account)
    os.utime(file_of(folder))
    for _ in range(10):
        assert bearer(account) == before
    assert renewals(box) == 0


def test_a_refused_token_is_renewed_once_for_all(box: Sandbox) -> None:
    """After a 401 in one kernel there is one refresh; another kernel with the same refused token takes its result."""
    first, second = kernel(box), kernel(box)
    sign_in(first)
    second.sign_in_silently()
    url = f"{box.url}/x"
    headers = first.headers(url)
    box.advance(60)
    for each in (first, second):
        held = each._vault._held  # pyright: ignore[reportPrivateUsage]
        assert held is not None
        held.tokens = replace(held.tokens, issued_at=held.tokens.issued_at - 60)
    assert first.refused(url, headers)
    assert second.refused(url, headers)
    assert renewals(box) == 1
    assert bearer(first) == bearer(second)


def test_the_rotated_token_is_stored_before_it_is_used(
    box: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the new access token can be seen, the new refresh token is on the disk already."""
    account = kernel(box)
    sign_in(account)
    stored: list[str] = []
    real = ByStore._refreshed_and_stored

    def noted(self: ByStore, tokens: Any) -> Any:
        renewed = real(self, tokens)
        stored.append(held_by(file_of(folder))["access_token"])
        assert renewed.access_token.reveal() == stored[-1]
        return renewed

    monkeypatch.setattr(ByStore, "_refreshed_and_stored", noted)
    renew(account)
    assert stored == [bearer(account)]


def test_an_idle_session_that_another_kernel_renewed_goes_on(box: Sandbox) -> None:
    """The kernel that nobody uses is not told that its session has ended, when another one kept it alive."""
    box.refresh_token_lifetime_s = 2
    first, second = kernel(box), kernel(box)
    sign_in(first, "boots")
    second.sign_in_silently()
    time.sleep(1.2)
    renew(first)
    time.sleep(1.2)
    assert second.state.phase == "signed_in"
    assert bearer(second) == bearer(first)


def test_a_stored_token_that_has_ended_is_renewed_at_once(box: Sandbox) -> None:
    """A new kernel that finds an old token renews it first, and stores what it got."""
    box.access_token_lifetime_s = 0.5
    first = kernel(box)
    sign_in(first)
    box.access_token_lifetime_s = 300
    time.sleep(0.6)
    second = kernel(box)
    assert second.sign_in_silently()
    assert renewals(box) == 1
    assert bearer(first) == bearer(second)
    assert renewals(box) == 1


# Ends


def test_a_logout_ends_it_for_all(box: Sandbox, folder: Path) -> None:
    """It is revoked and removed; another kernel is told at its next use, a later one finds nothing."""
    first, second = kernel(box), kernel(box)
    sign_in(first)
    second.sign_in_silently()
    renew(second)
    assert first.logout() == "Signed out, and the session at Terrascope is ended."
    revoked = box.requests_to("/revoke")
    assert len(revoked) == 1
    assert [*folder.glob("*.login")] == []
    with pytest.raises(LoginRequired, match="The stored login is gone") as caught:
        second.tokens()
    assert caught.value.do == "Sign in again: run %terrascope login (in Python: ipyterrascope.login())."
    assert not kernel(box).sign_in_silently()
    assert renewals(box) == 1
    assert second.logout() == "Nobody was signed in." or second.state.phase == "signed_out"


def test_the_newest_token_is_the_one_that_is_revoked(box: Sandbox) -> None:
    """What another kernel renewed meanwhile is what a logout revokes: an older one would not end the session."""
    first, second = kernel(box), kernel(box)
    sign_in(first)
    second.sign_in_silently()
    renew(second)
    held = second._vault.peek()  # pyright: ignore[reportPrivateUsage]
    assert held is not None
    assert held.refresh_token is not None
    first.logout()
    assert [record.form["token"] for record in box.requests_to("/revoke")] == [held.refresh_token.reveal()]


def test_a_logout_removes_it_also_where_nobody_is_signed_in(box: Sandbox, folder: Path) -> None:
    """`logout` in a new kernel ends what an earlier one kept, and stays out until the next login."""
    sign_in(kernel(box))
    account = kernel(box)
    assert account.logout() == "Signed out, and the session at Terrascope is ended."
    assert [*folder.glob("*.login")] == []
    assert len(box.requests_to("/revoke")) == 1
    assert account.logout() == "Nobody was signed in."


def test_a_logout_of_another_login_ends_the_stored_one_too(box: Sandbox, folder: Path) -> None:
    """Who signed in by other means in this kernel and logs out is out altogether."""
    sign_in(kernel(box))
    account = kernel(box)
    sign_in(account, "boots", remember=False)
    assert account.logout() == "Signed out, and the session at Terrascope is ended. The stored login is ended too."
    assert [*folder.glob("*.login")] == []
    assert len(box.requests_to("/revoke")) == 2


def test_a_login_for_this_kernel_only_leaves_the_stored_one(box: Sandbox, until: Until) -> None:
    """Another login in this kernel neither ends nor changes what is stored; the others go on with it."""
    first, second = kernel(box), kernel(box)
    sign_in(first)
    second.sign_in_silently()
    sign_in(second, "boots", remember=False)
    assert not second.state.remember
    renew(first)
    assert first.state.user == "dora"
    assert box.requests_to("/revoke") == []


def test_a_session_that_the_provider_ended(box: Sandbox, folder: Path) -> None:
    """One kernel finds it out, and what is dead is removed: no other kernel sends it again, all are told."""
    first, second = kernel(box), kernel(box)
    sign_in(first)
    second.sign_in_silently()
    box.revoke_all()
    with pytest.raises(LoginRequired, match="ended the session"):
        renew(first)
    with pytest.raises(LoginRequired, match="The stored login is gone"):
        second.tokens()
    assert [*folder.glob("*.login")] == []
    assert renewals(box) == 1


def test_a_stored_login_that_turns_out_to_be_over_makes_way(box: Sandbox, folder: Path) -> None:
    """A new kernel finds it dead: the reason is told, and the next source is asked."""
    box.access_token_lifetime_s = 0
    sign_in(kernel(box))
    box.revoke_all()
    account = kernel(box)
    assert not account.sign_in_silently()
    assert account.state.phase == "signed_out"
    assert account.why_not["stored"].is_fault
    assert "ended the session" in account.why_not["stored"].reason
    assert [*folder.glob("*.login")] == []


def test_a_session_that_was_not_used_for_too_long(box: Sandbox) -> None:
    """Its end is known without asking, and told."""
    box.refresh_token_lifetime_s = 0.2
    sign_in(kernel(box), "boots")
    time.sleep(0.3)
    box.forget_requests()
    account = kernel(box)
    assert not account.sign_in_silently()
    assert "nobody used it for too long" in account.why_not["stored"].reason
    assert box.requests == []


def test_a_provider_that_is_down_loses_nothing(box: Sandbox) -> None:
    """A passing trouble at the first use is told as such, and the next one signs in."""
    box.access_token_lifetime_s = 0
    sign_in(kernel(box))
    box.access_token_lifetime_s = 300
    box.timeline.token(503)
    account = kernel(box)
    with pytest.raises(ProviderUnreachable):
        account.sign_in_silently()
    assert account.sign_in_silently()


# What may go wrong with the file


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda path: path.write_text("{"), "It is damaged."),
        (lambda path: path.write_bytes(b"\xff"), "It is not text."),
        (lambda path: path.write_bytes(in_version(9, held_by(path))), "A newer version"),
        (lambda path: path.chmod(0o644), "Others can read or change it"),
        (lambda path: (path.rename(path.with_suffix(".x")), path.symlink_to(path.with_suffix(".x"))), "symbolic link"),
        (lambda path: (path.unlink(), path.mkdir()), "It is no regular file."),
        (lambda path: (path.unlink(), os.mkfifo(path)), "It is no regular file."),
    ],
)
def test_a_store_that_was_tampered_with_is_not_believed(
    box: Sandbox, folder: Path, harm: Callable[[Path], object], reason: str
) -> None:
    """It is told why, in a new kernel as in one that uses it; nothing is sent, and the modes stay as they are."""
    first = kernel(box)
    sign_in(first)
    box.forget_requests()
    harm(file_of(folder))
    mode = file_of(folder).lstat().st_mode
    later = kernel(box)
    assert not later.sign_in_silently()
    assert reason in later.why_not["stored"].reason
    assert later.why_not["stored"].is_fault
    with pytest.raises(LoginRequired, match="The stored login cannot be used"):
        first.tokens()
    assert file_of(folder).lstat().st_mode == mode
    assert box.requests == []


def test_a_damaged_store_is_replaced_by_the_next_login(box: Sandbox, folder: Path) -> None:
    """Signing in again to stay mends it."""
    sign_in(kernel(box))
    file_of(folder).write_text("{")
    sign_in(kernel(box))
    assert kernel(box).sign_in_silently()


def test_a_disk_that_is_full_at_a_renewal(box: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be stored goes on in this kernel, and the dead token is removed, for it would end the session."""
    account, other = kernel(box), kernel(box)
    sign_in(account)
    other.sign_in_silently()

    def full(self: FileShelf, text: Secret) -> None:
        raise StoreTroubleError("The store cannot be written (No space left on device).")

    monkeypatch.setattr(FileShelf, "write", full)
    renew(account)
    assert "goes on in this kernel only. The store cannot be written" in account.state.notice
    assert not account.state.remember
    monkeypatch.undo()
    monkeypatch.setenv("XDG_DATA_HOME", str(folder.parent.parent))
    assert [*folder.glob("*.login")] == []
    renew(account)
    with pytest.raises(LoginRequired, match="The stored login is gone"):
        other.tokens()
    assert account.logout() == "Signed out, and the session at Terrascope is ended."
    assert renewals(box) == 2


def test_a_login_that_was_cancelled_is_not_left_behind(box: Sandbox, folder: Path, until: Until) -> None:
    """Who cancels while the login is made finds nothing stored, and the session is ended."""
    box.timeline.token(steps.delayed(0.5))
    account = kernel(box)
    account.start_password_login("dora", Secret(PASSWORDS["dora"]), remember=True)
    until(lambda: box.requests_to("/token"))
    account.cancel()
    until(lambda: box.requests_to("/revoke"))
    assert [*folder.glob("*.login")] == []


def test_the_child_of_a_fork_shares_it_too(box: Sandbox) -> None:
    """A child takes turns like any other process: it may renew, and its parent takes what it renewed."""
    account = kernel(box)
    sign_in(account)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            renew(account)
            os.write(writer, bearer(account).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    with os.fdopen(reader) as pipe:
        childs = pipe.read()
    assert childs
    assert bearer(account) == childs
    assert renewals(box) == 1


def test_no_error_and_no_repr_holds_a_token(box: Sandbox, folder: Path) -> None:
    """What is raised of a store, and the accounts themselves, lead to no token in clear."""
    account = kernel(box)
    sign_in(account)
    secrets = held_by(file_of(folder))
    file_of(folder).chmod(0o644)
    with pytest.raises(LoginRequired) as caught:
        account.tokens()
    for name in ("access_token", "refresh_token"):
        assert places(secrets[name], caught.value, account, besides=[box, secrets]) == []


def test_the_keyring_keeps_it_as_well(box: Sandbox, folder: Path, use: Any) -> None:
    """In the keyring a login outlives its kernel, is shared, and ends, as in a file; no file holds it."""
    backend = use(Memory())
    first, second = (kernel(box, store="keyring") for _ in range(2))
    assert sign_in(first).remember
    assert second.sign_in_silently()
    renew(second)
    first._vault._held._since -= 300  # pyright: ignore - as if its token had ended
    assert bearer(first) == bearer(second)
    assert renewals(box) == 1
    # that it is there, and whose it is
    assert sorted(path.suffix for path in folder.iterdir()) == [".keyring", ".lock"]
    first.logout()
    assert backend.entries == {}
    assert not kernel(box, store="keyring").sign_in_silently()


def test_a_keyring_that_is_not_there(box: Sandbox, use: Any) -> None:
    """Where there is none nothing is kept, and a login of a locked one is told; both go on without."""
    use(keyring.backends.fail.Keyring())
    account = kernel(box, store="keyring")
    assert "as in most containers" in account.why_not_kept
    assert not account.sign_in_silently()
    assert "as in most containers" in account.why_not["stored"].reason
    state = sign_in(account)
    assert (state.phase, state.remember) == ("signed_in", False)
    assert "This login is not kept. There is no keyring here" in state.notice
    assert account.logout() == "Signed out, and the session at Terrascope is ended."


def test_a_store_by_hand(box: Sandbox, folder: Path) -> None:
    """The store is an argument: an account works with any shelf."""
    folder.mkdir(parents=True, mode=0o700)
    store = LoginStore(box.provider(), FileShelf(folder, "mine"), folder / "mine.lock")
    account = Account(box.provider(), store=store)
    assert sign_in(account).remember
    assert store.look().user == "dora"
    account.logout()
