"""`ipyterrascope.openeo_connection`: a real `openeo.Connection` whose bearer is always live, and goes nowhere else."""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import openeo
import pytest
import requests
from openeo.extra.job_management._thread_worker import ConnectedTask
from openeo.rest import OpenEoApiPlainError
from openeo.rest.auth.config import AuthConfig
from signing import sign_in

import ipyterrascope as ts
from ipyterrascope.accounts import providers
from ipyterrascope.auth.account import Account
from ipyterrascope.configuration import Configuration, configure
from ipyterrascope.errors import LoginRequired, SecretExposed, UsageError
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.status import Status
from testbed.loopback import Loopback, Reply, loopback
from testbed.openeo import DEVICE, FakeBackend, as_json, fake_backend


@pytest.fixture
def backend(box: Sandbox) -> Iterator[FakeBackend]:
    with fake_backend() as running:
        running.offer(
            box.issuer,
            default_clients=[{"id": "public", "grant_types": [DEVICE, "password"]}],
            links=[{"href": "https://join.example.org", "rel": "register", "title": "Join"}],
        )
        yield running


@pytest.fixture
def account(backend: FakeBackend) -> Iterator[Account]:
    """An account that is signed in at the back-end as dora."""
    made = providers.account(f"openeo:{backend.address}")
    sign_in(made)
    yield made
    made.logout()


@pytest.fixture
def elsewhere() -> Iterator[Loopback]:
    with loopback(lambda _: as_json({})) as running:
        yield running


@pytest.fixture(autouse=True)
def _nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ipyterrascope.frontend.place", lambda: "headless")


def connect(backend: FakeBackend) -> openeo.Connection:
    return ts.openeo_connection(backend.address)


def test_it_is_a_real_connection_that_survives_rotations(box: Sandbox, backend: FakeBackend, account: Account) -> None:
    """Five rotations with reuse detection on, eight threads at a time: all are answered, one renews."""
    box.access_token_lifetime_s = 2
    con = connect(backend)
    assert isinstance(con, openeo.Connection)
    seen: set[str] = set()
    deadline = time.monotonic() + 60
    while len(seen) < 6 and time.monotonic() < deadline:
        with ThreadPoolExecutor(8) as pool:
            told = list(pool.map(lambda _: con.describe_account()["user_id"], range(8)))
        assert told == ["sandbox-dora"] * 8
        seen.add(con.auth.bearer)
        time.sleep(0.3)

    assert len(seen) == 6
    assert all(bearer.startswith("oidc/sso/") for bearer in seen)
    refreshed = [asked for asked in box.requests_to("/token") if asked.form["grant_type"] == "refresh_token"]
    assert len(refreshed) == 5


def test_a_token_that_is_refused_in_the_middle_is_renewed(box: Sandbox, backend: FakeBackend, account: Account) -> None:
    """TokenInvalid, which is 403 here, leads to one renewal and one more try."""
    box.access_token_lifetime_s = 300
    con = connect(backend)
    con.describe_account()
    time.sleep(0.4)
    box.expire_access_tokens()
    assert con.describe_account()["user_id"] == "sandbox-dora"


def test_a_session_that_ended_in_the_middle_says_sign_in_again(
    box: Sandbox, backend: FakeBackend, account: Account
) -> None:
    """Not openEO's TokenInvalid but ours: the login is over, and what to do."""
    con = connect(backend)
    time.sleep(0.4)
    box.revoke_all()
    with pytest.raises(LoginRequired, match="Sign in again"):
        con.describe_account()
    assert con.try_access_token_refresh() is False


@pytest.mark.parametrize(
    "answer", [as_json({"code": "PermissionsInsufficient", "message": "no"}, 403), Reply(403, b"no"), Reply(401, b"no")]
)
def test_a_back_end_that_refuses_a_good_token_names_the_pages(
    backend: FakeBackend, account: Account, answer: Reply
) -> None:
    """Asked once, then openEO's error stands, whatever its form, with where to register."""
    backend.answers["/openeo/1.2/jobs"] = answer
    with pytest.raises(OpenEoApiPlainError, match=r"no.*register.*Join: https://join.example.org") as raised:
        connect(backend).get("/jobs")
    assert (raised.value.http_status_code, raised.value.message) == (answer.status, "no")
    assert len([asked for asked in backend.asked if asked.path == "/openeo/1.2/jobs"]) == 1


def test_a_session_names_the_pages_too(backend: FakeBackend, account: Account, elsewhere: Loopback) -> None:
    """A plain 401 or 403 of the back-end is an answer as any other; what is raised for it says where to register."""
    session = ts.session(f"openeo:{backend.address}")
    for status in (401, 403):
        backend.answers["/openeo/1.2/jobs"] = Reply(status, b"no")
        answer = session.get(f"{backend.url}/jobs")
        assert (answer.status_code, answer.text) == (status, "no")
        with pytest.raises(requests.HTTPError, match=r"register there.*Join: https://join.example.org"):
            answer.raise_for_status()
    elsewhere.answer = lambda _: Reply(403, b"no")
    assert "register" not in session.get(f"{elsewhere.url}/jobs").reason
    backend.answers["/openeo/1.2/jobs"] = Reply(404)
    assert "register" not in session.get(f"{backend.url}/jobs").reason


