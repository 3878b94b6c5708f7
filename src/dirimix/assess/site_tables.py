"""Tables of the sites themselves: what was observed there, and what every model says there."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from dirimix._arrays import Floats
from dirimix.assess.weight_tables import by_model, located
from dirimix.table.coordinates import as_numbers
from dirimix.table.space import Space
from dirimix.table.split import SplitTable


def site_tables(data: SplitTable) -> dict[str, pd.DataFrame]:
    """Tables sites and model_values, in the order of predictions: split by split, row by row."""
    sites, values = list[pd.DataFrame](), list[pd.DataFrame]()
    distances = nearest_training(data)
    for split, part in data.parts.items():
        n = len(part.frame)
        unknown = np.full(n, np.nan)
        places = part.frame.loc[:, data.site_columns].reset_index(drop=True)
        places.insert(0, "row", part.frame.index.to_numpy())
        seen = places.assign(
            observed=unknown if part.y is None else part.y,
            observed_error=unknown if part.y_err is None else part.y_err,
            distance=distances[split],
        )
        given = part.frame.loc[:, list(data.models)].to_numpy(dtype=float)
        sites.append(located(seen, split=split))
        values.append(located(by_model(places, data.models, model_value=given), split=split))
    return {
        "sites": pd.concat(sites, ignore_index=True),
        "model_values": pd.concat(values, ignore_index=True),
    }


def nearest_training(data: SplitTable) -> dict[str, Floats]:
    """By split, the distance of each site to the nearest training site, (m,).

    Each coordinate counts in standard deviations of the training sites, along the globe or round
    the circle where it is one; labels do not count. NaN where no coordinate counts.
    """
    space = data.space
    if not space.axes:
        return {split: np.full(len(part.frame), np.nan) for split, part in data.parts.items()}
    places = {s: space.embed(as_numbers(p.frame, data.coords)) for s, p in data.parts.items()}
    train = places["train"]
    scale = standard_lengths(space, train)
    return {split: nearest(x, train, scale) for split, x in places.items()}


def standard_lengths(space: Space, train: Floats) -> Floats:
    """Standard deviation of training sites (n, p) along each straight coordinate's axis, (p,)."""
    spread = space.spread(train)
    # sites that agree in a coordinate say nothing of its scale
    return np.where(spread > 0, spread, 1.0)


def nearest(x: Floats, train: Floats, scale: Floats) -> Floats:
    """Distance of every site (m, p) to the nearest of train (n, p), coordinates over a scale, (m,).

    >>> nearest(np.array([[4.0, 0.0]]), np.array([[0.0, 0.0], [0.0, 9.0]]), np.array([2.0, 3.0]))
    array([2.])
    """
    return np.asarray(KDTree(train / scale).query(x / scale)[0])
