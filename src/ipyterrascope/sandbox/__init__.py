"""A loopback Terrascope: identity provider, files and STAC, for the demonstration and the tests.

Nothing that ships imports it. It needs the extra ``[sandbox]``.
"""

from . import steps
from .box import Sandbox

__all__ = ["Sandbox", "steps"]
