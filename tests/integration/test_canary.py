"""The canary: every secret that was typed or issued in a long and troubled session is looked for everywhere outside
the memory it belongs in. Verbose tracebacks and DEBUG logging are on throughout."""

from __future__ import annotations

import contextlib
import json
import shutil
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import pytest
from canary import PROBE, places_of
from kernels import Cell, FrontEnd, front_end
from nbclient import NotebookClient
from places import PASSWORD, environment_for

from ipyterrascope.sandbox import Sandbox, steps
from testbed.canary import found_in, secrets_of

WRONG = "wr0ng-Pa55-canary"
USERS = ("dora", "boots", "swiper")

PREPARE = """
import logging, pickle, copy
logging.basicConfig(level=logging.DEBUG)
%xmode Verbose
%colors nocolor
%logstart -o -q everything.log
%load_ext ipyterrascope
import ipyterrascope as ts
import ipyterrascope.protocol.http as _http
_http._READ_TIMEOUT_S = 2
"""

# Each of these raises; the names `s`, `auth` and `URL` are there.
MISHAPS = {
    "pickling the session": "pickle.dumps(s)",
    "pickling the auth": "pickle.dumps(auth)",
    "pickling the token": "pickle.dumps(ts.token())",
    "pickling the tokens": "pickle.dumps(ts.account().tokens())",
    "copying the token": "copy.deepcopy(ts.token())",
    "pickling the account": "pickle.dumps(ts.account())",
    "json of the token": "import json; json.dumps({'token': ts.token()})",
    "joining the token": "'Bearer ' + ts.token()",
    "a missing file": "%download http://127.0.0.1:PORT/download/missing.tif",
    "two missing files": "ts.download(['http://127.0.0.1:PORT/download/1.tif', 'http://127.0.0.1:PORT/download/2.tif'])",
    "a missing file by the session": "s.get('http://127.0.0.1:PORT/download/missing.tif').raise_for_status()",
    "a bad method": "ts.login(method='sso')",
    "a bad argument of requests": "s.get(URL, timeout='soon')",
    "a bad header": "s.get(URL, headers={'X-Bad': 'line\\nbreak'})",
    "a bad adapter": "s.get('nothing://' + URL)",
    "a missing file by GDAL": "import rasterio\nts.gdal.enable()\n"
    "try: rasterio.open('http://127.0.0.1:PORT/download/missing.tif')\nfinally: ts.gdal.disable()",
    "a missing file by fsspec": "ts.fsspec.open('http://127.0.0.1:PORT/download/missing.tif')",
    "a missing asset": "await stac_asset.read_href("
    "'http://127.0.0.1:PORT/download/missing.tif', clients=ts.stac.asset_clients())",
    "a file system with a header": "ts.fsspec.filesystem(headers={'Authorization': 'x'})",
    "a missing key with bridges": "(lambda system, gdal: {}[system, gdal])(ts.fsspec.filesystem(), ts.gdal.status())",
    "a missing key": "(lambda session, token, account: {}[session, token, account])(s, ts.token(), ts.account())",
}

# Logs whatever GDAL has to say, and leaves the token with it.
READ_BY_GDAL = """
ts.gdal.enable()
with rasterio.Env(CPL_DEBUG=True), rasterio.open(URL) as picture:
    pixels = picture.read(1)
pixels.any()
"""

# An item of the catalogue, and one of its assets by a library that asks for it itself.
SEARCH = """
search = ts.stac.open().search(collections=["terrascope-s2-toc-v2"], max_items=1)
item = next(search.items())
vars(search), vars(search._stac_io), item.id
"""
FETCH_ASSET = """
import stac_asset
clients, only = ts.stac.asset_clients(), stac_asset.Config(include=["TOC-B02_10M"])
_ = await stac_asset.download_item(item, "assets", config=only, clients=clients)
[vars(client) for client in clients]
"""

