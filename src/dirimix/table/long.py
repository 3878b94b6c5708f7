"""Long tables, one row a model and site, as wide ones, one column a model."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np
import pandas as pd

from dirimix.errors import InputError, did_you_mean
from dirimix.table.coordinates import comparable
from dirimix.table.frames import UNITS, as_frame
from dirimix.table.values import holds_lists, mostly_numbers, unknown

_MODEL, _VALUE = ("model_id", "model"), ("value",)
_QUANTILE, _TYPE = ("output_type_id", "quantile"), "output_type"
OWN = frozenset({*_MODEL, *_VALUE, *_QUANTILE, _TYPE})  # usual names of what tells no sites apart
# what stands for a forecast, the best first
_CENTRES = ("quantile 0.5", "median", "mean", "point")


def pivot_long(
    frame: object,
    keys: Sequence[str] | None = None,
    *,
    carried: Sequence[str] = (),
    model: str | None = None,
    value: str | None = None,
    quantile: str | None = None,
) -> pd.DataFrame:
    """A table with one row a site and model as one with a row a site and a column a model.

    Tables of forecast hubs, with the columns output_type and output_type_id, give of each model
    its medians or, where it has none, its means or points; other quantiles, samples and
    probabilities are left out.

    Args:
        frame: Anything tabular.
        keys: Columns that tell the sites apart and stay; by default all others that are the same
            for every model at a site. Numbers that some rows lack tell nothing apart.
        carried: Columns that stay and have one value a site, on some of its rows or on all, such
            as the observations. Where a model has several rows at a site, as it has where the
            observation was repeated, they tell these apart.
        model: Column of the models' names; by default model_id or model.
        value: Column of their values; by default value.
        quantile: Column of the quantiles' levels, if any; by default output_type_id or quantile.

    Returns:
        The keys and what is carried, then a column a model in order of their first rows, NaN where
        a model has no value; `attrs["forecasts"]` says which rows stand for each model.

    Raises:
        InputError: If a column is missing, two rows have the same model and site, or a site has two
            values of what is carried.

    >>> rows = {"day": [1, 1, 2], "model": ["a", "b", "a"], "value": [0.5, 0.6, 0.7]}
    >>> pivot_long(rows).to_dict("list")
    {'day': [1, 2], 'a': [0.5, 0.7], 'b': [0.6, nan]}
    """
    frame = as_frame(frame, ()).reset_index(drop=True)
    frame = frame.drop(columns=[c for c, v in frame.items() if holds_lists(v)])
    found = {
        "model": _column(frame, model, _MODEL, "model"),
        "value": _column(frame, value, _VALUE, "value"),
    }
    level = (
        _column(frame, quantile, _QUANTILE, "quantile") if quantile else _first(frame, _QUANTILE)
    )
    own = {*found.values(), *((level,) if level else ()), *({_TYPE} & set(frame.columns))}
    for name in (*(keys or ()), *carried):
        if name not in frame:
            known = list(map(str, frame.columns))
            wanted = f"{name!r} of single values{did_you_mean(name, known)}"
            raise InputError(f"the long table has no column {wanted}")
        if name in own:
            raise InputError(
                f"the column {name!r} of the long table holds the models' names, values or levels "
                "and cannot be a coordinate or target too; name another"
            )
    names = cast(pd.Series, frame[found["model"]])
    if names.isna().any():
        row = int(np.argmax(names.isna())) + 1
        raise InputError(f"the column {found['model']!r} names no model at row {row}; give one")
    frame[found["model"]] = names.map(str)
    rows, forecasts = _centres(frame, found["model"], level)
    kept = list(keys) if keys is not None else _shared(rows, own, found["model"])
    kept = list(dict.fromkeys([*kept, *carried]))
    carried = [*_gaps(rows, kept, carried, found["model"]), *carried]
    wide = _wide(rows, kept, carried, found["model"], found["value"])
    units = frame.attrs.get(UNITS, {})
    said = {c: units.get(c if c in frame else found["value"]) for c in wide.columns}
    wide.attrs = {"forecasts": forecasts, UNITS: {c: u for c, u in said.items() if u}}
    return wide


def _centres(
    frame: pd.DataFrame, model: str, level: str | None
) -> tuple[pd.DataFrame, dict[str, str]]:
    """The rows that stand for each model's forecast, and what they are by model."""
    if level is None and _TYPE not in frame:
        return frame, {}
    half = np.zeros(len(frame), dtype=bool)
    if level is not None:
        levels = pd.Series(pd.to_numeric(frame[level], errors="coerce"))
        half = np.isclose(levels.to_numpy(dtype=float, na_value=np.nan), 0.5)
    if _TYPE in frame:
        kind = cast(pd.Series, frame[_TYPE]).astype(str)
        kind = kind.mask(half & (kind == "quantile"), _CENTRES[0])
    else:
        empty = pd.isna(frame[level]).to_numpy()
        kind = pd.Series(np.where(half, _CENTRES[0], np.where(empty, "point", "")), frame.index)
    rank = kind.map({word: place for place, word in enumerate(_CENTRES)})
    if rank.isna().all():
        there = ", ".join(sorted(set(frame[_TYPE].astype(str)))) if _TYPE in frame else str(level)
        raise InputError(
            "the long table has no medians, means or points to stand for the models' forecasts, "
            f"only {there}; add rows of the quantile 0.5"
        )
    best = rank.groupby(frame[model]).transform("min")
    used = kind.where(rank == best).dropna().groupby(frame[model]).first()
    lacking = [m for m in frame[model].unique() if m not in used.index]
    if lacking:
        raise InputError(
            f"model {lacking[0]!r} of the long table has no median, mean or point; leave it out "
            "or add rows of the quantile 0.5"
        )
    return frame.loc[rank == best], {str(k): str(v) for k, v in used.items()}


