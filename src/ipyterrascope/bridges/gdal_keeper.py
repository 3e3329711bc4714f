"""Keeps a live header in the file that GDAL reads, while it is switched on and somebody is signed in (floor 5).

GDAL repeats no read of a block that was answered by 401, so the token in the file always has to have time left: it is
renewed well before the need, by a thread that looks every few seconds. A timer would sleep with a laptop's lid closed,
and know nothing of the hours that have passed; the clock of the day does.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable
from types import ModuleType

from ..auth.account import Account
from ..errors import ConfigurationError, TerrascopeError
from ..threads.forks import renew_in_child
from ..values.hosts import origins_of
from ..values.secret import Secret, sealed
from ..values.tokens import TokenSet
from .gdal_header_file import HeaderFile
from .gdal_library import Library, library_of
from .gdal_options import Everywhere, options_for, prefixes_of

log = logging.getLogger(__name__)

# Seconds that the token in the file should have left, half of its life at most. A minute is what is promised; the rest
# is for the renewal.
_WISHED_S = 75.0
_LOOK_EVERY_S, _RETRY_AFTER_S = 5.0, 1.0


class Keeper:
    """Serves one account to every libgdal of this process. Safe from any thread.

    Parameters
    ----------
    account : Account
    file : HeaderFile, optional
    reach : callable
        Finds the libgdal behind a module.
    clock, monotonic : callable
        POSIX seconds, and a clock that never jumps: whichever says earlier that a token ends is believed.
    wait : callable
        Waits for an event, some seconds at most.
    """

    def __init__(
        self,
        account: Account,
        file: HeaderFile | None = None,
        *,
        reach: Callable[[ModuleType], Library | None] = library_of,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Event, float], object] = threading.Event.wait,
    ) -> None:
        self.account = account
        self.prefixes = prefixes_of(account.provider.hosts)
        if not self.prefixes:
            raise ConfigurationError(
                f"{account.provider.label} has no host that may see a token.",
                "GDAL is given it for these hosts only.",
                "Name them: c.Terrascope.hosts, TERRASCOPE_HOSTS, or Provider(hosts=…).",
            )
        self._file = file or HeaderFile()
        self._clock, self._monotonic, self._wait = clock, monotonic, wait
        self.libraries = Everywhere(self.prefixes, reach)
        self.is_on = False
        self._headers, self._tokens, self._since = Secret(""), None, 0.0
        self._end_observing: Callable[[], None] = lambda: None
        self._pid = os.getpid()
        self.after_fork()
        renew_in_child(self)

    def after_fork(self) -> None:
        """Go on with the file of the parent, which keeps it: a child cannot renew, and must not write to it."""
        self._of_parent = self.account.whose
        self._lock, self._turn, self._news = threading.RLock(), threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_inherited(self) -> bool:
        """True in the child of a fork: the parent is the one to renew."""
        return self._pid != os.getpid()

    @property
    def path(self) -> str:
        """The file that GDAL reads."""
        return self._file.path

    @property
    def ends_at(self) -> float | None:
        """When the token in the file ends, in POSIX seconds; None where it does not, or there is none."""
        tokens = self._tokens
        return tokens.expires_at if tokens else None

    def start(self) -> None:
        """Serve from now on: at once where somebody is signed in, else from the next login."""
        with self._lock:
            if not self.is_on:
                self.is_on = True
                self._end_observing = self.account.observe(lambda _: self.follow())
                self.libraries.find(self._options())
        self.follow()

    def stop(self) -> None:
        """Serve no more, and leave every library as it was found."""
        with self._lock:
            if self.is_on:
                self.is_on = False
                self._end_observing()
        self.follow()

    def close(self) -> None:
        """Stop, and leave nothing of the file."""
        self.stop()
        if not self.is_inherited:
            with self._lock:
                self._file.close()

    def refresh(self) -> float:
        """Put a live header into the file; return the seconds for which it need not be looked at.

        Raises
        ------
        LoginRequired
            Nobody is signed in, or the session is over.
        ProviderError
            The token has ended, and the provider cannot renew it right now.
        """
        with self._turn:
            with self._lock:
                self._part_from_parent()
                if self.is_inherited and self._is_wanted():
                    self.libraries.apply(self._options())
                    return math.inf
            is_late = self._left_s() <= 0
            tokens = None if self.account.state.source == "basic" else self.account.tokens(_WISHED_S)
            headers = sealed(self._lines)
            with self._lock:
                if self._is_wanted():
                    self._put(headers, tokens, is_late=is_late)
            return self._pause_s()

    def found(self, module: ModuleType) -> None:
        """Serve a library that was imported just now."""
        with self._lock:
            if self._is_wanted() and self._headers:
                self.libraries.apply(self._options())
            elif self.is_on:
                self.libraries.find(self._options())

    def follow(self) -> None:
        """Keep as the state wants it: a thread that renews, or an empty file."""
        with self._lock:
            self._part_from_parent()
            if not self._is_wanted():
                self._empty()
            elif self._thread is None and not self.is_inherited:
                self._thread = threading.Thread(target=self._run, daemon=True, name="gdal-headers")
                self._thread.start()
            self._news.set()

    def _run(self) -> None:
        while True:
            self._news.clear()
            with self._lock:
                if not self._is_wanted():
                    self._empty()
                    self._thread = None
                    return
            self._wait(self._news, self._looked())

    def _looked(self) -> float:
        try:
            return self.refresh()
        except TerrascopeError as exc:
            # a session that is over ends the thread in its next turn, any other trouble may pass
            log.debug("GDAL's token was not renewed (%s).", type(exc).__name__)
        except OSError as exc:
            log.warning("The file that GDAL reads could not be written (%s).", type(exc).__name__)
        return _RETRY_AFTER_S

    def _part_from_parent(self) -> None:
        """Serve by a file of its own from now on, where somebody else has signed in than in the parent."""
        if self.is_inherited and self.account.whose not in ("", self._of_parent):
            self._file, self._pid = HeaderFile(), os.getpid()
            self._headers, self._tokens = Secret(""), None

    def _is_wanted(self) -> bool:
        return self.is_on and self.account.is_signed_in

    def _options(self) -> dict[str, str]:
        return options_for(self.account, self._file.path)

    def _lines(self) -> Secret:
        url = f"{origins_of(self.account.provider.hosts)[0]}/"
        return Secret("".join(f"{name}: {value}\n" for name, value in self.account.headers(url).items()))

    def _put(self, headers: Secret, tokens: TokenSet | None, *, is_late: bool) -> None:
        if headers != self._headers:
            self._file.write(headers)
            self._headers = headers
        if tokens is not self._tokens:
            self._tokens, self._since = tokens, self._monotonic()
        self.libraries.apply(self._options())
        if is_late:
            self.libraries.forget()

    def _empty(self) -> None:
        if self.is_inherited:
            self.libraries.restore()
            return
        if self._headers:
            self._file.write(Secret(""))
        self._headers, self._tokens = Secret(""), None
        self.libraries.restore()

    def _left_s(self) -> float:
        """Return the seconds that what is in the file still serves."""
        tokens = self._tokens
        if tokens is None or tokens.expires_at is None:
            return math.inf if self._headers else 0.0
        return min(tokens.expires_at - self._clock(), (tokens.lifetime_s or 0.0) - (self._monotonic() - self._since))

    def _pause_s(self) -> float:
        lifetime_s = self._tokens.lifetime_s if self._tokens else None
        ahead_s = self._left_s() - (0.0 if lifetime_s is None else min(_WISHED_S, 0.5 * lifetime_s))
        return min(_LOOK_EVERY_S, ahead_s + 0.01 if ahead_s > 0 else _RETRY_AFTER_S)
