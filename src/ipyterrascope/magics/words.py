"""How a magic's line becomes words: quotes as in a shell, `$name` and `{expression}` as the objects they stand for."""

from __future__ import annotations

import difflib
import re
from typing import Any

from ..errors import UsageError, quoted

_VARIABLE = re.compile(r"\{[^{}]+\}|\$[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
# what stands between white space, in quotes, or plain; and a quote that nothing closes
_PIECE = re.compile(r"""[ \t\r\n]+|[^ \t\r\n"']+|"[^"]*"|'[^']*'|["']""")
_COMMENT = re.compile(r""""[^"]*"|'[^']*'|(?<!\S)#.*""", re.DOTALL)
_PLACEHOLDER = re.compile("\ue000(\\d+)\ue001")
_INDEXED = re.compile("\ue000\\d+\ue001\\[")


class _Nothing(str):
    """A variable or an expression as it is written, where it stands for nothing; `why` not, and what to `do`."""

    why, do = "", "Check it."


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
    names: dict[str, object] = {**ipython.user_global_ns, **ipython.user_ns}

    def stash(match: re.Match[str]) -> str:
        values.append(_value(match[0], names))
        return f"\ue000{len(values) - 1}\ue001"

    code = _COMMENT.sub(lambda match: "" if match[0].startswith("#") else match[0], line)
    return [_filled(word, values) for word in _split(_VARIABLE.sub(stash, code))]


def _split(line: str) -> list[str]:
    """Split by white space, and take quotes away as a shell does; a backslash is a character as any other.

    Not by `shlex`, whose time grows with the square of a word's length.
    """
    words: list[str] = []
    parts: list[str] = []
    for piece in (match[0] for match in _PIECE.finditer(f"{line} ")):
        if piece in ("'", '"'):
            raise UsageError("This line cannot be read.", "A quote is not closed.", "Close it.")
        if piece[0] not in " \t\r\n":
            parts.append(piece[1:-1] if piece[0] in "\"'" else piece)
        elif parts:
            words.append("".join(parts))
            parts.clear()
    return words


def _value(text: str, names: dict[str, object]) -> object:
    expression = text[1:-1] if text.startswith("{") else text[1:]
    do = _Nothing.do
    try:
        return eval(expression, names)  # noqa: S307 - it is the user's own cell, as in any magic
    except NameError as exc:
        why = "There is no such variable."
        near = difflib.get_close_matches(exc.name or "", names, n=1, cutoff=0.7)
        do = (
            f"Did you mean {'$' * text.startswith('$')}{near[0]}?"
            if near
            else "Run the cell that makes it, or check its name."
        )
    except Exception as exc:  # noqa: BLE001 - then it stands for nothing, and stays as it is written
        why = f"Python says {type(exc).__name__}."
    nothing = _Nothing(text)
    nothing.why, nothing.do = why, do
    return nothing


def _filled(word: str, values: list[object]) -> object:
    whole = _PLACEHOLDER.fullmatch(word)
    if whole is not None:
        value = values[int(whole[1])]
        if isinstance(value, _Nothing):
            raise UsageError(f"{quoted(value, 60)} stands for nothing.", value.why, value.do)
        return value
    if _INDEXED.match(word):
        raise UsageError("An index after $name is not read.", "`$name` is one variable.", "Write {name[0]} instead.")
    return _PLACEHOLDER.sub(lambda match: str(values[int(match[1])]), word)
