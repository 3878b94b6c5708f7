import numpy as np
import pandas as pd
import pytest

from dirimix.methods import METHODS
from dirimix.report import plots
from dirimix.report.look import ColumnLabels, method_colour, panels
from dirimix.report.picture import make_picture

NAMES = ColumnLabels({"a": "Model A"}, {"y": "m", "x": "km"})


def axes():
    return panels(1, 1, 3, 3)[0, 0]


def drawn(figure):
    """The figure survives being drawn."""
    figure.canvas.draw()
    return True


def test_methods_have_colours_of_their_own():
    assert len({method_colour(m) for m in METHODS}) == len(METHODS)
    assert method_colour("gbmm-d+gp") == method_colour("gbmm-d")
    assert method_colour("unheard-of") == method_colour("unheard-of")


def test_names_have_units_on_axes():
    assert NAMES.axis("y") == "y (m)"
    assert NAMES.axis("a") == "Model A"


def test_coverage_curves_show_each_method_and_the_band():
    table = pd.DataFrame(
        {
            "method": ["equal"] * 3 + ["equal+gp"] * 3,
            "level": [0.2, 0.5, 0.9] * 2,
            "coverage": [0.1, 0.4, 0.8, 0.2, 0.5, 0.9],
            "nominal_lo": [0.1, 0.4, 0.8] * 2,
            "nominal_hi": [0.3, 0.6, 1.0] * 2,
        }
    )
    ax = plots.coverage_curves(table, axes())
    diagonal, plain, corrected = ax.lines
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    np.testing.assert_array_equal(plain.get_ydata(), [0.1, 0.4, 0.8])
    assert (plain.get_linestyle(), corrected.get_linestyle()) == ("-", "--")
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["equal", "equal+gp"]
    assert ax.get_xlabel() == "nominal level"
    assert drawn(ax.figure)


def test_score_dots_stand_at_the_scores_in_order():
    table = pd.DataFrame(
        {
            "method": ["raw", "ols", "ols"],
            "model": ["a", "", ""],
            "weights": ["field", "field", "projected"],
            "rms": [1.0, 2.0, 3.0],
            "rms_lo": [0.5, 1.5, 2.5],
            "rms_hi": [1.5, 2.5, 3.5],
        }
    )
    ax = plots.score_dots(table, "rms", "rms (m)", NAMES, axes())
    labels = [t.get_text() for t in ax.get_yticklabels()]
    assert labels == ["raw Model A", "ols", "ols, projected"]
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [float(np.asarray(d.get_xdata())[0]) for d in dots] == [1.0, 2.0, 3.0]
    assert dots[2].get_markerfacecolor() == "none"
    assert ax.get_xlabel() == "rms (m)"
    assert drawn(ax.figure)


def test_weight_bars_are_as_long_as_the_weights():
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
    assert [bar.get_width() for bar in grid[0, 0].patches] == [1.2, 0.5]
    assert [bar.get_width() for bar in grid[0, 1].patches] == [-0.2, 0.5]
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


def test_weight_maps_share_one_scale_and_outline_the_training_sites():
    grid = plots.weight_maps(weights(lattice()), ["x", "z"], ["a", "b"], NAMES)
    for ax, value in zip(grid.flat, (0.2, 0.8), strict=True):
        cells, outline = ax.collections
        assert cells.get_clim() == (0, 1)
        np.testing.assert_array_equal(cells.get_array(), value)
        assert len(cells.get_paths()) == 20
        # four cells in a row: 2 * 4 + 2 outer edges, the 3 inner ones are shared
        assert len(outline.get_segments()) == 10
    assert grid[0, 0].get_ylabel() == "x (km)"
    assert drawn(grid[0, 0].figure)


def test_the_outline_is_of_the_training_region_only():
    everywhere = weights(lattice()).assign(split="train")
    twice = pd.concat([everywhere, everywhere])  # sites that were measured twice
    for table in (everywhere, twice):
        grid = plots.weight_maps(table, ["x", "z"], ["a", "b"], NAMES)
        assert len(grid[0, 0].collections[1].get_segments()) == 2 * (4 + 5)


def test_several_methods_have_a_line_of_maps_each():
    table = weights(lattice())
    both = pd.concat([table, table.assign(method="lbmm-gld", mean=0.5)])
    grid = plots.weight_maps(both, ["x", "z"], ["a", "b"], NAMES, top=0.8)
    titles = [[ax.get_title() for ax in line] for line in grid]
    assert titles == [["lbmm-gpd: Model A", "lbmm-gpd: b"], ["lbmm-gld: Model A", "lbmm-gld: b"]]
    assert {ax.collections[0].get_clim() for ax in grid.flat} == {(0, 0.8)}
    np.testing.assert_array_equal(grid[1, 0].collections[0].get_array(), 0.5)
    assert drawn(grid[0, 0].figure)


def test_maps_of_three_coordinates_are_of_the_first_two():
    table = weights(lattice()).assign(t=1.0)
    grid = plots.weight_maps(table, ["x", "z", "t"], ["a", "b"], NAMES)
    assert (grid[0, 0].get_xlabel(), grid[0, 0].get_ylabel()) == ("z", "x (km)")


def test_scattered_sites_are_dots():
    rng = np.random.default_rng(0)
    table = weights({"x": rng.random(40), "z": rng.random(40)})
    grid = plots.weight_maps(table, ["x", "z"], ["a", "b"], NAMES)
    (marks,) = grid[0, 0].collections
    assert len(marks.get_offsets()) == 40
    assert marks.get_clim() == (0, 1)
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


def test_traces_have_one_line_a_chain():
    grid = plots.traces({"sigma": np.zeros((3, 10)), "rho": np.ones((3, 10))})
    assert [len(ax.lines) for ax in grid] == [3, 3]
    assert [ax.get_title() for ax in grid] == ["sigma", "rho"]
    assert drawn(grid[0].figure)


@pytest.mark.parametrize("coords", [["day"], ["state", "day"]])
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
