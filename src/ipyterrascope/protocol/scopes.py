"""What a login is asked to be good for, and less where that is not allowed (floor 2; RFC 6749 section 3.3)."""

from __future__ import annotations

from collections.abc import Callable

from .http import Answer
from .token_answers import error_of


def with_allowed_scope(ask: Callable[[str], Answer], scope: str) -> Answer:
    """Return the answer to `ask(scope)`; asked again without `offline_access` where that is not allowed."""
    answer = ask(scope)
    error = error_of(answer)
    less = allowed_scope(scope, error[0] if error else "")
    return answer if less == scope else ask(less)


def allowed_scope(scope: str, error: str) -> str:
    """Return `scope`, without `offline_access` where `error` may mean that this is not allowed."""
    if error not in ("not_allowed", "invalid_scope") or "offline_access" not in scope.split():
        return scope
    return without_offline_access(scope)


def without_offline_access(scope: str) -> str:
    """Return `scope` without the wish to stay signed in."""
    return " ".join(word for word in scope.split() if word != "offline_access")
