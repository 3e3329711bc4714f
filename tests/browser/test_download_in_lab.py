"""The download widget in front of a real server: seen, paused, cancelled, tried again, in one tab and in two."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pytest

from ipyterrascope.sandbox import Sandbox
from testbed.ipykernel6 import ipykernel6
from testbed.lab import Lab, Notebook

if TYPE_CHECKING:
    from playwright.sync_api import Locator

MB = 1_000_000
SLOW = "--limit-rate 400k"
"""A megabyte takes two seconds and a half."""
_COUNT = """() => {
  const { kernel } = jupyterapp.shell.currentWidget.sessionContext.session;
  window.testbedTold = [];
  kernel.iopubMessage.connect((_, message) => {
    const { kind, ...told } = message.content.data?.content ?? {};
    if (kind === "progress") window.testbedTold.push([performance.now(), JSON.stringify(told).length]);
  });
}"""
INTERRUPT = "To stop at once, interrupt the kernel: what is there is kept."


def opened(
    lab: Lab, box: Sandbox, traits: Mapping[str, object], urls: list[str], *cells: str, **environ: str
) -> Notebook:
    """Open a notebook that is signed in, and knows `urls` and a `folder` of its own."""
    signed_in = {"TERRASCOPE_USERNAME": "dora", "TERRASCOPE_PASSWORD": box.users["dora"]}
    # the notebooks of all tests lie in one folder
    own = f"data-{secrets.token_hex(3)}"
    first = f"%load_ext ipyterrascope\nimport ipyterrascope as ts\nurls, folder = {urls}, {own!r}"
    notebook = lab.open([first, *cells], traits=traits, environ={**signed_in, **environ})
    notebook.run(0)
    return notebook


def files(box: Sandbox, *sizes_bytes: int) -> list[str]:
    """Serve files of these sizes."""
    return [box.add_synthetic(f"p/{number:05}.tif", size_bytes) for number, size_bytes in enumerate(sizes_bytes)]


def reads(widget: Locator, text: str | re.Pattern[str], timeout_ms: float = 30_000) -> None:
    widget.get_by_text(text).first.wait_for(timeout=timeout_ms)


def press(widget: Locator, name: str) -> None:
    widget.get_by_role("button", name=name, exact=True).click()


def texts(notebook: Notebook, index: int) -> list[str]:
    """Return the text that stands in the file for each output of a cell that has one."""
    outputs = notebook.save()["cells"][index]["outputs"]
    return ["".join(output["data"]["text/plain"]) for output in outputs if "data" in output]


def until_saved(notebook: Notebook, index: int, begins: str) -> None:
    """Wait until the widget's text in the file begins like that: it comes a moment after what is on the page."""
    for _ in range(50):
        if (said := texts(notebook, index)[0]).startswith(begins):
            return
        notebook.page.wait_for_timeout(200)
    raise AssertionError(said)


@pytest.mark.parametrize("lab", ["lab", "notebook"], indirect=True)
def test_three_files(lab: Lab, box: Sandbox, traits: Mapping[str, object]) -> None:
    """While the cell runs, each file has a row that fills up; in the end the widget and its text in the saved file say
    the same, once."""
    urls = files(box, MB, MB, MB)
    notebook = opened(lab, box, traits, urls, "%download $urls -d $folder --limit-rate 600k")
    notebook.run(1, wait=False)
    reads(notebook.download, re.compile("MB of 3.0 MB"))
    bars = notebook.download.get_by_role("progressbar")
    assert bars.count() == 4
    first = int(bars.first.get_attribute("aria-valuenow") or 0)
    reads(notebook.download, re.compile(r"/s · \d+ s left"))
    notebook.page.wait_for_function(
        "first => Number(document.querySelector('.ts-bar').getAttribute('aria-valuenow')) > first", arg=first
    )
    notebook.wait_for(1)
    summary = re.compile(r"^3 saved \(3\.0 MB in [\d.]+ s\)$")
    reads(notebook.download, summary)
    reads(notebook.download.get_by_role("listitem").nth(2), "saved, 1.0 MB")
    assert notebook.download.get_by_text("saved, 1.0 MB").count() == 3
    assert notebook.download.get_by_role("button").count() == 0
    (shown,) = texts(notebook, 1)
    assert summary.match(shown)


