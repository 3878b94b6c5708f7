"""The scripts of the page: two libraries as released, and the explorer in `static`."""

import base64
import gzip
from importlib.resources import files

from markupsafe import Markup

LIBRARIES = ("d3.min.js", "plot.umd.min.js")  # the second needs the first
PARTS = (
    "data.js", "places.js", "words.js", "state.js", "quantities.js", "pointer.js", "map.js",
    "section.js", "waterfall.js", "site.js", "spread.js", "calibration.js", "controls.js",
    "tables.js", "saved.js", "start.js",
)  # fmt: skip


def libraries() -> list[str]:
    """The libraries, packed; `static/start.js` unpacks and runs them."""
    return [packed(_read("vendor", name)) for name in LIBRARIES]


def explorer_script() -> Markup:
    """The page's own script, which stands in the page as it is."""
    parts = "\n".join(_read("static", name) for name in PARTS)
    return Markup(f'(() => {{\n"use strict";\n{parts}}})();\n')  # noqa: S704


def packed(text: str) -> str:
    """Text, compressed and in letters that are no markup; the same text gives the same letters."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _read(folder: str, name: str) -> str:
    return (files("dirimix.report") / folder / name).read_text(encoding="utf-8")
