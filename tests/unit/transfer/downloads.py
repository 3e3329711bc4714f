"""One file, one scripted server, one folder: what the tests of the engine hold in their hands."""

from __future__ import annotations

import random
from pathlib import Path

import requests
from faulty import Answer, FaultyServer
from waits import Waits

from ipyterrascope.transfer import Item, Report, download

DATA = random.Random(2).randbytes(1 << 20)
HALF = 600_000


class Downloads:
    """Downloads one file from a scripted server."""

    def __init__(self, server: FaultyServer, session: requests.Session, waits: Waits, folder: Path) -> None:
        self.server, self.session, self.waits, self.folder = server, session, waits, folder

    def get(self, *script: Answer, item: Item | None = None, overwrite: bool = False) -> Report:
        self.server.script += script
        source = item or self.server.url("/p/a.tif")
        return download(source, self.folder, session=self.session, engine=self.waits.engine(), overwrite=overwrite)

    def item(self, size_bytes: int | None = None, checksum: str | None = None, name: str = "a.tif") -> Item:
        return Item(self.server.url("/p/a.tif?signature=s3cret"), name, size_bytes, checksum=checksum)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.rglob("*"))

    def ranges(self) -> list[str | None]:
        return [asked.headers.get("Range") for asked in self.server.gets()]