def test_threads_of_a_job_manager_get_a_live_bearer(backend: FakeBackend, account: Account) -> None:
    """openEO hands `bearer` to connections of its own; it is one that the back-end accepts, and refreshed on demand."""
    con = connect(backend)
    time.sleep(0.4)
    first = con.auth.bearer
    assert con.try_access_token_refresh()
    assert con.auth.bearer != first

    class Ask(ConnectedTask):
        def execute(self) -> str:
            return self.get_connection(retry=False).describe_account()["user_id"]

    task = Ask(job_id="j", df_idx=0, root_url=con.root_url, bearer_token=con.auth.bearer)
    assert task.execute() == "sandbox-dora"


def test_the_bearer_goes_to_the_back_end_alone(backend: FakeBackend, account: Account, elsewhere: Loopback) -> None:
    """Neither an address elsewhere nor a redirect there sees it."""
    con = connect(backend)
    con.get(f"{elsewhere.url}/result.tif")
    backend.answers["/openeo/1.2/away"] = Reply(302, b"", {"Location": f"{elsewhere.url}/away"})
    con.get("/away")
    assert [asked.path for asked in elsewhere.asked] == ["/result.tif", "/away"]
    assert all("Authorization" not in asked.headers for asked in elsewhere.asked)
    assert backend.bearers()[-1].startswith("Bearer oidc/sso/")


def test_what_a_caller_keeps_never_held_the_token(
    backend: FakeBackend, account: Account, caplog: pytest.LogCaptureFixture, holds: Callable[..., list[str]]
) -> None:
    """Responses, the connection, its auth and openEO's log at DEBUG hold no token; nothing of it can be pickled."""
    caplog.set_level(logging.DEBUG)
    con = connect(backend)
    response = con.get("/me")
    token = account.tokens().access_token.reveal()
    assert holds(token, response, repr(con), repr(con.auth), caplog.text) == []
    with pytest.raises(SecretExposed):
        pickle.dumps(con.auth)
    with pytest.raises(SecretExposed):
        pickle.dumps(con.session)


def test_nobody_signed_in(backend: FakeBackend) -> None:
    """Without a login there is no connection, and the error says which command makes one."""
    with pytest.raises(LoginRequired, match="OPENEO_AUTH_METHOD"):
        connect(backend)
    providers.account(f"openeo:{backend.address}").logout()


def test_the_back_end_that_is_configured(backend: FakeBackend, account: Account) -> None:
    """Without an address, c.Terrascope.openeo_backend is meant, also by the name `openeo:`."""
    configure(replace(Configuration(), openeo_backend=backend.address))
    try:
        assert ts.openeo_connection().describe_account()["user_id"] == "sandbox-dora"
        assert ts.account("openeo:") is account
    finally:
        configure(None)


def test_the_back_end_of_openeos_own_configuration(
    backend: FakeBackend, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the one that openeo-client-config.ini names, also by the name `openeo:`; without one we say what to do."""
    monkeypatch.setenv("OPENEO_CONFIG_HOME", str(tmp_path))
    with pytest.raises(UsageError, match="No openEO back-end is named"):
        ts.openeo_connection()
    (tmp_path / "openeo-client-config.ini").write_text(f"[Connection]\ndefault_backend = {backend.address}\n")
    assert ts.openeo_connection().describe_account()["user_id"] == "sandbox-dora"
    assert ts.account("openeo:") is account


def test_openeos_own_configuration_signs_in_by_password(
    backend: FakeBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`auto_authenticate = basic` takes the password of auth-config.json, and sends it to that origin alone."""
    monkeypatch.setenv("OPENEO_CONFIG_HOME", str(tmp_path))
    backend.users = {"dora": "pa55w0rd"}
    config = AuthConfig(tmp_path / "auth-config.json")
    (tmp_path / "openeo-client-config.ini").write_text(
        f"[Connection]\ndefault_backend = {backend.address}\ndefault_backend.auto_authenticate = basic\n"
    )
    config.set_basic_auth("https://openeo.example.org", "dora", "pa55w0rd")
    with pytest.raises(LoginRequired, match="no password for this back-end"):
        ts.openeo_connection()

    config.set_basic_auth(backend.address, "dora", "pa55w0rd")
    assert ts.openeo_connection().describe_account()["user_id"] == "dora"
    signed_in = ts.account("openeo:")
    assert signed_in.came_from == "openEO's auth-config.json"
    signed_in.logout()


def test_status_tells_the_back_end_the_issuer_and_who(box: Sandbox, backend: FakeBackend, account: Account) -> None:
    """`%terrascope status` shows `/me`, or why the back-end did not tell."""
    told = repr(Status([account]))
    assert f"back-end: {backend.url}" in told
    assert f"issuer: {box.issuer}" in told
    assert "user id: sandbox-dora" in told
    assert "roles: early-adopter" in told

    backend.answers["/openeo/1.2/me"] = as_json({"code": "TokenInvalid"}, 403)
    assert "does not accept this login" in repr(Status([account]))


def test_without_the_client_the_error_names_the_extra() -> None:
    """`pip install "ipyterrascope[openeo]"` brings it."""
    code = "import sys; sys.modules['openeo'] = None; import ipyterrascope as ts; ts.openeo_connection('h.example.org')"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert 'pip install "ipyterrascope[openeo]"' in ran.stderr
