"""Tables as scientists bring them: real ones of several fields, and made ones that try samplers.

The real ones lie in the folder `fields` of DIRIMIX_DATA_DIR and in a folder of small cases; none
of them is part of the project. Where a table names no test rows every fourth one is held back. The
made ones are functions of a seed.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import gamma, kve

DATA_DIR = "DIRIMIX_DATA_DIR"
_EVERY = 4  # so many rows for one test row where a table names none


@dataclass(frozen=True)
class FieldTable:
    """A table with its rows sorted.

    Attributes:
        coords: Columns of the coordinates.
        models: Columns of the models.
        train: Frame of the rows to fit, with `y` and `y_err`.
        test: Frame of those to predict.
    """

    coords: tuple[str, ...]
    models: tuple[str, ...]
    train: pd.DataFrame
    test: pd.DataFrame

    def build(self, method: str, options: dict[str, Any], seed: int) -> dict[str, Any]:
        """The estimators of a method by their models, '' for a mixture of all."""
        from dirimix.methods import parse_method

        return parse_method(method).method.build(self.coords, self.models, options, seed)

    def fit(self, member: Any) -> Any:
        """An estimator, fitted to the rows to fit."""
        y, y_err = (np.asarray(self.train[c]) for c in ("y", "y_err"))
        return member.fit(self.train, y, y_err)


@dataclass(frozen=True)
class _Columns:
    """What the columns of a real table are; `models` empty for all that are nothing else."""

    coords: tuple[str, ...]
    target: str
    error: str | None = None
    split: str | None = "split"
    models: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


FIELDS = {
    "electricity": _Columns(("t",), "Actual", others=("month",)),
    "weather": _Columns(("latitude", "longitude"), "observation", others=("elevation",)),
    "streamflow": _Columns(("t", "doy"), "Q", others=("time",)),
    "flu": _Columns(
        ("day", "horizon", "fips"), "observation",
        others=("reference_date", "target_end_date", "location"),
    ),
    "s2n-15": _Columns(("Z", "N"), "S2n", "uS2n", "part"),
}  # fmt: skip
# the other cases differ from `plain` by names or formats alone, or are parts of FIELDS
CASES = {
    "drag": _Columns(("log Re",), "log Cd", "err", None),
    "series": _Columns(("g",), "y", "error"),
    "plain": _Columns(("x",), "y", "e", "part"),
    "tiny_units": _Columns(("x",), "y", "e", "part"),
    "offset": _Columns(("x",), "y", "e", "part"),
    "four_complete_rows": _Columns(
        ("horizon", "fips"),
        "observation",
        split=None,
        others=("day",),  # one day
    ),
}


def read(path: Path, columns: _Columns) -> FieldTable:
    """A real table."""
    frame = pd.read_csv(path)
    named = {*columns.coords, columns.target, columns.error, columns.split, *columns.others}
    models = columns.models or tuple(c for c in frame.columns if c not in named)
    y_err = frame[columns.error] if columns.error else 0.0
    frame = frame.assign(y=frame[columns.target], y_err=y_err)
    held_back = np.arange(len(frame)) % _EVERY == _EVERY - 1
    if columns.split:
        named_test = np.asarray(frame[columns.split]) == "test"
        held_back = named_test if named_test.any() else held_back
    return _parted(frame, columns.coords, models, held_back)


def _parted(
    frame: pd.DataFrame, coords: Sequence[str], models: Sequence[str], held_back: np.ndarray
) -> FieldTable:
    columns = [*coords, *models, "y", "y_err"]
    train, test = (
        frame.loc[rows, columns].reset_index(drop=True) for rows in (~held_back, held_back)
    )
    return FieldTable(tuple(coords), tuple(models), train, test)


def _made(
    x: np.ndarray, f: np.ndarray, y: np.ndarray, y_err: np.ndarray | float, train: int
) -> FieldTable:
    """Random sites (n, q) with models (n, K), the first `train` of them to be fitted."""
    coords, models = ([f"{c}{i + 1}" for i in range(a.shape[1])] for c, a in (("x", x), ("m", f)))
    frame = pd.DataFrame(np.column_stack([x, f]), columns=pd.Index([*coords, *models]))
    return _parted(frame.assign(y=y, y_err=y_err), coords, models, np.arange(len(x)) >= train)


def phi4(small: int, large: int, train: int = 40, noise: float = 0.02) -> FieldTable:
    r"""The integral of zero-dimensional phi^4 theory and its two expansions.

    F(g) = \int exp(-x^2 / 2 - g^2 x^4) dx for g from 0.01 to 1, with relative noise; the
    expansions are in g, to the order g^(2 small), and in 1 / g, to g^-(large + 1/2).
    Honda (2014), doi 10.1007/JHEP12(2014)019.
    """
    rng = np.random.default_rng(10 * small + large)
    g = rng.uniform(0.01, 1, train + 40)
    k, j = np.arange(small + 1), np.arange(large + 1)
    factorial = gamma(np.arange(max(small, large) + 1) + 1)
    weak = np.sqrt(2) * (-4.0) ** k * gamma(2 * k + 0.5) / factorial[k]
    strong = 0.5 * (-0.5) ** j * gamma(j / 2 + 0.25) / factorial[j]
    f = np.column_stack(
        [
            (weak * g[:, None] ** (2 * k)).sum(axis=1),
            (strong * g[:, None] ** -(j + 0.5)).sum(axis=1),
        ]
    )
    truth = exact_phi4(g)
    y_err = noise * truth
    return _made(g[:, None], f, truth + y_err * rng.standard_normal(len(g)), y_err, train)


def exact_phi4(g: np.ndarray) -> np.ndarray:
    """The integral in closed form, by a scaled Bessel function."""
    return kve(0.25, 1 / (32 * g**2)) / (2 * np.sqrt(2) * g)


def _wavy(x: np.ndarray) -> np.ndarray:
    return np.sin(x).sum(axis=1)


def _regional(rng: np.random.Generator, x: np.ndarray, count: int, span: float) -> np.ndarray:
    """Models that are each right in a region of their own and drift away outside, (n, count)."""
    centres = rng.uniform(0, span, (count, x.shape[1]))
    away = (x[:, None, :] - centres).sum(axis=2)
    return _wavy(x)[:, None] + 0.3 * away * rng.uniform(0.5, 2, count)


def identical(train: int = 60) -> FieldTable:
    """Three models of which two are one."""
    rng = np.random.default_rng(2)
    x = rng.uniform(0, 10, (train + 40, 1))
    f = _regional(rng, x, 2, 10)
    y = _wavy(x) + 0.2 * rng.standard_normal(len(x))
    return _made(x, f[:, [0, 1, 1]], y, 0.0, train)


def nearly_identical(train: int = 60) -> FieldTable:
    """Five models that differ from each other by a tenth of the noise."""
    rng = np.random.default_rng(5)
    x = rng.uniform(0, 10, (train + 40, 1))
    f = (_wavy(x) + 0.1 * x[:, 0])[:, None] + 0.02 * rng.standard_normal((len(x), 5))
    return _made(x, f, _wavy(x) + 0.2 * rng.standard_normal(len(x)), 0.0, train)


def few_rows(train: int = 6, models: int = 8) -> FieldTable:
    """Fewer rows than models."""
    rng = np.random.default_rng(8)
    x = rng.uniform(0, 10, (train + 40, 1))
    f = _regional(rng, x, models, 10)
    return _made(x, f, _wavy(x) + 0.2 * rng.standard_normal(len(x)), 0.0, train)


def three_clusters(train: int = 60) -> FieldTable:
    """Sites in three clusters that lie a hundred times their width apart."""
    rng = np.random.default_rng(3)
    which = rng.integers(0, 3, train + 40)
    centres = np.array([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]])
    x = centres[which] + rng.standard_normal((len(which), 2))
    f = _wavy(x)[:, None] + np.where(which[:, None] == np.arange(3), 0.1, 2.0)
    return _made(x, f, _wavy(x) + 0.2 * rng.standard_normal(len(x)), 0.0, train)


def gaps(train: int = 80) -> FieldTable:
    """Four models, the best of which has a value on a fifth of the rows."""
    rng = np.random.default_rng(4)
    x = rng.uniform(0, 10, (train + 40, 1))
    f = _regional(rng, x, 4, 10)
    f[:, 3] = _wavy(x) + 0.05
    f[rng.permutation(train)[train // 5 :], 3] = np.nan
    f[train:, 3] = np.where(np.arange(len(x) - train) % 5, np.nan, f[train:, 3])
    return _made(x, f, _wavy(x) + 0.2 * rng.standard_normal(len(x)), 0.0, train)


def outliers(train: int = 80) -> FieldTable:
    """A twentieth of the observations is ten times the noise away."""
    rng = np.random.default_rng(10)
    x = rng.uniform(0, 10, (train + 40, 1))
    y = _wavy(x) + 0.1 * rng.standard_normal(len(x))
    y += np.where(np.arange(len(x)) % 20 == 7, rng.choice([-1.0, 1.0], len(x)), 0.0)
    return _made(x, _regional(rng, x, 3, 10), y, 0.1, train)


def some_exact(train: int = 80) -> FieldTable:
    """Measurement errors of which a third are 0, between two that no mixture reaches."""
    rng = np.random.default_rng(11)
    x = rng.uniform(0, 10, (train + 40, 1))
    y_err = np.where(np.arange(len(x)) % 3, 0.3, 0.0)
    y = _wavy(x) + np.hypot(y_err, 0.02) * rng.standard_normal(len(x))
    return _made(x, _regional(rng, x, 3, 10), y, y_err, train)


def many(models: int, train: int = 150) -> FieldTable:
    """Fifteen or thirty models over a plane."""
    rng = np.random.default_rng(models)
    x = rng.uniform(0, 6, (train + 50, 2))
    y = _wavy(x) + 0.2 * rng.standard_normal(len(x))
    return _made(x, _regional(rng, x, models, 6), y, 0.0, train)


MADE: dict[str, Callable[..., FieldTable]] = {
    **{f"phi4-{s}-{b}": partial(phi4, s, b) for s, b in ((2, 2), (3, 3), (5, 5), (3, 8), (8, 3))},
    "identical": identical,
    "nearly-identical": nearly_identical,
    "few-rows": few_rows,
    "three-clusters": three_clusters,
    "gaps": gaps,
    "outliers": outliers,
    "some-exact": some_exact,
    "fifteen": partial(many, 15),
    "thirty": partial(many, 30),
}


def tables(cases: Path | None = None) -> dict[str, Callable[[], FieldTable]]:
    """Every table that is there by its name, as a function that reads or makes it.

    Args:
        cases: Folder of the small cases; by default `cases` beside DIRIMIX_DATA_DIR.
    """
    found: dict[str, Callable[[], FieldTable]] = {}
    data = os.environ.get(DATA_DIR)
    folders = [(Path(data) / "fields", FIELDS)] if data else []
    if cases is None and data:
        cases = Path(data).parent / "cases"
    for folder, known in [*folders, *([(cases, CASES)] if cases else [])]:
        for name, columns in known.items():
            path = folder / f"{name}.csv"
            if path.exists():
                found[name] = partial(read, path, columns)
    return found | MADE
