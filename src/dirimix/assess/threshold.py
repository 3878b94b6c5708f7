"""Where a prediction stays above a threshold: how likely at each site, and how far along a line.

P(y > level) at a site is exact under the predictive law, noise included. The limit of a line is
the last of its sites with y > level, and its distribution comes from draws of y that are coherent
over the sites: one draw of weights and noise level a chart.

Tables of models often end where the model falls below the threshold. To leave such a model out
beyond its end would keep only those that are still above, and push the limit outwards. With
`ended = "below"` a model whose table holds hardly a value below the threshold goes on where it has
ended along a line: with the threshold itself at the first site beyond its end, the highest value
that it can have there, and then falling as it did over its last sites. A line that reaches the
last place of the model's whole table has not ended: there the table does.

Reference: Neufcourt et al. (2020), doi 10.1103/PhysRevC.101.044307.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dirimix._arrays import Floats, Indices, Mask
from dirimix.assess.options import Threshold
from dirimix.assess.schema import QUANTILES
from dirimix.assess.weight_tables import located, site_blocks
from dirimix.errors import InputError
from dirimix.estimators.base import AbstractMixture
from dirimix.estimators.fitted import FittedMethod
from dirimix.estimators.transforms.domain import no_place
from dirimix.laws.transformed_mixture import PredictiveLaw, side_by_side
from dirimix.laws.transforms import AbstractTransform
from dirimix.table.coordinates import as_numbers
from dirimix.table.dates import as_dates
from dirimix.table.space import Round
from dirimix.table.split import SplitTable

_HARDLY = 0.01  # share of a model's values below the level, of a table that ends there
_LAST = 4  # sites of a line that show how fast a model falls
_SHOWN = ("q05", "q25", "q50", "q75", "q95")  # quantiles of the last site


def threshold_tables(
    fitted: FittedMethod, data: SplitTable, wanted: Threshold, along: str, target: str = ""
) -> dict[str, pd.DataFrame]:
    """Tables threshold, limits and above of a mixture, over every row of the table.

    Lines run along the coordinate `along`; `target` is what the tables call that of `data`, by
    default its own name.

    Raises:
        InputError: If the method mixes nothing.
    """
    frame = data.everywhere
    member = fitted.the_mixture()
    filled = frame
    if wanted.ended:
        filled = fill_ended(frame, data, along, wanted.level, member.transform_)
    prepared = fitted.prepared(filled)
    cut = data.rounds.get(along)
    law = _law(member, prepared)
    sites = frame.loc[:, data.site_columns]
    above = member.sample_law(law, prepared, wanted.draws) > wanted.level
    counts = above.sum(axis=1)
    low, high = np.quantile(counts, [0.05, 0.95])
    count = {"sites": len(frame), "mean": counts.mean(), "sd": counts.std(), "q05": low}
    found = {
        "threshold": sites.assign(
            models=frame[list(data.models)].notna().sum(axis=1),
            # rounding may carry a sum of weights past 1
            probability=np.clip(1 - law.cdf(np.full(len(frame), wanted.level)), 0, 1),
        ),
        "limits": limits(above, sites[list(data.coords)], along, cut),
        "above": pd.DataFrame([count | {"q95": high}]),
    }
    return {name: located(t, target=target or data.target) for name, t in found.items()}


def refuse_level(level: float, transform: AbstractTransform) -> None:
    """Refuse a level from which no table of a model could go on in the scale of the transform.

    Raises:
        InputError: If it has no place there.
    """
    if no_place(str(transform), np.array([level])).any():
        raise InputError(
            f"the level {level:g} of [threshold] has no place under the transform {transform}; "
            "leave out ended"
        )


def fill_ended(
    frame: pd.DataFrame, data: SplitTable, along: str, level: float, transform: AbstractTransform
) -> pd.DataFrame:
    """The frame with values where a model has ended along its line because it fell below the level.

    Gaps, what lies before a model's first value, and models whose tables go on below the level,
    which is in the unit of the target, stay as they are. A model falls in the scale of the
    transform, where its values keep their place.

    Raises:
        InputError: If the level has no place in that scale.
    """
    refuse_level(level, transform)
    filled = frame.copy()
    cut = data.rounds.get(along)
    place, top = _places(frame, along, cut), transform.to(np.array(level))
    lines = _lines(frame.loc[:, list(data.coords)], along, cut)
    for model in data.models:
        values = frame[model].to_numpy(dtype=float).copy()
        known = ~np.isnan(values)
        if not known.any() or np.mean(values[known] < level) > _HARDLY:
            continue
        last = place[known].max()
        for line in lines:
            own = np.flatnonzero(known[line])
            if len(own) and place[line[own[-1]]] < last:
                beyond = line[own[-1] + 1 :]
                ends = line[own[-_LAST:]]
                x, y = place[ends], transform.to(values[ends])
                fall = max(float((y[0] - y[-1]) / (x[-1] - x[0])), 0.0) if len(x) > 1 else 0.0
                z = top - fall * (place[beyond] - place[beyond[:1]])
                values[beyond] = transform.allowed(transform.back(z))
        filled[model] = values
    return filled


def limits(above: Mask, sites: pd.DataFrame, along: str, cut: Round | None = None) -> pd.DataFrame:
    """The last place above the threshold on every line, one row a line, over draws above, (s, m).

    Lines of the m sites run along the coordinate `along`, one that comes round from where it is
    `cut`, as maps do. Along a date limits are dates, and their sd is in days.
    """
    place = _places(sites, along, cut)
    rows = []
    for line in _lines(sites, along, cut):
        reached = above[:, line]
        some = reached.any(axis=1)
        last = place[line][reached.shape[1] - 1 - np.argmax(reached[:, ::-1], axis=1)][some]
        numbers: dict[str, float] = dict.fromkeys(("mean", "sd", *_SHOWN), np.nan)
        if len(last):
            spread = np.quantile(last, [QUANTILES[q] for q in _SHOWN], method="inverted_cdf")
            numbers |= {"mean": last.mean(), "sd": last.std()}
            numbers |= zip(_SHOWN, spread, strict=True)
        here = sites.iloc[line[0]].to_dict() | {along: np.nan}
        shares = {"beyond": reached[:, -1].mean(), "none": 1 - some.mean()}
        rows.append({"along": along, **here, "sites": len(line), **numbers, **shares})
    found = pd.DataFrame(rows)
    if cut is not None:
        ends = ["mean", *_SHOWN]
        found[ends] = cut.named(found[ends].to_numpy(dtype=float))
    if pd.api.types.is_datetime64_any_dtype(sites[along].dtype):
        for name in ("mean", *_SHOWN):
            day = found[name].to_numpy(dtype=float)
            found[name] = pd.Series(as_dates(np.nan_to_num(day))).where(~np.isnan(day))
    return found


def joint(table: pd.DataFrame, coords: Sequence[str]) -> pd.DataFrame:
    """P(all targets are above) at the sites that all of them predict, by method.

    The targets are fitted apart, so their probabilities in the table `threshold` are multiplied.
    """
    n = table["target"].nunique()
    table = table.drop_duplicates(["method", "target", *coords])  # of several rows at a site
    groups = table.groupby(["method", *coords], sort=False, observed=True)["probability"]
    found = groups.agg(["size", "prod"]).reset_index()
    both = found.loc[found["size"] == n].rename(columns={"prod": "probability"})
    return both.drop(columns="size").reset_index(drop=True)


def _places(sites: pd.DataFrame, along: str, cut: Round | None) -> Floats:
    """Where sites lie along a coordinate, beyond where it is cut a turn on."""
    place = as_numbers(sites, [along])[:, 0]
    return place if cut is None else cut.drawn(place)


def _lines(sites: pd.DataFrame, along: str, cut: Round | None) -> list[Indices]:
    """Row numbers of every line, in order along it."""
    others = [c for c in sites if c != along]
    place = _places(sites, along, cut)
    if not others:
        return [np.argsort(place, kind="stable")]
    lines = sites.groupby(others, sort=True, observed=True).indices.values()
    return [rows[np.argsort(place[rows], kind="stable")] for rows in lines]


def _law(member: AbstractMixture, frame: pd.DataFrame) -> PredictiveLaw:
    """The predictive law at many sites, made block by block: weights are large on the way."""
    # every block has the same draws of the parameters, so that a draw is one chart
    return side_by_side([member.predictive(block) for block in site_blocks(frame)])
