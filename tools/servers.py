"""Run a server for a while, and leave nothing of it behind. The tests and the demonstration use it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path


def free_port() -> int:
    """Return a port on loopback that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    command: Sequence[str | Path],
    *,
    is_ready: Callable[[], bool],
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_s: float = 120,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server in a process group of its own; SIGTERM ends the group with the block, or with this process.

    Raises
    ------
    RuntimeError
        When the server ends, or is not ready after `timeout_s` seconds; the text has the end of its log.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - the callers' own commands
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
    with _guard(process):
        try:
            _wait_until(is_ready, process, log, timeout_s)
            yield process
        finally:
            _end_group(process)


def _wait_until(is_ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_ready():
        ended = process.poll() is not None
        if ended or time.monotonic() > deadline:
            outcome = f"ended with {process.returncode}" if ended else f"was not ready after {timeout_s:.0f} s"
            raise RuntimeError(f"{process.args!r} {outcome}:\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.1)


@contextlib.contextmanager
def _guard(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End the group of `process` also when we cannot any more (kill -9): a pipe that only we hold closes then."""
    guard = subprocess.Popen(  # noqa: S603 - our own two commands
        ["/bin/sh", "-c", 'read _; kill -TERM "-$0"', str(process.pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with guard:
        yield
        guard.kill()


def _end_group(process: subprocess.Popen[bytes]) -> None:
    # The second signal is for what the leader left behind, or for a leader that does not listen.
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=15)
