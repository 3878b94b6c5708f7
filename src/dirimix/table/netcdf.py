"""netCDF files: fill values, ranges of valid values, packed numbers, times and groups."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import io
import os
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from dirimix._arrays import Mask
from dirimix.errors import InputError, TableWarning
from dirimix.table.frames import LABELS, UNITS
from dirimix.table.grids import flat
from dirimix.table.values import parsed

# what the netCDF library writes where nothing was written, by type (netcdf.h, NC_FILL_...)
_DEFAULT_FILL = {
    "i2": -32767, "u2": 65535, "i4": -2147483647, "u4": 4294967295,
    "i8": -9223372036854775806, "u8": 18446744073709551614,
    "f4": np.float32(9.9692099683868690e36), "f8": 9.9692099683868690e36,
}  # fmt: skip

_ABOUT = 8192  # bytes that HDF5 keeps of a variable or a group beside its values, at most
_PACKING = {"scale_factor": 1.0, "add_offset": 0.0}  # attributes and what is meant without them
_BOUNDS = ("bounds", "climatology")  # attributes that name where cells begin and end
# `decode_cf=False` says the same, and groups do not heed it
_RAW: dict[str, Any] = dict.fromkeys(
    ("mask_and_scale", "decode_times", "concat_characters", "decode_coords", "decode_timedelta"),
    False,
)


def read_netcdf(path: Path) -> pd.DataFrame:
    """The variables of a netCDF file, one row a cell of the grid that they share.

    Variables of groups go by their own names, or as GROUP/NAME where several have one name.

    Returns:
        The rows; `attrs[LABELS]` and `attrs[UNITS]` have what the file says of its variables.

    Raises:
        InputError: If variables lie on grids that do not belong together.
    """
    with path.open("rb") as stream:
        classic = stream.read(3) == b"CDF"
    if classic:
        # from a path SciPy maps the file into memory, and leaves it open where it is damaged
        content = io.BytesIO(path.read_bytes())
        with xr.open_dataset(content, engine="scipy", **_RAW) as dataset:
            joined = _decoded(dataset.load())
    else:
        groups = xr.open_groups(path, engine="h5netcdf", **_RAW)
        try:
            groups = {name: dataset.load() for name, dataset in groups.items()}
        finally:
            for dataset in groups.values():
                dataset.close()
        joined = _joined(groups, path)
    frame = flat(joined, repr(str(path)))
    for kept, attribute in ((LABELS, "long_name"), (UNITS, "units")):
        said = {
            str(n): str(v.attrs.get(attribute, "")).strip() for n, v in joined.variables.items()
        }
        frame.attrs[kept] = {name: words for name, words in said.items() if words}
    return frame


def write_netcdf(
    tree: xr.DataTree, path: Path, encoding: Mapping[str, Mapping[str, Any]] | None = None
) -> None:
    """Write groups of variables to a netCDF file.

    Raises:
        OSError: If there is no room for them.
    """
    sizes = [dataset.nbytes + _ABOUT * (1 + len(dataset.variables)) for dataset in _groups_of(tree)]
    # HDF5 may end the whole process where a disk is full: see that it is not
    with path.open("wb") as stream:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(stream.fileno(), 0, sum(sizes))
    engine: Any = "h5netcdf"
    tree.to_netcdf(path, engine=engine, encoding=encoding)


def _groups_of(tree: xr.DataTree) -> list[xr.Dataset]:
    return [node.to_dataset() for node in tree.subtree]


def _joined(groups: dict[str, xr.Dataset], path: Path) -> xr.Dataset:
    """All groups as one, each with the coordinates of those that it lies in."""
    counts = Counter(str(v) for dataset in groups.values() for v in dataset.data_vars)
    parts: list[xr.Dataset] = []
    for name, dataset in groups.items():
        place = name.strip("/")
        above = {"/", *("/" + "/".join(place.split("/")[:k]) for k in range(place.count("/") + 1))}
        for other in above & set(groups) - {name}:
            fits = {
                c: v
                for c, v in groups[other].coords.items()
                if set(v.dims) <= set(dataset.dims) and c not in dataset.variables
            }
            dataset = dataset.assign_coords(fits)
        again = {v: f"{place}/{v}" for v in dataset.data_vars if counts[str(v)] > 1 and place}
        parts.append(_decoded(dataset).rename_vars(again))
    try:
        return xr.merge(parts, join="exact", compat="no_conflicts", combine_attrs="drop_conflicts")
    except ValueError as error:
        named = Counter(str(d) for part in parts for d in part.dims)
        shared = ", ".join(repr(d) for d, count in named.items() if count > 1)
        raise InputError(
            f"the groups of {str(path)!r} differ along {shared or 'what they share'}; put what "
            "belongs together on one grid"
        ) from error


def _decoded(raw: xr.Dataset) -> xr.Dataset:
    """Numbers and dates as they are meant, NaN where they are missing or not valid.

    What only describes other variables, the bounds of their cells, is left out.
    """
    about = {str(v.attrs[a]) for v in raw.variables.values() for a in _BOUNDS if a in v.attrs}
    raw = raw.drop_vars([name for name in raw.data_vars if name in about])
    raw = raw.copy()
    for variable in raw.variables.values():
        variable.attrs = _attributes(variable)
    timed = [n for n, v in raw.variables.items() if " since " in str(v.attrs.get("units", ""))]
    for name in timed:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", xr.SerializationWarning)
                xr.decode_cf(raw[[name]], decode_coords=False, decode_timedelta=False).load()
        except (ValueError, OverflowError):
            warnings.warn(
                f"the times {str(name)!r}, in {raw[name].attrs['units']!r}, are no dates that can "
                "be told and stay numbers; write them in days or hours since a date",
                TableWarning,
                stacklevel=2,
            )
            raw = raw.assign({name: raw[name].drop_attrs()})
    with warnings.catch_warnings():
        # several marks of missing values, all of which are taken out
        warnings.filterwarnings("ignore", ".*multiple fill values", xr.SerializationWarning)
        # dates that only other classes hold
        warnings.filterwarnings("ignore", ".*decode time axis", xr.SerializationWarning)
        found = xr.decode_cf(raw, decode_timedelta=False).load()
    for name in list(found.variables):
        bad = _not_valid(raw.variables[name]) if name in raw.variables else None
        if bad is None or not bad.any():
            continue
        if name in found.dims:
            raise InputError(
                f"the dimension {str(name)!r} has values that are missing or not valid; correct "
                "them"
            )
        found[name] = found[name].where(~xr.DataArray(bad, dims=found[name].dims))
    return found


def _attributes(raw: xr.Variable) -> dict[Any, Any]:
    """Those of a variable, numbers where they stand as text, and of times their fill value."""
    attrs, kind = dict(raw.attrs), raw.dtype
    if kind.kind not in "iuf":
        return attrs
    for name in {*_PACKING, "missing_value"} & set(attrs):
        number = parsed(attrs[name]) if isinstance(attrs[name], str) else None
        if number is not None:
            attrs[name] = number if name in _PACKING else kind.type(number)
    fill = _DEFAULT_FILL.get(kind.str[1:])
    timed = " since " in str(attrs.get("units", ""))
    if fill is not None and timed and not {"_FillValue", "missing_value"} & set(attrs):
        attrs["_FillValue"] = kind.type(fill)  # a date that no calendar has
    return attrs


def _not_valid(raw: xr.Variable) -> Mask | None:
    """Where a variable, as the file holds it, is empty by default or outside its valid range.

    `_FillValue` and `missing_value` are xarray's to know, but for those of another precision.
    """
    values = np.asarray(raw.values)
    if values.dtype.kind not in "iuf":
        return None
    attrs = raw.attrs
    fill = _DEFAULT_FILL.get(values.dtype.str[1:])
    bad = np.zeros(values.shape, dtype=bool)
    if fill is not None and np.all(attrs.get("_FillValue", fill) == fill):
        bad |= values == np.asarray(fill, dtype=values.dtype)
    if values.dtype.kind == "f":
        for name in {"_FillValue", "missing_value"} & set(attrs):
            bad |= np.isin(*_in_one_precision(values, np.asarray(attrs[name])))
    low, high = _valid(attrs)
    if str(attrs.get("_Unsigned", "")).lower() == "true" and values.dtype.kind == "i":
        unsigned = np.dtype(f"u{values.dtype.itemsize}")
        values = values.view(unsigned)
        low, high = (None if v is None else _same_bits(v, unsigned) for v in (low, high))
    for limit, beyond in ((low, np.less), (high, np.greater)):
        if limit is not None:
            bad |= beyond(*_in_units_of(np.asarray(limit), values, attrs))
    return bad


def _valid(attrs: dict[Any, Any]) -> tuple[Any, Any]:
    """The least and the greatest valid value, as the file holds them, None where not given."""
    if "valid_range" in attrs and np.size(attrs["valid_range"]) == 2:
        low, high = np.ravel(attrs["valid_range"])
        return low, high
    return attrs.get("valid_min"), attrs.get("valid_max")


def _in_units_of(
    limit: "np.ndarray[Any, Any]", values: "np.ndarray[Any, Any]", attrs: dict[Any, Any]
) -> tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]:
    """Values as a file holds them and a limit of theirs, as what can be compared.

    A limit of packed values is one of what they stand for if it has the type of the scale factor
    and that is wider than the values' own (NetCDF User's Guide, attribute conventions).
    """
    packing = {name: np.asarray(attrs[name]) for name in _PACKING if name in attrs}
    wider = limit.dtype.kind == "f" and (
        values.dtype.kind in "iu" or limit.dtype.itemsize > values.dtype.itemsize
    )
    if not packing or not wider or limit.dtype.str[1:] != np.result_type(*packing.values()).str[1:]:
        return _in_one_precision(values, limit)
    scale, offset = (packing.get(name, np.asarray(d)).item() for name, d in _PACKING.items())
    meant = values * float(scale) + float(offset)
    # the scale and the limit are rounded: what that may have moved beyond the limit is at it
    rounding = np.finfo(limit.dtype).eps * (np.abs(limit) + abs(offset))
    return np.where(np.abs(meant - limit) <= rounding, limit, meant), limit


def _in_one_precision(
    values: "np.ndarray[Any, Any]", other: "np.ndarray[Any, Any]"
) -> tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]:
    """Both as they are or, where both are floats, with the digits of the shorter ones."""
    if not values.dtype.kind == other.dtype.kind == "f":
        return values, other
    shorter = min(values.dtype, other.dtype, key=lambda kind: kind.itemsize)
    with np.errstate(over="ignore"):
        return values.astype(shorter), other.astype(shorter)


def _same_bits(value: Any, unsigned: "np.dtype[Any]") -> Any:
    value = np.asarray(value)
    return (
        value.astype(f"i{unsigned.itemsize}").view(unsigned) if value.dtype.kind == "i" else value
    )
