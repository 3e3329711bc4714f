"""Showing the widget under a cell: the same one for the same account, however often the cell runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import comm
import IPython.display
import pytest
from comm.base_comm import BaseComm

from ipyterrascope.auth.account import Account
from ipyterrascope.notebook import show
from ipyterrascope.notebook.login_widget import LoginWidget
from ipyterrascope.notebook.show import WithoutWidgets, show_login
from ipyterrascope.values.known import TERRASCOPE
from ipyterrascope.values.providers import Provider


class SilentComm(BaseComm):
    def publish_msg(self, *_: Any, **__: Any) -> None:
        pass


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What was displayed, in order."""
    displayed: list[Any] = []
    monkeypatch.setattr(comm, "create_comm", SilentComm)
    monkeypatch.setattr(IPython.display, "display", displayed.append)
    yield displayed
    for thing in displayed:
        if isinstance(thing, LoginWidget):
            thing.close()


class Shown(Sequence[Any]):
    """The widgets among what was displayed."""

    def __init__(self, displayed: list[Any]) -> None:
        self._displayed = displayed

    def __getitem__(self, index: Any) -> Any:
        return [thing for thing in self._displayed if isinstance(thing, LoginWidget)][index]

    def __len__(self) -> int:
        return len(self[:])


@pytest.fixture
def shown(displayed: list[Any]) -> Shown:
    return Shown(displayed)


@pytest.fixture
def account() -> Account:
    return Account(TERRASCOPE)


def test_a_cell_that_runs_a_hundred_times_makes_one_widget(shown: Shown, account: Account) -> None:
    """Each run adds a view, and neither a live widget nor an observer of the account."""
    for _ in range(100):
        show_login(account, ("device",))
    assert len(shown) == 100
    assert len(set(map(id, shown))) == 1
    assert len(account._machine._observers) == 1


def test_an_app_shows_a_widget_to_each_visitor(shown: Shown, account: Account) -> None:
    """Where visitors share a process, none of them gets a view of another one's widget."""
    for _ in range(2):
        show_login(account, ("device",), is_app=True)
    assert shown[0] is not shown[1]
    assert not [widget for widget in show._shown.values() if widget in shown]


def test_what_differs_gets_a_widget_of_its_own(shown: Shown, account: Account) -> None:
    """Another account, other ways to sign in and another user name are not shown by the widget of before."""
    show_login(account, ("device",))
    show_login(account, ("password", "device"))
    show_login(account, ("device",), "alice")
    show_login(Account(TERRASCOPE), ("device",))
    assert len(set(map(id, shown))) == 4


def test_a_closed_widget_is_not_shown_again(shown: Shown, account: Account) -> None:
    """After `Widget.close_all()` the cell shows a new one, and the closed one has let go of the account."""
    show_login(account, ("device",))
    shown[0].close()
    assert account._machine._observers == []
    show_login(account, ("device",))
    assert shown[1] is not shown[0]
    assert shown[1].comm is not None


def test_the_cell_shows_its_own_provider_again(shown: Shown, account: Account) -> None:
    """A person who turned to another provider gets back to the first one by running the cell."""
    mine = Provider(
        name="mine",
        label="Mine",
        issuer="https://sso.example.org",
        client_id="x",
        hosts=frozenset({"data.example.org"}),
    )
    show_login(account, ("device",), choices=[Account(mine)])
    shown[0].choose("mine")
    show_login(account, ("device",), choices=list(shown[0]._accounts.values())[1:])
    assert shown[1] is shown[0]
    assert shown[0].provider["name"] == "terrascope"


@pytest.mark.parametrize(
    ("label", "called"), [("Terrascope", "No Terrascope login to"), ("Earthdata Login", "No Earthdata Login to")]
)
def test_a_login_is_called_one_once(label: str, called: str) -> None:
    """A provider that has the word in its name is not said to have a login of its login."""
    assert repr(WithoutWidgets(replace(TERRASCOPE, label=label))).startswith(called)


def test_a_place_without_widgets_is_told_what_to_do(displayed: list[Any], account: Account) -> None:
    """Below the widget stands a sentence for where it is not shown, as text and as HTML; an app has no such reader."""
    show_login(account, ("device",))
    _, instead = displayed
    says = "No Terrascope login to be seen here? While a cell runs, wait for its end. Else run the notebook's %load_ext"
    assert repr(instead).startswith(says)
    assert f'<p class="ipyterrascope-no-login">{instead!r}</p>' == instead._repr_html_()
    displayed.clear()
    show_login(account, ("device",), is_app=True)
    assert len(displayed) == 1


def test_the_label_of_a_provider_is_no_html(displayed: list[Any]) -> None:
    """What a provider is called stays text."""
    show_login(Account(replace(TERRASCOPE, label="<b>mine</b>")), ("device",))
    assert "&lt;b&gt;mine&lt;/b&gt; login" in displayed[1]._repr_html_()


def test_an_app_shows_the_widget_in_place_of_the_account(displayed: list[Any], account: Account) -> None:
    """marimo shows the last value of a cell and nothing else: of an account that is the widget just shown."""
    assert account._display_() == "<Account terrascope: signed_out>"
    show_login(account, ("device",), is_app=True)
    assert account._display_() is displayed[0]
