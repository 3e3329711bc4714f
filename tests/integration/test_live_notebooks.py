"""A person in front of a notebook: the widget asks, no cell waits unless told to, and the others say what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from kernels import Cell, FrontEnd, front_end
from places import PASSWORD, environment_for

from ipyterrascope.sandbox import Sandbox

FINISH = [
    "LoginRequired: You are not signed in to Terrascope yet.",
    "A sign-in is under way.",
    "Finish the sign-in above, then run this cell again.",
]


def waiting(notebook: FrontEnd, line: str = "%terrascope login") -> str:
    """Run the login cell, and return its widget once a code is there."""
    cell = notebook.run(line)
    assert cell.views, cell
    notebook.until_phase(cell.views[0], "awaiting_user")
    return cell.views[0]


def signed_in(notebook: FrontEnd, box: Sandbox) -> str:
    view = waiting(notebook)
    box.approve(box.waiting_codes[-1])
    notebook.until_phase(view, "signed_in")
    return view


def test_another_method_asked_for_by_who_is_signed_in(notebook: FrontEnd, box: Sandbox) -> None:
    """A device code is asked for at once, beside the login that is there; for the form the way to it is said."""
    view = signed_in(notebook, box)
    assert "To change that, use Switch account." in notebook.run("%terrascope login --method password").stream
    assert notebook.widgets[view]["phase"] == "signed_in"
    notebook.run("%terrascope login --method device")
    notebook.until_phase(view, "awaiting_user")
    notebook.run("import ipyterrascope as ts; ts.account().cancel()")
    notebook.until_phase(view, "signed_in")


def lines_of(cell: Cell) -> list[str]:
    return cell.shown.splitlines()


def test_the_widget_comes_at_once_and_the_cells_below_say_what_to_do(notebook: FrontEnd, box: Sandbox) -> None:
    """`login` returns at once; until it is approved, `session` and `%download` ask to finish it; then both work."""
    url = box.download_urls[0]
    view = waiting(notebook)
    notebook.click(view, "hello")
    notebook.until(lambda: any(reply["kind"] == "welcome" for reply in notebook.replies))
    told = next(reply for reply in notebook.replies if reply["kind"] == "code")
    assert told["user_code"] == box.waiting_codes[0]
    assert told["verification_uri_complete"].endswith(box.waiting_codes[0])
    assert box.waiting_codes[0] not in str(notebook.widgets)
    for line in ("s = %terrascope session", f"%download {url}"):
        assert lines_of(notebook.run(line)) == FINISH

    box.approve(box.waiting_codes[0])
    assert notebook.until_phase(view, "signed_in")["user"] == "dora"
    assert notebook.run("s = %terrascope session").ename == ""
    assert notebook.run(f"s.get({url!r}).status_code").result == "200"
    fetched = notebook.run(f"r = %download {url} -d data\nprint(r)")
    assert fetched.stream.startswith("1 saved")


def test_login_in_python_shows_one_thing(notebook: FrontEnd) -> None:
    """`ts.login()` as the last line shows the widget and no `Out[]`; what it returns can be had and shown later."""
    notebook.run("import ipyterrascope as ts")
    for line in ("ts.login()", "account = ts.login(); account", "ts.login(), 1 / 0", "ts.login()"):
        cell = notebook.run(line)
        assert len(cell.views) == 1, line
        assert cell.kinds_of_output <= {"display_data", "error"}, line
    assert notebook.run("account").result.startswith("<Account terrascope: ")


def test_status_tells_every_phase(notebook: FrontEnd, box: Sandbox) -> None:
    """`%terrascope status` says who, from which source, until when, and what to do next, and starts nothing itself."""
    nobody = notebook.run("%terrascope status").result
    assert nobody.startswith(
        "Terrascope: not signed in. Run %terrascope login.\n  environment: Neither TERRASCOPE_TOKEN"
    )
    assert "\n  stored login: No login is stored.\n  JupyterHub: No JupyterHub started this kernel." in nobody
    assert not box.requests
    view = waiting(notebook)
    code = box.waiting_codes[0]
    said = notebook.run("%terrascope").result
    assert "Terrascope: waiting for approval of a code at 127.0.0.1." in said
    assert code not in said  # it is saved with the notebook, and works for whoever opens that
    box.approve(code)
    notebook.until_phase(view, "signed_in")
    status = notebook.run("%terrascope status terrascope").result
    assert status.startswith("Terrascope: signed in as dora, by device code.\n  token ends: ")
    assert re.search(r": in 5 min \(\d.*\), and is renewed before\n  session ends: in 60 min \(", status)
    assert notebook.run("%terrascope status\nNone").result.startswith("Terrascope: signed in")
    assert notebook.run("%terrascope logout").stream == "Signed out, and the session at Terrascope is ended.\n"
    notebook.until_phase(view, "signed_out")
    assert notebook.run("%terrascope status").result.startswith("Terrascope: not signed in. Run %terrascope login.\n")
    denied = waiting(notebook)
    box.deny(box.waiting_codes[0])
    notebook.until_phase(denied, "failed")
    assert "Terrascope: not signed in. The sign-in was denied." in notebook.run("%terrascope status").result


def test_running_the_cell_again_makes_no_second_code(notebook: FrontEnd, box: Sandbox) -> None:
    """The login cell run again shows the code that waits already, and again the login once it is there."""
    first = waiting(notebook)
    second = waiting(notebook)
    assert len(box.waiting_codes) == 1
    box.approve(box.waiting_codes[0])
    for view in (first, second):
        notebook.until_phase(view, "signed_in")
    third = notebook.run("%terrascope login").views[0]
    assert notebook.widgets[third]["phase"] == "signed_in"
    assert len(box.requests_to("/auth/device", "POST")) == 1


def test_running_the_cell_again_after_a_failure_starts_afresh(notebook: FrontEnd, box: Sandbox) -> None:
    """After a denied login the cell makes a new code, and after a logout too."""
    view = waiting(notebook)
    box.deny(box.waiting_codes[0])
    notebook.until_phase(view, "failed")
    signed_in(notebook, box)
    notebook.run("%terrascope logout")
    signed_in(notebook, box)
    assert len(box.requests_to("/auth/device", "POST")) == 3


def invited(notebook: FrontEnd, line: str = "%terrascope login --wait") -> Cell:
    """Run a cell that waits, until it has printed its invitation."""
    cell = notebook.start(line)
    notebook.until(lambda: "Waiting for up to" in cell.saved)
    return cell


def test_wait_ends_with_the_approval_and_needs_no_front_end(notebook: FrontEnd, box: Sandbox) -> None:
    """`--wait` shows link and code, for a widget may hear nothing while its cell runs, and blocks the cell until it
    is approved; then the widget is there, signed in, and how it ended stands where the code was."""
    cell = invited(notebook)
    code = box.waiting_codes[0]
    assert not cell.views
    assert f"{box.issuer}/device?user_code={code}\n" in cell.saved
    assert not cell.is_done
    box.approve(code)
    notebook.finish(cell)
    assert [*cell.displays.values()] == ["Signed in to Terrascope as dora, by device code."]
    assert code not in cell.saved
    assert notebook.widgets[cell.views[0]]["phase"] == "signed_in"


@pytest.mark.parametrize("end", ["interrupt", "denial", "new code", "cancel elsewhere"])
def test_no_code_stays_behind_wait(notebook: FrontEnd, box: Sandbox, end: str) -> None:
    """However `--wait` ends, no code and no link is left under the cell to be saved: what happened stands there."""
    view = waiting(notebook)
    notebook.click(view, "hello")
    notebook.until(lambda: notebook.replies)
    cell = invited(notebook)
    codes = [*box.waiting_codes]
    if end == "interrupt":
        notebook.interrupt()
    elif end == "denial":
        box.deny(codes[0])
    elif end == "cancel elsewhere":
        notebook.click(view, "cancel")
    else:
        notebook.click(view, "start_device")
        notebook.until(lambda: codes[0] not in cell.saved)
        codes += box.waiting_codes
        notebook.interrupt()
    notebook.finish(cell)
    assert [*cell.displays.values()] == ["What stood here is waited for no more."]
    assert not any(code in cell.saved for code in codes)
    assert "user_code" not in cell.saved


def test_an_interrupt_of_wait_cancels(notebook: FrontEnd, box: Sandbox) -> None:
    """The stop button during `--wait` cancels the login, in its sentences; a later login works."""
    cell = invited(notebook)
    notebook.interrupt()
    assert lines_of(notebook.finish(cell)) == [
        "LoginCancelled: The sign-in was cancelled.",
        "Start it again when you like.",
    ]
    signed_in(notebook, box)


def test_wait_takes_up_the_code_that_waits_already(notebook: FrontEnd, box: Sandbox) -> None:
    """`--wait` after `login` waits for the same code, and the widget of before can cancel it while the cell runs."""
    view = waiting(notebook)
    notebook.click(view, "hello")
    notebook.until(lambda: notebook.replies)
    cell = invited(notebook)
    assert len(box.requests_to("/auth/device", "POST")) == 1
    notebook.click(view, "cancel")
    assert notebook.finish(cell).ename == "LoginCancelled"


def test_wait_ends_with_every_other_outcome_too(notebook: FrontEnd, box: Sandbox) -> None:
    """A code that is denied ends `--wait` with an error, and so does a provider that offers none."""
    cell = invited(notebook)
    box.deny(box.waiting_codes[0])
    assert notebook.finish(cell).ename == "LoginDenied"
    box.timeline.device("unauthorized_client")
    assert notebook.run("%terrascope login --wait").ename == "FlowUnavailable"


def test_a_cell_cannot_wait_for_the_form(notebook: FrontEnd) -> None:
    """`--wait` with the form would wait for ever, since the kernel hears nothing meanwhile: it is refused."""
    assert lines_of(notebook.run("%terrascope login --method password --wait")) == [
        "UsageError: A cell cannot wait for the form.",
        "While a cell runs, the kernel does not hear what is typed there.",
        "Leave --wait (wait=True) out.",
    ]


def test_the_form_signs_in_also_after_a_wrong_password(notebook: FrontEnd, box: Sandbox) -> None:
    """`--method password` shows the form, filled with the name; a wrong password is told, the right one signs in."""
    view = notebook.run("%terrascope login --method password --user dora").views[0]
    assert notebook.widgets[view]["username"] == "dora"
    assert notebook.widgets[view]["provider"]["methods"][0] == "password"
    assert not box.requests
    notebook.sign_in_by_form(view, "dora", "wr0ng-Pa55")
    assert "did not accept" in notebook.until_phase(view, "failed")["error"]["what"]
    notebook.sign_in_by_form(view, "dora", PASSWORD)
    assert notebook.until_phase(view, "signed_in")["source"] == "password"
    fetched = notebook.run(f"%download {box.download_urls[0]}")
    # the widget's own text, and no report beside it
    assert [text[:7] for text in fetched.displays.values()] == ["1 saved"]
    assert fetched.result == ""


def test_a_hubs_user_finds_the_name_filled_in(box: Sandbox, tmp_path: Path) -> None:
    """On a JupyterHub the form has the user's name, unless the cell says another one."""
    environ = environment_for(tmp_path, box, JUPYTERHUB_USER="dora", LOGNAME="dora")
    with front_end(environ, tmp_path) as notebook:
        notebook.run("%load_ext ipyterrascope")
        for line, name in (("%terrascope login", "dora"), ("%terrascope login --user boots", "boots")):
            view = notebook.run(line).views[0]
            assert notebook.widgets[view]["username"] == name


