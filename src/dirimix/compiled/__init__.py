"""Functions that Numba compiles: into their callers, and with a cache that may be unusable."""