# A worker of its own process, as `distributed.Client()` makes them.
ATTACH = """
import distributed
client = distributed.Client(n_workers=1, threads_per_worker=1, dashboard_address=":0")
ts.dask.attach(client)
client.submit(lambda: ts.session().get(URL).status_code).result()
"""

# Each of these fails on the worker, or on the way from it.
MISHAPS_OF_DASK = {
    "a bad argument on a worker": "client.submit(lambda: ts.session().get(URL + '?', timeout='soon')).result()",
    "a worker's session": "client.submit(ts.session).result()",
    "a worker's token": "client.submit(lambda: {'token': ts.token()}).result()",
    "a session for a worker": "client.submit(lambda: s.get(URL)).result()",
    "a missing file by a cluster": "ts.download('http://127.0.0.1:PORT/download/1.tif', 'data', client=client)",
}

# Each of these is scripted for the next request of the file service, which the cell then makes.
TROUBLES: dict[str, tuple[str | int | steps.Step, str]] = {
    "a time-out": (steps.delayed(2), "s.get(URL, timeout=0.2)"),
    "a reset": (steps.reset(after=0), "s.get(URL)"),
    "a reset in the middle": (steps.reset(after=100), "s.get(URL).content"),
    "a body that ends early": (steps.truncated(), "s.get(URL)"),
    "a redirect to the login page": ("redirect_to_login", "s.get(URL)"),
    "a redirect to nowhere": (steps.redirect("http://127.0.0.1:9/x"), "s.get(URL)"),
    "GDAL is refused": (
        403,
        "ts.gdal.enable()\ntry: rasterio.open(URL + '?refused')\nfinally: ts.gdal.disable()",
    ),
    "a reset under fsspec": (steps.reset(after=100), "ts.fsspec.filesystem().cat(URL)"),
    "fsspec gets a redirect to nowhere": (steps.redirect("http://127.0.0.1:9/x"), "ts.fsspec.filesystem().cat(URL)"),
    "a download that gets a web page": ("html", "%download $URL -d data/html"),
}


@dataclass
class Story:
    """One session, and what came of each cell."""

    notebook: FrontEnd
    box: Sandbox
    folder: Path
    cells: dict[str, Cell] = field(default_factory=dict[str, Cell])
    typed: set[str] = field(default_factory=set[str])
    found: set[str] = field(default_factory=set[str])

    def run(self, name: str, code: str) -> Cell:
        """Run a cell, and remember it by name."""
        self.cells[name] = self.notebook.run(code.replace("PORT", str(self.box.port)))
        return self.cells[name]

    def look(self) -> set[str]:
        """Return where secrets are found now."""
        looked = self.notebook.run(f"_probe({str(self.folder / 'probe.txt')!r})")
        assert int(looked.result or 0) > 1000, looked.shown
        return found_in(places_of(self.notebook, self.folder), secrets_of(self.box, self.typed), USERS)


def type_password(
    story: Story,
    view: str,
    user: str,
    password: str,
    method: str = "password",
    code: str = "",
    *,
    remember: bool = False,
) -> None:
    story.typed |= {password, code} - {""}
    buffers = [text.encode() for text in (password, code) if text]
    form = {"username": user, "method": method, "has_one_time_code": bool(code), "remember": remember}
    story.notebook.click(view, "submit_password", buffers, **form)


