"""What an exhibit is made of, and what makes one."""

import re
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
        figure: The figure; None where a table is shown.
        shown: The table as a reader sees it, text in all cells; None where a figure is shown.
        finding: What is to be seen in the figure, for those who cannot.
    """

    caption: str
    table: pd.DataFrame
    figure: Figure | None = None
    shown: pd.DataFrame | None = None
    finding: str = ""


# takes the options of the study; None where the folder has nothing to show
Maker = Callable[[Output, Options], ExhibitContent | None]


def chosen_methods(output: Output, options: Options, table: pd.DataFrame) -> list[str]:
    """The methods of a table that an exhibit is to show, by default all."""
    known = set(table["method"])
    return [m for m in options.get("methods", output.methods) if m in known]


def markdown(shown: pd.DataFrame, caption: str = "") -> str:
    r"""A table of text in Markdown, its caption below it, every name as it is.

    >>> print(markdown(pd.DataFrame({"method": ["a|b"], "rms": ["0.3 [0.2, 0.4]"]})), end="")
    | method | rms |
    | --- | --- |
    | a\|b | 0.3 [0.2, 0.4] |
    """
    lines = [list(shown), ["---"] * shown.shape[1], *shown.astype(str).to_numpy().tolist()]
    table = "".join(f"| {' | '.join(map(_plain, line))} |\n" for line in lines)
    return table + (f"\n{_plain(caption)}\n" if caption else "")


def _plain(text: str) -> str:
    """Text without marks of Markdown or HTML."""
    return re.sub(r"([\\`*_|~])", r"\\\1", " ".join(text.split())).replace("<", "&lt;")
