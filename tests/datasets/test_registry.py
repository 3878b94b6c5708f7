"""The registry, what every data set keeps to, and the embedded one."""

import functools
import os
from importlib.resources import files as resources

import numpy as np
import pandas as pd
import pytest

from dirimix import datasets
from dirimix.datasets import files, liquid_drop, mass_formulas
from dirimix.errors import InputError

NEEDS_FILES = [name for name, source in datasets.DATASETS.items() if source.files]


@functools.cache
def _load(name):
    if name in NEEDS_FILES and not os.environ.get(files.VARIABLE):
        pytest.skip(f"{files.VARIABLE} does not name a folder with the published tables")
    return datasets.load(name)


@pytest.fixture
def drop():
    return _load("liquid-drop")


def _observations():
    table = resources("dirimix.datasets") / "liquid-drop.csv"
    with table.open() as opened:
        return pd.read_csv(opened, comment="#")


def _rms(values):
    return np.sqrt(np.mean(np.square(values), axis=0))


# every data set


@pytest.mark.parametrize("name", datasets.names())
def test_contract(name):
    data = _load(name)
    frame = data.frame
    assert data.name == name
    columns = [*data.coords, *data.models, data.target, data.error, data.split]
    assert set(columns) == set(frame.columns)
    assert not frame.duplicated(list(data.coords)).any()
    assert set(frame[data.split]) == {"train", "test", "landscape"}
    observed = frame[data.split] != "landscape"
    assert (frame[data.target].notna() == observed).all()
    assert (frame[data.error].notna() == observed).all()
    assert (frame.loc[observed, data.error] > 0).all()
    assert frame[list(data.coords)].notna().to_numpy().all()
    assert frame[list(data.models)].notna().any(axis=1).all()
    assert len(data.landscape) == len(frame)
    assert list(data.landscape) == [*data.coords, *data.models]
    assert set(data.labels) == set(data.models)
    assert {*data.models, data.target, data.error} <= set(data.units)
    assert data.citation
    assert all("\n" not in note for note in data.notes)
    assert all(len(checksum) == 64 for checksum in data.sha256.values())


@pytest.mark.parametrize("name", datasets.names())
def test_gaps_of_observed_rows_are_told(name):
    data = _load(name)
    for split in ("train", "test", "landscape"):
        rows = data.part(split)
        for model, lacking in rows[list(data.models)].isna().sum().items():
            told = f"{model} has no value at {lacking} of {len(rows)} {split} rows"
            assert any(note.startswith(told) for note in data.notes) == (lacking > 0)


def test_unknown_name():
    with pytest.raises(InputError, match="no data set 'nuclear'; choose one of liquid-drop, nuc"):
        datasets.load("nuclear")


def test_embedded_data_need_no_folder(monkeypatch, tmp_path):
    monkeypatch.setenv(files.VARIABLE, str(tmp_path / "nowhere"))
    assert len(datasets.load("liquid-drop").frame)
    assert (datasets.fetch("liquid-drop") / "liquid-drop.csv").exists()


# liquid-drop


def test_observations_of_the_liquid_drop(drop):
    count = drop.frame["split"].value_counts()
    assert (count["train"], count["test"]) == (466, 92)
    assert count["test"] / (count["train"] + count["test"]) == pytest.approx(1 / 6, abs=0.01)
    rows = drop.frame.set_index(["Z", "N"])
    # masses of AME2020, doi 10.1088/1674-1137/abddaf, table of separation energies
    assert rows.loc[(8, 10), "S2n"] == pytest.approx(12.1884, abs=2e-4)
    assert rows.loc[(82, 126), "S2n"] == pytest.approx(14.1054, abs=2e-3)
    observed = drop.frame[drop.frame["split"] != "landscape"]
    assert (observed[["Z", "N"]] % 2 == 0).all(axis=None)
    assert observed["uS2n"].max() < 0.1 * np.sqrt(2)


