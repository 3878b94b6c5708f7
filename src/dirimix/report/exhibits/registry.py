"""Tables and figures of an output folder, each a CSV, a PNG and an SVG file.

An exhibit is one function: it takes the output folder and the options of the study, chooses what
is shown from the folder's tables, and draws it. `EXHIBITS` is the list of them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from dirimix.report.look import ColumnLabels
from dirimix.study.folder import write_csv
from dirimix.study.spec import ExhibitChoice

FIGURE_FOLDER = "figures"
_DPI = 200


@dataclass(frozen=True)
class Output:
    """An output folder, read.

    Attributes:
        folder: Where it is.
        numbers: The content of its scores.json.
    """

    folder: Path
    numbers: Mapping[str, Any]

    def table(self, name: str) -> pd.DataFrame:
        """One of its CSV files, '' where there is no model."""
        found = pd.read_csv(self.folder / f"{name}.csv", dtype={"model": str})
        return found.fillna({"model": ""}) if "model" in found else found

    @cached_property
    def names(self) -> ColumnLabels:
        """What columns are called; the target goes by the study's label."""
        data = self.numbers["data"]
        labels = {**data["labels"], data["target"]: data["label"]}
        return ColumnLabels(labels, {**data["units"], data["target"]: data["unit"]})

    @property
    def coords(self) -> list[str]:
        """Columns of the coordinates."""
        return list(self.numbers["data"]["coords"])

    @property
    def models(self) -> list[str]:
        """Columns of the models."""
        return list(self.numbers["data"]["models"])

    @property
    def methods(self) -> list[str]:
        """ColumnLabels of the methods."""
        return [m["method"] for m in self.numbers["methods"]]


@dataclass(frozen=True)
class ExhibitContent:
    """What an exhibit shows.

    Attributes:
        words: What is to be seen, for the caption.
        table: The numbers, for the CSV file.
        figure: The picture.
        shown: The table as a reader sees it, text in all cells; None where the picture is all.
    """

    words: str
    table: pd.DataFrame
    figure: Figure
    shown: pd.DataFrame | None = None


@dataclass(frozen=True)
class Exhibit:
    """An exhibit that was written to files, or the reason why it was not."""

    choice: ExhibitChoice
    drawn: ExhibitContent | None


Maker = Callable[[Output, Mapping[str, Any]], ExhibitContent | None]


def makers() -> dict[str, Maker]:
    """The function of every kind; it returns None where the folder has nothing to show."""
    from dirimix.report.exhibits import curves, maps, tables

    return tables.MAKERS | curves.MAKERS | maps.MAKERS


def write_exhibits(output: Output, choices: Iterable[ExhibitChoice]) -> list[Exhibit]:
    """Make every exhibit that a study chose, with its files in the folder `figures`."""
    known, found = makers(), []
    for choice in choices:
        drawn = known[choice.kind](output, choice.options)
        if drawn is not None:
            _write(drawn, output.folder / FIGURE_FOLDER, choice.name)
        found.append(Exhibit(choice, drawn))
    return found


def read_choices(manifest: Mapping[str, Any]) -> list[ExhibitChoice]:
    """The exhibits that the study of a manifest chose."""
    return [ExhibitChoice(**choice) for choice in manifest["study"].get("exhibits", ())]


def _write(drawn: ExhibitContent, folder: Path, name: str) -> None:
    folder.mkdir(exist_ok=True)
    write_csv(drawn.table, folder / f"{name}.csv")
    # ids and dates must not differ from run to run
    with matplotlib.rc_context({"svg.hashsalt": "dirimix"}):
        drawn.figure.savefig(folder / f"{name}.svg", metadata={"Date": None}, facecolor="white")
    drawn.figure.savefig(
        folder / f"{name}.png", dpi=_DPI, metadata={"Software": None}, facecolor="white"
    )
