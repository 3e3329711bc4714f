"""What the Hub's half of this package tells the notebooks' half (floor 1)."""

from __future__ import annotations

SESSION_ENDED = "session_ended"
"""The key under which a stored login says that the provider has ended its session."""
