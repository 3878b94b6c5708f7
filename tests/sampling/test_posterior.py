"""What a sampled estimator leaves behind: names, diagnostics and the layout that ArviZ reads."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from dirimix.sampling import posterior
from dirimix.sampling.convergence import judge
from dirimix.sampling.posterior import Quantity

RNG = np.random.default_rng(0)
WEIGHT = RNG.dirichlet([1, 1, 1], (4, 1000, 2))
SITES, MODELS = ("x=1", "x=2"), ("a", "b", "c")


def of(values: np.ndarray) -> dict[str, Quantity]:
    return {"w": Quantity(values, ("point", "model"), (SITES, MODELS))}


def test_every_scalar_has_a_name_that_says_what_it_is():
    assert Quantity(WEIGHT[..., 0, 0]).names("sigma") == ["sigma"]
    assert Quantity(WEIGHT[..., 0, :], ("model",), (MODELS,)).names("eta")[1] == "eta[b]"
    names = Quantity(WEIGHT, ("point", "model"), (SITES, MODELS)).names("w")
    assert names == [f"w[{s}, {m}]" for s in SITES for m in MODELS]


def test_good_draws_pass_and_each_fault_is_seen():
    found = posterior.diagnose(of(WEIGHT))
    np.testing.assert_allclose(found["mean"], WEIGHT.mean(axis=(0, 1)).ravel())
    np.testing.assert_allclose(found["sd"], WEIGHT.reshape(-1, 6).std(axis=0, ddof=1))
    calm = {"diverging": np.zeros((4, 1000)), "energy": WEIGHT[..., 0, 0]}
    assert judge(found, calm).converged
    elsewhere = WEIGHT + np.array([0.2, 0, 0, 0])[:, None, None, None]
    repeated = np.repeat(WEIGHT[:, ::20], 20, axis=1)
    for values, word in ((elsewhere, "rhat above"), (repeated, "ess_bulk below")):
        reasons = judge(posterior.diagnose(of(values)), calm).reasons
        assert any(reason.startswith(word) for reason in reasons)
    slow = {"energy": np.cumsum(WEIGHT[..., 0, 0], axis=1)}
    assert judge(found, calm | slow).reasons[0].startswith("energy moved too little")


def test_rows_that_are_asked_for_are_those_of_the_whole_table():
    checked = of(WEIGHT) | {"sigma": Quantity(WEIGHT[..., 0, 0]), "s": Quantity(WEIGHT[..., 1, 1])}
    whole = posterior.diagnose(checked)
    for rows in ([0], [1, 5], [6], [2, 7], list(range(8))):
        some = posterior.diagnose(checked, np.array(rows))
        pd.testing.assert_frame_equal(some, whole.loc[rows].reset_index(drop=True))


def test_a_weight_that_is_always_zero_is_no_fault_and_no_warning():
    values = WEIGHT.copy()
    values[:, :, 1, 0] = 0
    found = posterior.diagnose(of(values))
    assert found["sd"].tolist()[3] == 0
    calm = {"diverging": np.zeros((4, 1000)), "energy": WEIGHT[..., 0, 0]}
    assert judge(found, calm).converged


def test_the_tree_keeps_labels_and_survives_a_file(tmp_path):
    tree = posterior.data_tree(
        of(WEIGHT),
        {"diverging": np.zeros((4, 1000), dtype=bool)},
        {"y": Quantity(np.arange(2.0), ("point",), (SITES,))},
        {"f": Quantity(np.ones((2, 3)), ("point", "model"), (SITES, MODELS))},
        Quantity(WEIGHT[..., 0], ("point",), (SITES,)),
        {"w": WEIGHT[..., 0, 0]},
    )
    tree.to_netcdf(tmp_path / "t.nc", engine="h5netcdf")
    with xr.open_datatree(tmp_path / "t.nc", engine="h5netcdf") as back:
        assert back.attrs["inference_library"] == "dirimix"
        chosen = back["posterior"]["w"].sel(point="x=2", model="b")
        np.testing.assert_array_equal(chosen, WEIGHT[:, :, 1, 1])
        assert back["sample_stats"]["diverging"].dtype == np.int8
        assert back["log_likelihood"]["y"].dims == ("chain", "draw", "point")
        assert float(back["constant_data"].to_dataset()["f"].sum()) == pytest.approx(6)