def sign_in_every_way(story: Story) -> None:
    notebook, box = story.notebook, story.box
    view = story.run("form", "%terrascope login --method password").views[0]
    notebook.click(view, "hello")
    type_password(story, view, "dora", WRONG)
    notebook.until_phase(view, "failed")
    box.timeline.token("no_answer")
    type_password(story, view, "dora", PASSWORD)
    notebook.until(lambda: "was not reached" in notebook.widgets[view]["error"].get("what", ""))
    for user, code in (("boots", ""), ("swiper", box.one_time_code())):
        type_password(story, view, user, box.users[user], code=code)
        notebook.until_phase(view, "signed_in")
        story.run(f"logout of {user}", "%terrascope logout")
    view = story.run("form of Basic", "%terrascope login --method basic").views[0]
    type_password(story, view, "boots", box.users["boots"], "basic")
    notebook.until_phase(view, "signed_in")
    story.run("basic", "s = ts.session(); s.get(URL)")
    story.run("no token", "ts.token()")
    provoke(story, "basic: ")
    story.run("logout of basic", "%terrascope logout")
    view = story.run("code", "%terrascope login").views[0]
    notebook.until_phase(view, "awaiting_user")
    story.run("status while it waits", "%terrascope status")
    story.run("too early", "s = %terrascope session")
    story.run("looking at everything while it waits", "_probe('waiting.txt')")
    box.approve(box.waiting_codes[-1])
    notebook.until_phase(view, "signed_in")
    trouble_with_renewal(story, view)


def provoke(story: Story, prefix: str = "") -> None:
    for name, code in MISHAPS.items():
        story.run(prefix + name, code)
    for name, (step, code) in TROUBLES.items():
        story.box.timeline.files(step)
        story.run(prefix + name, code)
        story.box.timeline.clear()
    interrupt(story, prefix)


def interrupt(story: Story, prefix: str) -> None:
    before = len(story.box.requests_to("/download/"))
    story.box.timeline.files(steps.delayed(20))
    cell = story.notebook.start("s.get(URL)")
    story.notebook.until(lambda: len(story.box.requests_to("/download/")) > before)
    story.notebook.interrupt()
    story.cells[prefix + "an interrupt"] = story.notebook.finish(cell)
    story.box.timeline.clear()


def trouble_with_renewal(story: Story, view: str) -> None:
    """Let the token end while the provider is slow, then while it refuses; then sign in once more."""
    story.run("use before it ends", "s = ts.session(); s.get(URL)")
    story.run("let the token end", "import time; time.sleep(2.1)")
    story.box.timeline.token(steps.delayed(5))
    story.run("renewal: no answer", "s.get(URL)")
    story.run("let the provider rest", "time.sleep(1.1)")
    story.box.timeline.token("invalid_grant")
    story.run("renewal: refused", "s.get(URL)")
    story.notebook.until_phase(view, "failed")
    story.run("renewal: over", "ts.token()")
    story.box.timeline.clear()
    story.box.access_token_lifetime_s = 300
    type_password(story, view, "dora", PASSWORD)
    story.notebook.until_phase(view, "signed_in")


def use_a_cluster(story: Story) -> None:
    story.run("dask", ATTACH)
    story.run("dask download", "ts.download(URL, 'dask', client=client)")
    for name, code in MISHAPS_OF_DASK.items():
        story.run(name, code)
    story.run("dask status", "%terrascope status")


def look_around(story: Story) -> None:
    for line in (
        *("%whos", "%who_ls", "%store s", "%history", "%tb", "!env", "import os; dict(os.environ)"),
        *(
            "ts.account()",
            "ts.account().state",
            "vars(ts.account())",
            "s",
            "vars(s)",
            "auth",
            "ts.token()",
            "ts.providers",
        ),
        *("dir()", "locals()", "s.get(URL).request.headers", "ts.show_versions()", "%terrascope status"),
    ):
        story.run(line, line)
    story.run("subprocess", "import subprocess; print(subprocess.run(['env'], capture_output=True).stdout)")


