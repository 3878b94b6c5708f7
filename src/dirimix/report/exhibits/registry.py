"""The tables and figures that a study asks for: a CSV file, and Markdown or PNG and SVG.

Captions stand below tables, and in the metadata of pictures as their description.

An exhibit is made by one function: it takes the output folder and the options of the study,
chooses what is shown from the folder's tables, and draws it. `MAKERS` has them by kind.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

from dirimix.report.exhibits import curves, maps, parts, sizes, tables
from dirimix.report.exhibits.content import ExhibitContent, markdown
from dirimix.report.look import settle
from dirimix.report.output import Output
from dirimix.report.picture import Picture, any_script, make_picture
from dirimix.study.folder import FIGURE_FOLDER, write_csv
from dirimix.study.spec import ExhibitChoice

MAKERS = tables.MAKERS | curves.MAKERS | sizes.MAKERS | maps.MAKERS | parts.MAKERS
_DPI = 200


@dataclass(frozen=True)
class Exhibit:
    """An exhibit of a study.

    Attributes:
        choice: What was asked for.
        content: What was made; None where the folder has nothing to show.
    """

    choice: ExhibitChoice
    content: ExhibitContent | None

    @property
    def files(self) -> list[str]:
        """Where it is written, in the output folder."""
        table = self.content is not None and self.content.shown is not None
        kinds = ("csv", "md") if table else ("csv", "png", "svg")
        return [f"{FIGURE_FOLDER}/{self.choice.name}.{kind}" for kind in kinds]

    @property
    def picture(self) -> Picture | None:
        """The figure for the page; None where the page shows a table."""
        if self.content is None or self.content.figure is None:
            return None
        caption = f"{self.choice.title}. {self.content.caption}"
        return make_picture(self.content.figure, caption, self.content.finding)


def write_exhibits(output: Output, choices: Iterable[ExhibitChoice]) -> list[Exhibit]:
    """Make every exhibit that a study chose, with its files in the folder `figures`."""
    made = []
    for choice in choices:
        content = MAKERS[choice.kind](output, choice.options)
        exhibit = Exhibit(choice, content)
        if content is not None:
            _write(content, [output.folder / name for name in exhibit.files])
        made.append(exhibit)
    return made


def read_choices(manifest: Mapping[str, Any]) -> list[ExhibitChoice]:
    """The exhibits that the study of a manifest chose."""
    return [ExhibitChoice(**choice) for choice in manifest["study"].get("exhibits", ())]


def _write(content: ExhibitContent, files: Sequence[Path]) -> None:
    csv, *others = files
    csv.parent.mkdir(exist_ok=True)
    write_csv(content.table, csv)
    if content.shown is not None:
        text = markdown(content.shown, content.caption)
        others[0].write_text(text, encoding="utf-8")
    if content.figure is None:
        return
    # ids and dates must not differ from run to run
    with any_script(content.figure), matplotlib.rc_context({"svg.hashsalt": "dirimix"}):
        settle(content.figure)
        for path in others:
            fixed = {"Date": None} if path.suffix == ".svg" else {"Software": None}
            about = fixed | {"Description": content.caption}
            content.figure.savefig(path, dpi=_DPI, metadata=about, facecolor="white")
