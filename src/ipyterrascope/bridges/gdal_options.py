"""The options under which GDAL asks one provider's hosts, and how it is left as it was found (floor 5).

They are path-specific, and so hold for the whole process, for all threads and at once, but for these hosts only: the
same options set globally send the token to every host that GDAL opens.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType

from ..auth.account import Account
from ..values.hosts import origins_of
from .gdal_config_file import configured
from .gdal_library import Library, library_of, loaded

HEADER_FILE, BUNDLE, PROXY = "GDAL_HTTP_HEADER_FILE", "GDAL_CURL_CA_BUNDLE", "GDAL_HTTP_PROXY"

S3_REDIRECT = "CPL_VSIL_CURL_USE_S3_REDIRECT"
"""Where this is not "NO", a redirect to a signed address is remembered, and asked with the header that was for the host
before. There is no such option for a prefix."""


def prefixes_of(hosts: frozenset[str]) -> list[str]:
    """Return the prefixes of GDAL's paths to these hosts. With the slash at the end they match no longer name."""
    return [f"/vsicurl/{origin}/" for origin in origins_of(hosts)]


def options_for(account: Account, path: str) -> dict[str, str]:
    """Return the options for an account's hosts, when its headers are in the file at `path`."""
    connection = account.connection
    # a password that was refused is not sent again: that would lock the account
    refused = "" if account.state.source == "basic" else "401,"
    options = {
        HEADER_FILE: path,
        # nobody lists a folder of products: 3 requests for a file and a block of it instead of 13
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        "GDAL_HTTP_MAX_RETRY": "4",
        "GDAL_HTTP_RETRY_DELAY": "0.5",
        "GDAL_HTTP_RETRY_CODES": f"{refused}429,500,502,503,504",
        # without these GDAL waits for ever
        "GDAL_HTTP_CONNECTTIMEOUT": f"{connection.connect_timeout_s:.0f}",
        "GDAL_HTTP_LOW_SPEED_LIMIT": "1",
        "GDAL_HTTP_LOW_SPEED_TIME": f"{connection.read_timeout_s:.0f}",
    }
    if all(origin.startswith("http:") for origin in origins_of(account.provider.hosts)):
        # that is this machine: a proxy of the environment would be another one, and read the header
        options[PROXY] = ""
    bundle = connection.verify or os.environ.get("REQUESTS_CA_BUNDLE", "")
    return {**options, **({BUNDLE: bundle} if os.path.isfile(bundle) else {})}


class Settings:
    """What is set in one library for some prefixes.

    Parameters
    ----------
    library : Library
    prefixes : sequence of str
    """

    def __init__(self, library: Library, prefixes: Sequence[str]) -> None:
        self.library, self._prefixes = library, prefixes
        self._before: dict[tuple[str, str], str | None] = {}
        self._ours: dict[tuple[str, str], str] = {}
        self._redirect_before: str | None = "NO"

    def apply(self, options: Mapping[str, str]) -> None:
        """Set options. One that somebody else has set, for these hosts or for all, goes first.

        But for the header file, and the CA bundle, of which rasterio sets its own for all.
        """
        found = self.library.get_global(S3_REDIRECT)
        if found != "NO":
            self._redirect_before = found
            self.library.set_global(S3_REDIRECT, "NO")
        for prefix in self._prefixes:
            for option, value in options.items():
                key = (prefix, option)
                if self._ours.get(key) == value:
                    continue  # and what somebody changed since stays
                if key not in self._before:
                    before = self.library.get(prefix, option)
                    if before is not None and option not in (HEADER_FILE, BUNDLE):
                        continue
                    self._before[key] = before
                self._ours[key] = value
                self.library.set(prefix, option, value)

    def restore(self) -> None:
        """Put back what was there, and drop what is cached."""
        for (prefix, option), before in self._before.items():
            if self.library.get(prefix, option) != self._ours[prefix, option]:
                continue  # changed by somebody else since
            self.library.set(prefix, option, None)
            # it may have come from a shorter prefix, or from what holds everywhere, which still does
            if self.library.get(prefix, option) != before:
                self.library.set(prefix, option, before)
        if self._redirect_before != "NO":
            self.library.set_global(S3_REDIRECT, self._redirect_before)
            self._redirect_before = "NO"
        self._before.clear()
        self._ours.clear()
        self.forget()

    def forget(self) -> None:
        """Drop what is cached of the hosts' files: that they were refused, or a login page in their place."""
        for prefix in self._prefixes:
            self.library.forget(prefix)


class Everywhere:
    """What is set in all libraries of this process, those that are imported later too.

    Parameters
    ----------
    prefixes : sequence of str
    reach : callable
        Finds the libgdal behind a module.
    """

    def __init__(self, prefixes: Sequence[str], reach: Callable[[ModuleType], Library | None] = library_of) -> None:
        self._prefixes, self._reach = prefixes, reach
        self._settings: dict[object, Settings] = {}
        self._names: dict[str, str] = {}
        self.unreached: dict[str, str] = {}

    @property
    def names(self) -> list[str]:
        """What people call the libraries that were found."""
        return list(dict.fromkeys(self._names.values()))

    def find(self, options: Mapping[str, str]) -> None:
        """Look for libraries that were not there before; one that cannot be reached is given `options` as it begins."""
        for module in loaded():
            name = module.__name__
            if name in self._names:
                continue
            library = self._reach(module)
            if library is not None and library.is_recent:
                self._settings.setdefault(library.key, Settings(library, self._prefixes))
                self._names[name] = library.name
                self.unreached.pop(name, None)
            elif name not in self.unreached:
                label = library.name if library else name.partition(".")[0]
                if library is None and configured(module, self._prefixes, options, {S3_REDIRECT: "NO"}):
                    self._names[name] = f"{label} (by a configuration file)"
                else:
                    self.unreached[name] = label

    def apply(self, options: Mapping[str, str]) -> None:
        """Set options in all libraries that can be found."""
        self.find(options)
        for settings in self._settings.values():
            settings.apply(options)

    def restore(self) -> None:
        """Put back what was there, in all of them."""
        for settings in self._settings.values():
            settings.restore()

    def forget(self) -> None:
        """Drop what is cached of the hosts' files, in all of them."""
        for settings in self._settings.values():
            settings.forget()
