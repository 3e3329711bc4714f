"""A person at a terminal: `python` and `ipython` print link and code, or ask for the password, and go on when it is
done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from places import PASSWORD, Terminal, console_terminal, environment_for, ipython_terminal, python_terminal

from ipyterrascope.sandbox import Sandbox

INVITED = "Ctrl-C cancels …"


@pytest.fixture
def python(box: Sandbox, tmp_path: Path) -> Iterator[Terminal]:
    with python_terminal(environment_for(tmp_path, box), tmp_path) as terminal:
        terminal.run("import ipyterrascope as ts")
        yield terminal


@pytest.fixture
def ipython(box: Sandbox, tmp_path: Path) -> Iterator[Terminal]:
    with ipython_terminal(environment_for(tmp_path, box), tmp_path) as terminal:
        terminal.run("%load_ext ipyterrascope")
        yield terminal


def read_everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_python_prints_link_and_code_and_goes_on_when_it_is_approved(python: Terminal, box: Sandbox) -> None:
    """`ts.login()` prints the link with the code and the code itself, waits, and returns the account."""
    python.type("account = ts.login()")
    invitation = python.until(INVITED)
    code = box.waiting_codes[-1]
    assert f"{box.issuer}/device?user_code={code}\n" in invitation
    assert f"check that it shows the code  {code}\n" in invitation
    box.approve(code)
    assert python.prompt() == "Signed in to Terrascope as dora, by device code."
    assert python.run("account") == "<Account terrascope: signed_in as dora>"
    assert python.run("ts.logout()") == "'Signed out, and the session at Terrascope is ended.'"


def test_a_session_at_a_terminal_asks_for_what_it_needs(python: Terminal, box: Sandbox) -> None:
    """Without a login `ts.session()` starts one at a terminal, and is signed in when it returns."""
    python.type("s = ts.session()")
    python.until(INVITED)
    box.approve(box.waiting_codes[-1])
    python.prompt()
    assert python.run(f"s.get({box.download_urls[0]!r}).status_code") == "200"


def test_a_password_is_asked_for_and_never_shown(python: Terminal, box: Sandbox, tmp_path: Path) -> None:
    """`method="password"` asks for user name and password; the password is on no screen and in no history."""
    python.type('ts.login(method="password")')
    python.until("Terrascope user name: ")
    python.type("boots")
    python.until("Terrascope password (not shown): ")
    python.type(box.users["boots"])
    assert "Signed in to Terrascope as boots, by password." in python.prompt()
    python.press("d")
    assert box.users["boots"] not in python.transcript
    assert box.users["boots"].encode() not in read_everything(tmp_path)


def test_a_user_name_that_is_given_is_not_asked_for(python: Terminal) -> None:
    """`username=` is taken as it is, and only the password is asked for, also after a wrong one."""
    python.type('ts.login(method="password", username="dora")')
    assert "user name" not in python.until("Terrascope password (not shown): ").split("\n", 1)[1]
    python.type("wr0ng-Pa55")
    assert "Terrascope did not accept the user name and password." in python.until("password of dora (not shown): ")
    python.type(PASSWORD)
    python.until("One-time code (Enter if you have none): ")
    python.type("")
    assert "Signed in to Terrascope as dora, by password." in python.prompt()
    assert "wr0ng-Pa55" not in python.transcript


def test_a_one_time_code_is_asked_for_and_never_shown(python: Terminal, box: Sandbox, tmp_path: Path) -> None:
    """Somebody whose account wants a one-time code can type it; it is on no screen and in no history."""
    python.type('ts.login(method="password", username="swiper")')
    python.until("(not shown): ")
    python.type(box.users["swiper"])
    python.until("of swiper (not shown): ")
    python.type(box.users["swiper"])
    python.until("(Enter if you have none): ")
    code = box.one_time_code()
    python.type(code)
    assert "Signed in to Terrascope as swiper, by password." in python.prompt()
    python.press("d")
    assert code not in python.transcript
    assert code.encode() not in read_everything(tmp_path)


def test_ctrl_c_cancels_a_device_login_and_a_later_one_works(python: Terminal, box: Sandbox) -> None:
    """Ctrl-C while a code waits is `LoginCancelled`; the account is signed out, and the next login starts afresh."""
    python.type("ts.login()")
    python.until(INVITED)
    first = box.waiting_codes[-1]
    python.press("c")
    assert python.prompt().endswith("LoginCancelled: The sign-in was cancelled. Start it again when you like.")
    assert "KeyboardInterrupt" not in python.transcript
    assert python.run("ts.account()") == "<Account terrascope: signed_out>"
    python.type("account = ts.login()")
    python.until(INVITED)
    assert box.waiting_codes[-1] != first
    box.approve(box.waiting_codes[-1])
    assert python.prompt() == "Signed in to Terrascope as dora, by device code."


@pytest.mark.parametrize("key", ["c", "d"])
@pytest.mark.parametrize("question", ["user name: ", "password (not shown): "])
def test_ctrl_c_and_ctrl_d_cancel_a_question(ipython: Terminal, box: Sandbox, key: str, question: str) -> None:
    """At either question Ctrl-C and Ctrl-D cancel, in IPython without a stack, and nothing was sent."""
    ipython.type("%terrascope login --method password" + (" --user dora" if question.startswith("password") else ""))
    ipython.until(question)
    shown = ipython.cancel(key)
    assert shown.endswith("LoginCancelled: The sign-in was cancelled.\nStart it again when you like.")
    assert "Traceback" not in shown
    assert not box.requests


def test_an_empty_answer_is_not_sent(python: Terminal, box: Sandbox) -> None:
    """Just Enter, for the name or for the password, is asked about again, and nothing is sent."""
    python.type('ts.login(method="password")')
    python.until("user name: ")
    python.type("")
    python.until("Nothing was typed. Ctrl-C cancels.")
    python.until("user name: ")
    python.type("dora")
    python.until("password (not shown): ")
    python.type("")
    python.until("Nothing was typed. Ctrl-C cancels.")
    python.until("password (not shown): ")
    assert not box.requests
    python.type(PASSWORD)
    assert "Signed in to Terrascope as dora, by password." in python.prompt()


def test_without_a_device_flow_the_password_is_asked_for(python: Terminal, box: Sandbox) -> None:
    """Where the provider offers no device code, the terminal says so and asks for the password instead."""
    box.device_flow = False
    python.type("ts.login()")
    assert "offers no device code. User name and password instead:\n" in python.until("user name: ")
    python.type("dora")
    python.until("password (not shown): ")
    python.type(PASSWORD)
    assert "Signed in to Terrascope as dora, by password." in python.prompt()


@pytest.mark.parametrize("call", ["login", "session"])
def test_a_token_that_has_expired_is_said_at_once(box: Sandbox, tmp_path: Path, call: str) -> None:
    """A TERRASCOPE_TOKEN that is no good any more is named before the person is asked to sign in."""
    expired = "eyJhbGciOiJub25lIn0.eyJleHAiOjE2MDAwMDAwMDB9."
    with python_terminal(environment_for(tmp_path, box, TERRASCOPE_TOKEN=expired), tmp_path) as python:
        python.run("import ipyterrascope as ts")
        python.type(f"ts.{call}()")
        assert "TERRASCOPE_TOKEN has expired.\nTo sign in to Terrascope, open" in python.until(INVITED)
        assert expired not in python.transcript


def test_a_denied_login_is_an_error(python: Terminal, box: Sandbox) -> None:
    """Somebody who says no on the page ends the wait at once."""
    python.type("ts.login()")
    python.until(INVITED)
    box.deny(box.waiting_codes[-1])
    assert "LoginDenied: The sign-in was denied." in python.prompt()


def test_a_passing_trouble_is_told_and_survived(python: Terminal, box: Sandbox) -> None:
    """While the provider cannot answer a poll, the terminal says so and goes on waiting."""
    box.timeline.token(503)
    python.type("ts.login()")
    assert "cannot answer right now. Still waiting …" in python.until("Still waiting …")
    box.approve(box.waiting_codes[-1])
    assert "Signed in to Terrascope as dora, by device code." in python.prompt()


def test_ipython_says_the_same_without_a_stack(ipython: Terminal, box: Sandbox) -> None:
    """`%terrascope login` prints link and code, Ctrl-C shows no more than its sentences, and a later login works."""
    ipython.type("%terrascope login")
    ipython.until(INVITED)
    ipython.press("c")
    shown = ipython.prompt()
    assert shown.endswith("LoginCancelled: The sign-in was cancelled.\nStart it again when you like.")
    assert "Traceback" not in shown
    ipython.type("s = %terrascope session")
    ipython.until(INVITED)
    box.approve(box.waiting_codes[-1])
    assert ipython.prompt().endswith("Signed in to Terrascope as dora, by device code.")
    assert ipython.run(f"s.get({box.download_urls[0]!r}).status_code").endswith("200")
    assert "Terrascope: signed in as dora, by device code." in ipython.run("%terrascope status")
    assert "1 saved" in ipython.run(f"%download {box.download_urls[0]} -d data")
    assert "1 already there" in ipython.run(f"%download {box.download_urls[0]} -d data")
    assert ipython.run("%terrascope logout").endswith("Signed out, and the session at Terrascope is ended.")


def test_a_console_of_a_kernel_is_a_terminal_too(box: Sandbox, tmp_path: Path) -> None:
    """`jupyter console` shows no widgets: link and code are printed there, or the password is asked for, unseen."""
    with console_terminal(environment_for(tmp_path, box), tmp_path) as console:
        console.run("%load_ext ipyterrascope")
        console.type("%terrascope login")
        console.until(INVITED)
        assert "LoginCancelled" in console.cancel("c")
        console.type("s = %terrascope session")
        console.until(INVITED)
        box.approve(box.waiting_codes[-1])
        assert console.prompt().endswith("Signed in to Terrascope as dora, by device code.")
        assert "1 saved" in console.run(f"%download {box.download_urls[0]} -d data")
        console.run("%terrascope logout")
        console.type("%terrascope login --method password --user boots")
        console.until("Terrascope password (not shown): ")
        console.type(box.users["boots"])
        assert console.prompt().endswith("Signed in to Terrascope as boots, by password.")
        assert box.users["boots"] not in console.transcript
    assert box.users["boots"].encode() not in read_everything(tmp_path)


def test_a_terminal_without_the_characters_signs_in_all_the_same(box: Sandbox, tmp_path: Path) -> None:
    """Where the terminal knows ASCII alone, what it cannot show is replaced, and the login works."""
    environ = environment_for(tmp_path, box, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    with python_terminal(environ, tmp_path) as python:
        python.run("import ipyterrascope as ts")
        python.type("account = ts.login()")
        python.until("Ctrl-C cancels ?")
        box.approve(box.waiting_codes[-1])
        assert python.prompt() == "Signed in to Terrascope as dora, by device code."


def test_threads_that_need_a_login_ask_the_person_once(python: Terminal, box: Sandbox) -> None:
    """Several threads that need a session at the same moment print one code, and all are signed in by it."""
    python.run("from concurrent.futures import ThreadPoolExecutor")
    python.type("with ThreadPoolExecutor(8) as pool: sessions = [*pool.map(lambda _: ts.session(), range(8))]")
    python.type("")
    python.until(INVITED)
    box.approve(box.waiting_codes[-1])
    python.prompt()
    assert python.run(f"len(sessions), sessions[7].get({box.download_urls[0]!r}).status_code") == "(8, 200)"
    assert len(box.requests_to("/auth/device")) == 1
