"""Floor 5: other libraries over our session. Each is imported in its own module only, and only when it is used."""

from __future__ import annotations

from ..errors import UsageError


class ExtraMissing(UsageError, ImportError):
    """A library that is used by a bridge is not installed. An `ImportError` too, as Python has it."""

    __str__ = UsageError.__str__


def extra_missing(extra: str, library: str) -> ExtraMissing:
    """Make the error that names the extra which brings a library."""
    return ExtraMissing(
        f"{library} is not installed.",
        f"It comes with the extra [{extra}].",
        f'Install it by pip install "ipyterrascope[{extra}]", then restart the kernel.',
    )


def library_missing(library: str) -> ExtraMissing:
    """Make the error for a library that no extra brings: who uses it has it already."""
    return ExtraMissing(
        f"{library} is not installed.",
        "No extra of ipyterrascope brings it.",
        f"Install it by pip install {library}, then restart the kernel.",
    )
