"""The rule that decides which redirect is followed, the same for sessions and downloads (floor 1)."""

from __future__ import annotations

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

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
