"""A login as it is written down: its text, and how strictly that is read again (floor 3)."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from ..errors import quoted
from ..values.hosts import origin_of, origins_of
from ..values.providers import Provider
from ..values.secret import Secret
from ..values.tokens import TokenSet, is_fit_for_header

_VERSION = 1
_OF_OWNER = ("issuer", "client_id", "user", "name")


class StoreTroubleError(Exception):
    """A store that cannot be used, or what is in it; the text is one sentence for people."""


@dataclass(frozen=True)
class StoredLogin:
    """One login as it is stored.

    Attributes
    ----------
    login_id : str
        Random: another one is another login.
    user : str
        Whose it is, for display.
    hosts : frozenset of str
        The hosts that it was made for.
    tokens : TokenSet
    secret : Secret, optional
        What renewing it needs beside a refresh token, or in its place: that of a client of one's own, or user name and
        password for an openEO back-end, as RFC 7617 encodes them.
    is_ended : bool
        True once somebody signed out of it: it serves nobody, and is there only until it is ended at the provider.
    """

    login_id: str
    user: str
    hosts: frozenset[str]
    tokens: TokenSet
    secret: Secret | None = None
    is_ended: bool = False


def key_of(provider: Provider) -> str:
    """Return the name under which a provider's login is stored: a hash of issuer and client.

    A back-end chooses its issuer and client, so its own origin counts too: none may use another one's login.
    """
    return key_at(provider.issuer, provider.client_id, provider.backend_url)


def key_at(issuer: str, client_id: str, backend_url: str = "") -> str:
    """Return the same of a provider's fields."""
    parts = [issuer, client_id]
    if backend_url:
        parts.append(repr(origin_of(backend_url)))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Whose a stored login is: issuer, client and user, and of an openEO back-end the provider's name."""

    issuer: str
    client_id: str
    user: str
    name: str = ""
    is_ended: bool = False


def written(login: StoredLogin, provider: Provider) -> Secret:
    """Return the text of a login."""
    tokens, refresh_token = login.tokens, login.tokens.refresh_token
    fields: dict[str, object] = {
        "version": _VERSION,
        "issuer": provider.issuer,
        "client_id": provider.client_id,
        # nothing else tells which of a back-end's providers it was
        **({"name": provider.name} if provider.backend_url else {}),
        "hosts": sorted(login.hosts),
        "login_id": login.login_id,
        "user": login.user,
        "access_token": tokens.access_token.reveal(),
        "refresh_token": refresh_token.reveal() if refresh_token else "",
        "issued_at": tokens.issued_at,
        "expires_at": tokens.expires_at,
        "refresh_expires_at": tokens.refresh_expires_at,
        "scope": tokens.scope,
        **({"secret": login.secret.reveal()} if login.secret else {}),
        **({"is_ended": True} if login.is_ended else {}),
    }
    return Secret(json.dumps(fields))


def read(text: Secret, provider: Provider) -> StoredLogin:
    """Return the login of a text.

    Raises
    ------
    StoreTroubleError
        It was written by a newer version, is damaged, or is another provider's. Its text repeats nothing.
    """
    found = _read(text, provider)
    if isinstance(found, str):
        raise StoreTroubleError(found)  # here, where no frame holds what was read
    return found


def owner_of(text: Secret) -> Owner:
    """Return whose a login is. Raises `StoreTroubleError` where that cannot be read."""
    fields = _fields_of(text)
    issuer, client_id, user, name = (fields.get(field) for field in _OF_OWNER)
    is_ended = fields.get("is_ended") is True
    del fields  # no frame shall hold what was read
    if not (isinstance(issuer, str) and isinstance(client_id, str) and isinstance(user, str) and issuer):
        raise StoreTroubleError("It is damaged.")
    name = name if isinstance(name, str) else ""
    return Owner(issuer=issuer, client_id=client_id, user=user, name=name, is_ended=is_ended)


def note_of(text: Secret) -> Secret:
    """Return what stands for a login where that itself cannot be listed: only whose it is."""
    fields = _fields_of(text)
    return Secret(
        json.dumps({name: fields[name] for name in ("version", "hosts", "is_ended", *_OF_OWNER) if name in fields})
    )


def is_stored_as(text: Secret, key: str) -> bool:
    """Tell whether a login is what its name says, so that it may be sent to the issuer that it names."""
    fields = _fields_of(text)
    issuer, client_id, hosts = (fields.get(name) for name in ("issuer", "client_id", "hosts"))
    del fields  # no frame shall hold what was read
    if not (isinstance(issuer, str) and isinstance(client_id, str) and isinstance(hosts, list)):
        return False
    # that of a back-end goes to one host, which tells its origin
    origins = origins_of([*map(str, cast("list[object]", hosts))])
    return any(key_at(issuer, client_id, origin) == key for origin in ("", *origins))


def _read(text: Secret, provider: Provider) -> StoredLogin | str:
    """Return the login of a text, or why it is none."""
    fields = _fields_of(text)
    if fields.get("version") != _VERSION:
        return "A newer version wrote it." if isinstance(fields.get("version"), int) else "It is damaged."
    if (fields.get("issuer"), fields.get("client_id")) != (provider.issuer, provider.client_id):
        return "It is another provider's."
    return _login_of(fields) or "It is damaged."


def _fields_of(text: Secret) -> Mapping[str, object]:
    try:
        fields: object = json.loads(text.reveal())
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, object]", fields) if isinstance(fields, dict) else {}


def _login_of(fields: Mapping[str, object]) -> StoredLogin | None:
    names = ("login_id", "user", "access_token", "refresh_token", "scope", "secret")
    texts = {name: fields.get(name) for name in names}
    hosts = fields.get("hosts")
    instants = [fields.get(name) for name in ("issued_at", "expires_at", "refresh_expires_at")]
    issued_at, expires_at, refresh_expires_at = (_instant(value) for value in instants)
    are_odd = any(value is not None and _instant(value) is None for value in instants)
    if are_odd or issued_at is None or not isinstance(hosts, list):
        return None
    login_id, user, access_token, refresh_token, scope, secret = (
        value if isinstance(value, str) else "" for value in texts.values()
    )
    # what came to be in there must not get into a header
    if not (login_id and is_fit_for_header(access_token)):
        return None
    if not is_fit_for_header(refresh_token) and (refresh_token or not secret):
        return None  # what signs in anew has none
    return StoredLogin(
        login_id,
        quoted(user),
        frozenset(map(str, cast("list[object]", hosts))),
        TokenSet(
            access_token=Secret(access_token),
            refresh_token=Secret(refresh_token) if refresh_token else None,
            issued_at=issued_at,
            expires_at=expires_at,
            refresh_expires_at=refresh_expires_at,
            scope=scope,
        ),
        Secret(secret) if secret else None,
        is_ended=fields.get("is_ended") is True,
    )


def _instant(value: object) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None  # pyright: ignore[reportArgumentType]
