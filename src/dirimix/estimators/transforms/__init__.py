"""Tables in the scale of a transform: which one, and what it makes of a table."""
