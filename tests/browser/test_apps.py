"""Notebooks as apps: Voilà's main story, and marimo; a visitor is asked, and gets nobody else's login."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest

from ipyterrascope.sandbox import Sandbox
from private_jupyter import configure_ipython, private_environment, provider_traits
from servers import free_port, running
from testbed.browser import loopback_context

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator

CODE = re.compile("^[A-Z]{4}-[A-Z]{4}$")

MARIMO = """
import marimo

app = marimo.App()


@app.cell
def login():
    import ipyterrascope as ts

    ts.login()
    return (ts,)


@app.cell
def threads(ts):
    import threading
    import marimo as mo

    def ask(told, mine):
        try:
            told.append("the visitor's" if ts.account() is mine else "another one's")
        except ts.TerrascopeError as exc:
            told.append(str(exc))

    def told_in(kind):
        told = []
        thread = kind(target=ask, args=(told, ts.account()))
        thread.start()
        thread.join()
        return told[0]

    mo.md(f"A thread: {told_in(threading.Thread)} A marimo.Thread: {told_in(mo.Thread)}.")
    return


if __name__ == "__main__":
    app.run()
"""


@contextlib.contextmanager
def app(folder: Path, command: Callable[[int], list[str]], environ: dict[str, str]) -> Iterator[str]:
    """Serve an app in `folder`, and return its address."""
    port = free_port()

    def listens() -> bool:
        # Voilà would run the notebook for whoever asks by HTTP
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    with running([sys.executable, "-m", *command(port)], is_ready=listens, log=folder / "app.log", env=environ):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def voila(box: Sandbox, tmp_path: Path) -> Iterator[str]:
    """A Voilà whose owner has a credential in the environment."""
    mine = {"HOME": str(tmp_path), "TERRASCOPE_USERNAME": "dora", "TERRASCOPE_PASSWORD": box.users["dora"]}
    environ = {**private_environment(tmp_path, os.environ), **mine}
    configure_ipython(Path(environ["IPYTHONDIR"]), provider_traits(box.provider()))
    cells = [nbformat.v4.new_code_cell(line) for line in ("%load_ext ipyterrascope", "%terrascope login")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "app.ipynb")

    def command(port: int) -> list[str]:
        return ["voila", str(tmp_path / "app.ipynb"), "--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1"]

    with app(tmp_path, command, environ) as url:
        yield url


@pytest.fixture
def marimo(box: Sandbox, tmp_path: Path) -> Iterator[str]:
    """A marimo app whose owner has a credential in the environment."""
    mine = {
        **{name: str(tmp_path) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")},
        **{"TERRASCOPE_ISSUER": box.issuer, "TERRASCOPE_HOSTS": f"127.0.0.1:{box.port}"},
        **{"TERRASCOPE_USERNAME": "dora", "TERRASCOPE_PASSWORD": box.users["dora"]},
    }
    (tmp_path / "app.py").write_text(MARIMO)

    def command(port: int) -> list[str]:
        place = ["--headless", "--host", "127.0.0.1", "--port", str(port), "--no-token"]
        return ["marimo", "run", str(tmp_path / "app.py"), *place]

    with app(tmp_path, command, {**os.environ, **mine}) as url:
        yield url


def visit(context: BrowserContext, url: str) -> Locator:
    """Open the app in a new tab, and return its widget."""
    page = context.new_page()
    page.goto(url)
    return page.locator(".ipyterrascope-login")


def assert_each_visitor_signs_in(context: BrowserContext, url: str, box: Sandbox) -> None:
    """Two visitors, two codes, two people; each sees one widget, and no text that stands in for it."""
    for user in ("dora", "boots"):
        widget = visit(context, url)
        code = widget.get_by_text(CODE).inner_text()
        box.approve(code, user=user)
        widget.get_by_text(f"Signed in as {user}.").first.wait_for()
        assert widget.count() == 1
        assert widget.page.get_by_text(re.compile("to be seen here|<Account")).count() == 0
    assert not box.requests_to("/download")


def test_voila_signs_each_visitor_in(voila: str, chromium: Browser, box: Sandbox) -> None:
    """The main story in Voilà: code, approval, signed in; neither the owner's login nor that of another visitor."""
    with loopback_context(chromium, besides="https://cdn.jsdelivr.net/npm/@fortawesome/") as context:
        assert_each_visitor_signs_in(context, voila, box)
        widget = visit(context, voila)
        widget.get_by_role("button", name="Use a password").click()
        widget.get_by_label("User name").fill("boots")
        widget.get_by_label("Password", exact=True).fill(box.users["boots"])
        widget.get_by_label("Password", exact=True).press("Enter")
        widget.get_by_text("Signed in as boots.").first.wait_for()
        widget.get_by_role("button", name="Log out").click()
        widget.get_by_text("Signed out, and the session at Terrascope is ended.").first.wait_for()


def test_marimo_signs_each_visitor_in(marimo: str, chromium: Browser, box: Sandbox) -> None:
    """The widget works in a shadow root and with another runtime, also as the last line of a cell; visitors of one
    process stay apart, and a thread of which marimo does not know whose it is gets nobody's account."""
    with loopback_context(chromium) as context:
        assert_each_visitor_signs_in(context, marimo, box)
        for page in context.pages:
            page.get_by_text("A thread: This thread belongs to no visitor of the app.").wait_for()
            page.get_by_text("A marimo.Thread: the visitor's.").wait_for()
