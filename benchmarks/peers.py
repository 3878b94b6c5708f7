"""Other packages beside ours on real tables: scores of the test rows, coverage, seconds.

    python3 -m venv .peers && .peers/bin/pip install -r benchmarks/peers-requirements.txt
    .peers/bin/pip install --no-deps bayesblend==0.0.8 taweret==1.3.0
    DIRIMIX_DATA_DIR=DIR python benchmarks/peers.py --out FILE [--peers .peers/bin/python]

BayesBlend asks for an old ArviZ and Matplotlib, which pyBMC's NumPy rules out, and does without;
its methods that sample with CmdStan, which pip does not install, are left out. OpenBT, which
grows Taweret's trees, is compiled by pip: that takes a C++ compiler, MPI and Eigen (on Debian
`libopenmpi-dev openmpi-bin libeigen3-dev`).

The peers run in an environment of their own (`peer_methods`), with their defaults. Only rows where
every model has a value are used, as the peers need them; where a table names no test rows every
fourth is held back. `nuclear-s2n-blocks` and `-edges` are the training rows of that table without
the regions that `studies/nuclear-mixtures.toml` leaves out, blocks in four fits, each without every
fourth of them; their bands resample blocks. `over_simplex`, `over_peer` and `over_best` are
differences of the mean log score to simplex-ls, to the best peer and to the best of ours by that
score, row by row, with 90 % bands. Of intervals alone there is a coverage and nothing else.
`seconds` are wall time, `cpu_seconds` those of all processors, whatever else the machine does. What
each row of the test adds to the scores is kept in a folder (`--points`), so that methods can be run
one at a time; rows of the file that have nothing there stay as they are, and so do differences to
rivals that have nothing there.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import field_tables
import measurements
import numpy as np
import pandas as pd
from field_tables import FIELDS, FieldTable
from peer_methods import PEERS, Arrays

_CAP = 600  # seconds that a peer may take for a fit
_STUDY = Path(__file__).parents[1] / "studies/nuclear-mixtures.toml"
_REGIONS = {f"nuclear-s2n-{scheme}": scheme for scheme in ("blocks", "edges")}
_FITS = 4  # of the blocks
_SCORES = ("log_score", "crps", "coverage_50", "coverage_90", "below_median")
_RIVALS = ("over_simplex", "over_peer", "over_best")
COLUMNS = (
    "table", "method", "version", "options", "n_train", "n_test", "models", "seconds",
    "cpu_seconds", "converged",
    *_SCORES, *(f"log_score_{end}" for end in ("lo", "hi")), "rms",
    *(f"{rival}{end}" for rival in _RIVALS for end in ("", "_lo", "_hi")), "said",
)  # fmt: skip
_MODE: dict[str, object] = {"inference": "mode"}
_STUDENT: dict[str, object] = {"noise": "local", "tails": "student", **_MODE}
OURS: dict[str, tuple[str, dict[str, object]]] = {
    "simplex-ls": ("simplex-ls", {}),
    "ridge-stacking": ("ridge-stacking", {}),
    "gbmm-d": ("gbmm-d", {}),
    "gbmm-d@noise": ("gbmm-d", _STUDENT),
    "gbmm-d+delta@noise": ("gbmm-d+delta", _STUDENT),
    "lbmm-gld": ("lbmm-gld", {}),
    "lbmm-lgp@mode": ("lbmm-lgp", _MODE),
    "lbmm-lgp+delta@mode": ("lbmm-lgp+delta", _MODE),
    "stacked@mode": ("stacked", _MODE),
    "auto@mode": ("auto", _MODE),
}
Row = dict[str, Any]
Points = dict[str, np.ndarray]


def tables() -> list[str]:
    """The names of all tables."""
    return [*FIELDS, "nuclear-s2n", "nuclear-s2p", *_REGIONS, "liquid-drop"]


def parts_of(name: str) -> list[FieldTable]:
    """A table, or what is left of it without each of several parts."""
    if name in _REGIONS:
        return [_complete(part) for part in _without_regions(_REGIONS[name])]
    return [_complete(_read(name))]


def _without_regions(scheme: str) -> list[FieldTable]:
    """The training rows of a study without regions of them, which are the rows to predict."""
    from dirimix.assess.folds import clusters, make_folds
    from dirimix.study.load import load_split_table
    from dirimix.study.parse import read_study

    study = read_study(_STUDY)
    data = load_split_table(study.data, study.seed)
    chosen = next(s for s in study.validation if s.name == scheme)
    rows, folds = data.parts["train"], make_folds(chosen, data, study.seed)
    frame = rows.frame.assign(y=rows.y, y_err=rows.y_err, cluster=clusters(chosen, data))
    held = [np.concatenate([f.held for f in folds[n::_FITS]]) for n in range(_FITS) if folds[n:]]
    return [
        FieldTable(data.coords, data.models, frame.drop(index=frame.index[r]), frame.iloc[r])
        for r in held
    ]


def _read(name: str) -> FieldTable:
    if name in FIELDS:
        if field_tables.DATA_DIR not in os.environ:
            raise SystemExit(f"{name} is a file of the folder that {field_tables.DATA_DIR} names")
        path = Path(os.environ[field_tables.DATA_DIR]) / "fields" / f"{name}.csv"
        return field_tables.read(path, FIELDS[name])
    return _data_set(name)


def _complete(table: FieldTable) -> FieldTable:
    """The rows where every model has a value."""
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


def of_peer(table: FieldTable, name: str, python: str, seed: int) -> tuple[Row, Points]:
    """A peer's row, and what each test row adds to its scores."""
    from dirimix.laws.normal_mixture import NormalMixture

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "table.npz", Path(folder) / "law.npz"
        np.savez(source, allow_pickle=False, **arrays(table))
        script = str(Path(__file__).with_name("peer_methods.py"))
        used = _processor_seconds()
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
    row["cpu_seconds"] = _processor_seconds() - used
    y = table.test["y"].to_numpy(float)
    if "lower" in found:
        inside = (found["lower"] <= y) & (y <= found["upper"])
        return row | {"coverage_90": float(inside.mean())}, {}
    return row, _points(NormalMixture(found["loc"], found["scale"], found["weight"]), y)


