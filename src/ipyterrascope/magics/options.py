"""The parsers of the magics: they read the line, make the help, and know what may be completed."""

from __future__ import annotations

import argparse
import difflib
import re
from typing import NoReturn, get_args

from ..errors import SecretExposed, UsageError
from ..values.providers import LoginMethod
from ..values.states import Source

# Each alternative reads a stretch of the text once, however often its beginning stands there: lines may be long.
_SECRET = re.compile(
    r"""(?<![\w-])(?=([\w-]*?eyJ[\w-]{8,}))\1\.[\w-]                   # a JWT, also after other letters
    | (?<!\S)["']?(?:bearer\s+\S{8}|basic\s+[A-Za-z0-9+/]{8,}=)      # a header's value
    | //[^/\s@:]*:[^/\s@]+@                                          # a password in an address
    # an option of that name with a value
    | (?<!\S)["']?--?(?:pass(?:word|wd)?|pw|token|access[_-]token|api[_-]?key|(?:client[_-])?secret|otp|totp)["']?
      (?:=|\s+(?!--)\S)
    | (?<!\S)["']?(?:pass(?:word|wd)?|pw|token|access[_-]token|api[_-]?key|(?:client[_-])?secret|otp|totp)=
    """,
    re.IGNORECASE | re.VERBOSE,
)


# What argparse says of a line, and what we say: its own words repeat the line, and a wrong word may be a password.
# Named is only what nobody has for one: the name of an option or of a command, of lower-case letters.
_REASONS = (
    (
        r"argument COMMAND: invalid choice: '([a-z]{1,20})' \(choose from ([^()]*)\)",
        r"There is no \1: COMMAND is one of \2.",
    ),
    (r"argument (\S+): invalid choice: .* \(choose from ([^()]*)\)", r"\1 is one of \2."),
    (r"argument (\S+): expected one argument", r"\1 takes a value."),
    (r"argument (\S+): ignored explicit argument .*", r"\1 takes no value."),
    (r"the following arguments are required: (\S+)", r"\1 is missing."),
    (r"unrecognized arguments: (--[a-z][a-z-]{1,18})(?: .*)?", r"There is no option \1."),
    (r"unrecognized arguments: -.*", "There is no such option."),
    (r"unrecognized arguments: .*", "There is a word too many."),
)
_WRONG_WORD = re.compile(r"invalid choice: '([^']*)'|unrecognized arguments: ([^\s=]+)")


