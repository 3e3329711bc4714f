"""The package as a Python user meets it: its names, what importing costs, and what each call promises."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import requests

import ipyterrascope as ts
from ipyterrascope.auth.account import Account
from ipyterrascope.auth.shelves import logins_folder
from ipyterrascope.configuration import Configuration, configure
from ipyterrascope.errors import (
    DownloadFailed,
    LoginCancelled,
    LoginRequired,
    SecretExposed,
    ServerRefused,
    SourceInvalid,
    TargetInvalid,
    UsageError,
)
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.values.secret import Secret

HEAVY = "requests pycurl ipywidgets anywidget oauthlib tqdm aiohttp"


@pytest.fixture(autouse=True)
def _nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ipyterrascope.frontend.place", lambda: "headless")


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def account(box: Sandbox) -> Iterator[Account]:
    """The sandbox's account, signed in as dora."""
    made = ts.account(box.provider())
    made.start_password_login("dora", Secret("s3cret-Pa55"))
    assert made.wait(30).phase == "signed_in"
    yield made
    made.logout()


def modules_after(code: str) -> set[str]:
    """Run code in a fresh Python and return the modules that are imported then."""
    code = f"{code}\nimport sys; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_the_package_imports_neither_ipython_nor_anywidget() -> None:
    """`import ipyterrascope` costs its own few modules: no Jupyter, no HTTP library."""
    found = modules_after("import ipyterrascope")
    assert found.isdisjoint(f"{HEAVY} IPython traitlets jupyter_core comm ipyterrascope.api".split())


def test_loading_the_extension_imports_nothing_that_talks_to_a_server() -> None:
    """`%load_ext ipyterrascope` leaves HTTP, widgets and progress bars to their first use."""
    shell = "from IPython.core.interactiveshell import InteractiveShell\nshell = InteractiveShell()\n"
    before = modules_after(shell)
    found = modules_after(f"{shell}shell.extension_manager.load_extension('ipyterrascope')") - before
    assert "ipyterrascope.magics.lines" in found
    assert found.isdisjoint(HEAVY.split())


def test_every_name_of_the_table_of_contents_is_there() -> None:
    """Each name in `__all__` can be had, `dir` shows it, and a name that is not there is an AttributeError."""
    for name in ts.__all__:
        assert getattr(ts, name) is not None
        assert name in dir(ts)
    assert ts.__version__
    with pytest.raises(AttributeError, match="no attribute 'sesion'"):
        _ = ts.sesion  # type: ignore[attr-defined]


def test_the_package_travels_by_its_name() -> None:
    """A function that uses `ts` can be sent to another process with its globals, the package among them."""
    assert pickle.loads(pickle.dumps(ts)) is ts


def test_functions_are_not_hidden_by_the_modules_of_their_name() -> None:
    """`ts.session` and `ts.auth` stay functions when the modules of these names are imported."""
    code = (
        "import ipyterrascope as ts, ipyterrascope.session, ipyterrascope.auth.account\n"
        "import importlib; importlib.reload(ts)\n"
        "from ipyterrascope import auth, session\n"
        "assert callable(ts.session) and callable(ts.auth) and callable(session) and callable(auth)\n"
    )
    modules_after(code)


def test_a_provider_has_one_account_however_it_is_named(box: Sandbox) -> None:
    """No name, the name, and an equal `Provider` mean the same account."""
    assert ts.account() is ts.account("terrascope") is ts.account(ts.providers["terrascope"])
    assert ts.account(box.provider()) is ts.account(box.provider())
    assert ts.account(box.provider()) is not ts.account(box.provider(label="Other"))


@pytest.mark.parametrize(
    "call",
    [ts.account, ts.login, ts.session, ts.auth, ts.token, ts.logout, lambda name: ts.download([], provider=name)],
)
def test_an_unknown_provider_is_said(call: Callable[[str], object]) -> None:
    """A name that nobody has is one error, with those that are known."""
    with pytest.raises(UsageError, match="Known by name: terrascope") as caught:
        call("hunter2")
    assert "hunter2" not in str(caught.value)
    assert isinstance(caught.value, KeyError)


