"""What is said of a site where it is pointed at, found or listed: the numbers of the files."""

import csv
import io
import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
import pytest

from browser import opened
from dirimix.report.law_plots import prediction_maps
from dirimix.report.output import read_output
from fit_report import fit_report
from stand_ins import frame

NAMES = [f"C{k}H{2 * k + 2}" if k != 7 else "<i>ethene</i>, Z" for k in range(50)]


def report_of(folder, coords: Iterable[str], *more: str):
    table = frame().drop(columns="part").assign(who=NAMES)
    more = ("--names", "who", *more)
    return fit_report(folder, table, "abc", coords, *more, method="simplex-ls").parent


@pytest.fixture(scope="module")
def placed(tmp_path_factory):
    return report_of(tmp_path_factory.mktemp("placed"), "xz", "--error", "u")


@pytest.fixture(scope="module")
def page(chromium, placed):
    with opened(chromium, placed / "report.html") as found:
        yield found


def lines_of(text: str) -> dict[str, list[float]]:
    """The numbers of each line of a tip."""
    found = {}
    for line in text.replace("−", "-").splitlines():
        name, _, words = line.partition(": ")
        found[name] = [float(v) for v in re.findall(r"(?<![\w.])-?\d+\.?\d*(?![\w.])", words)]
    return found


def expected(folder, site: int) -> dict[str, list[float]]:
    law = pd.read_csv(folder / "predictions.csv").iloc[site]
    error = pd.read_csv(folder / "sites.csv")["observed_error"][site]
    weights = pd.read_csv(folder / "weights.csv").iloc[:3].sort_values("mean", ascending=False)
    gap = law["observed"] - law["mean"]
    seen = {"observed": [law["observed"], error]} if np.isfinite(law["observed"]) else {}
    off = {"residual": [gap, gap / law["sd"]]} if seen else {}
    return {
        **seen, "predicted": [law["mean"]], "90 % interval": [law["q05"], law["q95"]], **off,
        "weights": weights["mean"].to_list(),
    }  # fmt: skip


@pytest.mark.parametrize("site", [3, 7, 45])
def test_a_tip_says_what_the_files_say(page, placed, site):
    rows = pd.read_csv(placed / "sites.csv")
    page.locator("#map-figure").evaluate("box => box.scrollIntoView({block: 'center'})")
    assert page.locator("#map-figure .tip").is_hidden()
    marks = page.locator("#map-figure svg[role=img] g[data-mark=dot]").first.locator("circle")
    box = marks.nth(site).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tip = page.locator("#map-figure .tip")
    assert tip.is_visible()
    title, _, said = tip.inner_text().partition("\n")
    place = rows.iloc[site]
    assert title.startswith(f"{place['who']}, x = ")
    at = [float(v) for v in re.findall(r"= (\S+?)(?:,|$)", title.replace("−", "-"))]
    assert at == pytest.approx(place[["x", "z"]].to_list(), abs=6e-5)
    found, wanted = lines_of(said), expected(placed, site)
    assert list(found) == list(wanted)
    for name, numbers in wanted.items():
        digits = [6e-4, 0.06] if name == "residual" else [6e-3] * len(numbers)
        gaps = np.abs(np.subtract(found[name], numbers))
        assert (gaps < digits).all(), name
    # a control: the next site says something else
    assert found["predicted"] != pytest.approx(expected(placed, site + 1)["predicted"], abs=6e-3)
    page.mouse.move(1, 1)
    assert tip.is_hidden()


def test_rows_without_coordinates_go_by_their_names(chromium, tmp_path):
    folder = report_of(tmp_path, ())
    law = pd.read_csv(folder / "predictions.csv")
    worst = ((law["observed"] - law["mean"]) / law["sd"]).abs().argmax()
    with opened(chromium, folder / "report.html") as page:
        assert page.locator("#worst-figure button").first.inner_text() == NAMES[worst]
        for text, name in (("c12h26", "C12H26"), ("ethene", NAMES[7]), ("C4", "C4H10")):
            page.locator("#find input").fill(text)
            page.locator("#find button").click()
            title = page.locator("#site-title").inner_text()
            assert title.startswith(f"{name} (")
        page.locator("#find input").fill("benzene")
        page.locator("#find button").click()
        assert page.locator("#site-title").inner_text() == title  # nothing is so named
        with page.expect_download() as found:
            page.locator("#data-downloads button", has_text="predictions.csv").click()
        saved = list(csv.DictReader(io.StringIO(found.value.path().read_text())))
        assert [row["who"] for row in saved] == NAMES


def test_names_of_models_that_say_nearly_the_same_stand_apart(chromium, tmp_path):
    table = frame()[["x", "z", "y"]].dropna()
    table["other"] = table["y"] + np.random.default_rng(0).normal(0, 0.5, len(table))
    table["longer"] = table["other"] + 0.004
    with opened(chromium, fit_report(tmp_path, table, ["longer", "other"], "xz")) as page:
        texts = page.locator("#site-figure svg").first.locator("text")
        boxes = [texts.filter(has_text=name).bounding_box() for name in ("longer", "other")]
    upper, lower = sorted(boxes, key=lambda box: box["y"])
    assert abs(upper["x"] - lower["x"]) < upper["width"]  # else there is nothing to part
    assert lower["y"] >= upper["y"] + upper["height"] - 3


def test_intervals_of_one_width_have_one_colour(chromium, tmp_path):
    folder = report_of(tmp_path, "xz")
    law = pd.read_csv(folder / "predictions.csv")
    half = (law["q95"] - law["q05"]) / 2
    assert 0 < np.ptp(half) < 1e-6  # what rounding leaves
    with opened(chromium, folder / "report.html") as page:
        page.select_option("#choose-colour", "half")
        marks = page.locator("#map-figure svg[role=img] g[data-mark=dot]").first.locator("circle")
        fills = marks.evaluate_all("all => all.map(e => e.getAttribute('fill'))")
        shades = {tuple(bytes.fromhex(fill.removeprefix("#"))) for fill in fills}
        assert np.ptp(list(shades), axis=0).max() <= 3, shades
    output = read_output(folder)
    grid = prediction_maps(law, output.axes, "y", output.names)
    low, high = grid[0, 1].collections[0].get_clim()
    assert (low, high) == pytest.approx((0, 2 * half.max()))
    low, high = grid[0, 0].collections[0].get_clim()
    assert (low, high) == pytest.approx((law["mean"].min(), law["mean"].max()))
