"""JupyterHub as a source: what is asked and never used, and what each answer of the Hub tells the user to do."""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ipyterrascope.auth.account import Account
from ipyterrascope.auth.chain import LentToken, SilentSource, WhyNot
from ipyterrascope.auth.hub import hub_source
from ipyterrascope.errors import LoginRequired, ProviderUnreachable, TerrascopeError
from ipyterrascope.protocol.http import Answer, HttpClient
from ipyterrascope.protocol.hub import HubApi
from ipyterrascope.values.connection import Connection
from ipyterrascope.values.known import TERRASCOPE
from ipyterrascope.values.providers import Provider
from ipyterrascope.values.secret import Secret
from testbed.leaks import places
from testbed.loopback import Loopback, Reply, loopback

NOW = 1_700_000_000.0
API_TOKEN = "hub-api-t0ken-s3cret"
SECRETS = (API_TOKEN, "hub-refresh-s3cret", "hub-id-s3cret")


def jwt(**claims: object) -> str:
    claims = {"iss": TERRASCOPE.issuer, "iat": NOW - 10, "exp": NOW + 290, "preferred_username": "dora", **claims}
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.s3cret"


def shared(access_token: object = None, **more: object) -> dict[str, object]:
    """What the Hub tells of a user whose login it shares."""
    state = {
        "access_token": access_token or jwt(),
        "refresh_token": "hub-refresh-s3cret",
        "id_token": "hub-id-s3cret",
        "token_response": {"refresh_token": "hub-refresh-s3cret", "expires_in": 300},
        **more,
    }
    return {"name": "dora", "kind": "user", "auth_state": state}


@dataclass
class Hub:
    """A Hub on loopback, and the kernel of a server that it started."""

    server: Loopback
    user: Reply = field(default_factory=lambda: as_json(shared()))
    shares: Reply = field(default_factory=lambda: Reply(404))
    now: float = NOW

    def __post_init__(self) -> None:
        self.server.answer = lambda asked: self.shares if "/shares/" in asked.path else self.user

    @property
    def environ(self) -> dict[str, str]:
        return {
            "JUPYTERHUB_API_URL": f"{self.server.url}/hub/api",
            "JUPYTERHUB_API_TOKEN": API_TOKEN,
            "JUPYTERHUB_USER": "dora",
            "JUPYTERHUB_SERVER_NAME": "",
        }

    def source(self, *, deadline_s: float = 5, **environ: str) -> SilentSource:
        return hub_source({**self.environ, **environ}, clock=lambda: self.now, deadline_s=deadline_s)

    def offer(self, **changes: Any) -> LentToken:
        found = self.source(**changes).find(TERRASCOPE)
        assert isinstance(found, LentToken)
        return found

    def asked(self) -> list[str]:
        return [asked.path for asked in self.server.asked]


def as_json(body: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


@pytest.fixture
def hub(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[Hub]:
    caplog.set_level(logging.DEBUG)
    with loopback() as server:
        yield Hub(server)
    out, err = capfd.readouterr()
    assert "s3cret" not in caplog.text + out + err


def test_the_access_token_is_lent_and_nothing_else(hub: Hub) -> None:
    """The server's own token asks for its user, and of all that comes only the access token is kept."""
    offer = hub.offer()
    assert hub.asked() == []

    tokens = offer.lend(None)

    assert tokens.access_token == Secret(jwt())
    assert (tokens.refresh_token, tokens.issued_at, tokens.expires_at) == (None, NOW - 10, NOW + 290)
    assert hub.asked() == ["/hub/api/users/dora", "/hub/api/shares/dora/"]
    assert {asked.headers["Authorization"] for asked in hub.server.asked} == {f"token {API_TOKEN}"}
    assert not places("hub-refresh-s3cret", offer, tokens, besides=[hub])
    assert not places(API_TOKEN, offer, tokens, besides=[hub])


def test_it_is_asked_a_minute_before_the_end(hub: Hub) -> None:
    """It is asked again a minute before a token ends, or at half of a short life."""
    assert hub.offer().margin_s == 60


def test_odd_names_stay_one_part_of_the_path(hub: Hub) -> None:
    """No name of a user or of a server leads elsewhere."""
    hub.offer(JUPYTERHUB_USER="../x y@z", JUPYTERHUB_SERVER_NAME="a/b").lend(None)

    assert hub.asked() == ["/hub/api/users/..%2Fx%20y%40z", "/hub/api/shares/..%2Fx%20y%40z/a%2Fb"]


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        ({"JUPYTERHUB_API_URL": ""}, "No JupyterHub started this kernel."),
        ({"JUPYTERHUB_API_TOKEN": ""}, "JUPYTERHUB_API_TOKEN is not set, though JUPYTERHUB_API_URL is."),
        ({"JUPYTERHUB_USER": " "}, "JUPYTERHUB_USER is not set, though JUPYTERHUB_API_URL is."),
        ({"JUPYTERHUB_API_URL": "hub:8081"}, "JUPYTERHUB_API_URL is no address, or JUPYTERHUB_API_TOKEN no token."),
        ({"JUPYTERHUB_API_TOKEN": "a b"}, "JUPYTERHUB_API_URL is no address, or JUPYTERHUB_API_TOKEN no token."),
    ],
)
def test_without_a_hub_nothing_is_asked(hub: Hub, environ: dict[str, str], reason: str) -> None:
    """What is missing is said in one sentence, without a request."""
    assert hub.source(**environ).find(TERRASCOPE) == WhyNot(
        reason, is_fault=bool(environ.get("JUPYTERHUB_API_URL", "x"))
    )
    assert hub.asked() == []


