"""Work beside the caller: threads, and what interrupts and forks do to them (below floor 1)."""
