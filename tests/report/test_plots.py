from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from cells import edges_round
from dirimix.methods import METHODS
from dirimix.report import plots
from dirimix.report.figures import ranks
from dirimix.report.look import ColumnLabels, blocks, method_look, name_places, panels
from dirimix.report.picture import make_picture

NAMES = ColumnLabels({"a": "Model A"}, {"y": "m", "x": "km"})


def axes():
    return panels(1, 1, 3, 3)[0, 0]


def drawn(figure):
    """The figure survives being drawn."""
    figure.canvas.draw()
    return True


def test_groups_have_colours_and_their_members_dashes_and_marks():
    looks = {m: method_look(m) for m in METHODS}
    colours = {METHODS[m].group: look.colour for m, look in looks.items()}
    assert len(set(colours.values())) == len(colours)
    for m, look in looks.items():
        assert look.colour == colours[METHODS[m].group]
    for group in colours:
        members = [looks[m] for m in METHODS if METHODS[m].group == group]
        assert len({(str(look.dash), look.marker) for look in members}) == len(members)


@pytest.mark.parametrize("name", ["gbmm-d+gp", "gbmm-d@wide", "lbmm-lgp+delta", "raw+contrast@b"])
def test_variants_of_a_method_are_hollow(name):
    plain, variant = method_look(name.partition("+")[0].partition("@")[0]), method_look(name)
    assert (variant.colour, variant.marker) == (plain.colour, plain.marker)
    assert (plain.face, variant.face) == (plain.colour, "none")
    assert not method_look("a name of another program").hollow


def test_names_have_units_on_axes():
    assert NAMES.axis("y") == "y (m)"
    assert NAMES.axis("a") == "Model A"


def test_coverage_gaps_are_coverage_less_its_level():
    table = pd.DataFrame(
        {
            "method": ["equal"] * 3 + ["gbmm-d"] * 3,
            "level": [0.2, 0.5, 0.9] * 2,
            "coverage": [0.1, 0.4, 0.8, 0.2, 0.5, 0.9],
            "nominal_lo": [0.1, 0.4, 0.8] * 2,
            "nominal_hi": [0.3, 0.6, 1.0] * 2,
        }
    )
    grid = plots.coverage_gaps(table)
    assert [ax.get_title() for ax in grid.flat] == ["equal", "gbmm-d"]
    gaps = [np.asarray(ax.lines[1].get_ydata()) for ax in grid.flat]
    np.testing.assert_allclose(gaps, [[-0.1] * 3, [0] * 3], atol=1e-12)
    assert drawn(grid[0, 0].figure)


def test_weight_bars_are_as_long_as_the_weights_and_free_ones_are_written():
    table = pd.DataFrame(
        {
            "method": ["ols", "ols", "equal", "equal"],
            "model": ["a", "b", "a", "b"],
            "mean": [1.2, -0.2, 0.5, 0.5],
            "q05": [1.1, -0.3, 0.5, 0.5],
            "q95": [1.3, -0.1, 0.5, 0.5],
        }
    )
    grid = plots.weight_bars(table, ["a", "b"], NAMES)
    for ax, free in zip(grid[0], ("1.2", "-0.2"), strict=True):
        assert [bar.get_width() for bar in ax.patches] == [0.5]
        assert [text.get_text() for text in ax.texts] == [free]
        assert ax.get_xlim() == (0, 1)
    assert [ax.get_title() for ax in grid[0]] == ["Model A", "b"]
    assert drawn(grid[0, 0].figure)


def weights(coords) -> pd.DataFrame:
    sites = pd.DataFrame(coords).assign(split="landscape", method="lbmm-gpd")
    sites.loc[:3, "split"] = "train"
    low = sites.assign(model="a", mean=0.2, q05=0.1, q95=0.3)
    return pd.concat([low, sites.assign(model="b", mean=0.8, q05=0.7, q95=0.9)])


def lattice():
    x, z = np.meshgrid(np.arange(0.0, 8, 2), np.arange(5.0))
    return {"x": x.ravel(), "z": z.ravel()}


def test_weight_maps_have_scales_of_their_own_and_outline_the_training_sites():
    grid = plots.weight_maps(weights(lattice()), ["x", "z"], ["a", "b"], NAMES)
    for ax, value in zip(grid.flat, (0.2, 0.8), strict=True):
        (cells,), (outline,) = ax.images, ax.lines
        np.testing.assert_allclose(cells.get_clim(), (value - 0.01, value + 0.01))
        np.testing.assert_array_equal(cells.get_array(), np.full((5, 4), value))
        assert cells.get_extent() == [-1, 7, -0.5, 4.5]
        # four cells in a row, one ring round all
        ring = np.array([[-1, -0.5], [-1, 0.5], [7, 0.5], [7, -0.5]])
        assert {*map(tuple, outline.get_xydata()[:-1])} == {*map(tuple, ring)}
        assert edges_round(outline, 2.0) == 10
    assert (grid[0, 0].get_xlabel(), grid[0, 0].get_ylabel()) == ("x (km)", "z")
    assert drawn(grid[0, 0].figure)


