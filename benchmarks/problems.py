"""The tables that samplers are compared on."""

import numpy as np
import pandas as pd

from dirimix.study.load import load_split_table
from dirimix.study.spec import DataChoice
from dirimix.table.table import Table, make_table


def small() -> Table:
    """60 scattered sites and 3 models, each of them right in its own region of the plane."""
    rng = np.random.default_rng(60)
    x = rng.uniform(0, 10, (60, 2))
    truth = np.sin(x[:, 0] / 2) + 0.2 * x[:, 1]
    bias = np.column_stack([0.3 * (x[:, 0] - 2), 0.3 * (x[:, 0] - 8), 0.4 * (x[:, 1] - 5)])
    frame = pd.DataFrame(
        np.column_stack([x, truth[:, None] + bias]), columns=pd.Index(["a", "b", "p", "q", "r"])
    )
    y = truth + rng.normal(0, 0.2, 60)
    return make_table(frame, ("a", "b"), ("p", "q", "r"), y, fitting=True)


def paper() -> Table:
    """The 513 nuclei of studies/nuclear-s2n.toml with nine mass models."""
    problem = load_split_table(DataChoice("data:nuclear-s2n", rows="complete"), seed=0)
    rows = problem.parts["train"]
    return make_table(rows.frame, problem.coords, problem.models, rows.y, rows.y_err, fitting=True)


PROBLEMS = {"60 x 3": small, "513 x 9": paper}
