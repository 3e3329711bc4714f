"""The kernel's end of the login widget: an account's states as traits, and messages that are not believed."""

from __future__ import annotations

import gzip
import logging
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
from wires import Wire, wait_until, wire_of

from ipyterrascope.auth.account import Account
from ipyterrascope.auth.credentials import Login
from ipyterrascope.errors import LoginRefused, UsageError
from ipyterrascope.notebook.login_widget import LoginWidget
from ipyterrascope.notebook.obey import Pace
from ipyterrascope.notebook.shown import shown_provider
from ipyterrascope.values.openeo import PageLink
from ipyterrascope.values.providers import LoginMethod, Provider
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.states import DeviceAuthorization

CODE = {
    "user_code": "WDJB-MJHT",
    "verification_uri_complete": "https://sso.example.org/device?user_code=WDJB-MJHT",
    "code_expires_at": 1800000600.0,
}
PASSWORD = "päss wörd+&%"

# port 1 on loopback refuses at once
PROVIDER = Provider(
    name="terrascope",
    label="Terrascope",
    issuer="http://127.0.0.1:1/realms/terrascope",
    client_id="public",
    hosts=frozenset({"127.0.0.1"}),
    methods=("device", "password", "basic"),
    registration_url="https://example.org/sign-up",
    badge="SANDBOX",
)
DEVICE = DeviceAuthorization(
    device_code=Secret("the-device-code"),
    code_verifier=Secret("the-code-verifier"),
    user_code="WDJB-MJHT",
    verification_uri="https://sso.example.org/device",
    verification_uri_complete="https://sso.example.org/device?user_code=WDJB-MJHT",
    expires_at=1800000600.0,
    interval=5.0,
)


class PlayedAccount(Account):
    """An account whose sign-ins are only noted, and whose states the test plays."""

    can_be_kept = False

    def __init__(self, provider: Provider = PROVIDER) -> None:
        super().__init__(provider)
        self.calls: list[tuple[Any, ...]] = []
        self.raises: Exception | None = None

    def play(self, **changes: object) -> None:
        """Change the state, and return when everybody was told."""
        told = threading.Event()
        end = self.observe(lambda _: told.set())  # the last to be told
        self._machine.show(**changes)
        assert told.wait(20)
        end()

    @property
    def why_not_kept(self) -> str:
        return "" if self.can_be_kept else "There is no store."

    def start_device_login(self, *, remember: bool = False, is_switch: bool = False) -> None:
        self._note("start_device_login", *["remember"] * remember, *["switch"] * is_switch)

    def change_wish(self, remember: bool, *, on_asking: Callable[[], None] = lambda: None) -> None:
        on_asking()
        self._note("change_wish", remember)

    def start_password_login(self, username: str, password: Secret, **rest: Any) -> None:
        self._note("start_password_login", username, password, rest)

    def poll_now(self) -> None:
        self._note("poll_now")

    def look_again(self) -> None:
        self._note("look_again")

    def cancel(self) -> None:
        self._note("cancel")

    def logout(self) -> str:
        self._note("logout")
        return ""

    def _note(self, *call: Any) -> None:
        self.calls.append(call)
        if self.raises is not None:
            raise self.raises


@pytest.fixture
def account() -> PlayedAccount:
    return PlayedAccount()


@pytest.fixture
def widget(account: PlayedAccount) -> Iterator[LoginWidget]:
    widget = LoginWidget(account, clock=lambda: 1800000000.5)
    yield widget
    widget.close()


@pytest.fixture
def wire(widget: LoginWidget) -> Wire:
    return wire_of(widget)


@pytest.fixture
def send(widget: LoginWidget, wire: Wire) -> Callable[..., dict[str, Any] | None]:
    """Send a message as a view does, and return the reply."""

    def send(kind: str, *buffers: Any, **fields: object) -> dict[str, Any] | None:
        known = len(wire.replies())
        wire.receive({"boot_id": widget.boot_id, "view_id": "v1", "kind": kind, **fields}, list(buffers))
        return wire.replies()[known] if len(wire.replies()) > known else None

    return send


FORM = {"username": "alice", "method": "password", "has_one_time_code": False}


# ── states to traits ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_view_opens_with_the_whole_state(account: PlayedAccount) -> None:
    """What a view needs for its first look is in the message that opens it."""
    account.play(phase="awaiting_user", device=DEVICE)

    opening = wire_of(LoginWidget(account, username="alice")).sent[0]

    assert opening["type"] == "comm_open"
    state = opening["state"]
    assert state["phase"] == "awaiting_user"
    assert state["username"] == "alice"
    assert state["provider"] == {
        "name": "terrascope",
        "label": "Terrascope",
        "badge": "SANDBOX",
        "demo_login": "",
        "issuer_host": "127.0.0.1",
        "registration_url": "https://example.org/sign-up",
        "account_url": "",
        "password_reset_url": "",
        "links": [],
        "token_url": "",
        "methods": ["device", "password"],
        "can_remember": False,
    }


