import doctest
import importlib
import json
import re
import sys
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import pages

STUDIES = Path(__file__).parents[2] / "studies"
SPLITS = ("test", "blocks", "edges", "psis-loo")


@pytest.fixture(scope="module")
def scripts():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(STUDIES))
        yield importlib.import_module("paper"), importlib.import_module("paper_findings")
        for name in ("paper", "paper_findings"):
            del sys.modules[name]


def score(method, split, rms, weights="field", model=""):
    return {
        "method": method, "model": model, "split": split, "weights": weights, "n": 63,
        "rms": rms, "rms_lo": rms - 0.08, "rms_hi": rms + 0.08,
    }  # fmt: skip


def pair(a, b, score, difference, half=0.02):
    return [
        {"a": a, "b": b, "split": split, "score": score, "n": 63, "clusters": 16,
         "difference": difference, "lo": difference - half, "hi": difference + half}
        for split in SPLITS
    ]  # fmt: skip


def write_run(folder, **changed):
    """An output folder in which everything is as the paper says."""
    known = {
        "scores": [
            *(score("raw", "test", r, model=m) for m, r in (("HFB24", 0.4), ("FRDM12", 0.5))),
            score("gbmm-d", "test", 0.32),
            score("gbmm-d+gp", "test", 0.45),
            score("bma-closed-form+gp", "test", 0.36),
            score("lbmm-gpd", "train", 0.24, weights="site"),
            score("lbmm-gpd", "train", 0.40),
        ],
        "pairs": [
            *pair("gbmm-d+gp", "gbmm-d", "rms", 0.15),
            *pair("gbmm-d+gp", "gbmm-d", "log_score", -0.4),
            *pair("bma-closed-form", "gbmm-d", "rms", 0.1),
            *pair("lbmm-gpd", "lbmm-gld", "log_score", 0.3),
            *pair("raw:HFB24", "raw:FRDM12", "rms", -0.1),
        ],
        "coverage": [
            {"method": m, "model": "", "split": "test", "weights": "field", "n": 63, "level": 0.5,
             "coverage": c, "nominal_lo": 0.4, "nominal_hi": 0.6}
            for m, c in (("gbmm-d", 0.8), ("lbmm-gpd", 0.52))
        ],
        "weights": [
            {"method": "lbmm-gpd", "model": m, "split": "train", "mean": w}
            for m, w in (("HFB24", 0.5), ("FRDM12", 0.3), ("UNEDF0", 0.1), ("SKMS", 0.07),
                         ("SKP", 0.03))
        ],
        "diagnostics": [
            {"method": "lbmm-gpd@metropolis", "parameter": "sigma", "rhat": 1.8, "ess_bulk": 5}
        ],
    }  # fmt: skip
    for name, rows in (known | changed).items():
        pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    manifest = {
        "converged": True,
        "seed": 1,
        "versions": {"dirimix": "0"},
        "study": {"title": "A study"},
        "data": {
            "rows": {"train": 513, "test": 63},
            "models": ["HFB24", "FRDM12"],
            "labels": {"HFB24": "HFB-24", "FRDM12": "FRDM-2012"},
        },
        "methods": {"gbmm-d": {"converged": True}, "lbmm-gpd": {"converged": False}},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "scores.json").write_text('{"unconverged": {"lbmm-gpd of S2p": ["few draws"]}}')


def verdicts(scripts, folder):
    paper, findings = scripts
    run = findings.Run(folder)
    found = {}
    for claim in paper.CLAIMS:
        try:
            found[claim.words] = claim.look(run).verdict
        except findings.Missing:
            found[claim.words] = "not measured"
    return found


def test_the_rules_of_the_verdicts(scripts):
    assert doctest.testmod(scripts[1]).failed == 0
    assert doctest.testmod(scripts[1]).attempted >= 3


def test_a_run_that_is_as_the_paper_says_reproduces_every_claim(scripts, tmp_path):
    write_run(tmp_path)
    found = verdicts(scripts, tmp_path)
    assert set(found.values()) == {"reproduced"}
    assert len(found) == 11


