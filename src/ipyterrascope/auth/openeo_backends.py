"""The openEO back-ends that were asked for in this process, and what each said of itself (floor 3)."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..protocol.http import HttpClient
from ..protocol.openeo import address_of, describe_me, discover_backend
from ..threads.forks import renew_in_child
from ..values.connection import Connection
from ..values.openeo import PREFIX, Backend
from ..values.secret import Secret
from .account import Account

# somebody waits for a status
_PATIENCE_S = 10.0


def is_openeo(name: object) -> bool:
    """Tell whether a provider's name asks for an openEO back-end."""
    return isinstance(name, str) and name.startswith(PREFIX)


def parted(name: str) -> tuple[str, str]:
    """Return the address and the provider's id of a name as ``openeo:<address>[#<provider id>]``.

    Raises
    ------
    UsageError
        It holds no address.
    """
    text, _, provider_id = name.removeprefix(PREFIX).partition("#")
    return address_of(text.strip()), provider_id


class Backends:
    """Asks each back-end once.

    Parameters
    ----------
    discover : callable
        Asks a back-end at an address what it offers.
    """

    def __init__(self, discover: Callable[[str, HttpClient], Backend] = discover_backend) -> None:
        self._discover = discover
        self._found: dict[str, Backend] = {}
        self.after_fork()
        renew_in_child(self)

    def after_fork(self) -> None:
        """Let nobody wait for a thread that is not here."""
        self._lock = threading.Lock()

    def addresses_of(self, backend: Backend) -> list[str]:
        """Return the addresses by which a back-end was found."""
        with self._lock:
            return [address for address, found in self._found.items() if found is backend]

    def find(self, name: str, connection: Connection) -> tuple[Backend, str]:
        """Return the back-end of a name as ``openeo:<address>[#<provider id>]``, and the id that it names.

        Raises
        ------
        UsageError
            It holds no address.
        ProviderError
            The back-end did not answer as it should.
        """
        address, provider_id = parted(name)
        with self._lock:
            backend = self._found.get(address)
            if backend is None:
                backend = self._discover(address, HttpClient(connection))
                # by the address of its API too, which is a part of its providers' names
                self._found[address] = self._found[backend.url] = backend
            return backend, provider_id


def me_of(account: Account) -> dict[str, str]:
    """Return what the back-end of an account that is signed in says of it (``/me``).

    Raises
    ------
    LoginError, ProviderError
        It does not accept the login, or did not answer as it should.
    """
    provider = account.provider
    authorization = Secret(account.headers(provider.backend_url)["Authorization"])
    return describe_me(HttpClient(account.connection, deadline_s=_PATIENCE_S), provider, authorization)
