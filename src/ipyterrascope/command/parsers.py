"""The parser of `jupyter terrascope`: the words of the magics that make sense at a shell's prompt, and its own."""

from __future__ import annotations

import argparse

from ..options import (
    ABOUT_SOURCES,
    DOWNLOAD,
    Commands,
    LineParser,
    add_choice,
    add_command,
    add_download,
    add_login,
    add_logout,
    add_status,
    commands_of,
    refuse_secrets,
)

PROG = "jupyter terrascope"

_DESCRIPTION = "Log in to Terrascope once; notebooks, scripts and cron jobs on this machine are signed in from then on."
_EPILOG = """exit status:
  0    done
  1    failed, or done in part: what failed is told
  2    the line or the configuration cannot be right
  3    nobody is signed in, and a person is needed for that
  130  interrupted, or the sign-in was cancelled

Examples:
  jupyter terrascope login
  jupyter terrascope download @list.txt -d data
  curl -H "Authorization: Bearer $(jupyter terrascope token --show-secrets)" …"""
_EPILOG_OF_DOWNLOAD = f"""{ABOUT_SOURCES}

Ctrl-C keeps what came: the same line goes on with it.

Examples:
  jupyter terrascope download https://services.terrascope.be/download/… -d data
  jupyter terrascope download @items.json --asset B02,B03 --plan
  jupyter terrascope download @- -d data      (a list or STAC as JSON, from a pipe)"""


def refuse_secrets_in(words: list[str]) -> None:
    """Raise `SecretExposed` when the words of a command hold what looks like a password or a token."""
    refuse_secrets(
        " ".join(words),
        "It is in the shell's history, and whoever uses this machine can see it while the command runs.",
        f"Change what you typed, and run {PROG} login, which asks for it safely.",
    )


def command_parser() -> LineParser:
    """Make the parser."""
    parser = _with_layout(LineParser(prog=PROG, description=_DESCRIPTION, add_help=False, allow_abbrev=False), _EPILOG)
    commands = commands_of(parser)
    login = add_login(commands, "sign in, and stay signed in on this machine until you log out")
    # what one writes in a notebook holds here always
    for option in ("--remember", "--wait"):
        login.add_argument(option, action="store_true", help=argparse.SUPPRESS)
    add_status(commands)
    token = add_command(commands, "token", "tell of the live access token; for scripts, print it alone")
    token.add_argument("--show-secrets", action="store_true", help="print the token, which whoever has it may use")
    _add_download(commands)
    add_logout(commands)
    add_command(commands, "clear", "end and remove every login that is kept on this machine", "")
    add_command(commands, "paths", "tell where logins and settings are, openEO's own too", "")
    add_command(commands, "config", "tell what is configured, and where that comes from; no secret", "")
    _add_openeo(commands, "import-openeo", "move the login that openEO's own client keeps to here")
    _add_openeo(commands, "export-openeo", "sign in once more, for openEO's own client")
    for name in commands.choices:
        _add_json(commands.choices[name])
    return parser


def _add_openeo(commands: Commands, name: str, text: str) -> None:
    parser = add_command(commands, name, text, "")
    parser.add_argument("backend", metavar="BACKEND", help="address of the back-end, such as openeo.terrascope.be")
    add_choice(parser)


def _add_download(commands: Commands) -> None:
    download = _with_layout(
        add_command(commands, "download", "fetch files, whole or not at all", provider=""), _EPILOG_OF_DOWNLOAD
    )
    download.description = DOWNLOAD
    add_download(
        download,
        "URL; @FILE with a list of URLs, or STAC as JSON; @- for the same from a pipe",
        "whose login to use; Terrascope unless given",
    )


def _with_layout(parser: LineParser, epilog: str) -> LineParser:
    parser.formatter_class, parser.epilog = argparse.RawDescriptionHelpFormatter, epilog
    return parser


def _add_json(parser: LineParser) -> None:
    parser.add_argument("--json", action="store_true", help="answer in JSON")
