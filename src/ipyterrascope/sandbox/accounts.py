"""The people of the sandbox and its clients: the same as in the Keycloak realm of the tests (sandbox)."""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass

PASSWORD = "password"  # noqa: S105 - the name of a grant
REFRESH = "refresh_token"
CLIENT = "client_credentials"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in. Nobody of them is real, so their passwords may be shown."""

    name: str
    password: str
    enabled: bool = True
    set_up: bool = True
    may_stay: bool = False
    totp_secret: str = ""

    @property
    def email(self) -> str:
        """An address that leads nowhere."""
        return f"{self.name}@example.org"


@dataclass(frozen=True, kw_only=True)
class Client:
    """A registered client (RFC 6749 section 2); `secret` is empty for a public one."""

    client_id: str
    label: str
    grants: frozenset[str]
    secret: str = ""


def people() -> dict[str, Person]:
    """Return the accounts by name."""
    everybody = (
        Person("dora", "s3cret-Pa55", may_stay=True),
        Person("boots", "päss wörd+&%"),
        Person("disabled", "x", enabled=False),
        Person("mustact", "x", set_up=False),
        Person("swiper", "otp-Pa55", totp_secret="JBSWY3DPEHPK3PXP0001"),  # noqa: S106 - nobody's
    )
    return {person.name: person for person in everybody}


def person_of(known: dict[str, Person], name: str) -> Person:
    """Return an account; a client that signs in for itself has one that nobody can sign in with."""
    return known.get(name) or Person(name, "", enabled=False)


def clients() -> dict[str, Client]:
    """Return the clients by `client_id`."""
    known = (
        Client(client_id="public", label="Terrascope public client", grants=frozenset({PASSWORD, REFRESH, DEVICE})),
        Client(client_id="nodevice", label="Client without device login", grants=frozenset({PASSWORD, REFRESH})),
        Client(
            client_id="confidential",
            label="Confidential client",
            grants=frozenset({PASSWORD, REFRESH, DEVICE}),
            secret="sandbox-client-secret",  # noqa: S106 - nobody's
        ),
        Client(
            client_id="service",
            label="Client that signs in for itself",
            grants=frozenset({CLIENT}),
            secret="sandbox-service-secret",  # noqa: S106 - nobody's
        ),
    )
    return {client.client_id: client for client in known}


def same(given: str, expected: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(given.encode(), expected.encode())


def one_time_code(secret: str, at: float) -> str:
    """Return the six digits of an authenticator (RFC 6238: SHA-1, 30 s) at `at`, in POSIX seconds."""
    digest = hmac.new(secret.encode(), struct.pack(">Q", int(at // 30)), hashlib.sha1).digest()
    offset = digest[-1] & 15
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def refusal(person: Person | None, password: str, totp: str, at: float) -> str:
    """Return why somebody cannot sign in, in Keycloak's words; empty when they can."""
    if person is None or not same(password, person.password):
        return "Invalid user credentials"
    if person.totp_secret:
        good = {one_time_code(person.totp_secret, at + shift) for shift in (-30, 0, 30)}
        if totp not in good:
            return "Invalid user credentials"
    if not person.enabled:
        return "Account disabled"
    if not person.set_up:
        return "Account is not fully set up"
    return ""
