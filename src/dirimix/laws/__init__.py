"""Probability laws and what is said of them, on plain arrays."""
