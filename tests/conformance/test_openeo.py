"""openEO's own client at a real back-end (`openeo-driver`), whose provider is a realm of a real Keycloak."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import openeo
import pandas
import pytest
from nbclient import NotebookClient
from openeo.extra.job_management import CsvJobDatabase, MultiBackendJobManager

import ipyterrascope as ts
from ipyterrascope.accounts import providers
from ipyterrascope.auth.account import Account
from ipyterrascope.auth.accounts import Accounts
from ipyterrascope.auth.openeo_backends import me_of
from ipyterrascope.auth.openeo_choice import Wish
from ipyterrascope.bridges.openeo_live import LiveConnection
from ipyterrascope.configuration import Configuration, configure
from ipyterrascope.errors import LoginRefused, LoginRequired
from ipyterrascope.values.openeo import CODE_GRANT, DEVICE_GRANTS
from ipyterrascope.values.secret import Secret
from testbed.keycloak import EGI_DORA, Keycloak
from testbed.openeo_driver import BASIC_PASSWORD, BASIC_USER, openeo_driver

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "openeo.ipynb"
CLIENT = "openeo-platform-default-client"


@pytest.fixture(scope="module")
def egi(keycloak_server: Keycloak) -> Keycloak:
    return keycloak_server.of("egi")


@pytest.fixture(scope="module")
def backend(egi: Keycloak, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a back-end with the realm `egi` as its provider."""
    grants = [DEVICE_GRANTS[0], "refresh_token", "password", CODE_GRANT]
    client: dict[str, Any] = {"id": CLIENT, "grant_types": grants, "redirect_urls": ["http://localhost:1410/"]}
    egi_provider = {
        "id": "egi", "issuer": egi.issuer, "title": "EGI", "scopes": ["openid", "email"], "default_clients": [client],
    }  # fmt: skip
    with openeo_driver(tmp_path_factory.mktemp("driver"), [egi_provider]) as address:
        yield address


@pytest.fixture(autouse=True)
def _from_anew(egi: Keycloak) -> None:
    egi.reset()


@pytest.fixture
def account(backend: str) -> Iterator[Account]:
    made = providers.account(f"openeo:{backend}")
    yield made
    made.logout()


def by_password(account: Account) -> None:
    account.start_password_login(EGI_DORA.username, Secret(EGI_DORA.password))
    assert account.wait(30).phase == "signed_in", account.state.error


def test_a_device_login_in_a_browser(
    egi: Keycloak, backend: str, account: Account, browser_context: BrowserContext
) -> None:
    """The code is approved on the provider's own pages, with PKCE; the back-end knows who it is."""
    account.start_device_login()
    while account.state.phase == "signing_in":
        time.sleep(0.05)
    device = account.state.device
    assert device is not None
    egi.answer_device_login(browser_context, device.verification_uri_complete or "", EGI_DORA)

    assert account.wait(60).phase == "signed_in"
    assert account.state.user == "dora"
    assert ts.openeo_connection(backend).describe_account()["user_id"] == me_of(account)["user_id"]
    assert account.logout() == f"Signed out, and the session at {account.provider.label} is ended."
    assert egi.sessions(EGI_DORA) == 0


def test_an_authorization_code_is_pasted(egi: Keycloak, backend: str, browser_context: BrowserContext) -> None:
    """The browser is led to an address where nobody listens; what stands in its address bar signs in, with PKCE."""
    (account,) = Accounts(environ={}).of_backend(f"openeo:{backend}", Wish(method="code"))
    request = account.request_code()
    page, led_to = browser_context.new_page(), list[str]()
    page.on("request", lambda sent: led_to.append(sent.url) if sent.url.startswith(request.redirect_uri) else None)
    page.goto(request.url)
    page.fill("#username", EGI_DORA.username)
    page.fill("#password", EGI_DORA.password)
    page.click("#kc-login", no_wait_after=True)
    deadline = time.monotonic() + 30
    while not led_to and time.monotonic() < deadline:
        page.wait_for_timeout(50)

    account.start_code_login(request, Secret(led_to[0]))
    assert account.wait(30).phase == "signed_in", account.state.error
    assert (account.state.user, account.state.source) == ("dora", "code")
    assert LiveConnection(account).describe_account()["user_id"]
    account.start_code_login(request, Secret(led_to[0]))
    assert isinstance(account.wait(30).error, LoginRefused)
    account.logout()


