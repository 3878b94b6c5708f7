"""A fitted method taken apart into plain JSON values and arrays, and put together again.

A plain value says what it stands for: `{"array": NAME}` an array of the same file, `{"record":
CLASS, "fields": ...}` a frozen data class, `{"estimator": CLASS, "given": ..., "fitted": ...}` an
estimator with its parameters and what its fit found. Numbers keep every bit, arrays also the order
of their axes in memory, which decides how sums over them are rounded.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from dirimix.errors import InputError
from dirimix.estimators.saved.classes import (
    KERNELS,
    RECORDS,
    estimators,
    is_one_of,
    load_class,
)

_FITTED = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*_")  # names of what a fit found
_UNKNOWN_NAME = re.compile(r"[^A-Za-z0-9_.-]+")
_IN_PASSING = ("progress",)  # parameters that are no part of a result


@dataclass
class Parts:
    """What a value is taken apart into, beside its plain values.

    Attributes:
        arrays: Numbers by name, as a netCDF file has them.
        posteriors: The draws of each sampled estimator, as ArviZ reads them.
    """

    arrays: dict[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    posteriors: list[xr.DataTree] = field(default_factory=list[xr.DataTree])


def take_apart(value: Any, parts: Parts, name: str) -> Any:
    """A value as plain JSON; its arrays go to `parts`, under names that begin with `name`.

    Raises:
        InputError: If there is something in it that no file can hold.
    """
    if value is None or isinstance(value, bool | np.bool_ | str | Integral | Real):
        return _plain_number(value)
    if isinstance(value, np.ndarray):
        return _take_array(value, parts, name)
    if isinstance(value, tuple | list):
        each = [take_apart(v, parts, f"{name}.{i}") for i, v in enumerate(value)]
        return {"tuple": each} if isinstance(value, tuple) else each
    if isinstance(value, pd.DataFrame):
        columns = {str(c): value[c].to_numpy() for c in value}
        return {"frame": _take_all(columns, parts, name)}
    if isinstance(value, xr.DataTree):
        parts.posteriors.append(value)
        return {"posterior": len(parts.posteriors) - 1}
    if isinstance(value, Mapping):
        return {"map": _take_all(value, parts, name)}
    return _take_object(value, parts, name)


def put_together(plain: Any, parts: Parts) -> Any:
    """The value that `take_apart` made plain.

    Raises:
        KeyError, TypeError, ValueError: If it is none, or of another version of this package.
    """
    if isinstance(plain, list):
        return [put_together(v, parts) for v in plain]
    if not isinstance(plain, dict):
        return plain
    kind = next(iter(plain))
    return _PUT[kind](plain, parts)


def _plain_number(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    number = float(value)
    return number if np.isfinite(number) else {"number": repr(number)}


def _take_array(value: np.ndarray, parts: Parts, name: str) -> Any:
    if value.dtype.kind in "OUT":
        texts = [None if v is None else str(v) for v in value.ravel().tolist()]
        return {"texts": texts, "shape": list(value.shape)}
    about = {"dtype": value.dtype.str, "shape": list(value.shape)}
    if not value.size:
        return {"empty": about["shape"], "dtype": about["dtype"]}
    own = free = _UNKNOWN_NAME.sub("_", name)
    while free in parts.arrays:
        free = f"{own}_{len(parts.arrays)}"
    # netCDF knows no booleans
    parts.arrays[free] = value.astype("i1") if value.dtype == bool else np.ascontiguousarray(value)
    turned = value.flags.f_contiguous and not value.flags.c_contiguous
    return {"array": free, **about, "order": "F" if turned else "C"}


def _take_all(values: Mapping[Any, Any], parts: Parts, name: str) -> dict[str, Any]:
    if not all(isinstance(key, str) for key in values):
        raise InputError(f"{name} cannot be saved: its keys are no text")
    return {key: take_apart(v, parts, f"{name}.{key}") for key, v in values.items()}


def _take_object(value: Any, parts: Parts, name: str) -> Any:
    kind = type(value).__name__
    if is_one_of(value, RECORDS):
        own = {name: getattr(value, name) for name in _fields(type(value))}
        return {"record": kind, "fields": _take_all(own, parts, name)}
    if is_one_of(value, KERNELS):
        given = value.get_params(deep=False)
        return {"kernel": kind, "given": _take_all(given, parts, name)}
    if is_one_of(value, estimators()):
        given = _parameters(value)
        found = {n: v for n, v in vars(value).items() if n not in (*given, *_IN_PASSING)}
        return {
            "estimator": kind,
            "given": _take_all(given, parts, name),
            "fitted": _take_all(found, parts, name),
        }
    raise InputError(
        f"a fit that holds a {kind} ({name}) cannot be saved, for files hold no objects of classes "
        "that are not dirimix's own; choose one of dirimix's, or keep the fit in memory"
    )


def _fields(kind: type) -> list[str]:
    """What a record is made of."""
    return [f.name for f in fields(kind) if f.init] if is_dataclass(kind) else []


def _parameters(estimator: Any) -> dict[str, Any]:
    given = estimator.get_params(deep=False)
    return {name: v for name, v in given.items() if name not in _IN_PASSING}


def _put_all(plain: Mapping[str, Any], parts: Parts) -> dict[str, Any]:
    return {name: put_together(v, parts) for name, v in plain.items()}


def _put_number(plain: Mapping[str, Any], _: Parts) -> float:
    return float(plain["number"])


def _put_tuple(plain: Mapping[str, Any], parts: Parts) -> tuple[Any, ...]:
    return tuple(put_together(plain["tuple"], parts))


def _put_map(plain: Mapping[str, Any], parts: Parts) -> dict[str, Any]:
    return _put_all(plain["map"], parts)


def _put_frame(plain: Mapping[str, Any], parts: Parts) -> pd.DataFrame:
    return pd.DataFrame(_put_all(plain["frame"], parts))


def _put_empty(plain: Mapping[str, Any], _: Parts) -> np.ndarray:
    return np.empty(plain["empty"], plain["dtype"])


def _put_array(plain: Mapping[str, Any], parts: Parts) -> np.ndarray:
    array = parts.arrays[plain["array"]].astype(plain["dtype"], copy=False)
    if list(array.shape) != plain["shape"]:
        raise ValueError(f"the array {plain['array']} has another shape")
    return np.asfortranarray(array) if plain["order"] == "F" else np.ascontiguousarray(array)


def _put_texts(plain: Mapping[str, Any], _: Parts) -> np.ndarray:
    return np.array(plain["texts"], dtype=object).reshape(plain["shape"])


def _put_posterior(plain: Mapping[str, Any], parts: Parts) -> xr.DataTree:
    return parts.posteriors[plain["posterior"]]


def _put_record(plain: Mapping[str, Any], parts: Parts) -> Any:
    kind = load_class(plain["record"], RECORDS)
    if set(plain["fields"]) != set(_fields(kind)):
        raise ValueError(f"{plain['record']} has other fields")
    return kind(**_put_all(plain["fields"], parts))


def _put_kernel(plain: Mapping[str, Any], parts: Parts) -> Any:
    return load_class(plain["kernel"], KERNELS)(**_put_all(plain["given"], parts))


def _put_estimator(plain: Mapping[str, Any], parts: Parts) -> Any:
    estimator = load_class(plain["estimator"], estimators())(**_put_all(plain["given"], parts))
    if set(plain["given"]) != set(_parameters(estimator)):
        raise ValueError(f"{plain['estimator']} has other parameters")
    for name, value in _put_all(plain["fitted"], parts).items():
        if not _FITTED.fullmatch(name):
            raise ValueError(f"{name} is not found by a fit")
        setattr(estimator, name, value)
    return estimator


_PUT: dict[str, Callable[[Mapping[str, Any], Parts], Any]] = {
    "number": _put_number,
    "array": _put_array,
    "empty": _put_empty,
    "texts": _put_texts,
    "tuple": _put_tuple,
    "map": _put_map,
    "frame": _put_frame,
    "posterior": _put_posterior,
    "record": _put_record,
    "kernel": _put_kernel,
    "estimator": _put_estimator,
}
