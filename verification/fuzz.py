"""Every door with input that nobody means: each case ends well, or is refused in one sentence.

Tables (CSV and Parquet), studies, result folders, options of the command line and Python calls are
spoilt at random, with a seed. A case holds if it raises nothing but an `InputError` (or its like),
whose message is one line; a command that is refused writes nothing; and what is read of a table is
what an independent reader finds in it.

    python verification/fuzz.py [--cases 10000] [--seed 0] [--only DOOR ...]
"""

import argparse
import contextlib
import io
import random
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from dirimix.cli.main import main as dirimix_main
from dirimix.errors import InputError, NotConverged

COLUMNS = "--target y --coords x,z --models a,b,c".split()
ENDS = {0, 1, 2, 3}  # exit codes that a command may have
SLOWEST = 60.0  # seconds of a case, from where it counts as one that hangs
VALUES = (
    "", " ", "nan", "NaN", "NA", "inf", "-inf", "1e400", "1e-400", "-0", "0", "1e9", "-9999", "1,5",
    "1.5.2", "0x1F", "TRUE", "=cmd()", "'", '"', "\x00", "é", "\u202e", "2020-01-01", "x" * 5000,
)  # fmt: skip
NAMES = ("", "x", "y", "../../up", "a/b", "=1+1", "-m", "<b>", "é", "\n", "w_a", "mean", "split")
STUDY = """title = "t"
seed = 1
[data]
table = "t.csv"
target = "y"
coords = ["x", "z"]
models = ["a", "b", "c"]
[methods]
run = ["raw", "equal"]
[scores]
n_boot = 5
[validation.random]
scheme = "k-fold"
folds = 2
"""


def table(rows: int = 14) -> pd.DataFrame:
    """A table in order."""
    rng = np.random.default_rng(3)
    x = rng.uniform(0, 5, (rows, 2)).round(3)
    y = (np.sin(x[:, 0]) + x[:, 1]).round(3)
    models = {name: (y + rng.normal(0, 0.3, rows)).round(3) for name in "abc"}
    return pd.DataFrame({"x": x[:, 0], "z": x[:, 1], **models, "y": y})


def spoilt_text(text: str, rng: random.Random) -> str:
    """A text with a few changes: cells, lines, characters."""
    for _ in range(rng.randint(1, 3)):
        lines = text.split("\n")
        at = rng.randrange(len(lines))
        cells = lines[at].split(",")
        cells[rng.randrange(len(cells))] = rng.choice((*VALUES, *NAMES))
        kind = rng.randrange(8)
        if kind < 3:
            lines[at] = ",".join(cells)
        elif kind == 3:
            lines.insert(at, lines[rng.randrange(len(lines))])
        elif kind == 4:
            del lines[at]
        elif kind == 5:
            lines[at] = lines[at].replace(",", rng.choice(";\t|"))
        text = "\n".join(lines)
        if kind == 6:
            text = text[: rng.randrange(len(text) + 1)]
        elif kind == 7:
            place = rng.randrange(len(text) + 1)
            text = text[:place] + rng.choice((*VALUES, "\r", "\ufeff", "[", "{")) + text[place:]
    return text


def command(argv: list[str], folder: Path, made: str) -> str:
    """Run a command; what is wrong with how it ends, or nothing."""
    before = {p for p in folder.iterdir()}
    said, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(told):
        code = dirimix_main(argv)
    lines = said.getvalue().splitlines()
    if code not in ENDS:
        return f"exit code {code}"
    if any("Traceback" in line or "site-packages" in line for line in lines):
        return f"raw words: {lines}"
    failed = [line for line in lines if line.startswith("dirimix: ")]
    if code in (1, 2) and len(failed) != 1:
        return f"exit code {code} with {len(failed)} sentences"
    left = {p.name for p in folder.iterdir()} - {p.name for p in before}
    if code == 2 and argv[0] != "run" and left:
        return f"refused, and wrote {left}"
    return f"left {left}" if left - {made} else ""


def csv(folder: Path, rng: random.Random) -> str:
    """`fit` of a spoilt CSV file."""
    text = spoilt_text(table().to_csv(index=False), rng)
    (folder / "t.csv").write_bytes(text.encode("utf-8", "surrogatepass"))
    argv = ["fit", str(folder / "t.csv"), *COLUMNS, "--method", "equal", "--quiet"]
    return command([*argv, "--out", str(folder / "out")], folder, "out") or read_alike(folder, text)


