"""What the documentation says, checked against what the code does."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import dirimix
from dirimix import datasets
from dirimix.assess.schema import COORDINATES, TABLES
from dirimix.cli.main import _parser, main
from dirimix.datasets.files import VARIABLE
from dirimix.estimators import local_posterior
from dirimix.methods import METHODS
from dirimix.sampling import sampler
from pages import (
    ALL_PAGES,
    PAGES,
    ROOT,
    Block,
    blocks,
    commands,
    dead_links,
    missing_names,
    put,
    quoted,
    replaced,
    rows,
    run_blocks,
    run_commands,
    sections,
    without_blocks,
)

DOCS = ROOT / "docs"
MODELS = ("classical", "expansion", "wien")
EXTENDING = DOCS / "extend.md"  # changes the package
GALLERY = DOCS / "gallery"  # `make docs` runs these whole
# long to run; most of what they call is in docs/start.md and docs/own-table.md, too
LONG = DOCS / "command-line.md", DOCS / "tutorial.md"
SPEED = [
    pytest.param(
        page, as_written, id=f"{page.stem}-{as_written}",
        marks=[pytest.mark.slow] * (as_written or page in LONG or GALLERY in page.parents),
    )
    for page in PAGES if page != EXTENDING for as_written in (False, True)
]  # fmt: skip

# every part of a study that writes a file, with methods that cost little
STUDY = """
[data]
table = "docs/example/table.csv"
target = "energy"
coords = ["x"]
models = ["classical", "expansion", "wien"]
error = "error"
split = "part"
[methods]
run = ["raw", "ols", "bma-laplace", "gbmm-d", "ridge-stacking", "ridge-stacking@few"]
[options]
y_scale = 0.1
chains = 2
draws = 25
warmup = 20
min_ess = 0
[options."ridge-stacking@few"]
n_draws = 100
[scores]
n_boot = 50
[compare]
pairs = [["gbmm-d", "ridge-stacking"]]
[validation.random]
scheme = "k-fold"
folds = 2
methods = ["raw", "ridge-stacking"]
[preselection]
scheme = "random"
confirm = ["ridge-stacking"]
[threshold]
level = 0.5
methods = ["ridge-stacking"]
[threshold.along]
"docs/example/table.csv" = "x"
"""


@pytest.fixture(name="clone")
def _clone(tmp_path, monkeypatch):
    """A folder that looks to a page's commands like a clone of the repository."""
    if VARIABLE in os.environ:
        monkeypatch.setenv(VARIABLE, str(Path(os.environ[VARIABLE]).absolute()))
    shutil.copytree(DOCS / "example", tmp_path / "docs/example")
    shutil.copytree(ROOT / "studies", tmp_path / "studies")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("clone")
@pytest.mark.parametrize(("page", "as_written"), SPEED)
def test_page_runs(page, as_written, monkeypatch):
    if not as_written:  # a long search for where chains begin is no part of what a page shows
        monkeypatch.setattr(local_posterior, "_SEARCHES", 1)
    left = run_blocks(blocks(page), fast=not as_written)
    if left:
        pytest.skip(f"needs {VARIABLE}: {left}; the rest of the page ran")


