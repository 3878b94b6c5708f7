"""Functions that Numba compiles into their callers.

What XLA or Python calls is kept in Numba's cache, whole. A function with a copy of its own beside
that in its caller would run there or here, depending on whether the caller comes from the cache or
was just compiled; the two round differently, and the same seed would no longer give the same draws.
Where no flag of its own is wanted, Numba's own `inline="always"` does the same and also saves the
compilation of a copy that nobody calls.
"""

from functools import partial

from numba import njit

inlined = partial(njit, forceinline=True, error_model="numpy")
