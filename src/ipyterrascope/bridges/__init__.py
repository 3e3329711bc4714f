"""Floor 5: other libraries over our session. Each is imported in its own module only, and only when it is used."""
