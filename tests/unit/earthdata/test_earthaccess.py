"""`ts.earthaccess_auth()`: the real earthaccess with the login of this kernel."""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import earthaccess
import pytest

import ipyterrascope as ts
from ipyterrascope.auth.account import Account
from ipyterrascope.errors import EulaNotAccepted, LoginRequired, UsageError
from ipyterrascope.sandbox.earthdata import EarthdataSandbox
from ipyterrascope.values.secret import Secret

FILE = bytes(range(256)) * 1000


@pytest.fixture
def live(token: str, box: EarthdataSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """earthaccess with the login; afterwards it is as it was."""
    module: Any = earthaccess
    # it would ask Amazon's metadata service, and tests ask nobody outside this machine
    monkeypatch.setattr(earthaccess.Store, "_running_in_us_west_2", lambda self: False)
    yield ts.earthaccess_auth()
    for name in ("__auth__", "__store__"):
        vars(module).pop(name, None)


def basic(box: EarthdataSandbox) -> list[str]:
    return [record.path for record in box.requests if record.headers.get("Authorization", "").startswith("Basic")]


def test_it_is_handed_over_without_a_question(live: Any, box: EarthdataSandbox, token: str) -> None:
    """It is a real `Auth` of the module, knows no password, and its token is the one of this moment."""
    module: Any = earthaccess
    assert isinstance(live, earthaccess.Auth)
    assert module.__auth__ is live
    assert live.authenticated
    assert live.login(strategy="interactive") is live
    assert live.token["access_token"] == token
    assert earthaccess.get_edl_token()["access_token"] == token  # type: ignore[index]  # pyright: ignore[reportArgumentType]
    assert token not in f"{live!r}{live.token}{vars(live)}"
    assert live.system.edl_hostname == box.login_host
    assert basic(box) == []


@pytest.mark.parametrize("takes_bearer", [True, False])
def test_it_downloads(live: Any, box: EarthdataSandbox, tmp_path: Path, takes_bearer: bool) -> None:
    """Files come by its own download, also where a data centre leads to the login."""
    box.data_takes_bearer = takes_bearer
    urls = [box.add_file(f"{number}.h5", FILE) for number in range(5)]
    found = earthaccess.download(urls, tmp_path, show_progress=False)
    assert sorted(path.name for path in found) == [f"{number}.h5" for number in range(5)]
    assert {path.read_bytes() for path in found} == {FILE}
    assert basic(box) == []


@pytest.mark.parametrize("takes_bearer", [True, False])
def test_it_opens(live: Any, box: EarthdataSandbox, takes_bearer: bool) -> None:
    """Its file objects read by our file system, which holds no token."""
    box.data_takes_bearer = takes_bearer
    (file,) = earthaccess.open([box.add_file("a.h5", FILE)], show_progress=False)
    assert file.read(10) == FILE[:10]
    assert type(file.fs).__name__ == "TerrascopeFileSystem"


def test_its_token_is_live(live: Any, box: EarthdataSandbox, account: Account, tmp_path: Path) -> None:
    """After a new login it goes on with the new token; after a logout it says that nobody is signed in."""
    url = box.add_file("a.h5", FILE)
    box.end_tokens()
    new = box.make_token()
    account.start_token_login(Secret(new))
    account.wait(30)
    assert live.token["access_token"] == new
    assert earthaccess.get_requests_https_session().get(url).content == FILE
    account.logout()
    assert not live.authenticated
    with pytest.raises(LoginRequired):
        live.get_session().get(url)


def test_what_a_person_has_to_do_is_said(live: Any, box: EarthdataSandbox) -> None:
    """Conditions that were not accepted are an error with the page."""
    box.accepted_eula = False
    with pytest.raises(EulaNotAccepted) as caught:
        earthaccess.get_requests_https_session().get(box.add_file("a.h5", FILE))
    assert caught.value.page_url.startswith(f"{box.issuer}/approve_app")


def test_nothing_shows_the_token(
    live: Any, box: EarthdataSandbox, token: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No log at DEBUG, no pickle and no header of a session has it; pickled it is the provider's name."""
    with caplog.at_level(logging.DEBUG):
        earthaccess.download([box.add_file("a.h5", FILE)], tmp_path, show_progress=False)
    assert token[-20:] not in caplog.text
    assert "Authorization" not in live.get_session().headers
    pickled = pickle.dumps(live)
    assert token[-20:].encode() not in pickled
    again = pickle.loads(pickled)
    assert again.token["access_token"] == token


def test_only_earthdata(box: EarthdataSandbox, account: Account) -> None:
    """Another provider is refused, and nobody signed in is said before anything is asked."""
    with pytest.raises(UsageError, match="Terrascope is not Earthdata Login"):
        ts.earthaccess_auth("terrascope")
    with pytest.raises(LoginRequired):
        ts.earthaccess_auth()
    assert box.requests == []


def test_without_earthaccess() -> None:
    """Where the library is missing it is named, with how to get it."""
    code = (
        "import sys; sys.modules['earthaccess'] = None\n"
        "import ipyterrascope as ts\n"
        "try: ts.earthaccess_auth()\n"
        "except ImportError as error: print(type(error).__name__, error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("ExtraMissing earthaccess is not installed.")
