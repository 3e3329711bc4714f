"""Several visitors of one process: each has accounts of his own, and they go when he goes."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from ipyterrascope.auth.accounts import Accounts


def test_visitors_share_no_account() -> None:
    """What one visitor signed in to, another one has not; and where nobody visits, all is one."""
    visitors: list[dict[str, Any]] = [{}, {}]
    now: list[dict[str, Any] | None] = [None]
    accounts = Accounts(environ={}, namespace=lambda: now[0])
    shared = accounts.account()
    seen = []
    for visitor in visitors:
        now[0] = visitor
        seen.append(accounts.account())
        assert accounts.account() is seen[-1]
        assert accounts.asked_for() == [seen[-1]]
    assert len({id(shared), *map(id, seen)}) == 3
    now[0] = None
    assert accounts.account() is shared


def test_an_account_goes_with_its_visitor() -> None:
    """When the visitor's session is over nothing holds his account any more."""
    visitor: dict[str, Any] = {}
    accounts = Accounts(environ={}, namespace=lambda: visitor)
    account = weakref.ref(accounts.account())
    visitor.clear()
    gc.collect()
    assert account() is None
