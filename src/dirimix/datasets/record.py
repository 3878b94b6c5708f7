"""What a data set is, and what is needed to make one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd

TRAIN, TEST, LANDSCAPE = "train", "test", "landscape"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Observations and model values, one row a site, no site twice.

    Attributes:
        name: Name in the registry.
        frame: Columns `coords`, `models`, `target`, `error` and `split`. Model values are NaN
            where a model has none; target and error are NaN at landscape rows.
        coords: Names of the coordinate columns.
        models: Names of the model columns.
        target: Name of the observed column.
        error: Name of the column with the standard deviations of the observations, or None.
        split: Name of the column that holds "train", "test" or "landscape" (a site where a
            prediction is wanted and nothing is observed).
        citation: Whom to cite.
        units: Column name -> unit.
        notes: What is missing, left out or unusual: how much and why, one line each.
        labels: Model column -> name to print.
        sha256: File -> checksum of what was read.
        map_axes: The coordinates across and up a map, in the order that the field is used to;
            empty for the order of `coords`.
        lines: Coordinate -> values at which a map has a line for reference.
    """

    name: str
    frame: pd.DataFrame
    coords: tuple[str, ...]
    models: tuple[str, ...]
    target: str
    error: str | None
    split: str
    citation: str
    units: Mapping[str, str]
    notes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)
    map_axes: tuple[str, ...] = ()
    lines: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def landscape(self) -> pd.DataFrame:
        """Coordinates and model values of all rows, observed or not."""
        return self.frame.loc[:, [*self.coords, *self.models]]

    def part(self, split: str) -> pd.DataFrame:
        """The rows of one split, with a fresh index."""
        return self.frame.loc[self.frame[self.split] == split].reset_index(drop=True)


@dataclass(frozen=True)
class File:
    """A published file: its place in the data folder, its address and its checksum."""

    path: str
    url: str
    sha256: str


@dataclass(frozen=True)
class Source:
    """How to make a data set.

    Attributes:
        summary: One line for a list of data sets.
        build: Function from the verified contents, path -> bytes, to the data set.
        files: What it is made of; empty where the data are embedded in the package.
    """

    summary: str
    build: Callable[[Mapping[str, bytes]], Dataset]
    files: tuple[File, ...] = ()