def test_a_login_without_a_name_offers_every_provider(notebook: FrontEnd, box: Sandbox) -> None:
    """Once a second provider is known the widget can turn to it; a login that names its provider offers no other."""
    notebook.run("import ipyterrascope as ts; mine = ts.providers['terrascope']; import dataclasses")
    notebook.run("mine = dataclasses.replace(mine, name='mine', label='Mine')")
    assert notebook.widgets[notebook.run("_ = ts.login(mine)").views[0]]["choices"] == {}
    view = notebook.run("%terrascope login").views[0]
    assert notebook.widgets[view]["choices"] == {"terrascope": "Terrascope", "mine": "Mine"}
    notebook.click(view, "choose_provider", provider="mine")
    notebook.until(lambda: notebook.widgets[view]["provider"]["name"] == "mine")


def test_running_the_cell_again_and_again_makes_one_widget(notebook: FrontEnd, box: Sandbox) -> None:
    """However often the login cell runs, there is one live widget in the kernel, shown by each run."""
    views = [notebook.run("%terrascope login").views[0] for _ in range(20)]
    assert len(set(views)) == 1


def test_asking_for_the_form_drops_a_code_that_waits(notebook: FrontEnd) -> None:
    """`--method password` after `login` cancels the code, so that the form can be used at once."""
    waiting(notebook)
    view = notebook.run("%terrascope login --method password").views[0]
    assert notebook.widgets[view]["phase"] == "signed_out"
    notebook.sign_in_by_form(view, "dora", PASSWORD)
    notebook.until_phase(view, "signed_in")


