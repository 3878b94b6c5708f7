"""The section [data] of a study: which table, which columns, which rows."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from dirimix.errors import InputError
from dirimix.study import toml_values

ROWS = ("complete", "all")


@dataclass(frozen=True)
class DataChoice:
    """Which table, which columns, which rows.

    Attributes:
        table: A path or 'data:NAME'.
        target: Column of the observations.
        coords: Columns of the coordinates.
        models: Columns of the models.
        error: Column of the measurement errors.
        split: Column that says 'train', 'test' or 'landscape'.
        test_fraction: Share of the rows drawn for testing where there is no split column.
        rows: 'complete' (where every model has a value) or 'all'.
        n_train: Most training rows; others are left out at random.
        label: What the target is, for the axes.
        unit: The unit of the target.
    """

    table: str
    target: str | None = None
    coords: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    error: str | None = None
    split: str | None = None
    test_fraction: float | None = None
    rows: str = "all"
    label: str | None = None
    unit: str | None = None
    n_train: int | None = None


def data_choice(raw: Mapping[str, Any]) -> DataChoice:
    """The choice from the section's content.

    Raises:
        InputError: If an entry is unknown, missing or of the wrong kind.
    """
    toml_values.check_known(raw, [f.name for f in fields(DataChoice)], "[data]")
    if "table" not in raw:
        raise InputError("[data] needs a table, a path or 'data:NAME'; add table = ...")
    given: dict[str, Any] = {
        k: toml_values.text(v, f"[data] {k}") for k, v in raw.items() if k in _TEXTS
    }
    for name in ("coords", "models"):
        if name in raw:
            given[name] = toml_values.strings(raw[name], f"[data] {name}")
    if given.get("rows", "all") not in ROWS:
        raise InputError(f"[data] rows is {' or '.join(ROWS)}, not {given['rows']!r}")
    fraction = raw.get("test_fraction")
    if fraction is not None and not (isinstance(fraction, float) and 0 < fraction < 1):
        raise InputError(f"[data] test_fraction lies between 0 and 1, not {fraction!r}")
    if fraction is not None and "split" in raw:
        raise InputError("[data] has both split and test_fraction; keep one of them")
    if "n_train" in raw:
        given["n_train"] = toml_values.whole(raw["n_train"], "[data] n_train", 2)
    return DataChoice(**given, test_fraction=fraction)


_TEXTS = ("table", "target", "error", "split", "rows", "label", "unit")