def save(story: Story) -> None:
    """Write the notebook as nbclient does: outputs and the state of all widgets; and a checkpoint beside it."""
    shown = [(cell.code, f"{cell.stream}{cell.result}{cell.shown}") for cell in story.cells.values()]
    document = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(code, outputs=[nbformat.v4.new_output("stream", text=text)])
            for code, text in shown
        ]
    )
    state = {view: {"state": traits} for view, traits in story.notebook.widgets.items()}
    document.metadata["widgets"] = {
        "application/vnd.jupyter.widget-state+json": json.loads(json.dumps(state, default=str))
    }
    nbformat.write(document, story.folder / "notebook.ipynb")
    checkpoints = story.folder / ".ipynb_checkpoints"
    checkpoints.mkdir(exist_ok=True)
    shutil.copy(story.folder / "notebook.ipynb", checkpoints / "notebook-checkpoint.ipynb")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A person's session, told to its end; then it was looked everywhere."""
    folder = tmp_path_factory.mktemp("canary")
    with contextlib.ExitStack() as stack:
        box = stack.enter_context(Sandbox(device_interval_s=1, access_token_lifetime_s=2))
        environ = environment_for(folder, box, TERRASCOPE_STAC_URL=box.stac_url)
        notebook = stack.enter_context(front_end(environ, folder))
        story = Story(notebook, box, folder)
        story.run("prepare", f"{PREPARE}\nURL = {box.download_urls[0]!r}\nauth = None\n{PROBE}")
        sign_in_every_way(story)
        story.run("use", "s = %terrascope session\nauth = ts.auth()\ns.get(URL)")
        story.run("download", "%download $URL -d data")
        story.run(
            "plain requests", "import requests\ndef use(): return requests.get(URL, auth=auth).status_code\nuse()"
        )
        story.run("search", SEARCH)
        story.run("asset", FETCH_ASSET)
        provoke(story)
        story.run("gdal", READ_BY_GDAL)
        story.run("fsspec", "file = ts.fsspec.open(URL); store = ts.fsspec.store(URL); file.read(100)")
        use_a_cluster(story)
        look_around(story)
        box.stop()
        story.run("nobody listens", "s.get(URL)")
        save(story)
        story.found = story.look()
        story.run("the end", "client.close()")
        yield story


def test_the_session_went_as_it_was_meant_to(story: Story) -> None:
    """Every way to sign in worked, every mishap did happen, and DEBUG lines and Verbose tracebacks were shown."""
    assert story.cells["use"].ename == ""
    assert [text[:7] for text in story.cells["download"].displays.values()] == ["1 saved"]
    assert story.cells["plain requests"].result == "200"
    mishaps = (*MISHAPS, *MISHAPS_OF_DASK, *TROUBLES, "no token", "too early", "an interrupt", "nobody listens")
    assert [name for name in mishaps if not story.cells[name].ename] == []
    renewals = ("use before it ends", "renewal: no answer", "renewal: refused", "renewal: over")
    assert [story.cells[name].ename for name in renewals] == ["", "ProviderUnreachable", *["LoginRequired"] * 2]
    assert "KeyboardInterrupt" in story.cells["an interrupt"].shown
    assert "True" in story.cells["gdal"].result
    assert "CPLE_None in VSICURL" in story.cells["gdal"].stream
    assert story.cells["fsspec"].ename == ""
    assert "S2C_20260807" in story.cells["search"].result
    assert "AssetSession" in story.cells["asset"].result
    assert len([*(story.folder / "assets").glob("*.tif")]) == 1
    assert story.cells["dask"].result == "200"
    assert [text[:7] for text in story.cells["dask download"].displays.values()] == ["1 saved"]
    assert "; 1 worker has the token" in story.cells["dask status"].result
    assert "gdal=GDAL: off." in story.cells["a missing key with bridges"].shown
    verbose = story.cells["a missing key"].shown
    assert "session=<ipyterrascope.session.AuthorizedSession" in verbose
    assert "token=Secret('•••')" in verbose
    assert "DEBUG:urllib3" in story.cells["use"].stream
    secrets = secrets_of(story.box, story.typed)
    assert {PASSWORD, WRONG, *story.box.issued} < secrets
    assert len(story.box.issued) >= 8
    assert (story.folder / "probe.txt").stat().st_size > 100_000
    assert b"submit_password" not in (story.folder / "everything.log").read_bytes()
    assert (story.folder / "ipython" / "profile_default" / "history.sqlite").stat().st_size > 1000


