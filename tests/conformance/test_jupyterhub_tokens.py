"""A real JupyterHub by the example's configuration, and a real Keycloak: nobody clicks, and no session is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from joserfc.jwk import KeySet

from ipyterrascope.auth.account import Account
from ipyterrascope.auth.hub import hub_source
from ipyterrascope.errors import LoginRequired
from ipyterrascope.protocol.claims import instant_of
from ipyterrascope.session import AuthorizedSession
from ipyterrascope.values.secret import Secret
from testbed.files import ProtectedFiles
from testbed.hub import Hub
from testbed.keycloak import BOOTS, DORA, GUEST, Keycloak
from testbed.relay import Relay


def read(hub: Hub, environ: Mapping[str, str]) -> str:
    """Read a user's token as a notebook does; empty where the Hub tells none."""
    answer = hub.api("GET", f"users/{environ['JUPYTERHUB_USER']}", token=environ["JUPYTERHUB_API_TOKEN"])
    assert answer.status_code == 200, answer.text
    return str((answer.json().get("auth_state") or {}).get("access_token", ""))


def left_s(token: str) -> float:
    return (instant_of(Secret(token), "exp") or 0.0) - time.time()


def all_at_once(count: int, work: Any) -> list[Any]:
    start = threading.Barrier(count)

    def run(_: int) -> Any:
        start.wait()
        return work()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def account_of(keycloak: Keycloak, environ: Mapping[str, str], **arguments: Any) -> Account:
    """Return the account that a kernel of that server has."""
    provider = keycloak.provider()
    return Account(provider, sources=[hub_source(environ, **arguments)])


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_parallel_reads_at_the_end_of_a_token_make_one_renewal(hub: Hub, keycloak: Keycloak, full_counts: bool) -> None:
    """Three times in a row the token has ended, twenty read at once, and Keycloak, which detects reuse, sees one."""
    with keycloak.realm(revokeRefreshToken=True, accessTokenLifespan=5):
        hub.sign_in(DORA)
        environ = hub.server(DORA)
        for _ in range(30 if full_counts else 3):
            time.sleep(5.1)
            before, began = len(keycloak.events("REFRESH_TOKEN", of_hub=True)), time.monotonic()
            tokens = all_at_once(20, lambda: read(hub, environ))
            # a machine that takes a life of a token for this may see another one
            most = 1 + (time.monotonic() - began) // 5
            assert 1 <= len(set(tokens)) <= most
            assert min(map(left_s, tokens)) > 0
            assert 1 <= len(keycloak.events("REFRESH_TOKEN", of_hub=True)) - before <= most
    assert keycloak.events("REFRESH_TOKEN_ERROR", of_hub=True) == []
    assert keycloak.sessions(DORA) == 1


def test_stock_settings_lose_the_session_at_once(stock_hub: Hub, keycloak: Keycloak, token_relay: Relay) -> None:
    """The same with JupyterHub as it comes: a refresh token is sent twice, the session dies, and the Hub says nothing.

    Keycloak hears the second request while the Hub still has to read the answer to the first, however fast this machine
    is. Nor do the Hub's servers get a token, as long as the roles do not let them.
    """
    with keycloak.realm(revokeRefreshToken=True, accessTokenLifespan=5):
        stock_hub.sign_in(DORA)
        environ = stock_hub.server(DORA)
        time.sleep(6.1)  # Keycloak takes a token through the whole second in which it ends
        token_relay.hang()
        threading.Thread(target=token_relay.one_by_one, args=(2, 0.3)).start()
        answers = all_at_once(
            20, lambda: stock_hub.api("GET", "users/dora", token=environ["JUPYTERHUB_API_TOKEN"]).status_code
        )
        assert set(answers) == {200}
        assert keycloak.events("REFRESH_TOKEN_ERROR", of_hub=True) != []
        time.sleep(5.1)
        state = stock_hub.api("GET", "users/dora").json()["auth_state"]
        assert left_s(state["access_token"]) < 0

    account = account_of(keycloak, environ)
    assert not account.sign_in_silently()
    assert account.why_not["hub"].reason.startswith("The Hub does not share its login with this server.")


def test_the_users_of_the_group_get_in(hub: Hub) -> None:
    """Who is not in the group has an account at Keycloak all the same, and stays outside."""
    hub.sign_in(DORA)
    with pytest.raises(AssertionError, match=r"^403 "):
        hub.sign_in(GUEST)
    assert hub.api("GET", "users/guest").status_code == 404


