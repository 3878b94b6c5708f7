"""The published tables: every check value of the study and of the tables themselves."""

import io
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import nnls

from dirimix import datasets
from dirimix.datasets import ame, nuclear
from dirimix.datasets.files import VARIABLE
from dirimix.errors import InputError

pytestmark = pytest.mark.skipif(
    not os.environ.get(VARIABLE),
    reason=f"{VARIABLE} does not name a folder with the published tables",
)

LAST_DIGIT = 5.1e-4  # MeV: three decimals are printed

RAW = {  # rms in MeV on the 513 training and 63 test rows where every model has a value
    "SKMS": (1.195, 1.224),
    "SKP": (0.840, 0.979),
    "SLY4": (0.996, 0.969),
    "SV": (0.776, 0.832),
    "UNEDF0": (0.770, 0.827),
    "UNEDF1": (0.756, 0.668),
    "UNEDF2": (0.852, 0.762),
    "FRDM12": (0.477, 0.499),
    "HFB24": (0.416, 0.397),
}


@pytest.fixture(scope="module")
def s2n():
    return datasets.load("nuclear-s2n")


@pytest.fixture(scope="module")
def s2p():
    return datasets.load("nuclear-s2p")


def _published(path):
    return (Path(os.environ[VARIABLE]) / path).read_bytes()


@pytest.fixture(scope="module")
def complete(s2n):
    """Training and test rows where every model has a value."""
    parts = [s2n.part(split) for split in ("train", "test")]
    return [rows[rows[list(s2n.models)].notna().all(axis=1)] for rows in parts]


def _rms(rows, weights):
    miss = rows[list(nuclear.MODELS)].to_numpy() @ weights - rows["S2n"].to_numpy()
    return float(np.sqrt(np.mean(miss**2)))


def _both(complete, weights):
    return [_rms(rows, weights) for rows in complete]


def _arrays(rows):
    return rows[list(nuclear.MODELS)].to_numpy(), rows["S2n"].to_numpy()


def _simplex(rows):
    """Least squares on the simplex: the sum is held by one heavy row."""
    f, y = _arrays(rows)
    heavy = 1e5
    return nnls(np.vstack([f, heavy * np.ones(9)]), np.append(y, heavy))[0]


# counts


def test_measured_nuclei():
    contents = {path: _published(path) for path in ("ame/mass.mas03", "ame/mass.mas20")}
    measured = nuclear.measured(contents, (0, 2))
    assert len(measured.in_2003) == 521
    assert len(measured.in_2020) == 588
    assert len(measured.in_2020 - measured.in_2003) == 68
    assert measured.in_2003 - measured.in_2020 == {(26, 42)}


def test_rows(s2n, complete):
    assert s2n.frame["split"].value_counts().to_dict() == {
        "train": 520,
        "test": 68,
        "landscape": 2481,
    }
    assert [len(rows) for rows in complete] == [513, 63]
    every = s2n.landscape[s2n.landscape["Z"].between(8, 110)]
    assert int(every[list(s2n.models)].notna().all(axis=1).sum()) == 1579


def test_the_nucleus_that_is_no_longer_measured(s2n):
    row = s2n.frame.set_index(["Z", "N"]).loc[(26, 42)]
    assert row["split"] == "landscape"
    assert np.isnan(row["S2n"])
    assert s2n.notes[0].startswith("1 of 521 nuclei measured in AME2003")
    assert "(26, 42)" in s2n.notes[0]


def test_landscape_holds_every_even_even_nucleus_of_the_tables(s2n):
    expected = set()
    for model in s2n.models:
        table = pd.read_csv(io.BytesIO(_published(f"bmex/{model}.csv")))
        known = set(zip(table["Z"], table["N"], strict=True))
        expected |= {
            (z, n) for z, n in known if z >= 8 and z % 2 == n % 2 == 0 and (z, n - 2) in known
        }
    assert set(zip(s2n.frame["Z"], s2n.frame["N"], strict=True)) == expected


# observations


