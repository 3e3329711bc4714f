"""Tab completion for the magics: subcommands, options, their choices, and providers' names."""

from __future__ import annotations

import argparse
import re
from typing import Any, cast

from IPython.core import completer

from ..configuration import current
from ..errors import ConfigurationError
from .options import download_parser, subparsers_of, terrascope_parser, words_of

# `%terrascope …`, the same without a % (automagic), and `s = %terrascope …`
_LINE = re.compile(r"\s*(?:(?:[^%=]*=\s*)?%%?)?(terrascope|download)\s+(.*)", re.DOTALL)


def install(ipython: Any) -> None:
    """Let IPython's completer ask us."""
    uninstall(ipython)
    ipython.Completer.custom_matchers.append(matcher)


def uninstall(ipython: Any) -> None:
    """Take the completions away again."""
    ipython.Completer.custom_matchers[:] = [
        other for other in ipython.Completer.custom_matchers if other is not matcher
    ]


def _matcher(context: completer.CompletionContext) -> dict[str, object]:
    fragment, words = completions(context.text_until_cursor)
    found = [completer.SimpleCompletion(text=word, type="magic") for word in words]
    # Python's names are no help in such a line
    return {"completions": found, "matched_fragment": fragment, "suppress": bool(found), "ordered": True}


matcher = cast("Any", completer).context_matcher(identifier="ipyterrascope")(_matcher)
"""What IPython's completer asks."""


def completions(line: str) -> tuple[str, list[str]]:
    """Return the last, unfinished word of a line, and what it may become."""
    match = _LINE.fullmatch(line)
    if match is None:
        return "", []
    *words, fragment = re.split(r"[\s=]+", match[2])
    offered = _for_terrascope(words) if match[1] == "terrascope" else _after(download_parser(), words)
    if not fragment and match[1] == "download" and (not words or words[-1] != "--provider"):
        return "", []  # a URL or a folder: names and files are the better offer
    return fragment, [word for word in offered if word.startswith(fragment)]


def _for_terrascope(words: list[str]) -> list[str]:
    parser = terrascope_parser()
    if not words:
        return words_of(parser)
    subparser = subparsers_of(parser).get(words[0])
    return _after(subparser, words[1:]) if subparser is not None else []


def _after(parser: argparse.ArgumentParser, words: list[str]) -> list[str]:
    actions = parser._actions  # pyright: ignore[reportPrivateUsage]
    for action in actions:
        if words and words[-1] in action.option_strings and action.nargs != 0:
            return _providers() if action.dest == "provider" else [str(choice) for choice in action.choices or ()]
    takes_provider = any(action.dest == "provider" and not action.option_strings for action in actions)
    options = [word for word in words_of(parser) if word not in words]
    return [*(_providers() if takes_provider else []), *options]


def _providers() -> list[str]:
    try:
        return [current().terrascope.name]
    except ConfigurationError:
        return []  # no moment to complain
