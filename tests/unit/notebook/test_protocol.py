"""Both ends of the widget's line say the same names: Python's, and the JSDoc types of `js/protocol.js`.

And the same things: what the kernel shows and sends is of those types, and what a view sends is understood.
"""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import ipywidgets
import pytest
from anywidget import AnyWidget
from jsdoc import Jsdoc, sent_by

from ipyterrascope.auth.account import Account
from ipyterrascope.errors import UsageError
from ipyterrascope.notebook import protocol, shown
from ipyterrascope.notebook.login_widget import LoginWidget
from ipyterrascope.values.known import TERRASCOPE
from ipyterrascope.values.providers import LoginMethod
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.states import DeviceAuthorization, LoginState, Phase, Source
from testbed.stage import Stage, states

JSDOC = Jsdoc("protocol.js")

DEVICE = DeviceAuthorization(
    device_code=Secret("the-device-code"),
    code_verifier=Secret("the-code-verifier"),
    user_code="WDJB-MJHT",
    verification_uri="https://sso.example.org/device",
    verification_uri_complete=None,
    expires_at=1800000600.0,
    interval=5.0,
)


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
    assert JSDOC.names(typedef) == set(get_args(literal))


def test_the_view_knows_every_trait() -> None:
    """The traits that a view reads are the widget's own synced ones, all of them."""
    inherited = set(AnyWidget.class_trait_names()) | set(ipywidgets.DOMWidget.class_trait_names())
    own = set(LoginWidget.class_trait_names(sync=True)) - inherited
    assert JSDOC.properties("LoginTraits") == own


def test_every_trait_is_documented_and_read_only() -> None:
    """Each of them says what it is, and nobody can set it."""
    for name in JSDOC.properties("LoginTraits"):
        trait = LoginWidget.class_traits()[name]
        assert trait.help
        assert trait.read_only


def test_the_provider_and_the_error_have_the_fields_that_the_view_reads() -> None:
    """What is shown of provider and error is what the types say."""
    widget = LoginWidget(Account(TERRASCOPE))
    assert JSDOC.properties("ShownProvider") == set(widget.provider)
    widget.close()
    typed = re.search(r"@typedef \{\{(.*?)\}\} ShownError", JSDOC.text)
    assert typed is not None
    error = shown.traits_of(LoginState(phase="failed", error=UsageError("What.")), False)["error"]
    assert set(re.findall(r"(\w+)\?:", typed[1])) == set(error)


def test_the_form_has_the_fields_that_the_kernel_expects() -> None:
    """The JSON part of a form is a request's fields without the secrets, plus the flag."""
    kernel_only = {"kind", "view_id", "password", "one_time_code", "says_nothing"}
    request = {field.name for field in fields(protocol.Request)} - kernel_only
    assert JSDOC.properties("SubmittedForm") == request - {"provider"} | {"has_one_time_code"}


def test_the_code_has_the_fields_that_the_view_reads() -> None:
    """The message with the code is what the type says."""
    state = LoginState(phase="awaiting_user", device=DEVICE)
    assert JSDOC.properties("WaitingCode") == set(shown.code_of(state) or {})


def shown_and_said(name: str) -> tuple[dict[str, object], list[dict[str, Any]]]:
    """Return the traits and the messages of a widget whose account is in a state of the stage."""
    said: list[dict[str, Any]] = []

    class Talker(LoginWidget):
        def send(self, content: Any, buffers: Any = None) -> None:
            said.append(content)

    stage = Stage("choice")
    stage.play(name)
    widget = Talker(stage.account, choices=list(stage.widget._accounts.values())[1:], username="alice")
    for kind in ("hello", "start_device", "no such kind"):
        widget._on_message(widget, {"kind": kind, "boot_id": widget.boot_id, "view_id": "v"}, [])
    traits = {trait: getattr(widget, trait) for trait in JSDOC.properties("LoginTraits")}
    for closed in (widget, stage.widget):
        closed.close()
    return traits, said


def test_what_the_kernel_shows_and_sends_is_of_the_types(tmp_path: Path) -> None:
    """The real values of every state, and every kind of message, pass the compiler as what the view takes them for."""
    every = [shown_and_said(name) for name in states()]
    said = [message for _, messages in every for message in messages]
    assert {message["kind"] for message in said} == set(protocol.REPLY_KINDS)
    codes = [message for message in said if message["kind"] == "code"]
    replies = [message for message in said if message["kind"] != "code"]
    source = (
        f"export const traits: wire.LoginTraits[] = {json.dumps([traits for traits, _ in every])};\n"
        f"export const replies: wire.Reply[] = {json.dumps(replies)};\n"
        f"export const codes: (wire.Reply & wire.WaitingCode)[] = {json.dumps(codes)};\n"
    )
    assert JSDOC.faults(tmp_path, source) == ""
    for right, wrong in (
        ('"serial": 1', '"serial": "1"'),
        ('"phase": "failed"', '"phase": "done"'),
        ("user_code", "c"),
    ):
        assert right in source
        assert "error TS" in JSDOC.faults(tmp_path, source.replace(right, wrong, 1))


def test_what_a_view_sends_is_understood() -> None:
    """Every request that a real view makes when a person does everything there is to do is read as what it is."""
    sent_by_view = sent_by("requests.js")
    requests = [
        protocol.read_request(
            sent["content"], protocol.secrets_from([text.encode() for text in sent["buffers"]]), boot_id="boot"
        )
        for sent in sent_by_view
    ]
    assert {request.kind for request in requests} == set(protocol.REQUEST_KINDS)
    assert all(request.view_id for request in requests)
    forms = [request for request in requests if request.kind == "submit_password"]
    assert {form.method for form in forms} == set(protocol.FORM_METHODS)
    assert [form.one_time_code for form in forms] == [None, Secret("123456"), None, None, None]
    assert forms[0].password == Secret("päss wörd")
    assert [request.kind for request in requests if request.remember] == ["start_device", "remember"]
