"""A login as it is written down, and how strictly that is read again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyterrascope.auth.stored_login import (
    StoredLogin,
    StoreTroubleError,
    is_stored_as,
    key_of,
    read,
    written,
)
from ipyterrascope.values.hosts import host_entry
from ipyterrascope.values.known import TERRASCOPE
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.tokens import TokenSet
from testbed.leaks import places

TOKENS = TokenSet(
    access_token=Secret("s3cret-access"),
    refresh_token=Secret("s3cret-refresh"),
    issued_at=1000.0,
    expires_at=1300.5,
    refresh_expires_at=None,
    scope="email offline_access",
)
LOGIN = StoredLogin("the-id", "dora", TERRASCOPE.hosts, TOKENS)


def fields(**changes: Any) -> Secret:
    return Secret(json.dumps({**json.loads(written(LOGIN, TERRASCOPE).reveal()), **changes}))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"expires_at": None, "refresh_expires_at": 4600.0},
        {"scope": ""},
    ],
)
def test_what_is_written_is_read(changes: dict[str, Any]) -> None:
    """Tokens, times, hosts and user come back as they were."""
    login = replace(LOGIN, tokens=replace(TOKENS, **changes))
    assert read(written(login, TERRASCOPE), TERRASCOPE) == login


def test_a_login_belongs_to_an_issuer_and_a_client() -> None:
    """The name it is found by is a hash of both, in which neither can be read; hosts and label do not count."""
    keys = {
        key_of(replace(TERRASCOPE, **changes))
        for changes in ({}, {"client_id": "other"}, {"issuer": "https://sso.example.org"})
    }
    assert len(keys) == 3
    assert all(len(key) == 32 and int(key, 16) for key in keys)
    assert key_of(replace(TERRASCOPE, hosts=frozenset(), label="Mine")) in keys


@pytest.mark.parametrize("address", ["", "https://eo.example.org/openeo/1.2", "http://127.0.0.1:8080/openeo"])
def test_a_login_is_known_by_the_name_of_its_file(address: str) -> None:
    """It tells all that its name is made of, that of a back-end by the host that it goes to; no other name fits."""
    changes = {"backend_url": address, "hosts": frozenset({host_entry(address)}), "bearer_prefix": "oidc/sso/"}
    provider = replace(TERRASCOPE, endpoints=None, **(changes if address else {}))
    text = written(replace(LOGIN, hosts=provider.hosts), provider)
    assert is_stored_as(text, key_of(provider))
    assert not is_stored_as(text, key_of(replace(provider, client_id="other")))
    for name, value in (("issuer", "https://evil.example.org"), ("client_id", "other"), ("hosts", None)):
        changed = Secret(json.dumps({**json.loads(text.reveal()), name: value}))
        assert not is_stored_as(changed, key_of(provider))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (Secret(""), "It is damaged."),
        (Secret("{"), "It is damaged."),
        (Secret("[" * 100_000), "It is damaged."),
        (Secret("[]"), "It is damaged."),
        (Secret("{}"), "It is damaged."),
        (Secret(written(LOGIN, TERRASCOPE).reveal()[:-20]), "It is damaged."),
        (fields(version=2), "A newer version wrote it."),
        (fields(version=2, access_token=5), "A newer version wrote it."),
        (fields(version="1"), "It is damaged."),
        (fields(issuer="https://evil.example.org"), "It is another provider's."),
        (fields(client_id="other"), "It is another provider's."),
        (fields(login_id=""), "It is damaged."),
        (fields(access_token="two words"), "It is damaged."),
        (fields(access_token="a\r\nX-Injected: 1"), "It is damaged."),
        (fields(refresh_token=""), "It is damaged."),
        (fields(refresh_token=None), "It is damaged."),
        (fields(hosts="services.terrascope.be"), "It is damaged."),
        (fields(issued_at=None), "It is damaged."),
        (fields(expires_at="soon"), "It is damaged."),
        (fields(expires_at=True), "It is damaged."),
        (Secret(written(LOGIN, TERRASCOPE).reveal().replace("1300.5", "Infinity")), "It is damaged."),
    ],
)
def test_what_is_not_exactly_a_login_is_none(text: Secret, reason: str) -> None:
    """Cut, changed, of a later version or of another provider: one sentence that repeats nothing of it."""
    with pytest.raises(StoreTroubleError) as caught:
        read(text, TERRASCOPE)
    assert str(caught.value) == reason
    assert places("s3cret-", caught.value) == []


@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda each: st.lists(each), max_leaves=5),
    st.data(),
)
def test_any_damage_is_told_in_words(value: object, data: st.DataObject) -> None:
    """Whatever stands in any field, it is a login or it is told: nothing breaks."""
    name = data.draw(st.sampled_from(sorted(json.loads(written(LOGIN, TERRASCOPE).reveal()))))
    try:
        login = read(fields(**{name: value}), TERRASCOPE)
    except StoreTroubleError:
        return
    assert login.tokens.refresh_token


@pytest.mark.parametrize("cut", range(0, 400, 7))
def test_no_cut_text_is_a_login(cut: int) -> None:
    """A text that ends early is never taken for a whole one."""
    text = written(LOGIN, TERRASCOPE).reveal()
    with pytest.raises(StoreTroubleError, match="damaged"):
        read(Secret(text[: min(cut, len(text) - 1)]), TERRASCOPE)


def test_no_repr_shows_a_token() -> None:
    """Neither the login nor its text shows what it holds."""
    assert "s3cret" not in repr(LOGIN) + repr(written(LOGIN, TERRASCOPE))
