"""Benchmarks that no check runs still find what they import."""

import importlib
from pathlib import Path

import pytest
import vectorised

FOLDER = Path(vectorised.__file__).parent


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.py")))
def test_a_benchmark_finds_its_imports(name):
    assert importlib.import_module(name)
