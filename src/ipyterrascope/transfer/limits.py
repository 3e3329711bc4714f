"""How much a download may take: connections, and bytes a second, as a person writes them (floor 4)."""

from __future__ import annotations

import math
import re

from ..errors import UsageError

MOST_CONNECTIONS = 64
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)([kmg]?)", re.IGNORECASE | re.ASCII)
_FACTORS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def connections_of(value: object) -> int:
    """Read how many connections there may be at once: a whole number from 1 to 64, or its text.

    Raises
    ------
    UsageError
        It is something else.
    """
    text = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    if re.fullmatch(r"[0-9]{1,2}", text, re.ASCII) and 1 <= int(text) <= MOST_CONNECTIONS:
        return int(text)
    raise UsageError(
        "That many connections there cannot be.",
        f"It is a whole number from 1 to {MOST_CONNECTIONS}.",
        "Write --max-connections 8, or max_connections=8.",
    )


def rate_of(value: object) -> float:
    """Read a limit of the speed, in bytes a second: a number, or a text as curl has it (``500k``, ``10M``, ``1G``).

    Raises
    ------
    UsageError
        It is something else.
    """
    rate = 0.0
    if isinstance(value, str) and (match := _RATE.fullmatch(value.strip())):
        rate = float(match[1]) * _FACTORS[match[2].lower()]
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        rate = float(value)
    if 1.0 <= rate < math.inf:
        return rate
    raise UsageError(
        "That limit of the speed cannot be read.",
        "It is a number of bytes a second, with k, M or G behind it for 1024 of them, 1024² or 1024³.",
        "Write --limit-rate 10M, or limit_rate=10e6.",
    )
