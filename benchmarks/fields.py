"""Every method with its default options on tables of many fields: converged, how long, how good.

    DIRIMIX_DATA_DIR=DIR python benchmarks/fields.py --out FILE [--cases DIR]

A fit that samples has a process of its own and may take so many seconds (`--cap`), compilation
included; `seconds` are wall time, `cpu_seconds` those of all processors, whatever
else the machine does. Scores are those of the test rows, with bands (90 %). `over_single` and on
are differences of the mean log score to the single model that is best on the test rows, to ridge
stacking and to simplex least squares, row by row. Rows of the file that are not run again are kept.
The tables are those of `field_tables`.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import field_tables
import measurements
import numpy as np
from field_tables import FieldTable

_SCORES = ("log_score", "crps", "coverage_90")
_RIVALS = {"over_single": "raw", "over_ridge": "ridge-stacking", "over_simplex": "simplex-ls"}
Row = dict[str, Any]
Points = dict[str, np.ndarray]
COLUMNS = (
    "table", "method", "model", "converged", "seconds", "cpu_seconds", *_SCORES,
    *(f"{s}_{end}" for s in _SCORES for end in ("lo", "hi")), "rms",
    *(f"{r}{end}" for r in _RIVALS for end in ("", "_lo", "_hi")),
    "n_train", "n_test", "models", "draws", "divergences", "min_ess", "max_rhat", "said",
)  # fmt: skip

_KEYS = ("table", "method")
_TOLD = ("table", "method", "model", "converged", "seconds", "log_score", "said")


def measure(table: FieldTable, name: str, seed: int) -> list[Row]:
    """One method on one table, in this process: a row, or one a model."""
    begun, used = time.perf_counter(), _processor_seconds()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = _fit(table, name, seed)
        points = {model: _points(member, table) for model, member in fitted.items()}
    seconds, used = time.perf_counter() - begun, _processor_seconds() - used
    rivals = {column: _rival(table, method, seed) for column, method in _RIVALS.items()}
    rows = []
    for model, member in fitted.items():
        said = dict.fromkeys(str(w.message).partition("\n")[0] for w in caught)
        row = {
            "model": model, "seconds": seconds, "cpu_seconds": used, "converged": True,
            "n_train": len(table.train), "models": len(table.models), "said": "; ".join(said),
        }  # fmt: skip
        rows.append(
            row | _sampling(member) | _scores(points[model]) | _beside(points[model], rivals)
        )
    return rows


def _processor_seconds() -> float:
    """What this process has used, and those that it started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def _fit(table: FieldTable, name: str, seed: int) -> dict[str, Any]:
    """Fitted estimators by their models, '' for a mixture of all."""
    return {model: table.fit(member) for model, member in table.build(name, {}, seed).items()}


def _points(member, table: FieldTable) -> Points:
    """What every test row adds to the scores, not a number where a lone model has no value."""
    from dirimix import scores

    rows, lone = table.test, member.models[0] if len(member.models) == 1 else None
    known = np.isfinite(np.asarray(rows[lone])) if lone else np.ones(len(rows), dtype=bool)
    kept = rows.loc[known]
    law = member.predictive(kept, np.asarray(kept["y_err"]))
    found = scores.points_of(law, np.asarray(kept["y"]))
    whole = {n: np.full(len(rows), np.nan) for n in found}
    for n, values in found.items():
        whole[n][known] = values
    return whole


def _rival(table: FieldTable, name: str, seed: int) -> np.ndarray | None:
    """Log scores at the test rows, of a method of one model those of the best; None without."""
    from dirimix.errors import InputError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = _fit(table, name, seed)
            each = [_points(member, table)["log_score"] for member in fitted.values()]
    except InputError:
        return None
    whole = [values for values in each if np.isfinite(values).all()]
    return max(whole, key=np.mean, default=None)


def _sampling(member) -> Row:
    report = member.fit_report()
    if report.sampling is None:
        return {}
    table = report.diagnostics
    rows = table[table["sd"] > 0]
    return {
        "converged": bool(report.sampling["converged"]),
        "draws": report.sampling["draws"],
        "divergences": report.sampling["divergences"],
        "min_ess": float(min(rows["ess_bulk"].min(), rows["ess_tail"].min())),
        "max_rhat": float(rows["rhat"].max()),
    }


