"""`ipyterrascope.gdal` as a user meets it: on, off, fresh, how it stands, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast
from urllib.parse import parse_qs, urlsplit

import pytest
import rasterio
import rasterio._env
from rasterio.errors import RasterioIOError
from signing import PASSWORD, sign_in

import ipyterrascope as ts
from ipyterrascope.auth.account import Account
from ipyterrascope.bridges import ExtraMissing
from ipyterrascope.bridges.gdal_library import library_of
from ipyterrascope.bridges.gdal_options import HEADER_FILE
from ipyterrascope.errors import FlowUnavailable, LoginRequired, TerrascopeError, UsageError
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.values.providers import Provider


@pytest.fixture
def provider(box: Sandbox) -> Iterator[Provider]:
    """The sandbox, with nobody signed in; GDAL is left alone afterwards."""
    made = box.provider(methods=("password", "basic"))
    yield made
    ts.gdal.disable(made)
    ts.account(made).logout()


@pytest.fixture
def tif(box: Sandbox) -> str:
    return next(url for url in box.download_urls if url.endswith("_TOC-B02_10M_V220.tif"))


def read(path: str) -> int:
    with rasterio.open(path) as source:
        return int(source.read(1).sum())


def header_file_for(url: str) -> str | None:
    library = library_of(rasterio._env)
    assert library is not None
    return library.get(f"/vsicurl/{url}", HEADER_FILE)


def script(code: str, box: Sandbox | None = None, **environ: str) -> dict[str, object]:
    """Run code in a fresh Python, signed in from the environment, and return the last line as JSON."""
    known = {"TERRASCOPE_USERNAME": "dora", "TERRASCOPE_PASSWORD": PASSWORD}
    if box is not None:
        known |= {"TERRASCOPE_ISSUER": box.issuer, "TERRASCOPE_HOSTS": f"127.0.0.1:{box.port}"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={"PATH": "/usr/bin", "HOME": "/nonexistent", **known, **environ},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_on_and_off(provider: Provider, tif: str) -> None:
    """Without it a read is refused; with it rasterio reads; without it again it is refused, and all is as it was."""
    sign_in(ts.account(provider))
    with pytest.raises(RasterioIOError, match="401"):
        read(tif)
    told = ts.gdal.enable(provider)
    assert str(told).startswith(f"on for {provider.issuer_host}:")
    assert f"through rasterio {rasterio.__version__} (GDAL {rasterio.__gdal_version__})" in repr(told)
    assert "is renewed before" in repr(told)
    assert read(tif) > 0
    assert repr(ts.gdal.disable(provider)) == "GDAL: off."
    assert header_file_for(tif) is None
    with pytest.raises(RasterioIOError, match="401"):
        read(tif)
    assert ts.account(provider).is_signed_in


def test_on_before_the_login_and_through_the_next(provider: Provider, tif: str) -> None:
    """Switched on before anybody signed in it waits; it serves each login, and leaves nothing after each logout."""
    assert "waits for a login" in repr(ts.gdal.enable(provider))
    account = ts.account(provider)
    for _ in range(2):
        assert header_file_for(tif) is None
        sign_in(account)
        ts.gdal.ensure_fresh(provider)
        assert read(tif) > 0
        account.logout()
        # options are put back by the thread that tells of the logout
        _until(lambda: header_file_for(tif) is None)
        # and then what is cached is dropped: this waits for its end
        ts.gdal.settle(account)
        with pytest.raises(RasterioIOError, match="401"):
            read(tif)
        with pytest.raises(LoginRequired, match="You signed out"):
            ts.gdal.ensure_fresh(provider)


def _until(is_so: Callable[[], bool]) -> None:
    import time

    ends_at = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < ends_at
        time.sleep(0.01)


def test_a_logout_in_the_same_cell_holds_at_once(provider: Provider, tif: str) -> None:
    """The line after a logout is refused for want of a token, however late others are told of it."""
    account, slow = ts.account(provider), threading.Event()
    sign_in(account)
    end = account.observe(lambda _: slow.wait(20))
    try:
        ts.gdal.enable(provider)
        read(tif)
        ts.logout(provider)
        with pytest.raises(RasterioIOError, match="401"):
            read(tif)
    finally:
        slow.set()
        end()
        ts.gdal.disable(provider)


def test_a_basic_login_reads_too(provider: Provider, tif: str, box: Sandbox) -> None:
    """User name and password of a Basic login are sent by GDAL, to this host."""
    sign_in(ts.account(provider), "basic")
    assert "ends at" not in str(ts.gdal.enable(provider))
    box.forget_requests()
    assert read(tif) > 0
    assert {record.headers["Authorization"].partition(" ")[0] for record in box.requests_to("/download/")} == {"Basic"}


def test_what_lies_ready_signs_in(box: Sandbox) -> None:
    """In a script `enable` signs in from the environment, and GDAL serves whichever library is imported later."""
    told = script(
        """
        import json, os, sys
        import ipyterrascope as ts
        first = str(ts.gdal.enable())
        assert "rasterio" not in sys.modules
        import rasterio
        with rasterio.open(os.environ["URL"]) as source:
            pixels = int(source.read(1).sum())
        print(json.dumps({"first": first, "then": str(ts.gdal.status()), "pixels": pixels}))
        """,
        box,
        URL=box.download_urls[0],
    )
    assert "from the first import of rasterio on" in str(told["first"])
    assert "through rasterio" in str(told["then"])
    assert told["pixels"]


def test_a_login_in_the_same_cell_is_served_at_once(box: Sandbox) -> None:
    """Switched on first and signed in then, the next line may read: nothing is left to a thread that comes later."""
    told = script(
        """
        import json, os
        import rasterio
        import ipyterrascope as ts
        from ipyterrascope.bridges import gdal
        gdal.follow(ts.account())
        ts.login()
        with rasterio.open(os.environ["URL"]) as source:
            print(json.dumps({"pixels": int(source.read(1).sum())}))
        """,
        box,
        URL=box.download_urls[0],
    )
    assert told["pixels"]


def test_a_library_that_cannot_be_reached_reads_a_configuration_file(box: Sandbox, tmp_path: Path) -> None:
    """Where the calls are not found, GDAL learns of the hosts as it begins; the user's own file holds too."""
    own = tmp_path / "own.gdalrc"
    own.write_text(
        "[configoptions]\nMINE=yes\n[credentials]\n[.mine]\npath=/vsicurl/https://x/\nGDAL_HTTP_MAX_RETRY=9\n"
    )
    told = script(
        """
        import json, os
        import ipyterrascope as ts
        from ipyterrascope.bridges import gdal, gdal_keeper
        gdal_keeper.Keeper.__init__.__kwdefaults__["reach"] = lambda module: None
        ts.gdal.enable()
        import rasterio, rasterio._env
        from ipyterrascope.bridges.gdal_library import library_of
        library = library_of(rasterio._env)
        with rasterio.open(os.environ["URL"]) as source:
            pixels = int(source.read(1).sum())
        told = {"status": str(ts.gdal.status()), "pixels": pixels, "named": os.environ.get("GDAL_CONFIG_FILE"),
                "mine": library.get_global("MINE"),
                "retries": library.get("/vsicurl/https://x/a", "GDAL_HTTP_MAX_RETRY"),
                "redirects": library.get_global("CPL_VSIL_CURL_USE_S3_REDIRECT")}
        ts.logout()
        # what the file says of tries stays until GDAL ends, which is 7 s for a file that is refused
        server = os.environ["URL"].partition("/download/")[0]
        library.set(f"/vsicurl/{server}/", "GDAL_HTTP_MAX_RETRY", "0")
        try:
            rasterio.open(os.environ["URL"].replace("B02", "B03"))
        except rasterio.errors.RasterioIOError as exc:
            told["after"] = str(exc)
        print(json.dumps(told))
        """,
        box,
        URL=next(url for url in box.download_urls if "B02" in url),
        GDAL_CONFIG_FILE=str(own),
    )
    assert "through rasterio (by a configuration file)" in str(told["status"])
    assert told["pixels"]
    # the environment, which every child sees, is as it was
    assert (told["named"], told["mine"], told["retries"]) == (str(own), "yes", "9")
    assert told["redirects"] == "NO"
    assert "401" in str(told["after"])


