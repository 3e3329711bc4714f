"""The logins that are kept for an openEO back-end: which of them is meant by its name, and their end (floor 3).

A login was stored for a back-end's origin, an issuer and a client, and serves only where all three are the same: what
a back-end says of itself finds no login of another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

from ..configuration import Configuration, StoreKind
from ..errors import FlowUnavailable, UsageError
from ..values.hosts import origin_of
from ..values.openeo import BASIC_ID, Backend
from ..values.providers import Provider
from .account import NOBODY, Account
from .kept_logins import KeptLogin, end, kept_logins
from .openeo_choice import Wish, is_wished, providers_of
from .openeo_settings import OwnClient
from .stored_login import key_of


@dataclass(frozen=True)
class SignedOut:
    """What became of each login at a back-end.

    Attributes
    ----------
    told : sequence of (str, str)
        Its provider's label, and a sentence.
    is_left : bool
        Whether one is still kept here.
    note : str
        What a person should know where there was none.
    is_elsewhere : bool
        Whether the address that was given leads to a back-end at another one, which is named then.
    """

    told: Sequence[tuple[str, str]]
    is_left: bool = False
    note: str = ""
    is_elsewhere: bool = False

    def __str__(self) -> str:
        if len(self.told) == 1 and not self.is_elsewhere:
            return self.told[0][1]
        lines = [f"{label}: {said}" for label, said in self.told]
        return "\n".join(lines) or f"{NOBODY} {self.note}".strip()


def kept_providers(
    backend: Backend,
    offered: Sequence[Provider],
    wish: Wish,
    environ: Mapping[str, str],
    clients: Mapping[str, OwnClient],
    store: StoreKind,
) -> list[Provider]:
    """Return the providers of a back-end at which a login is kept, the one that was kept or used last goes first.

    Parameters
    ----------
    backend : Backend
    offered : sequence of Provider
        What the wish leads to where nothing is kept: a login that fits one of these is that one's.
    wish : Wish
        Which providers and clients count.
    environ : mapping
        `OPENEO_AUTH_PROVIDER_ID` counts as a wish; where `OPENEO_AUTH_METHOD` signs a client in, no login counts.
    clients : mapping of str to OwnClient
    store : {"none", "file", "keyring"}
        Where logins are kept now.
    """
    if store == "none" or environ.get("OPENEO_AUTH_METHOD", "").strip():
        return []
    said_id = environ.get("OPENEO_AUTH_PROVIDER_ID", "").strip()
    ids = {oidc.id for oidc in backend.providers}
    if not wish.provider_id and said_id in ids:
        wish = Wish(provider_id=said_id, client_id=wish.client_id, method=wish.method)
    kept = [
        login
        for login in kept_logins()
        if login.is_at(backend.url) and login.is_in_keyring == (store == "keyring") and login.path.exists()
    ]
    newest_first = sorted(kept, key=lambda login: login.used_at, reverse=True)
    found = (_provider_of(login, backend, offered, environ, clients) for login in newest_first)
    return [value for value in dict.fromkeys(found) if value is not None and is_wished(value, backend, wish)]


def _provider_of(
    login: KeptLogin,
    backend: Backend,
    offered: Sequence[Provider],
    environ: Mapping[str, str],
    clients: Mapping[str, OwnClient],
) -> Provider | None:
    """Return what a login is used at: the first of its issuer where it does not tell which; None without any."""
    candidates = chain(offered, _with_its_client(login, backend, environ, clients))
    fitting = (value for value in candidates if key_of(value) == login.key)
    return next((value for value in fitting if login.provider_id in ("", value.name.partition("#")[2])), None)


def _with_its_client(
    login: KeptLogin, backend: Backend, environ: Mapping[str, str], clients: Mapping[str, OwnClient]
) -> Iterator[Provider]:
    ids = [oidc.id for oidc in backend.providers if oidc.issuer == login.issuer]
    wishes = [Wish(provider_id=each, client_id=login.client_id) for each in ids]
    for wish in (*wishes, Wish(provider_id=BASIC_ID)):
        # the back-end may offer it no more
        with suppress(UsageError, FlowUnavailable):
            yield providers_of(backend, wish, environ, clients)[0]


def sign_out(address: str, provider_id: str, accounts: Sequence[Account], configuration: Configuration) -> SignedOut:
    """Sign out of accounts, and end all else that is kept for their back-end, also where that does not answer.

    Parameters
    ----------
    address : str
        Of the back-end, as somebody writes it.
    provider_id : str
        Of the only provider that is meant; all unless given.
    accounts : sequence of Account
        Those of the back-end; none where it does not answer.
    configuration : Configuration
    """
    said = [(account.provider.label, account.logout()) for account in accounts]
    told = [each for each in said if each[1] != NOBODY]
    keys = {key_of(account.provider) for account in accounts if account.kept_in}
    is_keyring = configuration.store == "keyring"
    places = [address, *(account.provider.backend_url for account in accounts)]
    others = [
        login
        for login in kept_logins()
        if any(origin_of(login.backend_url) == origin_of(place) or login.is_at(place) for place in places)
        and provider_id in ("", login.provider_id)
    ]
    # the accounts have said already what became of theirs
    unsaid = [login for login in others if login.key not in keys or login.is_in_keyring != is_keyring]
    told += [(login.shown(()), end(login, (), configuration.connection)) for login in unsaid]
    is_left = any(account.has_kept_login for account in accounts) or any(login.path.exists() for login in others)
    return SignedOut(told, is_left, is_elsewhere=any(origin_of(place) != origin_of(address) for place in places))


def kept_elsewhere() -> str:
    """Return of which back-ends logins are kept, as a sentence, or nothing."""
    names = [login.shown(()) for login in kept_logins() if login.name]
    return f"Kept here: {', '.join(names)}." if names else ""
