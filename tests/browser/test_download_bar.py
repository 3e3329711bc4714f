"""The bar of a download as a person sees it: in real JupyterLab while it runs, and in the saved notebook afterwards."""

from __future__ import annotations

from ipyterrascope.sandbox import Sandbox
from private_jupyter import provider_traits
from testbed.lab import Lab


def test_bar_tells_how_it_ended(lab: Lab) -> None:
    """A batch in which a file failed leaves one red bar with the counts, in the tab and as text in the saved file."""
    with Sandbox() as box:
        urls = [*box.download_urls[:2], f"{box.url}/download/no/such.tif"]
        signed_in = {"TERRASCOPE_USERNAME": "dora", "TERRASCOPE_PASSWORD": box.users["dora"]}
        notebook = lab.open(
            ["%load_ext ipyterrascope", f"urls = {urls}", "%download $urls -d bars", "%download {[]}"],
            traits=provider_traits(box.provider()),
            environ=signed_in,
        )
        notebook.run(0)
        notebook.run(1)
        said = notebook.run(2)

        assert "1 of 3 downloads failed.\nsuch.tif: 127.0.0.1" in said
        left = notebook.output(2).locator(".widget-html").first.inner_text().replace("\u2007", " ")
        assert left == "2 of 3 files  67%"
        assert notebook.output(2).locator(".progress-bar-danger").count() == 1
        assert notebook.run(3) == "nothing to download"

        outputs = notebook.save()["cells"][2]["outputs"]
        bars = [output["data"]["text/plain"] for output in outputs if output["output_type"] == "display_data"]
        assert [bar[:17] for bar in map("".join, bars)] == ["2 of 3 files  67%"]