def read_alike(folder: Path, text: str) -> str:
    """Whether a fit has the numbers that another reader finds, where that reads plain ones."""
    import json

    if not (folder / "out" / "predictions.csv").is_file():
        return ""
    try:
        other = pd.read_csv(io.StringIO(text), dtype=float, keep_default_na=True)
        used = np.asarray(other[["x", "z", "y"]].dropna())
    except (ValueError, KeyError, pd.errors.ParserError):
        return ""
    found = pd.read_csv(folder / "out" / "predictions.csv")
    train = found[found["split"] == "train"]
    own = np.asarray(train[["x", "z", "observed"]])
    notes = json.loads((folder / "out" / "manifest.json").read_text())["notes"]
    if own.shape != used.shape:
        return "" if notes else f"{len(own)} rows used of {len(used)}, without a word"
    return "" if np.allclose(own, used, rtol=1e-12, atol=0) else "other numbers than in the file"


def parquet(folder: Path, rng: random.Random) -> str:
    """`predict` of a Parquet file with columns of other kinds, or with changed bytes."""
    frame = table().drop(columns="y").astype({rng.choice("abcxz"): rng.choice(["str", "float32"])})
    if rng.random() < 0.5:
        name = rng.choice(list(frame.columns))
        frame[name] = rng.choice([None, True, "x", np.inf, 10**9, pd.Timestamp("2020-01-01")])
    path = folder / "t.parquet"
    frame.to_parquet(path)
    if rng.random() < 0.3:
        content = bytearray(path.read_bytes())
        for _ in range(rng.randint(1, 20)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        path.write_bytes(bytes(content[: rng.randint(0, len(content))]))
    fitted = str(fits(folder.parent))
    out = folder / f"p.{rng.choice(['csv', 'parquet', 'nc'])}"
    return command(["predict", fitted, str(path), "--out", str(out), "--quiet"], folder, out.name)


def fits(folder: Path) -> Path:
    """A fit that is made once."""
    if not (folder / "fitted").is_dir():
        table().to_csv(folder / "whole.csv", index=False)
        argv = ["fit", str(folder / "whole.csv"), *COLUMNS, "--method", "ols", "--quiet"]
        assert dirimix_main([*argv, "--out", str(folder / "fitted")]) == 0
    return folder / "fitted"


def study(folder: Path, rng: random.Random) -> str:
    """`check` and `run` of a spoilt study."""
    table().to_csv(folder / "t.csv", index=False)
    lines = STUDY.splitlines()
    for _ in range(rng.randint(1, 2)):
        at = rng.randrange(len(lines))
        key, sign, _ = lines[at].partition(" = ")
        values = (
            "1",
            "-1",
            "0",
            "1e99",
            "nan",
            "true",
            '""',
            "[]",
            "{}",
            '["a"]',
            '"é"',
            "2020-01-01",
        )
        lines[at] = f"{key}{sign}{rng.choice(values)}" if sign else f"[{rng.choice(NAMES)}]"
    text = "\n".join(lines) if rng.random() < 0.6 else spoilt_text(STUDY, rng)
    (folder / "s.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
    wrong = command(["check", str(folder / "s.toml"), "--quiet"], folder, "")
    run = ["run", str(folder / "s.toml"), "--out", str(folder / "out"), "--quiet"]
    return wrong or command(run, folder, "out")


def result(folder: Path, rng: random.Random) -> str:
    """`predict` and `report` of a fit with a spoilt file."""
    shutil.copytree(fits(folder.parent), folder / "fitted")
    paths = sorted(p for p in (folder / "fitted").rglob("*") if p.is_file())
    path = rng.choice(paths)
    content = path.read_bytes()
    if rng.random() < 0.5 and path.suffix in (".json", ".csv", ""):
        content = spoilt_text(content.decode(), rng).encode("utf-8", "surrogatepass")
    else:
        changed = bytearray(content)
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        content = bytes(changed[: rng.choice([len(changed), rng.randrange(len(changed))])])
    path.write_bytes(content)
    argv = [str(folder.parent / "whole.csv"), "--out", str(folder / "p.csv"), "--quiet"]
    return command(["predict", str(folder / "fitted"), *argv], folder, "p.csv")


def option(folder: Path, rng: random.Random) -> str:
    """`fit` with an option of another kind or value."""
    table().to_csv(folder / "t.csv", index=False)
    flags = (
        "--target", "--coords", "--models", "--error", "--method", "--rows", "--repeats", "--geo",
        "--periodic", "--transform", "--y-scale", "--noise-prior", "--option", "--missing",
        "--seed", "--draws", "--kernel",
    )  # fmt: skip
    argv = ["fit", str(folder / "t.csv"), *COLUMNS, "--method", "ridge-stacking", "--quiet"]
    values = (
        *VALUES,
        *NAMES,
        "x,z",
        "a,a",
        "x=360",
        "n_draws=5",
        "n_draws=1e9",
        "0.5",
        "-3",
        "1e308",
    )
    for _ in range(rng.randint(1, 2)):
        argv += [rng.choice(flags), rng.choice(values)]
    return command([*argv, "--out", str(folder / "out")], folder, "out")


def call(_: Path, rng: random.Random) -> str:
    """Estimators with tables and parameters of other kinds, and at the edges of numbers."""
    import dirimix

    frame, y = table().drop(columns="y"), table()["y"].to_numpy(copy=True)
    name = rng.choice(["EqualWeights", "SimplexLeastSquares", "RidgeStacking", "SingleModel",
                       "OrdinaryLeastSquares", "BayesianModelAveraging"])  # fmt: skip
    given: dict[str, object] = {"model": "a"} if name == "SingleModel" else {}
    kind = rng.randrange(9)
    if kind == 0:
        frame[rng.choice("abc")] = y  # a model without any error
    elif kind == 1:
        frame["b"] = frame["c"] = frame["a"]
    elif kind == 2:
        y[3] += 50 * y.std()
    elif kind == 3:
        frame[["x", "z"]] *= rng.choice([1e-9, 1e9, 1e-300, 1e300])
    elif kind == 4:
        frame, y = frame.head(rng.randint(0, 3)), y[: rng.randint(0, 3)]
    elif kind == 5:
        frame.loc[rng.randrange(len(frame)), rng.choice("abcxz")] = rng.choice([np.nan, np.inf])
    elif kind == 6:
        given[rng.choice(["y_scale", "y_transform", "random_state", "repeats", "geo"])] = (
            rng.choice([None, 0, -1, "log", np.nan, [], "x", 1e308, True])
        )
    elif kind == 7:
        y = y * rng.choice([0.0, 1e-300, 1e300, -1.0])
    else:
        frame[["a", "b", "c"]] += rng.choice([1e6, 1e12, 1e150])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = getattr(dirimix, name)(["x", "z"], ["a", "b", "c"], **given).fit(frame, y)
        mean, sd = fitted.predict(frame, return_std=True)
        if kind != 5 and not (np.isfinite(mean).all() and np.isfinite(sd).all()):
            return f"{name}, kind {kind}: predictions that are no numbers"
        samples = rng.choice([0, 1, 3, -1, 1.5, None])
        fitted.sample_y(frame, samples)  # pyright: ignore[reportArgumentType]
    return ""


Door = Callable[[Path, random.Random], str]
DOORS: dict[str, Door] = {d.__name__: d for d in (csv, parquet, study, result, option, call)}


def fuzz(cases: int, seed: int, doors: list[str] | None = None) -> list[str]:
    """Try so many cases; what is wrong, a line a case that does not hold."""
    found, names = list[str](), doors or list(DOORS)
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(cases):
            name = names[number % len(names)]
            folder = Path(scratch, "case")
            folder.mkdir()
            begun = time.monotonic()
            try:
                wrong = DOORS[name](folder, random.Random(f"{seed} {number}"))
            except (InputError, NotConverged) as error:
                wrong = "" if len(str(error).splitlines()) == 1 else f"many lines: {error}"
            except Exception as error:
                where = traceback.extract_tb(error.__traceback__)[-1]
                wrong = (
                    f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
                )
            if time.monotonic() - begun > SLOWEST:
                wrong = wrong or "slow"
            if wrong:
                found.append(f"{name} {number}: {wrong}")
            shutil.rmtree(folder)
    return found


def main() -> None:
    """Try the cases and say which do not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", choices=list(DOORS))
    arguments = parser.parse_args()
    found = fuzz(arguments.cases, arguments.seed, arguments.only)
    print(*found, sep="\n")
    print(dict(Counter(line.partition(" ")[0] for line in found)), file=sys.stderr)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
