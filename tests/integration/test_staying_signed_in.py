"""Staying signed in: approve once, and tomorrow's kernel, a script and a terminal are signed in until a logout."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernels import FrontEnd, front_end
from places import PASSWORD, environment_for, python_terminal, run_script

from ipyterrascope.sandbox import Sandbox


@pytest.fixture
def environ(box: Sandbox, tmp_path: Path) -> dict[str, str]:
    """A home in which nothing is configured but which server is Terrascope."""
    return environment_for(tmp_path, box)


@pytest.fixture
def notebook(environ: dict[str, str], tmp_path: Path) -> Iterator[FrontEnd]:
    with front_end(environ, tmp_path) as opened:
        opened.run("%load_ext ipyterrascope")
        yield opened


def stored(folder: Path) -> list[Path]:
    return [*(folder / ".local" / "share" / "ipyterrascope" / "logins").glob("*.login")]


def approved(notebook: FrontEnd, box: Sandbox, view: str) -> None:
    notebook.until_phase(view, "awaiting_user")
    box.approve(box.waiting_codes[-1])
    notebook.until_phase(view, "signed_in")


def test_tomorrow_s_kernel_is_signed_in(
    notebook: FrontEnd, box: Sandbox, environ: dict[str, str], tmp_path: Path
) -> None:
    """`login --remember` is approved once; after a restart `login` asks nobody, a script neither; a logout ends all."""
    url = box.download_urls[0]
    view = notebook.run("%terrascope login --remember").views[0]
    assert notebook.state_of(view)["provider"]["can_remember"]
    approved(notebook, box, view)
    assert notebook.state_of(view)["remember"]
    assert len(stored(tmp_path)) == 1

    notebook.restart()
    notebook.run("%load_ext ipyterrascope")
    ready = "Terrascope: not signed in yet; the next use signs in (stored login)."
    assert notebook.run("%terrascope status").result.splitlines()[0] == ready
    view = notebook.run("%terrascope login").views[0]
    assert (notebook.state_of(view)["phase"], notebook.state_of(view)["user"]) == ("signed_in", "dora")
    status = notebook.run("%terrascope status").result
    assert "signed in as dora, from the stored login." in status
    assert "stored login: Serves." in status
    assert notebook.run(f"s = %terrascope session\ns.get({url!r}).status_code").ename == ""
    assert not box.waiting_codes

    script = f"import ipyterrascope as ts; print(ts.session().get({url!r}).status_code, ts.account().state.source)"
    assert run_script(script, environ, tmp_path).stdout == "200 stored\n"

    done = run_script("import ipyterrascope as ts; print(ts.logout())", environ, tmp_path)
    assert done.stdout == "Signed out, and the session at Terrascope is ended.\n"
    assert stored(tmp_path) == []
    assert "not signed in. The stored login is gone." in notebook.run("%terrascope status").result
    gone = notebook.run(f"s.get({url!r})")
    assert gone.ename == "LoginRequired"
    assert "The stored login is gone." in gone.shown
    notebook.until_phase(view, "failed")


def test_the_box_of_the_widget(notebook: FrontEnd, box: Sandbox, tmp_path: Path) -> None:
    """Ticked while a code waits, the box gets a second code, of a lasting session; a form sent with it is kept too."""
    view = notebook.run("%terrascope login").views[0]
    notebook.until_phase(view, "awaiting_user")
    first = box.waiting_codes[-1]
    assert not notebook.state_of(view)["remember"]
    notebook.click(view, "remember", remember=True)
    notebook.until(lambda: box.waiting_codes[-1] != first and notebook.state_of(view)["remember"])
    approved(notebook, box, view)
    assert box.requests_to("/auth/device")[-1].form["scope"] == "offline_access"
    assert len(stored(tmp_path)) == 1
    notebook.click(view, "logout")
    notebook.until_phase(view, "signed_out")
    notebook.until(lambda: not stored(tmp_path))

    form = {"username": "dora", "method": "password", "has_one_time_code": False, "remember": True}
    notebook.click(view, "submit_password", [PASSWORD.encode()], **form)
    assert notebook.until_phase(view, "signed_in")["remember"]
    assert len(stored(tmp_path)) == 1


def test_nothing_is_kept_unless_it_is_wished(notebook: FrontEnd, box: Sandbox, tmp_path: Path) -> None:
    """A login as ever ends with its kernel, although one could be kept."""
    approved(notebook, box, notebook.run("%terrascope login").views[0])
    assert not (tmp_path / ".local").exists()
    notebook.restart()
    notebook.run("%load_ext ipyterrascope")
    view = notebook.run("%terrascope login").views[0]
    notebook.until_phase(view, "awaiting_user")


def test_at_a_terminal(box: Sandbox, environ: dict[str, str], tmp_path: Path) -> None:
    """`login(remember=True)` at a terminal is found by a script, where nobody could be asked."""
    with python_terminal(environ, tmp_path) as terminal:
        terminal.run("import ipyterrascope as ts")
        terminal.type('ts.login(method="password", username="dora", remember=True)')
        terminal.until("(not shown): ")
        terminal.type(PASSWORD)
        assert "Signed in to Terrascope as dora, by password, until you log out." in terminal.prompt()
    done = run_script("import ipyterrascope as ts; ts.login()", environ, tmp_path)
    assert done.stdout == "Signed in to Terrascope as dora, from the stored login, until you log out.\n"


def test_a_script_that_nobody_signed_in_for(box: Sandbox, environ: dict[str, str], tmp_path: Path) -> None:
    """Where nothing is stored it ends as ever; where what is stored is damaged, the error says so."""
    done = run_script("import ipyterrascope as ts; ts.login(remember=True)", environ, tmp_path)
    assert "LoginRequired: Nobody can be asked" in done.stderr
    assert not (tmp_path / ".local").exists()
    run_script(
        "import getpass; from ipyterrascope import *; import ipyterrascope as ts\n"
        "from ipyterrascope.values.secret import Secret\n"
        f"ts.account().start_password_login('dora', Secret({PASSWORD!r}), remember=True); ts.account().wait(20)",
        environ,
        tmp_path,
    )
    (path,) = stored(tmp_path)
    path.write_text(path.read_text()[:-10])
    done = run_script("import ipyterrascope as ts; ts.session()", environ, tmp_path)
    assert "The stored login cannot be used. It is damaged." in done.stderr
    assert "Set TERRASCOPE_USERNAME" in done.stderr


def test_the_advice_works_where_it_is_given(box: Sandbox, tmp_path: Path) -> None:
    """Where nothing may be kept, the error has a line for IPython or a variable for a script, and each works."""
    environ = environment_for(tmp_path, box, TERRASCOPE_STORE="none")
    with front_end(environ, tmp_path) as notebook:
        notebook.run("%load_ext ipyterrascope")
        refused = notebook.run("%terrascope login --remember")
        assert refused.ename == "UsageError"
        (line,) = re.findall(r"[Rr]un (%config [^,]*),", refused.shown)
        assert not notebook.run(line).ename
        approved(notebook, box, notebook.run("%terrascope login --remember").views[0])
    assert len(stored(tmp_path)) == 1

    done = run_script("import ipyterrascope as ts; ts.login(remember=True)", environ, tmp_path)
    ((name, value),) = re.findall(r"Set (\w+)=(\w+) in the environment", done.stderr)
    done = run_script("import ipyterrascope as ts; ts.session()", {**environ, name: value}, tmp_path)
    assert (done.status, done.stderr) == (0, "")
