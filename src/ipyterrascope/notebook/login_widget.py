"""The login widget: an account's state as traits, and what a person does as messages (floor 6).

The kernel is the truth and the view only shows it: no trait holds a secret, and nothing that a front-end sets in a
trait counts. With ipykernel 7 messages are handled on a thread of their own, and states come from any thread.
"""

# ipywidgets ships no types
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import traitlets

from ..auth.account import Account
from ..errors import UsageError
from ..values.providers import LoginMethod
from ..values.secret import Secret
from ..values.states import LoginState
from ..wording import login_at
from .handshake import boot_id_of, view_of
from .kernel_widget import STATIC, KernelWidget
from .obey import Pace, obey
from .protocol import Request, read_request, secrets_from
from .shown import code_of, offered_ways, shown_provider, traits_of

__all__ = ["LoginWidget"]

_UNCHECKED = "It was not checked at sign-in: the first use tells whether it is good."


class LoginWidget(KernelWidget):
    """Shows an account, and lets a person sign in and log out.

    Parameters
    ----------
    account : Account
        Whose state is shown. Several widgets may show the same one.
    choices : sequence of Account
        Accounts of other providers that a person may turn to in the widget.
    methods : tuple of {"device", "password", "basic", "token", "oidc"}, optional
        Ways to offer, the preferred one first; those of the account's state when left out.
    username : str
        What the form is filled with.
    remember : bool
        Whether the box to stay signed in is ticked at first.
    clock : callable
        Returns POSIX seconds; the views count down by it, whatever the clock of the browser says.

    Notes
    -----
    The traits follow the account and are read-only on both sides. Instants are POSIX seconds, 0 where there is none.
    Messages are those of `protocol.py`.
    """

    _esm = STATIC / "login.js"
    _css = STATIC / "login.css"
    _noun = "login"

    provider = traitlets.Dict(
        read_only=True,
        help="What may be shown of the provider: name, label, badge, issuer_host, its pages, methods to sign in, and "
        "whether a login can be kept.",
    ).tag(sync=True)
    choices = traitlets.Dict(
        read_only=True, help="Labels of the providers to choose from, by name; empty when there is no choice."
    ).tag(sync=True)
    username = traitlets.Unicode(read_only=True, help="What the form is filled with.").tag(sync=True)
    phase = traitlets.Unicode("signed_out", read_only=True, help="A name of `values.states.Phase`.").tag(sync=True)
    serial = traitlets.Int(read_only=True, help="Grows with every state that is shown.").tag(sync=True)
    verification_uri = traitlets.Unicode(
        read_only=True, help="Where the code is typed (RFC 8628 section 3.2); empty unless one is waited for."
    ).tag(sync=True)
    code_expires_at = traitlets.Float(read_only=True, help="When the code runs out.").tag(sync=True)
    user = traitlets.Unicode(read_only=True, help="Who is signed in, for display; may be empty.").tag(sync=True)
    source = traitlets.Unicode(read_only=True, help="A name of `values.states.Source`; empty when signed out.").tag(
        sync=True
    )
    expires_at = traitlets.Float(read_only=True, help="End of the access token.").tag(sync=True)
    session_ends_at = traitlets.Float(read_only=True, help="When an idle session ends.").tag(sync=True)
    remember = traitlets.Bool(
        read_only=True, help="Whether the login that is there, or under way, is to be kept for later kernels."
    ).tag(sync=True)
    renewable = traitlets.Bool(read_only=True, help="Whether the token is renewed without asking.").tag(sync=True)
    error = traitlets.Dict(
        read_only=True,
        help="What, why and do of the state's error, its wire code, whether it ended a login; or empty.",
    ).tag(sync=True)
    notice = traitlets.Unicode(
        read_only=True, help="One sentence on what just happened, such as what logging out did."
    ).tag(sync=True)

    _unsubscribe: Callable[[], None] | None = None

    def __init__(
        self,
        account: Account,
        *,
        methods: tuple[LoginMethod, ...] | None = None,
        username: str = "",
        choices: Sequence[Account] = (),
        remember: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._accounts = {other.provider.name: other for other in (account, *choices)}
        self._account = account
        self._serial_offset, self._has_ended, self._last_phase = 0, False, account.state.phase
        self._methods = {account.provider.name: methods}
        self._can_remember = _can_be_kept(account)
        self._clock, self._remember, self._pace = clock, remember, Pace()
        self._ids_of_earlier_choices: set[str] = set()
        self.set_trait("username", username)
        if len(self._accounts) > 1:
            self.set_trait("choices", {name: other.provider.label for name, other in self._accounts.items()})
        self._mirror(account.state)
        super().__init__()
        self.on_msg(self._on_message)
        self._follow()

    def choose(self, name: str) -> None:
        """Show the account of another provider, one of `choices`, in all views; each account goes on as it was.

        What a view sends before it shows the new one is refused: a password would go to another than it was typed for.
        """
        with self._lock:
            account = self._accounts.get(name)
            if account is None:
                raise UsageError("There is no such provider here.", "The widget was not given one.", "Choose another.")
            if account is not self._account:
                self._unfollow()
                # another account counts its states from anew, and the views must not take this one for an old one
                self._account, self._serial_offset = account, self.serial + 1 - account.state.serial
                self._has_ended, self._last_phase = False, account.state.phase
                self._ids_of_earlier_choices.add(self.boot_id)
                self.set_trait("boot_id", secrets.token_hex(8))
                self._follow()

    def close(self) -> None:
        """Close the views and stop following the account. The login itself goes on."""
        self._unfollow()
        super().close()

    def _follow(self) -> None:
        account = self._account
        self._can_remember = _can_be_kept(account)

        def on_state(state: LoginState) -> None:
            with self._lock:
                if account is self._account:
                    self._mirror(state)

        self._unsubscribe = account.observe(on_state)
        self._mirror(account.state)

    def _unfollow(self) -> None:
        unsubscribe, self._unsubscribe = self._unsubscribe, None
        if unsubscribe is not None:
            unsubscribe()

    def _mirror(self, state: LoginState) -> None:
        with self._lock:
            serial = state.serial + self._serial_offset
            if serial < self.serial:
                return
            if state.phase != self._last_phase:
                self._has_ended = (self._last_phase, state.phase) == ("signed_in", "failed")
                self._last_phase = state.phase
            code = code_of(state)
            if code is not None and code["code_expires_at"] != self.code_expires_at:
                self._reply("code", "", **code)
            with self.hold_sync():
                self.set_trait(
                    "provider",
                    shown_provider(self._account.provider, self._offered(state), can_remember=self._can_remember),
                )
                # until a person has said otherwise
                remember = state.remember or (self._remember and state.phase in ("signed_out", "failed"))
                is_unchecked = state.phase == "signed_in" and self._account.is_unchecked
                notice = state.notice or (_UNCHECKED if is_unchecked else "")
                own = {"remember": remember, "notice": notice, "serial": serial}
                traits = {**traits_of(state, self._has_ended), **own}
                for name, value in traits.items():
                    self.set_trait(name, value)

    def _offered(self, state: LoginState) -> tuple[LoginMethod, ...]:
        provider = self._account.provider
        methods = self._methods.get(provider.name)
        if methods is None:
            methods = state.methods
        missing = set(provider.methods).difference(state.methods)
        return offered_ways([method for method in methods if method not in missing], provider)

    def _on_message(self, _widget: object, content: object, buffers: list[memoryview | bytes] | None) -> None:
        passed = secrets_from(buffers)
        if buffers:
            buffers.clear()  # ipywidgets' frames above hold the same list
        self._guarded(view_of(content), lambda: self._act(self._read(content, passed)))

    def _read(self, content: object, passed: list[Secret | None]) -> Request:
        sent = boot_id_of(content)
        is_late = sent in self._ids_of_earlier_choices
        request = read_request(content, passed, sent if is_late else self.boot_id)
        if is_late and request.kind != "hello":
            raise UsageError("Nothing was done.", "Another provider had been chosen before.", "Look, and do it again.")
        return request

    def _act(self, request: Request) -> None:
        account, kind, view_id = self._account, request.kind, request.view_id
        if kind == "hello":
            code = code_of(account.state)
            if code is not None:
                self._reply("code", view_id, **code)
            self._reply("welcome", view_id, now=self._clock())
            if account.state.phase == "signed_in":
                # another kernel may have signed out of a login that they share; a tab that is looked at says hello
                self._beside(view_id, account.look_again)
        elif kind == "poll":
            account.poll_now()
        elif kind == "choose_provider":
            self.choose(request.provider)
            self._reply("accepted", view_id)
        else:
            offered = self._offered(account.state)
            # as the login that is there, unless a person said otherwise
            remember = request.remember or (request.switch and request.says_nothing and self._account.is_kept)
            request = replace(request, remember=remember and self._can_remember)
            obey(
                account,
                request,
                offered=offered,
                beside=lambda action: self._beside(view_id, action),
                pace=self._pace,
            )
            self._reply("accepted", view_id)

    def _text(self) -> str:
        # what can be done about it stands below, by `show.WithoutWidgets`
        return f"{login_at(self._account.provider)}: run this cell again to see it."


def _can_be_kept(account: Account) -> bool:
    # user name and password that are sent along with each request leave nothing to keep
    is_sent_along = account.methods == ("basic",) and not account.provider.is_basic
    return not account.why_not_kept and not is_sent_along