def test_a_library_that_has_begun_already_is_named_and_has_addresses_of_its_own(box: Sandbox) -> None:
    """Too late for the configuration file too, `status` says so, and the addresses of `path` work."""
    told = script(
        """
        import json, os
        import rasterio
        from ipyterrascope.bridges import gdal_keeper
        import ipyterrascope as ts
        with rasterio.Env():
            pass
        gdal_keeper.Keeper.__init__.__kwdefaults__["reach"] = lambda module: None
        status = str(ts.gdal.enable())
        with rasterio.open(ts.gdal.path(os.environ["URL"])) as source:
            print(json.dumps({"status": status, "pixels": int(source.read(1).sum())}))
        """,
        box,
        URL=box.download_urls[0],
    )
    assert "not reached: rasterio (use ipyterrascope.gdal.path)" in str(told["status"])
    assert told["pixels"]


def test_only_allowed_addresses_name_the_file(provider: Provider, tif: str) -> None:
    """`path` gives the file of headers to the provider's hosts alone, and to nobody while it is off."""
    assert ts.gdal.path(tif, provider) == f"/vsicurl/{tif}"
    sign_in(ts.account(provider))
    ts.gdal.enable(provider)
    query = parse_qs(urlsplit(ts.gdal.path(f"{tif}?a=1&b=2", provider)).query)
    assert query["url"] == [f"{tif}?a=1&b=2"]
    assert query["header_file"] == [header_file_for(tif)]
    for foreign in ("https://elsewhere.example.org/a.tif", tif.replace("127.0.0.1", "127.0.0.2")):
        assert ts.gdal.path(foreign, provider) == f"/vsicurl/{foreign}"


