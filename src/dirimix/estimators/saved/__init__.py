"""Fitted methods as plain values and arrays, for files, and back: nothing is ever unpickled."""