def test_ten_thousand_files(
    lab: Lab, box: Sandbox, traits: Mapping[str, object], record_property: Callable[[str, object], None]
) -> None:
    """Ten thousand files that really come cost the page no more than three: some hundred nodes, five messages a second
    of a few kilobytes, and any row within a moment."""
    first, *_ = files(box, *[2000] * 10_000)
    cell = f"""urls = [{first!r}.replace("00000", f"{{n:05}}") for n in range(10_000)]
d = %download $urls -d $folder --limit-rate 200k --background"""
    notebook = opened(lab, box, traits, [], cell)
    notebook.run(1)
    widget = notebook.download
    reads(widget, re.compile(r"^\d+ of 10,000 files"))
    notebook.page.evaluate(_COUNT)
    notebook.page.wait_for_timeout(4000)
    told = notebook.page.evaluate("window.testbedTold")
    between_s = (told[-1][0] - told[0][0]) / 1000
    nodes = widget.evaluate("card => card.querySelectorAll('*').length")
    figures = {"nodes": nodes, "messages_per_s": (len(told) - 1) / between_s, "bytes": max(size for _, size in told)}
    record_property("ten thousand files", figures)
    assert len(told) - 1 <= 5 * between_s + 1, figures
    assert figures["bytes"] < 10_000
    assert nodes < 300, figures

    press(widget, "All 10,000")
    for row, share in (("05000.tif", 0.5), ("09999.tif", 1.0)):
        widget.get_by_role("list").evaluate("(list, share) => { list.scrollTop = share * list.scrollHeight; }", share)
        reads(widget.get_by_role("list"), row)
    assert widget.get_by_role("listitem").last.get_attribute("aria-posinset") == "10000"
    assert widget.evaluate("card => card.querySelectorAll('*').length") < 300
    press(widget, "Cancel")
    reads(widget, re.compile(r"^[\d,]+ saved, [\d,]+ cancelled"))


