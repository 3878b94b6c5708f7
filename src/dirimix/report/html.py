"""Pieces of HTML: escaped text, tables with captions, pictures inside the page."""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any
from zlib import crc32

import matplotlib
from matplotlib.figure import Figure

from dirimix.report.look import INK

Row = Mapping[str, Any]


def text(value: object) -> str:
    """Text that is safe in HTML; nothing where there is none."""
    return "" if value is None else escape(str(value))


def number(value: object, digits: int = 3) -> str:
    """A number for a table cell, a dash where it is not known."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return text(value)
    return f"{value:d}" if isinstance(value, int) else f"{value:.{digits}f}".replace("-", "−")


def with_band(row: Row, name: str, digits: int = 3) -> str:
    """A number with its band below it."""
    low, high = row.get(f"{name}_lo"), row.get(f"{name}_hi")
    band = "" if low is None else f"<small>{number(low, digits)} … {number(high, digits)}</small>"
    return number(row.get(name), digits) + band


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in a frame that scrolls; the first cell of a row is its head.

    Args:
        caption: What the table shows, plain text.
        heads: Column heads, HTML.
        rows: Cells, HTML.
    """
    head = "".join(
        f'<th scope="col"{_LEFT if i == 0 else ""}>{cell}</th>' for i, cell in enumerate(heads)
    )
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>\n'
        for first, *rest in rows
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{text(caption)}"><table>'
        f"<caption>{text(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


_LEFT = ' class="text"'


def section(name: str, title: str, *content: str) -> str:
    """A titled section, or nothing if it has no content."""
    inner = "\n".join(part for part in content if part)
    return f'<section id="{name}"><h2>{text(title)}</h2>\n{inner}\n</section>' if inner else ""


def bullets(lines: Iterable[str]) -> str:
    """A list of lines of plain text, or nothing."""
    items = "".join(f"<li>{text(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def folded(title: str, content: str) -> str:
    """Something that opens on a click, or nothing."""
    return f"<details><summary>{text(title)}</summary>{content}</details>" if content else ""


def picture(figure: Figure, words: str) -> str:
    """A figure as inline SVG; its ink takes the colour of the page's text.

    Args:
        figure: The figure.
        words: What it shows, for the caption and for those who cannot see it.
    """
    stream = io.StringIO()
    # text stays text; ids and dates must not differ from run to run
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "dirimix"}):
        figure.savefig(stream, format="svg", dpi=150, metadata={"Date": None})
    svg = stream.getvalue()
    svg = _own_ids(svg[svg.index("<svg") :], f"p{crc32(words.encode()):08x}-").replace(
        INK, "currentColor"
    )
    width = figure.get_figwidth() * 96
    sizes = f"max-width:{width:.0f}px;min-width:{min(width, 620):.0f}px"
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    label = f'<svg role="img" aria-label="{text(words)}" style="{sizes}"'
    svg = svg.replace("<svg", label, 1)
    return (
        f'<figure><div class="wide" tabindex="0">{svg}</div>'
        f"<figcaption>{text(words)}</figcaption></figure>"
    )


def _own_ids(svg: str, prefix: str) -> str:
    """Ids that no other picture of the page has."""
    # equal colour bars are one image twice with one id, to which nothing points
    svg = re.sub(r'(<image [^>]*?) id="[^"]*"', r"\1", svg)
    svg = re.sub(r'\bid="', f'id="{prefix}', svg)
    return re.sub(r'(url\(#|href="#)', rf"\1{prefix}", svg)
