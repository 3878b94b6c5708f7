"""Tables of every library as pandas frames, by the names of their columns and with their masks."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dirimix.errors import InputError, did_you_mean, first_line
from dirimix.table.grids import beside, flat, variables
from dirimix.table.values import plain_name, shape_of

FILE_ROW = "row of the file"  # an index with this name numbers rows for messages
LABELS, UNITS = "labels", "units"  # of columns, where a file says them, in `attrs`
_LONG = ({"model", "model_id"}, {"value"})  # columns of a table with one row a model and site
_ACCEPTED = "a frame of pandas, polars, pyarrow, Dask or xarray, a dict of columns, or an array"


def looks_long(names: Sequence[str]) -> bool:
    """Whether columns are those of a long table, one row a site and model."""
    plain = {plain_name(n) for n in names}
    return all(plain & wanted for wanted in _LONG)


def as_frame(data: object, columns: Sequence[str]) -> pd.DataFrame:
    """Anything tabular as a pandas frame that has every one of the columns.

    Whatever has names is read by its names: frames of pandas, polars, pyarrow and Dask, an xarray
    Dataset (one row a cell of its grid), an xarray DataArray with the names along one of its
    dimensions, a dict of columns, a structured array. An array without names has the columns in
    order, and its masked values are missing.

    Raises:
        InputError: If it is no table, or one whose names cannot be read, or a column is missing or
            there twice.

    >>> masked = np.ma.masked_equal([[0.0, 1.0], [1.0, -9999.0]], -9999.0)
    >>> as_frame(masked, ["x", "a"])["a"].tolist()
    [1.0, nan]
    """
    frame = _named(data, columns)
    if frame is None:
        return _unnamed(data, columns)
    names = Counter(frame.columns)
    for name in columns:
        if names[name] > 1:
            raise InputError(
                f"the table has {names[name]} columns {name!r}; keep one or rename them"
            )
        if not names[name]:
            raise InputError(_missing_column(name, list(map(str, frame.columns)), frame.index))
    return frame


def as_column(
    values: Any, what: str = "a column", rows: object = None, columns: Sequence[str] = ()
) -> Any:
    """Values beside a table as something that NumPy and pandas read, missing ones as NaN.

    Args:
        values: One value a row; those of xarray go by their labels to the rows of an xarray table.
        what: What they are, for messages.
        rows: The table.
        columns: Columns of the table that are used.

    Raises:
        InputError: If they are a name and no values, bear the labels of the table's rows in
            another order or of some of them alone, or lie on dimensions that the table has not.
    """
    if isinstance(values, str):
        raise InputError(
            f"the {what} needs one value a row, and is the text {values!r}; give the values, such "
            f"as table[{values!r}]"
        )
    values, rows = _computed(values), _computed(rows)
    library = _library(values)
    if library == "xarray" and hasattr(values, "data_vars"):
        raise InputError(
            f"the {what} needs one variable, and is a Dataset of "
            f"{', '.join(map(repr, values.data_vars))}; name one of them"
        )
    if library == "xarray":
        labelled = _library(rows) == "xarray"
        return beside(values, what, variables(rows, columns)) if labelled else values.to_numpy()
    if _library(rows) == "xarray" and isinstance(values, pd.Series):
        labelled = variables(rows, columns)
        if set(values.index.names) <= set(labelled.dims) and values.index.is_unique:
            return beside(values.to_xarray(), what, labelled)
    if library == "polars" and hasattr(values, "collect"):
        values = values.collect()
    if library in ("polars", "pyarrow"):
        return values.to_pandas()
    if isinstance(values, np.ma.MaskedArray):
        return _filled(values)
    _refuse_other_labels(getattr(values, "index", None), getattr(rows, "index", None), what)
    return values


def _refuse_other_labels(given: object, own: object, what: str) -> None:
    if not isinstance(own, pd.Index) or not isinstance(given, pd.Index):
        return
    if len(own) != len(given) or own.equals(given) or not own.is_unique:
        return
    others = len(given.difference(own))
    if not others:
        raise InputError(
            f"the {what} bears the labels of the table's rows in another order; give it in the "
            "same, as values.loc[table.index]"
        )
    numbered = pd.RangeIndex(len(own))  # counts the rows, as after reset_index
    if others < len(given) and not own.equals(numbered) and not given.equals(numbered):
        raise InputError(
            f"the {what} bears labels of which {others} of {len(given)} are none of the table's: "
            "give it of the same rows, as values.loc[table.index], or as an array, such as "
            "values.to_numpy(), to go by position"
        )


def _named(data: Any, columns: Sequence[str]) -> pd.DataFrame | None:
    """A table that has names; None if it has none.

    Raises:
        InputError: If it has names that cannot be read.
    """
    data = _computed(data)
    if isinstance(data, pd.DataFrame):
        return data
    library = _library(data)
    if library == "xarray":
        return flat(variables(data, columns))
    if library == "polars" and hasattr(data, "collect"):
        data = data.collect()
    if library in ("polars", "pyarrow") and len(getattr(data, "shape", ())) == 2:
        return _to_pandas(data)
    if library == "pyarrow" and hasattr(data, "read_all"):
        return _to_pandas(data.read_all())
    if isinstance(data, Mapping):
        return _of_columns(data)
    if isinstance(data, np.ndarray) and data.dtype.names:
        return pd.DataFrame({name: as_column(data[name]) for name in data.dtype.names})
    if hasattr(data, "__arrow_c_stream__") and len(getattr(data, "shape", (0, 0))) == 2:
        import pyarrow

        return _to_pandas(pyarrow.table(data))
    if hasattr(data, "columns"):
        raise InputError(
            f"a {type(data).__name__} of {_library(data)} is a table whose names cannot be read; "
            f"give {_ACCEPTED}"
        )
    if isinstance(data, list | tuple) and any(isinstance(row, Mapping) for row in data):
        raise InputError("a list of dicts is no table; give pandas.DataFrame(rows)")
    if isinstance(data, list | tuple) and any(hasattr(row, "_fields") for row in data):
        raise InputError(
            "named tuples would be read by the order of their values; give pandas.DataFrame(rows)"
        )
    return None


def _to_pandas(data: Any) -> pd.DataFrame:
    """A table of polars or pyarrow as a frame, an index that pandas has left there as columns.

    Raises:
        InputError: If it has a column of a kind that pandas has not.
    """
    try:
        own = _library(data) == "pyarrow"
        return data.to_pandas(ignore_metadata=True) if own else data.to_pandas()
    except (ValueError, TypeError, NotImplementedError) as error:
        raise InputError(
            f"the {type(data).__name__} of {_library(data)} cannot be read ({first_line(error)}); "
            "convert the column to numbers, text or dates, or leave it out"
        ) from error


def _computed(data: Any) -> Any:
    """A frame or a column of Dask as one of pandas, anything else as it is."""
    return data.compute() if _library(data) == "dask" else data


def _of_columns(columns: Mapping[Any, Any]) -> pd.DataFrame:
    """A dict of columns as a frame.

    Raises:
        InputError: If they are no columns, or of different lengths.
    """
    found = {name: as_column(values) for name, values in columns.items()}
    sizes = {name: shape_of(values, f"the column {name!r}") for name, values in found.items()}
    for name, shape in sizes.items():
        if len(shape) != 1 or shape != next(iter(sizes.values())):
            raise InputError(
                f"a dict of columns needs lists of one length, and {name!r} has shape {shape}; "
                "give one value a row in each"
            )
    return pd.DataFrame(found)


def _library(data: object) -> str:
    return type(data).__module__.partition(".")[0]


def _unnamed(data: Any, columns: Sequence[str]) -> pd.DataFrame:
    shape_of(data, "the array")
    array = _filled(data) if isinstance(data, np.ma.MaskedArray) else np.asarray(data)
    if array.ndim != 2 or array.shape[1] != len(columns):
        raise InputError(
            f"an array needs {len(columns)} columns, coords then models, and this one has "
            f"shape {array.shape}; reshape it or give {_ACCEPTED}"
        )
    return pd.DataFrame(array, columns=pd.Index(columns))


def _filled(values: Any) -> np.ndarray:
    """A masked array without its mask, what was masked missing."""
    if values.dtype.kind in "biu" and np.ma.is_masked(values):
        values = values.astype(float)
    missing = {"f": np.nan, "c": np.nan, "M": np.datetime64("NaT", "ns")}.get(values.dtype.kind)
    if missing is None and np.ma.is_masked(values):
        values = values.astype(object)
    return values.filled(missing) if np.ma.is_masked(values) else np.asarray(values)


def _missing_column(name: str, columns: list[str], index: pd.Index) -> str:
    if name in index.names:
        return f"{name!r} is no column of the table but of its index; give table.reset_index()"
    some = ", ".join(map(repr, columns[:10])) + (", ..." if len(columns) > 10 else "")
    near = did_you_mean(str(name), columns)
    long = "; such a table, a row a model and site, is read with --long, long = true or pivot_long"
    long = long if looks_long(columns) else ""
    return f"the table has no column {name!r}{near}; the columns are {some}{long}"
