"""Errors of our tree as their sentences: they stop "Run all", and a stack would say nothing more."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from ..errors import TerrascopeError

_Function = TypeVar("_Function", bound=Callable[..., Any])


def plainly(function: _Function) -> _Function:
    """Make what `function` raises of our tree show without a stack in IPython. Everything else keeps its stack."""

    @wraps(function)
    def shown(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TerrascopeError as exc:
            lines = [f"{type(exc).__name__}: {exc.what}", *(part for part in (exc.why, exc.do) if part)]
            cast("Any", exc)._render_traceback_ = lambda: lines
            raise
        except KeyboardInterrupt as exc:
            cast("Any", exc)._render_traceback_ = lambda: ["Stopped. Run the same line again to go on where it was."]
            raise

    return cast("_Function", shown)