def _shared(rows: pd.DataFrame, own: set[str], model: str) -> list[str]:
    """The other columns, but those that only say more of the model or are the same throughout."""
    others = [c for c in rows.columns if c not in own]
    if len(set(rows[model])) < 2:
        return others
    # the different pairs of a value and a model
    pairs = {c: set(zip(rows[c], rows[model], strict=True)) for c in others}
    return [
        c
        for c, found in pairs.items()
        if len({value for value, _ in found}) < 2 or len({name for _, name in found}) < len(found)
    ]


def _gaps(rows: pd.DataFrame, kept: list[str], carried: Sequence[str], model: str) -> list[str]:
    """Numbers that some rows lack, and that are one at every site that the others tell apart."""
    gaps = {
        c: unknown(cast(pd.Series, rows[c]))
        for c in kept
        if c not in carried and mostly_numbers(cast(pd.Series, rows[c])) is not None
    }
    some = [c for c, lacking in gaps.items() if lacking.any() and not lacking.all()]
    keys = [c for c in kept if c not in (*carried, *some)]
    if not keys:
        return []
    site = _sites(rows, keys, [*some, *carried], model)
    return [c for c in some if not _other_values(rows, c, site).any()]


def _sites(rows: pd.DataFrame, keys: list[str], carried: Sequence[str], model: str) -> pd.Series:
    """The number of each row's site, those with one row a model told apart by the keys alone."""

    def numbered(columns: list[str]) -> pd.Series:
        by = [*columns, np.zeros(len(rows))]  # one group where there are none
        return rows.groupby(by, sort=False, dropna=False, observed=True).ngroup()

    place = numbered(keys)
    again = pd.DataFrame({"place": place, "model": rows[model]}).duplicated()
    apart = numbered([*keys, *carried]).where(place.isin(place[again]), -1)
    return rows.groupby([place, apart], sort=False).ngroup()


def _known(rows: pd.DataFrame, name: str) -> pd.Series:
    column = cast(pd.Series, rows[name])
    return column.mask(unknown(column))


def _other_values(rows: pd.DataFrame, name: str, site: pd.Series) -> pd.Series:
    """Which rows have another value than the first that there is at their site."""
    column = _known(rows, name)
    return column.notna() & column.ne(site.map(column.groupby(site).first()))


def _wide(
    rows: pd.DataFrame, kept: list[str], carried: Sequence[str], model: str, value: str
) -> pd.DataFrame:
    models = list(dict.fromkeys(rows[model]))
    taken = [m for m in models if m in kept]
    if taken:
        raise InputError(
            f"the long table has a model {taken[0]!r} and a column of that name; rename one"
        )
    keys = [c for c in kept if c not in carried]
    site = _sites(rows, keys, carried, model)
    cells = pd.DataFrame({"site": site, "model": rows[model], "value": rows[value]})
    for row in np.flatnonzero(cells.duplicated(["site", "model"]))[:1]:
        name = rows[model].iloc[row]
        both = rows.loc[(site == site.iloc[row]) & (rows[model] == name)]
        counts = both.drop(columns=[*kept, value]).astype(str).nunique()
        differ = ", ".join(map(repr, counts.index[counts > 1]))
        why = f"; they differ in {differ}, so" if differ else ":"
        raise InputError(
            f"rows {both.index[0] + 1} and {both.index[1] + 1} of the long table are both of model "
            f"{name!r} at the same site{why} keep one of them, or name more coordinates"
        )
    for name in carried:
        for row in np.flatnonzero(_other_values(rows, name, site))[:1]:
            known = _known(rows, name)
            first = int(np.argmax(known.notna() & (site == site.iloc[row])))
            raise InputError(
                f"the long table has two values of {name!r} at the same site, {known.iloc[first]} "
                f"at row {rows.index[first] + 1} and {known.iloc[row]} at row "
                f"{rows.index[row] + 1}; correct one, or name more coordinates"
            )
    _check_shared(rows, site, keys, model)
    of_site = {
        c: _known(rows, c).groupby(site).first() if c in carried else rows[c][~site.duplicated()]
        for c in kept
    }
    values = cells.pivot(index="site", columns="model", values="value")
    of_site |= {m: values[m] for m in models}
    return pd.DataFrame({c: pd.Series(v).reset_index(drop=True) for c, v in of_site.items()})


