"""The live figure of the calibration, against the table of the folder."""

import numpy as np
import pandas as pd
import pytest

from browser import opened

LEVELS = (0.5, 0.9, 0.95)
# where regions, dots and lines at 0 stand, in each part of the figure
PLACES = """svg => ['bar', 'dot', 'rule'].map(mark =>
  [...svg.querySelectorAll(`g[data-mark=${mark}]`)]
    .flatMap(g => [...g.querySelectorAll('rect, circle, line')])
    .map(e => e.getBoundingClientRect()).map(box => [box.left, box.right]))"""


@pytest.mark.parametrize("width", [400, 1280])
def test_the_grey_region_is_that_of_the_table(chromium, unconverged, width):
    table = pd.read_csv(unconverged / "coverage.csv").query("split == 'test' and model.isna()")
    table = table.loc[(table["weights"] == "field") & table["level"].round(6).isin(LEVELS)]
    with opened(chromium, unconverged / "report.html", width=width) as page:
        assert page.locator("#calibration-title").inner_text() == "12 test rows in all"
        found = page.locator("#calibration-figure svg").first.evaluate(PLACES)
        small = page.locator("#calibration-table td small").all_text_contents()
    nominal = table[["nominal_lo", "nominal_hi"]].itertuples(index=False)
    assert small == [f"{lo:.2f} … {hi:.2f}" for lo, hi in nominal]
    # the figure has the methods level by level
    table = table.sort_values("level", kind="stable")
    bars, dots, rules = (np.array(places) for places in found)
    assert len(bars) == len(dots) == len(table)
    zero = np.repeat(rules.mean(axis=1), len(table) // 3)
    middles, level = dots.mean(axis=1) - zero, table["level"].to_numpy()
    gaps = table["coverage"].to_numpy() - level
    pixels = (gaps @ middles) / (gaps @ gaps)
    np.testing.assert_allclose(pixels * gaps, middles, atol=0.6)
    ends = table[["nominal_lo", "nominal_hi"]].to_numpy() - level[:, None]
    np.testing.assert_allclose(bars - zero[:, None], pixels * ends, atol=0.6)
