"""Somebody who works at openEO back-ends: one line to sign in, a choice, and no login behind their back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from kernels import FrontEnd
from places import Ended

from ipyterrascope.protocol.oauth import OAuthClient
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.values.secret import Secret
from testbed.canary import found_in
from testbed.openeo import DEVICE, FakeBackend, as_json, fake_backend


def approved(notebook: FrontEnd, box: Sandbox, view: str) -> None:
    notebook.until_phase(view, "awaiting_user")
    box.approve(box.waiting_codes[0])
    notebook.until_phase(view, "signed_in")


def test_a_login_and_a_connection_in_a_notebook(notebook: FrontEnd, box: Sandbox, backend: FakeBackend) -> None:
    """The widget shows the back-end and its issuer; approved there, openEO's client works, and status tells who."""
    cell = notebook.run(f"%terrascope login openeo:{backend.address}")
    assert not cell.ename, cell.shown
    shown = notebook.state_of(cell.views[0])["provider"]
    host = backend.address.removeprefix("http://")
    assert (shown["label"], shown["issuer_host"]) == (f"openEO at {host} (Single sign-on)", "127.0.0.1")
    approved(notebook, box, cell.views[0])

    notebook.run(f"import ipyterrascope as ts; con = ts.openeo_connection('{backend.address}')")
    assert notebook.run("con.describe_account()['user_id']").result == "'sandbox-dora'"
    status = f"from ipyterrascope.status import Status; print(Status([ts.account('openeo:{backend.address}')]))"
    assert f"back-end: {backend.url}" in notebook.run(status).stream
    assert "is ended" in notebook.run(f"%terrascope logout openeo:{backend.address}").stream


def test_a_choice_of_providers_in_the_widget(notebook: FrontEnd, box: Sandbox, backend: FakeBackend) -> None:
    """The person turns to another provider, and the back-end's name stands for that login from then on."""
    backend.offer(box.issuer, id="second", default_clients=[{"id": "confidential", "grant_types": [DEVICE]}])
    backend.offer(box.issuer, id="third", title="Third", default_clients=[{"id": "public", "grant_types": [DEVICE]}])
    view = notebook.run(f"%terrascope login openeo:{backend.address}").views[0]
    choices = notebook.state_of(view)["choices"]
    assert [label.rpartition(" ")[2] for label in choices.values()] == ["(sso)", "(second)", "(Third)"]

    notebook.click(view, "choose_provider", provider=list(choices)[2])
    notebook.until(lambda: notebook.state_of(view)["provider"]["name"].endswith("#third"))
    notebook.click(view, "start_device")
    notebook.until(lambda: notebook.state_of(view)["phase"] == "awaiting_user" and len(box.waiting_codes) == 2)
    box.approve(box.waiting_codes[1])
    notebook.until_phase(view, "signed_in")
    notebook.run("import ipyterrascope as ts")
    told = notebook.run(f"ts.openeo_connection('{backend.address}').auth.bearer.startswith('oidc/third/')")
    assert told.result == "True", told.shown


def token_of_dora(box: Sandbox) -> str:
    return OAuthClient(box.provider(scope="openid")).password("dora", Secret("s3cret-Pa55")).access_token.reveal()


@pytest.mark.parametrize(
    ("options", "method", "secret", "source"),
    [
        ("--method token", "token", "", "token"),
        ("--method oidc --client-id service", "oidc", "sandbox-service-secret", "oidc"),
    ],
)
def test_a_secret_is_typed_in_the_form(
    notebook: FrontEnd, box: Sandbox, backend: FakeBackend, options: str, method: str, secret: str, source: str
) -> None:
    """The widget asks for a token or a client's secret, signs in, and no output or message of the kernel has it."""
    secret = secret or token_of_dora(box)
    cell = notebook.run(f"%terrascope login openeo:{backend.address} {options}")
    view = cell.views[0]
    assert notebook.state_of(view)["provider"]["methods"][0] == method
    notebook.sign_in_by_form(view, "", secret, method)
    notebook.until_phase(view, "signed_in")
    assert notebook.state_of(view)["source"] == source
    notebook.run("import ipyterrascope as ts")
    told = notebook.run(f"ts.openeo_connection('{backend.address}').describe_account()['user_id']")
    assert told.result, told.shown
    assert secret not in f"{cell.saved}{notebook.messages}{notebook.widgets}"


def test_a_token_that_is_written_in_a_cell(
    notebook: FrontEnd, box: Sandbox, backend: FakeBackend, tmp_path: Path
) -> None:
    """It signs in, and the person is told where it stands now; one that was read from a file is not spoken of."""
    token = token_of_dora(box)
    (tmp_path / "token").write_text(token)
    name = f"openeo:{backend.address}"
    notebook.run("import ipyterrascope as ts")
    cell = notebook.run(f"ts.login({name!r}, token=open({str(tmp_path / 'token')!r}).read())")
    assert (cell.ename, cell.stream) == ("", "")
    cell = notebook.run(f"ts.login({name!r}, token={token!r})")
    assert (cell.ename, "The token is written in a cell" in cell.stream) == ("", True)
    assert token not in cell.stream


