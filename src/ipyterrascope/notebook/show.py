"""Shows the widgets under the running cell (floor 6)."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..auth.account import Account
from ..values.providers import LoginMethod, Provider
from ..wording import line_for, login_at

if TYPE_CHECKING:
    from ..transfer import Download
    from .login_widget import LoginWidget

_WAY_ON = (
    "While a cell runs, wait for its end. Else run the notebook's %load_ext cell and this one in JupyterLab, Notebook "
    "or VS Code"
)

# ipywidgets keeps every widget until it is closed, so a cell that runs a hundred times must not make a hundred
_shown: dict[tuple[object, ...], LoginWidget] = {}


def show_login(
    account: Account,
    methods: tuple[LoginMethod, ...],
    username: str = "",
    choices: Sequence[Account] = (),
    *,
    is_app: bool = False,
    remember: bool = False,
) -> None:
    """Display the widget for `account` that offers `methods`, the preferred one first.

    The same call shows the same widget, as one view more, unless that was closed in the meantime; or this is an app,
    where several visitors may be in one process, and a widget belongs to one of them. With `remember`, its box to stay
    signed in is ticked.
    """
    # IPython's own types are not complete
    from IPython.display import display  # pyright: ignore[reportUnknownVariableType]

    from .login_widget import LoginWidget

    asked_for = (account, methods, username, remember, *choices)
    widget = None if is_app else _shown.get(asked_for)
    if widget is None or widget.comm is None:
        widget = LoginWidget(account, methods=methods, username=username, choices=choices, remember=remember)
    if not is_app:
        _shown[asked_for] = widget
    widget.choose(account.provider.name)  # a person may have turned to another one
    display(widget)
    if is_app:
        account.shown_by = widget
    else:
        display(WithoutWidgets(account.provider))


def show_download(download: Download) -> None:
    """Display the widget of a download; when that has ended, its text, which is saved, says how."""
    from IPython.display import display  # pyright: ignore[reportUnknownVariableType]

    from .download_widget import DownloadWidget

    def show_again(widget: DownloadWidget) -> None:
        if handle is not None:
            handle.update(widget)

    widget = DownloadWidget(download, on_end=show_again)
    handle = display(widget, display_id=True)


class WithoutWidgets:
    """What a reader sees where the widget is not: on a web page made of the notebook, and before its cells ran anew.

    An output of its own, because one with a widget is nothing else to nbconvert (once the widget's state is saved) and
    to JupyterLab. The style of a widget that is there hides it.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def __repr__(self) -> str:
        line = line_for(self._provider, "%terrascope login")
        # nothing else can be waited for
        by_code = f"; or run {line} --wait, which prints link and code" if "device" in self._provider.methods else ""
        return f"No {login_at(self._provider)} to be seen here? {_WAY_ON}{by_code}."

    def _repr_html_(self) -> str:
        return f'<p class="ipyterrascope-no-login">{html.escape(repr(self), quote=False)}</p>'
