"""Compiled programs are kept between tests and between runs of them: one fit compiles once.

Those of tables of one shape are the same program: the data are no constants of it (docs/engine.md).
"""

import os
from pathlib import Path

import pytest

from browser import browser

_ROOT = Path(__file__).parents[1]
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_ROOT / ".pytest_cache" / "xla"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
# what tests compile by themselves is worth no more of it than what dirimix compiles
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=1")
os.environ.setdefault("JAX_USE_SIMPLIFIED_JAXPR_CONSTANTS", "1")


@pytest.fixture(scope="session")
def chromium():
    with browser() as found:
        yield found