def test_the_client_works_on_through_five_rotations(egi: Keycloak, backend: str, account: Account) -> None:
    """Tokens of three seconds, rotation and reuse detection on, four threads: every call is answered."""
    with egi.realm(accessTokenLifespan=3, revokeRefreshToken=True, refreshTokenMaxReuse=0):
        by_password(account)
        con = ts.openeo_connection(backend)
        assert isinstance(con, openeo.Connection)
        asks = (con.describe_account, con.list_jobs, con.list_collection_ids, con.list_services)
        bearers: set[str] = set()
        deadline = time.monotonic() + 90
        while len(bearers) < 6 and time.monotonic() < deadline:
            with ThreadPoolExecutor(4) as pool:
                for answer in [pool.submit(ask) for ask in asks]:
                    answer.result(30)
            bearers.add(con.auth.bearer)
            time.sleep(0.3)

        assert len(bearers) == 6
        assert len(egi.events("REFRESH_TOKEN")) == 5
        assert egi.events("REFRESH_TOKEN_ERROR") == []


def test_a_process_graph_and_a_job_are_run(egi: Keycloak, backend: str, account: Account) -> None:
    """What a user does: a cube is downloaded, a batch job created, started and read, each call signed."""
    with egi.realm(accessTokenLifespan=3):
        by_password(account)
        con = ts.openeo_connection(backend)
        job = con.create_job({"add": {"process_id": "add", "arguments": {"x": 3, "y": 5}, "result": True}})
        time.sleep(3)
        job.start()
        assert job.status() in ("created", "queued", "running", "finished")
        assert con.execute({"add": {"process_id": "add", "arguments": {"x": 3, "y": 5}, "result": True}}) == 8


def test_a_job_manager_works_on_through_rotations(
    egi: Keycloak, backend: str, account: Account, tmp_path: Path
) -> None:
    """Three jobs, two at a time, for longer than several tokens live: created, started by its threads, and finished."""
    with egi.realm(accessTokenLifespan=4, revokeRefreshToken=True, refreshTokenMaxReuse=0):
        by_password(account)
        manager = MultiBackendJobManager(poll_sleep=1, root_dir=tmp_path, download_results=False)
        manager.add_backend("egi", connection=ts.openeo_connection(backend), parallel_jobs=2)

        def create(row: pandas.Series, connection: openeo.Connection, **_: Any) -> openeo.BatchJob:
            graph = {"add": {"process_id": "add", "arguments": {"x": int(row["x"]), "y": 5}, "result": True}}
            return connection.create_job(graph, title=f"job {row['x']}")

        jobs = CsvJobDatabase(tmp_path / "jobs.csv").initialize_from_df(pandas.DataFrame({"x": [1, 2, 3]}))
        manager.run_jobs(start_job=create, job_db=jobs)

        assert list(jobs.read()["status"]) == ["finished"] * 3
        assert len(egi.events("REFRESH_TOKEN")) >= 2
        assert egi.events("REFRESH_TOKEN_ERROR") == []


def test_a_session_that_was_ended_is_told_in_the_middle(egi: Keycloak, backend: str, account: Account) -> None:
    """A job runs; the back-end says TokenInvalid, the provider refuses the renewal: we say to sign in again."""
    by_password(account)
    job = ts.openeo_connection(backend).create_job(
        {"add": {"process_id": "add", "arguments": {"x": 3, "y": 5}, "result": True}}
    )
    job.start()
    time.sleep(11)
    assert job.connection.try_access_token_refresh()  # to one that the back-end has not seen: it remembers good ones
    time.sleep(11)  # a token that is younger is not held to be the fault
    egi.end_sessions(EGI_DORA)
    with pytest.raises(LoginRequired, match="Sign in again"):
        job.status()


