"""How much each prior decides: power-scaling, without fitting again.

Raising one prior's density to the power p multiplies each posterior draw's weight by the
density to the power p - 1. Two tables come of it:

- `sensitivity`: how fast each marginal posterior changes with p at p = 1 (ArviZ's measure, a
  distance between distributions per doubling of the power). Above 0.05 the prior matters; if the
  likelihood's own value is above it too, the two disagree. Where a little more of a prior outweighs
  all draws but a few there is no value, and nothing is said of it.
- `power_scaling`: where each posterior mean goes for p = 1/2 and p = 2. Where the Pareto shape k
  of the weights exceeds 0.7 the new posterior is too far from the old: fit again instead.

Reference: Kallioinen et al. (2024), doi 10.1007/s11222-023-10366-5.
"""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

import warnings
from math import prod
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from dirimix.assess.schema import MATTERS
from dirimix.errors import DroppedRowsWarning
from dirimix.estimators.fitted import FittedMethod
from dirimix.sampling.importance import check_enough, smoothed
from dirimix.sampling.posterior import SAMPLE, scalars

_UNMOVED = "the prior does not matter"
_POWERS = (0.5, 2.0)


def sensitivity_tables(fitted: FittedMethod) -> dict[str, pd.DataFrame]:
    """Tables sensitivity and power_scaling of a method whose posterior keeps its log priors.

    Draws that are too few give none, with a warning. A fit at the mode of its hyperparameters has
    none either: all its draws have the same.
    """
    if fitted.mixture is None:
        return {}
    report = fitted.mixture.fit_report()
    tree, at_mode = report.posterior, (report.sampling or {}).get("kernel") == "mode"
    if tree is None or "log_prior" not in tree.children or at_mode:
        return {}
    kept = ("posterior", "log_prior", "log_likelihood")
    groups = {name: tree[name].to_dataset() for name in kept}
    small = xr.DataTree.from_dict(groups | {"posterior": short_parameters(groups["posterior"])})
    try:
        check_enough(prod(groups["log_prior"].sizes[name] for name in SAMPLE))
        with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Number of tail draws")  # of few effective draws
            return {"sensitivity": _sensitivity(small), "power_scaling": _power_scaling(small)}
    except ValueError as error:
        # draws that are too few or all alike have no tail to fit
        warnings.warn(f"no sensitivity to the priors: {error}", DroppedRowsWarning, stacklevel=2)
        return {}


def short_parameters(posterior: xr.Dataset) -> xr.Dataset:
    """The variables that have no entry a site, and the mean field weights over the sites."""
    kept = posterior[[name for name in posterior if "point" not in posterior[name].dims]]
    if "field_weight" in posterior:
        kept = kept.assign(mean_weight=posterior["field_weight"].mean("point"))
    return kept


def _sensitivity(tree: xr.DataTree) -> pd.DataFrame:
    from arviz_stats.psense import psense  # takes half a second, which no check needs

    likelihood = scalars(psense(tree, group="likelihood"))
    draws = scalars(tree["posterior"].to_dataset())
    fixed = {name for name, values in draws.items() if not np.ptp(values)}
    rows = [
        {
            "prior": prior,
            "parameter": name,
            "prior_sensitivity": float(value),
            "likelihood_sensitivity": float(likelihood[name]),
            "reading": _UNMOVED if name in fixed else _reading(value, likelihood[name]),
        }
        for prior in tree["log_prior"].data_vars
        for name, value in scalars(psense(tree, group="prior", group_var_names=[prior])).items()
    ]
    return pd.DataFrame(rows)


def _reading(prior: Any, likelihood: Any) -> str:
    """What the two sensitivities say together."""
    if np.isnan(prior) or (prior > MATTERS and np.isnan(likelihood)):
        return "cannot be computed"
    if prior <= MATTERS:
        return _UNMOVED
    return "prior and data disagree" if likelihood > MATTERS else "the prior decides"


def _power_scaling(tree: xr.DataTree) -> pd.DataFrame:
    draws = {k: v.reshape(-1) for k, v in scalars(tree["posterior"].to_dataset()).items()}
    values = np.stack(list(draws.values()), axis=1)
    mean, sd, moved = values.mean(axis=0), values.std(axis=0), np.ptp(values, axis=0) > 0
    tables = []
    for prior, density in tree["log_prior"].data_vars.items():
        flat = density.transpose(*SAMPLE).to_numpy().reshape(-1)
        for power in _POWERS:
            weight, k = smoothed((power - 1) * flat)
            scaled = weight @ values
            where = {"prior": prior, "power": power, "parameter": list(draws), "mean": mean}
            shift = (scaled - mean) / np.where(moved, sd, np.nan)
            rest = {"scaled_mean": scaled, "shift": shift, "pareto_k": k}
            tables.append(pd.DataFrame(where | rest))
    return pd.concat(tables, ignore_index=True)
