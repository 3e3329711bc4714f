"""What we know of an identity provider before anybody signs in: data, frozen, without a secret (floor 1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, cast, get_args
from urllib.parse import urlsplit

from ..errors import ConfigurationError, is_showable, quoted
from .hosts import host_entry, is_address, may_carry, origin_of, validated_hosts
from .openeo import BASIC_BEARER, PageLink, is_free_parameter

LoginMethod = Literal["device", "password", "basic", "code", "token", "oidc"]
"""A way to sign in that asks a person."""
ReadyName = Literal["environment", "token_file", "stored", "hub", "netrc"]
"""A place where a credential may lie ready for a person's kernel."""
SilentName = Literal[ReadyName, "dask"]
"""The same, or on a worker of Dask the kernel that lends its token."""

_PAGES = ("stac_url", "registration_url", "account_url", "password_reset_url")
_TEXTS = (
    "name", "label", "issuer", "client_id", "scope", "badge", "demo_login", "bearer_prefix", "backend_url",
    "redirect_uri", *_PAGES,
)  # fmt: skip

_MOST_PAGES = 6
_NAME = re.compile(r"[A-Za-z0-9_-]+(?::[A-Za-z0-9_./:\[\]~-]+(?:#[A-Za-z0-9_.-]+)?)?")
_BEARER_PREFIX = re.compile(r"oidc/[A-Za-z0-9_.-]+/|" + BASIC_BEARER)


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Where an issuer answers (RFC 8414 section 2, RFC 8628 section 4). An endpoint that it lacks is None."""

    token_endpoint: str
    device_authorization_endpoint: str | None = None
    authorization_endpoint: str | None = None
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
    methods : tuple of {"device", "password", "basic", "code", "token", "oidc"}
        Ways to sign in, the preferred one first.
    sources : tuple of {"environment", "token_file", "stored", "hub", "netrc"}
        Where a credential for it may lie ready, the first to be asked first, and all before a person. They serve only
        the provider that is configured.
    stac_url : str
        The STAC API of the data, if there is one: a secure address like all the others.
    registration_url, account_url, password_reset_url : str
        Pages for people; empty where there is none.
    badge : str
        A short notice shown beside the label when this is not the real service, for example ``SANDBOX``.
    demo_login : str
        What anybody may sign in with where it is not, for example ``dora, password 1234``. The form shows it, and only
        where there is a badge and the issuer is on loopback.
    backend_url : str
        Of an openEO back-end, which is asked for its provider, the root of its API; `hosts` is its own host then, and
        nothing else. Empty elsewhere.
    bearer_prefix : str
        What an openEO back-end wants before the token: ``oidc/egi/``, or ``basic//``.
    authorization_parameters : tuple of (str, str)
        Pairs that go with a request for authorization; none may be a field of the protocol.
    redirect_uri : str
        Where the provider leads the browser after a sign-in by authorization code ("code").
    links : tuple of PageLink
        More pages for people.
    is_earthdata : bool
        Whether it is Earthdata Login, which hands out user tokens of two months over an API of its own, and to which
        data centres lead whoever they do not know.

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
    methods: tuple[LoginMethod, ...] = field(default=("device", "password", "token"))
    sources: tuple[ReadyName, ...] = field(default=("environment", "token_file", "stored", "hub"))
    stac_url: str = ""
    registration_url: str = ""
    account_url: str = ""
    password_reset_url: str = ""
    badge: str = ""
    demo_login: str = ""
    backend_url: str = ""
    bearer_prefix: str = ""
    authorization_parameters: tuple[tuple[str, str], ...] = ()
    redirect_uri: str = ""
    links: tuple[PageLink, ...] = ()
    is_earthdata: bool = False

    def __post_init__(self) -> None:
        for name in _TEXTS:
            _check_text(name, getattr(self, name))
        object.__setattr__(self, "issuer", self.issuer.rstrip("/"))
        object.__setattr__(self, "hosts", validated_hosts(self.hosts))
        if not _NAME.fullmatch(self.name):
            raise ConfigurationError(
                "`name` is not a provider name.", "It has letters, digits, '-' and '_' only.", "Choose another."
            )
        if not self.client_id:
            raise ConfigurationError(
                f"Provider {self.name} has no client_id.", "OAuth asks for one.", "Give client_id, often 'public'."
            )
        object.__setattr__(self, "methods", _checked(self.methods, "methods", LoginMethod, "way to sign in"))
        object.__setattr__(self, "sources", _checked(self.sources, "sources", ReadyName, "source", least=0))
        self._check_addresses()
        self._check_backend()

    def _check_backend(self) -> None:
        if not self.backend_url:
            if self.bearer_prefix or (self.authorization_parameters and not self.is_earthdata):
                raise _odd("backend_url", "Only a back-end has a prefix and parameters of its own.", "Name it.")
            self._check_parameters()
            return
        if self.hosts != frozenset({host_entry(self.backend_url)}):
            raise _odd("hosts", "The bearer of a back-end goes to its own host and nowhere else.", "Name that alone.")
        if not _BEARER_PREFIX.fullmatch(self.bearer_prefix):
            raise _odd("bearer_prefix", "It is neither oidc/<id>/ nor basic//.", "Write it as the back-end wants it.")
        self._check_parameters()

    def _check_parameters(self) -> None:
        if not all(is_free_parameter(name) and is_showable(value) for name, value in self.authorization_parameters):
            raise _odd("authorization_parameters", "One of them is a field of the protocol.", "Leave it out.")

    @property
    def is_basic(self) -> bool:
        """True where a user name and password are exchanged at an openEO back-end itself (``/credentials/basic``)."""
        return self.bearer_prefix == BASIC_BEARER

    def _check_addresses(self) -> None:
        pages = {name: url for name in (*_PAGES, "backend_url", "redirect_uri") if (url := getattr(self, name))}
        pages |= {f"page {link.rel}": link.url for link in self.links}
        for name, url in {"issuer": self.issuer, **pages, **_addresses_of(self.endpoints)}.items():
            if not is_address(url):
                raise ConfigurationError(
                    f"The {name} of provider {self.name} is not a secure address.",
                    "Credentials go only to https (http only on loopback), without user information in the address.",
                    "Check the address.",
                )
        if "?" in self.issuer or "#" in self.issuer:
            raise _odd("issuer", "It has a query or a fragment, which no issuer has.", "Remove it.")

    def may_carry(self, url: str) -> bool:
        """Tell whether this provider's bearer may go to `url`."""
        return may_carry(url, self.hosts)

    def is_issuer(self, url: str) -> bool:
        """Tell whether `url` is at the host where people sign in."""
        return origin_of(url) is not None and origin_of(url) == origin_of(self.issuer)

    def leads_back(self, url: str) -> bool:
        """Tell whether `url` is the page of the login from which a data centre's visitor is led back to it."""
        return self.is_earthdata and self.is_issuer(url) and urlsplit(url).path == "/oauth/authorize"

    @property
    def login_url(self) -> str:
        """The pages to which no request for data should be led; empty where that is how a data centre signs in."""
        return "" if self.is_earthdata else self.issuer

    @property
    def advice(self) -> str:
        """What a person may have to do where the back-end refuses a valid token, with its pages; empty without any."""
        pages = "; ".join(f"{quoted(link.title, 60)}: {link.url}" for link in self.links[:_MOST_PAGES])
        is_told = bool(pages and self.backend_url)
        return f"You may have to register there, or to join a project. {pages}" if is_told else ""

    @property
    def ways(self) -> tuple[ReadyName | LoginMethod, ...]:
        """Every way to sign in, in the order in which they are tried."""
        return (*self.sources, *self.methods)

    @property
    def issuer_host(self) -> str:
        """The host people see while they sign in, for example ``sso.terrascope.be``."""
        origin = origin_of(self.issuer)
        return origin[1] if origin else ""


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise _odd(name, f"It is of type {type(value).__name__}.", "Give text.")
    if not is_showable(value):
        raise _odd(name, "There is a line break in it, or something that cannot be seen.", "Type it again.")
    # RFC 6749 appendix A.1 and A.4
    if (name in ("client_id", "scope") and not value.isascii()) or (name == "scope" and {'"', "\\"} & set(value)):
        raise _odd(name, "There is a character in it that OAuth does not allow.", "Type it again.")


def _checked(names: object, field: str, literal: object, what: str, least: int = 1) -> tuple[object, ...]:
    known = get_args(literal)
    given = cast("Sequence[object]", names) if isinstance(names, (list, tuple)) else None
    if given is None or len(given) < least or not all(name in known for name in given):
        raise _odd(
            field, f"It names no {what}, or one that there is not.", f"Name some of {', '.join(known)}, as a tuple."
        )
    return tuple(given)


def _addresses_of(endpoints: object) -> dict[str, object]:
    if endpoints is None:
        return {}
    if not isinstance(endpoints, Endpoints):
        raise _odd("endpoints", f"It is of type {type(endpoints).__name__}.", "Give an Endpoints, or None.")
    return {name: url for name, url in vars(endpoints).items() if url is not None or name == "token_endpoint"}


def _odd(field: str, why: str, do: str) -> ConfigurationError:
    return ConfigurationError(f"`{field}` of a provider cannot be right.", why, do)
