"""The half of a download that changes nothing: sources → items → plan (floor 4)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from .contents import Contents
from .folder import folder_of
from .local import LocalFiles
from .plan import plan
from .preview import Plan
from .sources import Item, Selection, Source, is_single, items_from


def prepare(
    sources: Source,
    folder: str | os.PathLike[str] = ".",
    *,
    name: str | None = None,
    overwrite: bool = False,
    selection: Selection | None = None,
    local: LocalFiles | None = None,
) -> Plan:
    """Find out what a download would do. No server is asked but the catalogue, where `sources` is a search of it.

    Parameters
    ----------
    sources : see `items_from`
        What to fetch.
    folder : path
        Where to; ``~`` is your home.
    name : str, optional
        The file's name, for one file only.
    overwrite : bool
        Fetch also what is there already.
    selection : Selection, optional
        Which assets of STAC items to take.
    local : LocalFiles, optional
        What may be used of this machine; nothing unless given.

    Raises
    ------
    SourceInvalid, UsageError
        When something cannot be fetched.
    TargetInvalid
        When it cannot be told what is in the folder.
    """
    items = items_from(sources, name, selection)
    return plan_of(items, folder_of(folder), overwrite=overwrite, local=local, is_single=is_single(sources))


def plan_of(
    items: Sequence[Item],
    folder: Path,
    *,
    overwrite: bool = False,
    local: LocalFiles | None = None,
    is_single: bool = False,
) -> Plan:
    """Find out what a download of these items would do, as things are now. See `prepare`."""
    contents = Contents(folder)
    actions = plan(
        items,
        folder,
        contents.look,
        overwrite=overwrite,
        unfinished=contents.unfinished,
        here=local and local.here,
    )
    return Plan(actions, folder, _free_bytes(folder), is_single=is_single)


def _free_bytes(folder: Path) -> int | None:
    with suppress(OSError):
        there = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
        return shutil.disk_usage(there).free
    return None
