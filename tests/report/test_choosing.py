"""What is chosen on the page, by hand or by its address, and what that costs."""

import base64
import gzip
import json
import re

import numpy as np
import pandas as pd
import pytest

from browser import opened
from fit_report import fit_report
from stand_ins import frame

# how often a column of all sites is looked through for its least value
COUNT = """sites => {
  const { min } = d3;
  window.looks = 0;
  d3.min = (values, ...more) => {
    if (values.length === sites && typeof values[0] === "number" && !more.length) window.looks += 1;
    return min(values, ...more);
  };
}"""
FOLLOWS = 300  # ms after what was chosen is drawn, until when the address has it


@pytest.fixture(scope="module")
def page(chromium, gapped):
    with opened(chromium, gapped / "report.html") as found:
        found.select_option("#choose-method", "simplex-ls")
        yield found


def find(page, *place):
    for field, value in zip(page.locator("#find input").all(), place, strict=True):
        field.fill(str(value))
    page.locator("#find button").click()


def test_a_choice_looks_through_the_sites_a_few_times_not_once_a_site(page):
    page.evaluate(COUNT, len(frame()))
    before = page.locator("#site-title").inner_text()
    page.locator("#map-figure").focus()
    page.keyboard.press("ArrowRight")
    find(page, 0.3, "")
    assert page.locator("#site-title").inner_text() != before
    assert page.evaluate("window.looks") < 10


@pytest.mark.parametrize("method", ["simplex-ls", "ols"])
def test_where_a_model_has_no_value_the_others_have_the_weights_of_the_prediction(
    page, gapped, method
):
    page.select_option("#choose-method", method)
    row = frame().iloc[45]
    find(page, row["x"], row["z"])
    table = page.locator("#site-figure table").first
    lines = dict.fromkeys(table.locator("th[scope=row]").all_inner_texts())
    cells = [r.locator("td").all_inner_texts() for r in table.locator("tbody tr").all()]
    value, weight = (
        np.array([np.nan if c[k] == "–" else float(c[k].replace("−", "-")) for c in cells])
        for k in (0, 1)
    )
    assert len(lines) == 3
    assert np.isnan(value).sum() == np.isnan(weight).sum() == 1
    given = pd.read_csv(gapped / "weights.csv").query("method == @method").iloc[:3]["mean"]
    assert (given < 0).any() == (method == "ols")
    assert np.nansum(weight) == pytest.approx(given.sum(), abs=2e-3)
    law = pd.read_csv(gapped / "predictions.csv").query("method == @method").iloc[45]
    assert np.nansum(value * weight) == pytest.approx(law["mean"], abs=4e-3)
    # a control: the weights of complete rows give another prediction
    whole = given.to_numpy()[1:] @ frame().iloc[45][["b", "c"]].to_numpy(dtype=float)
    assert abs(whole - law["mean"]) > 0.02
    assert "from 1/2 to its own" in page.locator("#site-figure").inner_text()


def test_models_whose_names_begin_alike_have_bars_of_their_own(page):
    page.select_option("#choose-method", "simplex-ls")
    find(page, *frame().iloc[7][["x", "z"]])
    figure = page.locator("#site-figure details svg")
    says = figure.get_attribute("aria-label").partition(": ")[2].split(", ")
    ticks = figure.locator("g[data-mark='y-axis tick label'] text").all_text_contents()
    assert len(says) == len(ticks) - 2
    assert len(set(ticks)) == len(ticks)
    bars = figure.locator("g[data-mark=bar] rect").evaluate_all(
        "all => all.map(e => e.getAttribute('y'))"
    )
    assert len(set(bars)) == len(bars) == len(says)
    assert any(tick.endswith("LL") for tick in ticks)
    assert any(tick.endswith("MM") for tick in ticks)


BROKEN = ["method=%", "method=ols;site=3%;region=5~;across=0;up=0", "site=;slides=9~9~9"]