def _check_shared(rows: pd.DataFrame, site: pd.Series, keys: list[str], model: str) -> None:
    """Some site has several models, if the table has.

    Raises:
        InputError: With the column in which the models differ at what else is one site.
    """
    if not keys or len(set(rows[model])) < 2 or len(rows) > site.nunique():
        return
    for key in keys:
        others = [c for c in keys if c != key]
        pairs = rows.drop_duplicates([*others, model])
        if not others or pairs.duplicated(subset=others).any():
            raise InputError(
                f"no two models of the long table have a row at the same site, as they never agree "
                f"in {key!r}: correct it, or leave it out"
            )


def _first(frame: pd.DataFrame, names: Iterable[str]) -> str | None:
    return next((name for name in names if name in frame), None)


def with_observations(
    frame: pd.DataFrame, observations: pd.DataFrame, target: str, error: str | None = None
) -> pd.DataFrame:
    """A table with the observations that stand in another, joined by the columns that both have.

    Dates are matched as dates and numbers as numbers, however they are written.

    Args:
        frame: One row a site, without the observations.
        observations: One row a site, with them; other sites are left out.
        target: Column of the observations.
        error: Column of their standard deviations, in either table.

    Returns:
        The table with the target, and the error if it came with it; NaN where there is none.

    Raises:
        InputError: If the target is in both tables or in neither, nothing says which rows belong
            together, two observations are of one site, or no row has one.

    >>> table = pd.DataFrame({"day": ["2024-01-01", "2024-01-02"], "a": [1.0, 2.0]})
    >>> truth = pd.DataFrame({"day": ["2024-01-02"], "y": [2.5]})
    >>> with_observations(table, truth, "y")["y"].tolist()
    [nan, 2.5]
    """
    if target in frame or target not in observations:
        where = "both in the table and" if target in frame else "not"
        raise InputError(
            f"the target {target!r} is {where} in the file of the observations, which has "
            f"{', '.join(map(str, observations.columns))}; it must be in that file alone"
        )
    brought = [target, *([error] if error in observations and error not in frame else [])]
    keys = [c for c in observations.columns if c in frame and c not in brought]
    if not keys:
        raise InputError(
            "the table and the file of the observations have no column in common, such as a date "
            "or a place, to tell which rows belong together; rename one"
        )
    both = [comparable(frame, observations, key) for key in keys]
    sites, of_site = ([column[side] for column in both] for side in (0, 1))
    index = pd.MultiIndex.from_arrays(of_site)
    if not index.is_unique:
        row = int(np.argmax(index.duplicated()))
        place = ", ".join(f"{k}={observations[k].iloc[row]}" for k in keys)
        left = [str(c) for c in observations.columns if c not in (*keys, *brought)]
        such = f", such as {left[0]!r}," if left else ""
        raise InputError(
            f"the file of the observations has two rows at {place}; keep one, or name what tells "
            f"them apart{such} as in the table, which has {', '.join(map(str, frame.columns))}"
        )
    found = index.get_indexer(pd.MultiIndex.from_arrays(sites))
    if np.all(found < 0):
        raise InputError(
            f"no row of the table has the {', '.join(map(repr, keys))} of an observation; write "
            "them alike in both"
        )
    joined = frame.copy()
    for name in brought:
        values = pd.Series(observations[name].to_numpy()[found], joined.index)
        joined[name] = values.where(found >= 0)
    return joined


def _column(frame: pd.DataFrame, given: str | None, usual: tuple[str, ...], role: str) -> str:
    found = _first(frame, (given,) if given else usual)
    if found is None:
        known = list(map(str, frame.columns))
        wanted = repr(given) if given else " or ".join(map(repr, usual))
        raise InputError(
            f"the long table has no column {wanted} for the {role}"
            f"{did_you_mean(given or usual[0], known)}; it has {', '.join(known)}"
        )
    return found
