"""The way to a libgdal whose calls cannot be found: it reads a configuration file as it begins (floor 5).

That is at the first use after the import, and only once, so it has to be there in time, and what it says cannot be
taken back: it names the file of headers, and no header. Seen to work with rasterio.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

_VARIABLE, _MARK = "GDAL_CONFIG_FILE", "IPYTERRASCOPE"


def configured(
    module: ModuleType, prefixes: Sequence[str], options: Mapping[str, str], everywhere: Mapping[str, str]
) -> bool:
    """Let the libgdal behind a module begin now, with path-specific options; return whether it had not before.

    Parameters
    ----------
    module : module
        Linked against it; that of rasterio can make it begin.
    prefixes : sequence of str
    options : mapping
        For paths that begin with a prefix.
    everywhere : mapping
        For all paths.
    """
    linked: Any = module
    if not hasattr(linked, "driver_count") or not hasattr(linked, "get_gdal_config"):
        return False
    before = os.environ.get(_VARIABLE)
    descriptor, name = tempfile.mkstemp(prefix="ipyterrascope-", suffix=".gdalrc")
    os.close(descriptor)
    try:
        Path(name).write_text(f"{_own_text(before)}\n{_text(prefixes, options, everywhere)}")
        os.environ[_VARIABLE] = name
        linked.driver_count()
        return linked.get_gdal_config(_MARK) is not None
    finally:
        # the environment is every child's too
        if before is None:
            os.environ.pop(_VARIABLE, None)
        else:
            os.environ[_VARIABLE] = before
        os.unlink(name)


def _own_text(named: str | None) -> str:
    """Return what the user's own file says, which libgdal does not read where it is shown another."""
    try:
        return (Path(named) if named else Path.home() / ".gdal" / "gdalrc").read_text()
    except (OSError, UnicodeDecodeError, RuntimeError):
        return ""


def _text(prefixes: Sequence[str], options: Mapping[str, str], everywhere: Mapping[str, str]) -> str:
    lines = ["[configoptions]", f"{_MARK}=YES", *_lines(everywhere), "[credentials]"]
    for number, prefix in enumerate(prefixes):
        lines += [f"[.ipyterrascope{number}]", f"path={prefix}", *_lines(options)]
    return "\n".join([*lines, ""])


def _lines(options: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in options.items()]
