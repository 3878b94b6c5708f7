"""Programs are compiled quickly, and kept between tests and between runs of them."""

import os
from pathlib import Path

_ROOT = Path(__file__).parents[1]
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_ROOT / ".pytest_cache" / "xla"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
# most of the time of a fit to a small table is compilation, which takes half as long without effort
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
