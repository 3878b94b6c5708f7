"""Smooth weights by Laplace's approximation and by the mode, beside the sampled posterior.

    DIRIMIX_DATA_DIR=DIR python benchmarks/approximations.py --out FILE [--cases DIR]

The three ways fit the same rows and predict the same test rows, on every table of `field_tables`
that was not made. `difference` is the mean log score less that of the sampled posterior, row by
row with a 90 % band; `shift` the root mean square of the differences of predicted means, in
standard deviations of the sampled prediction; `width` the median ratio of the 90 % intervals.
`trusted` is what the fit itself says, and `k` the Pareto k by which Laplace's is judged.
Seconds are wall time, compilation included, whatever else the machine does.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import field_tables
import measurements
import numpy as np
from field_tables import FieldTable

METHODS = ("lbmm-lgp", "lbmm-lgp+delta")
WAYS = ("hmc", "laplace", "mode")  # the sampled posterior first: the others are beside it
COLUMNS = (
    "table", "method", "inference", "trusted", "k", "seconds", "log_score", "difference",
    "difference_lo", "difference_hi", "shift", "width", "n_train", "n_test", "models", "said",
)  # fmt: skip
_KEYS = ("table", "method")
Row = dict[str, Any]


def measure(table: FieldTable, method: str, cap: float) -> list[Row]:
    """The three ways on one table, a row each."""
    from dirimix import scores
    from dirimix.laws.bands import paired_difference

    y, rows, sampled = np.asarray(table.test["y"]), [], None
    for way in WAYS:
        row, law = _fitted(table, method, way, cap)
        points = scores.points_of(law, y)["log_score"]
        mean, width = law.mean(), law.ppf(0.95) - law.ppf(0.05)
        row |= {"log_score": points.mean(), "n_test": len(y)}
        if sampled is None:
            sampled = points, mean, width, law.std()
        else:
            theirs, its_mean, its_width, sd = sampled
            found = paired_difference(points, theirs, 0)
            row |= {
                "difference": found.mean, "difference_lo": found.lo, "difference_hi": found.hi,
                "shift": np.sqrt(np.mean(((mean - its_mean) / sd) ** 2)),
                "width": np.median(width / its_width),
            }  # fmt: skip
        rows.append(row)
    return rows


def _fitted(table: FieldTable, method: str, way: str, cap: float) -> tuple[Row, Any]:
    """How a fit went, and what it predicts at the test rows."""
    options = {"inference": way} | ({"max_seconds": cap} if way == "hmc" else {})
    member = table.build(method, options, 0)[""]
    begun = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit that does not trust itself is told in the row
        table.fit(member)
        seconds = time.perf_counter() - begun
        law = member.predictive(table.test, np.asarray(table.test["y_err"]))
    row = {
        "inference": way, "seconds": seconds, "trusted": member.converged_,
        "k": member.sampling_["k"] if way == "laplace" else "",
        "n_train": len(table.train), "models": len(table.models),
        "said": "; ".join(member.reasons_),
    }  # fmt: skip
    return row, law


def main() -> None:
    """Run what the command line asks for; rows of the file that are not run again are kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="CSV file to write")
    parser.add_argument("--cases", type=Path, help="folder of the small cases")
    parser.add_argument("--tables", help="names with commas between; by default all real ones")
    parser.add_argument("--methods", default=",".join(METHODS), help="names with commas between")
    parser.add_argument("--cap", type=float, default=600.0, help="seconds that HMC may take")
    options = parser.parse_args()
    from dirimix.errors import InputError

    there = field_tables.tables(options.cases)
    real = [name for name in there if name not in field_tables.MADE]
    for name in options.tables.split(",") if options.tables else real:
        for method in options.methods.split(","):
            try:
                rows = measure(there[name](), method, options.cap)
            except InputError as error:
                rows = [{"trusted": False, "said": str(error)}]
            made = [{"table": name, "method": method} | row for row in rows]
            print(*made, sep="\n", file=sys.stderr, flush=True)
            known = measurements.replaced(measurements.read(options.out), made, _KEYS)
            measurements.write(options.out, COLUMNS, known)


if __name__ == "__main__":
    main()