@pytest.mark.slow
def test_package_is_extended_as_written(clone):
    shutil.copytree(ROOT / "src", clone / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for block in blocks(EXTENDING):
        if block.file:
            put(block, clone)
    code = (
        "from pathlib import Path; from pages import blocks, run_blocks; "
        f"run_blocks([b for b in blocks(Path({str(EXTENDING)!r})) if not b.file], fast=True)"
    )
    path = os.pathsep.join([str(clone / "src"), str(ROOT / "tests/helpers")])
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    scores = pd.read_csv(clone / "runs/extended/scores.csv")
    assert {"inverse-rms", "inverse-rms@sharp", "inverse-rms+gp"} <= set(scores["method"])
    assert scores["outside_99"].between(scores["outside_99_lo"], scores["outside_99_hi"]).all()
    assert "oscillator" in done.stdout
    assert "sigma / 0.05 ~ log-normal(0, 0.3)" in done.stdout
    assert (clone / "runs/figure/figures/widths.svg").is_file()


def test_changes_that_do_not_fit_are_noticed(tmp_path):
    (tmp_path / "a.py").write_text("one\ntwo\n")
    put(Block(EXTENDING, 1, "diff", "a.py", (), " one\n-two\n+three\n"), tmp_path)
    assert (tmp_path / "a.py").read_text() == "one\nthree\n"
    with pytest.raises(AssertionError, match="extend.md:9 does not fit a.py"):
        put(Block(EXTENDING, 9, "diff", "a.py", (), " one\n+four\n two\n"), tmp_path)


def test_example_is_the_tutorials_table(clone):
    exec(next(b for b in blocks(DOCS / "tutorial.md") if b.language == "python").text, {})
    for name in ("table.csv", "new.csv"):
        assert (clone / name).read_text() == (DOCS / "example" / name).read_text()


@pytest.mark.usefixtures("clone")
@pytest.mark.parametrize("text", ["dirimix data fetch nothing", "rm -r data"])
def test_commands_that_fail_are_noticed(text):
    with pytest.raises(AssertionError, match="exit code 2|unknown command"):
        run_commands(text)


def test_marks_that_replace_nothing_are_noticed():
    block = Block(ROOT / "README.md", 1, "python", "", ("draws=2",), "fit(warmup=3)")
    with pytest.raises(AssertionError, match="README.md:1 has no draws"):
        replaced(block)


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    assert not dead_links(page, without_blocks(page))
    assert dead_links(page, "[a](nowhere.md) [b](#no-heading)") == ["nowhere.md", "#no-heading"]


def test_every_page_is_in_the_contents_of_the_site():
    trees = [folder / "index.md" for folder in (DOCS, DOCS / "gallery")]
    listed = set()
    for index in trees:
        for tree in re.findall(r"```{toctree}\n(.*?)```", index.read_text(), re.DOTALL):
            names = [line for line in tree.splitlines() if line and not line.startswith(":")]
            listed |= {index.parent / f"{name}.md" for name in names}
    assert listed | {DOCS / "index.md"} == {page for page in PAGES if DOCS in page.parents}


def test_public_names_are_in_the_api():
    page = (DOCS / "api.md").read_text()
    for name in (*dirimix._HOME, *dirimix._FUNCTIONS, *dirimix._MODULES):
        assert re.search(rf":: dirimix\.{name}$", page, re.MULTILINE), name


def test_make_targets_exist():
    made = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    shown = [b.text for page in PAGES for b in blocks(page) if b.language == "sh"]
    asked = {words[1] for text in shown for words in commands(text) if words[0] == "make"}
    spoken = set(re.findall(r"`make ([a-z]+)`", "".join(p.read_text() for p in ALL_PAGES)))
    assert {"demo", "test"} <= asked
    assert asked | spoken <= set(made)


def test_all_methods_are_listed():
    listed = {
        quoted(name)[0]: words for name, words in rows(sections(DOCS / "methods.md")["All methods"])
    }
    assert listed == {name: method.words for name, method in METHODS.items()}


def test_every_method_is_described():
    assert [name for name in sections(DOCS / "methods.md") if name in METHODS] == list(METHODS)


def test_options_are_those_of_the_methods():
    listed = {}
    for name, default, of, _ in rows(sections(DOCS / "methods.md")["Options"]):
        methods = METHODS if of == "every method" else quoted(of)
        for method in methods:
            listed[method, quoted(name)[0]] = quoted(default)[0] if quoted(default) else "None"
    known = {(m, n): str(v) for m, method in METHODS.items() for n, v in method.options().items()}
    assert listed == known


class _Stop(Exception):
    """Raised in the place of sampling, which priors come before."""


@pytest.mark.filterwarnings("ignore::dirimix.errors.ChoiceNote")
@pytest.mark.parametrize("name", METHODS)
def test_priors_are_those_in_use(name, monkeypatch):
    def stop(*_: object, **__: object) -> None:
        raise _Stop

    monkeypatch.setattr(sampler, "sample", stop)
    table = pd.read_csv(DOCS / "example/table.csv")
    options: dict[str, object] = {"y_scale": 0.3}
    if "candidates" in METHODS[name].options():
        options["candidates"] = ["equal", "simplex-ls"]
    member = next(iter(METHODS[name].build(("x",), MODELS, options, 0).values()))
    try:
        # measurement errors would leave the closed-form evidence no closed form
        member.fit(table, table["energy"])
    except _Stop:
        pass
    texts = sections(DOCS / "methods.md")
    same = "The same priors." in texts[name]
    listed = rows(texts["bma-closed-form" if same else name])
    patterns = {quoted(p)[0]: re.escape(quoted(t)[0]).replace("…", ".*") for p, t in listed}
    assert set(patterns) == set(member.priors_)
    for parameter, text in member.priors_.items():
        assert re.fullmatch(patterns[parameter], text), (parameter, text)


def _long_options(parser: argparse.ArgumentParser) -> set[str]:
    return {o for action in parser._actions for o in action.option_strings if o.startswith("--")}


def _verbs() -> dict[str, argparse.ArgumentParser]:
    """Every command's parser by its words; `data` has two, of which one has options of its own."""
    found = {}
    for action in _parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            found = dict(action.choices)
    inner = next(a for a in found["data"]._actions if isinstance(a, argparse._SubParsersAction))
    return found | {"data": inner.choices["fetch"]}


@pytest.mark.parametrize("verb", ["init", "data", "fit", "predict", "check", "run", "report"])
def test_options_of_commands(verb):
    common = {"--help", "--seed", "--quiet"}
    listed = {o.split()[0] for cell in rows(sections(DOCS / "command-line.md")[f"dirimix {verb}"])
              for o in quoted(cell[0])}  # fmt: skip
    assert listed | common == _long_options(_verbs()[verb])


def test_no_page_names_an_option_that_is_not():
    known = {o for parser in _verbs().values() for o in _long_options(parser)}
    for page in ALL_PAGES:
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page.read_text()))
        assert named <= known, page


