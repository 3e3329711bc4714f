"""The rule that decides which URL may ever carry a credential, and how far away a host is (floor 1).

An origin is read by one strict pattern instead of a URL parser: what is sent and what is checked may be read by
different parsers (requests, urllib3, libcurl, GDAL), and everything on which they could disagree (user information,
backslashes, white space, percent signs in the host) simply does not match and gets no credential.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from typing import Literal, TypeGuard, cast

from ..errors import ConfigurationError, quoted

_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])"
    r"(?::(?P<port>[0-9]{1,5}))?(?=[/?#]|\Z)",
    re.IGNORECASE | re.ASCII,  # without ASCII, ſ and K (the Kelvin sign) count as s and k
)
_ADDRESS = re.compile(r"[\x21-\x7e]{1,2000}")
# what Debian and Red Hat call this machine in /etc/hosts
_OWN_NAMES = {"localhost", "localhost4", "localhost6", "ip6-localhost", "ip6-loopback"}
# whose last four bytes are an IPv4 address: mapped, translated and compatible (RFC 4291, RFC 2765), NAT64 (RFC 6052)
_EMBEDDING = [ipaddress.IPv6Network(f"{prefix}/96") for prefix in ("::ffff:0:0", "::ffff:0:0:0", "::", "64:ff9b::")]
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_ENTRY = re.compile(r"([a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::([0-9]{1,5}))?")


def is_loopback(host: str) -> bool:
    """Tell whether a host name is this machine: `localhost`, 127.0.0.0/8 or [::1]."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def reach_of(host: str) -> Literal["machine", "network", "world"]:
    """Tell how far away a host is: this machine, its private network, or the world.

    Where `is_loopback` trusts only the plain spellings, this reads all that a resolver takes (``127.1``,
    ``0x7f000001``, ``x.localhost``, ``ip6-localhost``) and the IPv4 address in an IPv6 one (``::ffff:127.0.0.1``). A
    name is the world, whatever it resolves to.
    """
    plain = host.strip("[]").partition("%")[0].lower()
    if not _OWN_NAMES.isdisjoint(plain.split(".")):
        return "machine"
    try:
        address = ipaddress.ip_address(plain)
    except ValueError:
        try:
            address = ipaddress.IPv4Address(socket.inet_aton(plain))
        except (OSError, ValueError):
            return "world"
    if _is_own(address) or _is_own(address := _embedded(address) or address):
        return "machine"
    return "world" if address.is_global else "network"


def _is_own(address: _Address) -> bool:
    return address.is_loopback or address.is_unspecified


def _embedded(address: _Address) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if any(address in network for network in _EMBEDDING):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour


def origin_of(url: str) -> tuple[str, str, int] | None:
    """Return scheme, lower-case host and port of a URL, or None where parsers could disagree about them."""
    match = _ORIGIN.match(url)
    if match is None:
        return None
    scheme, host = match["scheme"].lower(), match["host"].lower()
    port = int(match["port"] or {"https": 443, "http": 80}[scheme])
    return (scheme, host, port) if port < 65536 else None


def host_entry(url: str) -> str:
    """Return the entry in a list of hosts that stands for the origin of `url` alone; empty where it has none."""
    origin = origin_of(url)
    if origin is None:
        return ""
    _, host, port = origin
    return host if port == 443 and not is_loopback(host) else f"{host}:{port}"


def is_secure(url: str) -> bool:
    """Tell whether a URL is https, or http on loopback."""
    origin = origin_of(url)
    return origin is not None and (origin[0] == "https" or is_loopback(origin[1]))


def leads_inward(url: str, source: str) -> bool:
    """Tell whether `url` leads into this machine although who gave it, at `source`, is not on it."""
    return _is_here(url) and not _is_here(source)


def _is_here(url: str) -> bool:
    origin = origin_of(url)
    return origin is not None and reach_of(origin[1]) == "machine"


def is_address(url: object) -> TypeGuard[str]:
    """Tell whether something is a secure URL in visible ASCII throughout, fit to be asked, shown and printed."""
    return isinstance(url, str) and _ADDRESS.fullmatch(url) is not None and is_secure(url)


def may_carry(url: str, hosts: Iterable[str]) -> bool:
    """Tell whether a credential for `hosts` may go to `url`.

    Parameters
    ----------
    url : str
        An absolute URL.
    hosts : iterable of str
        Exact lower-case names, each with or without a port. Without one, 443 is meant; for a loopback name, any port.
    """
    origin = origin_of(url)
    if origin is None or not is_secure(url):
        return False
    _, host, port = origin
    return any(_matches(entry, host, port) for entry in hosts)


def _matches(entry: str, host: str, port: int) -> bool:
    match = _ENTRY.fullmatch(entry)
    if match is None or match[1] != host:
        return False
    if match[2] is None:
        return port == 443 or is_loopback(host)
    return port == int(match[2])


def origins_of(hosts: Iterable[str]) -> list[str]:
    """Return the origins that `may_carry` allows, in each way to spell them, for whoever takes prefixes.

    A loopback name without a port stands for all ports, which no prefix can say: here it means the default ones.
    """
    origins: list[str] = []
    for entry in sorted(hosts):
        match = _ENTRY.fullmatch(entry)
        if match is None:
            continue
        for scheme, default in (("https", "443"), ("http", "80")):
            port = match[2] or default
            spellings = [f"{scheme}://{match[1]}:{port}", *([f"{scheme}://{match[1]}"] if port == default else [])]
            origins += [origin for origin in spellings if may_carry(f"{origin}/", hosts)]
    return origins


def validated_hosts(hosts: object) -> frozenset[str]:
    """Check a list of hosts and return it as a set.

    Raises
    ------
    ConfigurationError
        When it is no list of names, or an entry is not an exact lower-case name with an optional port (no scheme, path
        or wildcard).
    """
    if isinstance(hosts, (str, bytes)) or not isinstance(hosts, Iterable):
        raise ConfigurationError(
            "`hosts` is no set of names.",
            f"It is one value, of type {type(hosts).__name__}.",
            'Write hosts=frozenset({"services.terrascope.be"}), with the names that you mean.',
        )
    return frozenset(map(_validated_host, cast("Iterable[object]", hosts)))


def _validated_host(entry: object) -> str:
    match = _ENTRY.fullmatch(entry) if isinstance(entry, str) else None
    if match is None or (match[2] is not None and not 0 < int(match[2]) < 65536):
        # what has user information in it holds a password
        is_harmless = isinstance(entry, str) and "@" not in entry
        raise ConfigurationError(
            f"{repr(quoted(entry, 60)) if is_harmless else 'Something'} in `hosts` is not a host name.",
            "A host is an exact lower-case name, such as services.terrascope.be or 127.0.0.1:8080.",
            "Leave out the scheme, the path and any wildcard.",
        )
    return match[0]