def test_a_broken_address_shows_the_page_as_it_begins(chromium, gapped):
    path = gapped / "report.html"
    with opened(chromium, path) as page:
        title = page.locator("#site-title").inner_text()
        for address in BROKEN:
            page.goto(f"{path.as_uri()}#explore;{address}")
            page.reload()
            page.wait_for_selector("html[data-ready]", state="attached")
            assert page.locator("#map-figure svg[role=img]").count() == 1, address
            assert page.locator("#site-title").inner_text() == title, address
            assert page.locator("#explore .static-only").is_hidden(), address


def test_where_the_explorer_fails_the_fixed_figures_stay(chromium, gapped, tmp_path):
    page = (gapped / "report.html").read_text()
    packed = re.search(r'id="explorer-data">([^<]*)<', page)
    content = json.loads(gzip.decompress(base64.b64decode(packed[1]))) | {"main": "nobody"}
    text = base64.b64encode(gzip.compress(json.dumps(content).encode())).decode()
    (tmp_path / "page.html").write_text(page.replace(packed[1], text))

    def explorer_is_hidden() -> None:
        with opened(chromium, tmp_path / "page.html", ready="body") as page:
            with page.expect_event("pageerror"):
                page.reload()
            page.wait_for_selector("#explore .static-only svg", state="visible")
            assert page.locator("#explorer").is_hidden(), "the explorer is there"

    # what the page has said of its own when it is closed: the error that ended the explorer
    with pytest.raises(AssertionError, match="undefined"):
        explorer_is_hidden()


def test_the_other_method_is_named_where_skill_is_explained(page):
    for other in ("ols", "simplex-ls"):
        page.select_option("#reference", other)
        assert page.locator("#scores .reference").inner_text() == other


def test_scattered_sites_have_no_line_and_no_bands(page):
    title = page.locator("#weights-figure .panel-title").inner_text()
    assert title == "Weights at the same sites"


def fit(folder, **coords):
    """The page of a fit of equal weights to rows at some coordinates."""
    table = frame().drop(columns=["x", "z", "part"]).assign(**coords)
    return fit_report(folder, table, "abc", coords)


def test_dates_are_read_as_they_are_written_wherever_the_reader_is(chromium, tmp_path):
    hours = pd.date_range("2020-01-05", periods=50, freq="h").strftime("%Y-%m-%dT%H:%M")
    side = np.array(["left", "right"])[np.arange(50) // 25]
    path = fit(tmp_path, hour=hours, side=side, n=np.arange(50) % 5)
    with opened(chromium, path, timezone_id="America/New_York") as page:
        bounds = page.locator("#region input")
        for words in ("2020-01-05T12:00", "2020-01-05 12:00", "5 January 2020 12:00"):
            bounds.first.fill(words)
            page.locator("#region button", has_text="apply").click()
            assert page.locator("#region-size").inner_text() == "38 of 50 sites"
            assert bounds.first.input_value() == "2020-01-05T12:00"
        page.locator("#region button", has_text="apply").click()  # as the page wrote it
        assert page.locator("#region-size").inner_text() == "38 of 50 sites"
        title = page.locator("#site-title").inner_text()
        find(page, "", "middle", "")  # no such label
        assert page.locator("#site-title").inner_text() == title
        find(page, "", "right", 3)
        assert "side = right, n = 3" in page.locator("#site-title").inner_text()
        slider = page.locator("#sliders input")
        slider.evaluate("bar => { bar.value = 2; bar.dispatchEvent(new Event('change')); }")
        cells = page.locator("#map-figure g[data-mark=rect]").first.locator("rect")
        said = page.locator("#sliders output").inner_text()
        assert cells.count() == 10
        page.wait_for_timeout(FOLLOWS)
        address = page.url
        page.goto("about:blank")
        page.goto(address)
        page.wait_for_selector("html[data-ready]", state="attached")
        assert page.locator("#sliders output").inner_text() == said
        assert cells.count() == 10
        assert page.locator("#region-size").inner_text() == "38 of 50 sites"