def test_without_a_device_flow_the_widget_shows_the_form(notebook: FrontEnd, box: Sandbox) -> None:
    """Where the provider offers no device code, the widget offers what is left."""
    box.device_flow = False
    view = notebook.run("%terrascope login").views[0]
    notebook.until_phase(view, "failed")
    assert notebook.widgets[view]["provider"]["methods"] == ["password"]
    notebook.sign_in_by_form(view, "dora", PASSWORD)
    notebook.until_phase(view, "signed_in")


def test_a_restarted_kernel_knows_nobody(notebook: FrontEnd, box: Sandbox) -> None:
    """After a restart the login is gone, the cells say so, and a new login works."""
    signed_in(notebook, box)
    notebook.restart()
    notebook.run("%load_ext ipyterrascope")
    assert notebook.run("s = %terrascope session").ename == "LoginRequired"
    signed_in(notebook, box)


def test_the_environment_signs_in_where_a_person_sits_too(
    box: Sandbox, credentials: dict[str, str], tmp_path: Path
) -> None:
    """With a credential in the environment `login` shows the widget signed in; after `logout` nothing signs in again
    until the next `login`."""
    with front_end(environment_for(tmp_path, box, **credentials), tmp_path) as notebook:
        notebook.run("%load_ext ipyterrascope")
        view = notebook.run("%terrascope login").views[0]
        assert notebook.widgets[view]["phase"] == "signed_in"
        assert notebook.widgets[view]["source"] == "environment"
        notebook.run("%terrascope logout")
        assert notebook.run("s = %terrascope session").ename == "LoginRequired"
        notebook.run("%terrascope login")
        assert notebook.run("s = %terrascope session").ename == ""


