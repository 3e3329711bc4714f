"""`import-openeo` and `export-openeo`: logins from and for openEO's own client, and who owns them then (floor 6)."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from .answers import Answer

if TYPE_CHECKING:
    from .application import TerrascopeApp


def import_openeo(app: TerrascopeApp, options: Namespace) -> Answer:
    """Move a login of openEO's client here."""
    from ..bridges.openeo_files import import_openeo

    text = import_openeo(options.backend, provider_id=options.provider_id, client_id=options.client_id)
    return Answer(text=text, fields={"backend": options.backend, "done": text, "owner": "ipyterrascope"})


def export_openeo(app: TerrascopeApp, options: Namespace) -> Answer:
    """Sign in anew for openEO's client."""
    from ..bridges.openeo_files import export_openeo

    text = export_openeo(options.backend, provider_id=options.provider_id, client_id=options.client_id)
    return Answer(text=text, fields={"backend": options.backend, "done": text, "owner": "openeo"})
