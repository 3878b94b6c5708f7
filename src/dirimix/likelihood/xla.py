"""Numba functions inside JAX programs, without a way through Python.

That way costs 0.2 ms a call, half of what the likelihood of 513 sites takes in the force; no
library offers a shorter one. XLA calls foreign functions by its C interface
(`xla/ffi/api/c_api.h` in jaxlib), version 0.1 or later. A handler gets the address of a call frame,
whose members are read here as 64-bit words.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
from numba import carray, cfunc, types  # pyright: ignore[reportPrivateImportUsage]
from numba.core.base import BaseContext
from numba.extending import intrinsic

from dirimix.compiled.inlining import inlined, with_cache
from dirimix.compiled.turns import one_at_a_time

_EXTENSION, _ARGUMENTS, _RESULTS = 1, 9, 14  # words of the frame
_DATA, _RANK, _DIMENSIONS = 3, 4, 5  # words of a buffer
_METADATA = 3  # word of the extension that asks for the version
_VERSION, _TRAITS = 3, 4  # words of its answer
_VERSION_0_1 = 1 << 32  # major version in the low half, minor in the high

_SIGNATURE = types.int64(types.CPointer(types.int64))


@cache
def register(function: Callable[[Any], int], name: str) -> str:
    """Make a handler known to XLA, once, and return its name for `jax.ffi.ffi_call`.

    Args:
        function: Of the call frame's address; returns 0.
        name: Name of the foreign function.
    """
    with one_at_a_time():
        compiled = with_cache(
            lambda keep: cfunc(_SIGNATURE, cache=keep, error_model="numpy")(function)
        )
    jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(compiled.ctypes), platform="cpu")
    return name


def _pointer(kind: types.Type) -> Any:
    @intrinsic
    def cast(typing_context, address):  # noqa: ARG001
        signature = types.CPointer(kind)(types.int64)

        def generate(context: BaseContext, builder, signature, arguments):
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return signature, generate

    return cast


_to_words, _to_numbers = _pointer(types.int64), _pointer(types.float64)
_to_single_numbers = _pointer(types.float32)


@inlined()
def _words(address, count):
    return carray(_to_words(address), count)


@inlined()
def asks_for_version(frame):
    """Whether a call only asks for the interface's version; the answer is then given."""
    extension = carray(frame, _EXTENSION + 1)[_EXTENSION]
    if extension == 0:
        return False
    answer = _words(_words(extension, _METADATA + 1)[_METADATA], _TRAITS + 1)
    answer[_VERSION], answer[_TRAITS] = _VERSION_0_1, 0
    return True


@inlined()
def argument(frame, place):
    """The numbers of an argument, flat, float64."""
    address, size = _buffer(frame, _ARGUMENTS, place)
    return carray(_to_numbers(address), size)


@inlined()
def single_argument(frame, place):
    """The numbers of an argument, flat, float32."""
    address, size = _buffer(frame, _ARGUMENTS, place)
    return carray(_to_single_numbers(address), size)


@inlined()
def result(frame, place):
    """Where the numbers of a result go, flat, float64."""
    address, size = _buffer(frame, _RESULTS, place)
    return carray(_to_numbers(address), size)


@inlined()
def _buffer(frame, row, place):
    """Where the numbers of an argument or a result lie, and how many there are."""
    buffers = _words(carray(frame, row + 1)[row], place + 1)
    found = _words(buffers[place], _DIMENSIONS + 1)
    size = 1
    for dimension in _words(found[_DIMENSIONS], found[_RANK]):
        size *= dimension
    return found[_DATA], size
