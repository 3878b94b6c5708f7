"""Functions that Numba compiles into their callers.

What XLA or Python calls is kept in Numba's cache, whole. A function with a copy of its own beside
that in its caller would run there or here, depending on whether the caller comes from the cache or
was just compiled; the two round differently, and the same seed would no longer give the same draws.
Where no flag of its own is wanted, Numba's own `inline="always"` does the same and also saves the
compilation of a copy that nobody calls.
"""

import pickle
from collections.abc import Callable, Iterable
from functools import partial, update_wrapper
from typing import Any, TypeVar

from numba import njit

_Compiled = TypeVar("_Compiled")
# what Numba raises where it finds no folder to write to (RuntimeError), or a file there that was
# cut short or changed: all that reading a pickle may raise
_NO_CACHE = (
    RuntimeError,
    OSError,
    EOFError,
    pickle.UnpicklingError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ImportError,
    MemoryError,
)

# sums may be taken in any order, which vectors need; nothing else about them is assumed
SUMS = {"reassoc", "contract", "nsz"}
# no other order where two parts of a sum are far from each other in size
PLAIN = {"contract", "nsz"}

inlined = partial(njit, forceinline=True, error_model="numpy")


def with_cache(make: Callable[[bool], _Compiled]) -> _Compiled:
    """What `make` makes with Numba's cache, or without it where the cache cannot be used.

    Args:
        make: Compiles; gets whether to read and write the cache.
    """
    try:
        return make(True)
    except _NO_CACHE:
        return make(False)


class Kept:
    """A function that Numba compiles when it is first called, and keeps in its cache if it can.

    Args:
        function: Gets arrays, numbers and NumPy's generators.
        fastmath: What its arithmetic may be changed by: `SUMS`, `PLAIN`, or nothing.
    """

    def __init__(self, function: Callable[..., Any], fastmath: Iterable[str] = ()) -> None:
        update_wrapper(self, function)
        self._function, self._fastmath = function, set(fastmath)
        self._compiled: Callable[..., Any] | None = None

    def __call__(self, *arguments: Any) -> Any:
        """Call it."""
        if self._compiled is not None:
            return self._compiled(*arguments)

        def call(cache: bool) -> Any:
            options = {"nogil": True, "error_model": "numpy", "fastmath": self._fastmath}
            compiled = njit(cache=cache, **options)(self._function)
            found = compiled(*arguments)
            self._compiled = compiled
            return found

        return with_cache(call)
