"""The messages between the login widget and its view in the browser (floor 6). `js/protocol.js` mirrors the names.

A message that is not exactly one of the kinds below is refused as a whole. Secrets come only as binary buffers, because
the JSON part of a message is logged at DEBUG, shown by developer tools and kept by some front-ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

from ..errors import UsageError
from ..values.secret import Secret
from .handshake import read_fields, refusal, view_of

RequestKind = Literal[
    "hello", "start_device", "remember", "cancel", "poll", "submit_password", "logout", "choose_provider"
]
ReplyKind = Literal["welcome", "code", "accepted", "refused"]
FormMethod = Literal["password", "basic", "token", "oidc"]

REQUEST_KINDS: tuple[RequestKind, ...] = get_args(RequestKind)
REPLY_KINDS: tuple[ReplyKind, ...] = get_args(ReplyKind)
FORM_METHODS: tuple[FormMethod, ...] = get_args(FormMethod)

_FIELDS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(REQUEST_KINDS, frozenset[str]()),
    "start_device": frozenset({"remember", "switch"}),
    "remember": frozenset({"remember"}),
    "submit_password": frozenset({"username", "method", "has_one_time_code", "remember", "switch"}),
    "choose_provider": frozenset({"provider"}),
}
_WITH_USERNAME = ("password", "basic")
_LONGEST_USERNAME = 256
# tokens that list what a person is a member of are long
_LONGEST_SECRET_BYTES = 16384
_MOST_BUFFERS = 2


@dataclass(frozen=True, kw_only=True)
class Request:
    """One message of a view, checked.

    Attributes
    ----------
    kind : str
        What the person (or the view itself: `hello`, `poll`) wants.
    view_id : str
        Which view asks; echoed, so that only that view takes the reply to itself. Empty when it did not say.
    username, method, password, one_time_code
        Only of `submit_password`.
    remember : bool
        Of `start_device`, `submit_password` and `remember`: whether the login is to be kept.
    says_nothing : bool
        Whether it left that open.
    switch : bool
        Of `start_device` and `submit_password`: whether the person was shown a login, which this one is to replace.
    provider : str
        Only of `choose_provider`: its name.
    """

    kind: RequestKind
    view_id: str = ""
    username: str = ""
    method: FormMethod = "password"
    password: Secret | None = None
    one_time_code: Secret | None = None
    remember: bool = False
    says_nothing: bool = False
    switch: bool = False
    provider: str = ""


def secrets_from(buffers: Iterable[memoryview | bytes] | None) -> list[Secret | None]:
    """Turn the buffers of a message into secrets; None stands for one that cannot be a secret (size, encoding).

    Raises nothing, so that no traceback ever has a frame with the bytes in it.
    """
    return [_secret_from(buffer) for buffer in [*(buffers or ())][: _MOST_BUFFERS + 1]]


def _secret_from(buffer: memoryview | bytes) -> Secret | None:
    if not 0 < memoryview(buffer).nbytes <= _LONGEST_SECRET_BYTES:
        return None
    try:
        secret = Secret(str(buffer, "utf-8"))
    except UnicodeDecodeError:
        return None
    # a buffer that was wiped before the browser got to send it arrives as zeros
    return None if "\x00" in secret.reveal() else secret


def read_request(content: object, secrets: list[Secret | None], boot_id: str) -> Request:
    """Check a message of a view.

    Parameters
    ----------
    content : object
        The JSON part.
    secrets : list of Secret or None
        The binary part, by `secrets_from`.
    boot_id : str
        The widget's own; the message has to carry it.

    Raises
    ------
    UsageError
        When it is not exactly a message of the protocol. Its text repeats nothing of the message.
    """
    fields = read_fields(content, _FIELDS, boot_id, "login")
    kind = cast(RequestKind, fields["kind"])
    remember, switch = fields.get("remember", False), fields.get("switch", False)
    if not isinstance(remember, bool):
        raise refusal("It does not say whether to stay signed in.")
    if not isinstance(switch, bool):
        raise refusal("It does not say whether a login is to be replaced.")
    if kind == "submit_password":
        return replace(_read_form(fields, secrets), remember=remember, switch=switch)
    if secrets:
        raise refusal("It has a buffer that it must not have.")
    provider = fields.get("provider", "")
    if not isinstance(provider, str) or bool(provider) != (kind == "choose_provider"):
        raise refusal("It does not name a provider as it must.")
    return Request(
        kind=kind,
        view_id=view_of(fields),
        remember=remember,
        says_nothing="remember" not in fields,
        switch=switch,
        provider=provider,
    )


def _read_form(fields: Mapping[str, object], secrets: list[Secret | None]) -> Request:
    username, method, with_code = (fields.get(name) for name in ("username", "method", "has_one_time_code"))
    if method not in FORM_METHODS:
        raise refusal("Its method is not known.")
    if not isinstance(username, str) or len(username) > _LONGEST_USERNAME or not username.isprintable():
        raise refusal("It has no user name that could be one.")
    if bool(username) != (method in _WITH_USERNAME):
        raise refusal("It has a user name that it must not have, or none.")
    if not isinstance(with_code, bool) or len(secrets) != 1 + with_code:
        raise refusal("It does not have the buffers that it announces.")
    if None in secrets:
        raise UsageError(
            "The password did not arrive.",
            "What came is empty, too long or not text.",
            "Type it again; if that does not help, run the cell again.",
        )
    return Request(
        kind="submit_password",
        view_id=view_of(fields),
        username=username,
        method=method,
        password=secrets[0],
        one_time_code=secrets[1] if with_code else None,
    )
