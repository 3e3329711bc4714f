"""`~/.netrc` as a source: user name and password for the host where people sign in (floor 3).

`NETRC` names another file. It is read when somebody signs in, and never written.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from netrc import NetrcParseError, netrc
from pathlib import Path

from ..values.providers import Provider
from ..values.secret import Secret
from .chain import Found, GivenPassword, SilentSource, WhyNot
from .private_files import MissingFileError, UnfitFileError, read_private


def netrc_source(environ: Mapping[str, str]) -> SilentSource:
    """Make the source; `environ` is usually `os.environ`."""
    named = environ.get("NETRC", "").strip()
    path = Path(named).expanduser() if named else Path.home() / ("_netrc" if os.name == "nt" else ".netrc")

    def find(provider: Provider) -> Found:
        try:
            read_private(path, may_be_link=True)
        except MissingFileError:
            return WhyNot(f"There is no {path.name}.")
        except UnfitFileError as exc:
            return WhyNot(f"{path.name} cannot be used. {exc}", is_fault=True)
        entry = _entry(path, provider.issuer_host)
        if isinstance(entry, WhyNot):
            return entry
        return GivenPassword(*entry, path.name)

    return SilentSource("netrc", find)


def _entry(path: Path, host: str) -> tuple[str, Secret] | WhyNot:
    try:
        entry = netrc(str(path)).hosts.get(host)
    except (NetrcParseError, OSError, UnicodeDecodeError):
        # what is odd may be a password: its text is not repeated
        return WhyNot(f"{path.name} cannot be read: something in it is no entry.", is_fault=True)
    if entry is None or not entry[0] or not entry[2]:
        return WhyNot(f"{path.name} has no user name and password for {host}.")
    return entry[0], Secret(entry[2])
