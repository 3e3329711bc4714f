"""Floor 2: what is said to an identity provider, a module for each RFC noun; oauthlib forms and parses it."""
