"""What may be said in a magic's line and at a shell's prompt: the parsers, and the help that they make (floor 6).

Commands, options and their help are written here once; `magics` and `command` add what is their own.
"""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Sequence
from typing import Any, NoReturn, TypeAlias, get_args

from .errors import SecretExposed, UsageError
from .values.providers import LoginMethod
from .values.states import Source

Commands: TypeAlias = "argparse._SubParsersAction[LineParser]"  # pyright: ignore[reportPrivateUsage]

PROVIDER = "a provider's name, or openeo:HOST for an openEO back-end; Terrascope unless given"
DOWNLOAD = "Fetch files: each is whole or absent, and one that is there already is not fetched again."
ABOUT_SOURCES = (
    "Of a STAC item the assets of role data are fetched, or all where none has that role, unless\n"
    "--asset or --roles say which. A list is as aria2 has it: one address a line, mirrors of it behind tabs,\n"
    "and indented below it out=NAME, dir=FOLDER (below DIR) and checksum=sha-256=…; aria2's other options are\n"
    "not followed."
)

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


class LineParser(argparse.ArgumentParser):
    """Raises errors of our tree instead of leaving the process, and repeats nothing of a line in them."""

    def parse_args(self, args: Sequence[str]) -> argparse.Namespace:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Read a line; of a word that is none, the command speaks that was given."""
        options, extra = self.parse_known_args(args)
        if extra:
            parser = subparsers_of(self).get(getattr(options, "command", ""), self)
            parser.error(f"unrecognized arguments: {' '.join(extra)}")
        return options

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError` with a suggestion where a word was nearly right."""
        matches = ((re.fullmatch(said, message, re.DOTALL), reason) for said, reason in _REASONS)
        reasons = [match.expand(reason).replace("'", "") for match, reason in matches if match]
        raise UsageError(
            f"{self.prog}: this line cannot be read.",
            reasons[0] if reasons else "",
            f"{_suggestion(self, message)}See {_help_by(self.prog)}",
        )


def _help_by(prog: str) -> str:
    # IPython shows the help of a whole magic
    return f"{prog.split()[0]}?" if prog.startswith("%") else f"{prog} --help."


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


def refuse_secrets(text: str, why: str, do: str) -> None:
    """Raise `SecretExposed` when what was typed holds what looks like a password or a token. Repeats none of it.

    `why` says who can read it by now, and `do` what is done about that.
    """
    if _SECRET.search(text):
        raise SecretExposed("There is a password or token in this line.", why, do)


def subparsers_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return a parser's subcommands by name; empty when it has none."""
    for action in parser._actions:  # pyright: ignore[reportPrivateUsage]
        if isinstance(action, argparse._SubParsersAction):  # pyright: ignore[reportPrivateUsage]
            return dict(action.choices)  # pyright: ignore[reportUnknownArgumentType]
    return {}


def commands_of(parser: LineParser) -> Commands:
    """Make room for subcommands in a parser."""
    return parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=LineParser)


def add_command(commands: Commands, name: str, text: str, provider: str = PROVIDER) -> LineParser:
    """Add a subcommand with its help; one that takes no provider has an empty help for it."""
    parser = commands.add_parser(
        name, help=text, description=f"{text[:1].upper()}{text[1:]}.", add_help=False, allow_abbrev=False
    )
    if provider:
        parser.add_argument("provider", nargs="?", metavar="PROVIDER", help=provider)
    return parser


def add_login(commands: Commands, text: str) -> LineParser:
    """Add `login`."""
    login = add_command(commands, "login", text)
    login.add_argument("--method", choices=get_args(LoginMethod), help="how; the provider's first one unless given")
    login.add_argument(
        "--source", choices=get_args(Source), metavar="NAME", help=f"the only one to use: {', '.join(get_args(Source))}"
    )
    login.add_argument("--user", default="", metavar="NAME", help="user name, to fill the form in")
    add_choice(login)
    return login


def add_choice(parser: LineParser) -> None:
    """Add what chooses among an openEO back-end's providers and clients."""
    _add_provider_id(parser, "of an openEO back-end: which of its providers")
    parser.add_argument("--client-id", default="", metavar="ID", help="of an openEO back-end: a client of your own")


def _add_provider_id(parser: LineParser, text: str) -> None:
    parser.add_argument("--provider-id", default="", metavar="ID", help=text)


def add_status(commands: Commands) -> LineParser:
    """Add `status`."""
    return add_command(commands, "status", "say who is signed in, from which source, until when")


def add_logout(commands: Commands) -> LineParser:
    """Add `logout`."""
    logout = add_command(commands, "logout", "end the session at the provider, and wipe it here")
    _add_provider_id(logout, "of an openEO back-end: only at that one of its providers; at all unless given")
    return logout


def add_download(parser: LineParser, sources: str, provider: str) -> None:
    """Add what a download takes; `sources` and `provider` are the help of these two."""
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help=sources)
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
    parser.add_argument("--provider", metavar="PROVIDER", help=provider)


def download_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return what a download and its plan have in common, as `api` takes it."""
    return {
        "folder": options.dir,
        "name": None if options.output is None else str(options.output),
        "overwrite": options.overwrite,
        "assets": options.asset,
        "roles": options.roles,
        "local": options.local,
    }


def help_of(parser: LineParser) -> str:
    """Return the help of a parser and its subcommands, as the magic's docstring."""
    parts = [parser.format_help()]
    parts += [sub.format_help() for sub in subparsers_of(parser).values()]
    return "\n".join(parts)


def help_for(parser: LineParser, line: str) -> str:
    """Return the help that a line asks for: of the subcommand in it, else of all."""
    asked_for = [sub for name, sub in subparsers_of(parser).items() if name in line.split()]
    return asked_for[0].format_help() if asked_for else help_of(parser)
