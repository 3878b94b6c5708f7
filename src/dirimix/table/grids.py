"""Variables on a grid as the rows of a table, one a cell."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from dirimix._arrays import Mask
from dirimix.errors import DroppedRowsWarning, InputError

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
    grid = _grid(dims) if dims else tuple(map(str, dataset.sizes))
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
        frame[name] = _dates(cast(pd.Series, frame[name]))
    whole = [name for name, own in dims.items() if set(own) == set(grid)]
    return _known_cells(frame, whole, source) if source and len(grid) > 1 else frame


def _grid(dims: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The dimensions that hold most variables, whole or in part."""
    counts = Counter({own: sum(set(v) <= set(own) for v in dims.values()) for own in dims.values()})
    (best, most), *others = counts.most_common()
    rival = next((own for own, n in others if n == most and set(own) != set(best)), None)
    if rival is not None:
        raise InputError(
            f"as many variables lie on the dimensions {', '.join(best)} as on {', '.join(rival)}; "
            "put those that belong together into one table"
        )
    return best


def _dates(column: pd.Series) -> pd.Series:
    """Dates of other calendars, which xarray reads as objects, as text."""
    first = column.iloc[0] if column.dtype == object and len(column) else None
    if type(first).__module__.partition(".")[0] != "cftime":
        return column
    return column.map(_iso, na_action="ignore")


def _iso(moment: Any) -> str:
    return moment.isoformat()


def _known_cells(frame: pd.DataFrame, variables: list[str], source: str) -> pd.DataFrame:
    empty = cast(Mask, frame[variables].isna().to_numpy()).all(axis=1)
    if empty.any():
        warnings.warn(
            f"{int(empty.sum())} of {len(frame)} grid cells of {source} are left out: every "
            "variable is empty there",
            DroppedRowsWarning,
            stacklevel=3,
        )
    return cast(pd.DataFrame, frame.loc[~np.asarray(empty)]).reset_index(drop=True)
