"""A loopback Terrascope: identity provider, files and STAC, for the demonstration and the tests.

Nothing that ships imports it. It needs the extra ``[sandbox]``, whose libraries are imported with the first name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..bridges import extra_missing

if TYPE_CHECKING:
    from . import steps
    from .box import Sandbox

__all__ = ["Sandbox", "steps"]


def __getattr__(name: str) -> Any:
    if name != "Sandbox":
        raise AttributeError(f"module 'ipyterrascope.sandbox' has no attribute {name!r}")
    try:
        from .box import Sandbox
    except ModuleNotFoundError as exc:
        missing = extra_missing("sandbox", str(exc.name))
    else:
        return Sandbox
    raise missing
