"""Mixtures made of parts where whole blocks of the chart are held out, and a stack of them.

    DIRIMIX_DATA_DIR=DIR python benchmarks/blocks.py

The 513 nuclei of the paper's case in blocks of 18 protons by 24 neutrons, each left out in turn,
hyperparameters and noise at their mode: for comparing mixtures, no converged posterior. The stack
mixes the predictive densities of all with weights that the other blocks give. Bands are of 90 % and
resample whole blocks; differences are to signed weights of any sum with one normal noise level.
Writes `blocks.csv` beside this file.
"""

import sys
import time
import warnings
from pathlib import Path
from typing import Any

import measurements
import numpy as np

from dirimix import StackedMixture, datasets
from dirimix.assess.folds import block_of
from dirimix.estimators.stacking.weights import stacked_log_score
from dirimix.laws.bootstrap import Bootstrap
from dirimix.methods import parse_method

SIZE = (18.0, 24.0)  # Z, N
SEED = 2023
_CONSTANT = {"noise": "constant", "tails": "normal"}
_FREE = {"components": "free"}
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "simplex-ls": ("simplex-ls", {}),
    "lbmm-lgp": ("lbmm-lgp", {}),
    "lbmm-lgp, one normal level": ("lbmm-lgp", _CONSTANT),
    "lbmm-lgp+delta": ("lbmm-lgp+delta", {}),
    "lbmm-lgp+delta, one normal level": ("lbmm-lgp+delta", _CONSTANT),
    "lbmm-lgp+contrast": ("lbmm-lgp+contrast", {}),
    "signed-gp": ("signed-gp", {}),
    "signed-gp, free sum": ("signed-gp", _FREE),
    "signed-gp, free sum, one normal level": ("signed-gp", _FREE | _CONSTANT),
}
RIVAL = "signed-gp, free sum, one normal level"
COLUMNS = (
    *("method", "rows", "blocks", "log_score", "lo", "hi"),
    *("over_rival", "over_rival_lo", "over_rival_hi", "cpu_seconds"),
)


def main() -> None:
    """Fit and score every mixture, and write the table."""
    data = datasets.load("nuclear-s2n")
    frame = data.frame
    frame = frame.loc[(frame[data.split] == "train") & frame[list(data.models)].notna().all(axis=1)]
    places, models = tuple(data.coords), tuple(data.models)
    holder = StackedMixture(list(places), list(models), random_state=SEED)
    table = holder._training_table(frame, frame[data.target], frame[data.error])
    block = block_of(table.x, SIZE)
    density, seconds = {}, {}
    for label, (name, options) in METHODS.items():
        method, begun = parse_method(name).method, time.process_time()
        if "inference" in method.options():
            options = options | {"inference": "mode", "draws": 400}
        member = method.build(places, models, options, SEED)[""]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a mode is no answer is said above
            density[label] = holder._held_out(member, table, block)
        seconds[label] = time.process_time() - begun
        sys.stderr.write(f"{label}: {density[label].mean():.3f}, {seconds[label]:.0f} s\n")
    density["stack of all"] = stacked_log_score(np.column_stack(list(density.values())), block)
    rows = [_row(label, own, density[RIVAL], block) for label, own in density.items()]
    rows = [row | {"cpu_seconds": seconds.get(str(row["method"]), "")} for row in rows]
    measurements.write(Path(__file__).with_name("blocks.csv"), COLUMNS, rows)


def _row(label: str, own: np.ndarray, rival: np.ndarray, block: np.ndarray) -> dict[str, object]:
    found = Bootstrap(SEED).resample(np.column_stack([own, own - rival]), block)
    (lo, over_lo), (hi, over_hi) = found.band()
    return {
        "method": label,
        "rows": len(own),
        "blocks": len(np.unique(block)),
        **{"log_score": found.mean[0], "lo": lo, "hi": hi},
        **{"over_rival": found.mean[1], "over_rival_lo": over_lo, "over_rival_hi": over_hi},
    }


if __name__ == "__main__":
    main()