def test_providers_are_a_read_only_mapping() -> None:
    """`ts.providers` lists, finds and cannot be changed."""
    assert next(iter(ts.providers)) == "terrascope"
    assert len(ts.providers) == len([*ts.providers])
    assert ts.providers["terrascope"].label == "Terrascope"
    assert "elsewhere" not in ts.providers
    with pytest.raises(TypeError):
        ts.providers["elsewhere"] = ts.providers["terrascope"]  # type: ignore[index]


@pytest.mark.parametrize("method", ["basic", "sso", ""])
def test_a_method_that_is_not_offered_is_said(box: Sandbox, method: str) -> None:
    """`login(method=…)` names the methods there are, and asks nobody."""
    with pytest.raises(UsageError, match=r"has no such login method\. It offers device, password"):
        ts.login(box.provider(), method=method)  # type: ignore[arg-type]
    assert not box.requests


def test_a_code_that_nobody_can_approve_is_said(box: Sandbox) -> None:
    """Where nobody can be asked, a device code is no way, and what lies in the environment is one."""
    with pytest.raises(LoginRequired, match="Nobody can approve a code for Terrascope here") as caught:
        ts.login(box.provider(), method="device")
    assert caught.value.do.startswith("Leave the method out")
    assert not box.requests


@pytest.fixture
def configured(box: Sandbox) -> Iterator[Sandbox]:
    """The sandbox, configured as Terrascope."""
    configure(Configuration(terrascope=box.provider()))
    yield box
    ts.logout()
    configure(None)


def test_a_source_that_is_not_there_is_said(configured: Sandbox) -> None:
    """`login(source=…)` names the sources there are; one that contradicts the method is said too."""
    with pytest.raises(UsageError, match=r"no such source of a login\. It has environment, .*password\. Choose"):
        ts.login(source="netrc")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no such source of a login"):
        ts.login(source="basic")
    with pytest.raises(UsageError, match="contradict"):
        ts.login(source="device", method="password")
    configure(Configuration(terrascope=configured.provider(), sources=("environment",)))
    with pytest.raises(UsageError, match="It offers none"):
        ts.login(method="device")


