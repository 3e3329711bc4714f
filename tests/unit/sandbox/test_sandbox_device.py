"""Device login (RFC 8628) as Keycloak does it, and the page on which a person approves."""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode

import pytest
import requests

VERIFIER = "v" * 64
CHALLENGE = urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def device(ask):
    """A device login that has begun."""
    return ask("auth/device").json()


def test_start(box, device):
    """The answer has a code that people can type, the page with and without it, life and interval."""
    assert re.fullmatch("[A-Z]{4}-[A-Z]{4}", device["user_code"])
    assert device["verification_uri"] == f"{box.issuer}/device"
    assert device["verification_uri_complete"] == f"{box.issuer}/device?user_code={device['user_code']}"
    assert (device["expires_in"], device["interval"]) == (600, 5)
    assert box.waiting_codes == [device["user_code"]]


def test_refused_clients(ask, box):
    """A client without the device flow is 400, an unknown one 401, and without the flow there is no endpoint."""
    without = ask("auth/device", client_id="nodevice")
    assert (without.status_code, without.json()["error"]) == (400, "unauthorized_client")
    unknown = ask("auth/device", client_id="unknown")
    assert (unknown.status_code, unknown.json()["error"]) == (401, "invalid_client")
    box.device_flow = False
    assert ask("auth/device").status_code == 404


def test_approval(box, device, poll):
    """A login that waits is pending; approved, it brings the tokens once."""
    assert poll(device).json()["error"] == "authorization_pending"
    box.approve(device["user_code"].lower().replace("-", " "), user="boots")
    box.advance(5)
    assert poll(device).json()["refresh_token"]
    box.advance(5)
    assert poll(device).json() == {"error": "invalid_grant", "error_description": "Device code not valid"}


def test_denial_lasts(box, device, poll):
    """A denied login is `access_denied` on every poll."""
    box.deny(device["user_code"])
    for _ in range(2):
        assert poll(device).json()["error"] == "access_denied"
        box.advance(5)


def test_expiry(box, device, poll):
    """After its life a code is `expired_token` and cannot be approved."""
    box.advance(601)
    assert poll(device).json()["error"] == "expired_token"
    with pytest.raises(KeyError):
        box.approve(device["user_code"])


def test_polling_early(box, device, poll):
    """A poll before the interval is over is `slow_down`, and the interval stays what it was."""
    assert poll(device).json()["error"] == "authorization_pending"
    box.advance(3)
    assert poll(device).json()["error"] == "slow_down"
    box.advance(3)
    assert poll(device).json()["error"] == "authorization_pending"


def test_unknown_code(poll, device):
    """A code that was never issued, or belongs to another client, is `invalid_grant`."""
    assert poll({"device_code": "unknown"}).json()["error"] == "invalid_grant"
    assert poll(device, client_id="nodevice").json()["error"] == "unauthorized_client"


def test_code_challenge_is_enforced(ask, box, poll):
    """Without its verifier an approved code is refused, and is still good for the right one."""
    device = ask("auth/device", code_challenge=CHALLENGE, code_challenge_method="S256").json()
    box.approve(device["user_code"])
    for wrong in ({}, {"code_verifier": "w" * 64}):
        assert poll(device, **wrong).json()["error"] == "invalid_grant"
        box.advance(5)
    assert poll(device, code_verifier=VERIFIER).json()["access_token"]


def test_code_challenge_can_be_demanded(ask, box):
    """Only S256 is taken, and with `pkce_required` nothing else starts."""
    assert ask("auth/device", code_challenge=CHALLENGE, code_challenge_method="plain").status_code == 400
    box.pkce_required = True
    assert ask("auth/device").json()["error"] == "invalid_request"
    assert ask("auth/device", code_challenge=CHALLENGE, code_challenge_method="S256").ok


def test_offline_access_of_a_device_login(ask, box, poll):
    """Whether a person may stay signed in shows only when the tokens are fetched."""
    device = ask("auth/device", scope="offline_access").json()
    box.approve(device["user_code"], user="boots")
    assert poll(device).json()["error"] == "not_allowed"


