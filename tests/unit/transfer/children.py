"""A download in a process of its own, which can be killed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

CHILD = """
import resource, sys
from ipyterrascope.errors import TerrascopeError
from ipyterrascope.transfer import CurlEngine, download

class Nobody:
    def headers(self, url):
        return {}
    def refused(self, url, headers):
        return False

folder, connections, *urls = sys.argv[1:]
for url in urls:
    try:
        print(repr(download(url, folder, engine=CurlEngine(Nobody(), max_connections=int(connections)))), flush=True)
    except TerrascopeError as error:
        print(type(error).__name__, error, flush=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)
"""


def child(
    folder: Path, *urls: str, connections: int = 8, preexec: Callable[[], None] | None = None
) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, str(folder), str(connections), *urls]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=preexec)


def until_part_has(folder: Path, size_bytes: int, process: subprocess.Popen[str]) -> None:
    part = folder / "a.tif.part"
    while not (part.exists() and part.stat().st_size >= size_bytes):
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
