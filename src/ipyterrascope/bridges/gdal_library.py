"""The libgdal that a Python package brought into this process, and the calls of it that scope an option (floor 5).

rasterio, osgeo, pyogrio and fiona each have a libgdal of their own when they come as wheels, and share one when they
come from conda or a distribution. None but osgeo offers path-specific options in Python, so they are called by `ctypes`
in the very library that is in use: through a module that is linked against it.
"""

from __future__ import annotations

import ctypes
import glob
import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any, Protocol

LINKED = {
    "rasterio._env": "rasterio",
    "osgeo._gdal": "gdal",
    "osgeo._ogr": "gdal",
    "pyogrio._io": "pyogrio",
    "fiona.ogrext": "fiona",
}
"""Modules that are linked against a libgdal, and the distributions that they belong to."""


_OLDEST = 3_070_000


class Library(Protocol):
    """One libgdal. Safe from any thread."""

    @property
    def name(self) -> str:
        """What people call it, for example ``rasterio 1.4.4 (GDAL 3.10.3)``."""
        ...

    @property
    def is_recent(self) -> bool:
        """True from GDAL 3.7 on: before, path-specific options did not hold for headers."""
        ...

    @property
    def key(self) -> object:
        """The same for two packages that share it."""
        ...

    def get(self, prefix: str, option: str) -> str | None:
        """Return the path-specific option that holds for `prefix`."""
        ...

    def set(self, prefix: str, option: str, value: str | None) -> None:
        """Let an option hold for all paths that begin with `prefix`; None takes it away."""
        ...

    def get_global(self, option: str) -> str | None:
        """Return a configuration option that holds everywhere."""
        ...

    def set_global(self, option: str, value: str | None) -> None:
        """Let a configuration option hold everywhere; None takes it away."""
        ...

    def forget(self, prefix: str) -> None:
        """Drop what is cached of files whose path begins with `prefix`, also that they are not there."""
        ...


class LinkedLibrary:
    """A libgdal that is reached through what is linked against it.

    Parameters
    ----------
    path : str
        The module's file, or the library's own.
    distribution : str

    Raises
    ------
    AttributeError, OSError
        The calls are not found there: Windows and macOS do not look into what a module was linked against in each case.
    """

    def __init__(self, path: str, distribution: str) -> None:
        library = ctypes.CDLL(path)
        self._set, self._get = library.VSISetPathSpecificOption, library.VSIGetPathSpecificOption
        self._set_global, self._get_global = library.CPLSetConfigOption, library.CPLGetConfigOption
        self._forget, about = library.VSICurlPartialClearCache, library.GDALVersionInfo
        self._get.restype = self._get_global.restype = about.restype = ctypes.c_char_p
        self._set.restype = self._set_global.restype = self._forget.restype = None
        self.name = _named(distribution, about(b"RELEASE_NAME").decode())
        self.is_recent = int(about(b"VERSION_NUM")) >= _OLDEST
        self.key: object = ctypes.cast(self._set, ctypes.c_void_p).value

    def get(self, prefix: str, option: str) -> str | None:
        return _text(self._get(prefix.encode(), option.encode(), None))

    def set(self, prefix: str, option: str, value: str | None) -> None:
        self._set(prefix.encode(), option.encode(), _bytes(value))

    def get_global(self, option: str) -> str | None:
        return _text(self._get_global(option.encode(), None))

    def set_global(self, option: str, value: str | None) -> None:
        self._set_global(option.encode(), _bytes(value))

    def forget(self, prefix: str) -> None:
        self._forget(prefix.encode())


class OsgeoLibrary:
    """The libgdal of the `osgeo` package, by its own functions."""

    key: object = "osgeo"

    def __init__(self, gdal: Any) -> None:
        self._gdal = gdal
        self.name = _named("gdal", gdal.VersionInfo("RELEASE_NAME"))
        self.is_recent = int(gdal.VersionInfo("VERSION_NUM")) >= _OLDEST

    def get(self, prefix: str, option: str) -> str | None:
        return self._gdal.GetPathSpecificOption(prefix, option)

    def set(self, prefix: str, option: str, value: str | None) -> None:
        self._gdal.SetPathSpecificOption(prefix, option, value)

    def get_global(self, option: str) -> str | None:
        return self._gdal.GetConfigOption(option)

    def set_global(self, option: str, value: str | None) -> None:
        self._gdal.SetConfigOption(option, value)

    def forget(self, prefix: str) -> None:
        self._gdal.VSICurlPartialClearCache(prefix)


def _text(found: bytes | None) -> str | None:
    return None if found is None else found.decode(errors="surrogateescape")


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else value.encode(errors="surrogateescape")


def _named(distribution: str, gdal_version: str) -> str:
    if distribution == "gdal":
        return f"osgeo (GDAL {gdal_version})"
    try:
        return f"{distribution} {version(distribution)} (GDAL {gdal_version})"
    except PackageNotFoundError:
        return f"{distribution} (GDAL {gdal_version})"


def library_of(module: ModuleType) -> Library | None:
    """Return the libgdal that a module of `LINKED` uses, or None where its calls are not found."""
    file, distribution = str(module.__file__), LINKED[module.__name__]
    # a wheel for Windows keeps it in a folder beside the package
    beside = os.path.join(os.path.dirname(os.path.dirname(file)), f"{distribution}.libs", "*gdal*")
    for path in (file, *sorted(glob.glob(beside))):
        with suppress(AttributeError, OSError):
            return LinkedLibrary(path, distribution)
    gdal = sys.modules.get("osgeo.gdal") if distribution == "gdal" else None
    return OsgeoLibrary(gdal) if hasattr(gdal, "SetPathSpecificOption") else None


def loaded() -> list[ModuleType]:
    """Return the modules of `LINKED` that are imported already."""
    return [module for name in LINKED if (module := sys.modules.get(name)) is not None]


class ImportWatch(importlib.abc.MetaPathFinder):
    """Tells of each module that is imported from now on and is one of `LINKED`, before anybody can use it.

    Parameters
    ----------
    told : callable
        Called with the module, in the importing thread.
    """

    def __init__(self, told: Callable[[ModuleType], None]) -> None:
        self._told = told

    def start(self) -> None:
        """Watch from now on."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def stop(self) -> None:
        """Watch no more."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> importlib.machinery.ModuleSpec | None:
        """Let the others find the module, and add to what its loader does."""
        if fullname not in LINKED:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec is not None and spec.loader is not None:
                # the loader is this module's own
                spec.loader.exec_module = partial(self._load, spec.loader.exec_module)
                return spec
        return None

    def _load(self, load: Callable[[ModuleType], None], module: ModuleType) -> None:
        load(module)
        self._told(module)
