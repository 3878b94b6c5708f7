"""A fitted method in two files: arrays in `fit.nc`, all else in `fit.json`.

The groups of `fit.nc` are those that ArviZ knows, training data among them, and `state` with what
predictions are made of. Reading makes plain values, arrays and dirimix's own records of them, and
runs nothing that a file says.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from dirimix._version import __version__
from dirimix.errors import InputError
from dirimix.estimators.fitted import FittedMethod
from dirimix.estimators.saved.state import Parts, put_together, take_apart
from dirimix.sampling.posterior import Quantity, data_groups
from dirimix.study.folder import ARRAYS_FILE, FIT_FILE, checksums, read_json, write_json
from dirimix.study.load import file_sha256
from dirimix.table.files import whole_file
from dirimix.table.netcdf import write_netcdf
from dirimix.table.split import SplitTable
from dirimix.table.table import make_table

FORMAT = 1  # raised whenever the state of an estimator is not what it was
_STATE = "state"
_SAMPLE = "sample_"  # group of the draws of one of several estimators, with its number
_ENGINE: Any = "h5netcdf"
# what NumPy, xarray and h5py raise on a file that holds something else
_OTHERWISE = (LookupError, TypeError, ValueError, AttributeError, OSError, RuntimeError)


def write_fitted(fitted: FittedMethod, data: SplitTable, folder: Path) -> dict[str, str]:
    """Write a method that was fitted to the training rows of a table.

    Returns:
        The sha256 of each file, by name.

    Raises:
        InputError: If an option is an object that no file can hold.
    """
    parts = Parts()
    state = take_apart(fitted, parts, fitted.name)
    alone = parts.posteriors[0] if len(parts.posteriors) == 1 else None
    groups = _training(data) if alone is None else _groups(alone)
    for number, tree in enumerate(parts.posteriors if alone is None else ()):
        groups |= {f"{_SAMPLE}{number}/{name}": own for name, own in _groups(tree).items()}
    groups[_STATE] = xr.Dataset(
        {
            name: ([f"{name}.{axis}" for axis in range(array.ndim)], array)
            for name, array in parts.arrays.items()
        }
    )
    # no number stands for a missing one
    encoding = {f"/{_STATE}": {name: {"_FillValue": None} for name in parts.arrays}}
    tree = xr.DataTree.from_dict(groups)
    tree.attrs = {} if alone is None else dict(alone.attrs)
    with whole_file(folder / ARRAYS_FILE) as part:
        write_netcdf(tree, part, encoding)
    arrays = file_sha256(folder / ARRAYS_FILE)
    about = {"program": "dirimix", "version": __version__, "format": FORMAT}
    content = {**about, "method": fitted.name, "sha256": {ARRAYS_FILE: arrays}, "fitted": state}
    write_json(content, folder / FIT_FILE)
    return {FIT_FILE: file_sha256(folder / FIT_FILE), ARRAYS_FILE: arrays}


def read_fitted(folder: Path) -> FittedMethod:
    """The method that `write_fitted` wrote; draws of its posterior are read when asked for.

    Raises:
        InputError: If a file is missing, was changed, or is one that this version cannot read.
    """
    about = read_json(folder / FIT_FILE)
    version, written_in = about.get("version"), about.get("format")
    if written_in != FORMAT:
        raise InputError(
            f"the fitted method in {str(folder)!r} was written by another version of dirimix "
            f"({version}, and this is {__version__}), whose files this one cannot read; fit again"
        )
    path = folder / ARRAYS_FILE
    if not path.is_file() or file_sha256(path) != checksums(about).get(ARRAYS_FILE):
        raise InputError(
            f"the file {str(path)!r} is missing or not the one that was written; fit again"
        )
    try:
        fitted = put_together(about["fitted"], _read_arrays(path))
    except _OTHERWISE as error:
        raise InputError(
            f"the fitted method in {str(folder)!r} cannot be read by this version of dirimix, "
            f"{__version__} ({version} wrote it); fit again"
        ) from error
    if not isinstance(fitted, FittedMethod):
        raise InputError(f"the file {str(folder / FIT_FILE)!r} holds no fitted method; fit again")
    return fitted


def _groups(tree: xr.DataTree) -> dict[str, xr.Dataset]:
    return {str(name): child.to_dataset() for name, child in tree.children.items()}


def _training(data: SplitTable) -> dict[str, xr.Dataset]:
    """The training rows in the groups that ArviZ has for them."""
    rows = data.parts["train"]
    values = rows.frame, data.coords, data.models, rows.y, rows.y_err
    table = make_table(*values, kinds=data.kinds, levels=data.levels)
    points = tuple(str(table.number(row)) for row in range(len(table.x)))
    return data_groups(
        {"y": Quantity(np.asarray(table.y), ("point",), (points,))},
        {
            "f": Quantity(table.f, ("point", "model"), (points, table.models)),
            "x": Quantity(table.x, ("point", "coordinate"), (points, table.coords)),
            "y_err": Quantity(table.y_err, ("point",), (points,)),
        },
    )


def _read_arrays(path: Path) -> Parts:
    raw: Any = {"mask_and_scale": False, "decode_times": False}  # every number as it is
    with xr.open_dataset(path, group=_STATE, engine=_ENGINE, **raw) as state:
        arrays = {str(name): array.to_numpy() for name, array in state.data_vars.items()}
    tree = xr.open_datatree(path, engine=_ENGINE, decode_times=False)
    if "posterior" in tree.children:
        return Parts(arrays, [_sample(tree)])
    count = sum(str(name).startswith(_SAMPLE) for name in tree.children)
    return Parts(arrays, [_sample(tree.children[f"{_SAMPLE}{i}"]) for i in range(count)])


def _sample(tree: xr.DataTree) -> xr.DataTree:
    found = xr.DataTree.from_dict({n: g for n, g in _groups(tree).items() if n != _STATE})
    found.attrs = dict(tree.attrs)
    return found
