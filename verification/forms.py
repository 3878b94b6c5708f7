"""The approximate forms of the process against the one that is exact at the sites.

Sixty scattered sites, three models; all forms are fitted, and their mean field weights compared at
the sites, between them and well outside. Lattice and sines must agree with the exact form within
0.01 and what Monte Carlo allows; a lattice with other length scales must not.

Writes `forms.csv` to this folder.
"""

import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from robustness import COORDS, scattered

FOLDER = Path(__file__).parent
MODELS = ["m1", "m2", "m3"]
TABLE = scattered(60, 3, 0.2)
ALLOWED, LIMIT = 0.01, 4.5
LENGTHS, SHORT = [(2.0, 6.0)] * 2, [(1.0, 2.0)] * 2  # 98 % of the prior mass


def elsewhere() -> pd.DataFrame:
    """A grid from half an extent before the sites to half an extent beyond."""
    at = np.linspace(-5, 15, 9)
    a, b = (m.ravel() for m in np.meshgrid(at, at))
    return pd.DataFrame({"a": a, "b": b} | dict.fromkeys(MODELS, 0.0))


def weights(form: str, lengths: list, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean field weights at the sites and elsewhere, (m, K), and their standard errors."""
    from dirimix import LocalDirichletMixture

    where = pd.concat([TABLE.loc[:, [*COORDS, *MODELS]], elsewhere()], ignore_index=True)
    mixture = LocalDirichletMixture(
        COORDS, MODELS, form=form, length_scale=lengths, random_state=seed
    ).fit(TABLE, TABLE["y"])
    if not mixture.converged_:
        print(f"{form} has not converged: {mixture.sampling_['reasons']}")
    draws = mixture.draw_weights(where)
    # the draws that prediction keeps lie far apart; batches show what is left of their correlation
    batches = np.stack([part.mean(axis=0) for part in np.array_split(draws, 20)])
    return draws.mean(axis=0), batches.std(axis=0, ddof=1) / np.sqrt(20)


def compare(form: str, first: tuple, second: tuple) -> pd.DataFrame:
    """One row a place and model."""
    where = pd.concat([TABLE[COORDS], elsewhere()[COORDS]], ignore_index=True)
    (one, its_error), (other, error) = first, second
    rows = where.loc[np.repeat(where.index, len(MODELS))].reset_index(drop=True)
    return rows.assign(
        model=MODELS * len(where),
        form=form,
        approximate=one.ravel(),
        dense=other.ravel(),
        error=np.hypot(its_error, error).ravel(),
    )


def beyond(found: pd.DataFrame) -> float:
    """By how many standard errors the forms differ at most, once 0.01 is allowed."""
    gap = (found["approximate"] - found["dense"]).abs() - ALLOWED
    return float(np.nanmax((gap / found["error"]).to_numpy()))


def main() -> int:
    """Compare; 1 if the forms differ, or if other length scales go unnoticed."""
    warnings.simplefilter("ignore")
    dense = weights("dense", LENGTHS, seed=1)
    tables = [compare(f, weights(f, LENGTHS, seed=2), dense) for f in ("lattice", "hilbert")]
    pd.concat(tables).to_csv(FOLDER / "forms.csv", index=False, float_format="%.4g")
    for found in tables:
        largest = (found["approximate"] - found["dense"]).abs()
        print(
            f"{found['form'].iloc[0]}: largest difference {largest.max():.4f}, mean "
            f"{largest.mean():.4f}; beyond {ALLOWED} by {beyond(found):.2f} standard errors"
        )
    control = beyond(compare("lattice", weights("lattice", SHORT, seed=2), dense))
    print(f"control: beyond {ALLOWED} by {control:.2f} standard errors")
    return int(max(map(beyond, tables)) > LIMIT or control < LIMIT)


if __name__ == "__main__":
    sys.exit(main())
