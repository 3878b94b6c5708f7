"""The explorer with more models than colours can tell apart, and weights of any size."""

import numpy as np
import pandas as pd
import pytest

from browser import opened
from fit_report import fit_report

MODELS = [f"m{k}" for k in range(18)]
STEMS = """svg => [...svg.querySelectorAll('g[data-mark=rule]')]
  .find(g => g.getAttribute('stroke-width') === '3').querySelectorAll('line')"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A fit of free weights on a lattice of sites."""
    folder = tmp_path_factory.mktemp("many")
    x, z = (v.ravel() for v in np.meshgrid(np.arange(9.0), np.arange(6.0)))
    rng = np.random.default_rng(2)
    truth = np.sin(x) + 0.3 * z
    models = {m: truth + 0.1 * rng.normal(size=len(x)) for m in MODELS}
    table = pd.DataFrame({"x": x, "z": z, **models})
    table["y"] = 1.6 * table["m0"] - 0.6 * table["m7"] + 0.2 * rng.normal(size=len(x))
    return fit_report(folder, table, MODELS, "xz", method="ols").parent


@pytest.fixture(scope="module")
def page(chromium, folder):
    with opened(chromium, folder / "report.html") as found:
        yield found


def test_no_two_models_have_the_same_line(page):
    for name in ("section", "weights"):
        lines = page.locator(f"#{name}-figure g[data-mark=line]").evaluate_all(
            """all => all.map(g => getComputedStyle(g.querySelector('path')))
              .map(style => [style.stroke, style.strokeDasharray])"""
        )[: len(MODELS)]
        assert len({tuple(line) for line in lines}) == len(MODELS), name
        dashes = [dash for _, dash in lines]
        assert dashes[:6] == ["none"] * 6
        assert "none" not in dashes[6:]
    key = page.locator("#section-figure .key i").evaluate_all(
        "all => all.map(e => [e.style.borderTopColor, e.style.borderTopStyle])"
    )
    assert len({tuple(mark) for mark in key}) == len(MODELS)


def test_stems_are_as_long_as_weights_of_any_size(page, folder):
    weights = pd.read_csv(folder / "weights.csv").set_index("model")["mean"].loc[MODELS]
    assert weights.min() < -0.4
    assert weights.max() > 1.4
    figure = page.locator("#site-figure svg").first
    ends = figure.evaluate(
        f"svg => [...({STEMS})(svg)].map(e => ['y1', 'y2'].map(y => +e.getAttribute(y)))"
    )
    zero, tops = np.array(ends).T
    # up is less in a figure
    scale = (zero - tops)[0] / weights.iloc[0]
    assert len(tops) == len(MODELS)
    np.testing.assert_allclose(zero - tops, scale * weights, atol=0.5)
    assert tops.min() > 0
    assert tops.max() < float(figure.get_attribute("height")) - 40


def test_a_short_name_stands_whole_beside_the_calibration(page):
    assert "ols" in page.locator("#calibration-figure svg text").all_text_contents()