def test_the_outline_is_of_the_training_region_only():
    everywhere = weights(lattice()).assign(split="train")
    twice = pd.concat([everywhere, everywhere])  # sites that were measured twice
    for table in (everywhere, twice):
        grid = plots.weight_maps(table, ["x", "z"], ["a", "b"], NAMES)
        assert edges_round(grid[0, 0].lines[0], 2.0) == 2 * (4 + 5)


def test_an_outline_goes_round_every_hole_and_island():
    x, z = (v.ravel() for v in np.meshgrid(np.arange(5.0), np.arange(5.0)))
    # a ring of cells round an empty one, which touches a single cell at a corner
    seen = (x < 3) & (z < 3) & ~((x == 1) & (z == 1)) | (x == 3) & (z == 3)
    table = weights({"x": x, "z": z}).assign(split=np.tile(np.where(seen, "train", "test"), 2))
    axes = plots.weight_maps(table, ["x", "z"], ["a", "b"], NAMES)[0, 0]
    assert edges_round(axes.lines[0]) == 12 + 4 + 4


def test_cells_with_steps_of_several_sizes_have_their_places():
    x, z = (v.ravel() for v in np.meshgrid([0.0, 1, 2.3, 4], [0.0, 1, 2]))
    axes = plots.weight_maps(weights({"x": x, "z": z}), ["x", "z"], ["a", "b"], NAMES)[0, 0]
    middles = [path.vertices[:4].mean(axis=0) for path in axes.collections[0].get_paths()]
    np.testing.assert_allclose(middles, np.stack([x, z], axis=1))


def test_lines_for_reference_stand_where_there_are_sites():
    names = replace(NAMES, lines={"x": (2.0, 99.0), "z": (1.5,)})
    axes = plots.weight_maps(weights(lattice()), ["x", "z"], ["a"], names)[0, 0]
    _, up, across = axes.lines
    assert (up.get_xdata()[0], across.get_ydata()[0]) == (2.0, 1.5)


def test_bars_of_many_models_stand_in_rows():
    models = [f"m{k}" for k in range(19)]
    rows = pd.DataFrame(
        {"method": "equal", "model": models, "mean": 1 / 19, "q05": 0.0, "q95": 0.1}
    )
    rows = pd.concat([rows, rows.assign(method="simplex-ls")])
    grid = plots.weight_bars(rows, models, NAMES)
    assert grid.shape == (3, 7)
    assert [ax.get_title() for ax in grid.flat[:19]] == models
    for line in grid:
        assert [t.get_text() for t in line[0].get_yticklabels()] == ["equal", "simplex-ls"]
    assert not any(ax.axison for ax in grid.flat[19:])


def test_several_methods_have_a_line_of_maps_each():
    table = weights(lattice())
    both = pd.concat([table, table.assign(method="lbmm-gld", mean=0.5)])
    grid = plots.weight_maps(both, ["x", "z"], ["a", "b"], NAMES)
    titles = [[ax.get_title() for ax in line] for line in grid]
    assert titles == [["lbmm-gpd: Model A", "lbmm-gpd: b"], ["lbmm-gld: Model A", "lbmm-gld: b"]]
    np.testing.assert_array_equal(grid[1, 0].images[0].get_array(), 0.5)
    assert drawn(grid[0, 0].figure)


