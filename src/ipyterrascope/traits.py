"""The traits of `c.Terrascope`, for IPython's configuration, `%config` and the command line (floor 6)."""

from __future__ import annotations

import os
import sys
from typing import Any, cast

import traitlets
from traitlets.config import Configurable, SingletonConfigurable

from .configuration import (
    STORE_KINDS,
    Configuration,
    StoreKind,
    configure,
    current,
    openeo_issuers_from_environment,
    store_from_environment,
    token_file_from_environment,
)
from .errors import ConfigurationError
from .values.connection import Connection
from .values.known import TERRASCOPE, reconfigured, terrascope_from_environment
from .values.providers import Provider
from .values.states import Source

_OF_PROVIDER = (
    "issuer", "client_id", "scope", "label", "badge", "stac_url", "registration_url", "account_url",
    "password_reset_url", "demo_login",
)  # fmt: skip


class Terrascope(SingletonConfigurable):
    """Configuration of ipyterrascope. An empty trait leaves what the environment says, or the built-in value."""

    issuer = traitlets.Unicode(help="Issuer URL of the identity provider (TERRASCOPE_ISSUER).").tag(config=True)
    client_id = traitlets.Unicode(help="The public client's identifier (TERRASCOPE_CLIENT_ID).").tag(config=True)
    hosts = traitlets.Set(
        traitlets.Unicode(),
        help="Hosts that may see the bearer: exact lower-case names, port 443 unless host:port (TERRASCOPE_HOSTS). "
        "With another issuer: none, unless they are set.",
    ).tag(config=True)
    scope = traitlets.Unicode(help="Space-separated scopes to ask for.").tag(config=True)
    label = traitlets.Unicode(help="What people read on the widget.").tag(config=True)
    badge = traitlets.Unicode(help="A notice beside the label when this is not the real service.").tag(config=True)
    stac_url = traitlets.Unicode(help="The STAC API of the data.").tag(config=True)
    registration_url = traitlets.Unicode(help="Where people register.").tag(config=True)
    account_url = traitlets.Unicode(help="Where people look after their account.").tag(config=True)
    password_reset_url = traitlets.Unicode(help="Where people go who forgot their password.").tag(config=True)
    demo_login = traitlets.Unicode(
        help="What anybody may sign in with; shown only with a badge and an issuer on loopback."
    ).tag(config=True)
    verify = traitlets.Unicode(help="Path of a CA bundle, for an authority of your own.").tag(config=True)
    connect_timeout_s = traitlets.Float(10.0, min=0.1, help="Seconds to wait for a connection.").tag(config=True)
    read_timeout_s = traitlets.Float(60.0, min=0.1, help="Seconds to wait for the next byte of data.").tag(config=True)
    keep_alive_s = traitlets.Float(
        0.0, min=0.0, help="Seconds since the last use for which an idle session is renewed before it ends."
    ).tag(config=True)
    sources = traitlets.List(
        traitlets.Enum(TERRASCOPE.ways),
        help="The ways to sign in, in the order in which they are tried; what is missing here is not tried. Those that "
        f"ask nobody always go first. Empty: {', '.join(TERRASCOPE.ways)}.",
    ).tag(config=True)
    token_file = traitlets.Unicode(
        help="Path of a file with a token that somebody else keeps fresh; it is looked at again at every use "
        "(TERRASCOPE_TOKEN_FILE)."
    ).tag(config=True)
    token_file_may_be_shared = traitlets.Bool(
        False, help="Use the token file also where it is another user's, or others can read it."
    ).tag(config=True)
    store = traitlets.Enum(
        STORE_KINDS,
        None,
        allow_none=True,
        help="Where a login is kept whose person wants to stay signed in (login --remember), and no other: 'file', "
        "'keyring', or 'none' for nowhere. None: what TERRASCOPE_STORE says, else 'file'.",
    ).tag(config=True)
    use_silent_sources = traitlets.Bool(
        None,
        allow_none=True,
        help="Sign in without a question where a credential lies ready. None: yes, except in Voilà and marimo apps.",
    ).tag(config=True)
    max_connections = traitlets.Int(8, min=1, max=64, help="How many connections a download has at once, at most.").tag(
        config=True
    )

    local_roots = traitlets.List(
        traitlets.Unicode(),
        ["/data/MTDA"],
        help="Folders of this machine under which a catalogue may name files: they are linked instead of fetched.",
    ).tag(config=True)
    openeo_backend = traitlets.Unicode(
        help="Address of the openEO back-end that is meant where none is named. Empty: what openEO's own "
        "openeo-client-config.ini says."
    ).tag(config=True)
    openeo_issuers = traitlets.List(
        traitlets.Unicode(),
        help="Issuers that may be sent OPENEO_AUTH_CLIENT_SECRET when a back-end names them, beside EGI, Copernicus "
        "Data Space and Terrascope (TERRASCOPE_OPENEO_ISSUERS).",
    ).tag(config=True)
    _served_gdal = False
    gdal = traitlets.Bool(
        False, help="Let GDAL (rasterio, odc-stac, …) read with the live token, from each login on: ipyterrascope.gdal."
    ).tag(config=True)

    @classmethod
    def hold(cls, parent: Configurable, *, do: str) -> Terrascope:
        """Make the traits of a parent's configuration hold, now and when one changes.

        Parameters
        ----------
        parent : Configurable
            A shell, or an application.
        do : str
            The sentence that says where a wrong trait is mended.

        Raises
        ------
        ConfigurationError
            A trait, or a variable of the environment, cannot be right. Nothing of this configuration holds then.
        """
        cls.let_go()
        traits = cls._made(parent, do)
        traits.observe(traits._apply)
        traits._apply()
        return traits

    @classmethod
    def let_go(cls) -> None:
        """Go back to what the environment says."""
        cls.clear_instance()
        configure(None)

    @classmethod
    def _made(cls, parent: Configurable, do: str) -> Terrascope:
        try:
            return cls.instance(parent=parent)
        except traitlets.TraitError as exc:
            why = str(exc)
        cls.clear_instance()
        raise ConfigurationError("c.Terrascope is not configured right.", why, do)

    # traitlets takes back what a validator refuses
    @traitlets.validate(*_OF_PROVIDER, "hosts")
    def _check(self, proposal: Any) -> Any:
        value = proposal["value"]
        try:
            self._provider(**{proposal["trait"].name: value})
        except ConfigurationError as exc:
            text = str(exc)
        else:
            return value
        raise traitlets.TraitError(text)

    @traitlets.validate("local_roots")
    def _check_roots(self, proposal: Any) -> Any:
        if not all(os.path.isabs(os.path.expanduser(root)) for root in proposal["value"]):
            raise traitlets.TraitError("local_roots are whole paths, such as /data/MTDA.")
        return proposal["value"]

    def _provider(self, **changes: Any) -> Provider:
        chosen = {name: getattr(self, name) for name in (*_OF_PROVIDER, "hosts")} | changes
        chosen["hosts"] = frozenset(chosen["hosts"])
        return reconfigured(terrascope_from_environment(os.environ), **chosen)

    def holding(self) -> dict[str, object]:
        """Return what holds now by the names of the traits: what is set, else the environment's or what is built in."""
        now = current()
        owners = {
            **dict.fromkeys((*_OF_PROVIDER, "hosts"), now.terrascope),
            **dict.fromkeys(("verify", "connect_timeout_s", "read_timeout_s"), now.connection),
            "gdal": self,
        }
        return {name: getattr(owners.get(name, now), name) for name in sorted(self.class_own_traits(config=True))}

    def _apply(self, _change: object = None) -> None:
        configure(
            Configuration(
                terrascope=self._provider(),
                connection=Connection(
                    verify=self.verify, connect_timeout_s=self.connect_timeout_s, read_timeout_s=self.read_timeout_s
                ),
                keep_alive_s=self.keep_alive_s,
                token_file=self.token_file or token_file_from_environment(),
                token_file_may_be_shared=self.token_file_may_be_shared,
                store=cast("StoreKind | None", self.store) or store_from_environment(),
                sources=tuple(cast("list[Source]", self.sources)),
                use_silent_sources=self.use_silent_sources,
                max_connections=self.max_connections,
                local_roots=tuple(self.local_roots),
                openeo_backend=self.openeo_backend,
                openeo_issuers=tuple(self.openeo_issuers) or openeo_issuers_from_environment(),
            )
        )
        accounts = sys.modules.get("ipyterrascope.accounts")
        if accounts is not None:
            accounts.providers.follow()
        if self.gdal or "ipyterrascope.bridges.gdal" in sys.modules:
            self._switch_gdal()

    def _switch_gdal(self) -> None:
        from .accounts import account
        from .bridges import gdal

        if self.gdal:
            gdal.follow(account())
        elif self._served_gdal:
            gdal.disable()
        self._served_gdal = self.gdal