def test_split_is_by_year(drop):
    year = _observations().set_index(["Z", "N"])["year"]
    rows = drop.frame.set_index(["Z", "N"])
    assert year[rows.index[rows["split"] == "train"]].max() < liquid_drop.FIRST_TEST_YEAR
    assert year[rows.index[rows["split"] == "test"]].min() >= liquid_drop.FIRST_TEST_YEAR


def test_calibration_never_sees_a_test_row(drop):
    observed = _observations()
    late = observed["year"] >= liquid_drop.FIRST_TEST_YEAR
    models = list(drop.models)

    def with_shift(rows):
        shifted = observed.copy()
        shifted.loc[rows, ["S2n", "BE"]] += 5.0
        return liquid_drop.from_observations(shifted, {}).frame.iloc[: len(observed)][models]

    unchanged = drop.frame.iloc[: len(observed)][models]
    pd.testing.assert_frame_equal(with_shift(late), unchanged, check_exact=True)
    assert (with_shift(~late) - unchanged).abs().min().max() > 0.01


def _local_wins(values, rows, size=20):
    """How often a model is the best, by rms over the `size` nearest rows, around each row."""
    sites = rows[["Z", "N"]].to_numpy(float)
    near = np.argsort(((sites[:, None] - sites) ** 2).sum(axis=2), axis=1, kind="stable")
    square = (values - rows["S2n"].to_numpy()[:, None]) ** 2
    best = square[near[:, :size]].mean(axis=1).argmin(axis=1)
    return np.bincount(best, minlength=values.shape[1])


def test_each_formula_is_the_best_somewhere(drop):
    rows = drop.part("train")
    values = rows[list(drop.models)].to_numpy()
    assert _local_wins(values, rows).min() >= 10
    everywhere_worse = values.copy()
    everywhere_worse[:, 3] += 3.0
    assert _local_wins(everywhere_worse, rows)[3] == 0


def test_formulas_are_good_but_not_the_same(drop):
    for split, largest in (("train", 1.5), ("test", 1.25)):
        rows = drop.part(split)
        deviation = _rms(rows[list(drop.models)].sub(rows["S2n"], axis=0))
        assert deviation.between(0.8, largest).all()
    values = drop.part("train")[list(drop.models)].to_numpy()
    apart = _rms(values[:, :, None] - values[:, None])
    assert apart[~np.eye(7, dtype=bool)].min() > 0.3


def test_every_formula_is_better_where_it_was_calibrated(drop):
    rows = drop.part("train")
    z, n = rows["Z"].to_numpy(), rows["N"].to_numpy()
    for model, formula in list(mass_formulas.FORMULAS.items())[1:]:
        inside = formula.region(z, n)
        assert 50 < inside.sum() < len(rows)
        miss = (rows[model] - rows["S2n"]).to_numpy()
        assert _rms(miss[inside]) < _rms(miss)


def test_calibration_recovers_known_coefficients():
    z, n = np.mgrid[8:60:2, 10:80:2].reshape(2, -1)
    formula = mass_formulas.FORMULAS["overall"]
    truth = mass_formulas.Calibrated(
        formula.terms, np.array([15.8, 18.3, 0.71, 23.2, 20.0, 30.0, 12.0])
    )
    found = mass_formulas.calibrate(
        formula, z, n, truth.separation(z, n, (0, 2)), truth.binding(z, n)
    )
    np.testing.assert_allclose(found.coefficients, truth.coefficients, rtol=1e-6)


def test_textbook_binding_energy():
    # coefficients and iron's 8.8 MeV per nucleon: any textbook of the Bethe-Weizsaecker formula
    drop = mass_formulas.Calibrated(
        ("volume", "surface", "coulomb", "asymmetry", "pairing"),
        np.array([15.8, 18.3, 0.714, 23.2, 12.0]),
    )
    z, n = np.array([26]), np.array([30])
    assert drop.binding(z, n)[0] / 56 == pytest.approx(8.79, abs=0.1)


def test_landscape_of_the_liquid_drop_is_unmeasured_and_bound(drop):
    rows = drop.part("landscape")
    assert 500 < len(rows) < 1500
    assert rows["Z"].between(8, 110).all()
    assert (rows[list(drop.models)] > 0).all(axis=None)
