"""Links that hold what was shown: they lead to Explore, and show it."""

import pytest

from browser import opened

TOP = "document.querySelector('#explore').getBoundingClientRect().top"
HIDDEN = 400  # pixels from the top of the window, below which a section is not what one sees first


def shared(**choice) -> str:
    return f"#explore;{';'.join(f'{key}={value}' for key, value in choice.items())}"


@pytest.mark.parametrize("link", ["", shared(site=7)])
def test_a_link_leads_to_what_it_shows(chromium, gapped, link):
    path = gapped / "report.html"
    with opened(chromium, path) as page:
        first = page.locator("#site-title").inner_text()
        page.goto("about:blank")
        page.goto(path.as_uri() + link)
        page.wait_for_selector("html[data-ready]", state="attached")
        assert (page.evaluate("scrollY") > 0) == bool(link)
        assert (0 <= page.evaluate(TOP) < HIDDEN) == bool(link)
        assert (page.locator("#site-title").inner_text() != first) == bool(link)


def test_a_link_is_followed_where_the_page_is_open(chromium, gapped):
    with opened(chromium, gapped / "report.html") as page:
        first = page.locator("#site-title").inner_text()
        page.evaluate("location.hash = '#scores'")
        page.wait_for_timeout(100)
        assert page.locator("#site-title").inner_text() == first
        page.evaluate("link => { location.hash = link; }", shared(site=7, method="ols"))
        page.wait_for_function("document.querySelector('#choose-method').value === 'ols'")
        assert page.locator("#site-title").inner_text() != first
        assert 0 <= page.evaluate(TOP) < HIDDEN


def test_who_loads_the_page_again_stays_where_it_was(chromium, gapped):
    with opened(chromium, gapped / "report.html") as page:
        page.evaluate("link => { location.hash = link; }", shared(site=7))
        page.wait_for_timeout(100)
        page.locator("#data").scroll_into_view_if_needed()
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        page.wait_for_timeout(100)
        page.reload()
        page.wait_for_selector("html[data-ready]", state="attached")
        assert not 0 <= page.evaluate(TOP) < HIDDEN
