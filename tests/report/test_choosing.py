"""What a choice on the page costs, and what it does."""

import pytest

from browser import opened
from dirimix.cli.main import main
from stand_ins import STUDY, frame

# how often a column of all sites is looked through for its least value
COUNT = """() => {
  const { min } = d3;
  window.looks = 0;
  d3.min = (values, ...more) => {
    if (values.length === SITES && typeof values[0] === "number" && !more.length) window.looks += 1;
    return min(values, ...more);
  };
}"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The page of simple methods on scattered sites."""
    folder = tmp_path_factory.mktemp("choosing")
    frame().to_csv(folder / "table.csv", index=False)
    (folder / "study.toml").write_text(STUDY.partition("[compare]")[0])
    run = ["run", str(folder / "study.toml"), "--out", str(folder / "out"), "--quiet"]
    assert main([*run, "--only", "raw,equal,simplex-ls"]) == 0
    return folder / "out/report.html"


def test_a_choice_looks_through_the_sites_a_few_times_not_once_a_site(chromium, report):
    with opened(chromium, report) as page:
        page.evaluate(COUNT.replace("SITES", str(len(frame()))))
        before = page.locator("#site-title").inner_text()
        page.locator("#map-figure").focus()
        page.keyboard.press("ArrowRight")
        page.locator("#find input").first.fill("0.3")
        page.locator("#find button").click()
        assert page.locator("#site-title").inner_text() != before
        assert page.evaluate("window.looks") < 10
