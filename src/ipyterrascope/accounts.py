"""The accounts of this kernel, for whoever asks by a provider's name (below the API and the bridges)."""

from __future__ import annotations

from . import frontend
from .auth.account import Account
from .auth.accounts import Accounts
from .values.providers import Provider

providers = Accounts(is_app=frontend.is_app, namespace=frontend.visitor_namespace)
"""The providers known by name: a read-only mapping."""


def account(provider: str | Provider | None = None) -> Account:
    """Return the account of a provider, signed in or not."""
    return providers.account(provider)
