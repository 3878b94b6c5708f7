import csv
import io
import re

import numpy as np
import pandas as pd
import pytest

from browser import opened
from dirimix.cli.main import main
from fit_report import fit_report
from stand_ins import STUDY, frame, register, write_study

METHOD = "lbmm-gpd"
# texts of the figures that reach beyond them, or over each other
FIGURES = "#explorer svg, #calibration-live svg"
CUT_OFF = """figures => [...document.querySelectorAll(figures)].flatMap(svg => {
  const frame = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')].filter(t => t.textContent.trim())
    .map(t => [t.textContent, t.getBoundingClientRect()]).filter(([, b]) => b.width);
  const out = texts.filter(([, b]) => b.right > frame.right + 2 || b.left < frame.left - 2);
  const over = texts.filter(([, a], i) => texts.slice(i + 1).some(([, b]) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1.5
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3));
  return [...out, ...over].map(([text]) => text);
})"""
FOLLOWS = 300  # ms after what was chosen is drawn, until when the address has it


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of quick methods and a stand-in local one; a model's name is markup."""
    folder = tmp_path_factory.mktemp("browser")
    text = STUDY.replace('"equal", ', '"equal", "lbmm-gpd", ')
    with pytest.MonkeyPatch.context() as patch:
        register(patch, METHOD)
        study, out = write_study(folder, text), folder / "out"
        only = "raw,equal,simplex-ls,lbmm-gpd"
        assert main(["run", str(study), "--out", str(out), "--quiet", "--only", only]) == 0
    return out


@pytest.fixture(scope="module")
def open_page(chromium, folder):
    with opened(chromium, folder / "report.html") as found:
        yield found


@pytest.fixture
def page(open_page):
    open_page.select_option("#choose-method", METHOD)
    return open_page


@pytest.fixture(scope="module")
def law(folder):
    """The predictions of the local method, in the order of the sites."""
    table = pd.read_csv(folder / "predictions.csv")
    return table.loc[table["method"] == METHOD].reset_index(drop=True)


def places(page):
    """Where the sites stand on the screen: the marks of the map, which are drawn in their order."""
    page.locator("#map-figure").evaluate("box => box.scrollIntoView({block: 'center'})")
    marks = page.locator("#map-figure svg[role=img] g[data-mark=dot]").first.locator("circle")
    boxes = marks.evaluate_all(
        "all => all.map(e => e.getBoundingClientRect()).map(b => [b.x, b.y])"
    )
    half = marks.first.bounding_box()["width"] / 2
    return np.array(boxes) + half


def number(text: str) -> float:
    return float(text.replace("−", "-").split()[0])


def shown(page, name: str) -> float:
    return number(page.locator(f"#site-figure dd[data-of='{name}']").inner_text())


