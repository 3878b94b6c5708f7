"""Maps of a table that crosses the date line, and of one that does not."""

import numpy as np
import pandas as pd
import pytest

from browser import opened
from dirimix import EqualWeights
from dirimix.report import fitted_plot, law_plots, plots
from dirimix.report.explore import explorer
from dirimix.report.look import degrees_text
from dirimix.report.opening.choice import opening
from dirimix.report.output import read_output
from fit_report import fit_report

STEP = 5.0
EAST = {"pacific": np.arange(160.0, 205, STEP), "europe": np.arange(-10.0, 35, STEP)}
MERIDIANS = {
    "pacific": ["160°E", "165°E", "170°E", "175°E", "180°", "175°W", "170°W", "165°W", "160°W"],
    "europe": ["10°W", "5°W", "0°", "5°E", "10°E", "15°E", "20°E", "25°E", "30°E"],
}


def table(east):
    """A grid of 9 x 6 sites; longitudes from -180 to 180, as most files have them."""
    lon, lat = (v.ravel() for v in np.meshgrid(east, np.arange(-10.0, 20, STEP)))
    truth = 0.1 * lon + np.sin(lat)
    y = np.where(np.arange(len(lon)) % 3, truth + 0.1 * np.cos(7 * lon), np.nan)
    return pd.DataFrame(
        {"lon": (lon + 180) % 360 - 180, "lat": lat, "y": y, "a": truth + 0.2, "b": truth - 0.3}
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """By name of the sea or land, the output of a fit of equal weights, with its report."""
    found = {}
    for name, east in EAST.items():
        folder = tmp_path_factory.mktemp(name)
        more = ("--geo", "lon,lat")
        found[name] = fit_report(folder, table(east), "ab", ["lon", "lat"], *more).parent
    return found


def cells(axes):
    """The middles across the page of the cells that a static map colours, least first."""
    (image,) = axes.images
    west, east, _, _ = image.get_extent()
    seen = np.asarray(np.ma.filled(image.get_array(), np.nan))
    edges = np.linspace(west, east, seen.shape[1] + 1)
    return np.round((edges[1:] + edges[:-1])[np.isfinite(seen).any(axis=0)] / 2, 6)


def test_degrees_are_printed_as_on_maps():
    given = [-180.0, 180.0, 185.0, -175.0, 359.0, 361.0, -0.0, 0.25]
    words = ["180°", "180°", "175°W", "175°W", "1°W", "1°E", "0°", "0.25°E"]
    assert [degrees_text(v, "EW") for v in given] == words
    assert [degrees_text(v, "NS") for v in (-90, 0, 12.5)] == ["90°S", "0°", "12.5°N"]


@pytest.mark.parametrize("name", EAST)
def test_static_maps_are_in_one_piece(folders, name):
    output = read_output(folders[name])
    law = output.table("predictions")
    weights = output.table("sites").assign(method="equal", model="a", mean=0.5, q05=0.4, q95=0.6)
    maps = [
        *law_plots.prediction_maps(law, output.axes, "y", output.names).flat,
        *plots.weight_maps(weights, output.axes, ["a"], output.names).flat,
    ]
    for axes in maps:
        np.testing.assert_allclose(cells(axes), EAST[name])
        axes.figure.canvas.draw()
        ticks = [label.get_text() for label in axes.get_xticklabels()]
        known = {degrees_text(v, "EW") for v in np.arange(0, 360, 2.5)}
        assert len(ticks) >= 3
        assert set(ticks) <= known
    # a control: without the cut the sites of the Pacific lie at both ends of the page
    torn = plots.weight_maps(weights, output.axes, ["a"], type(output.names)({}, {}))[0, 0]
    assert (np.diff(cells(torn)).max() > 300) == (name == "pacific")


@pytest.mark.parametrize("name", EAST)
def test_sections_run_across_the_date_line(folders, name):
    rows = table(EAST[name])
    row = rows.iloc[:9]
    mixture = EqualWeights(["lon", "lat"], ["a", "b"], geo=["lon", "lat"])
    mixture.fit(rows, rows["a"] + 0.1)
    axes = fitted_plot.plot(mixture, row, along="lon")
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_xdata(), dtype=float), EAST[name])
    output = read_output(folders[name])
    content = explorer(output, opening(output))
    assert (content["coords"][0]["round"] is None) == (name == "europe")
    # the page starts amid a line, not at its end
    start = content["sites"]["x"][0][content["start"]]
    assert abs((start - EAST[name][4] + 180) % 360 - 180) <= STEP


def middles(page):
    """The columns of the live map: where its cells stand on the page, least first."""
    cells = page.locator("#map-figure g[data-mark=rect]").first.locator("rect")
    return np.unique(np.round(cells.evaluate_all("all => all.map(e => +e.getAttribute('x'))"), 2))


def shown(page):
    """The longitude of the chosen site."""
    return float(page.locator("#site-title").inner_text().split()[2].strip(",").replace("−", "-"))


@pytest.mark.parametrize("name", EAST)
def test_the_live_map_is_in_one_piece(chromium, folders, name):
    with opened(chromium, folders[name] / "report.html") as page:
        assert page.locator("#map-figure g[data-mark=rect]").first.locator("rect").count() == 54
        columns = middles(page)
        assert len(columns) == len(EAST[name])
        np.testing.assert_allclose(np.diff(columns), np.diff(columns)[0], rtol=0.02)
        ticks = page.locator("#map-figure svg[role=img] g[data-mark='x-axis tick label'] text")
        assert set(ticks.all_text_contents()) <= set(MERIDIANS[name])
        line = page.locator("#section-figure g[data-mark='x-axis tick label'] text")
        assert set(line.all_text_contents()) <= set(MERIDIANS[name])
        assert ticks.count() >= 3
        # sites go by the table's own numbers, and one step east is one column on
        page.locator("#find input").first.fill("-170" if name == "pacific" else "-10")
        page.locator("#find button").click()
        here = shown(page)
        assert here == (-170 if name == "pacific" else -10)
        page.locator("#map-figure").focus()
        page.keyboard.press("ArrowRight")
        assert shown(page) == here + STEP
        page.locator("#region input").nth(0).fill("175" if name == "pacific" else "-5")
        page.locator("#region input").nth(1).fill("-170" if name == "pacific" else "10")
        page.locator("#region button", has_text="apply").click()
        assert page.locator("#region-size").inner_text() == "24 of 54 sites"
        with page.expect_download() as got:
            page.locator("#data-downloads button", has_text="predictions.csv").click()
        saved = pd.read_csv(got.value.path())
        assert sorted(saved["lon"]) == sorted(table(EAST[name])["lon"])