@pytest.mark.parametrize(("count", "lines", "columns"), [(1, 2, 3), (2, 2, 6), (3, 4, 6)])
def test_no_more_than_two_blocks_stand_side_by_side(count, lines, columns):
    grid = blocks(count, 5, 1.0, 1.0)
    assert grid.shape == (count, 5)
    shape = grid[0, 0].get_subplotspec().get_gridspec().get_geometry()
    assert shape == (lines, columns)
    shown = [axes for axes in grid[0, 0].figure.axes if axes.axison]
    assert len(shown) == count * 5
    places = [axes.get_subplotspec() for axes in grid[-1]]
    first = 2 * ((count - 1) // 2), 3 * ((count - 1) % 2)
    assert (places[0].rowspan.start, places[0].colspan.start) == first


def test_only_outer_maps_are_labelled():
    grid = plots.weight_maps(weights(lattice()), ["x", "z"], ["a", "b"], NAMES)
    assert [(ax.get_xlabel(), ax.get_ylabel()) for ax in grid[0]] == [
        ("x (km)", "z"),
        ("x (km)", ""),
    ]
    assert len(grid[0, 0].get_yticks()) > 2
    assert len(grid[0, 1].get_yticks()) == 0


def test_maps_of_three_coordinates_are_of_the_first_two():
    table = weights(lattice()).assign(t=1.0)
    grid = plots.weight_maps(table, ["x", "z", "t"], ["a", "b"], NAMES)
    assert (grid[0, 0].get_xlabel(), grid[0, 0].get_ylabel()) == ("x (km)", "z")


def test_scattered_sites_are_dots():
    rng = np.random.default_rng(0)
    table = weights({"x": rng.random(40), "z": rng.random(40)})
    grid = plots.weight_maps(table, ["x", "z"], ["a", "b"], NAMES)
    (marks,) = grid[0, 0].collections
    assert len(marks.get_offsets()) == 40
    assert drawn(grid[0, 0].figure)


def test_one_coordinate_gives_lines_with_bands():
    table = weights({"x": np.array([3.0, 1.0, 2.0, 0.0, 5.0])})
    grid = plots.weight_maps(table, ["x"], ["a", "b"], NAMES)
    line, ticks = grid[0, 0].lines
    np.testing.assert_array_equal(line.get_xdata(), [0, 1, 2, 3, 5])
    assert len(ticks.get_xdata()) == 4
    assert grid[0, 0].get_xlabel() == "x (km)"
    assert drawn(grid[0, 0].figure)


@pytest.fixture
def predictions():
    mean = np.linspace(0, 5, 6)
    return pd.DataFrame(
        {
            "method": "equal",
            "split": ["train"] * 3 + ["test"] * 3,
            "observed": mean + 0.1,
            "mean": mean,
            "q05": mean - 1,
            "q95": mean + 1,
        }
    )


def test_residuals_are_observed_minus_predicted(predictions):
    ax = plots.residuals(predictions, "y", NAMES, axes())
    np.testing.assert_allclose(np.asarray(ax.lines[0].get_ydata()), 0.1)
    assert ax.get_xlabel() == "predicted y (m)"
    assert drawn(ax.figure)


def test_ranks_of_chains_that_agree_are_flat_and_of_a_stray_one_are_not():
    rng = np.random.default_rng(0)
    alike = rng.normal(size=(4, 2000))
    grid = plots.ranks({"sigma": alike, "rho": alike + [[0], [0], [0], [3]]}, 5)
    assert [len(ax.patches) for ax in grid] == [4, 4]
    shares = [np.stack([step.get_data().values for step in ax.patches]) for ax in grid]
    np.testing.assert_allclose([s.mean(axis=0) for s in shares], 1, atol=2e-3)
    assert np.abs(shares[0] - 1).max() < 0.2
    assert shares[1][3, -1] > 3
    assert [ax.get_title() for ax in grid] == ["sigma", "rho"]
    assert drawn(grid[0].figure)


def test_only_chains_and_what_varies_in_them_are_ranked():
    varies = np.random.default_rng(0).normal(size=(4, 50))
    sampled = xr.Dataset(
        {n: (("chain", "draw"), v) for n, v in {"s": varies, "m": 0 * varies}.items()}
    )
    posteriors = {
        "four": sampled,
        "fixed": sampled[["m"]],
        "one": sampled.isel(chain=[0]),
        "none": None,
    }
    nothing = pd.DataFrame(columns=["method", "parameter", "rhat"])
    output: Any = SimpleNamespace(
        methods=list(posteriors), posterior=posteriors.get, names=NAMES, table=lambda _: nothing
    )
    pictures = ranks(output)
    assert list(pictures) == ["four"]


@pytest.mark.parametrize("coords", [["day"], ["day", "state"]])
def test_dates_and_categories_are_written_on_the_axes(coords):
    days = pd.date_range("2013-01-01", "2014-12-31", periods=8)
    states = pd.Categorical(["$x$", "模"] * 4, categories=["$x$", "模"])
    names = ColumnLabels({}, {}, {"day": "date", "state": "category"}, {"state": ["$x$", "模"]})
    table = pd.DataFrame(
        {"method": "lbmm-gld", "split": "train", "day": days, "state": states, "model": "a"}
    ).assign(mean=0.5, q05=0.2, q95=np.linspace(0.6, 0.9, 8))
    ax = plots.weight_maps(table, coords, ["a"], names)[0, 0]
    make_picture(ax.figure, "no warning of signs without a font")
    texts = [label.get_text() for label in ax.get_xticklabels()]
    assert {"2013", "2014"} <= set(texts)
    if len(coords) == 2:
        assert [label.get_text() for label in ax.get_yticklabels()] == ["$x$", "模"]


@pytest.mark.parametrize("others", [{}, {"depth": [0.0, 1.0] * 4}])
def test_panels_between_others_have_no_dates_to_write(others):
    """The only place where an axis of dates has no tick at all."""
    sites = {**others, "day": pd.date_range("2013-01-01", "2014-12-31", periods=8)}
    names = ColumnLabels({}, {}, {"day": "date"})
    table = pd.concat([weights(sites).assign(model=m) for m in "abcdefgh"])
    grid = plots.weight_maps(table, list(sites), list("abcdefgh"), names)
    axis = "y" if others else "x"
    shown = [len(getattr(ax, f"get_{axis}ticks")()) for ax in grid.flat]
    assert min(shown) == 0 < max(shown)
    make_picture(grid[0, 0].figure, "no failure")


@pytest.mark.parametrize("days", [0.002, 0.7, 2.6, 55, 1440, 1800, 30_000])
def test_dates_over_any_time_have_a_few_ticks(days):
    ax = axes()
    ax.set_xlim(16437, 16437 + days)
    name_places(ax.xaxis, "day", ColumnLabels({}, {}, {"day": "date"}))
    ticks = ax.get_xticks()  # no warning either
    assert 2 <= np.sum((ticks >= 16437) & (ticks <= 16437 + days)) <= 7
