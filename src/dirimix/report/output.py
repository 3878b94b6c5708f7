"""An output folder of `run` or `fit`, read for the report."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from dirimix.assess.headline import in_order, unjudged
from dirimix.assess.schema import COORDINATES, TABLES, read_table, row_label
from dirimix.errors import InputError
from dirimix.report.look import ColumnLabels
from dirimix.study.folder import MANIFEST_FILE, SCORES_FILE, kind_of, posterior_file, read_json
from dirimix.table.coordinates import CATEGORY, DATE, as_numbers
from dirimix.table.space import Round, make_space

_NEEDED = ("coverage_by_size", "ranking", "differences", "regions")


@dataclass(frozen=True)
class Law:
    """Whose predictions the page draws: those of a mixture, or of a single model.

    Attributes:
        method: The method.
        model: The model, '' for a mixture.
        label: What readers call it.
    """

    method: str
    model: str
    label: str

    @property
    def key(self) -> str:
        """Its name, as tables of comparisons have it."""
        return f"{self.method}:{self.model}" if self.model else self.method


@dataclass(frozen=True)
class Output:
    """An output folder, read.

    Attributes:
        folder: Where it is.
        numbers: The content of its scores.json.
        manifest: The content of its manifest.json.
    """

    folder: Path
    numbers: Mapping[str, Any]
    manifest: Mapping[str, Any]

    def table(self, name: str) -> pd.DataFrame:
        """One of its CSV files, '' where there is no model; dates are dates again."""
        kinds = self.names.kinds
        words = {c: kind for c, kind in kinds.items() if kind in (DATE, CATEGORY)}
        words = {c: k for c, k in words.items() if COORDINATES in TABLES[name].columns()}
        named = [self.named_by] if self.named_by else []
        table = read_table(self.folder, name, [*words, *named])
        for c, kind in words.items():
            given = table[c].where(table[c] != "")  # a global method's weights have no place
            if kind == CATEGORY:
                table[c] = pd.Categorical(given, categories=self.names.levels[c])
            else:
                table[c] = pd.to_datetime(given, format="ISO8601")
        return table

    def posterior(self, method: str) -> xr.Dataset | None:
        """The posterior of a method without what has an entry a training row; None if unsampled."""
        path = self.folder / posterior_file(method)
        if not path.is_file():
            return None
        with xr.open_dataset(path, group="posterior", engine="h5netcdf") as posterior:
            return posterior.drop_dims("point", errors="ignore").load()

    @cached_property
    def names(self) -> ColumnLabels:
        """What columns are called; the target goes by the study's label."""
        data = self.numbers["data"]
        labels = {**data["labels"], data["target"]: data["label"]}
        units = {**data["units"], data["target"]: data["unit"]}
        globe = tuple(data.get("geo") or ())
        return ColumnLabels(
            labels,
            units,
            data.get("kinds", {}),
            data.get("levels", {}),
            globe,
            self._rounds,
            data["lines"],
        )

    @cached_property
    def _predicted(self) -> pd.DataFrame:
        return self.table("predictions")

    @cached_property
    def parts(self) -> pd.DataFrame:
        """What predictions are made of, of the methods that can say it."""
        return self.table("parts")

    @cached_property
    def _sites(self) -> pd.DataFrame:
        return self.table("sites")

    @cached_property
    def values(self) -> np.ndarray:
        """What each model says at every site, (m, K), NaN where it says nothing."""
        given = self.table("model_values")["model_value"].to_numpy(dtype=float)
        return given.reshape(-1, len(self.models))

    @cached_property
    def laws(self) -> list[Law]:
        """Mixtures that predict sites; where nothing is mixed, the models by themselves."""
        table = self._predicted[["method", "model"]].drop_duplicates()
        found = [(str(m), str(k)) for m, k in table.itertuples(index=False)]
        found.sort(key=lambda pair: self.methods.index(pair[0]))
        kept = [pair for pair in found if not pair[1]] or found
        rows = ({"method": m, "model": k} for m, k in kept)
        return [Law(**row, label=row_label(row, self.names.labels)) for row in rows]

    @cached_property
    def main(self) -> Law | None:
        """Whose predictions the page shows first and judges: of those it draws, the best."""
        known = {(law.method, law.model): law for law in self.laws}
        order = [(r["method"], r["model"] or "") for r in in_order(self.numbers["ranking"])]
        first = next((known[pair] for pair in order if pair in known), None)
        if first is not None or not known:
            return first
        chosen = unjudged(dict.fromkeys(law.method for law in self.laws))
        return next(law for law in self.laws if law.method == chosen)

    def of_laws(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows of a table that belong to what the page draws, by what readers call it."""
        labels = {(law.method, law.model): law.label for law in self.laws}
        whose = [labels.get(pair) for pair in zip(table["method"], table["model"], strict=True)]
        return table.assign(method=whose).dropna(subset="method")

    def predictions(self, law: Law) -> pd.DataFrame:
        """Its predictions, a row a site; numbers are missing where a single model has no value."""
        return self.by_site(self._predicted, law).assign(method=law.label, model=law.model)

    def by_site(self, table: pd.DataFrame, law: Law) -> pd.DataFrame:
        """The rows of a table that are of a law, a row a site, in the order of the sites.

        Numbers are missing where a single model has no value.
        """
        sites = self._sites
        own = table.loc[(table["method"] == law.method) & (table["model"] == law.model)]
        given = np.ones(len(sites), dtype=bool)
        if law.model:
            values = self.table("model_values")
            given = values.loc[values["model"] == law.model, "model_value"].notna().to_numpy()
        known = ["split", "observed", *self.coords]
        columns = [c for c in own if c not in known]
        own = own[columns].set_axis(np.flatnonzero(given)).reindex(range(len(sites)))
        return sites[known].join(own)

    @cached_property
    def _rounds(self) -> dict[str, Round]:
        """Coordinates that maps of these sites cut open."""
        data = self.numbers["data"]
        geo, periodic = data.get("geo") or (), data.get("periodic") or {}
        if not geo and not periodic:
            return {}
        names = (*geo, *periodic)
        sites = as_numbers(read_table(self.folder, "sites"), names)
        return make_space(names, geo, periodic).rounds(sites)

    @property
    def coords(self) -> list[str]:
        """Columns of the coordinates."""
        return list(self.numbers["data"]["coords"])

    @property
    def named_by(self) -> str | None:
        """The column whose text names rows, if there is one."""
        return self.numbers["data"].get("names")

    @property
    def axes(self) -> list[str]:
        """Columns of the coordinates, those across and up a map first, as a globe has them."""
        data = self.numbers["data"]
        first = list(data["map_axes"] or data.get("geo") or ())
        return [*first, *(c for c in self.coords if c not in first)]

    @property
    def models(self) -> list[str]:
        """Columns of the models."""
        return list(self.numbers["data"]["models"])

    @property
    def methods(self) -> list[str]:
        """Names of the methods."""
        return [m["method"] for m in self.numbers["methods"]]


def read_output(folder: Path) -> Output:
    """Read a finished output folder.

    Raises:
        InputError: If the folder is no finished output of `run` or `fit`, or an older version's.
    """
    if kind_of(folder) is None:
        raise InputError(f"{str(folder)!r} is no output folder of run or fit; make one with run")
    if not (folder / MANIFEST_FILE).is_file():
        raise InputError(f"the run in {str(folder)!r} is not finished; finish it with run --resume")
    numbers = read_json(folder / SCORES_FILE)
    lacking = [name for name in _NEEDED if name not in numbers]
    if lacking:
        raise InputError(
            f"{SCORES_FILE} in {str(folder)!r} has no {lacking[0]!r}: an older version wrote it; "
            "run the command again"
        )
    return Output(folder, numbers, read_json(folder / MANIFEST_FILE))
