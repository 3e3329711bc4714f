"""How a magic's line becomes words: quotes as in a shell, `$name` and `{expression}` as the objects they stand for."""

from __future__ import annotations

import re
import shlex
from typing import Any

from ..errors import UsageError, quoted

_VARIABLE = re.compile(r"\{[^{}]+\}|\$[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_COMMENT = re.compile(r""""[^"]*"|'[^']*'|(?<!\S)#.*""", re.DOTALL)
_PLACEHOLDER = re.compile("\ue000(\\d+)\ue001")


class _Nothing(str):
    """A variable as it is written, where it names nothing."""


def words_of_line(line: str, ipython: Any) -> list[object]:
    """Split a line into words; a comment at its end is none.

    A word that is one variable becomes the object itself (a list, say); a variable inside a word becomes its text, or
    stays as it is written where it names none.

    Raises
    ------
    UsageError
        A quote is not closed, or a word is a variable that there is not.
    """
    values: list[object] = []

    def stash(match: re.Match[str]) -> str:
        found, value = _value(match[0], ipython)
        values.append(value if found else _Nothing(match[0]))
        return f"\ue000{len(values) - 1}\ue001"

    code = _COMMENT.sub(lambda match: "" if match[0].startswith("#") else match[0], line)
    prepared = _VARIABLE.sub(stash, code)
    try:
        # posix=False on Windows would keep the quotes: escape its backslashes instead
        words = shlex.split(prepared.replace("\\", "\\\\"), comments=False)
    except ValueError:
        words = None
    if words is None:
        raise UsageError("This line cannot be read.", "A quote is not closed.", "Close it.")
    return [_filled(word, values) for word in words]


def _value(text: str, ipython: Any) -> tuple[bool, object]:
    names: dict[str, object] = {**ipython.user_global_ns, **ipython.user_ns}
    expression = text[1:-1] if text.startswith("{") else text[1:]
    try:
        return True, eval(expression, names)  # noqa: S307 - it is the user's own cell, as in any magic
    except Exception:  # noqa: BLE001 - then it names nothing, and stays as it is written
        return False, None


def _filled(word: str, values: list[object]) -> object:
    whole = _PLACEHOLDER.fullmatch(word)
    if whole is not None:
        value = values[int(whole[1])]
        if isinstance(value, _Nothing):
            raise UsageError(
                f"{quoted(value, 60)} stands for nothing.", "There is no such variable.", "Check its name."
            )
        return value
    return _PLACEHOLDER.sub(lambda match: str(values[int(match[1])]), word)
