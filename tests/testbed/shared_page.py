"""A page of JupyterLab or Notebook 7 that stays loaded, and in which one test after another opens its notebook.

To load one costs 4 s of CPU time, to open a notebook in it less than 1 s. The next test gets it only where it is as it
was when it was new: a test that failed, or left anything else there, was the last one in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testbed.browser import LoopbackOnly, profile
from testbed.lab import Lab, LabServer, Notebook, Place

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

# `_noref` lets Notebook 7, which gives each notebook a tab of its own, show it in this one
_OPEN = """async path => {
  await jupyterapp.serviceManager.kernelspecs.refreshSpecs();
  await jupyterapp.commands.execute("docmanager:open", { path, options: { ref: "_noref" } });
}"""
_CLEAR = """async theme => {
  for (const shown of [...jupyterapp.shell.widgets("main")]) shown.dispose();
  if (document.body.dataset.jpThemeName !== theme)
    await jupyterapp.commands.execute("apputils:change-theme", { theme });
  delete window.testbedRuns;
}"""
# What a test can leave behind. `looks` measures with axe, JupyterLab loads MathJax with the first text, and its themes
# set properties of their own.
_STATE = """() => {
  const media = ["print", "(forced-colors: active)", "(prefers-reduced-motion: reduce)"];
  const styled = ({ style }) => [...style].filter(name => !name.startsWith("--")).map(name => [name, style[name]]);
  return {
    theme: document.body.dataset.jpThemeName,
    asking: document.querySelectorAll(".jp-Dialog, .Toastify__toast").length,
    styles: [document.documentElement, document.body].map(styled),
    globals: Object.keys(window).filter(name => !["axe", "MathJax"].includes(name)).sort(),
    kept: [{ ...localStorage }, { ...sessionStorage }, document.cookie],
    seen: [innerWidth, innerHeight, devicePixelRatio, navigator.onLine],
    media: media.map(query => matchMedia(query).matches),
    savesWidgets: jupyterapp.commands.isToggled("@jupyter-widgets/jupyterlab-manager:saveWidgetState"),
  };
}"""


class SharedPage:
    """One page in a profile of its own, that is loaded with its first notebook."""

    def __init__(self, context: BrowserContext, asked: LoopbackOnly) -> None:
        self.context, self._asked = context, asked
        self.console_errors: list[str] = []
        self.page_errors: list[str] = []
        self.is_free = True
        self._when_new: dict[str, Any] = {}

    def loaded(self) -> None:
        """Remember how it is now, with its first notebook."""
        self._when_new = self._state()

    def open(self, path: Path) -> Notebook | None:
        """Open a notebook in it; return nothing where no page is loaded yet."""
        if not self._when_new:
            return None
        (page,) = self.context.pages
        page.evaluate(_OPEN, path.name)
        return Notebook(page, path)

    def clear(self) -> None:
        """Close the notebook; assert that nothing was asked outside loopback."""
        if self._when_new:
            assert self.context.pages, "ask for `browser_context`: the page of this test stays open"
            self.context.pages[0].evaluate(_CLEAR, self._when_new["theme"])
            self.context.pages[0].mouse.move(0, 0)
        self._asked.check()

    def is_as_new(self) -> bool:
        """Tell whether a test left nothing in it."""
        return len(self.context.pages) == 1 and self._state() == self._when_new

    def _state(self) -> dict[str, Any]:
        return self.context.pages[0].evaluate(_STATE)


class LabInSharedPage(Lab):
    """A `Lab` for a test that does no more to its page than to work with one notebook in it."""

    def __init__(self, server: LabServer, shared: SharedPage, folder: Path, place: Place) -> None:
        super().__init__(server, shared.context, folder, place)
        self.shared = shared
        self._is_used = False
        # those of the page, which hears on between two tests
        self.console_errors, self.page_errors = shared.console_errors, shared.page_errors

    @property
    def context(self) -> BrowserContext:
        """Nothing of it is for one test alone."""
        raise AssertionError("ask for `browser_context`: the page of this test serves others too")

    def view(self, path: Path, host: str = "") -> Notebook:
        """Open the one notebook."""
        assert not host, "ask for `browser_context`: the page has its address"
        assert not self._is_used, "ask for `browser_context`: the page is for one notebook"
        self._is_used = True
        notebook = self.shared.open(path)
        if notebook is None:
            notebook = super().view(path)
            self.shared.loaded()
        else:
            notebook.wait_for_kernel()
        return notebook

    def close(self, *, passed: bool = True) -> None:
        """As a `Lab` does; the page is free then where it is as it was."""
        self.shared.is_free = False
        super().close(passed=passed)
        self.shared.is_free = passed and self.shared.is_as_new()

    def _leave(self) -> None:
        self.shared.clear()


class SharedPages:
    """A page of each place, for the tests that come one after another."""

    def __init__(self, browser: Browser, server: LabServer) -> None:
        self._browser, self._server = browser, server
        self._profiles: dict[Place, ExitStack] = {}
        self._pages: dict[Place, SharedPage] = {}

    def lab(self, place: Place, folder: Path) -> LabInSharedPage:
        """Return a window for one test, in a page that is free, or a fresh one."""
        page = self._pages.get(place)
        if page is None or not page.is_free:
            self.drop(place)
            self._profiles[place] = ExitStack()
            page = SharedPage(*self._profiles[place].enter_context(profile(self._browser)))
            self._pages[place] = page
        page.is_free = False
        return LabInSharedPage(self._server, page, folder, place)

    def drop(self, place: Place) -> None:
        """Close a page; the next test gets a fresh one."""
        self._pages.pop(place, None)
        self._profiles.pop(place, ExitStack()).close()


@contextmanager
def shared_pages(browser: Browser, server: LabServer) -> Iterator[SharedPages]:
    """Have a page of each place, which is loaded for the first test that asks for it."""
    pages = SharedPages(browser, server)
    try:
        yield pages
    finally:
        for place in ("lab", "notebook"):
            pages.drop(place)
