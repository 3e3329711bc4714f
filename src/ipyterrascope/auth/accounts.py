"""The accounts of this kernel: the providers it knows by name, and one account for each (floor 3)."""

from __future__ import annotations

import difflib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from ..configuration import Configuration, current
from ..errors import FlowUnavailable, ProviderError, UnknownProvider, UsageError
from ..threads.forks import renew_in_child
from ..values.connection import Connection
from ..values.openeo import PREFIX
from ..values.providers import Provider
from .account import Account, Settings
from .chain import SilentSource, WhyNot
from .openeo_backends import Backends, is_openeo, parted
from .openeo_choice import Wish, is_wished, providers_of
from .openeo_kept import SignedOut, kept_elsewhere, kept_providers, sign_out
from .openeo_settings import client_settings, own_clients
from .sources import methods_of, silent_sources, store_of, trusted_issuers, ways_of


class Accounts(Mapping[str, Provider]):
    """Providers by name, and the accounts that were asked for. As a mapping it is `ipyterrascope.providers`.

    Parameters
    ----------
    configuration : callable
        Returns what is configured now; accounts made later follow a change.
    is_app : callable
        Tells whether visitors use this kernel, who must not inherit a login that lies ready.
    environ : mapping, optional
        Where the environment source looks; `os.environ` unless given.
    namespace : callable, optional
        Returns what the present visitor alone can reach, where several share this process, or None. The accounts are
        kept there, and go with it.
    """

    def __init__(
        self,
        configuration: Callable[[], Configuration] = current,
        *,
        is_app: Callable[[], bool] = lambda: False,
        environ: Mapping[str, str] | None = None,
        namespace: Callable[[], MutableMapping[str, Any] | None] = lambda: None,
    ) -> None:
        self._configuration, self._is_app, self._namespace = configuration, is_app, namespace
        self._environ = os.environ if environ is None else environ
        self._lock = threading.RLock()
        self._backends = Backends()
        self._shared: dict[Provider, Account] = {}
        self._lent: dict[Provider, Settings] = {}
        self._followed: WeakKeyDictionary[Account, Configuration] = WeakKeyDictionary()
        renew_in_child(self)

    def after_fork(self) -> None:
        """Let nobody wait for a thread that is not here."""
        self._lock = threading.RLock()

    def account(self, provider: str | Provider | None = None) -> Account:
        """Return the account of a provider: by name, by value, or Terrascope's.

        The name ``openeo:<address>`` asks that back-end, once, for its provider.

        Raises
        ------
        UnknownProvider
            No provider has that name.
        FlowUnavailable, ProviderError
            The back-end offers no way to sign in, or did not answer as it should.
        """
        if isinstance(provider, str) and is_openeo(provider) and provider not in self._known():
            return self.of_backend(provider)[0]
        value = provider if isinstance(provider, Provider) else self[provider or "terrascope"]
        self.follow()
        with self._lock:
            account = self._accounts.get(value)
            if account is None:
                configuration = self._configuration()
                account = Account(value, **self._settings(value, configuration))
                self._followed[account] = configuration
            elif value is provider:
                del self._accounts[value]  # to the end: a name means the provider that was given last
            self._accounts[value] = account
            return account

    def of_backend(self, name: str, wish: Wish | None = None) -> list[Account]:
        """Return the accounts of an openEO back-end, the one to use first, then what else a person may choose.

        Parameters
        ----------
        name : str
            ``openeo:<address>``, or with the provider's id ``openeo:<address>#<id>``; without an address the back-end
            that is configured is meant, here or in openEO's own `openeo-client-config.ini`.
        wish : Wish, optional
            What is asked for beside the name. Of what fits it and names no method, an account that is signed in goes
            first, then one whose login is kept, the one that was kept or used last before the others.

        Raises
        ------
        UsageError
            The name has no address and none is configured, or the back-end has no provider of that id.
        ConfigurationError
            openEO's own `auth-config.json`, which may name a client, cannot be used.
        FlowUnavailable, ProviderError
            As for `account`.
        """
        configuration = self._configuration()
        name, asked = self._meant(name, wish or Wish())
        backend, provider_id = self._backends.find(name, configuration.connection)
        asked = replace(asked, provider_id=asked.provider_id or provider_id)
        clients = own_clients(
            self._environ, backend, self._backends.addresses_of(backend), trusted_issuers(configuration)
        )
        # in the order in which they were asked for before
        others = [each for each in self.asked_for() if is_wished(each.provider, backend, asked)]
        offered = providers_of(backend, asked, self._environ, clients)
        accounts = [self.account(value) for value in offered]
        if asked.method is None:
            kept = kept_providers(backend, offered, asked, self._environ, clients, configuration.store)
            stored = (account for account in map(self.account, kept) if account.kept_in)
            accounts = list(dict.fromkeys([*(each for each in others if each.is_signed_in), *stored, *accounts]))
        for account in accounts:
            own = clients.get(account.provider.name.partition("#")[2])
            if own is not None and own.client_id == account.provider.client_id:
                account.lend_client_secret(own.client_secret)
        return accounts

    def sign_out(self, name: str, provider_id: str = "") -> SignedOut:
        """Sign out of an openEO back-end: of all its providers, or of the one of an id.

        Parameters
        ----------
        name : str
            As for `of_backend`.
        provider_id : str

        Raises
        ------
        UsageError, ConfigurationError, FlowUnavailable
            As for `of_backend`, where nothing is kept. A back-end that does not answer is no hindrance.
        """
        name, _ = self._meant(name, Wish())
        address, named_id = parted(name)
        accounts, failure = list[Account](), None
        try:
            accounts = self.of_backend(name, Wish(provider_id=provider_id))
        except (ProviderError, UsageError, FlowUnavailable) as exc:
            failure = exc  # what is kept is ended all the same
        ended = sign_out(address, provider_id or named_id, accounts, self._configuration())
        if failure is None or ended.told:
            return ended
        if not isinstance(failure, ProviderError):
            raise failure
        # it may lead to an API at another address, which nobody can tell now
        note = kept_elsewhere()
        return replace(ended, note=f"{failure.what} {note}" if note else "")

    def _meant(self, name: str, wish: Wish) -> tuple[str, Wish]:
        """Return the name and the wish, or what is configured where the name has no address."""
        return self._default_backend(self._configuration(), wish) if name == PREFIX else (name, wish)

    def _default_backend(self, configuration: Configuration, wish: Wish) -> tuple[str, Wish]:
        """Return the name of the back-end that is meant where none is named, and the way to sign in there."""
        settings = client_settings(self._environ)
        address = configuration.openeo_backend or settings.default_backend
        if not address:
            raise UsageError(
                "No openEO back-end is named.",
                "Neither c.Terrascope.openeo_backend nor openEO's own configuration names one.",
                'Give its address, for example "openeo:openeo.terrascope.be".',
            )
        is_basic = not configuration.openeo_backend and settings.auto_authenticate == "basic" and wish == Wish()
        return f"{PREFIX}{address}", Wish(method="basic") if is_basic else wish

    def lend(self, provider: Provider, source: SilentSource, connection: Connection) -> Account:
        """Let a provider's login come from `source` alone from now on, whatever is configured; return its account.

        It is known by its name then, also where another one of that name is configured.
        """
        nowhere = WhyNot("This login is lent.")
        settings: Settings = {
            "connection": connection, "keep_alive_s": 0.0, "sources": [source], "methods": (), "store": nowhere,
        }  # fmt: skip
        with self._lock:
            self._lent[provider] = settings
            # another account: what was signed in before belongs to who uses it still
            self._accounts.pop(provider, None)
        return self.account(provider)

    def end_loan(self, account: Account) -> None:
        """Let what is configured hold again for a provider, unless its login is lent by somebody else by now."""
        with self._lock:
            if self._accounts.get(account.provider) is account:
                self._accounts.pop(account.provider)
                self._lent.pop(account.provider, None)

    def follow(self) -> None:
        """Let the accounts that are there follow what was configured since: connection, keep-alive and sources."""
        configuration = self._configuration()
        with self._lock:
            for account in self._accounts.values():
                # a source may remember what it learned: none is made anew without need
                if self._followed.get(account) != configuration:
                    self._followed[account] = configuration
                    account.configure(**self._settings(account.provider, configuration))

    def asked_for(self) -> list[Account]:
        """Return the accounts that were asked for so far, that of the provider that was given last at the end."""
        with self._lock:
            return list(self._accounts.values())

    @property
    def _accounts(self) -> dict[Provider, Account]:
        namespace = self._namespace()
        return self._shared if namespace is None else namespace.setdefault("__ipyterrascope__", {})

    def _settings(self, provider: Provider, configuration: Configuration) -> Settings:
        if provider in self._lent:
            return self._lent[provider]
        is_app = self._is_app()
        return {
            "connection": configuration.connection,
            "keep_alive_s": configuration.keep_alive_s,
            "sources": silent_sources(provider, configuration, self._environ, is_app=is_app),
            "methods": methods_of(ways_of(provider, configuration)),
            "store": store_of(provider, configuration, is_app=is_app),
        }

    def _known(self) -> dict[str, Provider]:
        terrascope = self._configuration().terrascope
        # a Provider that was used once is known by its name from then on
        used = {account.provider.name: account.provider for account in self.asked_for()}
        used.pop(terrascope.name, None)
        return {terrascope.name: terrascope, **used, **{provider.name: provider for provider in list(self._lent)}}

    def __getitem__(self, name: object) -> Provider:
        if not isinstance(name, str):
            what = f"It is of type {type(name).__name__}."
            raise UnknownProvider("That is no provider.", what, "Give a provider's name, or a Provider.")
        known = {**self._known(), **{provider.name: provider for provider in self._configuration().beside}}
        if name not in known:
            # not repeated: it may be a password that went astray
            near = difflib.get_close_matches(name, known, n=1)
            raise UnknownProvider(
                "There is no provider of that name.",
                f"Known by name: {', '.join(known)}.",
                f'Did you mean "{near[0]}"?' if near else "Give one of these names, or a Provider.",
            )
        return known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known())

    def __len__(self) -> int:
        return len(self._known())

    def __repr__(self) -> str:
        return f"<providers: {', '.join(self)}>"
