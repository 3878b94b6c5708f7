"""Rebuild src/dirimix/datasets/liquid-drop.csv from the isotope table of `mendeleev`.

Run in an environment of its own, since dirimix does not need the package:

    python -m venv /tmp/elements && /tmp/elements/bin/pip install mendeleev==1.3.0
    /tmp/elements/bin/python scripts/build_liquid_drop.py

The two-neutron separation energy is S2n(Z, N) = M(Z, N-2) + 2 m_n - M(Z, N) with atomic masses
M, and its uncertainty is the root of the two squared mass uncertainties (that of the neutron is
negligible). It counts as known from the year in which the later of the two nuclides was found.
The binding energy BE(Z, N) = Z M_H + N m_n - M(Z, N), electrons' binding included, is there for
the calibration of mass formulas.
"""

from importlib.metadata import version
from pathlib import Path

import pandas as pd
from mendeleev.fetch import fetch_table

MEV_PER_U = 931.49410242  # CODATA 2018, doi 10.1103/RevModPhys.93.025010
NEUTRON_U = 1.00866491590  # AME2020, doi 10.1088/1674-1137/abddaf
HYDROGEN_U = 1.00782503190  # AME2020
LARGEST_MEV = 0.1
SMALLEST_MEV = 1e-4  # below it the printed digits carry nothing
OUT = Path(__file__).parents[1] / "src/dirimix/datasets/liquid-drop.csv"

HEADER = """\
# Measured two-neutron separation energies of even-even nuclei with Z, N >= 8.
# Z, N: protons, neutrons; S2n, its standard deviation uS2n (at least {floor} MeV) and the binding
# energy BE of (Z, N): MeV; year: discovery of the later of (Z, N) and (Z, N-2).
# Source: isotope table of the Python package mendeleev {version} (MIT licence, L. Mentel,
# https://github.com/lmmentel/mendeleev); rebuilt by scripts/build_liquid_drop.py.
# Kept: both masses with a published uncertainty below 0.1 MeV ({kept} of {total} pairs).
"""


def main() -> None:
    """Write the table and say how many rows it has."""
    nuclei = _even_even(fetch_table("isotopes"))
    pairs = _pairs(nuclei)
    kept = pairs.loc[pairs[["u", "u_daughter"]].max(axis=1) < LARGEST_MEV]
    if kept[["year", "year_daughter"]].isna().to_numpy().any():
        raise SystemExit("a kept nucleus has no year of discovery")
    rows = _observations(kept).sort_values(["Z", "N"])
    header = HEADER.format(
        version=version("mendeleev"), kept=len(rows), total=len(pairs), floor=SMALLEST_MEV
    )
    OUT.write_text(header + rows.to_csv(index=False, lineterminator="\n"))
    print(f"{len(rows)} of {len(pairs)} pairs written to {OUT}")


def _even_even(isotopes: pd.DataFrame) -> pd.DataFrame:
    """Z, N, M (u), its uncertainty u (MeV) and the year of discovery, (n, 5)."""
    z = isotopes["atomic_number"]
    n = isotopes["mass_number"] - z
    # the table gives uncertainties of estimates in whole micro-u: 100 keV reads 107 micro-u,
    # 99.67 keV, and must not pass for a measurement below 0.1 MeV
    u = (isotopes["mass_uncertainty"] * MEV_PER_U).round(6)
    u = u.where(u.round(3) < LARGEST_MEV, LARGEST_MEV)
    frame = pd.DataFrame(
        {"Z": z, "N": n, "M": isotopes["mass"], "u": u, "year": isotopes["discovery_year"]}
    )
    return frame.loc[(z % 2 == 0) & (n % 2 == 0) & (z >= 8) & (n >= 8)]


def _pairs(nuclei: pd.DataFrame) -> pd.DataFrame:
    """Nuclei beside those with two neutrons fewer."""
    daughters = nuclei.assign(N=nuclei["N"] + 2)
    return nuclei.merge(daughters, on=["Z", "N"], suffixes=("", "_daughter"))


def _observations(pairs: pd.DataFrame) -> pd.DataFrame:
    """Z, N, S2n, uS2n, BE (MeV) and the year, (n, 6)."""
    z, n = pairs["Z"], pairs["N"]
    s2n = (pairs["M_daughter"] + 2 * NEUTRON_U - pairs["M"]) * MEV_PER_U
    error = (pairs["u"] ** 2 + pairs["u_daughter"] ** 2).pow(0.5).clip(lower=SMALLEST_MEV)
    binding = (z * HYDROGEN_U + n * NEUTRON_U - pairs["M"]) * MEV_PER_U
    year = pairs[["year", "year_daughter"]].max(axis=1).astype(int)
    energies = pd.DataFrame({"S2n": s2n, "uS2n": error, "BE": binding}).round(5)
    return pd.concat([z, n, energies, year.rename("year")], axis=1)


if __name__ == "__main__":
    main()
