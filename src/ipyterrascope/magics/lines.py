"""The magics themselves."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, no_var_expand
from IPython.display import display  # pyright: ignore[reportUnknownVariableType]

from ..errors import SourceInvalid, UsageError
from ..options import LineParser, download_of, help_for, help_of
from .options import download_parser, refuse_secrets_in, terrascope_parser
from .sentences import plainly, pointing_at_variables, resumable
from .words import words_of_line

if TYPE_CHECKING:
    from ..transfer import Lines


@magics_class
class TerrascopeMagics(Magics):
    """`%terrascope`, `%download` and `%%download`."""

    @line_magic
    @no_var_expand
    @plainly
    def terrascope(self, line: str) -> object:
        refuse_secrets_in(line)
        if _asks_for_help(line):
            print(help_for(terrascope_parser(), line))
            return None
        options = self._read(terrascope_parser(), line.strip() or "status")
        from .. import api

        if options.command == "login":
            api.login(
                options.provider,
                method=options.method,
                source=options.source,
                remember=options.remember,
                wait=options.wait,
                username=str(options.user),
                provider_id=str(options.provider_id),
                client_id=str(options.client_id),
            )
        elif options.command == "session":
            return api.session(options.provider)
        elif options.command == "gdal":
            from ..bridges import gdal

            return {"on": gdal.enable, "off": gdal.disable}.get(options.switch, gdal.status)(options.provider)
        elif options.command == "logout":
            print(api.logout(options.provider, provider_id=str(options.provider_id)))
        else:
            display(api.status(options.provider))
        return None

    @line_cell_magic
    @no_var_expand
    @plainly
    @resumable
    @pointing_at_variables
    def download(self, line: str, cell: str | None = None) -> object:
        refuse_secrets_in(line)
        refuse_secrets_in(cell or "")
        if _asks_for_help(line):
            print(help_of(download_parser()))
            return None
        options = self._read(download_parser(), line)
        sources: list[Any] = options.sources
        if cell and cell.strip():
            sources = [*sources, self._lines(cell)]
        if not sources:
            raise UsageError("There is nothing to download.", "No URL was given.", "See %download?")
        from .. import downloading

        how = download_of(options)
        source = sources[0] if len(sources) == 1 else sources
        if options.plan:
            result: object = downloading.plan(source, **how)
        else:
            fetch = cast("Callable[..., object]", downloading.download)
            result = fetch(
                source,
                **how,
                provider=options.provider,
                max_connections=options.max_connections,
                limit_rate=options.limit_rate,
                background=options.background,
            )
        return None if line.rstrip().endswith(";") else result

    def _read(self, parser: LineParser, line: str) -> argparse.Namespace:
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

    def _lines(self, cell: str) -> Lines:
        from ..transfer import Lines

        def resolve(text: str) -> object:
            words = words_of_line(text, self.shell)
            if len(words) != 1:
                raise SourceInvalid("There is more than one word.", "", "Write one source a line.")
            return words[0]

        return Lines(cell.split("\n"), resolve)


def _asks_for_help(line: str) -> bool:
    return not {"-h", "--help"}.isdisjoint(line.split())


# The help is the parser's own, so that it cannot say anything else than what the line understands.
TerrascopeMagics.terrascope.__doc__ = help_of(terrascope_parser())
TerrascopeMagics.download.__doc__ = help_of(download_parser())
