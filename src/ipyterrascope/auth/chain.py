"""Silent sources: where a credential may lie ready, what each can find there, and which of them serve now (floor 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ..errors import LoginError, TerrascopeError
from ..values.providers import LoginMethod, Provider, SilentName
from ..values.secret import Secret
from ..values.states import Source
from ..values.tokens import TokenSet
from .login_store import LoginStore
from .stored_login import StoredLogin


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
class GivenClient:
    """A confidential client and its secret, for the client credentials grant (RFC 6749 section 4.4)."""

    client_id: str
    secret: Secret
    came_from: str


@dataclass(frozen=True)
class LentToken:
    """A bearer of somebody who keeps it fresh and is asked again: before it ends, and once after a 401.

    Attributes
    ----------
    lend : callable
        Returns the present token, over the network where need be (it runs on a thread of its own). It is told which
        token a service refused, or None; to return that one again means that there is no other. It raises
        `LoginRequired` where there is nothing to lend, any other error of our tree where that may pass, and never
        returns a token that has ended.
    came_from : str
        A phrase for people, such as the name of a file.
    margin_s : float
        Seconds before its end from which on it is asked again: half of its life at most.
    has_news : callable
        Tells at once, at every use, whether `lend` would return another one although the present one lives.
    """

    lend: Callable[[Secret | None], TokenSet]
    came_from: str
    margin_s: float = 60.0
    has_news: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class StoredOffer:
    """A login that was kept, as it is stored now, and where."""

    login: StoredLogin
    store: LoginStore


@dataclass(frozen=True)
class WhyNot:
    """One sentence why a source has nothing to offer. `is_fault` where somebody set it up, and counts on it; `do` tells
    what mends it, where that is known. `is_half` where a part is there and the other one is missing: that may be meant
    for something else, and is told where no login comes about."""

    reason: str
    is_fault: bool = False
    do: str = ""
    is_half: bool = False


NOT_ASKED = "Not asked."
"""Why nothing is known of a source."""

Offer = GivenToken | GivenPassword | GivenClient | LentToken | StoredOffer
Found = Offer | WhyNot


class PassedOver(LoginError):
    """What a source offered turned out to be nothing, and the next one is asked. `is_fault` as for `WhyNot`."""

    def __init__(self, why: TerrascopeError, *, is_fault: bool = False) -> None:
        super().__init__(why.what, why.why, why.do)
        self.retryable, self.is_fault = why.retryable, is_fault


@dataclass(frozen=True)
class SilentSource:
    """A place where a credential may lie ready.

    Attributes
    ----------
    name : str
        Shown in `status`.
    find : callable
        Looks there now, for one provider, and asks nobody over the network.
    may_ask : bool
        Whether that may ask a person, to unlock a keyring.
    """

    name: SilentName
    find: Callable[[Provider], Found]
    may_ask: bool = False


class Chain:
    """The silent sources of one account, the first to be asked first.

    Parameters
    ----------
    sources : sequence of SilentSource

    Attributes
    ----------
    why_not : dict of str to WhyNot
        For each source that did not serve when it was asked last, one sentence why.
    is_resting : bool
        True from a logout to the next login: no source is asked.
    """

    def __init__(self, sources: Sequence[SilentSource]) -> None:
        self.why_not: dict[SilentName, WhyNot] = {}
        self.is_resting = False
        self.sources = sources
        self._refused: set[SilentName] = set()

    def offers(
        self, provider: Provider, method: LoginMethod | None = None, only: Source | None = None
    ) -> Iterator[tuple[SilentName, Offer]]:
        """Ask the sources one by one, or `only` one, and yield what they offer for `provider` that can serve `method`.

        What is said of a source that is not reached any more is what it said the last time.
        """
        if self.is_resting:
            return
        for source in self.sources:
            if source.name in self._refused or only not in (None, source.name):
                continue
            found = source.find(provider)
            if method is not None and not isinstance(found, (GivenPassword, WhyNot)):
                found = WhyNot("It gives a token, and no password.")
            self.why_not.pop(source.name, None)
            if isinstance(found, WhyNot):
                self.why_not[source.name] = found
            else:
                yield source.name, found

    def survey(self, provider: Provider) -> dict[SilentName, WhyNot | None]:
        """Look what each source has for `provider`, and use nothing: why it has nothing, or None where it has."""
        return {source.name: self._surveyed(source, provider) for source in self.sources}

    def _surveyed(self, source: SilentSource, provider: Provider) -> WhyNot | None:
        if self.is_resting or source.may_ask or source.name in self._refused:
            return self.why_not.get(source.name, WhyNot(NOT_ASKED))
        found = source.find(provider)
        return found if isinstance(found, WhyNot) else None

    def refused(self, source: SilentName, error: TerrascopeError) -> None:
        """Say what became of an offer. One that was refused rests: asking again and again could lock a person out."""
        is_passed_over = isinstance(error, PassedOver)
        self.why_not[source] = WhyNot(str(error), error.is_fault) if is_passed_over else WhyNot(error.what)
        if not error.retryable:
            self._refused.add(source)

    def rest(self) -> None:
        """Ask no source any more, from a logout to the next login."""
        self.is_resting = True
        self.why_not = {source.name: WhyNot("Not asked until the next login.") for source in self.sources}

    def end_rest(self) -> None:
        """Say that there is a login again."""
        if self.is_resting:
            self.is_resting = False
            self.why_not.clear()

    def wake(self) -> None:
        """Let all sources serve again, also those that were refused."""
        self.end_rest()
        self._refused.clear()
