"""Floor 1: frozen values without I/O. They are what the other floors hand to each other."""
