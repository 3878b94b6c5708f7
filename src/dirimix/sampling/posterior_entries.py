"""The entries of a labelled posterior as scalars with readable names."""

import numpy as np
import xarray as xr

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
