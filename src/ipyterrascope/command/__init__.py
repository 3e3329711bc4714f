"""The top floor beside the magics: `jupyter terrascope …`, for a shell, for scripts and for cron.

Results go to stdout and everything else to stderr: questions, links and codes, bars, errors. The exit status tells how
it ended, see `answers`. Starting imports Jupyter's and traitlets' own modules only; what talks to a server is imported
by the command that needs it.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import NoReturn

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line, and leave with its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after the command's name; those of this process unless given.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # no command fails at a character that a terminal lacks
    try:
        from .application import TerrascopeApp

        status = TerrascopeApp.instance().run(sys.argv[1:] if argv is None else [*argv])
    except KeyboardInterrupt:
        status = 130  # before there was anything to say of it
    sys.exit(status)
