"""The widget's files on a page that allows next to nothing, and in the colours of VS Code."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipyterrascope.auth.account import Account
from ipyterrascope.notebook.login_widget import LoginWidget
from ipyterrascope.values.known import TERRASCOPE
from testbed.bare import VSCODE, bare_page

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"


def traits() -> dict[str, object]:
    """Return the traits of a new widget as JSON has them."""
    widget = LoginWidget(Account(TERRASCOPE))
    own = {name: widget.trait_values()[name] for name in widget.keys if name not in ("layout", "tabbable", "tooltip")}
    widget.close()
    return own | {"_esm": "", "_css": ""}


def waiting() -> dict[str, object]:
    """Return the state in which a code waits."""
    uri = "https://sso.terrascope.be/device"
    return {"phase": "awaiting_user", "verification_uri": uri, "code_expires_at": time.time() + 580}


def test_a_strict_policy_stops_nothing(browser_context: BrowserContext) -> None:
    """Without eval, inline script, inline style, images and HTML from strings every face works, the QR code too."""
    page = browser_context.new_page()
    errors: list[str] = []
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    with bare_page(traits() | waiting()) as url:
        page.goto(url)
        page.get_by_text("WDJB-MJHT").wait_for()
        page.get_by_role("button", name="Show the address as a QR code").click()
        assert page.get_by_role("img", name="QR code with the address at").bounding_box()["width"] == 176  # type: ignore[index]
        page.evaluate("play({ phase: 'signed_out', code_expires_at: 0 })")
        page.get_by_role("button", name="Use a password").click()
        page.get_by_label("User name").fill("alice")
        page.get_by_label("Password", exact=True).fill("secret")
        page.get_by_role("button", name="Show the password").click()
        page.get_by_label("Password", exact=True).press("Enter")
        assert page.evaluate("model.sent.at(-1).kind") == "submit_password"
        page.evaluate("play({ phase: 'signed_in', user: 'alice', source: 'password' })")
        page.get_by_text("Signed in as alice.").first.wait_for()
        assert page.evaluate("violations") == []
    assert errors == []


@pytest.mark.parametrize("theme", VSCODE)
def test_the_colours_of_vs_code_and_of_no_theme_at_all(browser_context: BrowserContext, theme: str) -> None:
    """The widget takes VS Code's variables before Jupyter's, which are the light ones there under every theme, and the
    system's where both are missing."""
    page = browser_context.new_page()
    with bare_page(traits() | waiting(), theme) as url:
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


@pytest.mark.parametrize("theme", VSCODE)
def test_the_colours_can_be_read(browser_context: BrowserContext, theme: str) -> None:
    """axe finds enough contrast in these themes, too."""
    page = browser_context.new_page()
    with bare_page(traits() | waiting(), theme) as url:
        page.goto(url)
        page.get_by_text("WDJB-MJHT").wait_for()
        page.evaluate(AXE.read_text())
        found = page.evaluate("async () => await axe.run('.ipyterrascope-login', { runOnly: ['color-contrast'] })")
        assert found["violations"] == found["incomplete"] == []
        assert len(found["passes"][0]["nodes"]) >= 8
