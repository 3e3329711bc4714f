"""The widgets' files on a page that allows next to nothing, and in the colours of VS Code."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipyterrascope.auth.account import Account
from ipyterrascope.notebook.download_protocol import Window, shown_state, shown_window
from ipyterrascope.notebook.download_widget import DownloadWidget
from ipyterrascope.notebook.kernel_widget import KernelWidget
from ipyterrascope.notebook.login_widget import LoginWidget
from ipyterrascope.values.known import TERRASCOPE
from testbed.bare import VSCODE, bare_page
from testbed.download_stage import DownloadStage

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"


def traits(widget: KernelWidget) -> dict[str, object]:
    """Return the traits of a new widget as JSON has them, and close it."""
    own = {name: widget.trait_values()[name] for name in widget.keys if name not in ("layout", "tabbable", "tooltip")}
    widget.close()
    return own | {"_esm": "", "_css": ""}


def login_page(theme: str = "") -> AbstractContextManager[str]:
    """Serve a login in which a code waits."""
    uri, ends_at = "https://sso.terrascope.be/device", time.time() + 580
    state = {"phase": "awaiting_user", "verification_uri": uri, "code_expires_at": ends_at}
    code = {"kind": "code", "user_code": "WDJB-MJHT", "code_expires_at": ends_at}
    code["verification_uri_complete"] = "https://sso.example.org/device?user_code=WDJB-MJHT"
    return bare_page(traits(LoginWidget(Account(TERRASCOPE))) | state, theme, news=[code])


def download_page(theme: str = "") -> AbstractContextManager[str]:
    """Serve a download under way, of which one file waits for another try."""
    stage = DownloadStage()
    shown, download = stage.play("waiting"), stage.download
    rows = shown_window(Window("all", 0, 10), download.files("all", 0, 10))
    news = {"kind": "progress", "state": shown_state(download.state, is_foreground=False), "windows": [rows]}
    return bare_page(traits(shown), theme, DownloadWidget, [news])


def test_a_strict_policy_stops_nothing(browser_context: BrowserContext) -> None:
    """Without eval, inline script, inline style, images and HTML from strings every face works, the QR code too."""
    page = browser_context.new_page()
    errors: list[str] = []
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    with login_page() as url:
        page.goto(url)
        page.get_by_text("WDJB-MJHT").wait_for()
        page.get_by_role("button", name="Show the address as a QR code").click()
        assert page.get_by_role("img", name="The address as a QR code").bounding_box()["width"] == 176  # type: ignore[index]
        page.evaluate("play({ phase: 'signed_out', code_expires_at: 0 })")
        page.get_by_role("button", name="Use a password").click()
        page.get_by_label("User name").fill("alice")
        page.get_by_label("Password", exact=True).fill("secret")
        page.get_by_role("button", name="Show what is typed").click()
        page.get_by_label("Password", exact=True).press("Enter")
        assert page.evaluate("model.sent.at(-1).kind") == "submit_password"
        page.evaluate("play({ phase: 'signed_in', user: 'alice', source: 'password' })")
        page.get_by_text("Signed in as alice.").first.wait_for()
        assert page.evaluate("violations") == []
    assert errors == []


def test_a_view_in_a_shadow_root_keeps_the_focus_too(browser_context: BrowserContext) -> None:
    """Where a front-end puts the widget into a shadow root, the focus goes along from one face to the next."""
    page = browser_context.new_page()
    with login_page() as url:
        page.goto(url)
        page.get_by_text("WDJB-MJHT").wait_for()
        page.evaluate(
            "() => document.body.appendChild(document.createElement('div')).attachShadow({ mode: 'open' })"
            ".append(document.querySelector('.cell-output-ipywidget-background'))"
        )
        page.get_by_role("link", name="Copy code & open").focus()
        page.evaluate("play({ phase: 'signed_in', user: 'alice', source: 'device' })")
        focused = "document.activeElement.shadowRoot.activeElement.textContent"
        page.wait_for_function(f"{focused} === 'Signed in as alice.'")


@pytest.mark.parametrize("theme", VSCODE)
def test_the_colours_of_vs_code_and_of_no_theme_at_all(browser_context: BrowserContext, theme: str) -> None:
    """The widget takes VS Code's variables before Jupyter's, which are the light ones there under every theme, and the
    system's where both are missing."""
    page = browser_context.new_page()
    with login_page(theme) as url:
        page.goto(url)
        page.get_by_text("WDJB-MJHT").wait_for()
        style = page.locator(".ipyterrascope-login").evaluate(
            "card => [getComputedStyle(card).color, getComputedStyle(card).backgroundColor].map(String)"
        )
        link = page.get_by_role("link").first.evaluate("node => getComputedStyle(node).backgroundColor")
        behind = page.locator(".cell-output-ipywidget-background").evaluate(
            "node => getComputedStyle(node).backgroundColor"
        )
        wanted = VSCODE[theme]
        if wanted:
            assert behind == "rgba(0, 0, 0, 0)"
            assert style == [rgb(wanted["foreground"]), rgb(wanted["editor-background"])]
            assert link == rgb(wanted["button-background"])
        assert style[0] != style[1]


def rgb(colour: str) -> str:
    """Return a colour as a browser computes it."""
    return f"rgb({', '.join(str(int(colour[start : start + 2], 16)) for start in (1, 3, 5))})"


def test_a_strict_policy_stops_no_download_either(browser_context: BrowserContext) -> None:
    """The bars are as long as they should be, and a click is sent."""
    page = browser_context.new_page()
    with download_page() as url:
        page.goto(url)
        page.get_by_text("Next try in").wait_for()
        width = "fill => fill.offsetWidth / fill.parentElement.clientWidth"
        assert page.locator(".ts-row .ts-fill").nth(1).evaluate(width) == pytest.approx(0.62, abs=0.01)
        page.get_by_role("button", name="Pause").click()
        assert page.evaluate("model.sent.at(-1).kind") == "pause"
        assert page.evaluate("violations") == []


@pytest.mark.parametrize("theme", VSCODE)
@pytest.mark.parametrize(("serve", "says"), [(login_page, "WDJB-MJHT"), (download_page, "Next try in")])
def test_the_colours_can_be_read(
    browser_context: BrowserContext, theme: str, serve: Callable[[str], AbstractContextManager[str]], says: str
) -> None:
    """axe finds enough contrast in these themes, too."""
    page = browser_context.new_page()
    with serve(theme) as url:
        page.goto(url)
        page.get_by_text(says).wait_for()
        page.evaluate(AXE.read_text())
        found = page.evaluate("async () => await axe.run('.ipyterrascope', { runOnly: ['color-contrast'] })")
        assert found["violations"] == found["incomplete"] == []
        assert len(found["passes"][0]["nodes"]) >= 8
