"""Options by which every mixture is fitted in a moment, by class: its answers mean nothing."""

from typing import Any

SHORT: dict[str, Any] = {"chains": 1, "draws": 8, "warmup": 20, "min_ess": 0}
OPTIONS: dict[str, dict[str, Any]] = {
    "BayesianModelAveraging": {},
    "DirichletMixture": SHORT,
    "EqualWeights": {},
    "LatentMixture": {"weights": "simplex", "noise": "constant", **SHORT},
    "LinearMixture": SHORT,
    "LocalDirichletMixture": {"field": "linear", **SHORT},
    "OrdinaryLeastSquares": {},
    "RidgeStacking": {"n_draws": 20},
    "SimplexLeastSquares": {},
    "SingleModel": {"model": "a"},
    "StackedMixture": {"candidates": ["equal", "simplex-ls"], "regions": 2},
}
