"""Variables on a grid as the rows of a table, one a cell."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from dirimix._arrays import Mask
from dirimix.errors import DroppedRowsWarning, InputError
from dirimix.table.dates import standard_dates
from dirimix.table.values import plain

SD_SUFFIX = "__sd"  # a column MODEL__sd holds the standard deviation of a corrected model

if TYPE_CHECKING:
    import xarray as xr


def flat(dataset: "xr.Dataset", source: str = "") -> pd.DataFrame:
    """One row a cell of the grid that most variables lie on; what lies on part of it is repeated.

    Variables that do not fit the grid are left out, and where there are several dimensions so are
    cells in which every variable of the whole grid is empty; warnings say so.

    Args:
        dataset: Variables and coordinates.
        source: Where it came from, for messages; '' tells nothing of empty cells, and keeps them.

    Raises:
        InputError: If the variables lie on several grids, none of which is that of most.
    """
    dims = {str(name): tuple(map(str, v.dims)) for name, v in dataset.data_vars.items()}
    grid = _grid(dataset)
    odd = [name for name, own in dims.items() if not set(own) <= set(grid)]
    if odd:
        warnings.warn(
            f"{', '.join(map(repr, odd))}{' of ' + source if source else ''} lie on other "
            f"dimensions than {', '.join(grid)} and are left out",
            DroppedRowsWarning,
            stacklevel=2,
        )
    kept = dataset.drop_vars(odd)
    kept = kept.drop_dims([d for d in map(str, kept.sizes) if d not in grid])
    if not grid:
        return pd.DataFrame()
    frame = pd.DataFrame(kept.to_dataframe(dim_order=list(grid)).reset_index())
    frame = frame.drop(columns=[d for d in grid if d not in kept.coords])
    for name in frame.columns:
        frame[name] = plain(standard_dates(cast(pd.Series, frame[name])))
    whole = [name for name, own in dims.items() if set(own) == set(grid)]
    return _known_cells(frame, whole, source) if source and len(grid) > 1 else frame


def variables(data: Any, columns: Sequence[str]) -> "xr.Dataset":
    """Columns of an xarray table as a Dataset, all that it has where none are named.

    Raises:
        InputError: If it is a DataArray with the columns along none of its dimensions, or neither
            a DataArray nor a Dataset.
    """
    import xarray as xr

    if not isinstance(data, xr.Dataset | xr.DataArray):
        raise InputError(
            f"a {type(data).__name__} of xarray is no table; give a Dataset, as of to_dataset()"
        )
    if isinstance(data, xr.Dataset):
        # other variables may lie on a finer grid
        if columns and all(c in data.variables for c in columns):
            more = [f"{c}{SD_SUFFIX}" for c in columns]
            data = data[[*columns, *(c for c in more if c in data.variables)]]
        return data
    labelled = [
        d
        for d in data.dims
        if d in data.indexes and set(columns) - set(data.coords) <= set(data.indexes[d])
    ]
    if not labelled:
        raise InputError(
            f"none of the dimensions {', '.join(map(repr, data.dims))} of the DataArray is "
            f"labelled with the names {', '.join(map(repr, columns))}; label one, or give a Dataset"
        )
    return data.to_dataset(dim=labelled[0])


def beside(values: "xr.DataArray", what: str, dataset: "xr.Dataset") -> "np.ndarray[Any, Any]":
    """Values in the order of the rows that `flat` makes of a Dataset, put there by their labels.

    Where both have no dimension in common the values are taken in their own order.

    Raises:
        InputError: If they lie on dimensions that the grid has not, or their labels are others.
    """
    import xarray as xr

    grid = _grid(dataset)
    extra = [str(d) for d in values.dims if d not in grid]
    if values.ndim == 1 and extra:
        return values.to_numpy()
    if extra:
        raise InputError(
            f"the {what} lies on {', '.join(map(repr, extra))}, too, and the table on "
            f"{', '.join(map(repr, grid))} alone; give one value a row"
        )
    own = {d: dataset.indexes[d] for d in grid if d in dataset.indexes}
    for name in [str(d) for d in values.dims if d in own and d in values.indexes]:
        there = values.indexes[name]
        lacking = own[name][~own[name].isin(there)]
        if len(lacking):
            raise InputError(
                f"the {what} has no value at {len(lacking)} of the {len(own[name])} labels of the "
                f"table along {name!r}, the first {lacking[0]!s} (its own begin with "
                f"{there[0]!s}); give it with the same labels, or leave these rows out"
            )
    cells = xr.DataArray(np.empty([dataset.sizes[d] for d in grid]), own, grid)
    try:
        there = xr.align(cells, values, join="left")[1].broadcast_like(cells)
    except ValueError as error:
        raise InputError(
            f"the {what} does not fit the table's grid of {', '.join(map(repr, grid))}; give it "
            "with the same labels"
        ) from error
    return there.transpose(*grid).to_numpy().ravel()


def _grid(dataset: "xr.Dataset") -> tuple[str, ...]:
    """The dimensions that hold most variables, whole or in part."""
    dims = {str(name): tuple(map(str, v.dims)) for name, v in dataset.data_vars.items()}
    if not dims:
        return tuple(map(str, dataset.sizes))
    counts = Counter({own: sum(set(v) <= set(own) for v in dims.values()) for own in dims.values()})
    (best, most), *others = counts.most_common()
    rival = next((own for own, n in others if n == most and set(own) != set(best)), None)
    if rival is not None:
        raise InputError(
            f"as many variables lie on the dimensions {', '.join(best)} as on {', '.join(rival)}; "
            "put those that belong together into one table"
        )
    return best


def _known_cells(frame: pd.DataFrame, variables: list[str], source: str) -> pd.DataFrame:
    empty = cast(Mask, frame[variables].isna().to_numpy()).all(axis=1)
    if empty.any():
        warnings.warn(
            f"{int(empty.sum())} of {len(frame)} grid cells of {source} are left out: of what lies "
            f"on the whole grid ({', '.join(variables)}) they hold nothing",
            DroppedRowsWarning,
            stacklevel=3,
        )
    return cast(pd.DataFrame, frame.loc[~np.asarray(empty)]).reset_index(drop=True)
