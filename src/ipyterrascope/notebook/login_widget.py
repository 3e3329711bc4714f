"""The login widget: an account's state as traits, and what a person does as messages (floor 6).

The kernel is the truth and the view only shows it: no trait holds a secret, and nothing that a front-end sets in a
trait counts. With ipykernel 7 messages are handled on a thread of their own, and states come from any thread.
"""

# ipywidgets ships no types
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import secrets
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import anywidget
import traitlets

from ..auth.account import Account
from ..errors import FlowUnavailable, TerrascopeError, UsageError
from ..values.providers import LoginMethod, Provider
from ..values.states import LoginState, Phase
from .protocol import ReplyKind, Request, RequestKind, read_request, secrets_from, view_of

__all__ = ["LoginWidget"]

Bundle = tuple[dict[str, Any], dict[str, Any]]

_STATIC = Path(__file__).parent.parent / "static"

_ALLOWED_IN: Mapping[RequestKind, tuple[Phase, ...]] = {
    "start_device": ("signed_out", "failed", "awaiting_user"),
    "submit_password": ("signed_out", "failed"),
    "cancel": ("signing_in", "awaiting_user"),
    "logout": ("signed_in",),
}


class LoginWidget(anywidget.AnyWidget):
    """Shows an account, and lets a person sign in and log out.

    Parameters
    ----------
    account : Account
        Whose state is shown. Several widgets may show the same one.
    methods : tuple of {"device", "password", "basic"}, optional
        Ways to offer, the preferred one first; those of the account's state when left out.
    username : str
        What the form is filled with.
    clock : callable
        Returns POSIX seconds; the views count down by it, whatever the clock of the browser says.

    Notes
    -----
    The traits follow the account and are read-only on both sides. Instants are POSIX seconds, 0 where there is none.
    Messages are those of `protocol.py`.
    """

    _esm = _STATIC / "login.js"
    _css = _STATIC / "login.css"

    boot_id = traitlets.Unicode(
        read_only=True, help="Random for each widget; a view that is answered with another one is stale."
    ).tag(sync=True)
    provider = traitlets.Dict(
        read_only=True,
        help="What may be shown of the provider: name, label, badge, issuer_host, its pages, and methods to sign in.",
    ).tag(sync=True)
    username = traitlets.Unicode(read_only=True, help="What the form is filled with.").tag(sync=True)
    phase = traitlets.Unicode("signed_out", read_only=True, help="A name of `values.states.Phase`.").tag(sync=True)
    serial = traitlets.Int(read_only=True, help="Grows with every state of the account.").tag(sync=True)
    user_code = traitlets.Unicode(
        read_only=True, help="The code to approve (RFC 8628 section 3.2); empty unless one is waited for."
    ).tag(sync=True)
    verification_uri = traitlets.Unicode(read_only=True, help="Where the code is typed.").tag(sync=True)
    verification_uri_complete = traitlets.Unicode(
        read_only=True, help="The same with the code in it; empty when the provider gave none."
    ).tag(sync=True)
    code_expires_at = traitlets.Float(read_only=True, help="When the code runs out.").tag(sync=True)
    user = traitlets.Unicode(read_only=True, help="Who is signed in, for display; may be empty.").tag(sync=True)
    source = traitlets.Unicode(read_only=True, help="A name of `values.states.Source`; empty when signed out.").tag(
        sync=True
    )
    expires_at = traitlets.Float(read_only=True, help="End of the access token.").tag(sync=True)
    session_ends_at = traitlets.Float(read_only=True, help="When an idle session ends.").tag(sync=True)
    renewable = traitlets.Bool(read_only=True, help="Whether the token is renewed without asking.").tag(sync=True)
    error = traitlets.Dict(
        read_only=True, help="What, why and do of the state's error, and its wire code (error); or empty."
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
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._account = account
        self._methods = methods
        self._clock = clock
        self._lock = threading.RLock()
        self.set_trait("boot_id", secrets.token_hex(8))
        self.set_trait("username", username)
        self._mirror(account.state)
        super().__init__()
        self.on_msg(self._on_message)
        self._unsubscribe = account.observe(self._mirror)
        self._mirror(account.state)

    def close(self) -> None:
        """Close the views and stop following the account. The login itself goes on."""
        unsubscribe, self._unsubscribe = self._unsubscribe, None
        if unsubscribe is not None:
            unsubscribe()
        super().close()

    def set_state(self, sync_data: Mapping[str, object]) -> None:
        """Take nothing from a front-end: put the truth back into the one that set a trait, and into all others."""
        with self._lock:
            self.send_state([name for name in sync_data if name in self.keys])

    def _mirror(self, state: LoginState) -> None:
        with self._lock:
            if state.serial < self.serial:
                return
            with self.hold_sync():
                self.set_trait("provider", _shown_provider(self._account.provider, self._offered(state)))
                for name, value in _traits_of(state).items():
                    self.set_trait(name, value)

    def _offered(self, state: LoginState) -> tuple[LoginMethod, ...]:
        if self._methods is None:
            return state.methods
        missing = set(self._account.provider.methods).difference(state.methods)
        return tuple(method for method in self._methods if method not in missing)

    def _on_message(self, _widget: object, content: object, buffers: list[memoryview | bytes] | None) -> None:
        passed = secrets_from(buffers)
        if buffers:
            buffers.clear()  # ipywidgets' frames above hold the same list
        self._guarded(view_of(content), lambda: self._act(read_request(content, passed, self.boot_id)))

    def _act(self, request: Request) -> None:
        account, kind = self._account, request.kind
        if kind == "hello":
            self._reply("welcome", request.view_id, now=self._clock())
        elif kind == "poll":
            account.poll_now()
        elif account.state.phase not in _ALLOWED_IN[kind]:
            raise UsageError(
                "Nothing was done.", "The login had moved on already, perhaps in another tab.", "See how it stands now."
            )
        else:
            self._start(request)
            self._reply("accepted", request.view_id)

    def _start(self, request: Request) -> None:
        account = self._account
        if request.kind == "cancel":
            account.cancel()
        elif request.kind == "logout":
            # asks the provider and may take its time
            threading.Thread(
                target=self._guarded, args=(request.view_id, account.logout), name="terrascope-logout", daemon=True
            ).start()
        elif request.kind == "start_device":
            self._check_offered("device")
            account.start_device_login()
        elif request.password is not None:
            self._check_offered(request.method)
            account.start_password_login(
                request.username, request.password, one_time_code=request.one_time_code, method=request.method
            )

    def _check_offered(self, method: LoginMethod) -> None:
        if method not in self._offered(self._account.state):
            raise FlowUnavailable(
                "That way to sign in is not offered here.", f"It is not among those of {self._account.provider.label}."
            )

    def _guarded(self, view_id: str, action: Callable[[], object]) -> None:
        """Run `action`; whatever it raises is shown in the view, since ipywidgets would do no more than log it."""
        try:
            action()
        except TerrascopeError as exc:
            reason = str(exc)
        except Exception as exc:  # noqa: BLE001 - a message handler and a thread are where errors get lost
            # the stack without values: those in these frames are a person's
            stack = "".join(traceback.format_tb(exc.__traceback__))
            self.log.error("The login widget failed with %s:\n%s", type(exc).__name__, stack)  # noqa: TRY400
            reason = (
                f"The login widget failed ({type(exc).__name__}). This is a bug in ipyterrascope. Run the cell again."
            )
        else:
            return
        self._reply("refused", view_id, reason=reason)

    def _reply(self, kind: ReplyKind, view_id: str, **fields: object) -> None:
        self.send({"kind": kind, "boot_id": self.boot_id, "view_id": view_id, **fields})

    def _repr_mimebundle_(self, **kwargs: Any) -> Bundle | None:
        bundle = cast("Bundle | None", super()._repr_mimebundle_(**kwargs))
        if bundle is not None:
            bundle[0]["text/plain"] = (
                f"{self._account.provider.label} login: this place shows no widgets.\n"
                "Run the cell in JupyterLab, Notebook or VS Code, or run `%terrascope login --wait`, which prints "
                "link and code."
            )
        return bundle


def _shown_provider(provider: Provider, methods: tuple[LoginMethod, ...]) -> dict[str, object]:
    return {
        "name": provider.name,
        "label": provider.label,
        "badge": provider.badge,
        "issuer_host": provider.issuer_host,
        "registration_url": provider.registration_url,
        "account_url": provider.account_url,
        "password_reset_url": provider.password_reset_url,
        "methods": list(methods),
    }


def _traits_of(state: LoginState) -> dict[str, object]:
    device = state.device if state.phase == "awaiting_user" else None
    return {
        "phase": state.phase,
        "serial": state.serial,
        "user_code": device.user_code if device else "",
        "verification_uri": device.verification_uri if device else "",
        "verification_uri_complete": (device.verification_uri_complete or "") if device else "",
        "code_expires_at": float(device.expires_at) if device else 0.0,
        "user": state.user,
        "source": state.source,
        "expires_at": float(state.expires_at or 0.0),
        "session_ends_at": float(state.session_ends_at or 0.0),
        "renewable": state.renewable,
        "error": _shown_error(state.error),
        "notice": state.notice,
    }


def _shown_error(error: TerrascopeError | None) -> dict[str, str]:
    if error is None:
        return {}
    return {"what": error.what, "why": error.why, "do": error.do, "error": error.error or ""}
