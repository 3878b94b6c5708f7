"""Complex logarithms and exponentials of rows, in both precisions."""

import math
import re

import numpy as np
import pytest
from numba import njit
from scipy.special import digamma, gammaln

from dirimix.likelihood.elementary import (
    digamma_beyond,
    exp_polar,
    log_gamma_beyond,
    log_polar,
    log_row,
    subtract_logs,
)

PRECISIONS = [(np.float64, 2e-11), (np.float32, 2e-6)]


def points() -> np.ndarray:
    rng, n = np.random.default_rng(1), 1003
    size = np.exp(rng.uniform(np.log(1e-4), np.log(1e9), n))
    return size * np.exp(1j * rng.uniform(1e-3, np.pi - 1e-3, n))


def error_of_log(kind: type) -> float:
    re, im = points().real.astype(kind), points().imag.astype(kind)
    exact = np.log(re.astype(float) + 1j * im)
    log_polar(re, im, len(re))
    return float(np.max(np.abs(re + 1j * im - exact)))


def error_of_exp(kind: type) -> float:
    rng = np.random.default_rng(2)
    re, im = rng.uniform(-30, 40, 1003).astype(kind), rng.uniform(-900, 900, 1003).astype(kind)
    top = re.max()
    exact = np.exp((re - top).astype(float) + 1j * im)  # their difference is rounded too
    assert exp_polar(re, im, len(re)) == top
    return float(np.max(np.abs(re + 1j * im - exact) / np.abs(exact)))


@pytest.mark.parametrize("error", [error_of_log, error_of_exp])
def test_each_precision_is_as_good_as_it_says(error):
    for kind, limit in PRECISIONS:
        assert error(kind) < limit
    assert error(np.float32) > PRECISIONS[0][1]  # the control


def test_a_row_of_real_logarithms():
    rng = np.random.default_rng(3)
    x = np.concatenate([np.exp(rng.uniform(-600, 600, 1003)), rng.uniform(0.7, 1.4, 500), [1.0]])
    row = x.copy()
    log_row(row)
    np.testing.assert_allclose(row, np.log(x), rtol=1e-14)


def test_gamma_functions_of_large_numbers():
    x = np.array([8.0, 9.5, 30.0, 1e4, 3e7])
    for function, exact in ((digamma_beyond, digamma), (log_gamma_beyond, gammaln)):
        found = np.array([function(v, np.log(v)) for v in x])
        np.testing.assert_allclose(found, exact(x), rtol=2e-12)
    assert abs(log_gamma_beyond(2.0, np.log(2.0)) - gammaln(2.0)) > 1e-7  # the control


def test_only_the_first_numbers_of_a_row_change():
    re, im = np.full(5, 2.0), np.ones(5)
    log_polar(re, im, 3)
    assert (re[3:] == 2).all()
    assert (im[3:] == 1).all()
    assert not np.isclose(re[:3], 2).any()


def test_logarithms_of_all_models_are_subtracted():
    z, d, alpha = points()[:7], np.array([-1.0, 0.5, 3.0]), np.array([0.2, 1.0, 4.0])
    re, im, logs = np.zeros(7), np.zeros(7), np.empty((2, 21))
    subtract_logs(z.real.copy(), z.imag.copy(), 7, d, alpha, re, im, logs)
    exact = np.log(z[None] - d[:, None])
    assert np.abs(re + 1j * im + alpha @ exact).max() < 1e-9
    assert np.abs(logs[0] + 1j * logs[1] - exact.ravel()).max() < 1e-10


def vector_products(loop, *rows) -> int:
    """How many multiplications of vectors LLVM has made of a loop over rows."""

    def called(*rows):
        loop(*rows, len(rows[0]))

    compiled = njit(error_model="numpy")(called)
    compiled(*rows)
    (text,) = compiled.inspect_llvm().values()
    return len(re.findall(r"fmul [^<\n]*<\d+ x (?:double|float)>", text))


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("loop", [log_polar, exp_polar])
def test_loops_become_vectors(loop, kind):
    """One number at a time they take ten times as long, and nothing else would tell."""
    assert vector_products(loop, np.ones(64, kind), np.ones(64, kind)) > 10


def test_a_loop_of_the_mathematical_library_becomes_none():
    """The control."""

    @njit
    def angles(re, im, count):
        for j in range(count):
            re[j] = math.atan2(im[j], re[j])

    assert vector_products(angles, np.ones(64), np.ones(64)) == 0
