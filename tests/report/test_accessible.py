"""The page by axe-core's rules (WCAG 2), in both colour schemes, and without a mouse."""

from collections.abc import Iterator

import pytest

from browser import opened

sync_axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
)


@pytest.fixture
def report(unconverged):
    return unconverged / "report.html"


def violations(page) -> Iterator[str]:
    """What axe finds wrong, with all that is folded open."""
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    for found in sync_axe.Axe().run(page).response["violations"]:
        for node in found["nodes"]:
            yield f"{found['id']}: {node['html'][:200]}"


SCREENS = [(1280, "light"), pytest.param(400, "dark", marks=pytest.mark.slow)]


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_axe_finds_nothing_wrong(chromium, report, width, scheme):
    with opened(chromium, report, width=width, color_scheme=scheme) as page:
        assert list(violations(page)) == []


def test_axe_finds_what_is_wrong(chromium, tmp_path):
    bad = '<html data-ready><p style="color: #ccc; background: #fff">pale</p><input></html>'
    (tmp_path / "page.html").write_text(bad)
    with opened(chromium, tmp_path / "page.html") as page:
        found = {line.partition(":")[0] for line in violations(page)}
    assert {"color-contrast", "html-has-lang", "label"} <= found


def test_all_that_can_be_chosen_is_reached_by_tab(chromium, report):
    with opened(chromium, report) as page:
        reached = set()
        for _ in range(120):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.id"))
            if "choose-method" in reached and page.evaluate(
                "document.activeElement.matches('table.scores button.sort')"
            ):
                break
        assert {"choose-method", "choose-colour", "choose-second", "map-figure"} <= reached
        assert {"section-figure"} <= reached
        button = page.locator("table.scores button.sort").first
        assert button.evaluate("e => e === document.activeElement")
        page.keyboard.press("Enter")
        assert page.locator("table.scores th[aria-sort]").count() == 1
