"""Somebody who works with several providers at once, from several threads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

import ipyterrascope as ts
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.values.secret import Secret

THREADS = 8
LIFETIME_S = 12


@pytest.fixture
def boxes() -> Iterator[list[Sandbox]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Sandbox(access_token_lifetime_s=LIFETIME_S)) for _ in range(3)]


@pytest.fixture
def providers(boxes: list[Sandbox]) -> Iterator[list[ts.Provider]]:
    """The three as providers, in each of which somebody else is signed in."""
    known = [box.provider(name=f"place-{number}") for number, box in enumerate(boxes)]
    for provider, user, box in zip(known, ("dora", "boots", "dora"), boxes, strict=True):
        account = ts.account(provider)
        account.start_password_login(user, Secret(box.users[user]))
        assert account.wait(30).phase == "signed_in"
    yield known
    for provider in known:
        ts.logout(provider)


def test_each_provider_has_a_login_of_its_own(boxes: list[Sandbox], providers: list[ts.Provider]) -> None:
    """Three logins stand side by side; ending one leaves the others."""
    assert [ts.account(provider).state.user for provider in providers] == ["dora", "boots", "dora"]
    ts.logout(providers[0])
    with pytest.raises(ts.errors.LoginRequired):
        ts.session(providers[0])
    assert ts.session(providers[1]).get(boxes[1].download_urls[0]).status_code == 200


def test_eight_threads_at_three_providers_cause_one_refresh_each(
    boxes: list[Sandbox], providers: list[ts.Provider]
) -> None:
    """With every token refused at once, all requests of all threads succeed, and each provider is asked once."""
    pairs = [*zip(providers, boxes, strict=True)] * THREADS
    time.sleep(0.15 * LIFETIME_S)  # a token that is younger is not thought to be at fault
    for box in boxes:
        box.expire_access_tokens()
        box.forget_requests()

    def fetch(pair: tuple[ts.Provider, Sandbox]) -> int:
        return ts.session(pair[0]).get(pair[1].download_urls[0]).status_code

    with ThreadPoolExecutor(THREADS) as pool:
        assert [*pool.map(fetch, pairs)] == [200] * len(pairs)
    assert [len(box.requests_to("/token")) for box in boxes] == [1, 1, 1]


def test_no_credential_reaches_another_provider(boxes: list[Sandbox], providers: list[ts.Provider]) -> None:
    """A session of one provider asks the hosts of another without any credential."""
    for provider in providers:
        for box in boxes:
            ts.session(provider).head(box.download_urls[0])
    for provider, box in zip(providers, boxes, strict=True):
        given = [record.headers.get("Authorization") for record in box.requests_to("/download/")]
        own = ts.token(provider).reveal()
        assert given.count(None) == 2
        assert given.count(f"Bearer {own}") == 1


def test_downloads_of_several_providers_run_at_once(
    boxes: list[Sandbox], providers: list[ts.Provider], tmp_path: Path
) -> None:
    """Three downloads in three threads are whole, each with its own login."""

    def fetch(number: int) -> int:
        urls = boxes[number].download_urls
        return len(ts.download(urls, tmp_path / str(number), provider=providers[number]))

    with ThreadPoolExecutor(3) as pool:
        assert [*pool.map(fetch, range(3))] == [len(box.download_urls) for box in boxes]
