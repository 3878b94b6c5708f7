"""Kinds of coordinates at every door: the command line, a study and Python give one answer."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dirimix import GPCorrection, SimplexLeastSquares
from dirimix.cli.main import main

MODELS = ["a", "b"]


def table(lon: np.ndarray) -> pd.DataFrame:
    """Sites across the date line, their day of the year, two models."""
    rng = np.random.default_rng(0)
    n = len(lon)
    east, doy = np.linspace(170, 190, n), (np.arange(n) * 37.0) % 365.25
    truth = np.sin(np.radians(8 * east)) + 0.3 * np.cos(2 * np.pi * doy / 365.25)
    models = {m: truth + rng.normal(0, 0.1, n) + k * 0.2 for k, m in enumerate(MODELS)}
    lat = rng.uniform(-5, 5, n)
    y = truth + rng.normal(0, 0.02, n)
    return pd.DataFrame({"lat": lat, "lon": lon, "doy": doy, **models, "y": y})


EAST = np.linspace(170, 190, 60)
BOTH = {"east": table(EAST), "both": table((EAST + 180) % 360 - 180)}


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("places")
    for name, frame in BOTH.items():
        frame.to_csv(home / f"{name}.csv", index=False)
    return home


def fit(home: Path, name: str, *more: str) -> pd.DataFrame:
    out = home / f"{name}{len(more)}"
    columns = ["--target", "y", "--coords", "lat,lon,doy", "--models", "a,b", *more]
    method = ["--method", "simplex-ls+gp", "--y-scale", "0.5", "--quiet", "--out", str(out)]
    assert main(["fit", str(home / f"{name}.csv"), *columns, *method]) == 0
    return pd.read_csv(out / "predictions.csv")


@pytest.mark.filterwarnings("ignore:mixing corrected models")
def test_one_place_has_one_answer_at_every_door(home):
    words = ("--geo", "lon,lat", "--periodic", "doy=365.25")
    found = {name: fit(home, name, *words) for name in BOTH}
    east, both = (found[name].drop(columns="lon") for name in BOTH)
    pd.testing.assert_frame_equal(east, both)
    np.testing.assert_allclose(found["both"]["lon"], BOTH["both"]["lon"])  # as they were given
    plain = {name: fit(home, name)["mean"] for name in BOTH}
    assert np.abs(plain["east"] - plain["both"]).max() > 1e-3  # the control
    places = {"geo": ["lon", "lat"], "periodic": {"doy": 365.25}}
    coords, frame = ["lat", "lon", "doy"], BOTH["east"]
    correction = GPCorrection(coords, MODELS, **places, y_scale=0.5).fit(frame, frame["y"])
    corrected = correction.transform(frame)
    mixture = SimplexLeastSquares(coords, MODELS, **places, y_scale=0.5).fit(corrected, frame["y"])
    np.testing.assert_allclose(mixture.predict(corrected), east["mean"], atol=1e-8)
    study = home / "study.toml"
    study.write_text(
        "[data]\ntable = 'both.csv'\ntarget = 'y'\ncoords = ['lat', 'lon', 'doy']\n"
        "models = ['a', 'b']\ngeo = ['lon', 'lat']\nperiodic = { doy = 365.25 }\n"
        "[methods]\nrun = ['simplex-ls+gp']\n[options]\ny_scale = 0.5\n[scores]\nn_boot = 10\n"
    )
    assert main(["run", "--no-report", str(study), "--quiet", "--out", str(home / "study")]) == 0
    ran = pd.read_csv(home / "study" / "predictions.csv")
    np.testing.assert_allclose(ran["mean"], both["mean"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--geo", "lat,lon"), "latitude 'lon' must be between -90 and 90"),
        (("--geo", "lon"), "geo names a longitude and a latitude"),
        (("--geo", "lon,lta"), "geo names 'lta', which is no coordinate (did you mean 'lat'"),
        (("--periodic", "doy"), "--periodic takes COORDINATE=PERIOD"),
        (("--periodic", "doy=0"), "the period of 'doy' must be a positive number"),
    ],
)
def test_words_that_do_not_fit_are_refused_before_anything_is_written(home, words, message, capsys):
    out = home / "refused"
    columns = ["--target", "y", "--coords", "lat,lon,doy", "--models", "a,b", *words]
    assert (
        main(["fit", str(home / "east.csv"), *columns, "--method", "equal", "--out", str(out)]) == 2
    )
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_methods_that_use_no_coordinates_need_none(home, capsys):
    columns = ["--target", "y", "--models", "a,b", "--quiet"]
    for method, more in (
        ("simplex-ls", ()),
        ("bma-laplace", ("--option", "evidence_rows=[1, 5, 9]")),
    ):
        out = home / f"nowhere-{method}"
        words = [*columns, "--method", method, *more, "--out", str(out)]
        assert main(["fit", str(home / "east.csv"), *words]) == 0
        assert main(["report", str(out)]) == 0
        given = home / f"{method}.csv"
        words = [str(out), str(home / "east.csv"), "--quiet", "--out", str(given)]
        assert main(["predict", *words]) == 0
        assert list(pd.read_csv(given).columns[:3]) == ["row", "mean", "sd"]
    capsys.readouterr()
    for method in ("lbmm-gld", "equal+gp", "bma-laplace"):
        words = [*columns, "--method", method, "--out", str(home / "none")]
        assert main(["fit", str(home / "east.csv"), *words]) == 2
        assert "coord" in capsys.readouterr().err


def test_repeats_and_sites_outside_are_noted(home):
    frame = BOTH["east"].assign(u=0.1, split=np.where(np.arange(60) < 50, "train", "test"))
    twice = pd.concat([frame, frame.iloc[:10].assign(y=frame["y"][:10] + 0.1)])
    twice.to_csv(home / "twice.csv", index=False)
    study = home / "twice.toml"
    text = (
        "[data]\ntable = 'twice.csv'\ntarget = 'y'\nerror = 'u'\nsplit = 'split'\n"
        "coords = ['lat', 'lon', 'doy']\nmodels = ['a', 'b']\ngeo = ['lon', 'lat']\n"
        "periodic = {{ doy = 365.25 }}\nrepeats = '{}'\n"
        "[methods]\nrun = ['simplex-ls']\n[scores]\nn_boot = 10\n"
    )
    for word, rows, note in (("keep", 60, "60 training rows are at 50 sites"), ("pool", 50, "50")):
        study.write_text(text.format(word))
        out = home / f"run-{word}"
        assert main(["run", "--no-report", str(study), "--quiet", "--out", str(out)]) == 0
        scores = pd.read_csv(out / "scores.csv").set_index("split")
        assert scores.loc["train", "n"] == rows
        assert scores.loc["train", "outside"] == 0
        assert scores.loc["test", "outside"] == 10
        notes = " ".join(json.loads((out / "manifest.json").read_text())["data"]["notes"])
        assert note in notes
        assert "10 of 10 test rows lie outside the training sites, in 'lon' (170 to" in notes
