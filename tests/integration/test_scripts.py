"""A script that nobody watches, run by cron or a batch system: it signs in from its environment, or says at once what
to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from places import Ended, environment_for, run_script

from ipyterrascope.sandbox import Sandbox

Script = Callable[..., Ended]


def last_line(done: Ended) -> str:
    return done.stderr.strip().splitlines()[-1]


def test_user_and_password_in_the_environment_are_all_it_takes(
    script: Script, box: Sandbox, credentials: dict[str, str], tmp_path: Path
) -> None:
    """With user and password in its environment a script logs in, uses a session and downloads, and asks nothing."""
    first, second = box.download_urls[:2]
    done = script(
        f"""
import ipyterrascope as ts

account = ts.login()
print(account, account.state.source)
print(ts.session().get({first!r}).status_code)
report = ts.download([{first!r}, {second!r}], "data")
print(len(report), all(path.exists() for path in report))
print(ts.logout())
""",
        **credentials,
    )
    assert done.status == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Signed in to Terrascope as dora, from TERRASCOPE_USERNAME and TERRASCOPE_PASSWORD.",
        "<Account terrascope: signed_in as dora> environment",
        "200",
        "2 True",
        "Signed out, and the session at Terrascope is ended.",
    ]
    assert done.stderr == ""
    assert len([*tmp_path.glob("data/**/*.tif")]) == 2


def test_a_session_needs_no_login_call(script: Script, box: Sandbox, credentials: dict[str, str]) -> None:
    """`session()` alone signs in from the environment, quietly."""
    done = script(
        f"import ipyterrascope as ts; print(ts.session().get({box.download_urls[0]!r}).status_code)", **credentials
    )
    assert (done.stdout, done.stderr) == ("200\n", "")


def test_a_token_is_used_as_it_is(script: Script, box: Sandbox, bearer: str) -> None:
    """TERRASCOPE_TOKEN is sent as it is: the provider is not asked at all, neither to renew nor to revoke it."""
    done = script(
        f"""
import ipyterrascope as ts

ts.login()
print(ts.session().get({box.download_urls[0]!r}).status_code, ts.account().state.renewable)
print(ts.logout())
""",
        TERRASCOPE_TOKEN=bearer,
    )
    assert done.stdout.splitlines() == [
        "Signed in to Terrascope as dora, from TERRASCOPE_TOKEN (not checked yet).",
        "200 False",
        "Signed out here. The token from TERRASCOPE_TOKEN was not revoked; it rests until the next login.",
    ]
    assert [record.path.partition("/download/")[1] for record in box.requests] == ["/download/"]


def test_basic_authentication_from_the_environment(script: Script, box: Sandbox, credentials: dict[str, str]) -> None:
    """`login(method="basic")` sends user and password to the data service alone, the provider is not asked."""
    done = script(
        f"""
import ipyterrascope as ts

ts.login(method="basic")
print(ts.session().get({box.download_urls[0]!r}).status_code)
try:
    ts.token()
except ts.errors.LoginRequired as error:
    print(error)
""",
        **credentials,
    )
    assert done.stdout.splitlines()[1:] == [
        "200",
        "This login at Terrascope has no token. It is a Basic login. Use the session or auth().",
    ]
    assert not box.requests_to("/auth/")


@pytest.mark.parametrize("call", ["login()", "session()", "auth()", "token()", "download(URL)"])
def test_without_a_credential_it_ends_at_once_with_advice(script: Script, box: Sandbox, call: str) -> None:
    """Where nobody can be asked and nothing lies ready, every call raises `LoginRequired` within a second of work."""
    done = script(
        f"""
import time
import ipyterrascope as ts

began = time.process_time()
URL = {box.download_urls[0]!r}
try:
    ts.{call}
finally:
    print(time.process_time() - began < 1)
"""
    )
    assert done.status == 1
    assert done.stdout == "True\n"
    assert "LoginRequired: " in last_line(done)
    assert "Neither TERRASCOPE_TOKEN nor TERRASCOPE_USERNAME and TERRASCOPE_PASSWORD are set." in last_line(done)
    assert "Set TERRASCOPE_USERNAME and TERRASCOPE_PASSWORD, or TERRASCOPE_TOKEN, in the environment." in last_line(
        done
    )
    assert done.seconds < 10  # and without waiting: the whole process, on a machine that may be busy
    assert not box.requests


def test_who_signed_out_is_told_to_sign_in(script: Script, credentials: dict[str, str]) -> None:
    """After `logout()` the advice is `login()`, not to set variables that are set."""
    done = script("import ipyterrascope as ts; ts.login(); ts.logout(); ts.session()", **credentials)
    assert "You signed out of Terrascope." in last_line(done)
    assert "login()" in last_line(done)
    assert "Set TERRASCOPE_USERNAME" not in last_line(done)


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"TERRASCOPE_USERNAME": "dora"}, "TERRASCOPE_PASSWORD is not set."),
        ({"TERRASCOPE_PASSWORD": "s3cret-Pa55"}, "TERRASCOPE_USERNAME is not set."),
        ({"TERRASCOPE_TOKEN": "eyJhbGciOiJub25lIn0.eyJleHAiOjE2MDAwMDAwMDB9."}, "TERRASCOPE_TOKEN has expired."),
    ],
)
def test_half_a_credential_is_named(script: Script, variables: dict[str, str], why: str) -> None:
    """The error says which variable is missing or has expired, and repeats no value."""
    done = script("import ipyterrascope as ts; ts.login()", **variables)
    assert why in last_line(done)
    assert not any(secret in done.stderr for secret in variables.values() if secret != "dora")


def test_a_wrong_password_is_said_plainly(script: Script, box: Sandbox) -> None:
    """A wrong password is refused once, said in a sentence, and shown nowhere."""
    done = script(
        "import ipyterrascope as ts; ts.login()", TERRASCOPE_USERNAME="dora", TERRASCOPE_PASSWORD="wr0ng-Pa55"
    )
    assert "LoginRefused: " in last_line(done)
    assert "did not accept the user name and password" in last_line(done)
    assert "wr0ng-Pa55" not in done.stdout + done.stderr
    assert len(box.requests_to("/token")) == 1


def test_the_environment_configures_issuer_client_and_hosts(
    script: Script, box: Sandbox, credentials: dict[str, str]
) -> None:
    """TERRASCOPE_ISSUER, _CLIENT_ID and _HOSTS say whom to ask, as which client, and who may see the bearer."""
    done = script(
        f"""