def test_pages_of_a_back_end_are_shown_few_and_short() -> None:
    """However many it names and in whatever words, six with a short title; the one to register has its own place."""
    links = [PageLink(rel="help", url=f"https://h.example.org/{n}", title="x" * 200) for n in range(9)]
    register = PageLink(rel="register", url="https://example.org/sign-up", title="Register")
    provider = Provider(
        name="eo",
        label="EO",
        issuer="https://sso.example.org",
        client_id="public",
        hosts=frozenset(),
        registration_url=register.url,
        links=(register, *links),
    )
    shown = cast("list[list[str]]", shown_provider(provider, (), can_remember=False)["links"])
    assert [url for _, url in shown] == [link.url for link in links[:6]]
    assert {len(title) for title, _ in shown} == {40}


@pytest.mark.parametrize(
    ("changes", "shown"),
    [({}, "dora"), ({"badge": ""}, ""), ({"issuer": "https://sso.example.org/realms/terrascope"}, "")],
)
def test_a_demo_login_is_never_shown_for_a_real_provider(changes: dict[str, str], shown: str) -> None:
    """What anybody may sign in with is shown on this machine only, beside a badge."""
    widget = LoginWidget(PlayedAccount(replace(PROVIDER, demo_login="dora", **changes)))
    assert widget.provider["demo_login"] == shown


def test_a_change_of_state_is_one_message(account: PlayedAccount, wire: Wire) -> None:
    """A view never sees half a state."""
    account.play(phase="signed_in", user="alice", source="device", expires_at=1.0, session_ends_at=2.0, renewable=True)

    assert wire.updates() == [
        {
            "phase": "signed_in",
            "serial": 1,
            "user": "alice",
            "source": "device",
            "expires_at": 1.0,
            "session_ends_at": 2.0,
            "renewable": True,
        }
    ]


def test_the_code_comes_before_the_state_that_it_belongs_to(account: PlayedAccount, wire: Wire) -> None:
    """All views are told the code, once, and then that it waits; address and end are traits while it does."""
    account.play(phase="awaiting_user", device=DEVICE)
    account.play(error=LoginRefused("A passing trouble."))

    code, state, *_ = wire.sent[1:]
    assert code["content"] == {"kind": "code", "boot_id": wire.sent[0]["state"]["boot_id"], "view_id": "", **CODE}
    assert (state["state"]["verification_uri"], state["state"]["code_expires_at"]) == (
        "https://sso.example.org/device",
        1800000600.0,
    )
    account.play(phase="signed_in")
    assert (wire.updates()[-1]["verification_uri"], wire.updates()[-1]["code_expires_at"]) == ("", 0.0)
    assert len(wire.replies()) == 1


def test_a_view_that_comes_later_is_told_the_code_with_its_welcome(
    account: PlayedAccount, wire: Wire, send: Any
) -> None:
    """A second tab, and a view that missed the message, get the code by saying hello, and nobody else does."""
    account.play(phase="awaiting_user", device=DEVICE)
    wire.sent.clear()
    send("hello")
    assert [(reply["kind"], reply["view_id"]) for reply in wire.replies()] == [("code", "v1"), ("welcome", "v1")]


def test_no_trait_ever_holds_the_code(account: PlayedAccount, widget: LoginWidget) -> None:
    """What a notebook saves of the widget while a code waits cannot be used to approve it."""
    account.play(phase="awaiting_user", device=DEVICE)
    assert "WDJB" not in f"{widget.get_state()} {LoginWidget(account).get_state()}"


def test_an_error_is_shown_in_three_sentences_and_goes_away(account: PlayedAccount, widget: LoginWidget) -> None:
    """The view gets what, why, do and the wire's code, and an empty object when the trouble is over."""
    account.play(phase="failed", error=LoginRefused("No.", "Because.", "Try.", error="invalid_grant"))
    refused = {"what": "No.", "why": "Because.", "do": "Try.", "error": "invalid_grant", "ended": False}
    assert widget.error == refused

    account.play(phase="signing_in", error=None)
    assert widget.error == {}


