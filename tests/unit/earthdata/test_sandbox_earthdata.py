"""The Earthdata sandbox: TLS under an authority of its own, user tokens, OAuth for applications."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from ipyterrascope.sandbox.earthdata import EarthdataSandbox

DORA = ("dora", "s3cret-Pa55")


def ask(box: EarthdataSandbox, method: str, path: str, **options: object) -> requests.Response:
    return requests.request(
        method, f"{box.issuer}{path}", verify=box.ca_bundle, allow_redirects=False, timeout=10, **options  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    )  # fmt: skip


def test_only_its_own_authority_vouches_for_it(box: EarthdataSandbox) -> None:
    """Both hosts are trusted by the bundle that the sandbox made, and by no other."""
    for url in (box.issuer, box.data_url):
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(f"{url}/profile", timeout=10)
        found = requests.get(f"{url}/profile", verify=box.ca_bundle, timeout=10, allow_redirects=False)
        assert found.status_code in (200, 302)


def test_two_user_tokens_and_no_more(box: EarthdataSandbox) -> None:
    """Tokens are listed, found, made up to the limit, and revoked, each with Basic authentication only."""
    assert ask(box, "GET", "/api/users/tokens").json()["error"] == "invalid_credentials"
    assert ask(box, "GET", "/api/users/tokens", auth=("dora", "wrong")).status_code == 401
    first = ask(box, "POST", "/api/users/find_or_create_token", auth=DORA).json()
    assert ask(box, "POST", "/api/users/find_or_create_token", auth=DORA).json() == first
    assert first["token_type"] == "Bearer"
    second = ask(box, "POST", "/api/users/token", auth=DORA).json()
    assert ask(box, "POST", "/api/users/token", auth=DORA).json()["error"] == "max_token_limit"
    assert ask(box, "GET", "/api/users/tokens", auth=DORA).json() == [first, second]
    revoked = ask(box, "POST", "/api/users/revoke_token", auth=DORA, params={"token": first["access_token"]})
    assert revoked.status_code == 200
    assert box.tokens_of() == [second["access_token"]]
    box.advance(61 * 86400)
    assert ask(box, "GET", "/api/users/tokens", auth=DORA).json() == []


def test_a_profile_is_for_its_owner(box: EarthdataSandbox) -> None:
    """A bearer opens the profile of whose it is, and nobody else's."""
    bearer = {"Authorization": f"Bearer {box.make_token()}"}
    assert ask(box, "GET", "/api/users/dora", headers=bearer).json()["registered_date"]
    assert ask(box, "GET", "/api/users/boots", headers=bearer).status_code == 401


def test_oauth_for_applications(box: EarthdataSandbox) -> None:
    """A registered application gets a code by a person, a token by the code, and renews it; each is good once."""
    tool, redirect_uri = ("sandbox-tool", "tool-secret"), f"{box.data_url}/tool"
    query = {
        "client_id": tool[0],
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "state": "s",
        "splash": "false",
    }
    assert ask(box, "GET", "/oauth/authorize", params=query).status_code == 401
    led = ask(box, "GET", "/oauth/authorize", params=query, auth=DORA)
    code = parse_qs(urlsplit(led.headers["Location"]).query)
    assert (led.status_code, code["state"]) == (302, ["s"])
    form = {"grant_type": "authorization_code", "code": code["code"][0], "redirect_uri": redirect_uri}
    tokens = ask(box, "POST", "/oauth/token", data=form, auth=tool).json()
    assert ask(box, "POST", "/oauth/token", data=form, auth=tool).json()["error"] == "invalid_grant"
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert ask(box, "GET", tokens["endpoint"], headers=bearer).json()["uid"] == "dora"
    renewal = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert ask(box, "POST", "/oauth/token", data=renewal, auth=tool).json()["refresh_token"]
    assert ask(box, "POST", "/oauth/token", data=renewal, auth=tool).json()["error"] == "invalid_grant"
    assert ask(box, "POST", "/oauth/token", data={"grant_type": "client_credentials"}, auth=tool).json()["access_token"]
    assert ask(box, "POST", "/oauth/token", data=renewal, auth=(tool[0], "wrong")).status_code == 401
    assert ask(box, "GET", "/logout", params={"redirect_uri": redirect_uri}).headers["Location"] == redirect_uri
