"""A table with its columns named and its rows sorted into training, test and landscape."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

import numpy as np
import pandas as pd

from dirimix._arrays import Floats, Mask
from dirimix.errors import counted
from dirimix.table.coordinates import CATEGORY, NUMBER, as_numbers
from dirimix.table.space import Round, Space, make_space

SPLITS = ("train", "test", "landscape")


DATASET = "data:"  # a table with this prefix is a dataset's name


@dataclass(frozen=True)
class Part:
    """Some rows of a table.

    Attributes:
        frame: Coordinate and model columns, and that of names if any, n rows; its index,
            `FILE_ROW`, numbers them in the table that they come from.
        y: Observations, (n,), or None where there are none.
        y_err: Measurement errors, (n,), or None where none are given.
    """

    frame: pd.DataFrame
    y: Floats | None
    y_err: Floats | None

    def keep(self, mask: Mask) -> "Part":
        """The rows where a mask (n,) is true."""
        y, y_err = (None if v is None else v[mask] for v in (self.y, self.y_err))
        return Part(cast(pd.DataFrame, self.frame.loc[mask]), y, y_err)


@dataclass(frozen=True)
class SplitTable:
    """What methods are fitted to and scored on.

    Attributes:
        source: Where the table came from.
        coords: Columns of the coordinates.
        models: Columns of the models.
        target: Column of the observations.
        error: Column of the measurement errors, if any.
        parts: The rows by split; 'train' is always there.
        everywhere: Coordinates and models of every row of the table, used or not.
        notes: What was left out or chosen here, line by line.
        remarks: What the dataset says of itself, line by line.
        inputs: sha256 of every input, by name.
        labels: Display names of columns, where they have others.
        units: Units of columns.
        label: What the target is.
        citation: What to cite for the data.
        geo: The longitude and the latitude among the coordinates, or None.
        periodic: Coordinates that come round, and their periods, or None.
        kinds: Of each coordinate, 'number', 'date' or 'category'.
        levels: Labels of each coordinate that is a category.
        map_axes: The coordinates that go across and up a map, where it is said.
        lines: Values of coordinates at which maps and sections have a line for reference.
        names: Column whose text names each row, if any.
    """

    source: str
    coords: tuple[str, ...]
    models: tuple[str, ...]
    target: str
    error: str | None
    parts: dict[str, Part]
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    inputs: dict[str, str] = field(default_factory=dict[str, str])
    labels: dict[str, str] = field(default_factory=dict[str, str])
    units: dict[str, str] = field(default_factory=dict[str, str])
    label: str = ""
    citation: str = ""
    everywhere: pd.DataFrame = field(default_factory=pd.DataFrame)
    geo: tuple[str, ...] | None = None
    periodic: Mapping[str, float] | None = None
    kinds: dict[str, str] = field(default_factory=dict[str, str])
    levels: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    map_axes: tuple[str, ...] = ()
    lines: Mapping[str, tuple[float, ...]] = field(default_factory=dict[str, tuple[float, ...]])
    names: str | None = None

    @property
    def site_columns(self) -> list[str]:
        """Columns that say which row it is: the coordinates, and the names."""
        return [*self.coords, *([self.names] if self.names else [])]

    @property
    def places(self) -> dict[str, object]:
        """What the coordinates are, as an estimator takes it."""
        return {"geo": self.geo, "periodic": self.periodic}

    @cached_property
    def space(self) -> Space:
        """How far apart sites are."""
        labelled = [c for c in self.coords if self.kinds.get(c, NUMBER) == CATEGORY]
        levels = {c: self.levels[c] for c in labelled}
        return make_space(self.coords, self.geo, self.periodic, levels)

    @cached_property
    def rounds(self) -> dict[str, Round]:
        """Coordinates that come round and are cut open elsewhere, as maps of all sites do."""
        if not self.geo and not self.periodic:
            return {}
        frames = [as_numbers(part.frame, self.coords) for part in self.parts.values()]
        return self.space.rounds(np.concatenate(frames))

    def training_only(self) -> "SplitTable":
        """The same with its training rows alone, and a note that says so.

        The rows of a file that have no observation stay, to be predicted.
        """
        kept = {"train"} if self.source.startswith(DATASET) else {"train", "landscape"}
        others = {split: len(part.frame) for split, part in self.parts.items() if split not in kept}
        if not others:
            return self
        unused = " and ".join(counted(n, f"{split} row") for split, n in others.items())
        note = (
            f"fitted on the {len(self.parts['train'].frame)} training rows of {self.source}; its "
            f"{unused} {'is' if sum(others.values()) == 1 else 'are'} not used"
        )
        parts = {split: part for split, part in self.parts.items() if split in kept}
        return replace(self, parts=parts, notes=(*self.notes, note))
