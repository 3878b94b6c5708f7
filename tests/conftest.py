"""How programs are compiled in tests: quickly, and once for all runs of them.

Compiling is most of what a short fit takes. What XLA leaves out here pays in long runs only, and
changes results by their rounding; `make verify` compiles as users do.
"""

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_QUICK = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"


def _known(flags: str) -> bool:
    """Whether this release of XLA knows the flags; it ends a process that has others."""
    code = "from jaxlib import xla_client; xla_client.CompileOptions()"
    environment = {**os.environ, "XLA_FLAGS": flags}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    return done.returncode == 0


os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_ROOT / ".pytest_cache" / "xla"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
if "XLA_FLAGS" not in os.environ and _known(_QUICK):
    os.environ["XLA_FLAGS"] = _QUICK
