"""A study: read, checked, run, and brought together in a folder."""
