"""The top floor: `%terrascope` and `%download` in IPython, their options, completions and traits.

Loading imports IPython's and traitlets' own modules only; whatever talks to a server is imported on first use.
"""

from __future__ import annotations

from typing import Any

from .sentences import plainly


@plainly
def load(ipython: Any) -> None:
    """Register magics, completions and configuration with an IPython shell."""
    from ..traits import Terrascope
    from .completion import install
    from .lines import TerrascopeMagics

    _drop_traits(ipython)
    do = "Correct ipython_config.py, then load the extension again."
    ipython.configurables.append(Terrascope.hold(ipython, do=do))
    ipython.register_magics(TerrascopeMagics)
    install(ipython)


def unload(ipython: Any) -> None:
    """Take magics, completions and configuration away again."""
    from .completion import uninstall

    uninstall(ipython)
    _drop_traits(ipython)
    for kind, name in (("line", "terrascope"), ("line", "download"), ("cell", "download")):
        ipython.magics_manager.magics[kind].pop(name, None)


def _drop_traits(ipython: Any) -> None:
    from ..traits import Terrascope

    ipython.configurables[:] = [other for other in ipython.configurables if not isinstance(other, Terrascope)]
    Terrascope.let_go()