def test_published_energies_agree_with_the_binding_energies(s2n):
    table = pd.read_csv(io.BytesIO(_published("bmex/AME2020.csv"))).set_index(["Z", "N"])
    observed = s2n.frame[s2n.frame["split"] != "landscape"]
    at = pd.MultiIndex.from_frame(observed[["Z", "N"]])
    lighter = pd.MultiIndex.from_arrays([observed["Z"], observed["N"] - 2])
    assert (table.loc[at, "eBE"] == 0).all()
    assert (table.loc[lighter, "eBE"] == 0).all()
    differences = table.loc[at, "BE"].to_numpy() - table.loc[lighter, "BE"].to_numpy()
    assert np.abs(differences - observed["S2n"]).max() < 3e-5  # rounding of BE/A in the tables
    one_row_off = np.abs(np.roll(differences, 1) - observed["S2n"])
    assert one_row_off.max() > 1


def test_proton_energies_agree_with_the_binding_energies(s2p):
    table = pd.read_csv(io.BytesIO(_published("bmex/AME2020.csv"))).set_index(["Z", "N"])["BE"]
    observed = s2p.frame[s2p.frame["split"] != "landscape"]
    at = pd.MultiIndex.from_frame(observed[["Z", "N"]])
    lighter = pd.MultiIndex.from_arrays([observed["Z"] - 2, observed["N"]])
    differences = table.loc[at].to_numpy() - table.loc[lighter].to_numpy()
    assert np.abs(differences - observed["S2p"]).max() < 3e-5
    assert observed["Z"].min() == 10
    assert observed["N"].min() == 8


def test_uncertainties_are_the_published_ones(s2n):
    rows = s2n.frame.set_index(["Z", "N"])
    assert rows.loc[(26, 40), "S2n"] == pytest.approx(11.2409308, abs=1e-9)
    assert rows.loc[(26, 40), "uS2n"] == pytest.approx(0.0064785, abs=1e-9)
    energies = ame.separation_energies(_published("ame/rct1.mas03"), 2003, "S2n")
    assert energies.loc[(26, 42)].tolist() == pytest.approx([9.69729, 0.76136, 1])


def test_a_binding_energy_of_zero_is_no_value(s2p):
    assert any("SKMS gives a binding energy of 0 at (66, 182)" in note for note in s2p.notes)
    assert s2p.frame["SKMS"].max() < 100


# deviations


@pytest.mark.parametrize("model", RAW)
def test_rms_of_the_models(complete, model):
    weights = np.eye(9)[nuclear.MODELS.index(model)]
    assert _both(complete, weights) == pytest.approx(RAW[model], abs=LAST_DIGIT)


def test_rms_is_of_these_rows_and_no_others(complete):
    shifted = [rows.assign(S2n=np.roll(rows["S2n"], 1)) for rows in complete]
    weights = np.eye(9)[nuclear.MODELS.index("HFB24")]
    assert min(_both(shifted, weights)) > 2


def test_equal_weights(complete):
    assert _both(complete, np.full(9, 1 / 9)) == pytest.approx([0.617, 0.632], abs=LAST_DIGIT)


def test_ordinary_least_squares_and_its_projection(complete):
    weights = np.linalg.lstsq(*_arrays(complete[0]))[0]
    assert _both(complete, weights) == pytest.approx([0.313, 0.314], abs=LAST_DIGIT)
    projected = np.maximum(weights, 0) / np.maximum(weights, 0).sum()
    assert _both(complete, projected) == pytest.approx([0.401, 0.423], abs=LAST_DIGIT)


def test_simplex_least_squares(complete):
    weights = _simplex(complete[0])
    assert _both(complete, weights) == pytest.approx([0.327, 0.343], abs=LAST_DIGIT)
    named = {m: w for m, w in zip(nuclear.MODELS, weights, strict=True) if w > 1e-3}
    expected = {"HFB24": 0.577, "FRDM12": 0.286, "UNEDF2": 0.082, "SKP": 0.040, "SKMS": 0.015}
    assert named == pytest.approx(expected, abs=LAST_DIGIT)
    test = complete[1]
    without = test[(test["Z"] != 20) | (test["N"] != 36)]
    assert _rms(without, weights) == pytest.approx(0.29, abs=5.1e-3)


# files


def test_every_published_file_is_verified(tmp_path):
    for file in nuclear.S2N.files:
        path = tmp_path / file.path
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(_published(file.path))
    assert datasets.fetch("nuclear-s2n", tmp_path) == tmp_path
    altered = tmp_path / "bmex/UNEDF1.csv"
    altered.write_bytes(altered.read_bytes()[:-10])
    with pytest.raises(InputError, match=r"UNEDF1\.csv .* is not the published one: expected"):
        datasets.load("nuclear-s2n", tmp_path)