HANGING = Reply(write=lambda _: threading.Event().wait(3))
REASONS: dict[str, tuple[Reply, type[TerrascopeError], str, str]] = {
    "the scope is missing": (
        as_json({"name": "dora", "kind": "user"}),
        LoginRequired,
        "The Hub does not share its login with this server.",
        "Ask the Hub's administrator to give it to both roles, user and server",
    ),
    "auth state is off": (
        as_json({"name": "dora", "auth_state": None}),
        LoginRequired,
        "The Hub keeps no login that it could share.",
        "Open the Hub and sign in again; if that does not help, show this to its administrator",
    ),
    "no OAuth": (
        as_json({"name": "dora", "auth_state": {"password": "x"}}),
        LoginRequired,
        "The login that the Hub keeps has no access token.",
        "GenericOAuthenticator",
    ),
    "no token": (
        as_json(shared("two words")),
        LoginRequired,
        "The login that the Hub keeps has no access token.",
        "GenericOAuthenticator",
    ),
    "another user": (as_json({}, 404), LoginRequired, "does not tell this server about its user", "Stop and start"),
    "refused": (as_json({}, 403), ProviderUnreachable, "The Hub refused this server's own token.", "Open the Hub"),
    "in trouble": (Reply(503, b""), ProviderUnreachable, "The Hub did not answer.", "tell the Hub's administrator"),
    "hanging": (HANGING, ProviderUnreachable, "The Hub did not answer.", "tell the Hub's administrator"),
    "broken off": (
        Reply(write=lambda _: None),
        ProviderUnreachable,
        "The Hub did not answer.",
        "tell the Hub's administrator",
    ),
    "no Hub at all": (
        Reply(200, b"<html>welcome</html>"),
        LoginRequired,
        "The Hub gave an answer that cannot be used.",
        "check the address in JUPYTERHUB_API_URL",
    ),
    "redirected": (
        Reply(302, b"", {"Location": "/hub/login"}),
        LoginRequired,
        "The Hub gave an answer that cannot be used.",
        "check the address in JUPYTERHUB_API_URL",
    ),
    "ended": (
        as_json(shared(jwt(exp=NOW - 1))),
        ProviderUnreachable,
        "The token that the Hub holds has ended.",
        "show this to the Hub's administrator",
    ),
    "session over": (
        as_json(shared(jwt(exp=NOW - 1), session_ended=True)),
        LoginRequired,
        "Terrascope has ended the session that the Hub had for you.",
        "Open the Hub and sign in there",
    ),
    "another issuer": (
        as_json(shared(jwt(iss="https://other.example.org"))),
        LoginRequired,
        "The Hub's token is of another identity provider. https://other.example.org issued it",
        "Sign in here",
    ),
    "no issuer": (
        as_json(shared("opaque-s3cret")),
        LoginRequired,
        "The Hub's token does not say who issued it.",
        "Sign in here",
    ),
}


@pytest.mark.parametrize(("reply", "kind", "what", "do"), REASONS.values(), ids=REASONS)
def test_each_answer_has_its_own_sentence(
    hub: Hub, reply: Reply, kind: type[TerrascopeError], what: str, do: str
) -> None:
    """What passes can be tried again, what does not says whom to ask; no secret is reachable from the error."""
    hub.user = reply

    with pytest.raises(kind) as raised:
        hub.offer(deadline_s=1).lend(None)

    error = raised.value
    assert error.retryable is (kind is ProviderUnreachable)
    assert what in str(error)
    assert do in error.do
    for secret in (*SECRETS, jwt()):
        assert not places(secret, error, besides=[hub])


def test_no_two_answers_have_the_same_sentence() -> None:
    """The sentences tell the cases apart, but for those in which the Hub just does not answer, or is none."""
    whats = [what for _, _, what, _ in REASONS.values()]
    assert len(set(whats)) == len(whats) - 4


@pytest.mark.parametrize("what", sorted({what for _, _, what, _ in REASONS.values()}))
def test_the_administrators_page_has_each_sentence(what: str) -> None:
    """Whoever is shown a sentence finds it in the table of `docs/jupyterhub.md`."""
    page = (Path(__file__).parents[3] / "docs" / "jupyterhub.md").read_text()
    sentence = what.partition(".")[0].removeprefix(TERRASCOPE.label)
    assert sentence in page


