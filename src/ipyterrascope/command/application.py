"""The application: a `JupyterApp`, whose own options stand beside our words in any order (floor 6)."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
from argparse import Namespace
from collections.abc import Callable, Generator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

import traitlets
from jupyter_core.application import JupyterApp, NoStart
from traitlets.config import Config

from ..errors import ConfigurationError, TerrascopeError
from ..options import subparsers_of
from ..traits import Terrascope
from ..wording import GOES_ON, STOPPED
from .answers import DONE, USAGE, Answer, failure, interruption
from .parsers import command_parser, refuse_secrets_in

ACTIONS: Mapping[str, str] = {
    **dict.fromkeys(("login", "logout", "status", "token"), "logins"),
    "download": "fetching",
    **dict.fromkeys(("paths", "config"), "places"),
    "clear": "clearing",
    **dict.fromkeys(("import-openeo", "export-openeo"), "openeo"),
}
"""In which module of this room each command is a function of its name."""

# such as --Terrascope.label; a class has a capital, a file's name behind -o seldom two dashes
_TRAIT = re.compile(r"--[A-Z]\w*\.[\w.]+")
_QUESTIONS = ("-h", "--help", "--help-all", "-V", "--version")


class TerrascopeApp(JupyterApp):
    """`jupyter terrascope`, configured as every Jupyter application is: by `jupyter_terrascope_config.py`, for one.

    What is not for Jupyter and traitlets is read by the parser whose pieces the magics share: that of traitlets knows
    no options of a subcommand.
    """

    name = "jupyter-terrascope"
    classes = [Terrascope]  # noqa: RUF012 - as traitlets has it
    flags = {**JupyterApp.flags, "yes": JupyterApp.flags["y"]}  # noqa: RUF012
    version = traitlets.Unicode()
    # with half of a configuration one could sign in elsewhere than was meant
    raise_config_file_errors = traitlets.Bool(True)
    words: Sequence[str] = ()
    piped: TextIO = sys.stdin

    @traitlets.default("version")
    def _version_of_package(self) -> str:
        from importlib.metadata import version

        return version("ipyterrascope")

    def _log_level_default(self) -> int:
        return logging.WARNING  # what a command has to say is no log

    def run(self, argv: list[str]) -> int:
        """Do what the words say, and return the exit status."""
        try:
            answer = self._answer(argv)
        except NoStart:
            return DONE
        except TerrascopeError as exc:
            answer = failure(exc)
        except KeyboardInterrupt:
            answer = interruption(GOES_ON if "download" in self.words else STOPPED)
        return answer.tell(as_json="--json" in argv)

    def _answer(self, argv: list[str]) -> Answer:
        refuse_secrets_in(argv)
        self.initialize(argv)
        self.start()
        if not self.words:
            self.print_help()
            raise NoStart
        options = command_parser().parse_args(self.words)
        Terrascope.hold(self, do=self._where_to_mend())
        name: str = options.command.replace("-", "_")
        act: Callable[[TerrascopeApp, Namespace], Answer] = getattr(
            import_module(f".{ACTIONS[options.command]}", __package__), name
        )
        # stdout is for the answer alone, so that it can be piped while a person is asked
        with contextlib.redirect_stdout(sys.stderr), self._asking_at_terminal():
            return act(self, options)

    @contextlib.contextmanager
    def _asking_at_terminal(self) -> Generator[None, None, None]:
        """Let a person be asked at the terminal also where something is piped in, which `piped` has."""
        self.piped = sys.stdin
        with contextlib.ExitStack() as stack:
            if sys.stderr.isatty() and not sys.stdin.isatty():
                with contextlib.suppress(OSError):  # in cron, say, there is none
                    terminal = stack.enter_context(open("/dev/tty"))
                    # behind `&` a job that reads is stopped
                    if os.tcgetpgrp(terminal.fileno()) == os.getpgrp():
                        sys.stdin = terminal
            try:
                yield
            finally:
                sys.stdin = self.piped

    def _where_to_mend(self) -> str:
        return f"Correct {' or '.join(['the command line', *self.loaded_config_files])}."

    # ── what JupyterApp leaves to its applications ─────────────────────────────────────────────────────────────────

    def parse_command_line(self, argv: Any = None) -> None:
        """Read what is Jupyter's, and leave the rest in `words`."""
        given = ["--help", *argv[1:]] if argv[:1] == ["help"] else argv
        self.words, theirs = self._divided(given)
        super().parse_command_line(theirs)

    def _divided(self, argv: Sequence[str]) -> tuple[list[str], list[str]]:
        """Return our words, and those of Jupyter and traitlets."""
        flags, aliases = (
            {f"{'-' if len(name) == 1 else '--'}{name}" for name in names} for names in (self.flags, self.aliases)
        )
        ours: list[str] = []
        theirs: list[str] = []
        words = iter(argv)
        for word in words:
            name, equals, _ = word.partition("=")
            if word == "--":
                ours += [word, *words]
            elif word in flags or word in _QUESTIONS:
                theirs.append(word)
            elif name in aliases or _TRAIT.fullmatch(name):
                theirs.append(word if equals else f"{word}={next(words, '')}")
            else:
                ours.append(word)
        return ours, theirs

    def read(self, path: Path) -> Config:
        """Return what one configuration file says."""
        loader = self.json_config_loader_class if path.suffix == ".json" else self.python_config_loader_class
        return loader(path.name, path=str(path.parent)).load_config()

    def _find_subcommand(self, name: str) -> str:
        return ""  # no word of a line shall run a program of that name

    def migrate_config(self) -> None:
        """Do nothing: there is no configuration of ours from IPython 3."""

    def load_config_file(self, suppress_errors: bool = False) -> None:
        """Read the configuration files.

        Raises
        ------
        ConfigurationError
            One of them cannot be read, or the one that is named is missing.
        """
        try:
            super().load_config_file(suppress_errors=suppress_errors)
        except Exception as exc:  # noqa: BLE001 - a configuration file is a program, and may raise anything
            why = f"{type(exc).__name__}: {exc}"
        else:
            named, _ = os.path.splitext(os.path.abspath(self.config_file))
            if not self.config_file or any(os.path.splitext(path)[0] == named for path in self.loaded_config_files):
                return
            why = "There is none of the name that --config has."
        raise ConfigurationError(
            "A configuration file cannot be read.", why, "Correct it; --debug tells where they are looked for."
        )

    def exit(self, exit_status: int | str | None = 0) -> None:
        """Leave; traitlets does so by itself for the help, or where an option cannot be right."""
        super().exit(USAGE if exit_status == 1 else exit_status)

    def get_default_logging_config(self) -> dict[str, Any]:
        """Let `--debug` show what our modules and their libraries log, too."""
        config: dict[str, Any] = super().get_default_logging_config()
        if "handlers" in config:
            config["root"] = {"level": self.log_level, "handlers": ["console"]}
        return config

    def emit_description(self) -> Generator[str, None, None]:
        """Yield the help of our words: of the command among them, or else of all."""
        parser = command_parser()
        commands = subparsers_of(parser)
        asked_for = next((commands[word] for word in self.words if word in commands), parser)
        yield asked_for.format_help()
