"""An Earthdata on this machine, which is the provider "earthdata" of this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import ipyterrascope as ts
from ipyterrascope.auth.account import Account
from ipyterrascope.configuration import Configuration, configure
from ipyterrascope.sandbox.earthdata import EarthdataSandbox
from ipyterrascope.values.connection import Connection
from ipyterrascope.values.secret import Secret


@pytest.fixture
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EarthdataSandbox]:
    with pytest.MonkeyPatch.context() as patch, EarthdataSandbox() as running:
        patch.setenv("NETRC", str(tmp_path_factory.mktemp("home") / "netrc"))
        for name in ("TOKEN", "USERNAME", "PASSWORD"):
            patch.delenv(f"EARTHDATA_{name}", raising=False)
        configure(Configuration(beside=(running.provider(),), connection=Connection(verify=running.ca_bundle)))
        yield running
        configure(None)


@pytest.fixture
def account(box: EarthdataSandbox) -> Iterator[Account]:
    """The account there; nobody is signed in."""
    made = ts.account("earthdata")
    made.allow_sources()  # where an earlier one had the same port
    yield made
    made.logout()


@pytest.fixture
def token(box: EarthdataSandbox, account: Account) -> str:
    """A user token that was made on the page and pasted, so that its owner is signed in."""
    made = box.make_token()
    account.start_token_login(Secret(made))
    assert account.wait(30).phase == "signed_in"
    box.forget_requests()
    return made


@pytest.fixture
def holds() -> Callable[..., list[str]]:
    """Tell by which paths a secret can be reached from an object; none is good."""
    from testbed.leaks import places

    return places
