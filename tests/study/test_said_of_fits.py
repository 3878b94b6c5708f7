"""What a fit warns of is said by the commands, and kept with its result."""

import json

import numpy as np
import pandas as pd
import pytest

from dirimix.cli.main import main


def table(n):
    x = np.linspace(0, 1, n)
    a, b = 10 + np.sin(6 * x), 10 + np.cos(6 * x)
    noise = np.random.default_rng(0).normal(0, 0.05, n) * (n > 2)
    return pd.DataFrame({"x": x, "a": a, "b": b, "y": 0.3 * a + 0.7 * b + noise})


@pytest.mark.parametrize(
    ("method", "rows", "options", "words"),
    [
        ("simplex-ls", 2, (), "warning: the weights of 2 models fit all 2 rows exactly"),
        (
            "gbmm-l",
            30,
            ("--chains", "2", "--draws", "20", "--warmup", "40", "--min-ess", "0"),
            "warning: weights that are made to sum to one move the predictions of gbmm-l",
        ),
        ("auto", 40, ("--option", 'candidates=["equal", "simplex-ls"]'), "was fitted to all 40"),
    ],
)
def test_warnings_of_a_fit_reach_its_user(tmp_path, capsys, method, rows, options, words):
    given = table(rows)
    if method == "gbmm-l":
        given["y"] *= 0.4
    given.to_csv(tmp_path / "t.csv", index=False)
    argv = ["fit", str(tmp_path / "t.csv"), "--target", "y", "--coords", "x", "--models", "a,b"]
    argv += ["--method", method, "--out", str(tmp_path / "out"), "--allow-unconverged", *options]
    assert main(argv) == 0
    said = capsys.readouterr().err
    assert said.count(words) == 1
    kept = json.loads((tmp_path / "out/manifest.json").read_text())["methods"][method]["warnings"]
    assert [words.removeprefix("warning: ") in line for line in kept].count(True) == 1
