"""Tables and figures that the page sorts and saves."""

import csv
import io
import json
import xml.etree.ElementTree as ET

import pandas as pd
import pytest

from browser import opened

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def page(chromium, gapped):
    with opened(chromium, gapped / "report.html") as found:
        found.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        yield found


def saved(page, button):
    with page.expect_download() as found:
        button.evaluate("button => button.click()")
    return found.value.path().read_text()


def rows(page, table):
    """What a table is saved as."""
    button = table.locator("xpath=../preceding-sibling::p[1]").locator("button", has_text="CSV")
    return list(csv.reader(io.StringIO(saved(page, button))))


def test_rows_left_out_are_sorted_and_saved_as_numbers(page, gapped):
    table = page.locator("#validation table", has_text="blocks:").first
    numbers = json.loads((gapped / "scores.json").read_text())["ranking"]
    known = {
        f"raw {r['model']}" if r["model"] else r["method"]: r["value"]
        for r in numbers
        if r["split"] == "blocks" and r["score"] == "log_score"
    }
    assert min(known.values()) < 0 < max(known.values())
    table.locator("thead button", has_text="log score").click()
    names = table.locator("tbody th").all_inner_texts()
    assert [known[n] for n in names] == sorted(known.values())
    head, *lines = rows(page, table)
    column = head.index("log score")
    assert [float(line[column]) for line in lines] == pytest.approx(
        sorted(known.values()), abs=6e-4
    )


def test_intervals_and_shares_are_sorted_by_their_size(page):
    table = page.locator("#validation table", has_text="blocks:").first
    words = ["10 to 15", "2 to 14", "−0.2 … 0.1", "100 %", "35 %", "–"]
    put = "(table, words) => words.forEach((t, k) => { CELL.textContent = t })"
    table.evaluate(put.replace("CELL", "table.tBodies[0].rows[k].cells[1]"), words)
    table.locator("thead button", has_text="ranks").click()
    shown = table.locator("tbody td:nth-child(2)").all_inner_texts()
    assert shown == ["−0.2 … 0.1", "2 to 14", "10 to 15", "35 %", "100 %", "–"]


def test_every_column_has_one_head(page, gapped):
    card = page.locator("table.scorecard").first
    head, *lines = rows(page, card)
    assert head[:2] == ["method", "all rows"]
    assert {len(line) for line in lines} == {len(head)}
    assert sum(name.startswith("x: ") for name in head) == 3
    parts = pd.read_csv(gapped / "regions.csv").query("method == 'equal' and split == 'test'")
    own = next(line for line in lines if line[0] == "equal")
    assert [float(v) for v in own[2:]] == pytest.approx(list(parts["log_score"]), rel=1e-5)


def test_smaller_words_are_set_apart_and_formulas_are_guarded(page):
    head, *_ = rows(page, page.locator("table.scores").first)
    assert "skill (in CRPS)" in head
    assert "rms (m)" in head
    table = page.locator("table", has_text="What each method assumes")
    priors = rows(page, table)
    assert "equal (equal weights)" in [line[0] for line in priors]
    weights = page.locator("#weights table").first
    assert rows(page, weights)[0][-1] == "'=1+1"
    text = saved(page, page.locator("#data-downloads button", has_text="model values.csv"))
    assert next(csv.reader(io.StringIO(text)))[-1] == "'=1+1"
    # numbers below 0 are no formulas
    assert any(v.startswith("-") for line in csv.reader(io.StringIO(text)) for v in line)


@pytest.mark.parametrize("colour", ["mean", "dominant"])
def test_a_map_is_saved_with_its_title_and_colours(page, colour):
    page.select_option("#choose-colour", colour)
    root = ET.fromstring(saved(page, page.locator("#map-panel button.save")))
    texts = [t.text for t in root.iter(f"{SVG}text")]
    title = page.locator("#map-figure .panel-title").inner_text()
    assert texts[0] == title
    inner = [e for e in root if e.tag == f"{SVG}svg"]
    if colour == "mean":
        assert len(inner) == 2  # the scale of colours and the map
    else:
        assert {"CMIP6_HadGEM3-GC31-LL", "=1+1"} <= set(texts)
    bottom = max(float(e.attrib["y"]) + float(e.attrib["height"]) for e in inner)
    assert bottom == pytest.approx(float(root.attrib["height"]))


def test_a_section_is_saved_with_the_key_of_its_models(page):
    root = ET.fromstring(saved(page, page.locator("#section-panel button.save")))
    texts = {t.text for t in root.iter(f"{SVG}text")}
    assert {"CMIP6_HadGEM3-GC31-LL", "CMIP6_HadGEM3-GC31-MM", "=1+1"} <= texts
    colours = [e.get("stroke") for e in root if e.tag == f"{SVG}line"]
    assert len(set(colours)) == 3
