"""Token answers: a usable bearer with sane times, or an error of the tree, and never the token in its text."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyterrascope.errors import ProviderAnswerInvalid, ProviderUnreachable, TerrascopeError
from ipyterrascope.protocol.http import Answer
from ipyterrascope.protocol.token_answers import error_of, tokens_of
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.tokens import TokenSet

NOW = 1_700_000_000.0
MARK = "t0ken-mark"
KEYCLOAK: dict[str, Any] = {
    "access_token": f"eyJ.{MARK}.sig",
    "expires_in": 300,
    "refresh_expires_in": 3600,
    "refresh_token": f"eyJ.{MARK}.refresh",
    "token_type": "Bearer",
    "not-before-policy": 0,
    "session_state": "5d3b…",
    "scope": "profile email",
}


def read(body: dict[str, Any] | None, status: int = 200) -> TokenSet:
    return tokens_of(Answer(status, body, "application/json"), "sso.example.org", NOW)


def changed(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in {**KEYCLOAK, **fields}.items() if value is not ...}


def test_keycloak_s_answer() -> None:
    """The answer that Keycloak gives becomes tokens with the times counted from the request."""
    tokens = read(KEYCLOAK)
    assert tokens == TokenSet(
        access_token=Secret(KEYCLOAK["access_token"]),
        refresh_token=Secret(KEYCLOAK["refresh_token"]),
        issued_at=NOW,
        expires_at=NOW + 300,
        refresh_expires_at=NOW + 3600,
        scope="profile email",
    )


@pytest.mark.parametrize(
    "token",
    [..., None, "", 42, True, [], {"a": 1}, "a b", "a\nb", "a\r\nHost: evil", "ä", "\x00", "half\ud83d", "\x7f"],
)
def test_no_usable_access_token(token: object) -> None:
    """An access token that is missing, no text, or could break a header is no access token."""
    with pytest.raises(ProviderAnswerInvalid, match="gave no access_token") as caught:
        read(changed(access_token=token))
    assert caught.value.status == 200


@pytest.mark.parametrize("token", ["a b", "a\nb", "ä"])
def test_no_usable_refresh_token(token: str) -> None:
    """A refresh token that holds what no token holds makes the answer invalid."""
    with pytest.raises(ProviderAnswerInvalid, match="gave no refresh_token that can be used"):
        read(changed(refresh_token=token))


@pytest.mark.parametrize("token", [..., None, "", 42, []])
def test_without_refresh_token(token: object) -> None:
    """Without a refresh token, or with one that is no text, there are tokens that cannot be renewed."""
    assert read(changed(refresh_token=token)).refresh_token is None


@pytest.mark.parametrize(
    ("value", "lifetime_s"),
    [
        *[(300, 300), (300.5, 300.5), (0, 0), ("300", 300), (" 300 ", 300), ("٣٠٠", 300)],
        *[(odd, None) for odd in (..., None, "", "soon", "1e3", "-5", "²", True, False, -1, [], {}, [300])],
        *[(odd, None) for odd in (float("nan"), float("inf"), 1e10, 1e308, 10**400, "9" * 500)],
    ],
)
def test_lifetimes(value: object, lifetime_s: float | None) -> None:
    """`expires_in` counts when it is a sane number of seconds, also as text; else the end is not known."""
    tokens = read(changed(expires_in=value))
    assert tokens.lifetime_s == lifetime_s
    tokens = read(changed(refresh_expires_in=value))
    # Keycloak's 0 is a refresh token that does not end
    assert tokens.refresh_expires_at == (NOW + lifetime_s if lifetime_s else None)


def test_the_token_s_own_end_counts_where_the_answer_has_none() -> None:
    """Without `expires_in` the end is what the token says of itself."""
    payload = base64.urlsafe_b64encode(json.dumps({"exp": NOW + 60}).encode()).decode().rstrip("=")
    assert read(changed(expires_in=..., access_token=f"e30.{payload}.c2ln")).expires_at == NOW + 60


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER", "", ..., None, 42])
def test_bearer(kind: object) -> None:
    """A bearer is a bearer in any spelling, and where nothing is said."""
    assert read(changed(token_type=kind)).access_token == Secret(KEYCLOAK["access_token"])


@pytest.mark.parametrize("kind", ["mac", "DPoP", "Bearer ", "N_A", "x" * 500])
def test_no_bearer(kind: str) -> None:
    """A token of another type cannot be used as a bearer."""
    with pytest.raises(ProviderAnswerInvalid, match="another type"):
        read(changed(token_type=kind))


def test_a_missing_type_is_a_bearer_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """oauthlib's switches in the environment change nothing here."""
    monkeypatch.setenv("OAUTHLIB_STRICT_TOKEN_TYPE", "1")
    assert read(changed(token_type=...)).scope == "profile email"