def test_no_secret_is_found_anywhere(story: Story) -> None:
    """Neither files, messages, traits, logs, history, tracebacks, objects, pickles nor environments hold a secret."""
    assert story.found == set()


PLANTS: dict[str, tuple[str, str]] = {
    "printed": ("print(ts.token().reveal())", "stream"),
    "a result": ("ts.token().reveal()", "execute_result"),
    "cut off": ("print(ts.token().reveal()[:24])", "stream"),
    "in the environment of a child": (
        "import subprocess; subprocess.run('env', env={'T': ts.token().reveal()})",
        "stream",
    ),
    "in a traceback": ("(lambda leaked: 1 / 0)(ts.token().reveal())", "error"),
    "logged": ("logging.debug('%s', ts.token().reveal())", "stream"),
    "in a file": ("open('leak.txt', 'w').write(ts.token().reveal()); None", "leak.txt"),
    "in base64": (
        "import base64; open('b64.txt', 'wb').write(base64.b64encode('boots:päss wörd+&%'.encode())); None",
        "b64.txt",
    ),
    "in a variable": ("leaked = ts.token().reveal()", "probe.txt"),
    "in os.environ": ("import os; os.environ['LEAKED'] = ts.token().reveal()", "probe.txt"),
    "in the history": ("'s3cret-Pa55'; None", "history.sqlite"),
    "in a trait": (
        "import ipywidgets; ipywidgets.Password(value='s3cret-Pa55'); None",
        "traits of",
    ),
    "on an object of ours": ("ts.account().leaked = ts.token().reveal()", "probe.txt"),
    "in the frame of an exception that is kept": (
        "def fail(leaked): raise KeyError\ntry: fail(ts.token().reveal())\nexcept KeyError as exc: kept = exc",
        "probe.txt",
    ),
}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], set[str]]]:
    """A quiet session; plant a leak in it by a cell, and say where it was found anew."""
    folder = tmp_path_factory.mktemp("planted")
    with contextlib.ExitStack() as stack:
        box = stack.enter_context(Sandbox())
        notebook = stack.enter_context(front_end(environment_for(folder, box), folder))
        story = Story(notebook, box, folder)
        story.run("prepare", f"{PREPARE}\n{PROBE}")
        view = notebook.run("%terrascope login --method password").views[0]
        story.typed.add(box.users["boots"])
        type_password(story, view, "dora", PASSWORD)
        notebook.until_phase(view, "signed_in")
        assert story.look() == set()

        def plant(code: str) -> set[str]:
            story.run("a new token", "%terrascope logout")
            notebook.until_phase(view, "signed_out")
            type_password(story, view, "dora", PASSWORD)
            notebook.until_phase(view, "signed_in")
            before = story.look()
            assert story.run("plant", code).ename in ("", "ZeroDivisionError")
            return story.look() - before

        yield plant


@pytest.mark.parametrize("kind", PLANTS)
def test_the_canary_can_fail(planted: Callable[[str], set[str]], kind: str) -> None:
    """A secret that is planted on purpose is found where it was planted."""
    code, place = PLANTS[kind]
    assert [found for found in planted(code) if place in found]


KEEPING = """
import multiprocessing, subprocess, time
spawned = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
spawned.start()
children = [subprocess.Popen(["sleep", "60"]), spawned]
"""


def modes_below(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())}


def keep_a_login(story: Story) -> None:
    """Sign in to stay by code and by form; in between use it with children beside, in trouble, and log out."""
    notebook, box = story.notebook, story.box
    view = story.run("code", "%terrascope login --remember").views[0]
    notebook.until_phase(view, "awaiting_user")
    box.approve(box.waiting_codes[-1])
    notebook.until_phase(view, "signed_in")
    story.run("children", KEEPING)
    story.run("keyrings", "import keyring.backend; keyring.backend.get_all_keyring()")
    story.run("let the token end", "time.sleep(2.1)")
    story.run("use", "s = ts.session(); auth = ts.auth(); s.get(URL).status_code")
    box.timeline.token(503)
    story.run("trouble", "time.sleep(2.1); s.get(URL)")
    story.run("status", "%terrascope status")
    for name in ("pickling the account", "pickling the tokens", "a missing key"):
        story.run(name, MISHAPS[name])
    story.run("logout", "%terrascope logout")
    type_password(story, view, "dora", PASSWORD, remember=True)
    notebook.until_phase(view, "signed_in")


