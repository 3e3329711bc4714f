"""The identity provider answers as Keycloak does."""

from __future__ import annotations

import logging

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from ipyterrascope.sandbox import Sandbox


def error_of(answer: requests.Response) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["error"], answer.json().get("error_description", "")


def userinfo(box: Sandbox, tokens: dict) -> requests.Response:
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    return requests.get(f"{box.issuer}/protocol/openid-connect/userinfo", headers=bearer, timeout=10)


def test_discovery_names_every_endpoint(box):
    """The metadata carry our issuer and lead to addresses on this machine."""
    document = requests.get(f"{box.issuer}/.well-known/openid-configuration", timeout=10).json()
    assert document["issuer"] == box.issuer
    for name in ("token_endpoint", "device_authorization_endpoint", "revocation_endpoint", "end_session_endpoint"):
        assert document[name].startswith(f"{box.url}/")


def test_discovery_can_be_spoilt(box):
    """The document can be missing, lack the device flow, name another issuer or an insecure endpoint."""
    address = f"{box.issuer}/.well-known/openid-configuration"
    box.device_flow = False
    assert "device_authorization_endpoint" not in requests.get(address, timeout=10).json()
    box.discovery_changes = {"issuer": "https://other.example.org", "token_endpoint": "http://plain.example.org/"}
    document = requests.get(address, timeout=10).json()
    assert document["issuer"] == "https://other.example.org"
    assert document["token_endpoint"] == "http://plain.example.org/"
    box.discovery = False
    assert requests.get(address, timeout=10).status_code == 404


def test_provider_describes_the_sandbox(box):
    """The provider says SANDBOX, may send its bearer to the sandbox only, and takes changes."""
    provider = box.provider(client_id="nodevice")
    assert (provider.name, provider.badge, provider.client_id) == ("terrascope", "SANDBOX", "nodevice")
    assert provider.may_carry(box.download_urls[0])
    assert not provider.may_carry(f"http://127.0.0.1:{box.port + 1}/")
    for page in (provider.registration_url, provider.account_url, provider.password_reset_url):
        assert requests.get(page, timeout=10).status_code == 200


@pytest.mark.parametrize("user", ["dora", "boots"])
def test_password_login(sign_in, user):
    """A right password, odd characters included, brings Keycloak's fields and no id_token."""
    tokens = sign_in(user)
    assert (tokens["expires_in"], tokens["refresh_expires_in"], tokens["token_type"]) == (300, 3600, "Bearer")
    assert tokens["scope"] == "profile email"
    assert "id_token" not in tokens


def test_access_token_is_signed(box, sign_in):
    """The access token is an RS256 JWT that the published keys verify."""
    keys = requests.get(f"{box.issuer}/protocol/openid-connect/certs", timeout=10).json()
    token = jwt.decode(sign_in("boots")["access_token"], KeySet.import_key_set(keys), algorithms=["RS256"])
    assert token.claims["preferred_username"] == "boots"
    assert token.claims["iss"] == box.issuer
    assert token.claims["azp"] == "public"
    assert 299 < token.claims["exp"] - token.claims["iat"] < 302


@pytest.mark.parametrize(
    ("user", "password", "why"),
    [
        ("dora", "wrong", "Invalid user credentials"),
        ("dora", "", "Invalid user credentials"),
        ("nobody", "x", "Invalid user credentials"),
        ("swiper", "otp-Pa55", "Invalid user credentials"),
        ("disabled", "x", "Account disabled"),
        ("mustact", "x", "Account is not fully set up"),
    ],
)
def test_refused_passwords(ask, user, password, why):
    """Every refusal is 400 invalid_grant, and only the description tells why."""
    answer = ask("token", grant_type="password", username=user, password=password)
    assert error_of(answer) == (400, "invalid_grant", why)