def test_a_source_that_is_forced_says_what_it_lacks(configured: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forced source signs in, or an error says what it lacks; nobody is asked instead."""
    monkeypatch.setattr("ipyterrascope.frontend.place", lambda: "notebook")
    with pytest.raises(LoginRequired) as caught:
        ts.login(source="environment")
    assert caught.value.what == "The environment cannot sign you in to Terrascope."
    assert "TERRASCOPE_USERNAME" in caught.value.why
    assert not configured.requests
    monkeypatch.setattr("ipyterrascope.frontend.place", lambda: "headless")
    monkeypatch.setenv("TERRASCOPE_USERNAME", "dora")
    monkeypatch.setenv("TERRASCOPE_PASSWORD", "s3cret-Pa55")
    assert ts.login(source="environment").state.source == "environment"


@pytest.mark.parametrize("place", ["notebook", "terminal", "headless"])
def test_without_a_way_to_ask_nobody_is_asked(configured: Sandbox, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Where the configuration leaves no way that asks a person, `login` and `session` say so wherever they run."""
    monkeypatch.setattr("ipyterrascope.frontend.place", lambda: place)
    configure(Configuration(terrascope=configured.provider(), sources=("environment",)))
    for call in (ts.login, ts.session):
        with pytest.raises(LoginRequired, match=r"sources names no way to ask\. Neither TERRASCOPE_TOKEN"):
            call()


def test_a_login_cannot_be_kept_without_a_store(configured: Sandbox) -> None:
    """`login(remember=True)` says at once, and before anybody is asked, why no login can be kept and what to set."""
    configure(Configuration(terrascope=configured.provider(), store="none"))
    with pytest.raises(UsageError) as caught:
        ts.login(remember=True)
    assert str(caught.value) == (
        'A login cannot be kept here. The store of logins (c.Terrascope.store, TERRASCOPE_STORE) is "none". '
        "Set TERRASCOPE_STORE=file in the environment, or leave remember out."
    )
    configure(Configuration(terrascope=configured.provider()))
    with pytest.raises(UsageError, match=r"only the configured issuer.*hosts\. Leave remember out\.$"):
        ts.login(configured.provider(client_id="nodevice"), remember=True)
    assert not configured.requests


@pytest.fixture
def keeping(configured: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox, configured with a store, at a terminal where dora's password is typed."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr("ipyterrascope.frontend.place", lambda: "terminal")
    monkeypatch.setattr("getpass.getpass", lambda _: "s3cret-Pa55")
    configure(Configuration(terrascope=configured.provider(), store="file"))
    return configured


def test_a_login_that_is_kept(keeping: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """`login(remember=True)` keeps what a person types; who is signed in without that is asked again."""
    ts.login(method="password", username="dora")
    assert not ts.account().state.remember
    assert ts.login(remember=True, method="password", username="dora").state.remember
    said = "Signed in to Terrascope as dora, by password, until you log out."
    assert capsys.readouterr().out.splitlines()[-1] == said
    asked = len(keeping.requests_to("/token"))
    assert ts.login(remember=True).state.remember
    assert ts.login(source="stored").state.source == "stored"
    assert len(keeping.requests_to("/token")) == asked


def test_a_stored_login_that_serves_no_more_is_named(keeping: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """Who is asked although a login was kept is told why."""
    ts.login(remember=True, method="password", username="dora")
    (path,) = logins_folder().glob("*.login")
    path.chmod(0o644)
    configure(Configuration(terrascope=keeping.provider(scope="email"), store="file"))
    with pytest.raises(LoginCancelled):
        when_asked(ts.login)
    assert "The stored login cannot be used. Others can read or change it" in capsys.readouterr().out
    path.unlink()


def when_asked(call: Callable[[], object]) -> None:
    """Call, and cancel the code that it asks for."""

    def cancel() -> None:
        account = ts.account()
        account._machine.wait_for(lambda state: state.phase == "awaiting_user", 20)  # pyright: ignore
        account.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        call()
    finally:
        thread.join(20)


def test_login_of_who_is_signed_in_changes_nothing(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    """`login()` again says who is signed in, and returns the account."""
    assert ts.login(account.provider) is account
    assert capsys.readouterr().out == "Signed in to Terrascope as dora, by password.\n"


def test_a_token_is_masked_until_it_is_revealed(account: Account) -> None:
    """`ts.token()` shows nothing by accident; `.reveal()` gives the text."""
    token = ts.token(account.provider)
    assert f"{token} {token!r} {token:>20}".count("•••") == 3
    assert token.reveal().count(".") == 2


def test_auth_serves_requests_and_httpx(account: Account, box: Sandbox) -> None:
    """`ts.auth()` signs requests of both libraries, and retries once with a new token after a 401."""
    auth = ts.auth(account.provider)
    url = box.download_urls[0]
    assert requests.get(url, auth=auth, timeout=10).status_code == 200
    assert httpx.get(url, auth=auth).status_code == 200
    assert "•" not in repr(auth)
    for thing in (auth, ts.session(account.provider), account):
        with pytest.raises(SecretExposed):
            pickle.dumps(thing)


def test_logout_ends_what_was_handed_out(account: Account, box: Sandbox) -> None:
    """After `ts.logout()` a session and an auth object of before have no credential any more."""
    session, auth = ts.session(account.provider), ts.auth(account.provider)
    assert ts.logout(account.provider) == "Signed out, and the session at Terrascope is ended."
    with pytest.raises(LoginRequired):
        session.get(box.download_urls[0])
    with pytest.raises(LoginRequired):
        requests.get(box.download_urls[0], auth=auth, timeout=10)
    assert ts.logout(account.provider) == "Nobody was signed in."


def test_download_fetches_and_skips(account: Account, box: Sandbox, tmp_path: Path) -> None:
    """`ts.download` fetches what is missing and reports it, in the order of what was asked for."""
    urls = box.download_urls[:2]
    assert [path.name for path in ts.download(iter(urls), tmp_path, provider=account.provider)] == [
        url.rsplit("/", 1)[-1] for url in urls
    ]
    assert len(ts.download(set(urls), tmp_path, provider=account.provider).skipped) == 2


def test_download_keeps_to_its_limits(account: Account, box: Sandbox, tmp_path: Path) -> None:
    """`max_connections` and `limit_rate` hold, and what cannot be read is said before anything is asked."""
    url = box.add_file("p/x.tif", bytes(3 << 20))
    box.forget_requests()
    for wrong in ({"max_connections": 0}, {"limit_rate": "fast"}):
        with pytest.raises(UsageError):
            ts.download(url, tmp_path, provider=account.provider, **wrong)
    assert box.requests == []
    report = ts.download(url, tmp_path, provider=account.provider, max_connections=1, limit_rate="6M")
    assert report.seconds > 0.3
    assert len(box.requests_to("x.tif")) == 1


def test_configured_connections_hold(account: Account, box: Sandbox, tmp_path: Path) -> None:
    """Without `max_connections`, the configuration says how many connections there may be."""
    url = box.add_file("p/x.tif", bytes(3 << 20))
    configure(Configuration(max_connections=1))
    try:
        ts.download(url, tmp_path, provider=account.provider)
    finally:
        configure(None)
    assert [request.headers.get("Range") for request in box.requests_to("x.tif")] == [None]


def test_one_source_fails_with_its_own_error_and_several_with_a_summary(
    account: Account, box: Sandbox, tmp_path: Path
) -> None:
    """A single URL or item raises why it failed; a list, also of one, raises `DownloadFailed` with the report."""
    missing = f"{box.url}/download/missing.tif"
    for source in (missing, ts.Item(missing, "m.tif"), {"href": missing}):
        with pytest.raises(ServerRefused):
            ts.download(source, tmp_path, provider=account.provider)
    (tmp_path / "list.txt").write_text(missing)
    for several in ([missing], f"@{tmp_path}/list.txt", {"type": "Feature", "assets": {"a": {"href": missing}}}):
        with pytest.raises(DownloadFailed) as caught:
            ts.download(several, tmp_path, provider=account.provider)
        assert isinstance(caught.value.report, ts.Report)


def test_a_plan_asks_for_nothing(box: Sandbox, tmp_path: Path) -> None:
    """`ts.plan` tells what `ts.download` would do, signed in or not, and nothing is asked, fetched or made."""
    url = box.add_file("p/x.tif", b"12345")
    plan = ts.plan([url, {"href": url, "file:size": 5}], tmp_path / "new", name=None, local="off")
    assert isinstance(plan, ts.Plan)
    assert [action.do for action in plan.actions] == ["fetch", "fetch"]
    with pytest.raises(UsageError, match="No item has an asset"):
        ts.plan({"type": "Feature", "assets": {"a": {"href": url}}}, tmp_path, assets="B02")
    assert not box.requests
    assert not [*tmp_path.iterdir()]


def test_who_needs_nothing_need_not_sign_in(box: Sandbox, tmp_path: Path) -> None:
    """Where all is there already, nobody is asked to sign in."""
    item = ts.Item(box.download_urls[0], "a.tif", 5)
    with pytest.raises(LoginRequired):
        ts.download(item, tmp_path, provider=box.provider())
    (tmp_path / "a.tif").write_bytes(b"12345")
    assert len(ts.download(item, tmp_path, provider=box.provider()).skipped) == 1
    assert not box.requests


def test_what_cannot_be_downloaded_is_said_before_anybody_signs_in(box: Sandbox, tmp_path: Path) -> None:
    """Bad sources, names and folders are errors of their own, although nobody is signed in."""
    url = box.download_urls[0]
    with pytest.raises(SourceInvalid):
        ts.download("http://services.example.org/a.tif", tmp_path, provider=box.provider())
    with pytest.raises(UsageError, match="One name was given for 2 files"):
        ts.download([url, url], tmp_path, provider=box.provider(), name="one.tif")
    with pytest.raises(LoginRequired):
        ts.download(url, tmp_path, provider=box.provider())
    assert not box.requests
    assert not [*tmp_path.iterdir()]


def test_files_that_are_there_want_no_login(box: Sandbox, tmp_path: Path) -> None:
    """Where all files are there with the sizes that a catalogue told, nobody is asked to sign in; where one is missing,
    or only the server can tell whether it is right, somebody is."""
    there, missing = (ts.Item(box.add_file(f"p/{name}", bytes(1000)), name, 1000) for name in ("a.tif", "b.tif"))
    (tmp_path / "a.tif").write_bytes(bytes(1000))
    report = ts.download([there, there], tmp_path, provider=box.provider())
    assert [path.name for path in report] == ["a.tif", "a.tif"]
    for sources in ([there, missing], there.url):
        with pytest.raises(LoginRequired):
            ts.download(sources, tmp_path, provider=box.provider())
    (tmp_path / "b.tif").write_bytes(b"another file")
    with pytest.raises(DownloadFailed, match=r"Another file b\.tif is there already"):
        ts.download([there, missing], tmp_path, provider=box.provider())
    assert box.requests == []


def test_download_in_the_background(account: Account, box: Sandbox, tmp_path: Path) -> None:
    """With `background=True` a `Download` is returned at once; what cannot be right is still an error of the call."""
    url = box.add_file("p/x.tif", bytes(3 << 20))
    with pytest.raises(SourceInvalid):
        ts.download("http://services.example.org/a.tif", tmp_path, provider=account.provider, background=True)
    with pytest.raises(LoginRequired):
        ts.download(url, tmp_path, provider=box.provider(label="Other"), background=True)
    under_way = ts.download([url], tmp_path, provider=account.provider, limit_rate="1M", background=True)
    assert ts.downloads() == [under_way]
    assert isinstance(under_way, ts.Download)
    assert under_way.state.phase == "running"
    under_way.cancel()
    with pytest.raises(DownloadFailed, match="Cancelled: 1 of 1"):
        under_way.wait(20)
    assert [path.name for path in ts.download([url], tmp_path, provider=account.provider)] == ["x.tif"]


def test_a_folder_that_cannot_be_written_is_said_before_anything_is_fetched(
    account: Account, box: Sandbox, tmp_path: Path
) -> None:
    """A target below a file is `TargetInvalid`."""
    (tmp_path / "file").write_text("kept")
    box.forget_requests()
    with pytest.raises(TargetInvalid):
        ts.download(box.download_urls[0], tmp_path / "file" / "below", provider=account.provider)
    assert not box.requests


def test_show_versions_tells_what_helps_and_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Versions, place and provider are printed; of variables only that they are set."""
    values = {
        "TERRASCOPE_USERNAME": "dora-the-user",
        "TERRASCOPE_PASSWORD": "s3cret-Pa55",
        "TERRASCOPE_CLIENT_SECRET": "cl1ent-s3cret",
        "TERRASCOPE_TOKEN_FILE": "/run/secrets/token-path",
        "TERRASCOPE_TOKEN": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJkb3JhIn0.",
        "TERRASCOPE_SOMETHING_NEW": "new-s3cret",
        "https_proxy": "http://dora:pr0xy-Pa55@proxy.example.org",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    ts.show_versions()
    text = capsys.readouterr().out
    for word in ("ipyterrascope", "python", "requests", "libcurl/", "issuer", "https://sso.terrascope.be", "headless"):
        assert word in text
    for name, value in values.items():
        assert f"{name} " in text
        assert value not in text


def test_show_versions_survives_a_configuration_that_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The call for bug reports prints the mistake instead of raising it."""
    monkeypatch.setenv("TERRASCOPE_ISSUER", "http://sso.example.org")
    ts.show_versions()
    assert "is not a secure address" in capsys.readouterr().out


def test_a_provider_with_another_label_is_another_account(box: Sandbox) -> None:
    """Accounts are told apart by the whole value, so that no login is used by a provider it was not made for."""
    wider = replace(box.provider(), hosts=box.provider().hosts | {"data.example.org"})
    assert ts.account(wider) is not ts.account(box.provider())
