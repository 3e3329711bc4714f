"""Errors of our tree as their sentences: they stop "Run all", and a stack would say nothing more."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from ..errors import SourceInvalid, TerrascopeError
from ..wording import GOES_ON, STOPPED, sentences_of

_Function = TypeVar("_Function", bound=Callable[..., Any])

_NAME = re.compile(r"'([^\W\d]\w*)'")


def plainly(function: _Function) -> _Function:
    """Make what `function` raises of our tree show without a stack in IPython. Everything else keeps its stack."""

    @wraps(function)
    def shown(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TerrascopeError as exc:
            lines = sentences_of(exc)
            cast("Any", exc)._render_traceback_ = lambda: lines
            raise
        except KeyboardInterrupt as exc:
            if not hasattr(exc, "_render_traceback_"):
                cast("Any", exc)._render_traceback_ = lambda: [STOPPED]
            raise

    return cast("_Function", shown)


def resumable(magic: _Function) -> _Function:
    """Make an interrupt of a magic say that the same line goes on with what it had begun."""

    @wraps(magic)
    def stopped(*args: Any, **kwargs: Any) -> Any:
        try:
            return magic(*args, **kwargs)
        except KeyboardInterrupt as exc:
            cast("Any", exc)._render_traceback_ = lambda: [GOES_ON]
            raise

    return cast("_Function", stopped)


def pointing_at_variables(magic: _Function) -> _Function:
    """Make a magic that was given the bare name of a variable as a source say how a variable is written."""

    @wraps(magic)
    def pointed(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return magic(self, *args, **kwargs)
        except SourceInvalid as exc:
            failure = exc
        name = _NAME.search(failure.what)
        if name is not None and name[1] in self.shell.user_ns:
            failure = SourceInvalid(failure.what, "There is a variable of that name.", f"Write ${name[1]} for it.")
        raise failure

    return cast("_Function", pointed)
