"""Both ends of the widget's line say the same names: Python's, and the JSDoc types of `js/protocol.js`."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import ipywidgets
import pytest
from anywidget import AnyWidget

from ipyterrascope.auth.account import Account
from ipyterrascope.errors import UsageError
from ipyterrascope.notebook import protocol, shown
from ipyterrascope.notebook.login_widget import LoginWidget
from ipyterrascope.values.known import TERRASCOPE
from ipyterrascope.values.providers import LoginMethod
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.states import DeviceAuthorization, LoginState, Phase, Source

JSDOC = (Path(__file__).parents[3] / "js" / "protocol.js").read_text()

DEVICE = DeviceAuthorization(
    device_code=Secret("the-device-code"),
    code_verifier=Secret("the-code-verifier"),
    user_code="WDJB-MJHT",
    verification_uri="https://sso.example.org/device",
    verification_uri_complete=None,
    expires_at=1800000600.0,
    interval=5.0,
)


def names(typedef: str) -> set[str]:
    """Return the strings of a union type."""
    found = re.search(rf"@typedef \{{([^}}]*)\}} {typedef}\b", JSDOC)
    assert found is not None
    return set(re.findall(r'"(\w+)"', found[1]))


def properties(typedef: str) -> set[str]:
    """Return the property names of an object type."""
    found = re.search(rf"@typedef \{{object\}} {typedef}\b(.*?)\*/", JSDOC, re.DOTALL)
    assert found is not None
    return set(re.findall(r"@property \{.*?\} \[?(\w+)", found[1]))


@pytest.mark.parametrize(
    ("typedef", "literal"),
    [
        ("Phase", Phase),
        ("Source", Source),
        ("LoginMethod", LoginMethod),
        ("FormMethod", protocol.FormMethod),
        ("RequestKind", protocol.RequestKind),
        ("ReplyKind", protocol.ReplyKind),
    ],
)
def test_names_are_the_same_on_both_sides(typedef: str, literal: object) -> None:
    """A phase, source, method or kind of message has one name."""
    assert names(typedef) == set(get_args(literal))


def test_the_view_knows_every_trait() -> None:
    """The traits that a view reads are the widget's own synced ones, all of them."""
    inherited = set(AnyWidget.class_trait_names()) | set(ipywidgets.DOMWidget.class_trait_names())
    own = set(LoginWidget.class_trait_names(sync=True)) - inherited
    assert properties("LoginTraits") == own


def test_every_trait_is_documented_and_read_only() -> None:
    """Each of them says what it is, and nobody can set it."""
    for name in properties("LoginTraits"):
        trait = LoginWidget.class_traits()[name]
        assert trait.help
        assert trait.read_only


def test_the_provider_and_the_error_have_the_fields_that_the_view_reads() -> None:
    """What is shown of provider and error is what the types say."""
    widget = LoginWidget(Account(TERRASCOPE))
    assert properties("ShownProvider") == set(widget.provider)
    widget.close()
    typed = re.search(r"@typedef \{\{(.*?)\}\} ShownError", JSDOC)
    assert typed is not None
    error = shown.traits_of(LoginState(phase="failed", error=UsageError("What.")), False)["error"]
    assert set(re.findall(r"(\w+)\?:", typed[1])) == set(error)


def test_the_form_has_the_fields_that_the_kernel_expects() -> None:
    """The JSON part of a form is a request's fields without the secrets, plus the flag."""
    request = {field.name for field in fields(protocol.Request)} - {"kind", "view_id", "password", "one_time_code"}
    assert properties("SubmittedForm") == request - {"provider"} | {"has_one_time_code"}


def test_the_code_has_the_fields_that_the_view_reads() -> None:
    """The message with the code is what the type says."""
    state = LoginState(phase="awaiting_user", device=DEVICE)
    assert properties("WaitingCode") == set(shown.code_of(state) or {})
