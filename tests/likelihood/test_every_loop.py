"""The compiled loops give the numbers that Python gives, which runs the same lines."""

import os
import subprocess
import sys

import numpy as np
import pytest

import every_loop

# log densities below this are near the floor, where rounding counts
FAINT = -30.0
PRECISION = 1e-8  # what roundings in another order come to
SINGLE = 3e-3  # and in single precision

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Results of every loop by name: compiled, and as Python runs it."""
    path = tmp_path_factory.mktemp("loops") / "python.npz"
    without = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, every_loop.__file__, path], env=without, check=True)
    return every_loop.numbers(), np.load(path)


def furthest(found: np.ndarray, other: np.ndarray) -> float:
    """Largest difference, relative where numbers are above 1."""
    return float(np.max(np.abs(found - other) / np.maximum(np.abs(found), 1)))


def test_python_runs_the_loops_to_the_same_numbers(both):
    compiled, run = both
    assert set(compiled) == set(run)
    for name, found in compiled.items():
        kind, _, models = name.partition("-")
        seen = compiled[f"fine-{models}"][0] > FAINT if kind in ("fine", "coarse") else slice(None)
        limit = SINGLE if kind == "coarse" else PRECISION
        assert furthest(found[..., seen], run[name][..., seen]) < limit, name
        assert np.array_equal(np.isfinite(found), np.isfinite(run[name]))


def test_the_coarser_form_is_told_from_the_fine_one(both):
    compiled, run = both
    seen = compiled["fine-3"][0] > FAINT
    assert furthest(compiled["coarse-3"][:, seen], run["fine-3"][:, seen]) > PRECISION
