"""Other packages beside ours on real tables: scores of the test rows, coverage, seconds.

    python3 -m venv .peers && .peers/bin/pip install -r benchmarks/peers-requirements.txt
    DIRIMIX_DATA_DIR=DIR python benchmarks/peers.py --out FILE [--peers .peers/bin/python]

Taweret cannot be installed where openbt, which it asks for, has to be built without a network.

The peers run in an environment of their own (`peer_methods`), with their defaults. Only rows where
every model has a value are used, as the peers need them; where a table names no test rows every
fourth is held back. `over_simplex` and `over_best` are differences of the mean log score to
simplex-ls and to the best of ours by that score, row by row, with 90 % bands. Of intervals alone
there is a coverage and nothing else. Rows of the file that are not run again are kept.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable
from pathlib import Path

import field_tables
import measurements
import numpy as np
from field_tables import FIELDS, FieldTable
from peer_methods import PEERS, Arrays

_CAP = 240  # seconds that a peer may take
_SCORES = ("log_score", "crps", "coverage_50", "coverage_90", "below_median")
COLUMNS = (
    "table", "method", "version", "options", "n_train", "n_test", "models", "seconds", "converged",
    *_SCORES, *(f"log_score_{end}" for end in ("lo", "hi")), "rms",
    *(f"{rival}{end}" for rival in ("over_simplex", "over_best") for end in ("", "_lo", "_hi")),
    "said",
)  # fmt: skip
OURS: dict[str, tuple[str, dict[str, object]]] = {
    "simplex-ls": ("simplex-ls", {}),
    "ridge-stacking": ("ridge-stacking", {}),
    "gbmm-d": ("gbmm-d", {}),
    "gbmm-d@noise": ("gbmm-d", {"noise": "local", "tails": "student", "inference": "mode"}),
    "lbmm-gld": ("lbmm-gld", {}),
    "lbmm-lgp@mode": ("lbmm-lgp", {"inference": "mode"}),
    "stacked": ("stacked", {"inference": "mode"}),
    "auto": ("auto", {"inference": "mode"}),
}
Row = dict[str, object]


def tables() -> list[str]:
    """The names of all tables."""
    return [*FIELDS, "nuclear-s2n", "liquid-drop"]


def table_of(name: str) -> FieldTable:
    """A table with the rows where every model has a value."""
    if name in FIELDS:
        if field_tables.DATA_DIR not in os.environ:
            raise SystemExit(f"{name} is a file of the folder that {field_tables.DATA_DIR} names")
        path = Path(os.environ[field_tables.DATA_DIR]) / "fields" / f"{name}.csv"
        table = field_tables.read(path, FIELDS[name])
    else:
        table = _data_set(name)
    names = list(table.models)
    train, test = (
        part.loc[part[names].notna().all(axis=1)].reset_index(drop=True)
        for part in (table.train, table.test)
    )
    return FieldTable(table.coords, table.models, train, test)


def _data_set(name: str) -> FieldTable:
    from dirimix import datasets

    data = datasets.load(name)
    u = data.frame[data.error] if data.error else 0.0
    frame = data.frame.assign(y=data.frame[data.target], y_err=u)
    train, test = (frame.loc[frame[data.split] == part] for part in ("train", "test"))
    return FieldTable(tuple(data.coords), tuple(data.models), train, test)


def arrays(table: FieldTable) -> Arrays:
    """What a peer is given; labels among the coordinates as codes."""
    import pandas as pd

    found: Arrays = {}
    for end, rows in (("", table.train), ("_new", table.test)):
        found |= {f"f{end}": rows[list(table.models)].to_numpy(float)}
        found |= {f"u{end}": rows["y_err"].to_numpy(float)}
        columns = [
            rows[c] if pd.api.types.is_numeric_dtype(rows[c]) else pd.factorize(rows[c])[0]
            for c in table.coords
        ]
        found |= {f"x{end}": np.column_stack(columns).astype(float)}
    return found | {"y": table.train["y"].to_numpy(float)}


def of_peer(table: FieldTable, name: str, python: str, seed: int) -> tuple[Row, dict]:
    """A peer's row, and what each test row adds to its scores."""
    from dirimix.laws.normal_mixture import NormalMixture

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "table.npz", Path(folder) / "law.npz"
        np.savez(source, allow_pickle=False, **arrays(table))
        script = str(Path(__file__).with_name("peer_methods.py"))
        try:
            done = subprocess.run(
                [python, script, name, str(source), str(target), str(seed)],
                capture_output=True, text=True, check=False, timeout=_CAP,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return {"seconds": float(_CAP), "said": f"not done after {_CAP} seconds"}, {}
        if done.returncode:
            last = (done.stderr.strip() or f"ended with {done.returncode}").splitlines()[-1]
            return {"said": last[:200]}, {}
        with np.load(target) as file:
            found = {key: file[key] for key in file.files}
    row: Row = {"version": str(found["version"]), "seconds": float(found["seconds"])}
    y = table.test["y"].to_numpy(float)
    if "lower" in found:
        inside = (found["lower"] <= y) & (y <= found["upper"])
        return row | {"coverage_90": float(inside.mean())}, {}
    return row, _points(NormalMixture(found["loc"], found["scale"], found["weight"]), y)


def _points(law: object, y: np.ndarray) -> dict:
    from dirimix import scores

    return scores.points_of(law, y)  # pyright: ignore[reportArgumentType]


def of_ours(table: FieldTable, name: str, seed: int) -> tuple[Row, dict]:
    """A row of a method of ours, and what each test row adds to its scores."""
    import dirimix
    from dirimix.errors import InputError
    from dirimix.methods import METHODS

    method, options = OURS[name]
    member = METHODS[method].build(table.coords, table.models, options, seed)[""]
    y, u = (table.train[c].to_numpy() for c in ("y", "y_err"))
    begun = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `converged` says it
        try:
            law = member.fit(table.train, y, u).predictive(table.test, table.test["y_err"])
        except InputError as error:
            return {"said": str(error)[:200]}, {}
    report = member.fit_report()
    return {
        "version": f"dirimix {dirimix.__version__}",
        "seconds": time.perf_counter() - begun,
        "converged": not report.reasons,
        "said": "; ".join(report.reasons)[:200],
    }, _points(law, table.test["y"].to_numpy(float))


def scored(points: dict) -> Row:
    """Scores of a law, with a band of the log score."""
    from dirimix.laws.bootstrap import Bootstrap
    from dirimix.scores import score_points

    row = score_points(points, Bootstrap(0))
    names = (*_SCORES, "log_score_lo", "log_score_hi", "rms")
    return {name: row[name] for name in names}


def beside(points: dict, rival: dict, column: str) -> Row:
    """The difference of the log scores to those of a rival."""
    from dirimix.laws.bands import paired_difference

    found = paired_difference(points["log_score"], rival["log_score"], 0)
    return {column: found.mean, f"{column}_lo": found.lo, f"{column}_hi": found.hi}


def measure(name: str, ours: Iterable[str], peers: Iterable[str], python: str, seed: int):
    """All rows of a table."""
    table = table_of(name)
    own = {n: of_ours(table, n, seed) for n in ours}
    rest = {n: of_peer(table, n, python, seed) for n in peers}
    usable = {n: p for n, (_, p) in own.items() if p}
    best = max(usable.values(), key=lambda p: float(np.mean(p["log_score"])), default=None)
    for method, (row, points) in (own | rest).items():
        row |= {"table": name, "method": method, "models": len(table.models)}
        row |= {"n_train": len(table.train), "n_test": len(table.test)}
        row["options"] = " ".join(f"{k}={v}" for k, v in OURS.get(method, ("", {}))[1].items())
        if points:
            row |= scored(points)
            if "simplex-ls" in usable:
                row |= beside(points, usable["simplex-ls"], "over_simplex")
            if best is not None:
                row |= beside(points, best, "over_best")
        yield row


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="CSV file to write")
    parser.add_argument("--peers", default=".peers/bin/python", help="Python that has the peers")
    parser.add_argument("--tables", default=",".join(tables()), help="names, commas between")
    parser.add_argument("--methods", default=",".join([*OURS, *PEERS]), help="names of methods")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    asked = given.methods.split(",")
    if not Path(given.peers).exists():
        parser.error(f"there is no {given.peers}; the first lines of {__file__} make it")
    for name in given.tables.split(","):
        kept = [r for r in measurements.read(given.out) if r["table"] != name]
        ours, peers = ([n for n in known if n in asked] for known in (OURS, PEERS))
        rows = list(measure(name, ours, peers, given.peers, given.seed))
        measurements.write(given.out, COLUMNS, [*kept, *rows])
        for row in rows:
            told = (
                "table",
                "method",
                "seconds",
                "log_score",
                "coverage_90",
                "over_simplex",
                "said",
            )
            sys.stderr.write(" ".join(f"{row.get(c, '')}" for c in told) + "\n")


if __name__ == "__main__":
    main()