@pytest.mark.parametrize(
    ("name", "rows", "claim", "verdict"),
    [
        ("scores", [score("gbmm-d", "test", 0.5)], "gBMM+D of raw models", "not reproduced"),
        ("scores", [score("gbmm-d", "test", 0.37)], "gBMM+D of raw models", "not decidable"),
        (
            "pairs", pair("gbmm-d+gp", "gbmm-d", "rms", -0.1), "Mixing corrected models",
            "not reproduced",
        ),
        (
            "pairs", pair("gbmm-d+gp", "gbmm-d", "rms", 0.1, 0.2), "Mixing corrected models",
            "not decidable with 63 nuclei",
        ),
        (
            "pairs", pair("lbmm-gld", "lbmm-gpd", "log_score", 0.1), "GLD is too simple",
            "not reproduced",
        ),
        (
            "weights",
            [{"method": "lbmm-gpd", "model": m, "split": "train", "mean": w}
             for m, w in (("FRDM12", 0.6), ("HFB24", 0.4))],
            "HFB-24 dominates", "not reproduced",
        ),
        (
            "weights",
            [{"method": "lbmm-gpd", "model": m, "split": "train", "mean": w}
             for m, w in (("HFB24", 0.5), ("FRDM12", 0.3), ("SKP", 0.2), ("UNEDF0", 0.1),
                          ("SKMS", 0.0))],
            "HFB-24 dominates", "reproduced for the first two, not",
        ),
        (
            "diagnostics",
            [{"method": "lbmm-gpd@metropolis", "parameter": "s", "rhat": 1.0, "ess_bulk": 900}],
            "A Metropolis", "not reproduced",
        ),
        (
            "scores",
            [score("raw", "test", r, model=m) for m, r in (("HFB24", 0.6), ("FRDM12", 0.5))],
            "Of the raw models", "not reproduced",
        ),
    ],
)  # fmt: skip
def test_a_run_that_differs_says_so(scripts, tmp_path, name, rows, claim, verdict):
    """The controls: every kind of claim can fail."""
    write_run(tmp_path, **{name: rows})
    found = verdicts(scripts, tmp_path)
    (row,) = [v for words, v in found.items() if words.startswith(claim)]
    assert row.startswith(verdict)


@pytest.mark.parametrize(
    ("others", "local", "verdict"),
    [(0.8, 0.52, "reproduced"), (0.51, 0.55, "not reproduced"), (0.55, 0.52, "not decidable")],
)
def test_coverage_is_judged_by_its_binomial_band(scripts, tmp_path, others, local, verdict):
    rows = [
        {"method": m, "model": "", "split": "test", "weights": "field", "n": 63, "level": 0.5,
         "coverage": c, "nominal_lo": 0.4, "nominal_hi": 0.6}
        for m, c in (("gbmm-d", others), ("lbmm-gpd", local))
    ]  # fmt: skip
    write_run(tmp_path, coverage=rows)
    assert verdicts(scripts, tmp_path)["Local mixtures have the most faithful coverage"].startswith(
        verdict
    )


def test_what_was_not_run_is_told(scripts, tmp_path):
    write_run(tmp_path, pairs=pair("a", "b", "rms", 0.1), diagnostics=[{"method": "gbmm-d"}])
    text = scripts[0].claims(scripts[1].Run(tmp_path))
    assert "not measured: gbmm-d+gp is not compared with gbmm-d on test" in text
    assert "not measured: lbmm-gpd@metropolis is not in this run" in text


def test_the_page_names_its_command_and_what_has_not_converged(scripts, tmp_path):
    write_run(tmp_path)
    target = tmp_path / "paper.md"
    assert scripts[0].main([str(tmp_path), str(target)]) == 0
    text = target.read_text()
    assert f"Made by `python studies/paper.py {tmp_path} {target}`" in text
    assert "(lbmm-gpd: not converged)" in text
    assert "lbmm-gpd of S2p).\n" in text
    claims, _ = text.split("## Differences")
    table = [line for line in claims.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in table} == {7}
    assert "blocks, 16 clusters: log score -0.400 (-0.420 to -0.380), reproduced" in text