def test_one_time_code(box, sign_in, ask):
    """The account with two factors signs in with its code, and not with another."""
    assert sign_in("swiper", totp=box.one_time_code())["access_token"]
    wrong = f"{(int(box.one_time_code()) + 500_000) % 1_000_000:06d}"
    answer = ask("token", grant_type="password", username="swiper", password="otp-Pa55", totp=wrong)
    assert answer.json()["error"] == "invalid_grant"


def test_openid_scope(box, sign_in):
    """With `openid` there is an id_token and userinfo; without, userinfo refuses."""
    tokens = sign_in(scope="openid")
    assert tokens["id_token"]
    assert userinfo(box, tokens).json()["preferred_username"] == "dora"
    refused = userinfo(box, sign_in())
    assert (refused.status_code, refused.content) == (403, b"")
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]


def test_offline_access(ask, box, sign_in):
    """dora may stay signed in for ever; for boots the whole request is refused."""
    assert sign_in("dora", scope="offline_access")["refresh_expires_in"] == 0
    fields = {"grant_type": "password", "username": "boots", "password": box.users["boots"]}
    assert error_of(ask("token", scope="offline_access", **fields))[:2] == (400, "not_allowed")
    assert error_of(ask("token", scope="nonsense", **fields)) == (400, "invalid_scope", "Invalid scopes: nonsense")


def test_clients(ask, box):
    """An unknown client is 401, a confidential one needs its secret, an unknown grant is refused."""
    fields = {"grant_type": "password", "username": "dora", "password": box.users["dora"]}
    assert error_of(ask("token", **{**fields, "client_id": "unknown"}))[:2] == (401, "invalid_client")
    assert error_of(ask("token", **{**fields, "client_id": "confidential"}))[:2] == (401, "invalid_client")
    assert ask("token", **fields, client_id="confidential", client_secret="sandbox-client-secret").ok
    client = {"grant_type": "client_credentials", "client_id": "service"}
    assert ask("token", **client, client_secret="sandbox-service-secret").json().keys().isdisjoint({"refresh_token"})
    assert error_of(ask("token", **client, client_secret="x"))[:2] == (401, "invalid_client")
    assert error_of(ask("token", **{**client, "client_id": "unknown"}))[:2] == (401, "invalid_client")
    assert error_of(ask("token", **{**client, "client_id": "public"}))[:2] == (400, "unauthorized_client")
    assert error_of(ask("token", grant_type="magic"))[:2] == (400, "unsupported_grant_type")
    assert error_of(ask("token", grant_type="password"))[:2] == (400, "invalid_request")
    assert error_of(ask("token"))[:2] == (400, "invalid_request")


def test_reuse_of_a_rotated_token_ends_the_session(box, sign_in, refresh):
    """With rotation, the second use of a refresh token kills the new one and the access tokens too."""
    first = sign_in(scope="openid")
    second = refresh(first).json()
    assert error_of(refresh(first)) == (400, "invalid_grant", "Maximum allowed refresh token reuse exceeded")
    assert error_of(refresh(second)) == (400, "invalid_grant", "Session doesn't have required client")
    assert userinfo(box, second).status_code == 401


def test_reuse_can_be_allowed(box, sign_in, refresh):
    """With `refresh_max_reuse` 1 a token may be used twice, with rotation off for ever."""
    box.refresh_max_reuse = 1
    tokens = sign_in()
    assert [refresh(tokens).status_code for _ in range(3)] == [200, 200, 400]
    box.rotation = False
    tokens = sign_in()
    assert [refresh(tokens).status_code for _ in range(4)] == [200] * 4


def test_tokens_grow_old(box, sign_in, refresh):
    """Access tokens end after their life; an idle session ends after its own, and each refresh starts it anew."""
    tokens = sign_in(scope="openid")
    box.advance(299)
    assert userinfo(box, tokens).ok
    box.advance(2)
    assert userinfo(box, tokens).status_code == 401
    box.advance(3000)
    tokens = refresh(tokens).json()
    box.advance(3000)
    assert refresh(tokens).ok
    box.advance(3601)
    assert error_of(refresh(tokens)) == (400, "invalid_grant", "Token is not active")