def test_each_server_gets_its_own_user(hub: Hub, keycloak: Keycloak, hub_files: ProtectedFiles) -> None:
    """Two users sign in at the Hub; in each one's server the account is that user, and the data comes."""
    url = hub_files.add("/download/a.tif", b"data")
    for user in (DORA, BOOTS):
        hub.sign_in(user)
        account = account_of(keycloak, hub.server(user))
        assert account.sign_in_silently()
        assert (account.state.user, account.state.source) == (user.username, "hub")
        assert AuthorizedSession(account).get(url).content == b"data"
    # by hand, with another's name
    stranger = {**hub.server(DORA), "JUPYTERHUB_USER": "boots"}
    account = account_of(keycloak, stranger)
    assert not account.sign_in_silently()
    assert "does not tell this server about its user" in account.why_not["hub"].reason


def test_a_session_that_was_ended_at_keycloak_leads_to_the_hub(
    hub: Hub, keycloak: Keycloak, hub_files: ProtectedFiles
) -> None:
    """After the last token one clear error, and a new sign-in at the Hub heals without a restart of the server."""
    url = hub_files.add("/download/a.tif", b"data")
    with keycloak.realm(accessTokenLifespan=8):
        hub.sign_in(DORA)
        account = account_of(keycloak, hub.server(DORA))
        session = AuthorizedSession(account)
        assert session.get(url).status_code == 200
        keycloak.end_sessions(DORA)
        time.sleep(8.1)
        for _ in range(2):
            with pytest.raises(LoginRequired, match=r"ended the session that the Hub had for you.*Open the Hub"):
                session.get(url)
        assert len(keycloak.events("REFRESH_TOKEN_ERROR", of_hub=True)) == 1

        hub.sign_in(DORA)
        account.allow_sources()
        assert session.get(url).status_code == 200


def test_a_token_that_a_service_refuses_leads_to_the_hub(
    hub: Hub, keycloak: Keycloak, hub_files: ProtectedFiles
) -> None:
    """A 401 is answered by asking the Hub once more; the same token again is told, and used no more."""
    url = hub_files.add("/download/a.tif", b"data")
    with keycloak.realm(accessTokenLifespan=30):
        hub.sign_in(DORA)
    account = account_of(keycloak, hub.server(DORA))
    session = AuthorizedSession(account)
    assert session.get(url).status_code == 200
    keys, hub_files.keys = hub_files.keys, KeySet([])
    try:
        time.sleep(3.1)  # a token that is younger is not to blame
        with pytest.raises(LoginRequired, match=r"refused the Hub's token.*Open the Hub and sign in there"):
            session.get(url)
        assert not account.sign_in_silently()
    finally:
        hub_files.keys = keys
    hub.sign_in(DORA)
    account.allow_sources()
    assert session.get(url).status_code == 200


def test_keycloak_hanging_and_down(hub: Hub, keycloak: Keycloak, token_relay: Relay) -> None:
    """The Hub answers in time with what it has; once that has ended the user is told, and it heals by itself."""
    with keycloak.realm(accessTokenLifespan=10):
        hub.sign_in(DORA)
        environ = hub.server(DORA)
        token = read(hub, environ)
        token_relay.hang()
        time.sleep(5.1)
        began = time.monotonic()
        assert read(hub, environ) == token
        assert time.monotonic() - began < 8
        token_relay.down()
        time.sleep(max(0.0, left_s(token)) + 0.1)
        account = account_of(keycloak, environ)
        assert not account.sign_in_silently()
        assert "The token that the Hub holds has ended." in account.why_not["hub"].reason
        token_relay.up()
        time.sleep(5.1)
        assert account.sign_in_silently()
    assert keycloak.events("REFRESH_TOKEN_ERROR", of_hub=True) == []
    assert "The token of dora was not renewed, later again: 599" in hub.log


def test_a_hub_that_is_restarted(hub: Hub, keycloak: Keycloak) -> None:
    """While it is down that is said at once; afterwards it knows everything it knew."""
    hub.sign_in(DORA)
    environ = hub.server(DORA)
    token = read(hub, environ)
    account = account_of(keycloak, environ)

    hub.stop()
    assert not account.sign_in_silently()
    assert account.why_not["hub"].reason.startswith("The Hub did not answer.")
    hub.start()

    assert account.sign_in_silently()
    assert account.tokens().access_token == Secret(token)


def test_a_server_that_is_shared_gets_no_token(hub: Hub, keycloak: Keycloak) -> None:
    """Sharing a server takes the login from it, as long as it lasts."""
    for user in (BOOTS, DORA):
        hub.sign_in(user)
    environ = hub.server(DORA)
    account = account_of(keycloak, environ)
    path = f"shares/dora/{environ['JUPYTERHUB_SERVER_NAME']}"

    assert hub.api("POST", path, json={"user": "boots"}).ok
    try:
        assert not account.sign_in_silently()
        assert "while this server is shared" in account.why_not["hub"].reason
    finally:
        assert hub.api("DELETE", path).ok
    account.allow_sources()
    assert account.sign_in_silently()
