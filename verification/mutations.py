"""Random mutants of the mathematics: what the quick tests would not notice if it were wrong.

A mutant is a copy of the package with one change of an operator, a comparison, a condition or a
number. It is killed where the quick tests of its modules fail, or take ten times as long as
without it.

    python verification/mutations.py [--group likelihood] [--count 10] [--seed 0]

Adds a row a mutant to `mutations.csv` in this folder. The last column is for those who look at
the survivors: why it makes no difference, or that a test was added.
"""

import argparse
import ast
import csv
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER, ROOT = Path(__file__).parent, Path(__file__).parents[1]
PACKAGE = Path("src/dirimix")
# the modules of a group, and the tests run against its mutants, the quickest first
GROUPS = {
    "laws": (["laws"], ["src/dirimix/laws", "tests/laws"]),
    "likelihood": (["likelihood"], ["src/dirimix/likelihood", "tests/likelihood"]),
    "simplex": (["laws/simplex.py"], ["tests/laws", "tests/estimators/test_baselines.py"]),
    "evidence": (["laws/evidence.py"], ["tests/laws/test_evidence.py"]),
    "scores": (
        ["scores.py", "laws/crps.py", "laws/transformed_crps.py"],
        ["src/dirimix/scores.py", "tests/laws/test_scores.py", "tests/laws"],
    ),
}
SWAPS: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.USub: ast.UAdd,
}
PATIENCE = 10  # times the seconds that the tests take without a mutant


@dataclass(frozen=True)
class Mutant:
    """One change in one module, by the place of what it replaces."""

    module: str
    node: ast.expr
    changed: ast.expr

    @property
    def before(self) -> str:
        """What stands in the source, on one line."""
        return ast.unparse(self.node)

    @property
    def after(self) -> str:
        """What stands there instead."""
        return ast.unparse(self.changed)

    def put(self, path: Path) -> None:
        """Change the source at `path`, whose text is that of the module."""
        lines = path.read_bytes().splitlines(keepends=True)
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line))
        text, node = b"".join(lines), self.node
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        first = starts[node.lineno - 1] + node.col_offset
        last = starts[node.end_lineno - 1] + node.end_col_offset
        path.write_bytes(text[:first] + f"({self.after})".encode() + text[last:])


def mutants(module: str, text: str) -> Iterator[Mutant]:
    """Every change of a module that is of one of the kinds."""
    tree = ast.parse(text)
    others = {id(part) for node in ast.walk(tree) for part in _left_alone(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.expr) and id(node) not in others:
            changed = _changed(node)
            if changed is not None:
                yield Mutant(module, node, changed)


def _left_alone(node: ast.AST) -> Iterator[ast.AST]:
    """What lies in a message, or in the types of arguments and results."""
    message = node if isinstance(node, ast.JoinedStr) else None
    for part in (message, getattr(node, "annotation", None), getattr(node, "returns", None)):
        if isinstance(part, ast.AST):
            yield from ast.walk(part)


def _changed(node: ast.expr) -> ast.expr | None:
    """The node with another operator or number; None for what has neither."""
    match node:
        case ast.BinOp(left, op, right) if type(op) in SWAPS:
            return ast.BinOp(left, SWAPS[type(op)](), right)
        case ast.Compare(left, [op], right) if type(op) in SWAPS:
            return ast.Compare(left, [SWAPS[type(op)]()], right)
        case ast.BoolOp(op, values):
            return ast.BoolOp(SWAPS[type(op)](), values)
        case ast.UnaryOp(ast.USub(), operand):
            return ast.UnaryOp(ast.UAdd(), operand)
        case ast.UnaryOp(ast.Not(), operand):
            return operand
        case ast.Constant(bool(value)):
            return ast.Constant(not value)
        case ast.Constant(int(value)):
            return ast.Constant(value + 1)
        case ast.Constant(float(value)):
            return ast.Constant(1.5 * value if value else 1.0)
        case _:
            return None


def fails(root: Path, paths: list[str], seconds: float | None = None) -> bool:
    """Whether the quick tests of a copy fail, or are not done after so many seconds."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    own = {"PYTHONPATH": str(root / "src"), "NUMBA_CACHE_DIR": str(root / "loops")}
    try:
        done = subprocess.run(
            [*command, "-m", "not slow", *paths],
            cwd=root,
            env={**os.environ, **own, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def copy(to: Path) -> None:
    """The package and its tests, without compiled loops."""
    for name in ("src", "tests", "benchmarks", "scripts", "verification"):
        ignored = shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc")
        shutil.copytree(ROOT / name, to / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", to)


def main() -> int:
    """Try random mutants of a group; 1 if its tests fail without any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--group", choices=GROUPS, default="likelihood")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    places, paths = GROUPS[options.group]
    found: list[Mutant] = []
    for place in places:
        under = ROOT / PACKAGE / place
        for path in sorted(under.rglob("*.py")) if under.is_dir() else [under]:
            module = str(path.relative_to(ROOT / PACKAGE))
            found += mutants(module, path.read_text(encoding="utf-8"))
    chosen = random.Random(options.seed).sample(found, min(options.count, len(found)))
    print(f"{len(chosen)} of {len(found)} mutants of {options.group}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        copy(root)
        begun = time.monotonic()
        if fails(root, paths):
            print("the tests fail without a mutant")
            return 1
        patience = PATIENCE * (time.monotonic() - begun)
        for mutant in chosen:
            path = root / PACKAGE / mutant.module
            original = path.read_bytes()
            mutant.put(path)
            shutil.rmtree(root / "loops", ignore_errors=True)
            outcome = "killed" if fails(root, paths, patience) else "survived"
            path.write_bytes(original)
            row = (options.group, mutant.module, mutant.before, mutant.after, outcome, "")
            print(*row, f"line {mutant.node.lineno}", flush=True)
            with (FOLDER / "mutations.csv").open("a", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerow(row)
    return 0


if __name__ == "__main__":
    sys.exit(main())
