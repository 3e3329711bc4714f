"""Both ends of the download widget's line say the same names and the same things, as those of the login's do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import ipywidgets
import pytest
from anywidget import AnyWidget
from jsdoc import Jsdoc, sent_by
from wires import wire_of

from ipyterrascope.notebook import download_protocol
from ipyterrascope.notebook.download_widget import DownloadWidget
from ipyterrascope.transfer.report import Status
from ipyterrascope.transfer.states import Phase, Which
from testbed.download_stage import STATES, DownloadStage

JSDOC = Jsdoc("download-protocol.js")


@pytest.mark.parametrize(
    ("typedef", "literals"),
    [
        ("DownloadPhase", get_args(Phase)),
        ("FileStatus", ("waiting", "active", *get_args(Status))),
        ("ListName", get_args(Which)),
        ("DownloadRequestKind", get_args(download_protocol.RequestKind)),
        ("DownloadReplyKind", get_args(download_protocol.ReplyKind)),
    ],
)
def test_names_are_the_same_on_both_sides(typedef: str, literals: tuple[str, ...]) -> None:
    """A phase, a status, a list and a kind of message have one name."""
    assert JSDOC.names(typedef) == set(literals)


def test_the_view_knows_every_trait() -> None:
    """The traits that a view reads are the widget's own synced ones, all of them; each says what it is, and nobody can
    set it."""
    inherited = set(AnyWidget.class_trait_names()) | set(ipywidgets.DOMWidget.class_trait_names())
    own = set(DownloadWidget.class_trait_names(sync=True)) - inherited
    assert JSDOC.properties("DownloadTraits") == own
    for name in own:
        trait = DownloadWidget.class_traits()[name]
        assert trait.help
        assert trait.read_only


def test_few_files_are_as_many_on_both_sides() -> None:
    """From how many files on a view offers lists to choose from is when the kernel sends not all of them at first."""
    picture = (Path(__file__).parents[3] / "js" / "download-picture.js").read_text()
    assert re.findall(r"const FEW = (\d+);", picture) == [str(download_protocol.FEW)]


def shown_and_said(name: str) -> tuple[dict[str, object], list[dict[str, Any]]]:
    """Return the traits and the messages of a widget whose download is in a state of the stage."""
    widget = DownloadStage().play(name)
    wire = wire_of(widget)
    common = {"boot_id": widget.boot_id, "view_id": "v"}
    for request in (
        {"kind": "hello"},
        {"kind": "rows", "list": "all", "start": 2, "count": 30},
        {"kind": "cancel"},
        {},
    ):
        wire.receive({**common, **request})
    traits = {trait: getattr(widget, trait) for trait in JSDOC.properties("DownloadTraits")}
    widget.close()
    return traits, wire.replies()


def test_what_the_kernel_shows_and_sends_is_of_the_types(tmp_path: Path) -> None:
    """The real values of every state, and every kind of message, pass the compiler as what the view takes them for."""
    every = [shown_and_said(name) for name in STATES]
    said = [message for _, messages in every for message in messages]
    assert {message["kind"] for message in said} == set(download_protocol.REPLY_KINDS)
    source = (
        f"export const traits: wire.DownloadTraits[] = {json.dumps([traits for traits, _ in every])};\n"
        f"export const replies: wire.DownloadReply[] = {json.dumps(said)};\n"
    )
    assert JSDOC.faults(tmp_path, source) == ""
    for right, wrong in (
        ('"fraction": 1.0', '"fraction": "1.0"'),
        ('"phase": "failed"', '"phase": "broken"'),
        ('"status": "waiting"', '"status": "idle"'),
        ('"is_foreground"', '"in_front"'),
    ):
        assert right in source
        assert "error TS" in JSDOC.faults(tmp_path, source.replace(right, wrong, 1))


def test_what_a_view_sends_is_understood() -> None:
    """Every request that a real view makes when a person does everything there is to do is read as what it is."""
    requests = [download_protocol.read_request(content, "boot") for content in sent_by("download-requests.js")]
    assert {request.kind for request in requests} == set(download_protocol.REQUEST_KINDS)
    assert all(request.view_id for request in requests)
    windows = [request.window for request in requests if request.window is not None]
    assert {window.list for window in windows} == set(download_protocol.LISTS) - {"active"}
    assert max(window.start for window in windows) > 9900