def _scores(points: Points) -> Row:
    from dirimix.laws.bootstrap import Bootstrap
    from dirimix.scores import score_points

    known = np.isfinite(points["error"])
    row = score_points({n: v[known] for n, v in points.items()}, Bootstrap(0))
    ends = ("", "_lo", "_hi")
    return {f"{s}{end}": row[f"{s}{end}"] for s in _SCORES for end in ends} | {
        "rms": row["rms"],
        "n_test": int(known.sum()),
    }


def _beside(points: Points, rivals: dict) -> Row:
    from dirimix.laws.bands import paired_difference

    row: Row = {}
    for column, theirs in rivals.items():
        known = np.isfinite(points["log_score"])
        if theirs is not None and known.any():
            found = paired_difference(points["log_score"][known], theirs[known], 0)
            row |= {column: found.mean, f"{column}_lo": found.lo, f"{column}_hi": found.hi}
    return row


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="CSV file to write")
    parser.add_argument("--cases", type=Path, help="folder of the small cases")
    parser.add_argument("--tables", help="names with commas between; by default all")
    parser.add_argument("--methods", help="names with commas between; by default all")
    parser.add_argument("--cap", type=float, default=300.0, help="seconds that a fit may take")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--one", nargs=2, metavar=("TABLE", "METHODS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    from dirimix.methods import METHODS

    known = field_tables.tables(options.cases)
    if options.one:
        table, methods = options.one
        print(json.dumps(_attempts(known[table](), methods.split(","), options.seed)))
        return
    if options.out is None:
        parser.error("--out says where the table is written")
    tables = _chosen(parser, known, options.tables)
    methods = _chosen(parser, METHODS, options.methods)
    # what is not sampled is quick: one process for all of it
    sampled = [m for m in methods if "chains" in METHODS[m].options()]
    quick = [m for m in methods if m not in sampled]
    for table in tables:
        for group in [*([quick] if quick else []), *([m] for m in sampled)]:
            rows = _apart(table, group, options)
            for row in rows:
                told = [f"{k} {row.get(k, '')}" for k in _TOLD]
                print(", ".join(told), file=sys.stderr, flush=True)
            known = measurements.replaced(measurements.read(options.out), rows, _KEYS)
            measurements.write(options.out, COLUMNS, known)


def _chosen(parser: argparse.ArgumentParser, known: Iterable[str], asked: str | None) -> list[str]:
    names = asked.split(",") if asked else list(known)
    for name in names:
        if name not in known:
            parser.error(f"there is no {name!r}; there are {', '.join(known)}")
    return names


def _attempts(table: FieldTable, methods: list[str], seed: int) -> list[Row]:
    """The rows of several methods; of one that gives none a row that says why."""
    from dirimix.errors import InputError, NotConverged

    rows = []
    for method in methods:
        try:
            found = measure(table, method, seed)
        except (InputError, NotConverged) as error:
            sizes = {"n_train": len(table.train), "models": len(table.models)}
            found = [{"converged": False, "said": str(error), **sizes}]
        rows += ({"method": method} | row for row in found)
    return rows


def _apart(table: str, methods: list[str], options: argparse.Namespace) -> list[Row]:
    joined = ",".join(methods)
    command = [sys.executable, __file__, "--one", table, joined, "--seed", str(options.seed)]
    if options.cases:
        command += ["--cases", str(options.cases)]
    failed = {"converged": False}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=options.cap)
    except subprocess.TimeoutExpired:
        rows = [
            failed | {"method": m, "said": f"not finished in {options.cap:g} s"} for m in methods
        ]
    else:
        last = "".join(done.stderr.strip().splitlines()[-1:])
        rows = [failed | {"method": m, "said": last} for m in methods]
        if done.returncode == 0:
            rows = json.loads(done.stdout.splitlines()[-1])
    return [{"table": table} | row for row in rows]


if __name__ == "__main__":
    main()
