"""The map of the package in CONTRIBUTING.md, held against the sources.

Every check is a function from a package's sources to what is wrong with it, tried on the real
package and on a made-up one that must fail.
"""

import re
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from import_graph import AT_ONCE, ON_CALL, TYPING, Arrow, arrows, cycle, read_modules, room
from pages import ROOT, quoted, rows, sections

PACKAGE = ROOT / "src/dirimix"
MODULES = read_modules(PACKAGE)
ARROWS = arrows(MODULES)

# a room imports from earlier lines only, so rooms of one line do not know each other
ORDER = (
    {"_version", "_arrays", "errors"},
    {"_arguments", "_cores", "compiled"},
    {"methods", "table", "laws", "likelihood", "sampling", "datasets"},
    {"scores"},
    {"estimators"},
    {"assess"},
    {"study"},
    {"report"},
    {"cli"},
    {"_selftest"},
    {"dirimix"},
)
# the data sets know a field of science, and may be known where a user names one
BESIDE = "datasets"
NEAR = {"dirimix", "dirimix.study.load", "dirimix.cli.data"}
# the registry names classes that it does not load
FOR_TYPES = {("dirimix.methods", "dirimix.estimators.base")}

HEAVY = {
    "blackjax", "jax", "matplotlib", "numba", "numpy", "pandas", "scipy", "sklearn", "xarray",
}  # fmt: skip
MOST_MODULES, MOST_AT_TOP, MOST_LINES, MEDIAN_LINES = 16, 8, 320, 160
NUCLEAR = re.compile(r"(?i:nucle|proton|neutron)|\bMeV\b|\bZ\b\W{1,4}\bN\b")


def against_the_order(found: list[Arrow]) -> list[Arrow]:
    """Imports of a later room, or of another on the same line."""
    line = {name: k for k, names in enumerate(ORDER) for name in names}
    return [
        a
        for a in found
        if (a.importer, a.imported) not in FOR_TYPES or a.when != TYPING
        if room(a.importer) != room(a.imported)
        if line[room(a.imported)] >= line[room(a.importer)]
    ]


def too_near_the_data(found: list[Arrow]) -> list[Arrow]:
    """Imports of the data sets by modules that may not, or by them of more than errors."""
    return [
        a
        for a in found
        if (room(a.imported) == BESIDE != room(a.importer) and a.importer not in NEAR)
        or (room(a.importer) == BESIDE and room(a.imported) not in (BESIDE, "errors"))
    ]


def too_large(modules: Mapping[str, str], folders: Mapping[str, int]) -> list[str]:
    """Folders with too many modules, modules with too many lines, a median that is too high."""
    most = {name: MOST_AT_TOP if "." not in name else MOST_MODULES for name in folders}
    lines = {name: source.count("\n") for name, source in modules.items()}
    median = statistics.median(lines.values())
    return [
        *(f"{name}: {n} modules" for name, n in folders.items() if n > most[name]),
        *(f"{name}: {n} lines" for name, n in lines.items() if n > MOST_LINES),
        *([f"median of {median:g} lines"] if median >= MEDIAN_LINES else []),
    ]


def modules_of_folders(package: Path) -> Counter[str]:
    """How many modules lie in each folder of a package, by its dotted name."""
    paths = [path for path in package.rglob("*.py") if path.stem != "__init__"]
    return Counter(".".join(path.parent.relative_to(package.parent).parts) for path in paths)


def of_one_science(modules: Mapping[str, str]) -> list[str]:
    """Lines outside the data sets that know what a nucleus is."""
    return [
        f"{name}:{number}: {line.strip()}"
        for name, source in modules.items()
        if room(name) != BESIDE
        for number, line in enumerate(source.splitlines(), 1)
        if NUCLEAR.search(line)
    ]


