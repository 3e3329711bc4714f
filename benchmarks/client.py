"""client.py WAY CONNECTIONS LIST OUT: download the addresses in a file, in one of the ways of Python.

It says what it took of the clock and of the processor from the call on, as in a notebook, whose kernel runs already and
has imported what it needs.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

HEADERS = {"Authorization": f"Bearer {os.environ['BENCH_TOKEN']}"}


class Signed:
    """Is signed in."""

    def headers(self, url: str) -> Mapping[str, str]:
        return HEADERS

    headers_at_once = headers

    def refused(self, url: str, headers: Mapping[str, str]) -> bool:
        return False


def ours(connections: int, urls: list[str], out: Path) -> None:
    """What `ts.download` does, once it has found the account."""
    from ipyterrascope.transfer import CurlEngine, download

    download(urls, out, engine=CurlEngine(Signed(), max_connections=connections))


def naive(connections: int, urls: list[str], out: Path) -> None:
    """The loop that notebooks show: a request for each file, all of it in memory."""
    for url in urls:
        answer = requests.get(url, headers=HEADERS, timeout=60)
        answer.raise_for_status()
        (out / url.rpartition("/")[2]).write_bytes(answer.content)


def threads(connections: int, urls: list[str], out: Path) -> None:
    """A session for each thread and chunks of 1 MiB, as earthaccess does it (`Store._download_file`)."""
    of_thread = threading.local()

    def fetch(url: str) -> None:
        if not hasattr(of_thread, "session"):
            of_thread.session = requests.Session()
        with of_thread.session.get(url, headers=HEADERS, stream=True, timeout=60) as answer:
            answer.raise_for_status()
            with (out / url.rpartition("/")[2]).open("wb") as file:
                for chunk in answer.iter_content(1 << 20):
                    file.write(chunk)

    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(fetch, urls))


def main() -> None:
    way, connections, urls, out = sys.argv[1:]
    fetch = {"ours": ours, "naive": naive, "threads": threads}[way]
    if way == "ours":
        importlib.import_module("ipyterrascope.transfer")
    addresses = Path(urls).read_text().split()
    began, cpu_then = time.perf_counter(), time.process_time()
    fetch(int(connections), addresses, Path(out))
    print(json.dumps({"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu_then}))


if __name__ == "__main__":
    main()
