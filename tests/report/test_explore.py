import base64
import gzip
import hashlib
import json
import re
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

from dirimix.report.explore import as_text, explorer
from dirimix.report.figures import calibration, residuals
from dirimix.report.headline import sentence, tiles
from dirimix.report.opening.choice import opening
from dirimix.report.opening.pictures import predictions
from dirimix.report.output import read_output
from dirimix.report.ranked import reference, score_lines
from dirimix.report.scripts import LIBRARIES, PARTS, explorer_script, libraries
from stand_ins import STUDY, run_study, write_study


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explore")
    text = STUDY.replace('unit = "m"', 'unit = "m"\nmap_axes = ["z", "x"]\nlines = { x = [0.5] }')
    study = write_study(folder, text)
    assert run_study(study, folder / "out", "--only", "raw,equal,ols") == 0
    return read_output(folder / "out")


def test_the_libraries_are_those_that_were_released():
    vendor = files("dirimix.report") / "vendor"
    sums = dict(line.split()[::-1] for line in (vendor / "SHA256SUMS").read_text().splitlines())
    assert set(sums) == set(LIBRARIES)
    for name in LIBRARIES:
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == sums[name]
        assert name in (vendor / "LICENSES.txt").read_text()


def test_all_parts_of_the_script_are_in_the_page():
    static = files("dirimix.report") / "static"
    assert {path.name for path in static.iterdir()} == set(PARTS)
    assert "</script" not in explorer_script().lower()
    assert not any(set(library) & set("<>&") for library in libraries())


def test_the_content_is_that_of_the_files(output):
    found = explorer(output, opening(output))
    assert [m["name"] for m in found["methods"]] == ["equal", "ols"]
    sites = pd.read_csv(output.folder / "sites.csv")
    for c, name in enumerate(("x", "z")):
        np.testing.assert_allclose(found["sites"]["x"][c], sites[name], rtol=1e-11)
    table = pd.read_csv(output.folder / "predictions.csv")
    for method in ("equal", "ols"):
        rows = table.loc[table["method"] == method]
        for column in ("mean", "sd", "q025", "q50", "q975"):
            np.testing.assert_allclose(found["laws"][method][column], rows[column], rtol=6e-5)
    values = pd.read_csv(output.folder / "model_values.csv").query("model == 'b'")
    np.testing.assert_allclose(found["values"][1], values["model_value"], rtol=6e-5)
    weights = pd.read_csv(output.folder / "weights.csv").query("method == 'ols'")
    means = [column[0] for column in found["weights"]["ols"]["mean"]]
    np.testing.assert_allclose(means, weights["mean"].iloc[:3], atol=6e-5)


def test_where_nothing_is_mixed_the_single_models_are_shown(tmp_path):
    study = write_study(tmp_path)
    table = pd.read_csv(tmp_path / "table.csv")
    table.loc[[0, 33, 45], "b"] = np.nan
    table.to_csv(tmp_path / "table.csv", index=False)
    assert run_study(study, tmp_path / "out", "--only", "raw") == 0
    output = read_output(tmp_path / "out")
    found = explorer(output, opening(output))
    assert [(m["name"], m["model"]) for m in found["methods"]] == [
        ("raw:a", 0), ("raw:b", 1), ("raw:c", 2),
    ]  # fmt: skip
    law, value = found["laws"]["raw:b"]["mean"], found["values"][1]
    assert [i for i, mean in enumerate(law) if mean is None] == [0, 33, 45]
    known = [i for i, v in enumerate(value) if v is not None]
    np.testing.assert_allclose([law[i] for i in known], [value[i] for i in known], rtol=6e-5)
    first = min(output.numbers["ranking"], key=lambda r: (r["score"] != "log_score", r["rank"]))
    assert found["main"] == f"raw:{first['model']}"
    assert output.main.label in {tile.value for tile in tiles(output)}
    assert "each by itself, none combined" in sentence(output)
    assert [bool(p.svg) for p in predictions(output, opening(output))] == [True, True]
    assert residuals(output)
    assert calibration(output)


def test_maps_lie_as_the_study_says(output):
    found = explorer(output, opening(output))
    assert [found["coords"][c]["name"] for c in found["axes"]] == ["z", "x"]
    assert found["coords"][0]["lines"] == [0.5]
    assert output.axes == ["z", "x"]


def test_what_is_packed_is_read_back_and_holds_no_markup():
    content = {"name": "</script><b>", "values": [1.5, None]}
    text = as_text(content)
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", text)
    assert json.loads(gzip.decompress(base64.b64decode(text))) == content
    assert as_text(content) == text


def test_lines_of_the_score_table_are_in_order_of_the_log_score(output):
    lines = score_lines(output, "test", reference(output.numbers))
    scores = [line.row["log_score"] for line in lines]
    assert scores == sorted(scores, reverse=True)
    first = next(line for line in lines if line.rank and line.rank["rank"] == 1)
    assert first.near
    for line in lines:
        for cell in line.cells:
            value, low, high = cell.at
            assert 0 <= low <= value <= high <= 100
            assert cell.value == line.row[cell.score]


def test_skill_is_against_one_method_on_every_split(output):
    scores = pd.read_csv(output.folder / "scores.csv").query("weights == 'field'")
    scores = scores.set_index(["split", "method"])["crps"]
    rows = [row for row in output.numbers["scores"] if row["weights"] == "field"]
    other = next(row for row in rows if row["method"] == "ols")
    for split in ("test", "train"):
        kept = [k for k in score_lines(output, split, other) if k.row["weights"] == "field"]
        lines = {line.row["method"]: line.skill for line in kept}
        assert lines["ols"] == 0
        wanted = 1 - scores[split, "equal"] / scores[split, "ols"]
        assert lines["equal"] == pytest.approx(wanted, rel=1e-6)
