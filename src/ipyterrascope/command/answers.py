"""How a command ends: what it answers, as text or as JSON, and the exit statuses that scripts can tell apart (floor 6).

0    done
1    failed, or done in part: what failed is told
2    the line or the configuration cannot be right: nothing was begun
3    nobody is signed in, and a person is needed for that
130  interrupted, or a sign-in was cancelled (as a shell counts Ctrl-C: 128 + SIGINT)
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from ..errors import (
    ConfigurationError,
    LoginCancelled,
    LoginRequired,
    SecretExposed,
    SourceInvalid,
    TerrascopeError,
    UsageError,
    printable,
)
from ..wording import sentences_of

DONE, FAILED, USAGE, NOBODY, INTERRUPTED = 0, 1, 2, 3, 130

_STATUS: Mapping[type[TerrascopeError], int] = {
    UsageError: USAGE,
    ConfigurationError: USAGE,
    SecretExposed: USAGE,
    SourceInvalid: USAGE,
    LoginRequired: NOBODY,
    LoginCancelled: INTERRUPTED,
}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a command found or did.

    Attributes
    ----------
    text : str
        For people, and for `$(…)` where that is one value; on stdout, as are `fields`.
    fields : mapping
        The same for programs (`--json`).
    notes : sequence of str
        Lines beside it, on stderr.
    status : int
        The exit status.
    """

    text: str = ""
    fields: Mapping[str, object] = field(default_factory=dict[str, object])
    notes: Sequence[str] = ()
    status: int = DONE

    def tell(self, *, as_json: bool) -> int:
        """Print it, and return the exit status."""
        for line in self.notes:
            _say(printable(line))
        shown = json.dumps(self.fields, indent=2) if as_json else printable(self.text)
        return self.status if not shown or _is_printed(shown) else FAILED


def _is_printed(text: str) -> bool:
    try:
        print(text, flush=True)
    except OSError as exc:
        return unwritten(exc) == DONE
    return True


def unwritten(exc: OSError) -> int:
    """Say that what was to be printed could not be, and return the exit status."""
    _give_up(sys.stdout)
    if isinstance(exc, BrokenPipeError):  # as by `… | head -1`, whose reader has seen enough
        return DONE
    _say(f"The answer could not be written: {exc.strerror}.")
    return FAILED


def _say(line: str) -> None:
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        _give_up(sys.stderr)  # nobody is left to be told


def _give_up(stream: TextIO) -> None:
    # Python would try again at its end
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def failure(error: TerrascopeError) -> Answer:
    """Return the answer of a command that an error of our tree ended."""
    about = {
        "type": type(error).__name__,
        "what": error.what,
        "why": error.why,
        "do": error.do,
        "retryable": error.retryable,
        "page_url": error.page_url,
    }
    return Answer(fields={"error": about}, notes=sentences_of(error), status=status_of(error))


def status_of(error: TerrascopeError) -> int:
    """Return the exit status of a command that an error of our tree ended."""
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), FAILED)


def interruption(sentence: str) -> Answer:
    """Return the answer of a command that Ctrl-C ended; what can be done stands behind the first full stop."""
    what, _, do = sentence.partition(". ")
    about = {"type": "KeyboardInterrupt", "what": f"{what.rstrip('.')}.", "why": "", "do": do}
    fields = {"error": {**about, "retryable": do != "", "page_url": ""}}
    return Answer(fields=fields, notes=[sentence], status=INTERRUPTED)
