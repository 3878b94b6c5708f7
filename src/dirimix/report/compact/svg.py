"""Figures of matplotlib as SVG in a third of the letters: what is drawn stays the same."""

import base64
import io
import re
from collections.abc import Iterable, Mapping
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr
from zlib import crc32

from PIL import Image

from dirimix.report.look import FOREGROUND

_XLINK = "{http://www.w3.org/1999/xlink}href"
_DROPPED = {"metadata", "style", "title"}  # elements without a mark
_PLACES = {"x", "y", "width", "height"}  # attributes that are numbers
_NUMBER = re.compile(r"-?\d*\.?\d+(?:e-?\d+)?")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_UNSEEN = re.compile(r"(?:^|; )opacity: 0(?:;|$)")
_PNG = "data:image/png;base64,"
_COLOURS = 256  # of an image
Attributes = dict[str, str]


def slim(svg: str, prefix: str) -> tuple[str, str]:
    """The content of an SVG that matplotlib wrote, and its viewBox.

    Coordinates have a tenth of a point, marks a hundredth; styles stand once, as classes named by
    what they say; the font is that of the page, and so is the colour of texts and frames.

    Args:
        svg: The whole document.
        prefix: What makes ids the figure's own on a page of many.
    """
    root = ElementTree.fromstring(svg)  # noqa: S314, as it is our own
    names = {old: f"{prefix}{k}" for k, old in enumerate(sorted(_referenced(root.iter())))}
    styles: dict[str, str] = {}
    content = "".join(_written(child, names, styles, in_defs=False) for child in root)
    rules = "".join(f".{name}{{{style}}}" for style, name in styles.items())
    return f"<style>{rules}</style>{content}", root.attrib["viewBox"]


def _referenced(elements: Iterable[ElementTree.Element]) -> set[str]:
    """Ids to which something points."""
    found = set[str]()
    for element in elements:
        found |= {name for value in element.attrib.values() for name in _REFERENCE.findall(value)}
        found |= {element.attrib[_XLINK][1:]} if element.get(_XLINK, "").startswith("#") else set()
    return found


def _written(
    element: ElementTree.Element, names: Mapping[str, str], styles: dict[str, str], *, in_defs: bool
) -> str:
    """An element as text, '' where it marks nothing, without its tags where they say nothing."""
    tag = element.tag.rpartition("}")[2]
    if tag in _DROPPED or _UNSEEN.search(element.get("style", "")):
        return ""
    own = _attributes(element, names, styles, 2 if in_defs else 1)
    inside = in_defs or tag == "defs"
    children = "".join(_written(child, names, styles, in_defs=inside) for child in element)
    text = escape(element.text) if element.text and element.text.strip() else ""
    if tag in ("g", "defs") and (not children or (tag == "g" and not own)):
        return children
    attributes = "".join(f" {name}={quoteattr(value)}" for name, value in own.items())
    body = text + children
    return f"<{tag}{attributes}>{body}</{tag}>" if body else f"<{tag}{attributes}/>"


def _attributes(
    element: ElementTree.Element, names: Mapping[str, str], styles: dict[str, str], digits: int
) -> Attributes:
    found: Attributes = {}
    is_image = element.tag.endswith("}image")
    for name, value in element.attrib.items():
        if name == "id":
            if value in names and not is_image:
                found["id"] = names[value]
        elif name == "style":
            kept = (p for p in value.split("; ") if not p.startswith("font-family"))
            style = "; ".join(kept).replace(FOREGROUND, "currentColor")
            found["class"] = styles.setdefault(style, f"s{crc32(style.encode()):x}")
        elif name == "d":
            found["d"] = path(value, digits)
        elif name == _XLINK:
            found["xlink:href"] = f"#{names[value[1:]]}" if value[0] == "#" else few_colours(value)
        elif name == "transform":
            kept = value if is_image else _rounded(re.sub(r"rotate\(-?0 [^)]*\)", "", value), 2)
            found |= {"transform": kept} if kept else {}
        elif name in _PLACES and not is_image:
            found[name] = _rounded(value, 2 if name in ("width", "height") else digits)
        else:
            found[name] = _REFERENCE.sub(lambda ref: f"url(#{names[ref[1]]})", value)
    return found


def _rounded(text: str, digits: int) -> str:
    """Text with its numbers rounded.

    >>> _rounded("translate(14.5899 -0.004)", 2)
    'translate(14.59 0)'
    """
    return _NUMBER.sub(lambda number: short(float(number[0]), digits), text)


def short(value: float, digits: int) -> str:
    """A number in as few letters as it takes.

    >>> short(14.96, 1), short(-0.04, 1), short(0.5, 2)
    ('15', '0', '.5')
    """
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"
    text = re.sub(r"^(-?)0\.", r"\1.", text)
    return "0" if text in ("-0", "") else text


def path(data: str, digits: int) -> str:
    """The data of a path with rounded numbers; steps along an axis in one number.

    >>> path("M 0 388.84 L 626.4 388.84 L 626.4 0 C 1 2 3 4 5 6 z", 1)
    'M0 388.8H626.4V0C1 2 3 4 5 6z'
    """
    here, made = ("", ""), list[str]()
    for command, numbers in re.findall(r"([A-DF-Za-df-z])([^A-DF-Za-df-z]*)", data):
        values = [short(float(v), digits) for v in numbers.split()]
        if command == "L" and values[1] == here[1]:
            made.append(f"H{values[0]}")
        elif command == "L" and values[0] == here[0]:
            made.append(f"V{values[1]}")
        else:
            made.append(command + " ".join(values))
        here = (values[-2], values[-1]) if values else ("", "")
    return "".join(made)


def few_colours(address: str) -> str:
    """An image with as many colours as the scales of its figures have."""
    if not address.startswith(_PNG):
        return address
    given = base64.b64decode(address[len(_PNG) :])
    image = Image.open(io.BytesIO(given)).convert("RGBA")
    stream = io.BytesIO()
    image.quantize(_COLOURS, Image.Quantize.FASTOCTREE).save(stream, "png", optimize=True)
    made = min(given, stream.getvalue(), key=len)
    return _PNG + base64.b64encode(made).decode()
