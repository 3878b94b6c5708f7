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
from matplotlib.text import Text

from dirimix.report.look import FOREGROUND


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
_LONG = re.compile(r"(\d\.\d\d)\d+")  # a hundredth of a point is seen by nobody
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
    for text in figure.findobj(Text):
        if isinstance(text, Text) and not text.get_text().isascii():
            text.set_fontfamily(families)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing")
        yield


def make_picture(figure: Figure, caption: str, finding: str = "") -> Picture:
    """A figure as inline SVG, drawn in the colour of the page's text.

    Args:
        figure: The figure.
        caption: What it shows.
        finding: What is to be seen in it, for those who cannot; else they get the caption.
    """
    stream = io.StringIO()
    # text stays text; ids and dates must not differ from run to run
    with (
        any_script(figure),
        matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "dirimix"}),
    ):
        figure.savefig(stream, format="svg", dpi=_DPI, metadata={"Date": None})
    svg = stream.getvalue()
    prefix = f"p{crc32(caption.encode()):08x}-"
    svg = re.sub(r"<[^>]+>", lambda tag: _adapted(tag[0], prefix), svg[svg.index("<svg") :])
    width = figure.get_figwidth() * 96
    sizes = f"max-width:{width:.0f}px;min-width:{min(width, 620):.0f}px"
    label = Markup('<svg role="img" aria-label="{}" style="{}"').format(finding or caption, sizes)
    head, end, body = svg.partition(">")
    head = re.sub(r' (?:width|height)="[^"]*"', "", head.removeprefix("<svg"))
    return Picture(Markup(f"{label}{head}{end}{body}"), caption)


def _adapted(tag: str, prefix: str) -> str:
    """A tag with ids that no other picture of the page has, in the colour of the page's text."""
    if tag.startswith("<image"):
        # equal colour bars are one image twice with one id, to which nothing points
        tag = re.sub(r' id="[^"]*"', "", tag)
    else:
        tag = _LONG.sub(r"\1", tag)
    tag = re.sub(r'\bid="', f'id="{prefix}', tag)
    tag = re.sub(r'(url\(#|href="#)', rf"\1{prefix}", tag)
    return tag.replace(FOREGROUND, "currentColor")
