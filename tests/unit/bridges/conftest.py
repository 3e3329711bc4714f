"""A sandbox with tokens of three seconds, and an account that is signed in there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from signing import sign_in

import ipyterrascope as ts
from ipyterrascope.auth.account import Account
from ipyterrascope.sandbox import Sandbox


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(access_token_lifetime_s=3) as running:
        yield running


@pytest.fixture
def account(box: Sandbox) -> Iterator[Account]:
    """The sandbox as provider "box", known by that name, signed in as dora."""
    made = ts.account(box.provider(name="box", methods=("password", "basic")))
    sign_in(made)
    yield made
    made.logout()


@pytest.fixture
def holds() -> Callable[..., list[str]]:
    """Tell by which paths a secret can be reached from an object; none is good."""
    from testbed.leaks import places

    return places
