"""What we know of an identity provider before anybody signs in: data, frozen, without a secret (floor 1)."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field
from typing import Literal, get_args

from ..errors import ConfigurationError
from .hosts import is_secure, may_carry, origin_of, validated_hosts

LoginMethod = Literal["device", "password", "basic"]


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Where an issuer answers (RFC 8414 section 2, RFC 8628 section 4). An endpoint that it lacks is None."""

    token_endpoint: str
    device_authorization_endpoint: str | None = None
    revocation_endpoint: str | None = None
    end_session_endpoint: str | None = None


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A place to sign in, and the hosts that may see what it hands out.

    Parameters
    ----------
    name : str
        Short name for the command line, lower case, for example ``terrascope``.
    label : str
        What people read, for example ``Terrascope``.
    issuer : str
        The issuer URL (OpenID Connect Discovery 1.0): https, or http on loopback, no query and no fragment.
    client_id : str
        The public client's identifier (RFC 6749 section 2.2).
    hosts : frozenset of str
        Hosts that may see the bearer: exact lower-case names, port 443 unless ``host:port``. A loopback name without
        a port means any port there.
    scope : str
        Space-separated scopes to ask for; empty means the provider's default.
    endpoints : Endpoints, optional
        Used when discovery fails.
    methods : tuple of {"device", "password", "basic"}
        Ways to sign in, the preferred one first.
    stac_url : str
        The STAC API of the data, if there is one.
    registration_url, account_url, password_reset_url : str
        Pages for people; empty where there is none.
    badge : str
        A short notice shown beside the label when this is not the real service, for example ``SANDBOX``.

    Raises
    ------
    ConfigurationError
        When a field cannot be right.

    Examples
    --------
    >>> Provider(name="mine", label="Mine", issuer="https://sso.example.org/realms/mine", client_id="public",
    ...          hosts=frozenset({"data.example.org"})).may_carry("https://data.example.org/file.tif")
    True
    """

    name: str
    label: str
    issuer: str
    client_id: str
    hosts: frozenset[str]
    scope: str = ""
    endpoints: Endpoints | None = None
    methods: tuple[LoginMethod, ...] = field(default=("device", "password"))
    stac_url: str = ""
    registration_url: str = ""
    account_url: str = ""
    password_reset_url: str = ""
    badge: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "issuer", self.issuer.rstrip("/"))
        object.__setattr__(self, "hosts", validated_hosts(self.hosts))
        if not self.name or not self.name.replace("-", "").replace("_", "").isalnum():
            raise ConfigurationError(
                f"{self.name!r} is not a provider name.", "A name has letters, digits, '-' and '_'.", "Choose another."
            )
        if not self.client_id:
            raise ConfigurationError(
                f"Provider {self.name} has no client_id.", "OAuth asks for one.", "Give client_id, often 'public'."
            )
        if not self.methods or not set(self.methods) <= set(get_args(LoginMethod)):
            raise ConfigurationError(
                f"Provider {self.name} has no way to sign in.",
                f"`methods` is {self.methods!r}.",
                "Name one or more of 'device', 'password' and 'basic'.",
            )
        check_secure_url(self.issuer, f"The issuer of provider {self.name}")
        if self.endpoints is not None and not all(is_secure(url) for url in astuple(self.endpoints) if url is not None):
            raise ConfigurationError(
                f"An endpoint of provider {self.name} is not a secure address.",
                "Credentials go only to https (http only on loopback), without user information in the address.",
                "Check `endpoints`.",
            )

    def may_carry(self, url: str) -> bool:
        """Tell whether this provider's bearer may go to `url`."""
        return may_carry(url, self.hosts)

    @property
    def issuer_host(self) -> str:
        """The host people see while they sign in, for example ``sso.terrascope.be``."""
        origin = origin_of(self.issuer)
        return origin[1] if origin else ""


def check_secure_url(url: str, what: str) -> None:
    """Raise `ConfigurationError` unless `url` is https (or http on loopback) without query and fragment."""
    if not is_secure(url):
        raise ConfigurationError(
            f"{what} is not a secure address.",
            "Credentials go only to https (http only on loopback), without user information in the address.",
            "Check the address.",
        )
    if "?" in url or "#" in url:
        raise ConfigurationError(
            f"{what} has a query or a fragment.", "An address like that cannot be an issuer.", "Remove it."
        )
