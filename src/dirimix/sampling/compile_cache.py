"""Compiled programs are kept between runs, in the processes that dirimix starts itself.

Compiling the likelihood takes longer than many a fit, and the same table, field and kernel give
the same program. JAX keeps it in the folder that JAX_COMPILATION_CACHE_DIR names, in the user's
cache where that is not set. A process that imports dirimix keeps the settings its user made.
"""

import os

_VARIABLE = "JAX_COMPILATION_CACHE_DIR"


def environment() -> dict[str, str]:
    """The environment variable that says where compiled programs are kept."""
    import pooch

    return {_VARIABLE: os.environ.get(_VARIABLE, str(pooch.os_cache("dirimix") / "compiled"))}
