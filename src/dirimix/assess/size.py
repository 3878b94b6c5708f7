"""Whether intervals hold what they say for small predictions and for large ones.

Rows are cut into quarters by their predicted mean. Noise of one size makes the intervals of small
predictions too wide and those of large ones too narrow wherever errors grow with the quantity,
and the coverage over all rows does not show it. A transformed scale is the remedy
(docs/methods.md); `size_warning` says when.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from typing import Any

import numpy as np
import pandas as pd

from dirimix.assess.schema import TABLES
from dirimix.estimators.fitted import FittedMethod
from dirimix.laws.bands import share_band
from dirimix.laws.transform_names import NO_TRANSFORM
from dirimix.scores import SCORES, Points
from dirimix.table.selection import observed
from dirimix.table.split import SplitTable

QUARTERS = 4
_FEWEST = 20  # rows, below which quarters say nothing
_SHARES = ("coverage_50", "coverage_90")
_MANY = 0.05  # share of the rows whose intervals may reach below 0
_SCALES = 3.0  # 5 % quantiles of the observations in their 95 % one, from where errors may grow


def size_rows(points: pd.DataFrame) -> pd.DataFrame:
    """Coverage by quarter of the predicted mean, of every method, model and split.

    Only field weights, and splits of 20 rows or more, count.
    """
    known = points.loc[(points["weights"] == "field") & points["mean"].notna()]
    rows = [
        {"method": method, "model": model, "split": split} | row
        for (method, model, split), each in known.groupby(["method", "model", "split"], sort=False)
        if len(each) >= _FEWEST
        for row in _quarters(each)
    ]
    return pd.DataFrame(rows, columns=pd.Index(TABLES["coverage_by_size"].columns()))


def _quarters(points: pd.DataFrame) -> list[dict[str, Any]]:
    mean = points["mean"].to_numpy()
    order = np.argsort(mean, kind="stable")
    rows = list[dict[str, Any]]()
    for quarter, part in enumerate(np.array_split(order, QUARTERS), start=1):
        own = points.iloc[part]
        row = {"quarter": quarter, "n": len(part)}
        row |= {"mean_lo": mean[part].min(), "mean_hi": mean[part].max()}
        columns: Points = {"pit": own["pit"].to_numpy()}
        for name in _SHARES:
            inside = np.asarray(SCORES[name].contribution(columns), dtype=bool)
            band = share_band(inside, own["cluster"])
            row |= {name: inside.mean(), f"{name}_lo": band.lo, f"{name}_hi": band.hi}
        rows.append(row)
    return rows


def size_warning(
    fitted: FittedMethod, data: SplitTable, tables: dict[str, pd.DataFrame]
) -> str | None:
    """One sentence where a mixture's intervals do not suit the size of what they predict."""
    if fitted.mixture is None or "predictions" not in tables:
        return None
    split = "test" if "test" in data.parts else "train"
    below = _below_zero(data, tables["predictions"], split)
    ends = _uneven(tables.get("coverage_by_size"), split)
    said = [below] if below else []
    if ends is not None:
        said.append(
            f"the 90 % intervals hold {ends[0]:.0%} of the {split} rows with the smallest "
            f"predictions and {ends[1]:.0%} of those with the largest, a quarter each"
        )
    if not said:
        return None
    grow = (below is not None and _over_scales(data)) or (ends is not None and ends[0] > ends[1])
    return f"{' and '.join(said)}; {_remedy(fitted, data, grow=grow)}"


def _below_zero(data: SplitTable, predictions: pd.DataFrame, split: str) -> str | None:
    """How many intervals reach below 0, if many do though no observation does."""
    own = predictions.loc[predictions["split"] == split]
    share = float(np.mean(own["q05"] < 0))
    if share <= _MANY or min(observed(part).min() for part in _seen(data)) < 0:
        return None
    return f"{share:.0%} of the {split} rows have a 5 % quantile below 0, as no observation is"


def _over_scales(data: SplitTable) -> bool:
    """Whether observations are of several sizes, so that errors may be, too."""
    small, large = np.quantile(np.concatenate([observed(p) for p in _seen(data)]), (0.05, 0.95))
    return bool(large > _SCALES * small)


def _uneven(table: pd.DataFrame | None, split: str) -> tuple[float, float] | None:
    """Coverage of the smallest and of the largest predictions, if it differs by their bands."""
    own = None if table is None else table.loc[table["split"] == split].sort_values("quarter")
    if own is None or own.empty:
        return None
    first, last = own.iloc[0], own.iloc[-1]
    lowest = min(first["coverage_90_hi"], last["coverage_90_hi"])
    if max(first["coverage_90_lo"], last["coverage_90_lo"]) <= lowest:
        return None
    return float(first["coverage_90"]), float(last["coverage_90"])


def _remedy(fitted: FittedMethod, data: SplitTable, *, grow: bool) -> str:
    values = [part.frame[list(data.models)].to_numpy() for part in data.parts.values()]
    least = min(
        *(float(np.nanmin(v)) for v in values), *(float(observed(p).min()) for p in _seen(data))
    )
    if fitted.transform != NO_TRANSFORM:
        return f"the transform {fitted.transform!r} does not level that, and another may"
    if not grow or least < 0:
        local = any(getattr(m, "noise", "constant") == "local" for m in fitted.members.values())
        one = "noise that follows the map" if local else "noise of one size"
        return f"{one} does not suit all of them"
    better = "log" if least > 0 else "log1p"
    return f'errors seem to grow with the quantity: try [data] transform = "{better}"'


def _seen(data: SplitTable) -> list[Any]:
    return [part for part in data.parts.values() if part.y is not None]