SCREENS = [(400, "light"), (1280, "dark")]
SCREENS += [pytest.param(2000, "light", marks=pytest.mark.slow)]


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_the_page_fits_and_asks_for_nothing(chromium, folder, width, scheme):
    with opened(chromium, folder / "report.html", width=width, color_scheme=scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        first = page.locator("table.scores tbody tr").first
        box = first.locator("td[data-value]:visible").nth(1).bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= width
        for panel in ("map", "section", "site", "weights", "worst"):
            assert page.locator(f"#{panel}-figure").bounding_box()["width"] <= width
        sizes = page.locator("#map-figure svg text").evaluate_all(
            "all => all.map(e => parseFloat(getComputedStyle(e).fontSize))"
        )
        assert min(sizes) >= 10
        assert page.evaluate(CUT_OFF, FIGURES) == []


def test_a_click_on_a_head_sorts_by_its_numbers(page, folder):
    table = page.locator("table.scores").first
    table.locator("thead button", has_text="rms").click()
    heads = table.locator("thead th").all_inner_texts()
    place = next(k for k, head in enumerate(heads) if head.startswith("rms"))
    values = [float(v) for v in table.locator("tbody tr").evaluate_all(
        f"all => all.map(r => r.cells[{place}].dataset.value)")]  # fmt: skip
    scores = pd.read_csv(folder / "scores.csv")
    expected = scores.loc[scores["split"] == "test", "rms"]
    np.testing.assert_allclose(values, np.sort(expected), rtol=1e-9)
    table.locator("thead button", has_text="rms").click()
    assert table.locator("th[aria-sort=descending]").count() == 1


def test_sites_are_chosen_by_click_and_by_key(page, law):
    at = places(page)
    wanted = int(np.argmax(law["split"] == "test"))
    page.mouse.click(*at[wanted])
    row = law.iloc[wanted]
    title = page.locator("#site-title").inner_text().replace("−", "-")
    assert title.startswith(f"x = {row['x']:.4f}".rstrip("0"))
    for name, value in (("observed", row["observed"]), ("predicted", row["mean"])):
        assert shown(page, name) == pytest.approx(value, abs=6e-4)
    page.locator("#map-figure").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(FOLLOWS)
    chosen = page.evaluate(
        "Number(new URLSearchParams(location.hash.replaceAll(';', '&')).get('site'))"
    )
    assert chosen != wanted
    assert at[chosen][0] > at[wanted][0]
    assert shown(page, "predicted") == pytest.approx(law["mean"][chosen], abs=6e-4)


def covered(law, inside, level: str = "90") -> float:
    low, high = {"50": ("q25", "q75"), "90": ("q05", "q95")}[level]
    rows = law.loc[inside & (law["split"] == "test")]
    return float(rows["observed"].between(rows[low], rows[high]).mean())


def table_shares(page, method: str = METHOD) -> list[float]:
    row = page.locator("#calibration-table tbody tr", has=page.get_by_text(method, exact=True))
    return [
        float(v) for v in row.locator("td").evaluate_all("all => all.map(e => e.dataset.value)")
    ]


def test_a_region_changes_the_calibration_and_escape_lets_it_go(page, law, folder):
    whole = table_shares(page)
    assert whole[:2] == pytest.approx([covered(law, True, level) for level in ("50", "90")])
    scores = pd.read_csv(folder / "scores.csv")
    row = scores.loc[(scores["method"] == METHOD) & (scores["split"] == "test")].iloc[0]
    assert whole[:2] == pytest.approx([row["coverage_50"], row["coverage_90"]])
    at = places(page)
    test = (law["split"] == "test").to_numpy()
    # from above to below, left of the middle test site: seven of twelve
    right = np.sort(at[test, 0])[6] + 2
    page.mouse.move(at[:, 0].min() - 3, at[:, 1].min() - 3)
    page.mouse.down()
    page.mouse.move(right, at[:, 1].max() + 3, steps=3)
    page.mouse.up()
    inside = at[:, 0] < right
    assert page.locator("#calibration-title").inner_text() == "7 test rows in the region"
    assert table_shares(page)[:2] == pytest.approx([covered(law, inside, k) for k in ("50", "90")])
    page.locator("#map-figure").focus()
    page.keyboard.press("Escape")
    assert table_shares(page) == whole


def test_the_colour_of_the_map_follows_the_choice(page):
    fill = "g[data-mark=dot] circle"
    read = "all => all.map(e => e.getAttribute('fill'))"
    before = page.locator("#map-figure svg[role=img]").locator(fill).evaluate_all(read)
    page.select_option("#choose-colour", "half")
    after = page.locator("#map-figure svg[role=img]").locator(fill).evaluate_all(read)
    assert len(before) == len(after)
    assert before != after
    assert "Half-width" in page.locator("#map-figure .panel-title").inner_text()


def test_a_section_shows_values_or_differences_and_lines_are_filtered(page):
    assert "less the models' mean" not in page.locator("#section-figure").inner_text()
    page.select_option("#choose-less", "mean")
    assert "less the models' mean" in page.locator("#section-figure").inner_text()
    lines = page.locator("table.scores").first.locator("tbody tr:visible")
    assert lines.count() > 3
    page.fill("#filter", "raw b")
    assert lines.count() == 1
    page.fill("#filter", "")
    assert lines.count() > 3


def test_the_address_brings_back_what_was_shown(page, chromium, folder):
    page.select_option("#choose-method", "simplex-ls")
    page.mouse.click(*places(page)[3])
    title = page.locator("#site-title").inner_text()
    page.wait_for_timeout(FOLLOWS)
    address = page.url.partition("#")[2]
    with opened(chromium, folder / "report.html") as other:
        other.goto(f"{(folder / 'report.html').as_uri()}#{address}")
        other.reload()
        other.wait_for_selector("html[data-ready]", state="attached")
        assert other.locator("#site-title").inner_text() == title
        assert other.locator("#choose-method").input_value() == "simplex-ls"


def test_what_is_saved_is_what_the_folder_has(page, folder):
    with page.expect_download() as found:
        page.locator("#data-downloads button", has_text="predictions.csv").click()
    saved = pd.read_csv(found.value.path())
    given = pd.read_csv(folder / "predictions.csv")
    given = given.loc[given["model"].isna()].reset_index(drop=True)
    assert list(saved["method"]) == list(given["method"])
    for column in ("x", "z", "observed", "mean", "sd", "q025", "q975"):
        np.testing.assert_allclose(saved[column], given[column], rtol=2e-4, atol=2e-5)
    with page.expect_download() as found:
        page.locator("#map-panel button.save").click()
    assert found.value.path().read_text().startswith("<svg")
    with page.expect_download() as found:
        page.locator("#worst-panel button.save").click()
    lines = list(csv.reader(io.StringIO(found.value.path().read_text())))
    assert lines[0] == ["site", "rows", "observed", "predicted", "z"]
    assert len(lines) == 16
    assert max(float(line[-1]) for line in lines[1:]) > 0
    with page.expect_download() as found:
        page.locator("#scores button.save").first.click()
    lines = list(csv.reader(io.StringIO(found.value.path().read_text())))
    assert lines[0][:2] == ["method", "rank"]
    assert {METHOD, "raw a"} <= {line[0] for line in lines}


def test_a_waterfall_leads_from_equal_weights_to_the_prediction(page, folder):
    page.mouse.click(*places(page)[3])
    assert page.locator("#site-figure details").count() == 0  # the stand-in has equal weights
    page.select_option("#choose-method", "simplex-ls")
    says = page.locator("#site-figure details svg").get_attribute("aria-label")
    numbers = [float(v.replace("−", "-")) for v in re.findall(r"[+−]?\d+\.\d+", says)]
    start, end, *steps = numbers
    values = pd.read_csv(folder / "model_values.csv")["model_value"].to_numpy().reshape(-1, 3)
    assert start == pytest.approx(values[3].mean(), abs=6e-4)
    law = pd.read_csv(folder / "predictions.csv").query("method == 'simplex-ls'")
    assert end == pytest.approx(law["mean"].iloc[3], abs=6e-4)
    assert steps
    assert sum(steps) == pytest.approx(end - start, abs=3e-3), says


def test_spread_against_error_is_that_of_the_rows(page, law):
    says = page.locator("#calibration-figure svg[aria-label^='Size of the errors']")
    text = says.get_attribute("aria-label").partition(METHOD)[2]
    (spread, error), *more = re.findall(r"([\d.]+): ([\d.]+)", text)
    rows = law.loc[law["split"] == "test"]
    assert not more  # twelve rows are one group
    assert float(spread) == pytest.approx(np.sqrt((rows["sd"] ** 2).mean()), abs=6e-4)
    gap = rows["observed"] - rows["mean"]
    assert float(error) == pytest.approx(np.sqrt((gap**2).mean()), abs=6e-4)


def test_pairs_and_parts_are_those_of_the_files(page, folder):
    table = pd.read_csv(folder / "differences.csv").set_index(["score", "a", "b"])["difference"]
    rows = page.locator("table.matrix").first.locator("tbody tr")
    names = [t.split("\u2002")[1] for t in rows.locator("th").all_inner_texts()]
    names = [f"raw:{n[4:]}" if n.startswith("raw ") else n for n in names]
    for k, a in enumerate(names):
        shown = rows.nth(k).locator("td").evaluate_all("all => all.map(e => e.dataset.value)")
        for b, value in zip(names, shown, strict=True):
            if a == b:
                continue
            sign, key = (1, (a, b)) if ("log_score", a, b) in table.index else (-1, (b, a))
            assert float(value) == pytest.approx(sign * table["log_score", *key], rel=1e-5)
    parts = pd.read_csv(folder / "regions.csv").query("method == 'equal'")
    row = page.locator("table.scorecard").first.locator("tr", has_text="equal").last
    shown = [
        float(v) for v in row.locator("td").evaluate_all("all => all.map(e => e.dataset.value)")
    ]
    np.testing.assert_allclose(shown[1:], parts["log_score"], rtol=1e-5)


def test_the_size_that_matters_is_for_the_reader_to_say(page):
    first = page.locator("#pairs details").first
    read = "all => all.map(e => e.className)"
    before = first.locator("td.pair").evaluate_all(read)
    first.locator("input.matters").fill("1e9")
    assert set(first.locator("td[data-lo]").evaluate_all(read)) == {"pair alike"}
    first.locator("input.matters").fill("0")
    after = first.locator("td.pair").evaluate_all(read)
    assert not any("alike" in name for name in after)
    assert len(after) == len(before)


def test_the_skill_is_against_the_method_that_is_chosen(page, folder):
    scores = pd.read_csv(folder / "scores.csv").query("split == 'test'")
    crps = scores.loc[scores["model"].isna()].set_index("method")["crps"]
    table = page.locator("table.scores").first
    for other in ("equal", METHOD):
        page.select_option("#reference", other)
        for method in ("simplex-ls", METHOD):
            cell = table.locator(f"tr[data-method='{method}'] td.skill")
            wanted = 1 - crps[method] / crps[other]
            assert float(cell.get_attribute("data-value")) == pytest.approx(wanted, abs=1e-9)


def test_without_scripts_and_in_print_the_figures_stand_still(chromium, folder):
    with opened(chromium, folder / "report.html", java_script_enabled=False) as page:
        assert page.locator("#explore .static-only svg").first.is_visible()
        assert not page.locator("#explorer").is_visible()
        page.emulate_media(media="print")
        assert not page.locator("nav").is_visible()
        assert page.locator("table.scores th", has_text="CRPS").first.is_visible()


def test_single_models_are_explored_as_mixtures_are(chromium, tmp_path):
    x = frame()[["x", "z"]].to_numpy() / [4.0, 5.0]
    apart = np.linalg.norm(x[:, None] - x, axis=2) + np.eye(50)
    lone, there = np.argsort(apart.min(axis=0))[[-1, -2]]  # whose places are nobody else's
    table = frame().assign(b=lambda t: t["b"].where(np.arange(50) != lone))
    (tmp_path / "study.toml").write_text(STUDY.replace("[compare]", "[not]").partition("[not]")[0])
    table.to_csv(tmp_path / "table.csv", index=False)
    run = ["run", str(tmp_path / "study.toml"), "--out", str(tmp_path / "out"), "--only", "raw"]
    assert main([*run, "--quiet"]) == 0
    law = pd.read_csv(tmp_path / "out/predictions.csv").query("model == 'b'")
    with opened(chromium, tmp_path / "out/report.html") as page:
        page.locator("table.scores a", has_text="raw b").first.click()
        assert page.locator("#choose-method").input_value() == "raw:b"
        assert page.locator("#weights-panel").is_hidden()
        page.mouse.click(*places(page)[there])
        assert shown(page, "predicted") == pytest.approx(table["b"][there], abs=6e-4)
        page.mouse.click(*places(page)[lone])
        assert "has no value here" in page.locator("#site-figure").inner_text()
        rows = law.loc[law["split"] == "test"]
        inside = rows["observed"].between(rows["q05"], rows["q95"]).mean()
        assert table_shares(page, "raw b")[1] == pytest.approx(inside)
        assert page.evaluate(CUT_OFF, FIGURES) == []


def test_a_page_that_asks_is_noticed(chromium, tmp_path):
    asking = '<html data-ready><img src="http://127.0.0.1:9/picture.png"></html>'
    (tmp_path / "page.html").write_text(asking)
    with (
        pytest.raises(AssertionError, match="request of http"),
        opened(chromium, tmp_path / "page.html"),
    ):
        pass


def shape(folder, coords):
    """The page of a fit of equal weights to rows at some coordinates, a few of them unobserved."""
    table = frame().drop(columns=["x", "z", "part"]).assign(**coords)
    return fit_report(folder, table, "abc", coords)


def test_one_coordinate_of_dates_is_one_curve(chromium, tmp_path):
    days = pd.date_range("2013-01-01", periods=50, freq="W").strftime("%Y-%m-%d")
    with opened(chromium, shape(tmp_path, {"day": days})) as page:
        assert page.locator("#map-panel").count() == 0
        page.locator("#section-figure").focus()
        page.keyboard.press("ArrowRight")
        before = page.locator("#site-title").inner_text()
        page.keyboard.press("ArrowRight")
        first, second = (
            pd.Timestamp(text.split()[2])
            for text in (before, page.locator("#site-title").inner_text())
        )
        assert second - first == pd.Timedelta(days=7)
        assert "2013" in page.locator("#section-figure").inner_text()
        page.locator("#region input").first.fill("2013-06-01")
        page.locator("#region button", has_text="apply").click()
        late = sum(day >= "2013-06-01" for day in days)
        assert page.locator("#region-size").inner_text() == f"{late} of 50 sites"


@pytest.mark.parametrize("decades", [False, True])
def test_an_axis_is_logarithmic_where_most_values_span_decades(chromium, tmp_path, decades):
    x = np.geomspace(0.01, 20, 50) if decades else np.append(0.01, np.linspace(1, 20, 49))
    with opened(chromium, shape(tmp_path, {"x": x})) as page:
        ticks = page.locator("#section-figure").inner_text().split()
        assert ("0.1" in ticks) is decades
        assert ("6" in ticks) is not decades


def test_three_coordinates_are_chosen_and_slid(chromium, tmp_path):
    levels = np.array(["</script><i>up</i>", "down"])[np.arange(50) % 2]
    coords = {"p": np.arange(50) % 5, "q": np.arange(50) // 10, "side": levels}
    with opened(chromium, shape(tmp_path, coords)) as page:
        cells = page.locator("#map-figure g[data-mark=rect]").first.locator("rect")
        assert cells.count() == 50
        page.locator("#sliders input").evaluate(
            "bar => { bar.value = 1; bar.dispatchEvent(new Event('change')); }"
        )
        assert cells.count() == 25
        page.select_option("#choose-up", label="side")
        assert page.locator("#map-figure").get_by_text(levels[0]).first.is_visible()
        assert page.evaluate(CUT_OFF, FIGURES) == []  # long labels stand up the page
        page.select_option("#choose-across", label="side")  # and across it
        page.select_option("#choose-along", label="side")
        assert page.evaluate(CUT_OFF, FIGURES) == []


@pytest.mark.slow
def test_rows_without_coordinates_stand_in_order(chromium, tmp_path):
    with opened(chromium, shape(tmp_path, {})) as page:
        assert page.locator("#map-panel").count() == 0
        assert "order of their prediction" in page.locator("#section-figure").inner_text()
        page.locator("#worst-figure button").nth(2).click()
        row = page.locator("#worst-figure button").nth(2).inner_text()
        assert page.locator("#site-title").inner_text().startswith(f"{row} (")
