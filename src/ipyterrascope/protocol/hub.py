"""What a server of JupyterHub may ask its Hub, and what the answers mean (floor 2).

Two calls of the Hub's REST API, by the server's own token: `GET /users/{name}`, whose `auth_state` is there only where
the server may read it, and `GET /shares/{name}/{server}`. No text of the Hub gets into an error.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote

from ..errors import LoginRequired, ProviderError, ProviderUnreachable, TerrascopeError
from ..threads.errand import Errand
from ..values.hosts import origin_of, reach_of
from ..values.hub import SESSION_ENDED
from ..values.secret import Secret
from ..values.tokens import is_fit_for_header
from .http import Answer, HttpClient, JsonObject

DEADLINE_S = 8.0
"""Seconds after which a Hub is given up: it may itself be waiting for a provider that hangs."""

_ASK = "Ask the Hub's administrator"
_RECIPE = "docs/jupyterhub.md of ipyterrascope"


@dataclass(frozen=True)
class HubLogin:
    """What is used of the login that a Hub holds: the access token, live or not, and whether the session is over."""

    access_token: Secret
    is_over: bool = False


@dataclass(frozen=True, kw_only=True)
class HubApi:
    """The Hub of one server.

    Parameters
    ----------
    url : str
        The Hub's API, as the Hub itself said it.
    user, server : str
        Whose server it is, and its name, which is often empty.
    http : HttpClient
        Sends the server's own token, and gives up after `DEADLINE_S`.
    """

    url: str
    user: str
    server: str
    http: HttpClient

    def login(self) -> HubLogin:
        """Return what the Hub holds for the user.

        Raises
        ------
        LoginRequired
            The Hub does not share it, or has none.
        ProviderUnreachable
            It cannot tell right now.
        """
        answer = self._asked(f"users/{quote(self.user, safe='')}")
        found = self._told(answer)
        if isinstance(found, TerrascopeError):
            # where the rest of what the Hub answered is in no frame
            del answer
            raise found
        return found

    def is_shared(self) -> bool:
        """Tell whether others may use this server, where the Hub tells. Raises as `login` does.

        It does from JupyterHub 5 on, to who has the scope `read:shares!server`.
        """
        answer = self._asked(f"shares/{quote(self.user, safe='')}/{quote(self.server, safe='')}")
        if answer.is_passing:
            raise _later(f"It said {answer.status}.", answer)
        return answer.status == 200 and answer.body is not None and bool(answer.body.get("items"))

    def _asked(self, path: str) -> Answer:
        if not _may_carry(self.url):
            raise LoginRequired(
                "The Hub was not asked for its login.",
                "Its address is plain http and not of a private network: others could read the answer.",
                f"{_ASK} to have servers reach it by https or inside (hub_connect_url).",
            )
        try:
            return self.http.get(f"{self.url}/{path}")
        except ProviderError as exc:
            trouble = exc
        raise _later(trouble.what)

    def _told(self, answer: Answer) -> HubLogin | TerrascopeError:
        if answer.is_passing:
            return _later(f"It said {answer.status}.", answer)
        if answer.status == 200 and answer.body is not None:
            return _login_in(answer.body)
        if answer.status == 403:
            return ProviderUnreachable(
                "The Hub refused this server's own token.",
                "Your sign-in at the Hub is over, or the Hub cannot ask its identity provider right now.",
                "Open the Hub and sign in; if that does not help, stop and start your server there.",
                status=403,
            )
        if answer.status == 404:
            return LoginRequired(
                "The Hub does not tell this server about its user.",
                "The server's token is another user's, or the Hub was set up anew.",
                "Stop and start your server at the Hub.",
                status=404,
            )
        return LoginRequired(
            "The Hub gave an answer that cannot be used.",
            f"It said {answer.status}, without the JSON of JupyterHub's API; no redirect is followed.",
            f"{_ASK} to check the address in JUPYTERHUB_API_URL.",
            status=answer.status,
        )


def _login_in(body: JsonObject) -> HubLogin | TerrascopeError:
    if "auth_state" not in body:
        return LoginRequired(
            "The Hub does not share its login with this server.",
            "The server's token lacks the scope admin:auth_state!user.",
            f"{_ASK} to give it to both roles, user and server ({_RECIPE}).",
        )
    state = body["auth_state"]
    if not isinstance(state, dict):
        return LoginRequired(
            "The Hub keeps no login that it could share.",
            "It stores none (enable_auth_state), or its crypt key is not the one that was used when you signed in.",
            f"Open the Hub and sign in again; if that does not help, show this to its administrator ({_RECIPE}).",
        )
    stored = cast("JsonObject", state)
    token = stored.get("access_token")
    if not isinstance(token, str) or not is_fit_for_header(token):
        return LoginRequired(
            "The login that the Hub keeps has no access token.",
            "Users sign in to this Hub in another way than by OAuth.",
            f"{_ASK} whether it can use GenericOAuthenticator ({_RECIPE}).",
        )
    return HubLogin(Secret(token), is_over=bool(stored.get(SESSION_ENDED)))


def _later(why: str, answer: Answer | None = None) -> ProviderUnreachable:
    return ProviderUnreachable(
        "The Hub did not answer.",
        why,
        "Try again in a moment; if it lasts, tell the Hub's administrator.",
        status=answer.status if answer else None,
        retry_after_s=answer.retry_after_s if answer else None,
    )


def _may_carry(url: str) -> bool:
    """Tell whether a URL is https, or http to a host that is near: Hubs are often reached inside by http."""
    origin = origin_of(url)
    return origin is not None and (origin[0] == "https" or _is_near(origin[1]))


def _is_near(host: str) -> bool:
    if reach_of(host) != "world" or re.fullmatch(r"[a-z][a-z0-9_-]*", host):
        # a name without a dot is one of this network, such as a container's
        return True
    # on a thread: it may take for ever
    errand = Errand(lambda: _reaches_of(host), "hub")
    errand.start()
    reaches = errand.wait(DEADLINE_S)
    return isinstance(reaches, set) and bool(reaches) and "world" not in reaches


def _reaches_of(host: str) -> set[str]:
    return {reach_of(str(info[4][0])) for info in socket.getaddrinfo(host.strip("[]"), None)}
