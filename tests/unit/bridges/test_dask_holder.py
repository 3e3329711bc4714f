"""What a worker has of its kernel's login, with a kernel that is played."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable

import pytest

from ipyterrascope.bridges.dask_holder import Holder
from ipyterrascope.bridges.dask_parcel import Parcel, Refusal, parcel_of
from ipyterrascope.errors import LoginRequired, ProviderUnreachable
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.tokens import TokenSet


def parcel(serial: int, left_s: float | None = 300.0, lifetime_s: float | None = 300.0) -> Parcel:
    return Parcel(serial, Secret(f"token-{serial}"), left_s, lifetime_s)


class Kernel:
    """Answers each ask with what it has, on a thread of its own; remembers what was asked."""

    def __init__(self, *answers: Parcel | Refusal | None) -> None:
        self.asked: list[tuple[int, bool]] = []
        self.answers = list(answers)
        self.holder: Holder | None = None

    def __call__(self, serial: int, is_refused: bool) -> None:
        self.asked.append((serial, is_refused))
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None and self.holder is not None:
            threading.Timer(0.01, self.holder.put, (answer,)).start()


@pytest.fixture
def attached() -> Callable[..., tuple[Holder, Kernel]]:
    def attach(*answers: Parcel | Refusal | None, **options: object) -> tuple[Holder, Kernel]:
        kernel = Kernel(*answers)
        kernel.holder = Holder(kernel, patience_s=float(str(options.pop("patience_s", 5))), **options)  # type: ignore[arg-type]
        return kernel.holder, kernel

    return attach


def test_what_came_is_lent_without_a_question(attached: Callable[..., tuple[Holder, Kernel]]) -> None:
    """A token that lies ready is news until it is lent, and nobody is asked for it."""
    holder, kernel = attached()
    assert holder.put(parcel(1))
    assert holder.has_news()
    assert holder.lend(None).access_token == Secret("token-1")
    assert not holder.has_news()
    assert kernel.asked == []


def test_the_kernel_is_asked_where_nothing_came(attached: Callable[..., tuple[Holder, Kernel]]) -> None:
    """The first use waits for the first token."""
    holder, kernel = attached(parcel(1))
    assert holder.lend(None).access_token == Secret("token-1")
    assert kernel.asked == [(0, False)]


def test_a_refused_token_is_named_by_its_number(attached: Callable[..., tuple[Holder, Kernel]]) -> None:
    """The kernel hears which token a service refused, and the other one that it sends is lent."""
    holder, kernel = attached(parcel(2))
    holder.put(parcel(1))
    holder.lend(None)
    assert holder.lend(Secret("token-1")).access_token == Secret("token-2")
    assert kernel.asked == [(1, True)]


def test_the_same_token_again_means_that_there_is_no_other(attached: Callable[..., tuple[Holder, Kernel]]) -> None:
    """A kernel that has no other token says so by sending the same, and nobody waits any longer."""
    holder, _ = attached(parcel(1))
    holder.put(parcel(1))
    assert holder.lend(None) == holder.lend(Secret("token-1"))


def test_an_older_token_replaces_none(attached: Callable[..., tuple[Holder, Kernel]]) -> None:
    """Messages that overtake each other do no harm."""
    holder, _ = attached()
    assert holder.put(parcel(2))
    assert not holder.put(parcel(1))
    assert not holder.put(parcel(2))
    assert holder.lend(None).access_token == Secret("token-2")


def test_a_refusal_is_told_at_once(attached: Callable[..., tuple[Holder, Kernel]]) -> None:
    """After a logout in the notebook the cause is said without a wait; a token that comes later is lent again."""
    holder, kernel = attached(patience_s=60)
    holder.put(parcel(1))
    holder.lend(None)
    holder.put(Refusal(2, "You signed out.", "There.", "Sign in there."))
    assert holder.has_news()
    with pytest.raises(LoginRequired, match=r"You signed out\. There\. Sign in there\."):
        holder.lend(None)
    assert kernel.asked == [(2, False)]
    holder.put(parcel(3))
    assert holder.lend(None).access_token == Secret("token-3")


def test_a_kernel_that_is_gone_is_named(attached: Callable[..., tuple[Holder, Kernel]]) -> None:
    """The token serves to its end, then the error says that the notebook does not answer; it may pass."""
    holder, kernel = attached(patience_s=0.05)
    with pytest.raises(ProviderUnreachable, match="was closed, or is cut off") as caught:
        holder.lend(None)
    assert caught.value.retryable
    assert kernel.asked == [(0, False)]
    holder.put(parcel(1))
    holder.lend(None)
    assert holder.lend(None).access_token == Secret("token-1")


def test_a_lost_question_is_asked_again(attached: Callable[..., tuple[Holder, Kernel]]) -> None:
    """An event that went astray costs seconds, and no error."""
    holder, kernel = attached(None, parcel(1))
    assert holder.lend(None).access_token == Secret("token-1")
    assert kernel.asked == [(0, False)] * 2


def test_the_end_is_told_in_seconds_that_are_left(attached: Callable[..., tuple[Holder, Kernel]]) -> None:
    """A worker whose clock is an hour slow has the right end, and its clock's jump lends no dead token."""
    clock, monotonic = [1000.0], [0.0]
    holder, _ = attached(patience_s=0.0, clock=lambda: clock[0], monotonic=lambda: monotonic[0])
    kernels = TokenSet(access_token=Secret("t"), issued_at=4500.0, expires_at=4800.0)
    holder.put(parcel_of(kernels, 1, 4600.0))
    tokens = holder.lend(None)
    assert (tokens.expires_at, tokens.lifetime_s) == (1200.0, 300.0)
    clock[0] = 0.0
    monotonic[0] = 301.0
    with pytest.raises(ProviderUnreachable):
        holder.lend(None)


def test_a_token_without_an_end_is_lent_as_such(attached: Callable[..., tuple[Holder, Kernel]]) -> None:
    """What does not tell its end is lent until a service refuses it."""
    holder, _ = attached()
    holder.put(parcel(1, None, None))
    assert holder.lend(None).expires_at is None


def test_a_child_of_a_fork_goes_on_with_the_token_alone(attached: Callable[..., tuple[Holder, Kernel]]) -> None:
    """What a task forks has the token to its end, asks nobody, and says then why there is no other."""
    holder, _ = attached(patience_s=60)
    holder.put(parcel(1))
    holder.lend(None)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        told = b"lent" if holder.lend(None).access_token == Secret("token-1") else b"?"
        holder._tokens = None
        try:
            holder.lend(None)
        except LoginRequired as exc:
            told += b"; " + exc.why.encode()
        os.write(write, told)
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 1000) == b"lent; It was forked from a worker, and gets no other one."


def test_a_parcel_travels_and_shows_nothing() -> None:
    """It pickles, has nothing but the access token, and is masked wherever it is printed."""
    tokens = TokenSet(access_token=Secret("acc"), refresh_token=Secret("ref"), issued_at=0.0, expires_at=300.0)
    sent = parcel_of(tokens, 1, 100.0)
    data = pickle.dumps(sent)
    assert b"acc" in data
    assert b"ref" not in data
    assert pickle.loads(data) == sent
    assert "acc" not in f"{sent} {sent!r} {[sent]} {vars(sent)}"