def field_of(page: requests.Response, name: str) -> str:
    found = re.search(f'name="{name}" value="([^"]*)"', page.text)
    assert found is not None
    return found[1]


def signed_in(box, device, user="dora") -> requests.Response:
    """Do what the person does up to the question whether to grant."""
    form = {"user_code": device["user_code"], "username": user, "password": box.users[user]}
    return requests.post(device["verification_uri"], data=form, timeout=10)


def test_granting_on_the_page(box, device, poll):
    """The page shows the code and whose password to type; signed in, one can grant."""
    page = requests.get(device["verification_uri_complete"], timeout=10)
    for shown in ("SANDBOX", device["user_code"], "no real account", "dora", box.users["dora"]):
        assert shown in page.text
    for element in ("username", "password", "kc-login"):
        assert f'id="{element}"' in page.text
    question = signed_in(box, device, "boots")
    assert "boots" in question.text
    ticket = field_of(question, "ticket")
    done = requests.post(device["verification_uri"], data={"ticket": ticket, "accept": "yes"}, timeout=10)
    assert "Device Login Successful" in done.text
    assert poll(device).ok


def test_denying_on_the_page(box, device, poll):
    """The other button denies."""
    ticket = field_of(signed_in(box, device), "ticket")
    done = requests.post(device["verification_uri"], data={"ticket": ticket, "cancel": "no"}, timeout=10)
    assert "Device Login Failed" in done.text
    assert poll(device).json()["error"] == "access_denied"


def test_wrong_password_on_the_page(device):
    """A wrong password asks again, says so, and grants nothing."""
    form = {"user_code": device["user_code"], "username": "dora", "password": "wrong"}
    page = requests.post(device["verification_uri"], data=form, timeout=10)
    assert 'role="alert">Invalid username or password.' in page.text
    assert 'name="ticket"' not in page.text


def test_only_a_post_with_the_ticket_grants(box, device, poll):
    """Neither a GET, nor a made-up ticket, nor the same ticket twice changes anything."""
    ticket = field_of(signed_in(box, device), "ticket")
    requests.get(device["verification_uri"], params={"ticket": ticket, "accept": "yes"}, timeout=10)
    requests.post(device["verification_uri"], data={"ticket": "made up", "accept": "yes"}, timeout=10)
    assert poll(device).json()["error"] == "authorization_pending"
    for said in ("Device Login Failed", "expired or was used"):
        assert said in requests.post(device["verification_uri"], data={"ticket": ticket}, timeout=10).text


def test_entering_the_code_by_hand(box, device):
    """The bare page asks for the code, takes it as people type it, and refuses another."""
    assert 'id="device_user_code"' in requests.get(device["verification_uri"], timeout=10).text
    typed = {"user_code": device["user_code"].lower().replace("-", "")}
    assert 'id="password"' in requests.get(device["verification_uri"], params=typed, timeout=10).text
    wrong = requests.get(device["verification_uri"], params={"user_code": "AAAA-AAAA"}, timeout=10)
    assert "Invalid code" in wrong.text


def test_pages_cannot_be_scripted(device):
    """What a visitor sends is escaped, and the policy header allows no script and no frame."""
    nasty = '"><script>alert(1)</script>'
    form = {"user_code": device["user_code"], "username": nasty, "password": nasty}
    for page in (
        requests.get(device["verification_uri"], params={"user_code": nasty}, timeout=10),
        requests.post(device["verification_uri"], data=form, timeout=10),
    ):
        assert "<script" not in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]


def test_landing_page(box):
    """The front page says what this is, who can sign in, and what there is to download."""
    text = requests.get(f"{box.url}/", timeout=10).text
    for shown in ("Nothing here is real", "dora", "s3cret-Pa55", box.download_urls[0], box.stac_url):
        assert shown in text


def test_who_forgot_the_password_reads_it(box):
    """The link "Forgot the password?" of the widget leads to a page with the passwords: none of them is real."""
    text = requests.get(box.provider().password_reset_url, timeout=10).text
    for shown in ("Forgot your password?", "dora", "s3cret-Pa55", "päss wörd+&amp;%", "needs a one-time code"):
        assert shown in text
