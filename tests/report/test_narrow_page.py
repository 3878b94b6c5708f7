"""The page at every width: nothing is cut off, and every letter can be read."""

import pytest

from browser import opened

UNFOLD = "document.querySelectorAll('details').forEach(one => { one.open = true; })"
# pixels of the letters of every static figure on the screen
LETTERS = """() => [...document.querySelectorAll('figure svg')]
  .filter(svg => svg.checkVisibility()).flatMap(svg => {
  const scale = svg.getScreenCTM().a;
  return [...svg.querySelectorAll('text')].filter(t => t.textContent.trim())
    .map(t => [t, [t, ...t.children].map(e => parseFloat(getComputedStyle(e).fontSize))])
    .map(([t, sizes]) => [scale * Math.max(...sizes), t.textContent]);
})"""
# that their boxes scroll where they are too wide
SCROLLED = """() => [...document.querySelectorAll('figure .wide')]
  .every(box => box.clientWidth <= innerWidth && getComputedStyle(box).overflowX === 'auto')"""
# numbers below numbers that take more than a line, and words in too narrow a column
BROKEN = """() => [...document.querySelectorAll('td:not(.text) small, td.text:last-child')]
  .filter(e => e.offsetWidth && (e.matches('small')
    ? e.offsetHeight > 1.6 * parseFloat(getComputedStyle(e).lineHeight) : e.offsetWidth < 100))
  .map(e => e.textContent)"""
BOXES = "all => all.map(e => e.getBoundingClientRect()).map(b => [b.left, b.top, b.right])"


@pytest.fixture
def report(unconverged):
    return unconverged / "report.html"


@pytest.fixture(scope="module")
def resized(chromium, unconverged):
    """The page in a window of any width."""

    def wide(width: int):
        page.set_viewport_size({"width": width, "height": 900})
        return page

    with opened(chromium, unconverged / "report.html") as page:
        yield wide


def test_no_fold_makes_the_page_wider_than_a_phone(chromium, report):
    with opened(chromium, report, width=400) as page:
        page.evaluate(UNFOLD)
        for static in (False, True):
            if static:
                page.evaluate("document.documentElement.classList.remove('live')")
            assert page.evaluate("document.documentElement.scrollWidth") <= 400
            assert page.evaluate(BROKEN) == []
            letters = page.evaluate(LETTERS)
            assert len(letters) > 100
            assert min(letters)[0] >= 10.99, min(letters)
            assert page.evaluate(SCROLLED)


@pytest.mark.parametrize("width", [400, 700, 1000, 1150, 1200, 1280])
def test_no_tile_stands_alone_beside_empty_room(resized, width):
    page = resized(width)
    boxes = page.locator(".tile").evaluate_all(BOXES)
    room = page.locator(".tiles").evaluate_all(BOXES)[0]
    assert len(boxes) == 5
    rows = {}
    for left, top, right in boxes:
        rows.setdefault(round(top), []).append((left, right))
    assert all(max(row)[1] == pytest.approx(room[2], abs=1) for row in rows.values())
    assert all(min(row)[0] == pytest.approx(room[0], abs=1) for row in rows.values())
    assert len(rows) == {400: 5, 700: 3, 1000: 2, 1150: 2}.get(width, 1)


@pytest.mark.parametrize("width", [400, 1280])
def test_what_to_do_is_read_whole(resized, width):
    page = resized(width)
    lines = page.locator("#checks .advice li")
    assert lines.all_inner_texts() == ["lbmm-gpd: rhat above 1.01"]
    ((left, _, right),) = lines.evaluate_all(BOXES)
    assert 0 <= left < right <= width
    # in no box that scrolls
    assert page.locator("#checks .wide .advice").count() == 0


def test_a_drag_over_a_figure_selects_no_text(chromium, report):
    with opened(chromium, report) as page:
        for name in ("map", "section"):
            texts = page.locator(f"#{name}-figure svg[role=img] text")
            texts.first.scroll_into_view_if_needed()
            first, last = texts.first.bounding_box(), texts.last.bounding_box()
            page.mouse.move(first["x"] + 1, first["y"] + 4)
            page.mouse.down()
            page.mouse.move(last["x"] + last["width"] - 1, last["y"] + 6, steps=5)
            page.mouse.up()
            assert page.evaluate("getSelection().toString()") == "", name
