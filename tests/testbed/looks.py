"""What can be measured of a widget's looks in a page: what axe finds, and how large the parts are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

_AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

_CHECK = """async ([root, rules]) => {
  const options = { runOnly: rules, resultTypes: ["violations", "incomplete", "passes"] };
  // else axe takes everything for outside the page, and looks at no contrast
  const height = document.body.style.height;
  document.body.style.height = "100vh";
  const found = await axe.run(root, options);
  document.body.style.height = height;
  const told = kind => found[kind].flatMap(rule => rule.nodes.map(node => [rule.id, node.html, node.failureSummary]));
  const looked = found.passes.find(rule => rule.id === "color-contrast")?.nodes.length ?? 0;
  return { faults: told("violations"), unsure: told("incomplete"), looked };
}"""
_SIZE = """([root, width]) => {
  const holder = document.querySelector(root).parentElement;
  holder.style.width = width ? `${width}px` : "";
  const card = document.querySelector(root);
  const isSeen = node => !node.closest("[aria-live]") && node.getClientRects().length;
  const inner = [...card.querySelectorAll("*")].filter(isSeen);
  const right = Math.max(...inner.map(node => node.getBoundingClientRect().right));
  const broken = [];
  const texts = document.createTreeWalker(card, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    if (!isSeen(text.parentElement)) continue;
    for (const { 0: word, index } of text.data.matchAll(/[^\\s-]+/g)) {
      const range = document.createRange();
      range.setStart(text, index);
      range.setEnd(text, index + word.length);
      if (new Set([...range.getClientRects()].map(line => Math.round(line.top))).size > 1) broken.push(word);
    }
  }
  return [card.offsetHeight, Math.ceil(right - card.getBoundingClientRect().right), broken];
}"""


def checked(page: Page, root: str) -> tuple[list[Any], int]:
    """Return what axe finds wrong or is unsure of in an element, and how many texts it looked at for contrast."""
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=_AXE)
    result = page.evaluate(_CHECK, [root, _RULES])
    return result["faults"] + result["unsure"], result["looked"]


def size_of(page: Page, root: str, width_px: int) -> tuple[int, int, list[str]]:
    """Give a card a width (0: that of its cell); return its height, how far something sticks out of it to the right,
    and the words that are broken."""
    height, over, broken = page.evaluate(_SIZE, [root, width_px])
    return height, over, broken
