"""What a sampled estimator leaves behind: diagnostics, verdict and a labelled posterior."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from dirimix._version import __version__
from dirimix.errors import ConvergenceWarning
from dirimix.sampling import convergence
from dirimix.sampling.target import Sample, Settings


@dataclass(frozen=True)
class Quantity:
    """Draws of one named array.

    Attributes:
        values: (chains, draws, ...).
        dims: Names of the axes after the first two.
        coords: Labels along those axes.
    """

    values: np.ndarray
    dims: tuple[str, ...] = ()
    coords: tuple[tuple[str, ...], ...] = ()

    def names(self, name: str) -> list[str]:
        """One readable name a scalar, such as 'eta[HFB24]'."""
        labels = [""]
        for axis in self.coords:
            labels = [f"{a}, {b}" if a else b for a in labels for b in axis]
        return [f"{name}[{label}]" if label else name for label in labels]


def diagnose(checked: Mapping[str, Quantity], rows: np.ndarray | None = None) -> pd.DataFrame:
    """Convergence of every scalar of the named quantities, in the columns of `summarise`.

    Args:
        checked: The quantities.
        rows: Which rows of the whole table to make, in rising order; by default all.
    """
    tables, passed = [], 0
    for name, quantity in checked.items():
        flat = quantity.values.reshape(*quantity.values.shape[:2], -1)
        names = np.array(quantity.names(name), dtype=object)
        if rows is not None:
            mine = rows[(rows >= passed) & (rows < passed + len(names))] - passed
            passed += len(names)
            flat, names = flat[..., mine], names[mine]
        if len(names):
            tables.append(convergence.summarise(flat, list(names)))
    return pd.concat(tables, ignore_index=True)


def overview(kept: Mapping[str, Quantity]) -> dict[str, np.ndarray]:
    """Draws of every scalar by name, (chains, draws), those of a site averaged over the sites."""
    found = {}
    for name, quantity in kept.items():
        values, coords = quantity.values, quantity.coords
        if "point" in quantity.dims:
            axis = quantity.dims.index("point")
            values = values.mean(axis=2 + axis)
            coords = coords[:axis] + coords[axis + 1 :]
        flat = values.reshape(*values.shape[:2], -1)
        names = Quantity(values, coords=coords).names(name)
        found |= {n: flat[..., i] for i, n in enumerate(names)}
    return found


def sampling_record(
    sample: Sample, settings: Settings, verdict: convergence.Verdict
) -> dict[str, object]:
    """The row of sampling.csv."""
    return {
        "chains": settings.chains,
        "draws": sample.stats["lp"].shape[1],
        "warmup": settings.warmup,
        "divergences": int(sample.stats["diverging"].sum()),
        "gradients": sample.gradients,
        "seconds": sample.seconds,
        "converged": verdict.converged,
        "kernel": settings.kernel,
        "step_size": sample.step_size,
        "acceptance": float(sample.stats["acceptance_rate"].mean()),
        "bfmi": convergence.bfmi(sample.stats["energy"]),
        "ended": sample.ended,
        "reasons": list(verdict.reasons),
        "k": np.nan,
    }


def warn_unless(verdict: convergence.Verdict, what: str) -> None:
    """Issue a `ConvergenceWarning` where the checks failed."""
    if not verdict.converged:
        warnings.warn(
            f"{what} has not converged: {'; '.join(verdict.reasons)}",
            ConvergenceWarning,
            stacklevel=4,
        )


def data_tree(
    posterior: Mapping[str, Quantity],
    stats: Mapping[str, np.ndarray],
    observed: Mapping[str, Quantity],
    constant: Mapping[str, Quantity],
    log_likelihood: Quantity,
    log_prior: Mapping[str, np.ndarray],
) -> xr.DataTree:
    """A posterior in the layout that ArviZ reads; observed and constant data have no draws.

    Args:
        posterior: Parameters by name.
        stats: Statistics of the sampler by name, (chains, draws) each.
        observed: Observations by name.
        constant: What the model is given, by name.
        log_likelihood: Of every observation.
        log_prior: Log prior density by parameter, (chains, draws) each.
    """
    groups = {
        "posterior": _dataset(posterior, ("chain", "draw")),
        "sample_stats": _dataset({n: Quantity(v) for n, v in stats.items()}, ("chain", "draw")),
        **data_groups(observed, constant),
        "log_likelihood": _dataset({"y": log_likelihood}, ("chain", "draw")),
        "log_prior": _dataset({n: Quantity(v) for n, v in log_prior.items()}, ("chain", "draw")),
    }
    tree = xr.DataTree.from_dict(groups)
    tree.attrs.update(inference_library="dirimix", inference_library_version=__version__)
    return tree


def data_groups(
    observed: Mapping[str, Quantity], constant: Mapping[str, Quantity]
) -> dict[str, xr.Dataset]:
    """The groups of the data, which have no draws."""
    return {
        "observed_data": _dataset(observed, ()),
        "constant_data": _dataset(constant, ()),
    }


def _dataset(quantities: Mapping[str, Quantity], leading: tuple[str, ...]) -> xr.Dataset:
    arrays = {}
    for name, q in quantities.items():
        coords = dict(zip(q.dims, (list(c) for c in q.coords), strict=False))
        coords = {d: labels for d, labels in coords.items() if labels}
        values = q.values.astype(np.int8) if q.values.dtype == bool else q.values
        coords |= {d: np.arange(values.shape[i]) for i, d in enumerate(leading)}
        arrays[name] = xr.DataArray(values, dims=(*leading, *q.dims), coords=coords)
    return xr.Dataset(arrays)


SAMPLE = ("chain", "draw")


def scalars(dataset: xr.Dataset) -> dict[str, np.ndarray]:
    """Every entry of every variable by a name such as 'eta[b]', sample axes kept in order.

    >>> values = xr.Dataset({"s": 1.0, "w": ("model", [0.25, 0.75])}, {"model": ["a", "b"]})
    >>> {name: float(v) for name, v in scalars(values).items()}
    {'s': 1.0, 'w[a]': 0.25, 'w[b]': 0.75}
    """
    found: dict[str, np.ndarray] = {}
    for name, array in dataset.data_vars.items():
        sample = [d for d in SAMPLE if d in array.dims]
        own = [d for d in array.dims if d not in SAMPLE]
        if not own:
            found[str(name)] = array.transpose(*sample).to_numpy()
            continue
        stacked = array.stack(entry=own).transpose("entry", *sample)
        for labels, values in zip(stacked["entry"].to_numpy(), stacked.to_numpy(), strict=True):
            label = ", ".join(map(str, labels if isinstance(labels, tuple) else (labels,)))
            found[f"{name}[{label}]"] = values
    return found
