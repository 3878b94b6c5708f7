"""Figures as inline SVG that takes the colours of the page."""

import io
import re
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from zlib import crc32

import matplotlib
from markupsafe import Markup
from matplotlib import font_manager
from matplotlib.figure import Figure

from dirimix.report.compact.svg import slim
from dirimix.report.look import names_in, settle


@dataclass(frozen=True)
class Picture:
    """A figure of the page.

    Attributes:
        svg: The figure, safe to be put into HTML.
        caption: What it shows.
    """

    svg: Markup
    caption: str


_DPI = 90  # of what is drawn as an image
_LEAST_TEXT = 11  # pixels that letters have on the page at least, in a box that scrolls
_TEXT = re.compile(r"<text[ >].*?</text>", re.DOTALL)
_SIZE = re.compile(r"font(?:-size)?:[^;\"]*?([\d.]+)px")
_LOOK = "font-family:'DejaVu Sans',Verdana,sans-serif;stroke-linejoin:round;stroke-linecap:butt"
_SPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
# fonts with signs of East Asia, as systems have them; matplotlib's own has none
_MORE_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei",
    "Microsoft YaHei", "SimHei", "PingFang SC", "Hiragino Sans", "Yu Gothic", "Malgun Gothic",
    "Arial Unicode MS", "Droid Sans Fallback",
)  # fmt: skip


@contextmanager
def any_script(figure: Figure) -> Generator[None]:
    """Draw names in every script: in a font that has its signs if one is installed, else boxes."""
    there = set(font_manager.get_font_names()) & set(_MORE_FONTS)
    families = ["sans-serif", *(name for name in _MORE_FONTS if name in there)]
    for text in (text for axes in figure.axes for text in names_in(axes)):
        if not text.get_text().isascii():
            text.set_fontfamily(families)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing")
        yield


def make_picture(figure: Figure, caption: str, finding: str = "") -> Picture:
    """A figure as inline SVG, drawn in the colour of the page's text.

    Args:
        figure: The figure.
        caption: What it shows.
        finding: What is to be seen in it, for those who cannot; they get the caption, too.
    """
    stream = io.StringIO()
    # text stays text; ids and dates must not differ from run to run
    with (
        any_script(figure),
        matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "dirimix"}),
    ):
        settle(figure)
        figure.savefig(stream, format="svg", dpi=_DPI, metadata={"Date": None})
    drawn = stream.getvalue()
    # pictures of one caption may stand on one page: ids are those of what is drawn
    content, box = slim(drawn, f"p{crc32(f'{caption}{drawn}'.encode()):x}-")
    width = figure.get_figwidth() * 96
    least = width * _LEAST_TEXT / _smallest_text(drawn)
    head = Markup('<svg role="img" aria-label="{}" style="{}" viewBox="{}" {}>').format(
        f"{caption} {finding}".strip(),
        f"max-width:{width:.0f}px;min-width:{least:.0f}px;{_LOOK}",
        box,
        Markup(_SPACES),
    )
    return Picture(Markup(f"{head}{content}</svg>"), caption)


def _smallest_text(svg: str) -> float:
    """Pixels of the smallest letters of a figure in its own size, exponents apart.

    >>> _smallest_text('<text style="font: 9px x">a<tspan style="font-size: 6px">2</tspan></text>')
    12.0
    """
    sizes = [max(map(float, _SIZE.findall(text)), default=0.0) for text in _TEXT.findall(svg)]
    return min((size for size in sizes if size), default=72.0 / 8) * 96 / 72
