"""ipyterrascope."""