def test_ensure_fresh_says_why_not(provider: Provider, box: Sandbox) -> None:
    """Off, nobody signed in, and a provider in trouble are three errors, each in its own words."""
    with pytest.raises(UsageError, match="not switched on"):
        ts.gdal.ensure_fresh(provider)
    ts.gdal.enable(provider)
    with pytest.raises(LoginRequired, match="not signed in"):
        ts.gdal.ensure_fresh(provider)
    sign_in(ts.account(provider))
    assert ts.gdal.ensure_fresh(provider).expires_at


def test_a_provider_that_was_configured_anew_takes_over(provider: Provider, box: Sandbox, tif: str) -> None:
    """Two accounts for the same host: the newer one's token is sent, and the older one is off."""
    sign_in(ts.account(provider))
    ts.gdal.enable(provider)
    newer = box.provider(label="Newer", methods=("password",))
    sign_in(ts.account(newer))
    ts.gdal.enable(newer)
    assert not ts.gdal.status(provider).is_on
    box.forget_requests()
    assert read(tif) > 0
    sent = {record.headers["Authorization"] for record in box.requests_to("/download/")}
    assert f"Bearer {ts.account(newer).tokens().access_token.reveal()}" in sent
    ts.gdal.disable(newer)
    ts.account(newer).logout()
    assert header_file_for(tif) is None


