"""The top floor: `%terrascope` and `%download` in IPython, their options, completions and traits.

Loading imports IPython's and traitlets' own modules only; whatever talks to a server is imported on first use.
"""

from __future__ import annotations

from typing import Any

from .sentences import plainly


@plainly
def load(ipython: Any) -> None:
    """Register magics, completions and configuration with an IPython shell."""
    from .completion import install
    from .lines import TerrascopeMagics
    from .traits import Terrascope

    Terrascope.attach(ipython)
    ipython.register_magics(TerrascopeMagics)
    install(ipython)


def unload(ipython: Any) -> None:
    """Take magics, completions and configuration away again."""
    from .completion import uninstall
    from .traits import Terrascope

    uninstall(ipython)
    Terrascope.detach(ipython)
    for kind, name in (("line", "terrascope"), ("line", "download"), ("cell", "download")):
        ipython.magics_manager.magics[kind].pop(name, None)
