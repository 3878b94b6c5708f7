"""What a changed option changes: a method with a label beside the same method without."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

from collections.abc import Sequence
from typing import cast

import pandas as pd

from dirimix.assess.schema import TABLES
from dirimix.study.spec import Study


def variant_pairs(study: Study) -> tuple[tuple[str, str], ...]:
    """Every method with a label, and the one that it is a variant of, where both mix models."""
    choices = study.choices()
    return tuple(
        (c.name, c.unlabelled)
        for c in choices
        if c.label and c.unlabelled in study.run and not c.method.each_model
    )


def weight_changes(
    pairs: Sequence[tuple[str, str]], weights: pd.DataFrame, coords: Sequence[str]
) -> pd.DataFrame:
    """How far the mean field weights move, by variant, split and model.

    Args:
        pairs: Methods, each with the one that it is compared with.
        weights: The table of weights of all methods; coordinates are empty for a global one.
        coords: Columns of the coordinates.

    Returns:
        sites; mean_change, mean_size (of the absolute change) and largest (absolute change).
    """
    where, rows = ["split", *coords, "model"], list[dict[str, object]]()
    for variant, base in pairs:
        one, other = (
            cast(pd.DataFrame, weights.loc[weights["method"] == m]).reset_index(drop=True)
            for m in (variant, base)
        )
        # every method writes the sites of a table in the same order
        assert one[where].equals(pd.DataFrame(other[where]))
        change = pd.Series(one["mean"] - other["mean"])
        for key, found in change.groupby([one["split"], one["model"]], sort=False):
            split, model = cast("tuple[str, str]", key)
            row = {"method": variant, "base": base, "split": split, "model": model}
            row |= {"sites": len(found), "mean_change": found.mean()}
            rows.append({**row, "mean_size": found.abs().mean(), "largest": found.abs().max()})
    return pd.DataFrame(rows, columns=pd.Index(TABLES["variants"].columns()))
