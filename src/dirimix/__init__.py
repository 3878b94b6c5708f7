"""dirimix: local Bayesian Dirichlet mixing of imperfect models.

Names are loaded on first use, so that importing the package costs nothing.
"""

import importlib
import os
from typing import Any

from dirimix._version import __version__
from dirimix.methods import METHODS

# below this level XLA writes alarms of its own, as where a busy machine takes minutes to compile;
# what fails comes as an exception all the same
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_METHODS = (method.estimator.rpartition(".") for method in METHODS.values())
_HOME = {name: module for module, _, name in _METHODS} | {"GPCorrection": ".correction"}
_FUNCTIONS = {"pivot_long": "table.long", "plot": "report.fitted_plot"}
_MODULES = ("datasets", "scores")

# METHODS alone makes an estimator public, so that a new one is one line there
__all__ = ["__version__", "test", *_HOME, *_FUNCTIONS, *_MODULES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name], "dirimix.estimators"), name)
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(f"dirimix.{_FUNCTIONS[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"dirimix.{name}")
    raise AttributeError(f"module 'dirimix' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def test(*arguments: str) -> int:
    """Check the installation in some ten seconds; the exit code is 0 where all is well.

    Args:
        arguments: Given any, pytest runs all examples of the package with them, for minutes.
    """
    if not arguments:
        from dirimix._selftest import selftest

        return selftest()
    import pytest

    return int(pytest.main(["--doctest-modules", "--pyargs", "dirimix", *arguments]))
