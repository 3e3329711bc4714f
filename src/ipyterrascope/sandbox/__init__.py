"""A loopback Terrascope: identity provider, files and STAC, for the demonstration and the tests.

Nothing that ships imports it. It needs the extra ``[sandbox]``, whose libraries are imported with the first name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import steps
    from .box import Sandbox

__all__ = ["Sandbox", "steps"]


def __getattr__(name: str) -> Any:
    if name != "Sandbox":
        raise AttributeError(f"module 'ipyterrascope.sandbox' has no attribute {name!r}")
    from .box import Sandbox

    return Sandbox
