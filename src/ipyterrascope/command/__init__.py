"""The top floor beside the magics: `jupyter terrascope …`, for a shell, for scripts and for cron.

Results go to stdout and everything else to stderr: questions, links and codes, bars, errors. The exit status tells how
it ended, see `answers`. Starting imports Jupyter's and traitlets' own modules only; what talks to a server is imported
by the command that needs it.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

__all__ = ["main"]

# a full disk, a reader that is gone, a stream that was closed, a terminal that went away
_UNWRITABLE = (errno.ENOSPC, errno.EPIPE, errno.EBADF, errno.EIO)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line, and leave with its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after the command's name; those of this process unless given.
    """
    _open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # no command fails at a character that a terminal lacks
    try:
        from .application import TerrascopeApp

        status = _ended(lambda: TerrascopeApp.instance().run(sys.argv[1:] if argv is None else [*argv]))
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = 130  # before there was anything to say of it
    except OSError as exc:
        if exc.errno not in _UNWRITABLE:
            raise
        from .answers import unwritten

        status = unwritten(exc)
    sys.exit(status)


def _ended(run: Callable[[], int]) -> int:
    try:
        return run()
    except SystemExit as exc:  # as traitlets ends for the help
        return exc.code if isinstance(exc.code, int) else 0 if exc.code is None else 1


def _open_missing_streams() -> None:
    """Let something stand for a stream that was closed (``>&-``): a file would get its number, and then be written to.

    What is written to a closed stdout fails still, and what to stderr goes nowhere.
    """
    for fd, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        if not _is_open(fd):
            os.open(os.devnull, mode)  # which gets the lowest number that is free
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 - for as long as the process
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
