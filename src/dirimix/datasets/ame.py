"""The Atomic Mass Evaluation's fixed-width files, by the columns that their headers document.

`#` in place of a decimal point marks a value that is estimated, not measured; `*` in place of a
value one that cannot be calculated. Energies are in keV in the files and in MeV here.

References: AME2003, doi 10.1016/j.nuclphysa.2003.11.002 and 10.1016/j.nuclphysa.2003.11.003;
AME2020, doi 10.1088/1674-1137/abddb0 and 10.1088/1674-1137/abddaf.
"""

from dataclasses import dataclass

import pandas as pd

Nuclide = tuple[int, int]  # (Z, N)

SEPARATIONS = ("S2n", "S2p")


@dataclass(frozen=True)
class _Layout:
    """Length of the header in lines; widths of a value and of its uncertainty in columns."""

    header: int
    value: int
    error: int


_MASS = {2003: _Layout(39, 13, 11), 2020: _Layout(36, 14, 12)}
_REACTION = {2003: _Layout(39, 10, 8), 2020: _Layout(35, 12, 10)}
_MASS_START = 28  # a1,i3,i5,i5,i5,1x,a3,a4,1x
_REACTION_START = 12  # a1,i3,1x,a3,i3,1x


def measured_masses(content: bytes, year: int) -> set[Nuclide]:
    """Nuclides (Z, N) of a `mass` file whose mass is measured."""
    layout = _MASS[year]
    field = slice(_MASS_START, _MASS_START + layout.value)
    return {
        (int(line[9:14]), int(line[4:9]))
        for line in _lines(content, layout)
        if not _estimated(line[field])
    }


def separation_energies(content: bytes, year: int, quantity: str) -> pd.DataFrame:
    """S2n or S2p of a `rct1` file with uncertainty.

    Args:
        content: The file.
        year: Of the evaluation, 2003 or 2020.
        quantity: One of `SEPARATIONS`.

    Returns:
        Frame indexed by (Z, N) with `value` and `error` in MeV and `measured`; nuclides whose
        value is not calculable have no row.
    """
    layout = _REACTION[year]
    start = _REACTION_START + SEPARATIONS.index(quantity) * (layout.value + layout.error)
    middle, end = start + layout.value, start + layout.value + layout.error
    rows = {}
    for line in _lines(content, layout):
        if "*" not in line[start:middle]:
            z = int(line[8:11])
            value, error = _mev(line[start:middle]), _mev(line[middle:end])
            rows[z, int(line[1:4]) - z] = value, error, not _estimated(line[start:end])
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["value", "error", "measured"])
    frame.index = pd.MultiIndex.from_tuples(frame.index, names=["Z", "N"])
    return frame


def _lines(content: bytes, layout: _Layout) -> list[str]:
    return content.decode("ascii").splitlines()[layout.header :]


def _estimated(field: str) -> bool:
    return "#" in field


def _mev(field: str) -> float:
    return float(field.replace("#", ".")) / 1000
