"""What a table remembers of its models' correction: rows that trained it, errors in common."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dirimix.errors import CorrectionOverlapWarning
from dirimix.table.space import make_space
from dirimix.table.table import Table, make_table

RECORD = "dirimix_correction"  # the key of `DataFrame.attrs` that says what trained a correction


def warn_if_overlapping(frame: pd.DataFrame, table: Table) -> None:
    """Warn when corrected models are mixed on rows that trained their correction.

    Args:
        frame: What the mixture is fitted on; `GPCorrection.transform` left a record in `attrs`.
        table: The table made of it.
    """
    record = frame.attrs.get(RECORD)
    if record is None or not set(record["coords"]) <= set(frame.columns):
        return
    models = [m for m in table.models if m in record["in_sample_rms"]]
    trained = {tuple(site) for site in record["sites"]}
    x = make_table(frame, record["coords"], table.models).x
    space = make_space(record["coords"], record["geo"], record["periodic"])
    sites = space.canonical(x).tolist()
    overlap = sum(tuple(site) in trained for site in sites)
    if len(models) < 2 or not overlap:
        return
    inside, outside = (
        float(np.sqrt(np.mean([record[key][m] ** 2 for m in models])))
        for key in ("in_sample_rms", "left_out_rms")
    )
    warnings.warn(
        f"mixing corrected models on {overlap} of {len(sites)} rows that trained the correction: "
        f"residuals there have rms {inside:.3g}, but {outside:.3g} when left out, so the mixture "
        "trusts the corrected models too much; fit it on GPCorrection.cross_fitted(X, y, y_err), "
        "or on rows that the correction has not seen",
        CorrectionOverlapWarning,
        stacklevel=3,
    )


def alike_errors(frame: Any, models: Sequence[str], count: int, seed: int) -> np.ndarray | None:
    """Standard normals for that by which sites are off together, (count, m).

    None without a record, or without the coordinates of the correction: then it is not known
    which sites are close.

    Args:
        frame: m rows, corrected or not.
        models: Names of the mixed models.
        count: Number of draws.
        seed: Theirs.
    """
    record = getattr(frame, "attrs", {}).get(RECORD)
    if record is None or not set(record["coords"]) <= set(getattr(frame, "columns", ())):
        return None
    from dirimix.estimators.residuals.joint import joint_errors  # with it comes JAX

    return joint_errors(frame, record, models, count, seed)
