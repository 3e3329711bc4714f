"""Floor 3: who is signed in where. Accounts, the vault of live tokens, and the sources a credential comes from."""
