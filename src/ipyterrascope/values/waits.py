"""How long a server asks to wait (floor 1; RFC 9110 section 10.2.3)."""

from __future__ import annotations

import re
from datetime import timezone
from email.utils import parsedate_to_datetime


def retry_after_s(value: str, now: float) -> float | None:
    """Read the value of `Retry-After`, in seconds from now; None where it says nothing that can be read.

    Parameters
    ----------
    value : str
        Seconds, or an HTTP date (RFC 9110 section 5.6.7).
    now : float
        POSIX seconds.
    """
    value = value.strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, moment.timestamp() - now)
