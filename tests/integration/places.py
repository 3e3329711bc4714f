"""The places where people run this package, each a real process: a script, a terminal, a notebook's kernel.

Nothing of the developer's home, configuration or login gets into them.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pexpect

from ipyterrascope.sandbox import Sandbox
from private_jupyter import private_environment

PASSWORD = "s3cret-Pa55"  # of the sandbox's dora

_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[a-zA-Z]|\][^\x07]*\x07)")


def environment_for(folder: Path, box: Sandbox | None = None, **environ: str) -> dict[str, str]:
    """Return an environment whose home is `folder`, in which `box` is Terrascope, with `environ` in it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TERRASCOPE_", "JUPYTERHUB_"))}
    for name in ("PYTHONSTARTUP", "PYTHONPATH", "COLUMNS", "PYTEST_CURRENT_TEST", "XDG_DATA_HOME"):
        kept.pop(name, None)
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    where = {"TERRASCOPE_ISSUER": box.issuer, "TERRASCOPE_HOSTS": f"127.0.0.1:{box.port}"} if box else {}
    return {
        **private_environment(folder, kept),
        "HOME": str(folder),
        "TMPDIR": str(temporary),
        "PYTHONUTF8": "1",
        "TERM": "dumb",
        **where,
        **environ,
    }


@dataclass(frozen=True)
class Ended:
    """A process that has ended: what it wrote, its status, and how long it took."""

    stdout: str
    stderr: str
    status: int
    seconds: float


def run_script(text: str, environ: Mapping[str, str], folder: Path) -> Ended:
    """Run a Python script as cron would: in `folder`, with no terminal at all."""
    script = folder / "script.py"
    script.write_text(text)
    return _run([str(script)], environ, folder)


def run_command(words: list[str], environ: Mapping[str, str], folder: Path, piped: str | None = None) -> Ended:
    """Run `jupyter terrascope` as cron would, or with something piped into it."""
    return _run(["-m", "ipyterrascope", *words], environ, folder, piped)


def _run(words: list[str], environ: Mapping[str, str], folder: Path, piped: str | None = None) -> Ended:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, *words],
        input=piped or "",
        capture_output=True,
        text=True,
        env=dict(environ),
        cwd=folder,
        timeout=60,
        check=False,
        start_new_session=True,
    )
    return Ended(done.stdout, done.stderr, done.returncode, time.monotonic() - began)


class Terminal:
    """A person at a terminal with a Python or IPython prompt, which matches the pattern `prompt`."""

    def __init__(self, command: list[str], prompt: str, environ: Mapping[str, str], folder: Path) -> None:
        self._prompt = prompt
        self._shown: list[str] = []
        self._child: pexpect.spawn[str] = pexpect.spawn(
            sys.executable, command, env=dict(environ), cwd=str(folder), encoding="utf-8"
        )
        self._child.setwinsize(50, 200)
        self.prompt()

    @property
    def transcript(self) -> str:
        """All that was on the screen so far."""
        return "".join(self._shown)

    @property
    def pid(self) -> int:
        """The process."""
        return int(self._child.pid)

    def until(self, text: str) -> str:
        """Wait until `text` is on the screen, and return what came up to it."""
        return self._until(re.escape(text))

    def prompt(self, timeout_s: float = 30) -> str:
        """Wait for the next prompt, and return what came before it."""
        shown = self._until(self._prompt, timeout_s)
        return shown[: [*re.finditer(self._prompt, shown)][-1].start()].strip()

    def type(self, line: str) -> None:
        """Type a line and press Enter."""
        self._child.sendline(line)

    def run(self, line: str) -> str:
        """Type a line, wait for the next prompt, and return what was shown in between."""
        self.type(line)
        return self.prompt().removeprefix(line).strip()

    def _until(self, pattern: str, timeout_s: float = 30) -> str:
        self._child.expect(pattern, timeout=timeout_s)
        shown = _ESCAPES.sub("", f"{self._child.before}{self._child.after}").replace("\r", "")
        self._shown.append(shown)
        return shown

    def press(self, key: str) -> None:
        """Press Ctrl and a key."""
        self._child.sendcontrol(key)

    def cancel(self, key: str) -> str:
        """Press Ctrl and a key until the prompt comes, and return what came before it.

        Once is not always enough: Python loses a Ctrl-C that comes between a question and the reading of its answer.
        """
        for _ in range(10):
            self.press(key)
            with contextlib.suppress(pexpect.TIMEOUT):
                return self.prompt(timeout_s=3)
        return self.prompt()

    def ended(self) -> tuple[str, int]:
        """Wait for the end of the process, and return what was shown until then, and its status."""
        self._child.expect(pexpect.EOF, timeout=30)
        shown = _ESCAPES.sub("", self._child.before or "").replace("\r", "")
        self._shown.append(shown)
        self._child.close()
        return shown.strip(), int(self._child.exitstatus or 0)

    def close(self) -> None:
        """End the process."""
        self._child.close(force=True)


@contextlib.contextmanager
def python_terminal(environ: Mapping[str, str], folder: Path) -> Iterator[Terminal]:
    """Open `python` in a terminal."""
    terminal = Terminal(["-q", "-i"], ">>> ", environ, folder)
    try:
        yield terminal
    finally:
        terminal.close()


@contextlib.contextmanager
def ipython_terminal(environ: Mapping[str, str], folder: Path) -> Iterator[Terminal]:
    """Open `ipython` in a terminal."""
    options = ["--simple-prompt", "--no-banner", "--no-confirm-exit", "--no-tip"]
    terminal = Terminal(["-m", "IPython", *options], r"In \[\d+\]: ", environ, folder)
    try:
        yield terminal
    finally:
        terminal.close()


@contextlib.contextmanager
def command_terminal(words: list[str], until: str, environ: Mapping[str, str], folder: Path) -> Iterator[Terminal]:
    """Type a `jupyter terrascope` in a terminal, and wait `until` a text is there."""
    terminal = Terminal(["-m", "ipyterrascope", *words], re.escape(until), environ, folder)
    try:
        yield terminal
    finally:
        terminal.close()


@contextlib.contextmanager
def console_terminal(environ: Mapping[str, str], folder: Path) -> Iterator[Terminal]:
    """Open `jupyter console` in a terminal: the code runs in a kernel, which has none."""
    terminal = Terminal(["-m", "jupyter_console", "--simple-prompt"], r"In \[\d+\]: ", environ, folder)
    try:
        yield terminal
    finally:
        terminal.press("d")
        terminal.close()
