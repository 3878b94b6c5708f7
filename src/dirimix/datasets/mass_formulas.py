"""Semi-empirical mass formulas, linear in their coefficients and calibrated where one wants.

BE(Z, N) = sum_t c_t phi_t(Z, N), and S2n(Z, N) = BE(Z, N) - BE(Z, N-2).

References: liquid drop, doi 10.1007/BF01337700 and 10.1103/RevModPhys.8.82; valence nucleons,
doi 10.1103/PhysRevLett.58.658.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Function = Callable[[np.ndarray, np.ndarray], np.ndarray]

_CLOSED = np.array([2, 8, 20, 28, 50, 82, 126, 184, 258])  # nucleons in closed shells
_SHELL_ENERGY = 10.0  # MeV: what closed shells add to BE, and a smooth formula lacks


def valence(count: np.ndarray) -> np.ndarray:
    """Particles or holes beyond the nearest closed shell, (n,), for nucleon numbers `count`, (n,).

    >>> valence(np.array([20, 22, 27, 50, 66]))
    array([ 0.,  2.,  1.,  0., 16.])
    """
    return np.abs(np.asarray(count, dtype=float)[:, None] - _CLOSED).min(axis=1)


def _promiscuity(z: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Interactions between a valence nucleon and those of the other kind, P, (n,)."""
    v_z, v_n = valence(z), valence(n)
    return v_z * v_n / np.maximum(v_z + v_n, 1)


TERMS: dict[str, Function] = {
    "volume": lambda z, n: z + n,
    "surface": lambda z, n: -((z + n) ** (2 / 3)),
    "coulomb": lambda z, n: -z * (z - 1) / (z + n) ** (1 / 3),
    "asymmetry": lambda z, n: -((n - z) ** 2) / (z + n),
    "surface asymmetry": lambda z, n: (n - z) ** 2 / (z + n) ** (4 / 3),
    "wigner": lambda z, n: -np.abs(n - z) / (z + n),
    "pairing": lambda z, n: (z + n) ** -0.5,  # even-even nuclei only
    "valence": lambda z, n: valence(z) + valence(n),
    "promiscuity": _promiscuity,
}
_DROP = ("volume", "surface", "coulomb", "asymmetry")


@dataclass(frozen=True)
class Formula:
    """Which terms, and on which part of the chart they are calibrated.

    Attributes:
        label: Name to print.
        terms: Names in `TERMS`.
        region: Function of Z and N that is true where the formula is calibrated.
    """

    label: str
    terms: tuple[str, ...]
    region: Function


@dataclass(frozen=True)
class Calibrated:
    """A formula with its coefficients in MeV, (t,)."""

    terms: tuple[str, ...]
    coefficients: np.ndarray

    def binding(self, z: np.ndarray, n: np.ndarray) -> np.ndarray:
        """BE in MeV, (n,), for protons `z` and neutrons `n`, (n,) each."""
        return _design(self.terms, z, n) @ self.coefficients

    def separation(self, z: np.ndarray, n: np.ndarray, step: tuple[int, int]) -> np.ndarray:
        """BE(Z, N) - BE(Z - step[0], N - step[1]) in MeV, (n,), for `z` and `n`, (n,) each."""
        return self.binding(z, n) - self.binding(z - step[0], n - step[1])


def beyond_stability(z: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Protons that nuclei lack to the line Z = A / (1.98 + 0.0155 A^(2/3)), (n,).

    Args:
        z: Protons, (n,).
        n: Neutrons, (n,).

    >>> beyond_stability(np.array([82, 82]), np.array([126, 132])).round(1)
    array([0.4, 2.4])
    """
    a = z + n
    return a / (1.98 + 0.0155 * a ** (2 / 3)) - z


FORMULAS: dict[str, Formula] = {
    "overall": Formula(
        "all nuclei",
        (*_DROP, "surface asymmetry", "wigner", "pairing"),
        lambda z, n: z + n > 0,
    ),
    "light": Formula(
        "light nuclei, A < 80",
        (*_DROP, "surface asymmetry", "wigner", "pairing"),
        lambda z, n: z + n < 80,
    ),
    "medium": Formula(
        "medium nuclei, 70 <= A < 160",
        (*_DROP, "wigner", "pairing"),
        lambda z, n: (z + n >= 70) & (z + n < 160),
    ),
    "heavy": Formula("heavy nuclei, A >= 160", _DROP, lambda z, n: z + n >= 160),
    "stable": Formula(
        "nuclei near stability",
        (*_DROP, "surface asymmetry", "wigner"),
        lambda z, n: np.abs(beyond_stability(z, n)) < 0.5,
    ),
    "rich": Formula(
        "neutron-rich nuclei", (*_DROP, "wigner"), lambda z, n: beyond_stability(z, n) > 1.25
    ),
    "shell": Formula(
        "nuclei near closed neutron shells, with valence terms",
        (*_DROP, "promiscuity", "valence"),
        lambda z, n: (valence(n) <= 2) & (z > 0),
    ),
}


def calibrate(
    formula: Formula, z: np.ndarray, n: np.ndarray, s2n: np.ndarray, be: np.ndarray
) -> Calibrated:
    """Least squares on S2n in the formula's region, kept physical by BE.

    S2n alone leaves combinations of terms almost free in a small region, and a formula then
    means nothing beyond it; BE settles them. A residual of BE counts in units of 10 MeV, the
    size of the shell effects in it, and one of S2n in units of 1 MeV.

    Args:
        formula: Terms and region.
        z: Protons, (n,).
        n: Neutrons, (n,).
        s2n: Observed S2n in MeV, (n,).
        be: Observed BE in MeV, (n,).
    """
    inside = formula.region(z, n)
    z, n = z[inside], n[inside]
    whole = _design(formula.terms, z, n)
    rows = np.vstack([whole - _design(formula.terms, z, n - 2), whole / _SHELL_ENERGY])
    observed = np.concatenate([s2n[inside], be[inside] / _SHELL_ENERGY])
    return Calibrated(formula.terms, np.linalg.lstsq(rows, observed)[0])


def _design(terms: tuple[str, ...], z: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Values of the terms, (n, t)."""
    z, n = np.asarray(z, dtype=float), np.asarray(n, dtype=float)
    return np.column_stack([TERMS[term](z, n) for term in terms])
