"""A set of tokens: what it shows, and when it counts as stale."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, replace

import pytest

from ipyterrascope.errors import SecretExposed
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.tokens import TokenSet, is_fit_for_header

TOKENS = TokenSet(
    access_token=Secret("the-access-token"),
    refresh_token=Secret("the-refresh-token"),
    issued_at=1000.0,
    expires_at=1300.0,
    refresh_expires_at=4600.0,
    scope="profile email",
)


def test_repr_shows_times_and_scope_only() -> None:
    """A set of tokens shows when it ends and what for, nothing else, also in an f-string."""
    expected = "TokenSet(expires_at=1300.0, refresh_expires_at=4600.0, scope='profile email')"
    assert repr(TOKENS) == str(TOKENS) == f"{TOKENS}" == expected


def test_it_neither_pickles_nor_copies() -> None:
    """Tokens leave the kernel neither as a pickle nor as a copy; `replace` makes the next set."""
    for take in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(SecretExposed, match="cannot be pickled"):
            take(TOKENS)
    assert replace(TOKENS, refresh_token=None).access_token == TOKENS.access_token


def test_it_is_frozen_and_equal_by_value() -> None:
    """A set never changes; two of one answer are equal, and another token makes another set."""
    with pytest.raises(FrozenInstanceError):
        TOKENS.scope = "more"  # pyright: ignore[reportAttributeAccessIssue]
    assert replace(TOKENS) == TOKENS
    assert hash(replace(TOKENS)) == hash(TOKENS)
    assert replace(TOKENS, access_token=Secret("other")) != TOKENS


@pytest.mark.parametrize(
    ("lifetime_s", "leeway_s"), [(300, 30), (3600, 30), (100, 10), (20, 2), (3, 0.3), (0, 0), (-5, 0)]
)
def test_leeway_scales(lifetime_s: float, leeway_s: float) -> None:
    """The leeway is a tenth of the life, and half a minute at most."""
    assert replace(TOKENS, expires_at=1000.0 + lifetime_s).leeway_s == pytest.approx(leeway_s)


def test_an_unknown_end_is_no_end() -> None:
    """Without an expiry there is neither life nor leeway to count."""
    tokens = replace(TOKENS, expires_at=None)
    assert tokens.lifetime_s is None
    assert tokens.leeway_s == 0


@pytest.mark.parametrize("token", ["abc.DEF-_~+/=", "x" * 5000, "~!"])
def test_fit_for_a_header(token: str) -> None:
    """Visible ASCII can stand in a header."""
    assert is_fit_for_header(token)


@pytest.mark.parametrize(
    "token", ["", "a b", "a\nb", "a\r\nHost: evil", "a\x00", "ä", "a\x7f", "half\udcff", "a\u2028"]
)
def test_unfit_for_a_header(token: str) -> None:
    """White space, control characters and all beyond ASCII could end a header or break it."""
    assert not is_fit_for_header(token)
