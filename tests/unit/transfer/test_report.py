from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyterrascope.errors import ServerRefused, ServerUnreachable, TerrascopeError
from ipyterrascope.transfer import Item, Outcome, Report
from ipyterrascope.transfer.report import Status, download_failed


def outcome(
    name: str, status: Status = "saved", size_bytes: int | None = 2_500_000, error: TerrascopeError | None = None
):
    item = Item(f"https://h/{name}?signature=s3cret", name)
    return Outcome(item=item, path=Path("data", name), status=status, size_bytes=size_bytes, error=error, seconds=1.5)


GONE = ServerRefused("It is gone.", "Somebody <b>removed</b> it.", "Look elsewhere.", status=404)
LATER = ServerUnreachable("It is late.", "", "Try later.")
MIXED = Report(
    [
        outcome("a.tif"),
        outcome("b.tif", "skipped", 10),
        outcome("c.tif", "failed", None, GONE),
        outcome("d.tif", "failed", None, LATER),
    ],
    seconds=3.0,
)


def test_report_is_the_paths() -> None:
    """A report is a sequence of the paths that are there, in the order of what was asked for."""
    assert list(MIXED) == [Path("data/a.tif"), Path("data/b.tif")]
    assert len(MIXED) == 2
    assert MIXED[0] == Path("data/a.tif")
    assert MIXED[-1:] == [Path("data/b.tif")]
    assert Path("data/c.tif") not in MIXED


def test_what_was_given_twice() -> None:
    """Its path is there twice, so that sources and paths can be zipped; it is told and counted once."""
    same = outcome("a.tif")
    report = Report([same, outcome("b.tif"), same])
    assert [path.name for path in report] == ["a.tif", "b.tif", "a.tif"]
    assert (report.files_total, len(report.saved), repr(report).count("a.tif")) == (2, 2, 1)


def test_report_by_status() -> None:
    """What was saved, was there already and failed can be told apart."""
    assert [[o.item.name for o in group] for group in (MIXED.saved, MIXED.skipped, MIXED.failed)] == [
        ["a.tif"],
        ["b.tif"],
        ["c.tif", "d.tif"],
    ]


def test_report_as_text() -> None:
    """As text a report is one line, and its `repr` a table with what failed first."""
    assert str(MIXED) == "1 saved, 1 already there, 2 failed (2.5 MB in 3.0 s)"
    lines = repr(MIXED).splitlines()
    assert lines[0] == f"Report: {MIXED}"
    assert lines[1:] == [
        "  status           size  file",
        "  failed                 data/c.tif  It is gone.",
        "  failed                 data/d.tif  It is late.",
        "  saved          2.5 MB  data/a.tif",
        "  already there    10 B  data/b.tif",
    ]
    assert str(Report([])) == "nothing to download: the list is empty, the search found nothing, or no item has assets"
    assert repr(Report([])) == f"Report: {Report([])}"


def test_long_report_is_cut() -> None:
    """The tables of ten thousand files stay short and say how many they leave out."""
    report = Report([outcome(f"{n}.tif") for n in range(10_000)])
    assert len(repr(report).splitlines()) == 23
    assert "… and 9,980 more" in repr(report)
    assert "… and 9,980 more" in report._repr_html_()


def test_many_failures_are_summed_up_without_comparing_them() -> None:
    """What is shown of a hundred thousand failures is short, and none is compared with another for it; all of them are
    at hand."""

    class Uncompared(Outcome):
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            raise AssertionError("compared")

    failures = [
        Uncompared(item=Item(f"https://h/{n}.tif", f"{n}.tif"), path=Path(f"{n}.tif"), status="failed", error=GONE)
        for n in range(100_000)
    ]
    report = Report(failures)
    error = download_failed(report)
    for text, most in ((repr(report), 3000), (report._repr_html_(), 8000), (str(error), 3000)):
        assert len(text) < most
        assert "… and 99,980 more" in text
    assert len(report.failed) == len(failures)
    assert report.to_dict()["failed"] == len(failures)


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.names.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.soak
@given(st.text(), st.text())
def test_html_is_escaped(what: str, folder: str) -> None:
    """Whatever a file or an error is called, the table holds it as text."""
    item = Item("https://h/a.tif", "a.tif")
    path = Path(f"<img src=x onerror=alert(1)>{folder}".replace("\x00", ""))
    error = ServerRefused(f"<script>{what}</script>")
    page = Tags(Report([Outcome(item=item, path=path, status="failed", error=error)])._repr_html_())
    assert page.names == {"div", "p", "table", "thead", "tbody", "tr", "th", "td"}
    assert "<script>" in page.text


def test_cells_stand_below_their_heads() -> None:
    """In the HTML table each head is aligned as its column is, the sizes to the right."""
    html = MIXED._repr_html_()
    for tag in ("th", "td"):
        sides = re.findall(rf'<{tag} style="text-align:(\w+)">', html)
        assert sides == ["left", "right", "left", "left"] * (1 if tag == "th" else 4)