def heavy_after(code: str) -> set[str]:
    """The heavy packages that a fresh interpreter holds after some code."""
    told = "\nimport sys\nprint('loaded', *sys.modules)"
    run = subprocess.run([sys.executable, "-c", code + told], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return HEAVY & set(run.stdout.rpartition("loaded ")[2].split())


def written(folder: Path, files: Mapping[str, str]) -> Path:
    """A made-up package, as files."""
    for name, source in files.items():
        path = folder / "dirimix" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return folder / "dirimix"


def test_every_room_has_its_place_in_the_order():
    rooms = {room(name) for name in MODULES}
    assert rooms == set().union(*ORDER)


def test_imports_follow_the_order():
    assert against_the_order(ARROWS) == []


def test_data_sets_stand_beside():
    assert too_near_the_data(ARROWS) == []


def test_no_modules_import_each_other_in_a_ring():
    assert cycle(ARROWS) == []


@pytest.mark.parametrize(
    ("importer", "line", "when"),
    [
        ("laws/noise.py", "from dirimix.estimators.base import AbstractMixture", AT_ONCE),
        ("assess/loo.py", "from dirimix.study import spec", AT_ONCE),
        ("sampling/hmc.py", "def f():\n    import dirimix.likelihood.saddle", ON_CALL),
        ("laws/crps.py", "if TYPE_CHECKING:\n    from dirimix.table.table import Table", TYPING),
        ("study/run.py", "def f():\n    from dirimix import EqualWeights", ON_CALL),
    ],
)
def test_imports_against_the_order_are_found(tmp_path, importer, line, when):
    files = {"__init__.py": "", "estimators/base.py": "", "study/spec.py": "",
             "likelihood/saddle.py": "", "table/table.py": ""}  # fmt: skip
    found = arrows(read_modules(written(tmp_path, {**files, importer: line})))
    assert [a.when for a in found] == [when]
    assert against_the_order(found) == found


def test_imports_of_the_data_sets_are_found(tmp_path):
    files = {
        "datasets/record.py": "from dirimix.table.table import Table",
        "table/table.py": "",
        "report/page.py": "from dirimix.datasets.record import Dataset",
        "study/load.py": "from dirimix.datasets.record import Dataset",
    }
    found = too_near_the_data(arrows(read_modules(written(tmp_path, files))))
    assert {a.importer for a in found} == {"dirimix.datasets.record", "dirimix.report.page"}


def test_rings_are_found(tmp_path):
    files = {
        "laws/a.py": "from dirimix.laws.b import x",
        "laws/b.py": "def f():\n    from dirimix.laws import a",
    }
    assert set(cycle(arrows(read_modules(written(tmp_path, files))))) == {
        "dirimix.laws.a",
        "dirimix.laws.b",
    }


@pytest.mark.parametrize("words", [["--help"], ["fit", "--help"]])
def test_help_loads_nothing_heavy(words):
    code = f"from dirimix.cli.main import main\ntry: main({words})\nexcept SystemExit: pass"
    assert heavy_after(code) == set()


def test_heavy_packages_are_noticed():
    assert "numpy" in heavy_after("import numpy.linalg")


def test_rooms_and_modules_are_small():
    assert too_large(MODULES, modules_of_folders(PACKAGE)) == []


def test_large_rooms_and_modules_are_noticed(tmp_path):
    files = {f"laws/m{k}.py": "x = 1\n" * (MEDIAN_LINES + 1) for k in range(MOST_MODULES + 1)}
    files |= {f"m{k}.py": "" for k in range(MOST_AT_TOP + 1)}
    files["laws/m0.py"] = "x = 1\n" * (MOST_LINES + 1)
    package = written(tmp_path, files)
    assert too_large(read_modules(package), modules_of_folders(package)) == [
        "dirimix: 9 modules",
        "dirimix.laws: 17 modules",
        "dirimix.laws.m0: 321 lines",
        "median of 161 lines",
    ]


def test_nothing_but_the_data_sets_knows_a_science():
    assert of_one_science(MODULES) == []


@pytest.mark.parametrize("line", ['x = "MeV"', "# a nucleus", 'names("Z, N")', "Proton, neutron"])
def test_a_science_is_noticed(tmp_path, line):
    package = written(tmp_path, {"laws/noise.py": line, "datasets/nuclear.py": line})
    assert of_one_science(read_modules(package)) == [f"dirimix.laws.noise:1: {line}"]


def test_contributing_shows_the_rooms_and_their_order():
    text = sections(ROOT / "CONTRIBUTING.md")["Map"]
    shown = {name.rstrip("/") for cells in rows(text) for name in quoted(cells[0])}
    assert shown == set().union(*ORDER) - {"dirimix", "_version"}
    order = re.search("one way: (.*?), with", text, re.DOTALL)
    assert order is not None
    assert [set(quoted(part)) for part in order[1].split("<-")] == [
        names - {"_version", BESIDE} for names in ORDER[:-1]
    ]
