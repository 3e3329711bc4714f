"""Shows the login widget under the running cell (floor 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..auth.account import Account
from ..values.providers import LoginMethod

if TYPE_CHECKING:
    from .login_widget import LoginWidget

# ipywidgets keeps every widget until it is closed, so a cell that runs a hundred times must not make a hundred
_shown: dict[tuple[object, ...], LoginWidget] = {}


def show_login(
    account: Account,
    methods: tuple[LoginMethod, ...],
    username: str = "",
    choices: Sequence[Account] = (),
    *,
    is_app: bool = False,
) -> None:
    """Display the widget for `account` that offers `methods`, the preferred one first.

    The same call shows the same widget, as one view more, unless that was closed in the meantime; or this is an app,
    where several visitors may be in one process, and a widget belongs to one of them.
    """
    # IPython's own types are not complete
    from IPython.display import display  # pyright: ignore[reportUnknownVariableType]

    from .login_widget import LoginWidget

    asked_for = (account, methods, username, *choices)
    widget = None if is_app else _shown.get(asked_for)
    if widget is None or widget.comm is None:
        widget = LoginWidget(account, methods=methods, username=username, choices=choices)
    if not is_app:
        _shown[asked_for] = widget
    widget.choose(account.provider.name)  # a person may have turned to another one
    display(widget)
