"""The site and the section with which the page opens, and which sites a section joins."""

import numpy as np
import pandas as pd
import pytest

from browser import opened
from dirimix.report.law_plots import view_of
from dirimix.report.opening.choice import first_site, models_coincide
from dirimix.report.opening.line import line_through, opening_line
from fit_report import fit_report


def grid(*sizes: int) -> np.ndarray:
    return np.array(list(np.ndindex(*sizes)), dtype=float)


@pytest.mark.parametrize("along", [0, 1, 2])
def test_a_section_holds_the_other_coordinates_fixed(along):
    x = grid(3, 12, 2)  # labels, numbers, and a coordinate of two values
    line = line_through(x, 30, along, [0])
    assert line.exact
    assert len(line.sites) == [3, 12, 2][along]
    others = np.delete(x[line.sites], along, axis=1)
    assert (others == np.delete(x[30], along)).all()


def test_where_too_few_sites_lie_on_a_line_the_nearest_have_the_same_labels():
    rng = np.random.default_rng(3)
    x = np.column_stack([rng.uniform(size=(200, 2)), np.arange(200) % 3])
    line = line_through(x, 4, 0, [2])
    assert not line.exact
    assert len(line.sites) == 25
    assert set(x[line.sites, 2]) == {x[4, 2]}
    gaps = np.abs(x[:, 1] - x[4, 1])
    others = np.setdiff1d(np.flatnonzero(x[:, 2] == x[4, 2]), line.sites)
    assert gaps[line.sites].max() <= gaps[others].min()


def test_a_page_opens_along_a_coordinate_that_has_lines():
    profiles = np.array([(i, 0.7 * i, depth) for i in range(9) for depth in range(6)])
    along, lines = opening_line(profiles, [0, 1, 2], [])
    assert along == 2
    assert len(set(lines)) == 9
    assert opening_line(grid(5, 6), [0, 1], [])[0] == 0
    assert opening_line(grid(5, 6), [1, 0], [])[0] == 1
    assert opening_line(grid(5, 6), [0, 1], [0])[0] == 1  # rather numbers than labels
    assert opening_line(grid(2, 30), [0, 1], [])[0] == 1  # two places are hardly a section


def test_scattered_sites_open_in_their_middle_and_lattices_too():
    x = np.random.default_rng(0).uniform(size=(101, 2))
    _, lines = opening_line(x, [0, 1], [])
    site = first_site(x, lines, np.ones(101, dtype=bool))
    assert np.abs(x[site] - np.median(x, axis=0)).max() < 0.1
    lattice = grid(9, 7)
    _, lines = opening_line(lattice, [0, 1], [])
    assert lattice[first_site(lattice, lines, np.ones(63, dtype=bool))].tolist() == [4, 3]
    # a line with more observations wins over the middle
    seen = lattice[:, 1] == 6
    assert lattice[first_site(lattice, lines, seen)].tolist() == [4, 6]


def test_models_that_lie_on_each_other_are_shown_as_differences():
    y = np.linspace(0, 1000, 30)[:, None]
    view, values = y + [-3.0, 3.0, 0.5], y + [1.0, -1.0, np.nan]
    assert models_coincide(view, values)
    assert not models_coincide(view, y + [100.0, -100.0])  # told apart as they are
    assert not models_coincide(y + [-800.0, 800.0], values)  # nothing gained
    assert not models_coincide(view, values[:, :1])  # nothing to compare
    assert not models_coincide(np.exp(y / 100) * [0.9, 1.1], np.exp(y / 100) + values)  # decades


def heights(coordinates: pd.DataFrame) -> pd.DataFrame:
    """Models that are 0.2 apart where y runs over hundreds."""
    y = 100.0 * np.arange(len(coordinates)) + np.random.default_rng(1).normal(size=len(coordinates))
    return coordinates.assign(y=y, a=y + 0.1, b=y - 0.1)


def test_the_page_joins_no_other_places_and_tells_models_apart(chromium, tmp_path):
    x = grid(3, 8, 2)
    sides = np.array(["left", "middle", "right"])[x[:, 0].astype(int)]
    table = heights(pd.DataFrame({"side": sides, "height": x[:, 1], "turn": x[:, 2]}))
    with opened(chromium, fit_report(tmp_path, table, "ab", ["side", "height", "turn"])) as page:
        title = page.locator("#section-figure .panel-title")
        assert page.locator("#choose-along option:checked").inner_text() == "height"
        assert page.locator("#choose-less").input_value() == "mean"
        for along, count in (("side", 3), ("turn", 2), ("height", 8)):
            page.select_option("#choose-along", label=along)
            assert f"along {along} at " in title.inner_text()
            seen = page.locator("#section-figure svg[role=img]").get_attribute("aria-label")
            assert f" of {count} observations " in seen


def test_a_section_of_scattered_sites_says_what_it_mixes(chromium, tmp_path):
    table = heights(
        pd.DataFrame(np.random.default_rng(2).uniform(size=(60, 2)), columns=["u", "v"])
    )
    path = fit_report(tmp_path, table, "ab", "uv")
    with opened(chromium, path) as page:
        title = page.locator("#section-figure .panel-title").inner_text()
        site = page.locator("#site-title").inner_text()
        u, v = (float(part.split("=")[1].split()[0]) for part in site.split("(")[0].split(","))
        assert max(abs(u - 0.5), abs(v - 0.5)) < 0.25
        given = table["v"].to_numpy()
        near = given[np.argsort(np.abs(given - v))[:25]]
        span = f"{near.min():.5f} to {near.max():.5f}"
        wanted = f"too few sites at v = {v}: the 25 nearest, of v {span}"
        assert wanted in title.replace("−", "-")
    with opened(chromium, path, java_script_enabled=False) as page:
        assert "the 25 nearest, of v " in page.locator("figcaption").nth(1).inner_text()


@pytest.mark.parametrize("far", [60.0, pytest.param(1000.0, marks=pytest.mark.slow)])
def test_a_band_far_beyond_all_others_does_not_flatten_them(chromium, tmp_path, far):
    x = np.arange(50.0)
    table = pd.DataFrame({"x": x, "y": x + np.sin(x), "a": x + 5, "b": x - 5})
    table.loc[49, ["y", "a"]] = np.nan, far  # nobody looked there
    path = fit_report(tmp_path, table, "ab", "x")
    cut = far == 1000
    words = "a few bands lie far beyond and are cut off"
    with opened(chromium, path) as page:
        figure = page.locator("#section-figure")
        assert (words in figure.locator(".panel-title").inner_text()) is cut
        ticks = figure.locator("g[data-mark='y-axis tick label'] text").all_text_contents()
        assert 40 <= max(float(t.replace("−", "-")) for t in ticks) <= 60
    with opened(chromium, path, java_script_enabled=False) as page:
        assert (words in page.locator("figcaption").nth(0).inner_text()) is cut


def test_a_view_holds_all_observations_and_most_bands():
    middle = np.linspace(0, 10, 40)
    law = pd.DataFrame({"q05": middle - 1, "q95": middle + 1, "observed": middle})
    assert view_of(law) == (-1, 11)
    law.loc[0, "q95"] = 500.0
    low, high = view_of(law)
    assert -1 <= low <= 0
    assert 10 <= high <= 12
    law.loc[0, "observed"] = 400.0  # what was seen is never cut off
    assert view_of(law)[1] >= 400
