"""Compiled programs are kept between runs, in the processes that dirimix starts itself.

Compiling the likelihood takes longer than many a fit, and the same table, field and kernel give
the same program. JAX keeps it in the folder that JAX_COMPILATION_CACHE_DIR names, in the user's
cache where that is not set. A process that imports dirimix keeps the settings its user made.
"""

import os


def environment() -> dict[str, str]:
    """This process's environment, with a folder for compiled programs."""
    import pooch

    folder = pooch.os_cache("dirimix") / "compiled"
    return {"JAX_COMPILATION_CACHE_DIR": str(folder)} | os.environ