def test_a_client_signs_in_for_itself(egi: Keycloak, backend: str) -> None:
    """OPENEO_AUTH_METHOD=client_credentials, at an issuer that is configured."""
    environ = {
        "OPENEO_AUTH_METHOD": "client_credentials",
        "OPENEO_AUTH_CLIENT_ID": "openeo-service",
        "OPENEO_AUTH_CLIENT_SECRET": "openeo-service-secret",
    }
    configuration = Configuration(openeo_issuers=(egi.issuer,))
    account = Accounts(lambda: configuration, environ=environ).account(f"openeo:{backend}")

    assert account.sign_in_silently()
    assert account.state.user == "service-account-openeo-service"
    assert LiveConnection(account).describe_account()["user_id"]
    untrusted = Accounts(environ=environ).account(f"openeo:{backend}")
    assert not untrusted.sign_in_silently()
    assert len(egi.events("CLIENT_LOGIN")) == 1


@pytest.mark.timeout(300)  # a kernel, and a job that takes its time
def test_the_notebook_runs_by_itself(
    egi: Keycloak, backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unattended, by a client's secret: connected, a job run to its end, signed out; no output has a secret."""
    for name, value in {
        "OPENEO_AUTH_METHOD": "client_credentials",
        "OPENEO_AUTH_CLIENT_ID": "openeo-service",
        "OPENEO_AUTH_CLIENT_SECRET": "openeo-service-secret",
        "TERRASCOPE_OPENEO_ISSUERS": egi.issuer,
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "OPENEO_CONFIG_HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    document = nbformat.read(NOTEBOOK, 4)
    for cell in document.cells:
        source = cell.source.replace('"openeo.terrascope.be"', repr(backend))
        cell.source = source.replace("TERRASCOPE_S2_NDVI_V2", "S2_FAPAR_CLOUDCOVER")
    with egi.realm(accessTokenLifespan=4):
        NotebookClient(document, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()

    shown = [str(cell.outputs) for cell in document.cells if cell.cell_type == "code"]
    assert "True)" in shown[3]
    assert "'finished'" in shown[5]
    assert "service-account-openeo-service" in shown[6]
    assert "Signed out" in shown[7]
    assert not [output for output in shown if "openeo-service-secret" in output or "eyJ" in output]


def test_user_name_and_password_of_the_back_end(backend: str) -> None:
    """`/credentials/basic` gives a token that the back-end accepts; a wrong password is refused."""
    (account,) = Accounts(environ={}).of_backend(f"openeo:{backend}", Wish(method="basic"))
    account.start_password_login(BASIC_USER, Secret("wrong"), method="basic")
    assert isinstance(account.wait(30).error, LoginRefused)
    account.start_password_login(BASIC_USER, Secret(BASIC_PASSWORD), method="basic")
    assert account.wait(30).phase == "signed_in"
    assert LiveConnection(account).describe_account()["user_id"] == "dora"


def test_a_login_goes_to_openeos_client_and_comes_from_it(
    egi: Keycloak, backend: str, browser_context: BrowserContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own `authenticate_oidc` signs in by the file that we exported, and we by the one that it left."""
    monkeypatch.setenv("OPENEO_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("ipyterrascope.frontend.place", lambda: "terminal")
    shown: list[str] = []
    monkeypatch.setattr("ipyterrascope.terminal.say", shown.append)
    configure(replace(Configuration(), store="file"))
    try:
        with egi.realm(revokeRefreshToken=True, refreshTokenMaxReuse=0), ThreadPoolExecutor(1) as pool:
            exported = pool.submit(ts.export_openeo, backend)
            while not shown:
                time.sleep(0.05)
            (page,) = re.findall(r"http://\S+", shown[0])
            egi.answer_device_login(browser_context, page, EGI_DORA)
            exported.result(60)
            theirs = openeo.connect(backend).authenticate_oidc()
            who = theirs.describe_account()["user_id"]
            ts.import_openeo(backend)
            assert ts.openeo_connection(backend).describe_account()["user_id"] == who
            providers.account(f"openeo:{backend}").logout()
        assert egi.events("REFRESH_TOKEN_ERROR") == []
    finally:
        configure(None)
