"""Shows the login widget under the running cell (floor 6)."""

from __future__ import annotations

from ..auth.account import Account
from ..values.providers import LoginMethod


def show_login(account: Account, methods: tuple[LoginMethod, ...], username: str = "") -> None:
    """Display a widget for `account` that offers `methods`, the preferred one first."""
    # IPython's own types are not complete
    from IPython.display import display  # pyright: ignore[reportUnknownVariableType]

    from .login_widget import LoginWidget

    display(LoginWidget(account, methods=methods, username=username))