def test_life_can_be_changed_while_running(box, sign_in):
    """A new life counts from the next token on."""
    box.access_token_lifetime_s = 3
    tokens = sign_in(scope="openid")
    assert tokens["expires_in"] == 3
    box.advance(4)
    assert userinfo(box, tokens).status_code == 401


def test_access_tokens_expired_by_hand(box, sign_in, refresh):
    """After `expire_access_tokens` old bearers are refused, refreshing works, and new ones are good."""
    tokens = sign_in(scope="openid")
    box.expire_access_tokens()
    assert userinfo(box, tokens).status_code == 401
    assert userinfo(box, refresh(tokens).json()).ok


def test_everything_revoked_by_hand(box, sign_in, refresh):
    """After `revoke_all` nothing of a session is good any more, and signing in again works."""
    tokens = sign_in(scope="openid")
    box.revoke_all()
    assert error_of(refresh(tokens)) == (400, "invalid_grant", "Session not active")
    assert userinfo(box, tokens).status_code == 401
    assert userinfo(box, sign_in(scope="openid")).ok


def test_revocation(ask, box, sign_in, refresh):
    """Revoking a refresh token is 200 and empty, and ends the session; an unknown token is 200 as well."""
    tokens = sign_in(scope="openid")
    answer = ask("revoke", token=tokens["refresh_token"], token_type_hint="refresh_token")
    assert (answer.status_code, answer.content) == (200, b"")
    assert refresh(tokens).json()["error"] == "invalid_grant"
    assert userinfo(box, tokens).status_code == 401
    assert ask("revoke", token="unknown").status_code == 200
    assert ask("revoke", token="x", client_id="unknown").status_code == 401


def test_revoking_an_access_token_keeps_the_session(ask, box, sign_in, refresh):
    """An access token can be revoked alone."""
    tokens = sign_in(scope="openid")
    assert ask("revoke", token=tokens["access_token"]).status_code == 200
    assert userinfo(box, tokens).status_code == 401
    assert refresh(tokens).ok


def test_logout(ask, sign_in, refresh):
    """Logging out with the refresh token is 204 and ends the session; a wrong token is refused."""
    tokens = sign_in()
    assert ask("logout", refresh_token=tokens["refresh_token"]).status_code == 204
    assert refresh(tokens).json()["error"] == "invalid_grant"
    assert error_of(ask("logout", refresh_token="unknown")) == (400, "invalid_grant", "Invalid refresh token")


def test_nothing_secret_is_logged_or_shown(box, ask, sign_in, refresh, caplog):
    """At DEBUG no log, and no `repr` of what was recorded, holds a password or a token of the sandbox."""
    caplog.set_level(logging.DEBUG)
    tokens = sign_in("boots")
    new = refresh(tokens).json()
    ask("revoke", token=new["refresh_token"])
    shown = caplog.text + repr(box.requests) + repr(box)
    assert "token → 200" in shown
    for secret in (box.users["boots"], tokens["access_token"], tokens["refresh_token"], new["refresh_token"]):
        assert secret not in shown


def test_requests_are_recorded(box, sign_in):
    """A record holds time, form, headers without regard to case, and status, in the order of arrival."""
    sign_in()
    requests.get(f"{box.url}/nowhere?a=1", headers={"X-Test": "yes"}, timeout=10)
    token, nowhere = box.requests
    assert (token.method, token.status, token.form["grant_type"]) == ("POST", 200, "password")
    assert (nowhere.path, nowhere.query, nowhere.headers["x-test"], nowhere.status) == (
        "/nowhere",
        {"a": "1"},
        "yes",
        404,
    )
    assert token.at <= nowhere.at
    assert box.requests_to("/token", "POST") == [token]
    box.forget_requests()
    assert box.requests == []