def test_a_longer_run_answers_where_the_run_itself_cannot(scripts, tmp_path):
    short, longer = tmp_path / "short", tmp_path / "longer"
    for folder in (short, longer):
        folder.mkdir()
    known = pair("lbmm-gpd", "lbmm-gld", "log_score", 0.3)
    tested = [row for row in known if row["split"] == "test"]
    write_run(short, pairs=tested)
    write_run(longer, pairs=known)
    look = scripts[1].worse("lbmm-gld", "lbmm-gpd", "log_score")
    run = scripts[1].Run
    assert look(run(short)).elsewhere == ""
    assert "edges, 16 clusters: log score -0.300" in look(run(short, run(longer))).elsewhere


def test_the_page_shows_the_longer_run_and_the_other_observable(scripts, tmp_path):
    for name in ("main", "longer", "other"):
        (tmp_path / name).mkdir()
        write_run(tmp_path / name)
    target = tmp_path / "paper.md"
    folders = [str(tmp_path / name) for name in ("longer", "other")]
    assert scripts[0].main([str(tmp_path / "main"), str(target), *folders]) == 0
    main, longer, other = (
        target.read_text().replace("## The other", "## Regions").split("## Regions")
    )
    pair = "| lbmm-gpd | lbmm-gld | log score | **+0.300 (+0.280 to +0.320)** |"
    assert all(pair in part for part in (main, longer, other))
    assert "0.31 MeV" in main
    assert "MeV" not in other, "the paper's numbers are of one observable"
    assert "GLD is too simple" in other


def test_figures_stand_in_the_page_with_their_captions(scripts, tmp_path):
    folder = tmp_path / "run"
    (folder / "figures").mkdir(parents=True)
    write_run(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    names = ("maps", "rms")
    manifest["study"]["exhibits"] = [{"name": name, "title": f"The {name}"} for name in names]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    for name in names:
        (folder / f"figures/{name}.csv").write_text("a\n1\n")
    (folder / "figures/rms.md").write_text("| a |\n| --- |\n| 1 |\n\nOf all rows.\n")
    about = PngInfo()
    about.add_text("Description", "White: the training sites.")
    Image.new("RGB", (4, 4)).save(folder / "figures/maps.png", pnginfo=about)
    target = tmp_path / "paper.md"
    assert scripts[0].main([str(folder), str(target)]) == 0
    page = target.read_text()
    assert "![The maps](paper/maps.png)\n\nWhite: the training sites.\n" in page
    assert "| 1 |\n\nOf all rows.\n" in page
    assert (tmp_path / "paper/maps.png").is_file()


def of_pairs(text):
    """Differences of the mean log score, by the two methods and how rows were left out."""
    found = {}
    for head, *lines in pages.tables(text):
        for line in lines if head[:3] == ["method", "less", "score"] else ():
            cells = dict(zip(head, (cell.strip("*") for cell in line), strict=True))
            for split in ("test", "blocks"):
                if cells["score"] == "log score" and cells.get(split):
                    found.setdefault((cells["method"], cells["less"], split), cells[split])
    return found


def test_the_decision_page_says_what_the_papers_page_says():
    docs = STUDIES.parent / "docs"
    known = of_pairs((docs / "paper.md").read_text().partition("## The other observable")[0])
    lines = pages.rows(pages.sections(docs / "choose-method.md")["What our own studies say"])
    assert len(lines) >= 8
    for first, second, *cells in lines:
        method = first.strip("`")
        other = "raw:HFB24" if second == "best single model" else second.strip("`")
        for split, cell in zip(("test", "blocks"), cells, strict=True):
            exact = known.get((method, other, split), "")
            said, numbers = (re.findall(r"[-+]?\d+\.\d+", text) for text in (cell, exact))
            assert [float(n) for n in said] == pytest.approx(
                [float(n) for n in numbers], abs=0.0051
            )
