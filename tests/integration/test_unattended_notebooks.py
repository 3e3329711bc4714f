"""A notebook that runs without a person, by nbclient or papermill: it signs in by the environment or stops at once."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from places import PASSWORD, environment_for

from ipyterrascope.sandbox import Sandbox
from private_jupyter import configure_ipython

Run = Callable[..., nbformat.NotebookNode]


def notebook(*cells: str) -> nbformat.NotebookNode:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in cells], metadata={"kernelspec": kernel}
    )


def by_nbclient(document: nbformat.NotebookNode, environ: dict[str, str], folder: Path) -> nbformat.NotebookNode:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_RUNTIME_DIR", environ["JUPYTER_RUNTIME_DIR"])
        client = NotebookClient(document, timeout=60, resources={"metadata": {"path": str(folder)}})
        with contextlib.suppress(CellExecutionError):  # the notebook has it
            client.execute(env=environ)
    return document


def by_papermill(document: nbformat.NotebookNode, environ: dict[str, str], folder: Path) -> nbformat.NotebookNode:
    source, target = folder / "source.ipynb", folder / "target.ipynb"
    nbformat.write(document, source)
    command = [sys.executable, "-m", "papermill", str(source), str(target), "--no-progress-bar"]
    subprocess.run(command, env=environ, cwd=folder, capture_output=True, check=False, timeout=120)
    executed = nbformat.read(target, 4)
    executed.cells = [cell for cell in executed.cells if "papermill-error" not in str(cell.metadata.get("tags", ""))]
    return executed


@pytest.fixture(params=[by_nbclient, by_papermill])
def run(request: pytest.FixtureRequest, box: Sandbox, tmp_path: Path) -> Run:
    """Run the cells of a notebook in order until one fails, in a real kernel with these variables."""
    return lambda *cells, **variables: request.param(
        notebook(*cells), environment_for(tmp_path, box, **variables), tmp_path
    )


@pytest.fixture
def at_once_s(full_counts: bool) -> float:
    """A second; more where other tests run beside this one."""
    return 1 if full_counts else 3


def text_of(cell: Any) -> str:
    parts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "".join(parts).strip()


def error_of(cell: Any) -> Any:
    return next(output for output in cell.outputs if output.output_type == "error")


def seconds_of(cell: Any) -> float:
    """How long the kernel was busy with a cell; nbclient and papermill note it in different places."""
    noted = cell.metadata.get("execution")
    if noted is None:
        return float(cell.metadata.papermill.duration)
    begun, ended = (datetime.fromisoformat(noted[key]) for key in ("iopub.status.busy", "iopub.status.idle"))
    return (ended - begun).total_seconds()


def test_run_all_signs_in_from_the_environment(
    run: Run, box: Sandbox, credentials: dict[str, str], tmp_path: Path
) -> None:
    """With user and password in the environment the whole notebook runs; no secret stays in it or in the history."""
    url = box.download_urls[0]
    document = run(
        "%load_ext ipyterrascope",
        "%terrascope login",
        "s = %terrascope session",
        f"s.get({url!r}).status_code",
        f"%download {url} -d data",
        "%terrascope status",
        "%terrascope logout",
        **credentials,
    )
    texts = [text_of(cell) for cell in document.cells]
    assert texts[:4] == [
        "",
        "Signed in to Terrascope as dora, from TERRASCOPE_USERNAME and TERRASCOPE_PASSWORD.",
        "",
        "200",
    ]
    assert texts[4].startswith("Report: 1 saved")
    assert texts[5].startswith("Terrascope: signed in as dora, from TERRASCOPE_USERNAME and TERRASCOPE_PASSWORD.")
    assert "environment: Serves. Child processes see it too." in texts[5]
    assert texts[6] == "Signed out, and the session at Terrascope is ended."
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()) + str(document).encode()
    assert b"%terrascope session" in kept
    assert not [secret for secret in (PASSWORD, *box.issued) if secret.encode() in kept]


def test_login_in_python_shows_one_thing(run: Run, credentials: dict[str, str]) -> None:
    """`ts.login()` as the last line prints its sentence, and no `Out[]` beneath."""
    document = run("import ipyterrascope as ts", "ts.login()", "ts.account()", **credentials)
    assert [output.output_type for output in document.cells[1].outputs] == ["stream"]
    assert text_of(document.cells[2]) == "<Account terrascope: signed_in as dora>"


@pytest.mark.soak
def test_run_all_stops_where_nobody_can_be_asked(run: Run, box: Sandbox, at_once_s: float) -> None:
    """Without a credential `%terrascope login` raises within a second, in three sentences without a stack."""
    document = run("%load_ext ipyterrascope", "%terrascope login", "raise SystemError('not reached')")
    assert list(error_of(document.cells[1]).traceback) == [
        "LoginRequired: Nobody can be asked to sign in to Terrascope here.",
        "No notebook front-end and no terminal is attached. "
        "Neither TERRASCOPE_TOKEN nor TERRASCOPE_USERNAME and TERRASCOPE_PASSWORD are set.",
        "Set TERRASCOPE_USERNAME and TERRASCOPE_PASSWORD, or TERRASCOPE_TOKEN, in the environment. "
        "Or sign in once at a terminal: jupyter terrascope login.",
    ]
    assert document.cells[2].outputs == []
    assert seconds_of(document.cells[1]) < at_once_s
    assert not box.requests


def ran(name: str, box: Sandbox, folder: Path, run_by: Any = by_nbclient, **variables: str) -> list[Any]:
    """Run a notebook of ours unattended, configured as people do it, and return its code cells."""
    environ = environment_for(folder, **variables)
    traits = {"issuer": box.issuer, "hosts": {f"127.0.0.1:{box.port}"}, "stac_url": box.stac_url, "badge": "SANDBOX"}
    configure_ipython(Path(environ["IPYTHONDIR"]), {f"Terrascope.{name}": value for name, value in traits.items()})
    document = nbformat.read(Path(__file__).parents[2] / "notebooks" / name, 4)
    assert [cell.outputs for cell in document.cells if cell.get("outputs")] == []
    return [cell for cell in run_by(document, environ, folder).cells if cell.cell_type == "code"]


def failed_in(code: list[Any]) -> list[Any]:
    return [cell for cell in code if any(output.output_type == "error" for output in cell.outputs)]


@pytest.mark.soak
@pytest.mark.parametrize("run_by", [by_nbclient, by_papermill])
def test_the_quickstart_stops_at_once_without_a_credential(
    run_by: Any, box: Sandbox, tmp_path: Path, at_once_s: float
) -> None:
    """Unattended and with nothing that lies ready, its login cell fails within a second, and no cell after it runs."""
    code = ran("quickstart.ipynb", box, tmp_path, run_by)
    (failed,) = failed_in(code)
    assert error_of(failed).ename == "LoginRequired"
    assert seconds_of(failed) < at_once_s
    assert not any(cell.outputs for cell in code[code.index(failed) + 1 :])
    assert not box.requests


def test_a_picture_is_drawn_without_a_download(box: Sandbox, credentials: dict[str, str], tmp_path: Path) -> None:
    """The notebook about GDAL and xarray runs to its end unattended: it draws the picture, and saves no file and no
    secret."""
    code = ran("cog_xarray.ipynb", box, tmp_path, **credentials)
    assert [cell.outputs for cell in failed_in(code)] == []
    shown = [output.get("data", {}) for cell in code for output in cell.outputs]
    pictures = [data["image/png"] for data in shown if "image/png" in data]
    assert len(pictures) == 1
    assert len(pictures[0]) > 10_000
    assert "GDAL: on for 127.0.0.1:" in str(code)
    assert text_of(code[-3]) == "b'II*\\x00'"
    assert text_of(code[-1]) == "Signed out, and the session at Terrascope is ended."
    assert [*tmp_path.rglob("*.tif")] == []
    assert not [secret for secret in (PASSWORD, *box.issued) if secret in str(code)]
    assert {record.status for record in box.requests_to("/download/")} <= {200, 206}


def test_a_cluster_computes_and_downloads(box: Sandbox, credentials: dict[str, str], tmp_path: Path) -> None:
    """The notebook about Dask runs to its end unattended: workers draw upon the login, and download; it saves no
    secret."""
    code = ran("dask.ipynb", box, tmp_path, **credentials)
    assert [cell.outputs for cell in failed_in(code)] == []
    shown = [output.get("data", {}) for cell in code for output in cell.outputs]
    (picture,) = [data["image/png"] for data in shown if "image/png" in data]
    assert len(picture) > 5000
    assert "2 workers have the token" in str(code)
    assert len([*tmp_path.glob("data/**/*.tif")]) == 4
    assert text_of(code[-2]) == "Signed out, and the session at Terrascope is ended."
    assert not [secret for secret in (PASSWORD, *box.issued) if secret in str(code)]
    assert {record.status for record in box.requests_to("/download/")} <= {200, 206}


@pytest.mark.parametrize("run_by", [by_nbclient, by_papermill])
def test_the_quickstart_runs_by_itself(run_by: Any, box: Sandbox, credentials: dict[str, str], tmp_path: Path) -> None:
    """The notebook that people start with runs to its end unattended, given a credential and a configuration."""
    code = ran("quickstart.ipynb", box, tmp_path, run_by, **credentials)
    assert [cell.outputs for cell in failed_in(code)] == []
    assert text_of(code[-1]) == "Signed out, and the session at Terrascope is ended."
    assert len([*tmp_path.glob("data/**/*.tif")]) == 3


def test_a_refused_password_stops_the_run(run: Run) -> None:
    """A wrong password in the environment stops the notebook with the provider's refusal, and is not shown."""
    document = run(
        "%load_ext ipyterrascope",
        "s = %terrascope session",
        TERRASCOPE_USERNAME="dora",
        TERRASCOPE_PASSWORD="wr0ng-Pa55",
    )
    assert error_of(document.cells[1]).ename == "LoginRefused"
    assert "wr0ng-Pa55" not in str(document)
