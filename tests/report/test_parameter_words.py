"""What readers are told of parameters: words and labels, not names of the code."""

import json
import re
import shutil

import pytest

from dirimix.assess.schema import in_words, parameter_label
from dirimix.cli.main import main

LABELS = {"a": "Model (A)", "x": "longitude"}
REASON = "rhat above 1.01 for 2 of 9 quantities (worst gamma[a]: 1.5)"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sigma", "noise"),
        ("rho[x]", "length scale (longitude)"),
        ("beta[a, x]", "coefficient (Model (A), longitude)"),
        ("beta[a, 1]", "coefficient (Model (A), constant)"),
        ("weights_eta[a]", "amplitude of the weights (Model (A))"),
        ("field_weight[x=1, z=2, a]", "weight (x=1, z=2, Model (A))"),
        ("of another program[a]", "of another program[a]"),
    ],
)
def test_parameters_have_words_and_labels(name, words):
    assert parameter_label(name, LABELS) == words


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("a: ess_bulk below 400 (worst sigma: 8e-05)",
         "Model (A): ess_bulk below 400 (worst noise: 8e-05)"),
        ("draws of 2 quantities are no finite number (first eta[a])",
         "draws of 2 quantities are no finite number (first amplitude (Model (A)))"),
        ("2 of 9: (worst eta[a]: 1.2); more (worst b[c]: 2)",
         "2 of 9: (worst amplitude (Model (A)): 1.2); more (worst b[c]: 2)"),
        ("energy fraction 0.2", "energy fraction 0.2"),
    ],
)  # fmt: skip
def test_reasons_name_models_and_parameters_in_words(reason, words):
    assert in_words(reason, LABELS) == words


def test_no_name_of_the_code_is_on_the_page(unconverged, tmp_path):
    folder = shutil.copytree(unconverged, tmp_path / "out")
    numbers = json.loads((folder / "scores.json").read_text())
    numbers["data"]["labels"] |= LABELS
    numbers["unconverged"] = {"lbmm-gpd of blocks": [REASON]}
    for row in (*numbers["methods"], *numbers["sampling"]):
        if not row["converged"]:
            row["reasons"] = [REASON] if isinstance(row["reasons"], list) else REASON
    line = {"method": "lbmm-gpd", "prior": "gamma", "parameter": "mean_weight[a]",
            "prior_sensitivity": 0.5, "likelihood_sensitivity": 0.1, "reading": "–"}  # fmt: skip
    numbers["sensitivity"] = [line]
    (folder / "scores.json").write_text(json.dumps(numbers))
    assert main(["report", str(folder), "--quiet"]) == 0
    text = re.sub(r"<[^>]*>", " ", (folder / "report.html").read_text())
    assert text.count("(worst far field (Model (A)): 1.5)") == 2  # one of the banner, one of Checks
    assert re.search(r"far field\s+mean weight \(Model \(A\)\)", text)
    assert not re.search(r"gamma\[|mean_weight", text)
