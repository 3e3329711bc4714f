"""The other end of a widget's line: the JSDoc types of its messages, and a real view in Node that sends some."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[3]
_OPTIONS = ["--noEmit", "--allowJs", "--strict", "--module", "esnext", "--moduleResolution", "bundler", "--types"]


class Jsdoc:
    """The types that a module of the front-end defines.

    Attributes
    ----------
    text : str
        The module.
    """

    def __init__(self, module: str) -> None:
        self._path = _ROOT / "js" / module
        self.text = self._path.read_text()

    def names(self, typedef: str) -> set[str]:
        """Return the strings of a union type."""
        found = re.search(rf"@typedef \{{([^}}]*)\}} {typedef}\b", self.text)
        assert found is not None
        return set(re.findall(r'"(\w+)"', found[1]))

    def properties(self, typedef: str) -> set[str]:
        """Return the property names of an object type."""
        found = re.search(rf"@typedef \{{object\}} {typedef}\b(.*?)\*/", self.text, re.DOTALL)
        assert found is not None
        return set(re.findall(r"@property \{.*?\} \[?(\w+)", found[1]))

    def faults(self, folder: Path, source: str) -> str:
        """Return what the TypeScript compiler has to say of a module that imports the types as `wire`."""
        module = folder / "values.ts"
        module.write_text(f"import type * as wire from {str(self._path)!r};\n{source}")
        command = [_ROOT / "node_modules" / ".bin" / "tsc", *_OPTIONS, "", module]
        return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False, timeout=120).stdout


def sent_by(script: str) -> list[Any]:
    """Return what the view in a script of `tests/js` sends."""
    command = ["node", _ROOT / "tests" / "js" / script]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=_ROOT, check=True, timeout=120)
    return json.loads(ran.stdout)