def _processor_seconds() -> float:
    """What this process has used, and those that it started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def _points(law: object, y: np.ndarray) -> Points:
    from dirimix import scores

    return scores.points_of(law, y)  # pyright: ignore[reportArgumentType]


def of_ours(table: FieldTable, name: str, seed: int) -> tuple[Row, Points]:
    """A row of a method of ours, and what each test row adds to its scores."""
    import dirimix
    from dirimix.errors import InputError
    from dirimix.methods import parse_method

    method, options = OURS[name]
    built = parse_method(method).method.build(table.coords, table.models, options, seed)
    y, u = (table.train[c].to_numpy() for c in ("y", "y_err"))
    begun, used = time.perf_counter(), _processor_seconds()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `converged` says it
        try:
            law = built[""].fit(table.train, y, u).predictive(table.test, table.test["y_err"])
        except InputError as error:
            return {"said": str(error)[:200]}, {}
    report = built[""].fit_report()
    said = "; ".join([*getattr(built[""], "summary_", ()), *report.reasons])
    return {
        "version": f"dirimix {dirimix.__version__}",
        "options": " ".join(f"{k}={v}" for k, v in options.items()),
        "seconds": time.perf_counter() - begun,
        "cpu_seconds": _processor_seconds() - used,
        # what is at its mode has not been sampled
        "converged": "" if options.get("inference") == "mode" else not report.reasons,
        "said": said,
    }, _points(law, table.test["y"].to_numpy(float))


def scored(points: Points) -> Row:
    """Scores of a law, with a band of the log score."""
    from dirimix.laws.bootstrap import Bootstrap
    from dirimix.scores import score_points

    row = score_points(points, Bootstrap(0), clusters=points.get("cluster"))
    names = (*_SCORES, "log_score_lo", "log_score_hi", "rms")
    return {name: row[name] for name in names}


def beside(points: Points, rival: Points, column: str) -> Row:
    """The difference of the log scores to those of a rival."""
    from dirimix.laws.bands import deviations
    from dirimix.laws.bootstrap import Bootstrap

    each = deviations(points["log_score"], rival["log_score"])[:, None]
    found = Bootstrap(0).resample(each, points.get("cluster"))
    low, high = found.band()[:, 0]
    return {column: found.mean[0], f"{column}_lo": low, f"{column}_hi": high}


def best_of(rows: list[Row], methods: Iterable[str]) -> str:
    """The method with the best mean log score among some; "" where there is none."""
    able = [
        row
        for row in rows
        if row["method"] in set(methods) and row.get("log_score") not in ("", None)
    ]
    best = max(able, key=lambda row: float(str(row["log_score"])), default=None)
    return str(best["method"]) if best else ""


def compared(rows: list[Row], known: dict[str, Points]) -> list[Row]:
    """The rows of a table in order, those with points beside their rivals with points."""
    rows = [row | scored(known[m]) if (m := str(row["method"])) in known else row for row in rows]
    rivals = {
        "over_simplex": "simplex-ls",
        "over_peer": best_of(rows, PEERS),
        "over_best": best_of(rows, OURS),
    }
    for row in rows:
        points = known.get(str(row["method"]))
        for column, rival in rivals.items():
            if points and rival in known:
                row |= beside(points, known[rival], column)
    return sorted(rows, key=lambda r: [*OURS, *PEERS].index(str(r["method"])))


def kept_points(folder: Path, table: str) -> dict[str, Points]:
    """What was kept of the methods on a table, by method."""
    found: dict[str, Points] = {}
    for path in sorted(folder.glob(f"{table}+*.npz")):
        with np.load(path) as file:
            found[path.stem.removeprefix(f"{table}+")] = {n: file[n] for n in file.files}
    return found


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="CSV file to write")
    parser.add_argument("--peers", default=".peers/bin/python", help="Python that has the peers")
    parser.add_argument("--points", type=Path, default=Path(".peers/points"), help="folder")
    parser.add_argument("--tables", default=",".join(tables()), help="names, commas between")
    parser.add_argument("--methods", default=",".join([*OURS, *PEERS]), help="names of methods")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    methods = given.methods.split(",")
    for known, asked in ((tables(), given.tables.split(",")), ([*OURS, *PEERS], methods)):
        for name in asked:
            if name not in known:
                parser.error(f"there is no {name!r}; there are {', '.join(known)}")
    if {*methods} & {*PEERS} and not Path(given.peers).exists():
        parser.error(f"there is no {given.peers}; the first lines of {__file__} make it")
    given.points.mkdir(parents=True, exist_ok=True)
    for name in given.tables.split(","):
        for method in methods:
            row = _measured(name, method, given)
            told = ("table", "method", "seconds", "cpu_seconds", "log_score", "over_peer", "said")
            sys.stderr.write(" ".join(f"{row.get(c, '')}" for c in told) + "\n")


def _run(table: FieldTable, method: str, given: argparse.Namespace) -> tuple[Row, Points]:
    if method in OURS:
        row, points = of_ours(table, method, given.seed)
    else:
        row, points = of_peer(table, method, given.peers, given.seed)
    return row | {"n_test": len(table.test)}, points


def _of_all(found: list[tuple[Row, Points]]) -> tuple[Row, Points]:
    """The rows of several fits as one; without points where one of them has none."""
    rows, points = zip(*found, strict=True)
    told = [row for row in rows if row.get("said")]
    row = {**rows[0], **(told[0] if told else {})}
    for name in ("seconds", "cpu_seconds", "n_test"):
        if all(name in r for r in rows):
            row[name] = sum(r[name] for r in rows)
    if all("coverage_90" in r for r in rows):
        row["coverage_90"] = sum(r["coverage_90"] * r["n_test"] for r in rows) / row["n_test"]
    if not all(points):
        return row, {}
    return row, {key: np.concatenate([p[key] for p in points]) for key in points[0]}


def _measured(name: str, method: str, given: argparse.Namespace) -> Row:
    """Run one method on one table, and write the file with its row."""
    parts = parts_of(name)
    row, points = _of_all([_run(part, method, given) for part in parts])
    if points and "cluster" in parts[0].test:
        points["cluster"] = np.concatenate([part.test["cluster"] for part in parts])
    row |= {"table": name, "method": method, "models": len(parts[0].models)}
    row |= {"n_train": max(len(part.train) for part in parts)}
    path = given.points / f"{name}+{method}.npz"
    path.unlink(missing_ok=True)
    if points:
        np.savez(path, allow_pickle=False, **points)  # pyright: ignore[reportArgumentType]
    before = measurements.read(given.out)
    known = tables()
    others = [r for r in before if r["table"] == name and r["method"] != method]
    rows = compared([*others, row], kept_points(given.points, name))
    every = [r for r in before if r["table"] != name] + rows
    every.sort(key=lambda r: known.index(str(r["table"])))
    measurements.write(given.out, COLUMNS, every)
    return next(r for r in rows if r["method"] == method)


if __name__ == "__main__":
    main()
