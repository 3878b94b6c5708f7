"""Which column of a table is what, and what speaks against the guess."""
