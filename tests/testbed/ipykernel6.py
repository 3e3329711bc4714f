"""The last ipykernel without subshells, beside the one that is installed: what it costs is a folder on its path."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

_WANTED = "ipykernel<7"


def ipykernel6() -> dict[str, str]:
    """Return the environment of a kernel that runs ipykernel 6; it is fetched once, by pip, to the user's cache."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ipyterrascope" / "ipykernel-6"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as part:
            # what it depends on is there already, for ipykernel 7
            command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", part, _WANTED]
            subprocess.run(command, check=True)
            # whole or absent, also when another run does the same
            with contextlib.suppress(OSError):
                Path(part).replace(folder)
            Path(part).mkdir(exist_ok=True)
    return {"PYTHONPATH": str(folder)}
