"""Tables of files, as text and as HTML (floor 4)."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TypeAlias

Row: TypeAlias = tuple[str, str, str, str]
"""Status, size, path, and what else there is to say."""

MOST_ROWS = 20
"""Of a longer list, a table has so many and says how many more there are."""

NOTHING = "nothing to download: the list is empty, the search found nothing, or no item has assets"
"""The headline of a table without rows."""

_HEADS: Row = ("status", "size", "file", "")
_SIDES = ("left", "right", "left", "left")


def text_table(headline: str, rows: Sequence[Row], count: int) -> str:
    """Write rows as text below a headline: the first `MOST_ROWS` of `count`."""
    written = [_HEADS, *rows] if rows else []
    widths = [max((len(row[column]) for row in written), default=0) for column in range(3)]
    lines = [
        f"  {status:<{widths[0]}}  {size:>{widths[1]}}  {path:<{widths[2]}}  {note}".rstrip()
        for status, size, path, note in written
    ]
    return "\n".join([headline, *lines, *(f"  {line}" for line in _left_out(count))])


def html_table(headline: str, rows: Sequence[Row], count: int) -> str:
    """Write rows as HTML below a headline: the first `MOST_ROWS` of `count`."""
    body = "".join(_html_row("td", row) for row in rows)
    table = f"<table><thead>{_html_row('th', _HEADS)}</thead><tbody>{body}</tbody></table>" if rows else ""
    above = "".join(f"<p>{escape(line.strip())}</p>" for line in headline.splitlines())
    return f"<div>{above}{table}{''.join(f'<p>{line}</p>' for line in _left_out(count))}</div>"


def _left_out(count: int) -> list[str]:
    return [f"… and {count - MOST_ROWS:,} more"] if count > MOST_ROWS else []


def _html_row(tag: str, row: Row) -> str:
    cells = zip(row, _SIDES, strict=True)
    written = (f'<{tag} style="text-align:{side}">{escape(cell)}</{tag}>' for cell, side in cells)
    return f"<tr>{''.join(written)}</tr>"
