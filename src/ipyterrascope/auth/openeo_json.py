"""The private JSON files of openEO's client: read strictly, replaced as a whole, one process at a time (floor 3)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, cast

from ..errors import ConfigurationError
from ..values.secret import Secret
from .private_files import MissingFileError, UnfitFileError, read_private, reason_of, write_private

Tree = dict[str, Any]

_LOCK_WAIT_S = 10.0


@contextlib.contextmanager
def turn(path: Path) -> Generator[None, None, None]:
    """Be the only one of ours who changes a file; openEO's client asks nobody.

    Raises
    ------
    ConfigurationError
        Another process has not ended in time, or there is no lock to be had.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_suffix(".lock"), mode=0o600)
    try:
        lock.acquire(timeout=_LOCK_WAIT_S)
    except (OSError, Timeout):
        is_free = False
    else:
        is_free = True
    if not is_free:
        raise _unusable(path, "Another process has it, or its folder cannot be written.")
    try:
        yield
    finally:
        lock.release()


def change_file(path: Path, change: Callable[[Tree], object], *, has_turn: bool = False) -> None:
    """Let `change` alter what a file holds; readers find the old or the new one, whole.

    `has_turn` says that the caller has its `turn` already. Raises `ConfigurationError` where it cannot be used.
    """
    with contextlib.nullcontext() if has_turn else turn(path):
        tree = read_file(path)
        change(tree)
        text = Secret(json.dumps(tree, indent=2))
        try:
            write_private(path, text)
        except OSError as exc:
            reason = reason_of(exc)
        else:
            return
    raise _unusable(path, f"It cannot be written ({reason}).")


def read_file(path: Path) -> Tree:
    """Return what a file holds; nothing where it is missing.

    Raises
    ------
    ConfigurationError
        It is damaged, another user's, or open to others. The text repeats nothing of it.
    """
    try:
        tree = json.loads(read_private(path).text)
    except MissingFileError:
        return {}
    except UnfitFileError as exc:
        reason = str(exc)
    except (ValueError, RecursionError):
        reason = "It is damaged."
    else:
        if isinstance(tree, dict):
            return cast("Tree", tree)
        reason = "It is damaged."
    raise _unusable(path, reason)


def _unusable(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(f"openEO's file {path} cannot be used.", reason, "Look after it, then try again.")


def look(tree: Tree, *names: str) -> Tree:
    """Return the branch of that path; an empty one where there is none."""
    for name in names:
        branch: object = tree.get(name)
        tree = cast("Tree", branch) if isinstance(branch, dict) else {}
    return tree


def branch_of(tree: Tree, *names: str) -> Tree:
    """Return the branch of that path, made where it is missing."""
    for name in names:
        branch: object = tree.get(name)
        if not isinstance(branch, dict):
            branch = tree[name] = {}
        tree = cast("Tree", branch)
    return tree
