"""What a data centre, or Earthdata Login itself, says where a file does not come: what to approve, and where (floor 2).

There is no standard for it. Data centres answer 403 with JSON that has a `resolution_url`, or are led back to by the
login with one in the query; the login itself answers 401, or its page with 200.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import cast
from urllib.parse import parse_qs, quote, urlsplit

from ..errors import ApplicationNotApproved, EulaNotAccepted, LoginPageReceived, TerrascopeError, quoted
from ..values.hosts import is_address
from ..values.providers import Provider
from .echoes import Echoes, without_secrets

MOST_BYTES = 4096
"""So much of a body is looked at."""


@dataclass(frozen=True)
class FinalAnswer:
    """An answer that brings no file: who gave it, its status and media type, and what its body begins with."""

    url: str
    status: int
    media_type: str = ""
    body: bytes = field(default=b"", repr=False)


Explain = Callable[[FinalAnswer], TerrascopeError | None]


def explainer(provider: Provider) -> Explain | None:
    """Return what explains the answers of a provider's services; None where they are plain."""
    return partial(explain, provider) if provider.is_earthdata else None


def explain(provider: Provider, answer: FinalAnswer) -> TerrascopeError | None:
    """Return the error that names the page to visit, or None where an answer says nothing of the kind."""
    query = _query_of(answer.url)
    if "resolution_url" in query:
        # where the login led the data centre back, which has nothing to add
        return _not_approved(provider, answer, query["resolution_url"], query.get("error_msg", ""))
    if answer.status in (401, 403):
        fields = _object_in(answer.body)
        page, why = fields.get("resolution_url"), fields.get("error_description")
        if isinstance(page, str):
            return _not_approved(provider, answer, page, why if isinstance(why, str) else "")
    if not provider.leads_back(answer.url):
        return None
    page = f"{provider.issuer}/approve_app?client_id={quote(query.get('client_id', ''), safe='')}"
    if answer.status in (401, 403):
        return _not_let_through(provider, answer, page)
    is_page = answer.status == 200 and answer.media_type == "text/html"
    return _login_page(provider, page) if is_page else None


def _not_approved(provider: Provider, answer: FinalAnswer, page: str, why: str) -> TerrascopeError:
    # a page elsewhere would be whatever the server wanted
    page = page.replace("http://", "https://", 1)
    if not is_address(page) or not provider.is_issuer(page):
        page = provider.account_url
    kind = EulaNotAccepted if "eula" in why.lower() else ApplicationNotApproved
    what = "has conditions that you have not accepted" if kind is EulaNotAccepted else "is not approved by you yet"
    said = f' It says "{quoted(why, 100)}".' if why else ""
    return kind(
        f"The data centre's application {what}.",
        f"{provider.label} lets it have no login of yours until then.{said}",
        f"Open {page} while signed in there, approve it, and try again.",
        status=answer.status,
        page_url=page,
    )


def _not_let_through(provider: Provider, answer: FinalAnswer, page: str) -> ApplicationNotApproved:
    return ApplicationNotApproved(
        f"{provider.label} did not let you through to the data centre ({answer.status}).",
        "You have not approved its application yet, or the login takes a user name and password there and no token.",
        f"Open {page} while signed in there and approve it; if it is, put both into ~/.netrc or the environment.",
        status=answer.status,
        page_url=page,
    )


def _login_page(provider: Provider, page: str) -> LoginPageReceived:
    return LoginPageReceived(
        f"{provider.label} showed its login page instead of the file.",
        "The data centre does not know your user token, and the login there wants user name and password.",
        f"Put both into ~/.netrc or the environment, or open {page} in a browser and approve the data centre.",
        page_url=page,
    )


def _query_of(url: str) -> dict[str, str]:
    try:
        return {name: without_secrets(values[0]) for name, values in parse_qs(urlsplit(url).query).items()}
    except ValueError:
        return {}


def _object_in(body: bytes) -> dict[str, object]:
    try:
        parsed = Echoes().cleaned(json.loads(body[:MOST_BYTES]))
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, object]", parsed) if isinstance(parsed, dict) else {}
