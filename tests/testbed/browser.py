"""Chromium, kept to loopback."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

# a name of this machine that does not look like one: to the browser a page there is anybody's, and not secure
STRANGE_HOST = "hub.example"

_LOOPBACK = ("127.0.0.1", "localhost", "::1", STRANGE_HOST)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Run the system's Chromium, or the one that `playwright install chromium` fetched.

    The headless shell is the same engine without a browser's own windows, and loads a page in half the CPU time.
    """
    from playwright.sync_api import sync_playwright

    nowhere = f"MAP {STRANGE_HOST} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
    path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[f"--host-resolver-rules={nowhere}"])
        yield browser
        browser.close()


class LoopbackOnly:
    """What the pages of a profile ask for, which may be nothing outside loopback.

    `besides` is how an address begins that a front-end asks for by itself, and does not get.
    """

    def __init__(self, context: BrowserContext, besides: str = " ") -> None:
        self._besides = besides
        self._asked: list[str] = []
        context.on("request", lambda request: self._asked.append(request.url))
        context.on("page", self._watch)

    def _watch(self, page: Page) -> None:
        page.on("websocket", lambda socket: self._asked.append(socket.url))

    def check(self) -> None:
        """Assert that nothing was asked of the world since the last time."""
        asked, self._asked = self._asked, []
        abroad = {url for url in asked if urlsplit(url).netloc and urlsplit(url).hostname not in _LOOPBACK}
        abroad = {url for url in abroad if not url.startswith(self._besides)}
        assert not abroad, f"a page asked outside loopback: {sorted(abroad)}"


@contextlib.contextmanager
def profile(browser: Browser, besides: str = " ", scale: float = 1.0) -> Iterator[tuple[BrowserContext, LoopbackOnly]]:
    """Open a fresh profile; assert at the end that no page asked for anything outside loopback.

    `besides` is as in `LoopbackOnly`; `scale` is how many pixels of the screen make one of the page.
    """
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900}, device_scale_factor=scale)
    asked = LoopbackOnly(context, besides)
    try:
        yield context, asked
    finally:
        context.close()
    asked.check()


@contextlib.contextmanager
def loopback_context(browser: Browser, besides: str = " ", scale: float = 1.0) -> Iterator[BrowserContext]:
    """Open a fresh profile as `profile` does, for who does not look into what was asked so far."""
    with profile(browser, besides, scale) as (context, _):
        yield context