@pytest.mark.parametrize(
    ("scope", "kept"),
    [
        *[("a a b", "a a b"), ("  a   b ", "a b"), ("", ""), (..., ""), (None, ""), (["a"], ""), (42, "")],
        *[("a\x1b[31m\u202eb", "a [31m b"), ("x" * 1000, "x" * 499 + "…")],
    ],
)
def test_scopes(scope: object, kept: str) -> None:
    """A scope is kept for display: one printable line, or nothing."""
    assert read(changed(scope=scope)).scope == kept


@pytest.mark.parametrize("status", [200, 201, 204, 302, 400, 401, 403, 404])
def test_no_json(status: int) -> None:
    """An answer that is no JSON object says which it is, and that something may stand between."""
    with pytest.raises(ProviderAnswerInvalid, match="captive portal") as caught:
        tokens_of(Answer(status, None, "text/html"), "sso.example.org", NOW)
    assert caught.value.status == status
    assert ("redirect" if status == 302 else "text/html") in str(caught.value)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_later(status: int) -> None:
    """A status that says "later" is passing, with or without JSON."""
    for body in (None, {"error": "server_error"}, KEYCLOAK):
        with pytest.raises(ProviderUnreachable) as caught:
            read(body, status)
        assert (caught.value.status, caught.value.retryable) == (status, True)


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"error": "invalid_grant"}, 400, ("invalid_grant", "")),
        (
            {"error": "invalid_grant", "error_description": "Account\ndisabled"},
            400,
            ("invalid_grant", "Account disabled"),
        ),
        ({"error": "invalid_grant"}, 401, ("invalid_grant", "")),
        ({"error": "invalid_grant"}, 200, ("invalid_grant", "")),
        ({"error": "made_up", "error_description": "x" * 999}, 400, ("made_up", "x" * 199 + "…")),
        ({"error": "x" * 99, "error_description": 42}, 400, ("x" * 59 + "…", "")),
        ({"error": "slow_down"}, 429, ("slow_down", "")),
        ({"error": "authorization_pending"}, 428, ("authorization_pending", "")),
        ({"error": "invalid_grant"}, 503, None),
        ({"error": "too_many_requests"}, 429, None),
        ({"error": None, **KEYCLOAK}, 200, None),
        ({"error": ""}, 400, None),
        ({"error": {"code": 1}}, 400, None),
        ({}, 400, None),
        (None, 400, None),
    ],
)
def test_oauth_errors(body: dict[str, Any] | None, status: int, error: tuple[str, str] | None) -> None:
    """An OAuth error is one whatever its status, unless that says "later"; its words are made fit to be shown."""
    assert error_of(Answer(status, body)) == error


NAMES = [*KEYCLOAK, "error", "error_description", "expires_at", "id_token"]
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.just(MARK),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
BODIES = st.one_of(
    st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), ODD, max_size=8),
    st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, ODD)).map(lambda odd: {**KEYCLOAK, **odd}),
    st.none(),
)


@pytest.mark.soak
@given(body=BODIES, status=st.sampled_from([200, 201, 302, 400, 401, 404, 429, 500]))
def test_any_json_at_all(body: dict[str, Any] | None, status: int) -> None:
    """Whatever object comes with whatever status: usable tokens or an error of our tree, without the tokens in it."""
    answer = Answer(status, json.loads(json.dumps(body)), "application/json")
    error = error_of(answer)
    assert error is None or all(len(text) <= 200 for text in error)
    try:
        tokens = tokens_of(answer, "sso.example.org", NOW)
    except TerrascopeError as exc:
        failure = exc
    else:
        failure = None
    if failure is not None:
        # the type of a token is quoted, and may be anything
        assert MARK not in str(failure) or MARK in str((body or {}).get("token_type"))
        assert failure.what
        assert failure.do
        return
    assert tokens.access_token.reveal().isprintable()
    assert tokens.expires_at is None or 0 <= tokens.expires_at < 2e10
    assert tokens.leeway_s >= 0
    assert MARK not in repr(tokens) or MARK in str((body or {}).get("scope"))


def test_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Also at DEBUG no token reaches a log, neither ours nor oauthlib's."""
    caplog.set_level(logging.DEBUG)
    read(KEYCLOAK)
    error_of(Answer(400, {"error": "invalid_grant", "error_description": MARK}))
    assert MARK not in caplog.text