def described_tables(page: Path) -> dict[str, set[str]]:
    """The columns of every CSV file that has a section; '*' stands for the coordinates."""
    found = {}
    for heading, text in sections(page).items():
        if re.fullmatch(r"\w+\.csv", heading):
            cells = [cells[0] for cells in rows(text)]
            coordinates = {COORDINATES for cell in cells if "the coordinates" in cell}
            found[heading.removesuffix(".csv")] = coordinates.union(*map(quoted, cells))
    return found


OUTPUTS = {k: table for k, table in TABLES.items() if table.source != "one fit"}


def test_output_tables_are_described():
    listed = described_tables(DOCS / "files.md")
    assert listed == {name: set(table.columns()) for name, table in OUTPUTS.items()}


@pytest.mark.parametrize(
    ("text", "put"),
    [("`note`", "note"), ("`share_best`", "`share_best`, `share`"),
     ("`method`, `row`, the coordinates", "`method`, `row`"), ("### above.csv", "### higher.csv")],
)  # fmt: skip
def test_what_files_md_leaves_out_or_invents_is_noticed(tmp_path, text, put):
    page, whole = tmp_path / "files.md", (DOCS / "files.md").read_text()
    assert text in whole
    page.write_text(whole.replace(text, put))
    assert described_tables(page) != {name: set(t.columns()) for name, t in OUTPUTS.items()}


def test_output_tables_are_written_with_all_their_columns(clone):
    (clone / "study.toml").write_text(STUDY)
    assert (
        main(["run", "--no-report", "study.toml", "--out", "out", "--allow-unconverged", "--quiet"])
        == 0
    )
    written = {path.stem: pd.read_csv(path) for path in (clone / "out").glob("*.csv")}
    assert {name: list(table.columns) for name, table in written.items()} == {
        name: table.columns(["x"]) for name, table in OUTPUTS.items()
    }
    empty = {name for name, table in written.items() if not len(table)}
    # no stack and no noise or discrepancy that follow the map are among the study's methods
    of_others = {"candidates", "parts"}
    assert (
        empty
        <= {"reversion", "reversion_sites", "sensitivity", "power_scaling", "joint"} | of_others
    )