def test_a_hub_that_is_down_comes_back(hub: Hub) -> None:
    """Nothing is remembered of an outage: as soon as the Hub is back it lends again."""
    offer = hub.offer()
    hub.user = Reply(503)
    with pytest.raises(ProviderUnreachable):
        offer.lend(None)

    hub.user = as_json(shared())
    assert offer.lend(None).access_token == Secret(jwt())


def test_the_token_of_a_session_that_is_over_serves_to_its_end(hub: Hub) -> None:
    """A download that runs is not cut before it need be."""
    hub.user = as_json(shared(session_ended=True))
    assert hub.offer().lend(None).access_token == Secret(jwt())


def test_a_refused_token_is_never_lent_again(hub: Hub) -> None:
    """The same token again after a 401 leads to the Hub, also at the next sign-in; another one is lent."""
    source = hub.source()
    offer = source.find(TERRASCOPE)
    assert isinstance(offer, LentToken)
    refused = offer.lend(None).access_token
    again = source.find(TERRASCOPE)
    assert isinstance(again, LentToken)

    for lend, told in ((offer.lend, refused), (offer.lend, None), (again.lend, None)):
        with pytest.raises(LoginRequired, match="Open the Hub and sign in there"):
            lend(told)

    hub.user = as_json(shared(jwt(jti="new")))
    assert again.lend(refused).access_token == Secret(jwt(jti="new"))


@pytest.mark.parametrize(
    ("shares", "is_lent"),
    [
        (as_json({"items": [{"user": {"name": "boots"}}], "_pagination": {}}), False),
        (as_json({"items": [], "_pagination": {}}), True),
        (as_json({"message": "Forbidden"}, 403), True),
        (Reply(404, b"<html>"), True),
    ],
    ids=["shared", "not shared", "may not tell", "cannot tell"],
)
def test_a_shared_server_gets_no_token(hub: Hub, shares: Reply, is_lent: bool) -> None:
    """While others may use this server, and the Hub tells, its login is not used."""
    hub.shares = shares
    if is_lent:
        assert hub.offer().lend(None)
        return
    with pytest.raises(LoginRequired, match="while this server is shared"):
        hub.offer().lend(None)


def test_whether_it_is_shared_has_to_be_known(hub: Hub) -> None:
    """A Hub that fails in the middle lends nothing yet."""
    hub.shares = Reply(503)
    with pytest.raises(ProviderUnreachable):
        hub.offer().lend(None)


class Recorder(HttpClient):
    """Records what would be asked, and asks nobody."""

    def __init__(self) -> None:
        super().__init__(Connection())
        self.asked: list[str] = []

    def get(self, url: str) -> Answer:
        self.asked.append(url)
        return Answer(503, None)


@pytest.mark.parametrize(
    ("url", "is_asked"),
    [
        ("http://127.0.0.1:8081", True),
        ("http://localhost:8081", True),
        ("http://localhost.localdomain:8081", True),
        ("http://10.1.2.3:8081", True),
        ("http://[fd00::1]:8081", True),
        ("http://hub:8081", True),
        ("https://hub.example.org", True),
        ("http://8.8.8.8:8081", False),
        ("http://134744072", False),
        ("http://0x08080808", False),
        ("http://[2001:4860:4860::8888]", False),
        ("http://hub.invalid", False),
    ],
)
def test_plain_http_stays_inside(url: str, is_asked: bool) -> None:
    """The server's token goes by http to this machine and its network only, whatever the address is written like."""
    http = Recorder()
    api = HubApi(url=url, user="dora", server="", http=http)

    with pytest.raises(ProviderUnreachable if is_asked else LoginRequired):
        api.login()
    assert bool(http.asked) is is_asked


def test_nobody_else_on_the_way(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of the environment sees the server's token, and no ~/.netrc replaces it."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    assert hub.offer().lend(None)


def account_of(hub: Hub, server: Loopback) -> Account:
    hosts = frozenset({f"127.0.0.1:{server.port}"})
    provider = Provider(name="mine", label="Mine", issuer=TERRASCOPE.issuer, client_id="public", hosts=hosts)
    return Account(provider, sources=[hub_source(hub.environ, clock=lambda: hub.now)])


def test_an_account_signs_in_by_it(hub: Hub) -> None:
    """The account is the Hub's user; signing out revokes nothing and keeps the Hub off until the next login."""
    hub.now = time.time()
    hub.user = as_json(shared(jwt(iat=hub.now, exp=hub.now + 300)))
    account = account_of(hub, hub.server)

    assert account.sign_in_silently()
    assert (account.state.user, account.state.source, account.state.renewable) == ("dora", "hub", True)
    assert "the login at JupyterHub was not revoked; it rests until the next login." in account.logout()
    assert not account.sign_in_silently()
    assert hub.asked() == ["/hub/api/users/dora", "/hub/api/shares/dora/"]


def test_status_says_why_not(hub: Hub) -> None:
    """What the Hub lacks is said in full, with whom to ask, and raises nowhere."""
    hub.user = as_json({"name": "dora"})
    account = account_of(hub, hub.server)

    assert not account.sign_in_silently()
    assert account.why_not["hub"].reason.startswith(
        "The Hub does not share its login with this server. The server's token"
    )