def test_visitors_that_share_a_process_are_refused(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an app whose visitors share the process, one visitor's token would be everybody's: that is said instead."""
    monkeypatch.setattr("ipyterrascope.frontend.visitor_namespace", dict)
    with pytest.raises(FlowUnavailable, match="Visitors of this app share a process"):
        ts.gdal.enable(provider)


def test_the_extra_that_is_missing_is_named() -> None:
    """Without any library that brings GDAL the error says what to install, and is an ImportError as well."""
    told = script(
        """
        import json, sys
        sys.modules |= dict.fromkeys(("rasterio", "osgeo", "pyogrio", "fiona"))
        import ipyterrascope as ts
        try:
            ts.gdal.enable()
        except ImportError as exc:
            print(json.dumps({"error": str(exc)}))
        """
    )
    assert 'pip install "ipyterrascope[geo]"' in str(told["error"])
    assert issubclass(ExtraMissing, TerrascopeError)


def test_a_fork_reads_with_the_parents_token(box: Sandbox) -> None:
    """A forked child reads on for longer than a token lives, and its end takes nothing from the parent."""
    told = script(
        """
        import json, os, sys, time
        import rasterio
        import ipyterrascope as ts
        url = os.environ["URL"]
        ts.gdal.enable()

        def read():
            with rasterio.open(url) as source:
                return int(source.read(1).sum())

        here, there = os.pipe()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                for _ in range(7):
                    read()
                    time.sleep(0.5)
                ts.gdal.ensure_fresh()
                ts.gdal.disable()
                code = 0
            finally:
                sys.exit(code)
        status = os.waitpid(pid, 0)[1]
        print(json.dumps({"child": status, "parent": read()}))
        """,
        box,
        URL=box.download_urls[0],
    )
    assert told["child"] == 0
    assert told["parent"]


def test_a_fork_that_signs_in_has_a_file_of_its_own(box: Sandbox) -> None:
    """Its login goes into no read of the parent, nor the parent's into one of its own."""
    told = script(
        """
        import json, os, sys
        import rasterio, rasterio._env
        import ipyterrascope as ts
        from ipyterrascope.bridges.gdal_library import library_of
        from ipyterrascope.protocol.claims import user_of
        from ipyterrascope.values.secret import Secret
        url = os.environ["URL"]
        ts.gdal.enable()

        def reads_as():
            with rasterio.open(url) as source:
                source.read(1)
            file = library_of(rasterio._env).get(f"/vsicurl/{url}", "GDAL_HTTP_HEADER_FILE")
            return file, user_of(Secret(open(file).read().split()[-1]))

        before = reads_as()
        here, there = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                ts.account().start_password_login("boots", Secret("päss wörd+&%"))
                ts.account().wait(30)
                ts.gdal.enable()
                os.write(there, json.dumps(reads_as()).encode())
                ts.logout()
            finally:
                sys.exit()
        os.waitpid(pid, 0)
        print(json.dumps({"before": before, "child": json.loads(os.read(here, 4096)), "after": reads_as()}))
        """,
        box,
        URL=box.download_urls[0],
    )
    path, user = cast("tuple[str, str]", told["before"])
    childs_path, childs_user = cast("tuple[str, str]", told["child"])
    assert (user, childs_user) == ("dora", "boots")
    assert childs_path != path
    assert not Path(childs_path).exists()
    assert told["after"] == [path, "dora"]


def test_nothing_of_it_is_left_behind(box: Sandbox, tmp_path: Path) -> None:
    """Neither the environment, GDAL's global options, the logs at DEBUG nor any file holds the token; at the end
    the folder of the file that GDAL reads is gone."""
    told = script(
        """
        import io, json, logging, os
        heard = io.StringIO()
        logging.basicConfig(level=logging.DEBUG, stream=heard)
        import rasterio
        import ipyterrascope as ts
        ts.gdal.enable()
        with rasterio.Env(CPL_DEBUG=True):
            with rasterio.open(os.environ["URL"]) as source:
                source.read(1)
            options = rasterio.env.getenv()
        token = ts.token().reveal()
        shown = [heard.getvalue(), repr(options), repr(dict(os.environ)), repr(ts.gdal.status()), repr(vars(ts.gdal))]
        folder = os.listdir(os.environ["XDG_RUNTIME_DIR"])
        print(json.dumps({"leaks": [part[:50] for part in shown if token in part or token[-20:] in part],
                          "folder": folder, "heard": len(heard.getvalue())}))
        """,
        box,
        URL=box.download_urls[0],
        XDG_RUNTIME_DIR=str(tmp_path),
    )
    assert told["leaks"] == []
    assert len(told["folder"]) == 1  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert int(str(told["heard"])) > 1000
    assert not [*tmp_path.iterdir()]


def test_the_account_of_an_app_is_not_asked_for(account: Account) -> None:
    """`status` of somebody who never used it is "off", and costs no file."""
    assert repr(ts.gdal.status(account.provider)) == "GDAL: off."
