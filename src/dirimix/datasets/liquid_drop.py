"""Measured S2n of even-even nuclei and seven mass formulas: embedded, nothing to download.

The observations are in `liquid-drop.csv`, with their provenance. Trained on what was known
before 1981, tested on what was found later, which is about a sixth; the formulas are calibrated
on training rows only, each on another part of the chart, so that each is really better somewhere.
"""

import io
from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib.resources import files

import numpy as np
import pandas as pd

from dirimix.datasets.mass_formulas import FORMULAS, Calibrated, calibrate
from dirimix.datasets.nuclear_notes import MAGIC_NUMBERS, farthest
from dirimix.datasets.record import LANDSCAPE, TEST, TRAIN, Dataset, Source

FIRST_TEST_YEAR = 1981
MODELS = tuple(FORMULAS)

_CSV = "liquid-drop.csv"
_LARGEST_Z = 110
_LARGEST_N = 260
_CITATION = (
    "Masses and years of discovery: isotope table of the Python package mendeleev (L. Mentel, "
    "MIT licence), https://github.com/lmmentel/mendeleev. Formulas: doi 10.1007/BF01337700, "
    "10.1103/RevModPhys.8.82, 10.1103/PhysRevLett.58.658."
)


def build(contents: Mapping[str, bytes]) -> Dataset:
    """The data set of the embedded table; it needs no other contents."""
    del contents
    table = (files("dirimix.datasets") / _CSV).read_bytes()
    return from_observations(
        pd.read_csv(io.BytesIO(table), comment="#"), {_CSV: sha256(table).hexdigest()}
    )


def from_observations(observed: pd.DataFrame, checksums: Mapping[str, str]) -> Dataset:
    """Split by year, calibrate on the training rows, and add what is still to be measured.

    Args:
        observed: Columns Z, N, S2n, uS2n, BE (MeV) and year.
        checksums: File -> sha256 of what was read.
    """
    observed = observed.assign(split=np.where(observed["year"] < FIRST_TEST_YEAR, TRAIN, TEST))
    formulas = _calibrated(observed.loc[observed["split"] == TRAIN])
    sites = observed.drop(columns=["BE", "year"])
    sites = pd.concat([sites, _unmeasured(formulas, sites)], ignore_index=True)
    z, n = sites["Z"].to_numpy(), sites["N"].to_numpy()
    values = {model: formulas[model].separation(z, n, (0, 2)) for model in MODELS}
    frame = sites.assign(**values).loc[:, ["Z", "N", *MODELS, "S2n", "uS2n", "split"]]
    return Dataset(
        name="liquid-drop",
        frame=frame,
        coords=("Z", "N"),
        models=MODELS,
        target="S2n",
        error="uS2n",
        split="split",
        citation=_CITATION,
        units={column: "MeV" for column in (*MODELS, "S2n", "uS2n")},
        notes=tuple(_notes(frame)),
        labels={model: formula.label for model, formula in FORMULAS.items()},
        sha256=dict(checksums),
        map_axes=("N", "Z"),
        lines={"Z": MAGIC_NUMBERS, "N": MAGIC_NUMBERS},
    )


def _calibrated(train: pd.DataFrame) -> dict[str, Calibrated]:
    columns = [train[column].to_numpy() for column in ("Z", "N", "S2n", "BE")]
    return {model: calibrate(formula, *columns) for model, formula in FORMULAS.items()}


def _unmeasured(formulas: Mapping[str, Calibrated], sites: pd.DataFrame) -> pd.DataFrame:
    """Even-even sites that every formula binds and that are not measured well, (m, ...)."""
    grid = np.mgrid[8 : _LARGEST_Z + 1 : 2, 10 : _LARGEST_N + 1 : 2]
    z, n = grid.reshape(2, -1)
    steps = ((0, 2), (2, 0))
    bound = [f.separation(z, n, step) > 0 for f in formulas.values() for step in steps]
    measured = pd.MultiIndex.from_frame(sites.loc[:, ["Z", "N"]])
    new = np.all(bound, axis=0) & ~pd.MultiIndex.from_arrays([z, n]).isin(measured)
    return pd.DataFrame({"Z": z[new], "N": n[new], "S2n": np.nan, "uS2n": np.nan}).assign(
        split=LANDSCAPE
    )


def _notes(frame: pd.DataFrame) -> Iterable[str]:
    count = frame["split"].value_counts()
    yield (
        "only nuclei with both masses known to better than 0.1 MeV are observations; estimated "
        "masses are not"
    )
    yield (
        f"{count[TEST]} of {count[TRAIN] + count[TEST]} observations have been possible since "
        f"{FIRST_TEST_YEAR} and are test rows; no formula has seen them"
    )
    yield (
        f"{count[LANDSCAPE]} landscape rows: Z from 8 to {_LARGEST_Z}, bound against losing two "
        "neutrons or two protons in all formulas, not among the observations"
    )
    yield farthest(frame, MODELS, "S2n")


SOURCE = Source(
    "two-neutron separation energies of even-even nuclei, seven mass formulas (MeV), embedded",
    build,
)
