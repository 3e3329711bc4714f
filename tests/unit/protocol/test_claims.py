"""What a token says of itself: shown as it is, trusted in nothing, and never a reason to fail."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyterrascope.protocol.claims import instant_of, unverified_claims, user_of
from ipyterrascope.values.secret import Secret


def jwt(claims: object) -> Secret:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return Secret(f"e30.{payload}.c2ln")


@pytest.mark.parametrize(
    ("claims", "user"),
    [
        ({"preferred_username": "dora", "name": "Dora", "sub": "1"}, "dora"),
        ({"preferred_username": "", "name": "Dora É"}, "Dora É"),
        ({"preferred_username": 42, "email": "dora@example.org"}, "dora@example.org"),
        ({"sub": "f0-11"}, "f0-11"),
        ({"preferred_username": "do\x1b[31mra\u202e"}, "do [31mra"),
        ({"preferred_username": "x" * 200}, "x" * 79 + "…"),
        ({}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_the_name_to_show(claims: object, user: str) -> None:
    """The name is the first that the token tells, made fit for a page and a terminal."""
    assert user_of(jwt(claims)) == user


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        (1700000000, 1700000000.0),
        (1700000000.5, 1700000000.5),
        (0, 0.0),
        *[(odd, None) for odd in ("1700000000", None, True, -1, 1e300, 10**400, [], {})],
        *[(float(odd), None) for odd in ("nan", "inf")],
    ],
)
def test_an_instant(value: Any, instant: float | None) -> None:
    """A NumericDate is POSIX seconds; whatever cannot be one counts as missing."""
    assert instant_of(jwt({"exp": value}), "exp") == instant


@pytest.mark.parametrize("token", ["", "opaque", "a.b", "a.!!!.c", "a.é.c", "..", "a.eyJ.c", "a." + "W" * 9999 + ".c"])
def test_an_opaque_token_says_nothing(token: str) -> None:
    """A token that is no JWT has no claims, and that is no error."""
    assert unverified_claims(Secret(token)) == {}
    assert user_of(Secret(token)) == ""
    assert instant_of(Secret(token), "exp") is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.soak
@given(claims=JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(("exp", "name", "sub"), JSON)), noise=st.text())
def test_no_token_is_a_reason_to_fail(claims: object, noise: str) -> None:
    """Whatever a token holds, a printable name (or none) and an instant (or none) come of it."""
    for token in (jwt(claims), Secret(noise), Secret(f"a.{noise}.b")):
        user_of(token).encode()
        instant = instant_of(token, "exp")
        assert instant is None or 0 <= instant < 1e10
