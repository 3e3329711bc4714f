"""One file, one scripted server, one folder: what the tests of the engine hold in their hands."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from faulty import Answer, FaultyServer
from waits import Waits

from ipyterrascope.errors import TerrascopeError
from ipyterrascope.transfer import Action, CurlEngine, Item, Report, download, items_from, plan
from ipyterrascope.transfer.contents import Contents
from ipyterrascope.values.authorizer import Authorizer

DATA = random.Random(2).randbytes(3 << 19)
HALF = 600_000


class Nobody:
    """Is signed in nowhere."""

    def headers(self, url: str) -> Mapping[str, str]:
        return {}

    def refused(self, url: str, headers: Mapping[str, str]) -> bool:
        return False


def planned(folder: Path, *urls: str) -> list[Action]:
    """Return what an engine is given to fetch addresses to a folder."""
    return plan(items_from(urls), folder, Contents(folder).look)


class NoProgress:
    """Is told how it goes, and keeps it to itself."""

    def item_started(self, item: Item, there_bytes: int = 0) -> None: ...
    def advanced(self, item: Item, done_bytes: int, size_bytes: int | None) -> None: ...
    def waiting(self, item: Item, wait_s: float | None, error: TerrascopeError) -> None: ...


class Downloads:
    """Downloads one file from a scripted server."""

    def __init__(self, server: FaultyServer, authorizer: Authorizer, waits: Waits, folder: Path) -> None:
        self.server, self.authorizer, self.waits, self.folder = server, authorizer, waits, folder
        self.options: dict[str, Any] = {}

    def engine(self, **options: Any) -> CurlEngine:
        return self.waits.engine(self.authorizer, **self.options | options)

    def get(self, *script: Answer, item: Item | None = None, overwrite: bool = False) -> Report:
        self.server.script += script
        source = item or self.server.url("/p/a.tif")
        return download(source, self.folder, engine=self.engine(), overwrite=overwrite)

    def item(self, size_bytes: int | None = None, checksum: str | None = None, name: str = "a.tif") -> Item:
        return Item(self.server.url("/p/a.tif?signature=s3cret"), name, size_bytes, checksum=checksum)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.rglob("*"))

    def ranges(self) -> list[str | None]:
        return [asked.headers.get("Range") for asked in self.server.gets()]
