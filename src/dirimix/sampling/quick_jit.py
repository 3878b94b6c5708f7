"""Compile quickly what runs for seconds.

XLA's newest code generator for processors takes two to three times as long to compile as the one
before it, and what it makes is no faster where the likelihood is compiled by Numba, or where the
arrays are those of a handful of latents; nor is what LLVM makes at its third level of optimisation
faster than at its first (docs/engine.md).
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax

# one thread a chain: the arrays are too small for XLA's own threads to pay
_ONE_THREAD = {"xla_cpu_multi_thread_eigen": False}
_QUICK = {
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_parallel_codegen_split_count": 1,
    "xla_backend_optimization_level": 1,
}


def quick_jit(
    function: Callable[..., Any], *, fused: bool = False, **options: Any
) -> Callable[..., Any]:
    """`jax.jit` that spends little time on compiling.

    Args:
        function: What is compiled.
        fused: Whether to take that time all the same, for loops over large arrays of XLA's own.
        options: Those of `jax.jit`.
    """
    chosen = _ONE_THREAD if fused else _ONE_THREAD | _known()
    return jax.jit(function, compiler_options=chosen, **options)


@cache
def _known() -> dict[str, Any]:
    """The options that this XLA has: none is promised to stay."""
    return {name: value for name, value in _QUICK.items() if _compiles({name: value})}


def _compiles(options: dict[str, Any]) -> bool:
    try:
        jax.jit(lambda x: x, compiler_options=options)(0.0)
    except jax.errors.JaxRuntimeError:
        return False
    return True