def test_unknown_checksum_is_said() -> None:
    """A file whose checksum nobody here can check says so, in the table and as JSON; one that was checked does not."""
    known, unknown = (
        Outcome(item=Item("https://h/a.tif", "a.tif", checksum=checksum), path=Path("a.tif"), status="saved")
        for checksum in ("1220" + "00" * 32, "1e20" + "00" * 32)
    )
    report = Report([known, unknown])
    assert [row.endswith("was not checked") for row in repr(report).splitlines()[2:]] == [False, True]
    assert "was not checked" in report._repr_html_()
    assert [outcome["checksum"] for outcome in report.to_dict()["outcomes"]] == ["matched", "not checked"]  # type: ignore[index]
    assert outcome("b.tif").checksum is None


def test_to_dict_is_json() -> None:
    """`to_dict` can be written as JSON, holds the three sentences of each error, and no query."""
    text = json.dumps(MIXED.to_dict())
    assert "s3cret" not in text
    read = json.loads(text)
    assert (read["saved"], read["skipped"], read["failed"]) == (1, 1, 2)
    assert read["outcomes"][2]["error"]["do"] == "Look elsewhere."
    assert read["outcomes"][2]["error"]["status"] == 404
    assert read["outcomes"][0]["error"] is None


def test_cancelled_files_are_told_as_such() -> None:
    """What was not fetched because the download was cancelled is neither failed nor there, and is counted apart."""
    files = [outcome("a.tif"), outcome("b.tif", "cancelled", None), outcome("c.tif", "failed", None, GONE)]
    report = Report(files, seconds=3.0)
    assert list(report) == [Path("data/a.tif")]
    assert [o.item.name for o in report.cancelled] == ["b.tif"]
    assert str(report) == "1 saved, 1 failed, 1 cancelled (2.5 MB in 3.0 s)"
    assert [row.split()[0] for row in repr(report).splitlines()[2:]] == ["failed", "cancelled", "saved"]
    assert report.to_dict()["cancelled"] == 1
    error = download_failed(report)
    assert str(error).splitlines() == [
        "1 of 3 downloads failed. Cancelled: 1 of 3 was not fetched.",
        "c.tif: It is gone. Somebody <b>removed</b> it.",
        "Look elsewhere. What was saved stays: the same call again fetches only the rest.",
    ]


def test_what_is_kept_of_what_was_not_fetched() -> None:
    """How much of unfinished files is kept stands in their rows, in the error and in the record; nothing else does."""
    half = replace(outcome("b.tif", "cancelled", None), kept_bytes=1_500_000)
    gone = replace(outcome("c.tif", "failed", None, GONE), kept_bytes=500_000)
    report = Report([half, gone, outcome("d.tif", "cancelled", None)])
    assert [o.note for o in report.outcomes] == ["1.5 MB of it are kept.", "It is gone. 500.0 kB of it are kept.", ""]
    assert "1.5 MB of it are kept." in repr(report)
    assert [row["kept_bytes"] for row in report.to_dict()["outcomes"]] == [1_500_000, 500_000, 0]
    lines = str(download_failed(report)).splitlines()
    assert lines[0] == "1 of 3 downloads failed. Cancelled: 2 of 3 were not fetched. 2.0 MB are kept."
    assert lines[-1].endswith("The same call goes on where it was.")


def test_summary_of_failures() -> None:
    """The one error at the end has a line for each file that failed, then the advice; and it carries the report."""
    error = download_failed(MIXED)
    assert str(error).splitlines() == [
        "2 of 4 downloads failed.",
        "c.tif: It is gone.",
        "d.tif: It is late.",
        "Look elsewhere. Try later. What was saved stays: the same call again fetches only the rest.",
    ]
    assert error.report is MIXED
    assert not error.retryable


@pytest.mark.parametrize(
    ("files", "advice"),
    [
        ([outcome("c.tif", "failed", None, GONE)], "Look elsewhere."),
        ([outcome("b.tif", "cancelled", None)], "The same call fetches them."),
        ([outcome("a.tif", "skipped"), outcome("b.tif", "failed", None, GONE)], "fetches only the rest."),
    ],
)
def test_advice_where_nothing_was_saved(files: list[Outcome], advice: str) -> None:
    """That what was saved stays is said only where something was."""
    said = str(download_failed(Report(files)))
    assert said.endswith(advice)
    assert ("What was saved stays" in said) == any(file.status == "skipped" for file in files)


def test_what_is_said_of_several_alike_is_said_once() -> None:
    """Two that would be one file fail for one reason, which is told once and whole."""
    two = [outcome("c.tif", "failed", None, GONE), replace(outcome("c.tif", "failed", None, GONE), seconds=2.0)]
    assert str(download_failed(Report(two))).splitlines()[:2] == [
        "2 of 2 downloads failed.",
        "c.tif: It is gone. Somebody <b>removed</b> it.",
    ]


def test_summary_of_many_failures_is_short() -> None:
    """Of a thousand failures the first are told, and the advice once; all of them passing makes the whole retryable."""
    error = download_failed(Report([outcome(f"{n}.tif", "failed", None, LATER) for n in range(1000)]))
    lines = str(error).splitlines()
    assert len(lines) == 23
    assert lines[21] == "… and 980 more: in Python, `report.failed` has all of them"
    assert str(error).count("Try later.") == 1
    assert error.retryable
