"""Signing in without a person."""

from __future__ import annotations

from typing import Literal

from ipyterrascope.auth.account import Account
from ipyterrascope.values.secret import Secret

PASSWORD = "s3cret-Pa55"  # of the sandbox's dora


def sign_in(account: Account, method: Literal["password", "basic"] = "password") -> None:
    """Sign in as dora."""
    account.start_password_login("dora", Secret(PASSWORD), method=method)
    assert account.wait(30).phase == "signed_in"
