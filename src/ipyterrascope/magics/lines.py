"""The magics themselves."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, no_var_expand
from IPython.display import display  # pyright: ignore[reportUnknownVariableType]

from ..errors import SourceInvalid, UsageError
from .options import MagicParser, download_parser, help_for, help_of, refuse_secrets, terrascope_parser
from .sentences import plainly, pointing_at_variables, resumable
from .words import words_of_line


@magics_class
class TerrascopeMagics(Magics):
    """`%terrascope`, `%download` and `%%download`."""

    @line_magic
    @no_var_expand
    @plainly
    def terrascope(self, line: str) -> object:
        refuse_secrets(line)
        if _asks_for_help(line):
            print(help_for(terrascope_parser(), line))
            return None
        options = self._read(terrascope_parser(), line.strip() or "status")
        from .. import api

        if options.command == "login":
            api.login(options.provider, method=options.method, wait=options.wait, username=str(options.user))
        elif options.command == "session":
            return api.session(options.provider)
        elif options.command == "logout":
            print(api.logout(options.provider))
        else:
            from .status import Status

            display(Status([api.account(options.provider)] if options.provider else api.providers.asked_for()))
        return None

    @line_cell_magic
    @no_var_expand
    @plainly
    @resumable
    @pointing_at_variables
    def download(self, line: str, cell: str | None = None) -> object:
        refuse_secrets(line)
        refuse_secrets(cell or "")
        if _asks_for_help(line):
            print(help_of(download_parser()))
            return None
        options = self._read(download_parser(), line)
        words: list[Any] = [*options.urls, *self._words_of_cell(cell or "")]
        if not words:
            raise UsageError("There is nothing to download.", "No URL was given.", "See %download?")
        from .. import api

        fetch = cast("Callable[..., object]", api.download)
        result = fetch(
            words[0] if len(words) == 1 else list(_flat(words)),
            options.dir,
            provider=options.provider,
            name=None if options.output is None else str(options.output),
            overwrite=options.overwrite,
            max_connections=options.max_connections,
            limit_rate=options.limit_rate,
            background=options.background,
        )
        return None if line.rstrip().endswith(";") else result

    def _read(self, parser: MagicParser, line: str) -> argparse.Namespace:
        """Read a line; where a word stands for an object, that object is what was read.

        A semicolon at its end belongs to IPython: it keeps the result from being shown.
        """
        words = words_of_line(line.rstrip().removesuffix(";"), self.shell)
        objects = {f"\ue000{n}": word for n, word in enumerate(words) if not isinstance(word, str)}
        options = parser.parse_args([word if isinstance(word, str) else f"\ue000{n}" for n, word in enumerate(words)])
        for name, value in vars(options).items():
            if isinstance(value, list):
                setattr(options, name, [objects.get(word, word) for word in cast("list[str]", value)])
            elif isinstance(value, str):
                setattr(options, name, objects.get(value, value))
        return options

    def _words_of_cell(self, cell: str) -> list[object]:
        lines = [line.strip() for line in cell.splitlines()]
        found = [words_of_line(line, self.shell) for line in lines if line and not line.startswith("#")]
        if any(len(words) > 1 for words in found):
            raise SourceInvalid("A line of the cell has more than one word.", "", "Write one URL a line.")
        return [word for words in found for word in words]


def _asks_for_help(line: str) -> bool:
    return not {"-h", "--help"}.isdisjoint(line.split())


def _flat(words: Iterable[object]) -> Iterable[Any]:
    for word in words:
        if isinstance(word, Iterable) and not isinstance(word, (str, bytes, Mapping)):
            yield from cast("Iterable[object]", word)
        else:
            yield word


# The help is the parser's own, so that it cannot say anything else than what the line understands.
TerrascopeMagics.terrascope.__doc__ = help_of(terrascope_parser())
TerrascopeMagics.download.__doc__ = help_of(download_parser())
