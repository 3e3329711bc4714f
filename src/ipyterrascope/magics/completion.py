"""Tab completion for the magics: subcommands, options and their choices, providers, `$variables` and folders."""

from __future__ import annotations

import argparse
import glob
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, cast

from IPython.core import completer

from ..configuration import Configuration, current
from ..errors import ConfigurationError
from ..options import subparsers_of, words_of
from ..values.known import KNOWN_BACKENDS
from ..values.openeo import PREFIX
from ..values.providers import Provider
from .options import download_parser, terrascope_parser

_IDENTIFIER = "ipyterrascope"
# `%terrascope …`, the same without a % (automagic), and `s = %terrascope …`
_LINE = re.compile(r"\s*(?:(?:[^%=]*=\s*)?%%?)?(terrascope|download)\s+(.*)", re.DOTALL)
# what would end the word, or stand for something else in it
_ODD = re.compile(r"""["'${}#]""")


def install(ipython: Any) -> None:
    """Let IPython's completer ask us."""
    uninstall(ipython)

    def matches(context: completer.CompletionContext) -> dict[str, object]:
        fragment, words = completions(context.text_until_cursor, _variables_of(ipython))
        found = [completer.SimpleCompletion(text=word, type="magic") for word in words]
        # Python's names are no help in such a line
        return {"completions": found, "matched_fragment": fragment, "suppress": bool(found), "ordered": True}

    ipython.Completer.custom_matchers.append(cast("Any", completer).context_matcher(identifier=_IDENTIFIER)(matches))


def uninstall(ipython: Any) -> None:
    """Take the completions away again."""
    ipython.Completer.custom_matchers[:] = [
        other
        for other in ipython.Completer.custom_matchers
        if getattr(other, "matcher_identifier", None) != _IDENTIFIER
    ]


def completions(line: str, variables: Mapping[str, object]) -> tuple[str, list[str]]:
    """Return the last, unfinished word of a line, and what it may become; nothing where IPython knows better.

    Parameters
    ----------
    line : str
        The line up to the cursor.
    variables : mapping
        What may follow a `$`.
    """
    match = _LINE.fullmatch(line)
    if match is None or any(match[2].count(quote) % 2 for quote in "\"'"):
        return "", []
    *words, fragment = re.split(r"[\s=]+", match[2])
    parser: argparse.ArgumentParser | None = terrascope_parser() if match[1] == "terrascope" else download_parser()
    if words and (subparsers := subparsers_of(parser)):
        parser, words = subparsers.get(words[0]), words[1:]
    return (fragment, _offered(parser, words, fragment, variables)) if parser else ("", [])


def _offered(
    parser: argparse.ArgumentParser, words: list[str], fragment: str, variables: Mapping[str, object]
) -> list[str]:
    actions = parser._actions  # pyright: ignore[reportPrivateUsage]
    due = [action for action in actions if words and words[-1] in action.option_strings and action.nargs != 0]
    expected = due or [action for action in actions if not action.option_strings]
    kind = expected[0].dest if expected else ""
    named = [f"${name}" for name, value in variables.items() if _FITS.get(kind, _never)(value)]
    if kind == "sources" and fragment.startswith("@"):
        return [f"@{path}" for path in _paths(fragment[1:])]
    if fragment.startswith("$") or (kind == "sources" and not fragment):
        found = named
    elif kind == "dir":
        return _paths(fragment, "*/")
    else:
        choices = [str(choice) for action in expected for choice in action.choices or ()]
        found = [*(_providers(fragment) if kind == "provider" else []), *choices]
        found += [] if due else [word for word in words_of(parser) if word not in (*words, *choices)]
    return [word for word in found if word.startswith(fragment)]


def _paths(fragment: str, pattern: str = "*") -> list[str]:
    """Return the files and folders that a path may become; only folders by the pattern ``*/``."""
    begun = os.path.expanduser(fragment)
    paths = [
        path if path.endswith(os.sep) or not os.path.isdir(path) else f"{path}{os.sep}"
        for path in glob.glob(f"{glob.escape(begun)}{pattern}")
    ]
    found = [fragment + path[len(begun) :].replace(os.sep, "/") for path in paths]
    return [f'"{path}"' if re.search(r"\s", path) else path for path in sorted(found) if not _ODD.search(path)]


def _providers(fragment: str) -> list[str]:
    """Return the names of providers; those of back-ends once `openeo:` is begun."""
    # no moment to complain of what cannot be right
    with suppress(ConfigurationError):
        return _backends(current()) if fragment.startswith(PREFIX) else [current().terrascope.name, PREFIX]
    return []


def _backends(configuration: Configuration) -> list[str]:
    from ..auth.openeo_settings import client_settings, configured_backends

    addresses = [configuration.openeo_backend, client_settings(os.environ).default_backend, *KNOWN_BACKENDS]
    with suppress(ConfigurationError):
        addresses += configured_backends(os.environ)
    hosts = dict.fromkeys(address.removeprefix("https://").rstrip("/") for address in addresses if address)
    return [f"{PREFIX}{host}" for host in hosts]


def _variables_of(ipython: Any) -> dict[str, object]:
    # as %who does it: nothing of IPython's own
    own = ipython.user_ns_hidden
    return {
        name: value
        for name, value in ipython.user_ns.items()
        if not (name.startswith("_") or (name in own and own[name] is value))
    }


def _is_source(value: object) -> bool:
    from ..transfer.sources import is_source

    # an object may answer to any name, and by any error; and there are too many paths that name no list of addresses
    with suppress(Exception):
        return is_source(value) and not isinstance(value, os.PathLike)
    return False


def _is_path(value: object) -> bool:
    return isinstance(value, (str, os.PathLike))


def _never(value: object) -> bool:
    return False


_FITS: Mapping[str, Callable[[object], bool]] = {
    "sources": _is_source,
    "dir": _is_path,
    "output": _is_path,
    "user": lambda value: isinstance(value, str),
    "provider": lambda value: isinstance(value, Provider),
}
"""Which variables may stand for an argument."""
