"""The study of the paper made small runs on the published files; its numbers are no answers."""

import importlib
import json
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dirimix.cli.main import main
from dirimix.study.parse import read_study

STUDIES = Path(__file__).parents[2] / "studies"
ONLY = "raw,equal,simplex-ls,bma-closed-form,gbmm-d,bma-closed-form@rows-16"
THREE = {
    "title": "Two-proton separation energies: nine mass models, trained on AME2003, tested on "
    "AME2020",
    "table": "data:nuclear-s2p",
    "label": "Two-proton separation energy",
}

needs_data = pytest.mark.skipif(
    "DIRIMIX_DATA_DIR" not in os.environ, reason="needs the published files, DIRIMIX_DATA_DIR"
)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    out = tmp_path_factory.mktemp("nuclear") / "out"
    study = str(STUDIES / "nuclear-reduced.toml")
    arguments = ["run", "--no-report", study, "--out", str(out), "--quiet", "--only", ONLY]
    assert main([*arguments, "--allow-unconverged"]) == 0
    assert main(["report", str(out), "--quiet"]) == 0
    return out


def read(out, name):
    return pd.read_csv(out / f"{name}.csv", dtype={"model": str}).fillna({"model": ""})


@needs_data
@pytest.mark.slow
def test_the_reduced_study_has_its_rows_and_scores(out):
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["data"]["rows"]["train"] == 120
    assert manifest["data"]["models"] == ["UNEDF0", "FRDM12", "HFB24"]
    scores = read(out, "scores")
    assert set(scores["split"]) == {"train", "test", "blocks", "edges", "time-machine"}
    raw = scores[(scores["method"] == "raw") & (scores["split"] == "test")].set_index("model")
    # two test nuclei more than where all nine models are known
    assert raw["n"].iloc[0] == 65
    assert raw["rms"].idxmin() == "HFB24"
    assert raw.loc["HFB24", "rms"] == pytest.approx(0.397, abs=0.01)


@needs_data
@pytest.mark.slow
def test_every_part_of_the_study_leaves_its_table(out):
    for name in ("folds", "ranking", "loo", "loo_pointwise", "effective", "correlations",
                 "preselection", "preselection_confirmed", "sensitivity", "power_scaling",
                 "variants", "threshold", "limits", "above", "joint"):  # fmt: skip
        assert len(pd.read_csv(out / f"{name}.csv")), name
    made = {p.stem for p in (out / "figures").glob("*.csv")}
    local = {"weights", "effective", "far-field"}
    assert made == set(asked()) - local
    page = (out / "report.html").read_text()
    assert page.count("has nothing to show here") == len(local)


def asked():
    return [c.name for c in read_study(STUDIES / "nuclear-reduced.toml").exhibits]


@needs_data
@pytest.mark.slow
def test_nuclei_are_bound_in_the_valley_and_not_far_from_it(out):
    joint = read(out, "joint").query("method == 'gbmm-d'").set_index(["Z", "N"])
    joint = joint["probability"].sort_index()
    assert joint[50, 70] > 0.999
    assert joint[82, 126] > 0.999
    # the heaviest calcium and the lightest tin that some table still lists
    assert joint.loc[20].iloc[-1] < 0.01
    assert joint.loc[50].iloc[0] < 0.5
    limits = read(out, "limits").query("method == 'gbmm-d'")
    tin = limits[(limits["along"] == "N") & (limits["Z"] == 50)].iloc[0]
    assert 112 <= tin["q50"] <= 128
    lead = limits[(limits["along"] == "Z") & (limits["N"] == 126)].iloc[0]
    assert 88 <= lead["q50"] <= 98


@needs_data
@pytest.mark.slow
def test_the_models_that_are_kept_are_the_better_two(out):
    path = read(out, "preselection")
    assert path["removed"].dropna().tolist() == ["UNEDF0"]


@needs_data
@pytest.mark.slow
def test_the_page_of_claims_is_made_from_the_run(out, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(STUDIES))
        paper = importlib.import_module("paper")
        assert paper.main([str(out), str(tmp_path / "paper.md")]) == 0
        for name in ("paper", "paper_findings"):
            del sys.modules[name]
    text = (tmp_path / "paper.md").read_text()
    assert "test rms: HFB-24" in text
    claims, rest = text.split("## Differences")
    assert claims.count("\n| ") == 13
    assert rest.count("\n| ") > 2
    assert "### Table 1\n\n| " in text
    assert "](paper/bound.png)" in text
    copied = {p.name for p in (tmp_path / "paper").iterdir()}
    assert {"table-1.csv", "bound.png"} < copied
    assert "table-1.png" not in copied
    assert "bound.csv" not in copied
    assert "not measured: gbmm-d+gp has no field score on test" in text


def test_the_other_observable_is_three_lines_away():
    first, second = (
        (STUDIES / f"nuclear-{name}.toml").read_text().splitlines() for name in ("s2n", "s2p")
    )
    differing = [b for a, b in zip(first, second, strict=True) if a != b]
    assert [line.partition(" = ")[0] for line in differing] == list(THREE)
    for line, value in zip(differing, THREE.values(), strict=True):
        assert f'"{value}"' in line


@needs_data
def test_the_other_observable_runs(tmp_path):
    text = (STUDIES / "nuclear-reduced.toml").read_text()
    changed = text.replace('table = "data:nuclear-s2n"', 'table = "data:nuclear-s2p"')
    assert changed != text
    study, out = tmp_path / "s2p.toml", tmp_path / "out"
    study.write_text(changed)
    arguments = [
        "run",
        "--no-report",
        str(study),
        "--out",
        str(out),
        "--quiet",
        "--only",
        "bma-closed-form",
    ]
    assert main(arguments) == 0
    above = pd.read_csv(out / "above.csv")
    assert set(above["target"]) == {"S2n", "S2p"}
    limits = pd.read_csv(out / "limits.csv")
    assert set(limits["along"]) == {"N", "Z"}
    assert np.isfinite(limits["q50"]).any()


@needs_data
@pytest.mark.slow
def test_the_whole_study_converges_and_answers_every_claim(tmp_path):
    """All methods of the paper; it goes on where an earlier run stopped."""
    out = STUDIES.parent / "runs" / "nuclear-s2n"
    study = str(STUDIES / "nuclear-s2n.toml")
    assert (
        main(["run", "--no-report", study, "--out", str(out), "--jobs", "2", "--resume", "--quiet"])
        == 0
    )
    assert main(["report", str(out), "--quiet"]) == 0
    assert "has nothing to show here" not in (out / "report.html").read_text()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(STUDIES))
        assert importlib.import_module("paper").main([str(out), str(tmp_path / "paper.md")]) == 0
        for name in ("paper", "paper_findings"):
            del sys.modules[name]
    assert "not measured" not in (tmp_path / "paper.md").read_text()


@needs_data
@pytest.mark.slow
def test_the_local_mixtures_converge_without_parts_of_the_chart_and_under_other_priors():
    """Hours; it goes on where an earlier run stopped."""
    out, study = STUDIES.parent / "runs" / "nuclear-long", STUDIES / "nuclear-long.toml"
    assert main(["run", "--no-report", str(study), "--out", str(out), "--resume", "--quiet"]) == 0
    assert main(["report", str(out), "--quiet"]) == 0
    assert "has nothing to show here" not in (out / "report.html").read_text()
