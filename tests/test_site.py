"""The documentation as `make docs` built it, opened as files in a browser."""

import json
import re

import pytest

from browser import opened
from pages import ROOT

HTML = ROOT / "docs/_build/html"
PAGES = ("index", "start", "extend", "paper", "gallery/nuclear")

pytestmark = pytest.mark.skipif(
    not (HTML / "searchindex.js").is_file(), reason="the site is not built; make docs builds it"
)


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_wrong(chromium, name):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )
    # axe asks for style sheets that a page opened as a file may not read
    options = {"preload": False}
    with opened(chromium, HTML / f"{name}.html", ready="article") as page:
        found = axe.Axe().run(page, options=options).response["violations"]
    assert [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found] == []


def test_the_search_finds_pages_without_a_network(chromium):
    address = "search.html?q=saddle+point"
    with opened(chromium, HTML / "search.html", ready="article") as page:
        page.goto(f"{HTML.as_uri()}/{address}")
        page.wait_for_selector("#search-results li a")
        titles = page.locator("#search-results li a").all_inner_texts()
    assert "Glossary" in titles
    with opened(chromium, HTML / "search.html", ready="article") as page:
        page.goto(f"{HTML.as_uri()}/search.html?q=zzyzx")
        page.wait_for_selector("#search-results p", state="attached")
        assert page.locator("#search-results li a").count() == 0


def test_every_picture_says_what_it_shows():
    silent = [
        f"{page.relative_to(HTML)}: {tag[:200]}"
        for page in HTML.rglob("*.html")
        for tag in re.findall(r"<img [^>]*>", page.read_text(encoding="utf-8"))
        if not re.search(r'alt="[^"/]+"', tag)  # by default the file's address
    ]
    assert silent == []


def test_every_case_of_the_gallery_is_there_as_a_notebook_that_was_run():
    cases = sorted(page.stem for page in (ROOT / "docs/gallery").glob("*.md"))
    found = {path.stem: json.loads(path.read_text()) for path in HTML.rglob("*.ipynb")}
    assert sorted(found) == [case for case in cases if case != "index"]
    for notebook in found.values():
        code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        assert all(cell["execution_count"] for cell in code)
        kinds = {kind for cell in code for out in cell["outputs"] for kind in out.get("data", ())}
        assert "image/png" in kinds
