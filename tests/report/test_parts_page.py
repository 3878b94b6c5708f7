"""The page of what the parts gain, from tables whose numbers are known."""

import importlib
import json
import sys
from pathlib import Path

import pandas as pd
import pytest

STUDIES = Path(__file__).parents[2] / "studies"


@pytest.fixture
def parts():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(STUDIES))
        yield importlib.import_module("parts")
        for name in ("parts", "paper", "paper_findings"):
            sys.modules.pop(name, None)


def banded(name, value, half):
    return {name: value, f"{name}_lo": value - half, f"{name}_hi": value + half}


def test_the_page_has_the_numbers_of_the_test_rows_and_says_what_has_not_converged(parts, tmp_path):
    row = {"method": "lbmm-lgp", "model": "", "weights": "field", "n": 63}
    row |= banded("log_score", 0.061, 0.2) | banded("crps", 0.148, 0.03)
    row |= banded("below_median", 0.6, 0.1) | {f"coverage_{q}": q / 100 for q in parts._LEVELS}
    scores = [row | {"split": "test"}, row | {"split": "train", "log_score": 9.0}]
    sampled = {"method": "lbmm-lgp", "draws": 1750, "divergences": 0, "gradients": 877879,
               "seconds": 300.7, "converged": True, "reasons": ""}  # fmt: skip
    failed = sampled | {"method": "signed-gp", "converged": False, "reasons": "R-hat is 1.30"}
    pair = {"a": "lbmm-lgp", "b": "lbmm-gpd", "split": "test", "score": "log_score"}
    pair |= {"difference": 0.2, "lo": 0.1, "hi": 0.3}
    known = {"scores": scores, "sampling": [sampled, failed], "pairs": [pair]}
    for name, rows in known.items():
        pd.DataFrame(rows).to_csv(tmp_path / f"{name}.csv", index=False)
    manifest = {
        "seed": 1, "versions": {"dirimix": "0"}, "study": {"title": "A study"},
        "data": {"rows": {"train": 513, "test": 63}, "models": ["a", "b"]},
        "methods": {"lbmm-lgp": {"converged": True}, "signed-gp": {"converged": False}},
    }  # fmt: skip
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "scores.json").write_text('{"unconverged": {}}')
    target = tmp_path / "parts.md"
    assert parts.main([str(tmp_path), str(target)]) == 0
    text = target.read_text()
    assert f"Made by `python studies/parts.py {tmp_path} {target}`" in text
    assert "not converged: signed-gp" in text
    numbers = (
        "0.06 (-0.14 to 0.26) | 0.148 (0.118 to 0.178) | 50 / 68 / 80 / 90 / 95 | 60 (50 to 70)"
    )
    assert f"| lbmm-lgp | {numbers} |\n" in text
    assert "9.00" not in text, "the training rows' scores are not shown"
    assert "| signed-gp | no: R-hat is 1.30 | 1,750 | 0 | 877,879 | 301 |" in text
    assert "**+0.200 (+0.100 to +0.300)**" in text