def test_a_back_end_that_repeats_the_token(notebook: FrontEnd, box: Sandbox, backend: FakeBackend) -> None:
    """Neither the widget's traits, nor status, nor an error has the bearer that a back-end sends back as a name."""
    token = token_of_dora(box)
    backend.answers["/openeo/1.2/me"] = as_json({"user_id": "dora", "name": f"Dora ({token})", "default_plan": token})
    view = notebook.run(f"%terrascope login openeo:{backend.address} --method token").views[0]
    notebook.sign_in_by_form(view, "", token, "token")
    notebook.until_phase(view, "signed_in")
    assert notebook.state_of(view)["user"] == "dora"
    status = notebook.run(f"import ipyterrascope as ts; print(ts.status('openeo:{backend.address}'))").stream
    assert "dora" in status
    backend.answers["/openeo/1.2/me"] = as_json({"code": token, "message": token}, 403)
    told = notebook.run(f"print(ts.status('openeo:{backend.address}'))").stream
    assert "403" in told
    shown = {"all": f"{status}{told}{notebook.messages}{notebook.widgets}".encode()}
    assert found_in(shown, [token], ["dora"]) == set()


def test_an_address_is_pasted_at_a_hidden_prompt(notebook: FrontEnd, box: Sandbox, backend: FakeBackend) -> None:
    """A sign-in by authorization code asks below the cell, without showing what is typed, and repeats none of it."""
    web = {"id": "public", "grant_types": ["authorization_code+pkce"], "redirect_urls": ["http://localhost:1410/"]}
    backend.providers[0]["default_clients"] = [web]
    cell = notebook.start(f"%terrascope login openeo:{backend.address} --method code")
    question = notebook.type_at_prompt("http://localhost:1410/?code=s3cr3t-c0de&state=another")
    assert (question["password"], "not shown" in question["prompt"]) == (True, True)
    ended = notebook.finish(cell)
    assert ended.ename, ended.shown
    assert "s3cr3t-c0de" not in f"{ended.shown}{notebook.messages}"


def test_a_line_that_cannot_be_meant(notebook: FrontEnd, backend: FakeBackend) -> None:
    """An unknown id lists those there are; --provider-id without a back-end, and an address that is none, are told."""
    for line, words in (
        (f"openeo:{backend.address} --provider-id egi", "It has sso."),
        ("--provider-id egi", "Only an openEO back-end"),
        ("openeo:http://openeo.example.org", "no address of an openEO back-end"),
        ("openeo:", "No openEO back-end is named"),
        (f"openeo:{backend.address} --method basic", "takes no user name and password itself"),
    ):
        assert words in notebook.run(f"%terrascope login {line}").shown, line


def test_a_script_never_uses_a_login_at_another_back_end(
    script: Callable[..., Ended], box: Sandbox, backend: FakeBackend, tmp_path: Path
) -> None:
    """Kept for one back-end, a login serves a later script there; at another one of the same provider it raises."""
    variables = {
        "TERRASCOPE_STORE": "file",
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "NO_PROXY": "127.0.0.1",
    }
    backend.providers[0]["default_clients"][0]["grant_types"].append("password")
    made = script(
        "import ipyterrascope as ts; from ipyterrascope.values.secret import Secret\n"
        f"a = ts.account('openeo:{backend.address}')\n"
        "a.start_password_login('dora', Secret('s3cret-Pa55'), remember=True); print(a.wait(30).phase)",
        **variables,
    )
    assert made.stdout.strip().endswith("signed_in"), made
    with fake_backend() as other:
        other.providers = backend.providers
        line = "import ipyterrascope as ts; print(ts.openeo_connection('{}').describe_account()['user_id'])"
        assert "sandbox-dora" in script(line.format(backend.address), **variables).stdout
        refused = script(line.format(other.address), **variables)
        assert "LoginRequired: Nobody can be asked to sign in to openEO at" in refused.stderr
        assert other.bearers() == []


def test_what_a_back_end_lacks_is_told(notebook: FrontEnd, box: Sandbox, backend: FakeBackend) -> None:
    """No fitting client (named, with its grants and the missing one), no provider, and nobody there, each in a line."""
    line = f"%terrascope login openeo:{backend.address}"
    assert "no client for this sign-in at sso" in notebook.run(f"{line} --method password").shown
    with fake_backend() as other:
        web = {"id": "web", "grant_types": ["authorization_code+pkce"]}
        lacking = f"%terrascope login openeo:{other.address}"
        other.offer(box.issuer, default_clients=[web])
        told = notebook.run(lacking).shown
        assert "device_code+pkce: web (authorization_code+pkce)" in " ".join(told.split())
        assert "--client-id" in told
    with fake_backend() as other:
        told = notebook.run(f"%terrascope login openeo:{other.address}").shown
        assert "offers no way to sign in. It lists no provider." in " ".join(told.split())
    assert "was not reached" in notebook.run(f"%terrascope login openeo:{other.address}/other").shown