import ipyterrascope as ts

ts.login()
print(sorted(ts.account().provider.hosts))
ts.session().head({box.download_urls[0]!r})
""",
        TERRASCOPE_CLIENT_ID="nodevice",
        TERRASCOPE_HOSTS="data.example.org, 127.0.0.1:1",
        **credentials,
    )
    assert done.stdout.splitlines()[1:] == ["['127.0.0.1:1', 'data.example.org']"]
    assert [record.form["client_id"] for record in box.requests_to("/token")] == ["nodevice"]
    assert ["Authorization" in record.headers for record in box.requests_to("/download/")] == [False]


@pytest.mark.parametrize("issuer", ["http://sso.example.org/realm", "sso.example.org", "https://a@b/realm"])
def test_an_issuer_that_cannot_be_right_is_refused(tmp_path: Path, issuer: str) -> None:
    """An issuer in the environment that is not secure is an error of the first call, not of the import."""
    done = run_script(
        "import ipyterrascope as ts; print('imported'); ts.login()",
        environment_for(tmp_path, TERRASCOPE_ISSUER=issuer, TERRASCOPE_USERNAME="dora", TERRASCOPE_PASSWORD="x"),
        tmp_path,
    )
    assert done.stdout == "imported\n"
    assert "ConfigurationError: The issuer of provider terrascope is not a secure address." in last_line(done)


FOREIGN = """
import ipyterrascope as ts

provider = ts.Provider(
    name="terrascope", label="Elsewhere", issuer={issuer!r}, client_id={client_id!r}, hosts=frozenset({hosts!r})
)
for call in (ts.login, ts.session, ts.token, lambda p: ts.download({url!r}, provider=p)):
    try:
        call(provider)
    except ts.errors.LoginRequired as error:
        print(error)
"""


@pytest.mark.parametrize("what", ["issuer", "client_id", "hosts"])
def test_credentials_of_the_environment_serve_nobody_else(
    script: Script, box: Sandbox, credentials: dict[str, str], what: str
) -> None:
    """A `Provider` value with another issuer or client, or with a host more, gets none of what the environment has."""
    with Sandbox() as foreign:
        ours, theirs = f"127.0.0.1:{box.port}", f"127.0.0.1:{foreign.port}"
        done = script(
            FOREIGN.format(
                issuer=foreign.issuer if what == "issuer" else box.issuer,
                client_id="nodevice" if what == "client_id" else "public",
                hosts={theirs} if what == "issuer" else {ours} if what == "client_id" else {ours, theirs},
                url=foreign.download_urls[0] if what != "client_id" else box.download_urls[0],
            ),
            **credentials,
        )
        assert foreign.requests == []
    assert done.status == 0, done.stderr
    assert len(done.stdout.splitlines()) == 4
    reason = "What lies ready serves only the configured issuer, client and hosts."
    assert all(reason in line for line in done.stdout.splitlines())
    assert "Set TERRASCOPE_USERNAME" not in done.stdout
    assert box.requests == []


def test_what_needs_no_login_is_downloaded_without_one(script: Script, box: Sandbox) -> None:
    """A URL of a host that may not see the bearer is fetched as it is, and nobody has to sign in."""
    box.require_bearer = False
    done = script(
        f"import ipyterrascope as ts; print(len(ts.download({box.download_urls[0]!r}, 'data')))",
        TERRASCOPE_HOSTS="services.example.org",
    )
    assert (done.stdout, done.stderr) == ("1\n", "")
    assert all("Authorization" not in record.headers for record in box.requests)


def test_status_tells_why_nothing_served(script: Script, box: Sandbox, tmp_path: Path) -> None:
    """`status()` says before any login what lies ready and why the rest does not, and signs in nowhere."""
    done = script("import ipyterrascope as ts; print(ts.status())", TERRASCOPE_TOKEN_FILE=str(tmp_path / "none"))
    assert done.stdout.splitlines() == [
        "Terrascope: not signed in. Run ipyterrascope.login().",
        "  environment: Neither TERRASCOPE_TOKEN nor TERRASCOPE_USERNAME and TERRASCOPE_PASSWORD are set.",
        f"  token file: The token file {tmp_path}/none cannot be used. It is not there. Mend it, or name another.",
        "  stored login: No login is stored.",
        "  JupyterHub: No JupyterHub started this kernel.",
    ]
    assert not box.requests


def test_a_token_file_that_others_can_read_is_told_with_what_mends_it(script: Script, tmp_path: Path) -> None:
    """The error names the file, what is wrong with it, and the command that mends it, rather than other variables."""
    path = tmp_path / "token"
    path.write_text("opaque")
    path.chmod(0o644)
    done = script("import ipyterrascope as ts; ts.login()", TERRASCOPE_TOKEN_FILE=str(path))
    assert f"The token file {path} cannot be used. Others can read or change it (its mode is 0644)." in last_line(done)
    assert last_line(done).endswith(f"Run chmod 600 {path}.")
