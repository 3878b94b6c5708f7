"""Options of methods by name: what each has, and what no part of it would use."""

import numpy as np
import pandas as pd
import pytest

from dirimix.estimators.fitted import _rows_used
from dirimix.estimators.latent.build import Parts
from dirimix.methods import _OF_PARTS, parse_method


@pytest.mark.parametrize(
    ("name", "has"),
    [
        ("raw+delta", {"delta_scale"}),
        ("gbmm-d+delta", {"delta_scale", "alpha_scale"}),
        ("gbmm-d+contrast", {"contrast_scale", "alpha_scale"}),
        ("lbmm-lgp+delta", {"delta_scale"}),
        ("lbmm-lgp+contrast", {"contrast_scale"}),
        ("signed-gp+delta", {"delta_scale", "components"}),
    ],
)
def test_a_discrepancy_has_the_options_of_its_parts_alone(name, has):
    method = parse_method(name).method
    assert method.options().keys() & _OF_PARTS.keys() == has
    # of any noise, by default local with heavy tails, whatever the method without it has
    assert (method.options()["noise"], method.options()["tails"]) == ("local", "student")
    built = method.build(("x",), ("a", "b"), {}, 0)
    for member in built.values():
        for unused in _OF_PARTS.keys() - has:
            assert member.get_params()[unused] == getattr(Parts, unused)


@pytest.mark.parametrize(
    ("name", "rows"),
    [("gbmm-d", 50), ("gbmm-d+delta", 50), ("lbmm-lgp", 60), ("lbmm-lgp+delta", 60)],
)
def test_the_rows_that_a_fit_uses_are_counted_as_it_takes_them(name, rows):
    frame = pd.DataFrame({"x": np.arange(60.0), "a": np.arange(60.0), "b": np.arange(60.0)})
    frame.loc[:9, "a"] = np.nan
    assert _rows_used(parse_method(name).method.build(("x",), ("a", "b"), {}, 0)[""], frame) == rows