@pytest.mark.parametrize("store", ["file", "keyring"])
def test_a_login_that_stays_is_in_its_store_and_nowhere_else(tmp_path: Path, store: str) -> None:
    """Neither children nor notebook, logs (filelock's and keyring's too), lock or temporary files hold what is stored;
    the store itself does, and it is this user's alone."""
    logins = tmp_path / ".local" / "share" / "ipyterrascope" / "logins"
    tests = str(Path(__file__).parents[1])
    environ = {"TERRASCOPE_STORE": store, "PYTHON_KEYRING_BACKEND": "testbed.keyrings.Memory", "PYTHONPATH": tests}
    with contextlib.ExitStack() as stack:
        box = stack.enter_context(Sandbox(device_interval_s=1, access_token_lifetime_s=2))
        notebook = stack.enter_context(front_end(environment_for(tmp_path, box, **environ), tmp_path))
        story = Story(notebook, box, tmp_path)
        story.run("prepare", f"{PREPARE}\nURL = {box.download_urls[0]!r}\nauth = None\n{PROBE}")
        keep_a_login(story)
        assert [story.cells[name].ename for name in ("use", "children", "logout")] == [""] * 3
        assert story.cells["use"].result == "200"
        assert "signed in as dora, by device code." in story.cells["status"].result
        found = story.look()
        assert any(place.startswith("environ of sleep") for place in places_of(notebook, tmp_path))
        save(story)
        logged = "".join(cell.stream for cell in story.cells.values())
        assert "DEBUG:filelock:" in logged
        assert "DEBUG:keyring.backend:" in logged
        if store == "file":
            assert set(modes_below(logins).values()) == {0o700, 0o600}
            (kept,) = logins.glob("*.login")
            # there alone, and in base64, which no reader of headers takes for one
            assert json.loads(b64decode(kept.read_bytes()))["refresh_token"]
        assert found == set()
        story.run("the end", "[child.kill() for child in children]\n%terrascope logout")
        assert [*logins.glob("*.login")] == []


def test_an_unattended_notebook_keeps_no_secret(tmp_path: Path) -> None:
    """Signed in from the environment, with trouble, the executed notebook and all files hold nothing of it."""
    with Sandbox() as box:
        environ = environment_for(tmp_path, box, TERRASCOPE_USERNAME="dora", TERRASCOPE_PASSWORD=PASSWORD)
        cells = [PREPARE, "s = %terrascope session", PROBE, f"URL = {box.download_urls[0]!r}\nauth = ts.auth()"]
        cells += [code.replace("PORT", str(box.port)) for code in MISHAPS.values()]
        cells += ["%whos", "ts.account()", "%terrascope status", "import ipywidgets; ipywidgets.IntSlider()"]
        cells += ["import os; os.environ.pop('TERRASCOPE_PASSWORD'); _probe('probe.txt')", "%terrascope logout"]
        document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("JUPYTER_RUNTIME_DIR", environ["JUPYTER_RUNTIME_DIR"])
            client = NotebookClient(document, allow_errors=True, resources={"metadata": {"path": str(tmp_path)}})
            client.execute(env=environ)
        nbformat.write(document, tmp_path / "executed.ipynb")
        assert "application/vnd.jupyter.widget-state+json" in document.metadata["widgets"]
        assert "Signed out, and the session at Terrascope is ended." in str(document.cells[-1].outputs)
        files = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        assert {"executed.ipynb", "probe.txt", "everything.log"} < set(files)
        assert found_in(files, secrets_of(box, [PASSWORD]), USERS) == set()
