"""Files of data centres behind Earthdata Login: led to the login and back, and what a person has to do first."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ipyterrascope as ts
from ipyterrascope.auth.account import Account
from ipyterrascope.configuration import Configuration, configure
from ipyterrascope.errors import (
    ApplicationNotApproved,
    DownloadFailed,
    EulaNotAccepted,
    LoginPageReceived,
    LoginRequired,
    TerrascopeError,
)
from ipyterrascope.protocol.earthdata_answers import FinalAnswer, explain
from ipyterrascope.sandbox import steps
from ipyterrascope.sandbox.earthdata import EarthdataSandbox
from ipyterrascope.values.connection import Connection
from ipyterrascope.values.hosts import origins_of
from ipyterrascope.values.known import EARTHDATA
from ipyterrascope.values.secret import Secret

PASSWORD = "s3cret-Pa55"
FILE = bytes(range(256)) * 1000


@pytest.fixture
def url(box: EarthdataSandbox) -> str:
    return box.add_file("granule.h5", FILE)


def by_session(url: str, folder: Path, provider: str = "earthdata") -> bytes:
    return ts.session(provider).get(url).content


def by_download(url: str, folder: Path, provider: str = "earthdata") -> bytes:
    (path,) = ts.download(url, folder, provider=provider)
    return path.read_bytes()


def by_fsspec(url: str, folder: Path) -> bytes:
    return ts.fsspec.filesystem("earthdata").cat_file(url)  # type: ignore[no-any-return]


ways = pytest.mark.parametrize("way", [by_session, by_download])
all_ways = pytest.mark.parametrize("way", [by_session, by_download, by_fsspec])


def schemes(box: EarthdataSandbox, *, at_login: bool) -> list[str]:
    """Return with which kinds of credential one of the two hosts was asked."""
    records = [each for each in box.requests if (each.headers["Host"] == box.login_host) is at_login]
    return [record.headers.get("Authorization", "").partition(" ")[0] for record in records]


def failure(way: Callable[[str, Path], bytes], url: str, folder: Path) -> TerrascopeError:
    """Return why a file does not come."""
    with pytest.raises(TerrascopeError) as caught:
        way(url, folder)
    error = caught.value
    if isinstance(error, DownloadFailed):
        report: Any = error.report
        error = report.outcomes[0].error
    return error


@ways
def test_a_data_centre_that_knows_the_token(
    way: Callable[[str, Path], bytes], token: str, box: EarthdataSandbox, url: str, tmp_path: Path
) -> None:
    """The token goes along at first, and the login is not asked."""
    assert way(url, tmp_path) == FILE
    assert schemes(box, at_login=True) == []
    assert set(schemes(box, at_login=False)) == {"Bearer"}


@all_ways
def test_a_data_centre_that_leads_to_the_login_and_back(
    way: Callable[[str, Path], bytes], token: str, box: EarthdataSandbox, url: str, tmp_path: Path
) -> None:
    """One that does not know the token leads there; the cookie that comes of it serves from then on."""
    box.data_takes_bearer = False
    assert way(url, tmp_path) == FILE
    assert schemes(box, at_login=True) == ["Bearer"]
    session = ts.session("earthdata")
    assert [session.get(url).content for _ in range(3)] == [FILE] * 3
    assert len(box.requests_to("/oauth/authorize")) == 2


def test_each_host_gets_its_own_cookies(token: str, box: EarthdataSandbox, url: str, tmp_path: Path) -> None:
    """What the login sets is not shown to the data centre, nor the other way round."""
    box.data_takes_bearer = False
    session = ts.session("earthdata")
    session.get(url)
    session.cookies.clear(domain="localhost.local")
    session.get(url)
    ts.download([url, box.add_file("b.h5", FILE)], tmp_path, provider="earthdata", max_connections=1)
    seen = {(record.headers["Host"] == box.login_host, part.partition("=")[0].strip())
            for record in box.requests for part in record.headers.get("Cookie", "").split(";") if part}  # fmt: skip
    assert seen == {(True, "_urs_session"), (False, "daac_session")}


@all_ways
def test_the_password_goes_to_the_login_alone(
    way: Callable[[str, Path], bytes],
    box: EarthdataSandbox,
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    account: Account,
) -> None:
    """Where the login takes no token, a password that lies ready opens it, and no data centre ever sees it."""
    box.data_takes_bearer = box.login_takes_bearer = False
    box.shows_login_page = True
    monkeypatch.setenv("EARTHDATA_USERNAME", "dora")
    monkeypatch.setenv("EARTHDATA_PASSWORD", PASSWORD)
    account.allow_sources()
    assert way(url, tmp_path) == FILE
    assert set(schemes(box, at_login=True)) == {"Basic"}
    assert set(schemes(box, at_login=False)) == {"Bearer"}


@all_ways
def test_a_password_that_is_refused_is_not_sent_again(
    way: Callable[[str, Path], bytes],
    box: EarthdataSandbox,
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    account: Account,
) -> None:
    """One that was changed meanwhile is sent once, and not with each file, which would lock the account."""
    box.data_takes_bearer = box.login_takes_bearer = False
    monkeypatch.setenv("EARTHDATA_USERNAME", "dora")
    monkeypatch.setenv("EARTHDATA_PASSWORD", PASSWORD)
    account.allow_sources()
    assert account.sign_in_silently()
    box._running[0].passwords["dora"] = "another"  # pyright: ignore[reportPrivateUsage]
    box.forget_requests()
    for number in range(3):
        with contextlib.suppress(TerrascopeError):
            way(f"{url}?{number}", tmp_path / str(number))
    assert schemes(box, at_login=True).count("Basic") == 1
    assert "EARTHDATA_PASSWORD, which are not sent again." in account.state.notice


@pytest.mark.parametrize("way", [by_session, by_fsspec])
def test_the_password_is_not_kept_for_the_next_host(
    way: Callable[[str, Path], bytes],
    box: EarthdataSandbox,
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    account: Account,
) -> None:
    """Also where the login is the first that is asked of all, it alone is shown the password."""
    monkeypatch.setenv("EARTHDATA_USERNAME", "dora")
    monkeypatch.setenv("EARTHDATA_PASSWORD", PASSWORD)
    account.allow_sources()
    query = (
        f"client_id=sandbox-daac&redirect_uri={box.data_url}/login&response_type=code&state=L2RhdGEvZ3JhbnVsZS5oNQ=="
    )
    assert way(f"{box.issuer}/oauth/authorize?{query}", tmp_path) == FILE
    assert way(url, tmp_path) == FILE
    assert "Basic" in schemes(box, at_login=True)
    assert set(schemes(box, at_login=False)) == {"Bearer"}


def test_gdal_is_given_the_token_alone(
    box: EarthdataSandbox, monkeypatch: pytest.MonkeyPatch, account: Account
) -> None:
    """What is written down for all hosts, by the first of them, is never the password."""
    monkeypatch.setenv("EARTHDATA_USERNAME", "dora")
    monkeypatch.setenv("EARTHDATA_PASSWORD", PASSWORD)
    account.allow_sources()
    assert account.sign_in_silently()
    for origin in origins_of(account.provider.hosts):
        assert account.headers(f"{origin}/")["Authorization"].startswith("Bearer ")


@ways
def test_a_data_centre_that_nobody_listed(
    way: Callable[..., bytes], box: EarthdataSandbox, url: str, tmp_path: Path, token: str
) -> None:
    """It never sees the token: it leads to the login, which does; and what a person has to do there is said."""
    provider = box.provider(name="strict", hosts=frozenset({box.login_host}))
    account = ts.account(provider)
    account.start_token_login(ts.token("earthdata"))
    assert account.wait(30).phase == "signed_in"
    box.forget_requests()
    assert way(url, tmp_path, "strict") == FILE
    assert set(schemes(box, at_login=False)) == {""}
    assert schemes(box, at_login=True) == ["Bearer"]
    box.approved.clear()
    error = failure(lambda *at: way(*at, "strict"), f"{url}?later", tmp_path / "later")
    assert isinstance(error, ApplicationNotApproved)
    account.logout()


@ways
def test_where_a_data_centre_leads_in_the_end(
    way: Callable[[str, Path], bytes], token: str, box: EarthdataSandbox, url: str, tmp_path: Path
) -> None:
    """A signed address elsewhere, as of a bucket, gets neither the token nor a cookie."""
    with EarthdataSandbox() as elsewhere:
        both = tmp_path / "both.pem"
        both.write_text("".join(Path(each.ca_bundle).read_text() for each in (box, elsewhere)))
        configure(Configuration(beside=(box.provider(),), connection=Connection(verify=str(both))))
        signed = elsewhere.add_file("signed.h5", FILE).replace("localhost", "127.0.0.1")
        elsewhere.script(steps.payload({"signed": True}), to="signed.h5")
        box.script(steps.redirect(f"{signed}?Signature=x"), to="granule.h5")
        assert b"signed" in way(url, tmp_path / "data")
        (record,) = elsewhere.requests
    assert "Authorization" not in record.headers
    assert "Cookie" not in record.headers


@all_ways
@pytest.mark.parametrize("takes_bearer", [True, False])
def test_conditions_that_were_not_accepted(
    way: Callable[[str, Path], bytes], takes_bearer: bool, token: str, box: EarthdataSandbox, url: str, tmp_path: Path
) -> None:
    """The error is of a type of its own and has the page, and nothing is saved."""
    box.accepted_eula, box.data_takes_bearer = False, takes_bearer
    error = failure(way, url, tmp_path)
    assert isinstance(error, EulaNotAccepted)
    assert error.page_url == f"{box.issuer}/approve_app?client_id=sandbox-daac"
    assert error.page_url in str(error)
    assert error.status == 403
    assert [*tmp_path.iterdir()] == []
    box.accepted_eula = True
    assert way(url, tmp_path) == FILE


@all_ways
@pytest.mark.parametrize("is_told", [True, False])
def test_an_application_that_was_not_approved(
    way: Callable[[str, Path], bytes], is_told: bool, token: str, box: EarthdataSandbox, url: str, tmp_path: Path
) -> None:
    """Whether the login says so or leads back with it, the error has the page where it is approved; the login stays."""
    box.data_takes_bearer, box.tells_the_data_centre = False, is_told
    box.approved.clear()
    error = failure(way, url, tmp_path)
    assert isinstance(error, ApplicationNotApproved)
    assert error.page_url == f"{box.issuer}/approve_app?client_id=sandbox-daac"
    assert ts.account("earthdata").is_signed_in


@ways
def test_a_refusal_of_the_login_says_nothing_of_the_token(
    way: Callable[[str, Path], bytes],
    box: EarthdataSandbox,
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    account: Account,
) -> None:
    """Where an application is not approved no token is asked about, and none is made."""
    monkeypatch.setenv("EARTHDATA_USERNAME", "dora")
    monkeypatch.setenv("EARTHDATA_PASSWORD", PASSWORD)
    account.allow_sources()
    assert account.sign_in_silently()
    box.data_takes_bearer = box.tells_the_data_centre = False
    box.approved.clear()
    account._vault._held._since -= 60  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess, reportPrivateUsage]
    box.forget_requests()
    assert isinstance(failure(way, url, tmp_path), ApplicationNotApproved)
    assert box.requests_to("/api/") == []


def test_what_is_named_where_a_token_is_refused(
    box: EarthdataSandbox, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, account: Account
) -> None:
    """The variable of this provider that the token came from, and the page where another one is made."""
    monkeypatch.setenv("EARTHDATA_TOKEN", "no-user-token")
    account.allow_sources()
    assert account.sign_in_silently()
    error = failure(by_download, url, tmp_path)
    assert error.status == 401
    assert error.do == f"Renew what EARTHDATA_TOKEN holds: a user token is made at {box.issuer}/profile."


@all_ways
def test_a_login_page_with_200(
    way: Callable[[str, Path], bytes], token: str, box: EarthdataSandbox, url: str, tmp_path: Path
) -> None:
    """It is not taken for the file, and the error says what to do."""
    box.data_takes_bearer = box.login_takes_bearer = False
    box.shows_login_page = True
    error = failure(way, url, tmp_path)
    assert isinstance(error, LoginPageReceived)
    assert error.page_url == f"{box.issuer}/approve_app?client_id=sandbox-daac"
    assert "~/.netrc" in str(error)
    assert [*tmp_path.iterdir()] == []


def test_a_page_that_is_not_the_logins_is_not_named() -> None:
    """What a data centre says of where to go is believed only where that is the login itself."""
    said = b'{"error_description": "EULA Acceptance Failure", "resolution_url": "%s"}'
    for page, named in (
        (
            b"https://urs.earthdata.nasa.gov/approve_app?client_id=x",
            "https://urs.earthdata.nasa.gov/approve_app?client_id=x",
        ),
        (
            b"http://urs.earthdata.nasa.gov/approve_app?client_id=x",
            "https://urs.earthdata.nasa.gov/approve_app?client_id=x",
        ),
        (b"https://evil.example.org/", "https://urs.earthdata.nasa.gov/profile"),
        (b"javascript:alert(1)", "https://urs.earthdata.nasa.gov/profile"),
    ):
        error = explain(EARTHDATA, FinalAnswer("https://data.example.org/a", 403, "application/json", said % page))
        assert error is not None
        assert error.page_url == named
        assert "evil" not in str(error)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"resolution_url": 7}', b"\xff"])
def test_other_refusals_are_as_before(body: bytes) -> None:
    """Where nothing names a page, nothing is made up."""
    assert explain(EARTHDATA, FinalAnswer("https://data.example.org/a", 403, "application/json", body)) is None
    assert explain(EARTHDATA, FinalAnswer("https://urs.earthdata.nasa.gov/profile", 200, "text/html")) is None


def test_many_files_over_many_connections(token: str, box: EarthdataSandbox, tmp_path: Path) -> None:
    """All connections of a download share the cookies: the login is asked no more often than there are connections."""
    box.data_takes_bearer = False
    urls = [box.add_file(f"{number}.h5", bytes([number]) * 100_000) for number in range(40)]
    report = ts.download(urls, tmp_path, provider="earthdata", max_connections=4)
    assert {outcome.status for outcome in report.outcomes} == {"saved"}
    assert len(box.requests_to("/oauth/authorize")) <= 4


@pytest.mark.parametrize("way", ["switch", "logout"])
def test_a_download_under_way_does_not_go_on_as_the_former_person(
    way: str, token: str, box: EarthdataSandbox, tmp_path: Path
) -> None:
    """What a data centre remembers somebody by is not sent for the next person, nor when nobody is signed in."""
    box.data_takes_bearer = False
    provider = box.provider(name="strict", hosts=frozenset({box.login_host}))
    account = ts.account(provider)
    account.start_token_login(ts.token("earthdata"))
    assert account.wait(30).phase == "signed_in"
    urls = [box.add_file(f"{number}.h5", bytes([number]) * 100_000) for number in range(12)]
    download = ts.download(
        urls, tmp_path, provider="strict", background=True, limit_rate=400_000, max_connections=2
    )  # fmt: skip
    while len(download.report.outcomes) < 2:
        time.sleep(0.01)
    if way == "logout":
        account.logout()
    else:
        account.start_token_login(Secret(box.make_token("boots")), is_switch=True)
        assert account.wait(30).user == "boots"
    former = {record.headers.get("Cookie") for record in box.requests_to("/data/")} - {None}
    box.forget_requests()
    with contextlib.suppress(DownloadFailed):
        download.wait(60)
    sent = [record.headers.get("Cookie") for record in box.requests_to("/data/")]
    assert former
    # what was under way on the two connections is over
    assert sum(cookies in former for cookies in sent) <= 2
    assert (set(sent) - former - {None} != set()) is (way == "switch")
    assert all(path.stat().st_size == 100_000 for path in download.report)
    assert len([*download.report]) == 12 or way == "logout"
    account.logout()


def test_nobody_is_signed_in(account: Account, box: EarthdataSandbox, url: str, tmp_path: Path) -> None:
    """It says so before anything is asked, also for a data centre that is not listed."""
    for address in (url, "https://unlisted.example.org/a.h5"):
        with pytest.raises(LoginRequired):
            ts.download(address, tmp_path, provider="earthdata")
    assert box.requests == []


@all_ways
def test_nothing_shows_the_token(
    way: Callable[[str, Path], bytes],
    token: str,
    box: EarthdataSandbox,
    url: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    holds: Callable[..., list[str]],
) -> None:
    """No log at DEBUG and no error, with all that it holds, has the token or the password."""
    box.data_takes_bearer, box.accepted_eula = False, False
    with caplog.at_level(logging.DEBUG):
        error = failure(way, url, tmp_path)
    assert holds(token, error, besides=[ts.account("earthdata")]) == []
    assert token[-20:] not in caplog.text


def test_coroutines_go_there_too(token: str, box: EarthdataSandbox, url: str) -> None:
    """The file system follows to the login and back as the session does."""
    box.data_takes_bearer = False

    async def read() -> list[bytes]:
        system = ts.fsspec.filesystem("earthdata", asynchronous=True)
        return await asyncio.gather(*(system._cat_file(url, start, start + 10) for start in range(0, 100, 10)))

    assert b"".join(asyncio.run(read())) == FILE[:100]
