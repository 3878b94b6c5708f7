"""The scripts of the page: two libraries as released, and the explorer in `static`."""

from importlib.resources import files

from markupsafe import Markup

LIBRARIES = ("d3.min.js", "plot.umd.min.js")  # the second needs the first
PARTS = (
    "data.js", "words.js", "state.js", "quantities.js", "pointer.js", "map.js", "section.js",
    "site.js", "calibration.js", "controls.js", "tables.js", "start.js",
)  # fmt: skip


def scripts() -> list[Markup]:
    """The content of each script element; no library or part may end one."""
    here = files("dirimix.report")
    libraries = [(here / "vendor" / name).read_text(encoding="utf-8") for name in LIBRARIES]
    parts = [(here / "static" / name).read_text(encoding="utf-8") for name in PARTS]
    own = '(() => {\n"use strict";\n' + "\n".join(parts) + "})();\n"
    return [Markup(text) for text in (*libraries, own)]  # noqa: S704
