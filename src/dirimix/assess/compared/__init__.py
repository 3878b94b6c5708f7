"""Comparisons of all methods with all, and of parts of the rows."""