def test_a_failure_says_whether_it_ended_a_login(account: PlayedAccount, widget: LoginWidget) -> None:
    """Who was signed in is told to do so again, and who only tried is told to try again."""
    account.play(phase="signed_in", user="alice")
    account.play(phase="failed", error=LoginRefused("Over."))
    account.play(notice="No other phase.")
    assert widget.error["ended"] is True
    account.play(phase="signing_in", error=None)
    account.play(phase="failed", error=LoginRefused("No."))
    assert widget.error["ended"] is False


def test_an_older_state_never_replaces_a_newer_one(account: PlayedAccount, widget: LoginWidget) -> None:
    """States that overtake each other on their way leave the newest."""
    account.play(phase="signing_in")
    older = account.state
    account.play(phase="failed")

    widget._mirror(older)

    assert (widget.phase, widget.serial) == ("failed", 2)


def test_many_threads_leave_the_newest_state(account: PlayedAccount, widget: LoginWidget, wire: Wire) -> None:
    """States from many threads at once end in the newest, and the view is told in order."""
    threads = [
        threading.Thread(target=lambda: [account.play(notice=str(turn)) for turn in range(40)]) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    wait_until(lambda: widget.serial == 240)
    assert widget.notice == account.state.notice
    serials = [update["serial"] for update in wire.updates()]
    assert serials == sorted(serials)
    assert serials[-1] == 240


def test_two_widgets_of_one_account_show_the_same(account: PlayedAccount, widget: LoginWidget) -> None:
    """A second cell with the same login follows it too, under an id of its own."""
    other = LoginWidget(account)
    account.play(phase="signed_in", user="alice")
    assert widget.user == other.user == "alice"
    assert widget.boot_id != other.boot_id


def test_a_closed_widget_follows_no_more(account: PlayedAccount, widget: LoginWidget) -> None:
    """Closing ends the observation, and not the login."""
    widget.close()
    account.play(phase="signed_in")
    assert widget.phase == "signed_out"
    assert account.calls == []


def test_ways_to_sign_in_follow_the_account(account: PlayedAccount) -> None:
    """A way that turned out not to be had is offered no more, also where the caller chose the order."""
    widget, chosen = LoginWidget(account), LoginWidget(account, methods=("basic", "device"))
    account.play(methods=("password", "basic"))
    assert widget.provider["methods"] == ["password"]
    assert chosen.provider["methods"] == ["basic"]


@pytest.mark.parametrize(
    ("methods", "offered"),
    [
        (("device", "password", "basic", "token"), ["device", "password"]),
        (("basic", "device", "password"), ["basic", "device"]),
        (("token", "device", "password"), ["token", "device", "password"]),
        (("oidc", "device", "password", "token"), ["oidc", "device", "password"]),
        (("device", "password", "oidc", "token"), ["device", "password"]),
        (("code", "device"), ["device"]),
        (("code",), []),
    ],
)
def test_a_widget_offers_what_is_asked_for_and_what_most_people_need(
    methods: tuple[LoginMethod, ...], offered: list[str]
) -> None:
    """Of two forms for a password the first one, a token to who asks for it, and nothing that a prompt asks for."""
    account = PlayedAccount(replace(PROVIDER, methods=("device", "password", "basic", "code", "token", "oidc")))
    assert LoginWidget(account, methods=methods).provider["methods"] == offered


@pytest.fixture
def other() -> PlayedAccount:
    """An account of another provider, whose states are far ahead."""
    other = PlayedAccount(replace(PROVIDER, name="mine", label="Mine", methods=("password",)))
    for turn in range(9):
        other.play(notice=str(turn))
    return other


def test_there_is_a_choice_only_between_several_providers(account: PlayedAccount, other: PlayedAccount) -> None:
    """The labels to choose from are there when there is more than one, the account's own included."""
    assert LoginWidget(account, choices=[account]).choices == {}
    assert LoginWidget(account, choices=[account, other]).choices == {"terrascope": "Terrascope", "mine": "Mine"}


def test_another_provider_is_a_message_away(account: PlayedAccount, other: PlayedAccount) -> None:
    """The chosen account is shown from then on, and obeyed; the first one goes on unseen, and can be chosen again."""
    widget = LoginWidget(account, choices=[other], methods=("basic", "device"))
    wire = wire_of(widget)
    for provider, methods in (("mine", ["password"]), ("terrascope", ["basic", "device"])):
        before = widget.serial
        wire.receive({"kind": "choose_provider", "boot_id": widget.boot_id, "provider": provider})
        assert wire.replies()[-1]["kind"] == "accepted"
        assert (widget.provider["name"], widget.provider["methods"]) == (provider, methods)
        assert widget.serial > before
        account.play(user="alice")
        other.play(user="bob")
        assert widget.user == ("bob" if provider == "mine" else "alice")
    assert account.calls == other.calls == []


def test_what_was_typed_for_one_provider_goes_to_no_other(account: PlayedAccount, other: PlayedAccount) -> None:
    """A kernel that was busy gets the choice of a provider and a password of the form before it in one go."""
    widget = LoginWidget(account, choices=[other], methods=("password",))
    wire, earlier = wire_of(widget), widget.boot_id
    form = {"username": "dora", "method": "password", "has_one_time_code": False}
    wire.receive({"kind": "choose_provider", "boot_id": earlier, "provider": "mine"})
    wire.receive({"kind": "submit_password", "boot_id": earlier, **form}, [b"secret"])
    assert wire.replies()[-1]["kind"] == "refused"
    wire.receive({"kind": "start_device", "boot_id": earlier})
    assert wire.replies()[-1]["kind"] == "refused"
    assert account.calls == other.calls == []
    wire.receive({"kind": "hello", "boot_id": earlier, "view_id": "a"})
    assert wire.replies()[-1]["kind"] == "welcome"
    wire.receive({"kind": "submit_password", "boot_id": widget.boot_id, **form}, [b"secret"])
    assert len(other.calls) == 1


def test_a_provider_that_is_not_among_the_choices_is_refused(account: PlayedAccount, wire: Wire, send: Any) -> None:
    """A view can turn to nothing that the widget was not given."""
    assert send("choose_provider", provider="mine")["reason"].startswith("There is no such provider here.")


def test_a_front_end_sets_nothing(account: PlayedAccount, widget: LoginWidget, wire: Wire) -> None:
    """A front-end that sets a trait changes nothing, and the truth is put back into every view."""
    account.play(phase="signed_out", notice="Bye.")
    before = widget.get_state()
    wire.sent.clear()

    wire.receive_state({"phase": "signed_in", "user": "mallory", "boot_id": "x", "_esm": "alert(1)", "unknown": 1})

    assert widget.get_state() == before
    assert account.state.phase == "signed_out"
    assert wire.updates() == [{name: before[name] for name in ("phase", "user", "boot_id", "_esm")}]


def test_the_kernel_side_cannot_set_them_either(widget: LoginWidget) -> None:
    """An assignment in a cell says that the trait is read-only."""
    import traitlets

    with pytest.raises(traitlets.TraitError, match="read-only"):
        widget.phase = "signed_in"


# ── messages ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_hello_looks_what_others_did(account: PlayedAccount, send: Any) -> None:
    """A tab that is looked at tells of a logout in another kernel; without a login there is nothing to look for."""
    send("hello")
    assert account.calls == []
    account.play(phase="signed_in", user="dora")
    send("hello")
    wait_until(lambda: account.calls == [("look_again",)])


def test_hello_is_answered(widget: LoginWidget, send: Any) -> None:
    """The answer carries the boot id, the kernel's clock, and the id of the view that asked."""
    assert send("hello") == {"kind": "welcome", "boot_id": widget.boot_id, "view_id": "v1", "now": 1800000000.5}


def test_the_view_id_may_be_left_out(widget: LoginWidget, wire: Wire) -> None:
    """A view that does not say which one it is gets its answer under an empty id."""
    wire.receive({"kind": "hello", "boot_id": widget.boot_id})
    assert wire.replies()[0]["view_id"] == ""


@pytest.mark.parametrize("buffer", [bytes, lambda value: memoryview(value)], ids=["bytes", "memoryview"])
def test_a_password_reaches_the_account_as_a_secret(account: PlayedAccount, send: Any, buffer: Any) -> None:
    """Jupyter hands in memory views, marimo bytes; both become secrets at once."""
    code = {"has_one_time_code": True}
    reply = send("submit_password", buffer(PASSWORD.encode()), buffer(b"123456"), **FORM | code)

    assert reply["kind"] == "accepted"
    rest = {"one_time_code": Secret("123456"), "method": "password", "remember": False, "is_switch": False}
    assert account.calls == [("start_password_login", "alice", Secret(PASSWORD), rest)]


def test_the_list_of_buffers_is_emptied(widget: LoginWidget, wire: Wire) -> None:
    """The frames of ipywidgets and the kernel that hold the message do not hold the password any longer."""
    buffers = [PASSWORD.encode()]
    wire.receive({"kind": "submit_password", "boot_id": widget.boot_id, **FORM}, buffers)
    assert buffers == []


@pytest.mark.parametrize(
    ("kind", "phase", "call"),
    [
        ("start_device", "signed_out", "start_device_login"),
        ("start_device", "failed", "start_device_login"),
        ("start_device", "awaiting_user", "start_device_login"),
        ("cancel", "signing_in", "cancel"),
        ("cancel", "awaiting_user", "cancel"),
        ("logout", "signed_in", "logout"),
    ],
)
def test_what_a_person_wants_reaches_the_account(
    account: PlayedAccount, send: Any, kind: str, phase: str, call: str
) -> None:
    """Each button does its work in the phases that have it, and is answered."""
    account.play(phase=phase)
    assert send(kind)["kind"] == "accepted"
    wait_until(lambda: account.calls)
    assert account.calls == [(call,)]


def test_a_token_that_nobody_was_asked_about_says_so() -> None:
    """Whoever gave one that is none does not read a plain "Signed in": only its first use tells."""
    account = Account(PROVIDER)
    widget = LoginWidget(account)
    account.start_token_login(Secret("abc"))
    assert account.wait(20).phase == "signed_in"
    wait_until(lambda: widget.phase == "signed_in")
    assert widget.notice == "It was not checked at sign-in: the first use tells whether it is good."
    assert account.state.notice == ""
    account.logout()
    wait_until(lambda: widget.phase == "signed_out")
    assert "not checked" not in widget.notice
    widget.close()


def test_what_is_sent_along_with_each_request_cannot_be_kept() -> None:
    """There is no box to stay signed in where user name and password are all there is, unless a back-end takes them."""
    sent_along = PlayedAccount(replace(PROVIDER, methods=("basic",)))
    at_backend = PlayedAccount(
        replace(
            PROVIDER,
            methods=("basic",),
            backend_url="https://eo.example.org",
            hosts={"eo.example.org"},
            bearer_prefix="basic//",
        )
    )
    for account, expected in ((sent_along, False), (at_backend, True)):
        account.can_be_kept = True
        assert LoginWidget(account).provider["can_remember"] is expected


@pytest.mark.parametrize("can_be_kept", [True, False])
def test_a_wish_that_changes_while_a_code_waits_draws_no_new_one(account: PlayedAccount, can_be_kept: bool) -> None:
    """The account is told of it, and asked for nothing; where no code waits any more, the click came too late."""
    account.can_be_kept = can_be_kept
    widget = LoginWidget(account)
    wire, message = wire_of(widget), {"boot_id": widget.boot_id, "kind": "remember", "remember": True}
    wire.receive(message)
    account.play(phase="awaiting_user")
    wire.receive(message)
    assert [reply["kind"] for reply in wire.replies() if reply["kind"] != "code"] == ["refused", "accepted"]
    assert account.calls == [("change_wish", can_be_kept)]
    widget.close()


@pytest.mark.parametrize("can_be_kept", [True, False])
def test_the_wish_to_stay_signed_in_reaches_the_account(account: PlayedAccount, can_be_kept: bool) -> None:
    """A code and a form carry it, where a login can be kept; elsewhere it counts for nothing."""
    account.can_be_kept = can_be_kept
    widget = LoginWidget(account)
    assert widget.provider["can_remember"] is can_be_kept
    wire, head = wire_of(widget), {"boot_id": widget.boot_id}
    wire.receive({**head, "kind": "start_device", "remember": True})
    wire.receive({**head, "kind": "start_device", "remember": False})
    wire.receive({**head, "kind": "submit_password", **FORM, "remember": True}, [PASSWORD.encode()])
    assert [reply["kind"] for reply in wire.replies()] == ["accepted"] * 3
    first, second, form = account.calls
    assert (first, second) == (("start_device_login", "remember")[: 1 + can_be_kept], ("start_device_login",))
    assert form[-1]["remember"] is can_be_kept
    widget.close()


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_switch_keeps_the_next_login_as_the_present_one_is(account: PlayedAccount, is_kept: bool) -> None:
    """Unless a person unticks the box: what is kept on this machine serves other notebooks and scripts too."""
    account.can_be_kept = True
    account._present.login = Login(source="device", kept_as="id" * is_kept)
    widget = LoginWidget(account)
    account.play(phase="signed_in")
    wire, head = wire_of(widget), {"boot_id": widget.boot_id, "kind": "start_device", "switch": True}
    wire.receive(head)
    wire.receive({**head, "remember": False})
    assert account.calls == [
        ("start_device_login", *["remember"] * is_kept, "switch"),
        ("start_device_login", "switch"),
    ]
    widget.close()


def test_the_box_is_ticked_as_was_wished_and_then_as_it_is(account: PlayedAccount) -> None:
    """Before anybody signs in the trait says what `login` was asked for, and later what the login under way is."""
    widget = LoginWidget(account, remember=True)
    assert widget.remember
    for phase, remember in (("awaiting_user", False), ("awaiting_user", True), ("signed_in", True)):
        account.play(phase=phase, remember=remember)
        assert widget.remember is remember
    account.play(phase="signed_out", remember=False)
    assert widget.remember
    widget.close()


@pytest.mark.parametrize(
    ("kind", "phase"),
    [
        ("start_device", "signing_in"),
        ("start_device", "signed_in"),
        ("cancel", "signed_out"),
        ("cancel", "signed_in"),
        ("logout", "signed_out"),
        ("logout", "awaiting_user"),
        ("submit_password", "signed_in"),
        ("submit_password", "signing_in"),
    ],
)
def test_a_button_that_comes_too_late_is_refused(account: PlayedAccount, send: Any, kind: str, phase: str) -> None:
    """What another tab did first is not undone by a click on an old picture."""
    account.play(phase=phase)
    arguments = ([PASSWORD.encode()], FORM) if kind == "submit_password" else ([], {})
    reply = send(kind, *arguments[0], **arguments[1])
    assert (reply["kind"], reply["reason"]) == (
        "refused",
        "Nothing was done. The login had moved on already, perhaps in another tab. See how it stands now.",
    )
    assert account.calls == []


@pytest.mark.parametrize("phase", ["signed_in", "awaiting_user", "signed_out"])
def test_a_login_that_the_person_was_shown_may_be_replaced(account: PlayedAccount, send: Any, phase: str) -> None:
    """Whoever saw who is signed in, and asks for another, gets a code or sends a form, and says so to the account."""
    account.play(phase=phase)
    assert send("start_device", switch=True)["kind"] == "accepted"
    assert send("submit_password", PASSWORD.encode(), **FORM, switch=True)["kind"] == "accepted"
    assert account.calls[0] == ("start_device_login", "switch")
    assert account.calls[1][-1]["is_switch"] is True


def test_a_sign_in_under_way_is_not_switched(account: PlayedAccount, send: Any) -> None:
    """While the provider is asked, nothing else begins."""
    account.play(phase="signing_in")
    assert send("start_device", switch=True)["kind"] == "refused"


def test_a_switch_that_failed_is_given_up(account: PlayedAccount, send: Any) -> None:
    """Cancel takes away why another account was not had, also where nothing is under way any more."""
    account.play(phase="signed_in", user="dora", error=LoginRefused("It was refused.", "It is wrong.", "Try again."))
    assert send("cancel")["kind"] == "accepted"
    assert account.calls == [("cancel",)]


def test_a_storm_of_codes_asks_the_provider_a_few_times(account: PlayedAccount, send: Any) -> None:
    """A script in the page that asks again and again, in every phase, gets no further than a person would."""
    for turn in range(1000):
        account._machine.show(phase=("signed_out", "awaiting_user", "failed")[turn % 3])
        reply = send("start_device")
    assert (reply["kind"], "Wait half a minute." in reply["reason"]) == ("refused", True)
    assert account.calls == [("start_device_login",)] * 6


def test_a_box_that_is_ticked_for_a_code_of_its_own_counts_as_one(account: PlayedAccount, send: Any) -> None:
    """Ticking it after each new code gets no more of them than asking alone."""
    account._machine.show(phase="awaiting_user")
    replies = [send(*request) for request in [("start_device",), ("remember",)] * 6]
    assert [reply["kind"] for reply in replies] == ["accepted"] * 6 + ["refused"] * 6
    assert len(account.calls) == 6


def test_a_storm_of_client_secrets_is_one_of_codes() -> None:
    """A client with a secret, whose login may end in a code, is tried no more often than codes are asked for."""
    account = PlayedAccount(replace(PROVIDER, methods=("oidc", "device")))
    widget = LoginWidget(account, methods=("oidc", "device"))
    wire = wire_of(widget)
    form = {
        "boot_id": widget.boot_id,
        "view_id": "v1",
        "kind": "submit_password",
        **FORM,
        "username": "",
        "method": "oidc",
    }
    for _ in range(9):
        account._machine.show(phase="signed_out")
        wire.receive(form, [b"x"])
    assert [reply["kind"] for reply in wire.replies()] == ["accepted"] * 6 + ["refused"] * 3


def test_codes_may_be_asked_for_again_after_a_while() -> None:
    """Half a minute later the next ones are had."""
    now = 0.0
    pace = Pace(lambda: now)
    for _ in range(6):
        pace.take()
    with pytest.raises(UsageError, match="asked for just now"):
        pace.take()
    now = 31.0
    pace.take()


def test_poll_is_passed_on_and_not_answered(account: PlayedAccount, send: Any) -> None:
    """The return of a person to the tab wakes the polling, whatever the phase."""
    assert send("poll") is None
    assert account.calls == [("poll_now",)]


def test_logging_out_does_not_hold_up_the_handler(account: PlayedAccount, send: Any) -> None:
    """The reply comes while the provider has not answered yet."""
    account.play(phase="signed_in")
    answered, ended = threading.Event(), threading.Event()
    account.logout = lambda: (answered.wait(20), ended.set(), "")[-1]  # type: ignore[method-assign]

    assert send("logout")["kind"] == "accepted"
    assert not ended.is_set()
    answered.set()
    assert ended.wait(20)


def test_a_way_that_is_not_offered_is_refused(account: PlayedAccount) -> None:
    """A view cannot ask for a method that was left out on purpose."""
    widget = LoginWidget(account, methods=("device",))
    wire = wire_of(widget)
    wire.receive({"kind": "submit_password", "boot_id": widget.boot_id, **FORM}, [b"x"])
    assert wire.replies()[0]["reason"].startswith("That way to sign in is not offered here.")
    assert account.calls == []


TAMPERED: list[tuple[str, object, list[bytes]]] = [
    ("not an object", "hello", []),
    ("nothing", None, []),
    ("a list", [{"kind": "hello"}], []),
    ("no kind", {}, []),
    ("an unknown kind", {"kind": "reveal"}, []),
    ("a kind that is no text", {"kind": ["hello"]}, []),
    ("another boot id", {"kind": "logout", "boot_id": "another"}, []),
    ("no boot id", {"kind": "logout", "boot_id": None}, []),
    ("a view id that is none", {"kind": "cancel", "view_id": {"a": 1}}, []),
    ("a view id that is too long", {"kind": "cancel", "view_id": "v" * 65}, []),
    ("a field too many", {"kind": "start_device", "user_code": "X"}, []),
    ("a provider where none belongs", {"kind": "logout", "provider": "mine"}, []),
    ("no provider", {"kind": "choose_provider"}, []),
    ("an empty provider", {"kind": "choose_provider", "provider": ""}, []),
    ("a provider that is no text", {"kind": "choose_provider", "provider": ["mine"]}, []),
    ("a buffer too many", {"kind": "start_device"}, [b"x"]),
    ("the password in the JSON", {"kind": "submit_password", **FORM, "password": PASSWORD}, [b"x"]),
    ("the password in the JSON only", {"kind": "submit_password", **FORM, "password": PASSWORD}, []),
    ("no buffer", {"kind": "submit_password", **FORM}, []),
    ("a buffer that was not announced", {"kind": "submit_password", **FORM}, [b"x", b"1"]),
    ("a buffer that is missing", {"kind": "submit_password", **FORM, "has_one_time_code": True}, [b"x"]),
    ("three buffers", {"kind": "submit_password", **FORM, "has_one_time_code": True}, [b"x", b"1", b"2"]),
    ("an empty password", {"kind": "submit_password", **FORM}, [b""]),
    ("a password that is too long", {"kind": "submit_password", **FORM}, [b"x" * 16385]),
    ("a password that is not UTF-8", {"kind": "submit_password", **FORM}, [b"\xff\xfe"]),
    ("a password that was wiped before it left", {"kind": "submit_password", **FORM}, [b"\x00\x00"]),
    ("an empty user name", {"kind": "submit_password", **FORM, "username": ""}, [b"x"]),
    ("a user name beside a token", {"kind": "submit_password", **FORM, "method": "token"}, [b"x"]),
    ("a user name beside a client's secret", {"kind": "submit_password", **FORM, "method": "oidc"}, [b"x"]),
    ("a user name that is too long", {"kind": "submit_password", **FORM, "username": "a" * 257}, [b"x"]),
    ("a user name with a line break", {"kind": "submit_password", **FORM, "username": "a\nb"}, [b"x"]),
    ("a user name that is no text", {"kind": "submit_password", **FORM, "username": 1}, [b"x"]),
    ("an unknown method", {"kind": "submit_password", **FORM, "method": "device"}, [b"x"]),
    ("a method that is no text", {"kind": "submit_password", **FORM, "method": []}, [b"x"]),
    ("a wish that is none", {"kind": "submit_password", **FORM, "remember": "yes"}, [b"x"]),
    ("a wish with a code that is none", {"kind": "start_device", "remember": 1}, []),
    ("a wish where none belongs", {"kind": "logout", "remember": True}, []),
    ("a flag that is none", {"kind": "submit_password", **FORM, "has_one_time_code": 1}, [b"x", b"1"]),
]


@pytest.mark.parametrize(("content", "buffers"), [case[1:] for case in TAMPERED], ids=[case[0] for case in TAMPERED])
def test_a_tampered_message_is_refused_as_a_whole(
    account: PlayedAccount,
    widget: LoginWidget,
    wire: Wire,
    caplog: pytest.LogCaptureFixture,
    content: object,
    buffers: list[bytes],
) -> None:
    """What is not exactly a message does nothing, and is refused in words that repeat nothing of it."""
    caplog.set_level(logging.DEBUG)
    if isinstance(content, dict):
        content = {"boot_id": widget.boot_id, **content}

    wire.receive(content, list(buffers))

    (reply,) = wire.replies()
    assert reply["kind"] == "refused"
    # the library `comm` logs each JSON part at DEBUG, which is why no view ever puts a password there
    logged = [record.getMessage() for record in caplog.records if record.name != "Comm"]
    assert PASSWORD not in f"{reply} {logged}"
    assert account.calls == []


# ── what goes wrong ────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_error_of_the_tree_is_shown_as_its_sentences(account: PlayedAccount, widget: LoginWidget, send: Any) -> None:
    """What the account refuses is told in the view that asked."""
    account.raises = UsageError("What.", "Why.", "Do.")
    refused = {"kind": "refused", "boot_id": widget.boot_id, "view_id": "v1", "reason": "What. Why. Do."}
    assert send("start_device") == refused


@pytest.mark.parametrize(("kind", "phase"), [("start_device", "signed_out"), ("logout", "signed_in")])
def test_a_bug_is_shown_too_and_logged_without_values(
    account: PlayedAccount, wire: Wire, send: Any, caplog: pytest.LogCaptureFixture, kind: str, phase: str
) -> None:
    """An exception in the handler, or in the thread that logs out, is not lost; its text may hold a secret and is."""
    account.play(phase=phase)
    account.raises = ValueError(PASSWORD)
    with caplog.at_level(logging.DEBUG):
        send(kind)
        wait_until(lambda: any(reply["kind"] == "refused" for reply in wire.replies()))

    reason = next(reply["reason"] for reply in wire.replies() if reply["kind"] == "refused")
    assert reason == "The login widget failed (ValueError). This is a bug in ipyterrascope. Run the cell again."
    assert "ValueError" in caplog.text
    assert "in _note" in caplog.text
    assert PASSWORD not in caplog.text


# ── secrets, and places without widgets ────────────────────────────────────────────────────────────────────────────


def test_no_secret_is_in_anything_that_leaves_or_is_saved(
    account: PlayedAccount, widget: LoginWidget, wire: Wire, send: Any
) -> None:
    """Neither traits nor messages nor texts hold the device code, the verifier, the password or the one-time code."""
    account.play(phase="signed_out")
    send("submit_password", PASSWORD.encode(), b"918273", **FORM | {"has_one_time_code": True})
    account.play(phase="awaiting_user", device=DEVICE)
    account.play(phase="failed", error=LoginRefused("No.", "Because.", "Try."))

    seen = f"{wire.sent} {widget.get_state()} {widget!r} {widget._repr_mimebundle_()} {account.calls}"

    for secret in (PASSWORD, "918273", "the-device-code", "the-code-verifier"):
        assert secret not in seen


def test_a_place_without_widgets_is_told_what_is_missing(widget: LoginWidget) -> None:
    """A saved notebook on a web page, and a console, show a line of text."""
    bundle = widget._repr_mimebundle_()
    assert bundle is not None
    assert bundle[0]["text/plain"] == "Terrascope login: run this cell again to see it."
    assert bundle[0]["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id


def test_the_real_account_fails_in_the_widget() -> None:
    """With a provider that is down, a click ends in three sentences, not in a traceback."""
    account = Account(PROVIDER)
    widget = LoginWidget(account)
    wire_of(widget).receive({"kind": "start_device", "boot_id": widget.boot_id})
    wait_until(lambda: widget.phase == "failed")
    assert widget.error["what"]
    assert widget.serial == account.state.serial
    widget.close()


def test_the_front_end_is_small_and_whole() -> None:
    """What each widget sends to the browser fits in 12 kB gzipped, and asks for nothing more: no import, no address."""
    shipped = f"{LoginWidget._esm}{LoginWidget._css}"
    assert len(gzip.compress(shipped.encode())) <= 12_000
    assert not re.search(r"\bimport\b|\beval\b|innerHTML|@import|url\(", shipped)
    assert set(re.findall(r"https?://[\w.]+", shipped)) == {"http://www.w3.org"}