class MagicParser(argparse.ArgumentParser):
    """Raises errors of our tree instead of leaving the kernel, and repeats nothing of a line in them."""

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError` with a suggestion where a word was nearly right."""
        matches = ((re.fullmatch(said, message, re.DOTALL), reason) for said, reason in _REASONS)
        reasons = [match.expand(reason).replace("'", "") for match, reason in matches if match]
        raise UsageError(
            f"{self.prog}: this line cannot be read.",
            reasons[0] if reasons else "",
            f"{_suggestion(self, message)}See {self.prog.split()[0]}?",
        )


def _suggestion(parser: argparse.ArgumentParser, message: str) -> str:
    wrong = _WRONG_WORD.search(message)
    if wrong is None:
        return ""
    meant: dict[str, str] = {}
    for each in (parser, *subparsers_of(parser).values()):
        meant |= {word: word for word in words_of(each)}
        for action in each._actions:  # pyright: ignore[reportPrivateUsage]
            for choice in map(str, action.choices or ()) if action.option_strings else ():
                meant.setdefault(choice, choice)
                # a choice, written as if it were an option: --password for --method password
                meant.setdefault(f"--{choice}", f"{action.option_strings[-1]} {choice}")
    word = wrong[1] or wrong[2]
    if word in meant:
        return f"Use {meant[word]}. " if meant[word] != word else ""
    near = difflib.get_close_matches(word, sorted(meant), n=1, cutoff=0.7)
    return f"Did you mean {meant[near[0]]}? " if near else ""


def words_of(parser: argparse.ArgumentParser) -> list[str]:
    """Return what may stand in a line: option strings and the choices of positional arguments."""
    words: list[str] = []
    for action in parser._actions:  # pyright: ignore[reportPrivateUsage]
        words += action.option_strings
        if action.choices and not action.option_strings:
            words += [str(choice) for choice in action.choices]
    return words


def refuse_secrets(text: str) -> None:
    """Raise `SecretExposed` when what was typed holds what looks like a password or a token. Repeats none of it.

    What is typed in a notebook is kept in the file, in `In` and in `history.sqlite`.
    """
    if _SECRET.search(text):
        raise SecretExposed(
            "There is a password or token in this line.",
            "The line is kept in the notebook and in IPython's history, where others can read it.",
            "Delete the line, change what you typed, and run %terrascope login, which asks for it safely.",
        )


def subparsers_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return a parser's subcommands by name; empty when it has none."""
    for action in parser._actions:  # pyright: ignore[reportPrivateUsage]
        if isinstance(action, argparse._SubParsersAction):  # pyright: ignore[reportPrivateUsage]
            return dict(action.choices)  # pyright: ignore[reportUnknownArgumentType]
    return {}


def terrascope_parser() -> MagicParser:
    """Make the parser of `%terrascope`."""
    parser = MagicParser(
        prog="%terrascope",
        description="Log in to Terrascope once; everything that needs the token has a live one from then on.",
        epilog="Examples:\n  %terrascope login\n  %terrascope login --wait     (where widgets are not shown)\n"
        "  %terrascope login openeo:openeo.terrascope.be\n"
        "  s = %terrascope session\n  %terrascope logout",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=MagicParser)
    login = _command(commands, "login", "sign in: by the widget, or silently where a credential lies ready")
    login.add_argument("--method", choices=get_args(LoginMethod), help="how; the provider's first one unless given")
    login.add_argument(
        "--source", choices=get_args(Source), metavar="NAME", help=f"the only one to use: {', '.join(get_args(Source))}"
    )
    login.add_argument(
        "--remember", action="store_true", help="stay signed in, here and in other kernels, until you log out"
    )
    login.add_argument("--wait", action="store_true", help="print link and code, and return when the sign-in has ended")
    login.add_argument("--user", default="", metavar="NAME", help="user name, to fill the form in")
    login.add_argument("--provider-id", default="", metavar="ID", help="of an openEO back-end: which of its providers")
    login.add_argument("--client-id", default="", metavar="ID", help="of an openEO back-end: a client of your own")
    _command(commands, "status", "say who is signed in, from which source, until when")
    _command(
        commands,
        "gdal",
        "let GDAL (rasterio, odc-stac, …) read with the live token, or say whether it does",
        switch=("on", "off"),
    )
    _command(commands, "session", "return a requests.Session that is signed in")
    _command(commands, "logout", "end the session at the provider, and wipe it here")
    return parser


def _command(
    commands: argparse._SubParsersAction[MagicParser],  # pyright: ignore[reportPrivateUsage]
    name: str,
    text: str,
    switch: tuple[str, ...] = (),
) -> MagicParser:
    parser = commands.add_parser(
        name, help=text, description=f"{text[:1].upper()}{text[1:]}.", add_help=False, allow_abbrev=False
    )
    if switch:
        parser.add_argument("switch", nargs="?", choices=switch, help="what is wished for")
    parser.add_argument(
        "provider",
        nargs="?",
        metavar="PROVIDER",
        help="a provider's name, or openeo:HOST for an openEO back-end; Terrascope unless given",
    )
    return parser


def download_parser() -> MagicParser:
    """Make the parser of `%download` and `%%download`."""
    parser = MagicParser(
        prog="%download",
        description="Fetch files: each is whole or absent, and one that is there already is not fetched again.\n"
        "As %%download, the cell holds one source a line.",
        epilog="Of a STAC item the assets of role data are fetched, or all where none has that role, unless\n"
        "--asset or --roles say which. A list is as aria2 has it: one address a line, mirrors of it behind tabs,\n"
        "and indented below it out=NAME, dir=FOLDER (below DIR) and checksum=sha-256=…; aria2's other options are\n"
        "not followed.\n\n"
        "Examples:\n  %download https://services.terrascope.be/download/… -d data\n  %download $urls -d data\n"
        "  %download $items --asset B02,B03 --plan\n  %download @list.txt -d data\n"
        "  d = %download $urls -d data --background",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
        allow_abbrev=False,
    )
    parser.add_argument(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="URL; $name or {expression} of URLs, STAC items, assets or searches; @FILE with a list, or STAC as JSON",
    )
    parser.add_argument("-d", "--dir", default=".", metavar="DIR", help="folder to write to; made when missing")
    parser.add_argument("-o", "--output", metavar="NAME", help="file name, for a single file")
    parser.add_argument("--overwrite", action="store_true", help="fetch again what is there")
    parser.add_argument("--plan", action="store_true", help="only show what would be fetched, and how much it is")
    parser.add_argument(
        "--asset",
        action="append",
        metavar="NAMES",
        help="of STAC items, only the assets of these keys or bands: B02,B03; may be repeated",
    )
    parser.add_argument(
        "--roles", action="append", metavar="ROLES", help="of STAC items, only the assets of these roles, or all"
    )
    parser.add_argument(
        "--local",
        choices=("link", "copy", "off"),
        default="link",
        help="what to do with files that lie on this machine, as the catalogue says; link unless given",
    )
    parser.add_argument(
        "--max-connections", metavar="N", help="how many at once, 64 at most; c.Terrascope.max_connections unless given"
    )
    parser.add_argument("--limit-rate", metavar="SPEED", help="bytes a second at most, all together: 500k, 10M, 1G")
    parser.add_argument(
        "--background",
        action="store_true",
        help="return at once what has report, wait(), pause(), resume(), cancel() and retry()",
    )
    parser.add_argument(
        "--provider", metavar="PROVIDER", help="whose login to use: a name, or $variable; Terrascope unless given"
    )
    return parser


def help_of(parser: MagicParser) -> str:
    """Return the help of a parser and its subcommands, as the magic's docstring."""
    parts = [parser.format_help()]
    parts += [sub.format_help() for sub in subparsers_of(parser).values()]
    return "\n".join(parts)


def help_for(parser: MagicParser, line: str) -> str:
    """Return the help that a line asks for: of the subcommand in it, else of all."""
    asked_for = [sub for name, sub in subparsers_of(parser).items() if name in line.split()]
    return asked_for[0].format_help() if asked_for else help_of(parser)
