"""The parsers of the magics: what `%terrascope` and `%download` understand beside what a shell's command does."""

from __future__ import annotations

import argparse

from ..options import (
    ABOUT_SOURCES,
    DOWNLOAD,
    PROVIDER,
    LineParser,
    add_command,
    add_download,
    add_login,
    add_logout,
    add_status,
    commands_of,
    refuse_secrets,
)

_TAGLINE = "Log in to Terrascope once; everything that needs the token has a live one from then on."


def refuse_secrets_in(line: str) -> None:
    """Raise `SecretExposed` when a line or a cell holds what looks like a password or a token.

    What is typed in a notebook is kept in the file, in `In` and in `history.sqlite`.
    """
    refuse_secrets(
        line,
        "The line is kept in the notebook and in IPython's history, where others can read it.",
        "Delete the line, change what you typed, and run %terrascope login, which asks for it safely.",
    )


def terrascope_parser() -> LineParser:
    """Make the parser of `%terrascope`."""
    parser = LineParser(
        prog="%terrascope",
        description=_TAGLINE,
        epilog="Examples:\n  %terrascope login\n  %terrascope login --wait     (where widgets are not shown)\n"
        "  %terrascope login openeo:openeo.terrascope.be\n"
        "  s = %terrascope session\n  %terrascope logout",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    commands = commands_of(parser)
    login = add_login(commands, "sign in: by the widget, or silently where a credential lies ready")
    login.add_argument(
        "--remember", action="store_true", help="stay signed in, here and in other kernels, until you log out"
    )
    login.add_argument("--wait", action="store_true", help="print link and code, and return when the sign-in has ended")
    add_status(commands)
    gdal = add_command(
        commands, "gdal", "let GDAL (rasterio, odc-stac, …) read with the live token, or say whether it does", ""
    )
    gdal.add_argument("switch", nargs="?", choices=("on", "off"), help="what is wished for")
    gdal.add_argument("provider", nargs="?", metavar="PROVIDER", help=PROVIDER)
    add_command(commands, "session", "return a requests.Session that is signed in")
    add_logout(commands)
    return parser


def download_parser() -> LineParser:
    """Make the parser of `%download` and `%%download`."""
    parser = LineParser(
        prog="%download",
        description=f"{DOWNLOAD}\nAs %%download, the cell holds one source a line.",
        epilog=f"{ABOUT_SOURCES}\n\n"
        "Examples:\n  %download https://services.terrascope.be/download/… -d data\n  %download $urls -d data\n"
        "  %download $items --asset B02,B03 --plan\n  %download @list.txt -d data\n"
        "  d = %download $urls -d data --background",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    add_download(
        parser,
        "URL; $name or {expression} of URLs, STAC items, assets or searches; @FILE with a list, or STAC as JSON",
        "whose login to use: a name, or $variable; Terrascope unless given",
    )
    parser.add_argument(
        "--background",
        action="store_true",
        help="return at once what has report, wait(), pause(), resume(), cancel() and retry()",
    )
    return parser
