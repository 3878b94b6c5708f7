"""What an exhibit is made of, and what makes one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from dirimix.report.output import Output

Options = Mapping[str, Any]


@dataclass(frozen=True)
class ExhibitContent:
    """What an exhibit shows.

    Attributes:
        caption: What is to be seen.
        table: The numbers, for the CSV file.
        figure: The figure.
        shown: The table as a reader sees it, text in all cells; None where the figure is all.
    """

    caption: str
    table: pd.DataFrame
    figure: Figure
    shown: pd.DataFrame | None = None


# takes the options of the study; None where the folder has nothing to show
Maker = Callable[[Output, Options], ExhibitContent | None]


def chosen_methods(output: Output, options: Options, table: pd.DataFrame) -> list[str]:
    """The methods of a table that an exhibit is to show, by default all."""
    known = set(table["method"])
    return [m for m in options.get("methods", output.methods) if m in known]
