"""What a silent source can find: a credential that signs in without a question, or why it has none (floor 3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..values.providers import Provider
from ..values.secret import Secret
from ..values.states import Source


@dataclass(frozen=True)
class GivenToken:
    """A bearer that is used as it is. It was only borrowed: we neither renew nor revoke it."""

    access_token: Secret
    came_from: str


@dataclass(frozen=True)
class GivenPassword:
    """A user name and password for the password grant."""

    username: str
    password: Secret
    came_from: str


@dataclass(frozen=True)
class WhyNot:
    """One sentence why a source has nothing to offer."""

    reason: str


Found = GivenToken | GivenPassword | WhyNot


@dataclass(frozen=True)
class SilentSource:
    """A place where a credential may lie ready.

    Attributes
    ----------
    name : str
        Shown in `status`.
    find : callable
        Looks there now, for one provider.
    """

    name: Source
    find: Callable[[Provider], Found]