def test_a_token_that_has_expired_is_said_at_once(box: Sandbox, tmp_path: Path) -> None:
    """A TERRASCOPE_TOKEN that is no good any more is named above the widget, which asks for a new login."""
    expired = {"TERRASCOPE_TOKEN": "eyJhbGciOiJub25lIn0.eyJleHAiOjE2MDAwMDAwMDB9."}
    with front_end(environment_for(tmp_path, box, **expired), tmp_path) as notebook:
        notebook.run("%load_ext ipyterrascope")
        cell = notebook.run("%terrascope login")
        assert cell.stream == "TERRASCOPE_TOKEN has expired.\n"
        notebook.until_phase(cell.views[0], "awaiting_user")


def test_a_refused_password_of_the_environment_is_shown_with_a_way_on(box: Sandbox, tmp_path: Path) -> None:
    """When the environment's password is refused, the widget says so; running the cell again offers a code."""
    wrong = {"TERRASCOPE_USERNAME": "dora", "TERRASCOPE_PASSWORD": "wr0ng-Pa55"}
    with front_end(environment_for(tmp_path, box, **wrong), tmp_path) as notebook:
        notebook.run("%load_ext ipyterrascope")
        cell = notebook.run("%terrascope login")
        assert cell.ename == ""
        assert "did not accept" in notebook.widgets[cell.views[0]]["error"]["what"]
        notebook.click(cell.views[0], "start_device")
        notebook.until_phase(cell.views[0], "awaiting_user")
        box.approve(box.waiting_codes[0])
        notebook.until_phase(cell.views[0], "signed_in")


@pytest.mark.parametrize("software", ["voila/0.5.8"])
def test_a_visitor_of_an_app_does_not_inherit_the_owners_login(
    box: Sandbox, credentials: dict[str, str], tmp_path: Path, software: str
) -> None:
    """In Voilà the widget asks the visitor: what lies in the owner's environment is not used."""
    environ = environment_for(tmp_path, box, SERVER_SOFTWARE=software, **credentials)
    with front_end(environ, tmp_path) as notebook:
        notebook.run("%load_ext ipyterrascope", allow_stdin=False)
        assert notebook.run("s = %terrascope session", allow_stdin=False).ename == "LoginRequired"
        view = notebook.run("%terrascope login", allow_stdin=False).views[0]
        notebook.until_phase(view, "awaiting_user")
        assert not box.requests_to("/token")
