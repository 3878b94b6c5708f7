"""Compiled programs are kept between runs, in the processes that dirimix starts itself.

Compiling the likelihood takes longer than many a fit, and the same table, field and kernel give
the same program. JAX keeps it in the folder that JAX_COMPILATION_CACHE_DIR names, in the user's
cache where that is not set. A process that imports dirimix keeps the settings its user made.
"""

import os
from pathlib import Path

_VARIABLE = "JAX_COMPILATION_CACHE_DIR"
_LEAST, _SECONDS = "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1"  # JAX's own least is 1


def environment() -> dict[str, str]:
    """The environment variables that say where compiled programs are kept, if there is a place.

    Without a folder of the user's own that can be written to, every process compiles for itself.
    """
    least = {_LEAST: os.environ.get(_LEAST, _SECONDS)}
    if _VARIABLE in os.environ:
        return {_VARIABLE: os.environ[_VARIABLE]} | least
    import pooch

    folder = Path(pooch.os_cache("dirimix")) / "compiled"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        own = not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
    except OSError:
        return {}
    # what lies there is run: a folder that others own is none of ours
    return {_VARIABLE: str(folder)} | least if own and os.access(folder, os.W_OK) else {}