def test_cancelled_and_gone_on_with(lab: Lab, box: Sandbox, traits: Mapping[str, object]) -> None:
    """Cancel ends the running cell with an error that says what is missing; "Fetch the rest" fetches only that, in the
    same widget, with no cell running."""
    urls = files(box, 1000, 3 * MB // 2, 3 * MB // 2)
    notebook = opened(lab, box, traits, urls, f"%download $urls -d $folder {SLOW}")
    notebook.run(1, wait=False)
    reads(notebook.download, "1 of 3 files")
    press(notebook.download, "Cancel")
    notebook.wait_for(1)
    assert "Cancelled: 2 of 3 were not fetched." in notebook.text(1)
    reads(notebook.download, re.compile("^1 saved, 2 cancelled"))
    until_saved(notebook, 1, "1 saved, 2 cancelled")
    box.forget_requests()
    press(notebook.download, "Fetch the rest")
    reads(notebook.download, re.compile("^3 saved"), 60_000)
    assert not box.requests_to("00000.tif")
    assert any(request.headers.get("Range", "bytes=0-") != "bytes=0-" for request in box.requests_to("00001.tif"))


def test_paused_and_resumed_in_the_background(lab: Lab, box: Sandbox, traits: Mapping[str, object]) -> None:
    """A download in the background leaves the notebook free; paused it asks for nothing, and resumed it goes on."""
    urls = files(box, 3 * MB // 2, 3 * MB // 2)
    cells = [
        f"d = %download $urls -d $folder {SLOW} --background",
        "print(d.state.phase, d.state.files_total)",
        "print(len(d.wait()))",
    ]
    notebook = opened(lab, box, traits, urls, *cells)
    assert "<Download" not in notebook.run(1)
    reads(notebook.download, re.compile("MB of 3.0 MB"))
    press(notebook.download, "Pause")
    reads(notebook.download, re.compile("^Paused"))
    assert notebook.run(2) == "paused 2"
    notebook.page.wait_for_timeout(500)
    asked = len(box.requests)
    notebook.page.wait_for_timeout(1000)
    assert len(box.requests) == asked
    press(notebook.download, "Resume")
    assert notebook.run(3) == "2"
    reads(notebook.download, re.compile("^2 saved"))
    assert {request.headers.get("Range", "")[:8] for request in box.requests[asked:]} != {"bytes=0-"}


def test_what_failed_is_tried_again(lab: Lab, box: Sandbox, traits: Mapping[str, object]) -> None:
    """A failed file tells the reason and what to do; "Retry failed" fetches it, and nothing else."""
    urls = [*files(box, MB, MB), f"{box.url}/download/p/late.tif"]
    notebook = opened(lab, box, traits, urls, "%download $urls -d $folder")
    said = notebook.run(1)
    assert "1 of 3 downloads failed." in said
    reads(notebook.download, re.compile("^2 saved, 1 failed"))
    failed = notebook.download.get_by_role("listitem").filter(has_text="late.tif")
    assert re.search(r"404.*", failed.inner_text())
    box.add_file("p/late.tif", bytes(MB))
    box.forget_requests()
    press(notebook.download, "Retry failed")
    reads(notebook.download, re.compile("^3 saved"))
    assert {request.path.rpartition("/")[2] for request in box.requests_to("/download")} == {"late.tif"}
    until_saved(notebook, 1, "3 saved")


def test_interrupted(lab: Lab, box: Sandbox, traits: Mapping[str, object]) -> None:
    """The stop button ends the cell at once and in a sentence, and the widget says that it was cancelled."""
    urls = files(box, 5 * MB)
    notebook = opened(lab, box, traits, urls, f"%download $urls -d $folder {SLOW}")
    notebook.run(1, wait=False)
    reads(notebook.download, re.compile("MB of 5.0 MB"))
    notebook.interrupt()
    reads(notebook.download, re.compile("^1 cancelled"), 5000)
    notebook.wait_for(1)
    assert "Stopped. Run the same line again to go on where it was." in notebook.text(1)


@pytest.mark.usefixtures("browser_context")
def test_a_reload_and_a_second_tab_show_the_same(lab: Lab, box: Sandbox, traits: Mapping[str, object]) -> None:
    """The kernel is the truth: after a reload and in another tab the same download goes on, and can be ended there."""
    urls = files(box, 50 * MB, 50 * MB)
    notebook = opened(lab, box, traits, urls, f"d = %download $urls -d $folder {SLOW} --background", "d")
    notebook.run(1)
    reads(notebook.download, re.compile("MB of 100.0 MB"))
    notebook.save()
    notebook.page.reload()
    notebook.wait_for_kernel()
    reads(notebook.download, re.compile("MB of 100.0 MB"))
    other = lab.view(notebook.path)
    reads(other.download, re.compile("MB of 100.0 MB"))
    press(other.download, "Pause")
    reads(notebook.download, re.compile("^Paused"))
    notebook.page.bring_to_front()
    press(notebook.download, "Cancel")
    for each in (notebook, other):
        reads(each.download, re.compile("^2 cancelled"))


@pytest.mark.usefixtures("browser_context")
def test_a_reopened_notebook_says_how_it_ended(lab: Lab, box: Sandbox, traits: Mapping[str, object]) -> None:
    """With another kernel, a saved widget says how its download ended, or that it belongs to an earlier session."""
    urls = files(box, 50 * MB, 50 * MB)
    cells = [f"d = %download $urls -d $folder {SLOW} --background", "d.cancel()\nd"]
    notebook = opened(lab, box, traits, urls, cells[0], cells[0].replace("$folder", "{folder}-too"), "d.cancel()")
    notebook.run(1)
    notebook.run(2)
    notebook.run(3)
    reads(notebook.download.nth(1), re.compile("^2 cancelled"))
    assert "widgets" in notebook.save(widget_state=True)["metadata"]
    notebook.page.close()
    lab.server.end_kernels()

    again = lab.reopen(notebook)

    reads(again.download.nth(0).get_by_role("alert"), "This download belongs to an earlier session.")
    reads(again.download.nth(1), re.compile("^2 cancelled"))
    assert again.download.nth(1).get_by_role("alert").count() == 0
    assert again.download.get_by_role("button").count() == 0


def test_a_kernel_without_subshells(lab: Lab, box: Sandbox, traits: Mapping[str, object]) -> None:
    """With ipykernel 6 the rows fill up while the cell runs; a click waits for its end, and the widget says how to stop
    at once."""
    urls = files(box, 5 * MB, 5 * MB)
    notebook = opened(lab, box, traits, urls, f"%download $urls -d $folder {SLOW}", **ipykernel6())
    notebook.run(1, wait=False)
    reads(notebook.download, re.compile("MB of 10.0 MB"))
    press(notebook.download, "Pause")
    reads(notebook.download, re.compile(re.escape(INTERRUPT)))
    notebook.interrupt()
    reads(notebook.download, re.compile("^2 cancelled"))
    notebook.wait_for(1)
    # the click came too late, and changed nothing
    notebook.download.get_by_role("button", name="Fetch the rest").wait_for()
