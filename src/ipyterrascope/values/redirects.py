"""The rule that decides which redirect is followed, the same for sessions and downloads (floor 1)."""

from __future__ import annotations

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from ..errors import ServerUnreachable, quoted
from .hosts import origin_of, reach_of


def may_redirect(here: str, there: str) -> bool:
    """Tell whether a redirect keeps its encryption and does not use us to reach where its server cannot."""
    try:
        old, new = parse_url(here), parse_url(there)  # the parser of who connects
    except LocationParseError:
        return False
    came, goes = reach_of(old.host or ""), reach_of(new.host or "")
    if new.scheme != "https" and (old.scheme == "https" or (came, goes) == ("world", "network")):
        return False
    return goes != "machine" or came == "machine"


def is_login_page(here: str, there: str, login_url: str) -> bool:
    """Tell whether a redirect leads to the identity provider's pages; `login_url` is its issuer, or empty."""
    login = origin_of(login_url)
    if login is None or origin_of(there) != login:
        return False
    return origin_of(here) != login or there.startswith(login_url)


def changed_hands(url: str) -> ServerUnreachable:
    """Return the error for a redirect that was told to the person who was signed in before: it may be as good as their
    password, and lead whoever follows it in as that person."""
    return ServerUnreachable(
        "Somebody else signed in while a request was under way.",
        f"Where {quoted(parse_url(url).host)} sent us may be meant for the former person alone.",
        "Ask again.",
    )