@pytest.mark.usefixtures("clone")
def test_predictions_are_described():
    fit = "docs/example/table.csv --target energy --coords x --method equal --out out --quiet"
    assert main(["fit", *fit.split(), "--models", ",".join(MODELS)]) == 0
    assert main(["predict", "out", "docs/example/new.csv", "--out", "p.csv", "--quiet"]) == 0
    cells = [cells[0] for cells in rows(sections(DOCS / "files.md")["predicted"])]
    listed = {column for cell in cells for column in quoted(cell)} - {"w_MODEL"}
    assert listed | {"x"} | {f"w_{m}" for m in MODELS} == set(pd.read_csv("p.csv").columns)


@pytest.mark.usefixtures("clone")
def test_manifest_vouches_for_the_model():
    fit = "docs/example/table.csv --target energy --coords x --method equal --out out --quiet"
    assert main(["fit", *fit.split(), "--models", ",".join(MODELS)]) == 0
    assert "fit.json" in json.loads(Path("out/manifest.json").read_text())["sha256"]


def test_names_of_the_glossary_are_in_the_code():
    source = "".join(path.read_text() for path in sorted((ROOT / "src").rglob("*.py")))
    for text in sections(DOCS / "glossary.md").values():
        for cells in rows(text):
            for name in (n for cell in cells[-2:] for n in quoted(cell)):
                assert re.search(rf"\b{re.escape(name.split('(')[0])}", source), name


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.stem)
def test_modules_and_functions_exist(page):
    made = {block.file for block in blocks(page)}
    assert missing_names(page.read_text(), made) == []


def test_docstrings_name_modules_that_exist():
    sources = sorted((ROOT / "src").rglob("*.py"))
    found = {path.name: missing_names(path.read_text(), ()) for path in sources}
    assert {name: missing for name, missing in found.items() if missing} == {}


def test_names_that_do_not_exist_are_noticed():
    text = "`dirimix.laws.crps.nothing`, src/dirimix/nowhere.py, `laws/crps.py:nothing`, `none.py`"
    assert missing_names(text, ()) == [
        "dirimix.laws.crps.nothing", "src/dirimix/nowhere.py", "laws/crps.py:nothing", "none.py",
    ]  # fmt: skip
    assert missing_names("`dirimix.laws.crps.crps_values`, `laws/crps.py:crps_values`", ()) == []


@pytest.mark.parametrize("name", ["liquid-drop", "nuclear-s2n"])
def test_check_values_of_the_data(name):
    if name != "liquid-drop" and VARIABLE not in os.environ:
        pytest.skip(f"needs {VARIABLE}")
    data = datasets.load(name)
    listed = {quoted(cells[0])[0]: cells[1:] for cells in rows(sections(DOCS / "data.md")[name])
              if len(cells) == 4}  # fmt: skip
    assert tuple(listed) == data.models
    for model, (label, *values) in listed.items():
        assert label == data.labels[model]
        assert values == [f"{_rms(data, model, split):.3f}" for split in ("train", "test")]


def _rms(data: datasets.Dataset, model: str, split: str) -> float:
    part = data.part(split).dropna(subset=list(data.models))
    return float(np.sqrt(np.mean((part[model] - part[data.target]) ** 2)))


def test_citation_file_agrees():
    lines = (ROOT / "CITATION.cff").read_text().splitlines()
    top = dict(line.split(": ", 1) for line in lines if re.match(r"\w[\w-]*: ", line))
    assert top["version"] == dirimix.__version__
    assert top["license"] in (ROOT / "LICENSE").read_text()
    assert "    doi: 10.1038/s41598-023-46568-0" in lines
