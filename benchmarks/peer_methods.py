"""What other packages predict, in an environment of their own, which has no dirimix.

    PYTHON peer_methods.py NAME TABLE.npz OUT.npz SEED

`benchmarks/peers.py` calls it. A table has `f`, `x`, `y`, `u` of the training rows and `f_new`,
`x_new`, `u_new` of those to predict. A peer's law is a mixture of normals, `loc` and `scale`,
(c, m), and `weight`, (c,) or (c, m), with the errors of the new observations in the scale; a peer
that gives intervals only has `lower` and `upper`, (m,), of 90 %.
"""

import importlib.metadata
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
_KEPT = 500  # draws


def _pybmc(table: Arrays, seed: int, constraint: str, error_model: str) -> Arrays:
    """Weights by the SVD of the models' deviations, all of whose components are kept."""
    import pandas as pd
    from pybmc import BayesianModelCombination

    names = [f"m{k}" for k in range(table["f"].shape[1])]
    frame = pd.DataFrame(table["f"], columns=pd.Index(names)).assign(truth=table["y"])
    bmc = BayesianModelCombination(
        names, {"y": frame}, "truth", constraint=constraint, error_model=error_model
    )
    bmc.orthogonalize("y", frame, components_kept=min(len(names) - 1, len(frame)))
    bmc.train({"seed": seed})
    sampled: Any = bmc.samples
    chosen = np.linspace(0, len(sampled) - 1, _KEPT).astype(int)
    draws, count = sampled[chosen], bmc.Vt_hat.shape[0]
    weights = draws[:, :count] @ bmc.Vt_hat + 1 / len(names)
    basis = _basis(bmc, table["f_new"], error_model)
    scale = np.sqrt(np.maximum(draws[:, count:] @ basis.T, 1e-12))
    return _draws(weights @ table["f_new"].T, scale, table)


def _basis(bmc: object, f: np.ndarray, error_model: str) -> np.ndarray:
    """What the variance is linear in, (m, p), as `predict` takes it."""
    from pybmc.error_models import VARIANCE_MODELS, variance_basis

    terms = VARIANCE_MODELS[error_model]
    calculator = getattr(bmc, "_metrics_calculator", None)
    return (
        np.ones((len(f), 1)) if calculator is None else variance_basis(calculator.compute(f), terms)
    )


def _draws(loc: np.ndarray, scale: np.ndarray, table: Arrays) -> Arrays:
    scale = np.hypot(np.broadcast_to(scale, loc.shape), table["u_new"])
    return {"loc": loc, "scale": scale, "weight": np.full(len(loc), 1 / len(loc))}


def _held_out(make: Callable[[], Any], table: Arrays, seed: int) -> tuple[Any, float]:
    """A fitted regressor, and the rms of its residuals in ten folds."""
    from sklearn.model_selection import KFold, cross_val_predict

    folds = KFold(10, shuffle=True, random_state=seed)
    predicted = cross_val_predict(make(), table["f"], table["y"], cv=folds)
    fitted = make().fit(table["f"], table["y"])
    return fitted, float(np.sqrt(np.mean((predicted - table["y"]) ** 2)))


def _sklearn_stacking(table: Arrays, seed: int) -> Arrays:
    """Cross-validated ridge regression on the models, as scikit-learn's stacking ends with."""
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def make() -> Any:
        return make_pipeline(StandardScaler(), RidgeCV(np.geomspace(1e-3, 1e3, 13)))

    fitted, sigma = _held_out(make, table, seed)
    mean = fitted.predict(table["f_new"])
    return _draws(mean[None], np.full((1, 1), sigma), table | {"u_new": np.zeros(len(mean))})


def _sklearn_gp(table: Arrays, seed: int) -> Arrays:
    """A Gaussian process over the coordinates of what the models' mean leaves."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    centre, spread = table["x"].mean(axis=0), table["x"].std(axis=0)
    x, new = ((table[n] - centre) / np.where(spread > 0, spread, 1) for n in ("x", "x_new"))
    lengths: Any = np.ones(x.shape[1])
    kernel = ConstantKernel(1.0) * RBF(lengths) + WhiteKernel(0.1)
    process = GaussianProcessRegressor(
        kernel, normalize_y=True, n_restarts_optimizer=2, random_state=seed
    )
    process.fit(x, table["y"] - table["f"].mean(axis=1))
    answer: Any = process.predict(new, return_std=True)
    mean, sd = answer
    return _draws((table["f_new"].mean(axis=1) + mean)[None], sd[None], table)


def _single_models(table: Arrays, seed: int) -> tuple[dict[str, Any], np.ndarray]:
    """Each model with normal noise of unknown size, as ArviZ takes it, and some of the sizes."""
    import arviz as az

    rng, n = np.random.default_rng(seed), len(table["y"])
    fits, sizes = {}, []
    for k in range(table["f"].shape[1]):
        d = table["y"] - table["f"][:, k]
        sigma = np.sqrt(np.sum(d**2) / rng.chisquare(n, (4, _KEPT)))  # flat in log sigma
        fit = -0.5 * (d / sigma[..., None]) ** 2 - np.log(sigma * np.sqrt(2 * np.pi))[..., None]
        fits[str(k)] = az.from_dict({"sigma": sigma}, log_likelihood={"y": fit})
        sizes.append(sigma.ravel()[:: 4 * _KEPT // 100])
    return fits, np.array(sizes)


def _weighted(table: Arrays, sizes: np.ndarray, weights: np.ndarray) -> Arrays:
    """The laws of the single models with these weights, (K,) or (K, m)."""
    count = sizes.shape[1]
    loc = np.repeat(table["f_new"].T, count, axis=0)
    weight = np.repeat(weights, count, axis=0)
    return _draws(loc, sizes.reshape(-1, 1), table) | {"weight": weight / weight.sum(axis=0)}


def _arviz_stacking(table: Arrays, seed: int) -> Arrays:
    """`arviz.compare` stacks the single models."""
    import arviz as az

    fits, sizes = _single_models(table, seed)
    compared: Any = az.compare(fits, ic="loo", method="stacking")
    found = compared["weight"].to_dict()
    return _weighted(table, sizes, np.array([found[name] for name in fits]))


def _bayesblend(table: Arrays, seed: int, kind: str) -> Arrays:
    """Weights of the single models from their leave-one-out densities, as ArviZ finds them."""
    import arviz as az
    import bayesblend

    fits, sizes = _single_models(table, seed)
    loo: dict[str, Any] = {k: az.loo(fit, pointwise=True) for k, fit in fits.items()}
    lpd = {k: found.loo_i.to_numpy() for k, found in loo.items()}
    options = {} if kind == "MleStacking" else {"seed": seed}
    found = getattr(bayesblend, kind).from_lpd(lpd, **options).fit().weights
    return _weighted(table, sizes, np.array([found[name].item() for name in fits]))


def _taweret_trees(table: Arrays, seed: int) -> Arrays:
    """Weights of all models by sums of trees over the coordinates, not bound to a simplex."""
    del seed  # OpenBT takes none
    from peer_taweret import trees

    loc, scale = trees(table)
    chosen = np.linspace(0, len(loc) - 1, _KEPT).astype(int)
    return _draws(loc[chosen], scale[chosen], table)


def _taweret_pair(table: Arrays, seed: int) -> Arrays:
    """The laws of two models, mixed by a sigmoid of one coordinate."""
    from peer_taweret import pair

    models, errors, weights = pair(table, seed)
    return _draws(table["f_new"][:, models].T, errors[:, None], table) | {"weight": weights}


def _mapie(table: Arrays, seed: int) -> Arrays:
    """Cross-conformal intervals round the stacked regression."""
    from mapie.regression import CrossConformalRegressor
    from sklearn.linear_model import RidgeCV

    conformal = CrossConformalRegressor(
        RidgeCV(np.geomspace(1e-3, 1e3, 13)), confidence_level=0.9, cv=10, random_state=seed
    )
    conformal.fit_conformalize(table["f"], table["y"])
    _, ends = conformal.predict_interval(table["f_new"])
    return {"lower": ends[:, 0, 0], "upper": ends[:, 1, 0]}


PEERS: dict[str, tuple[str, Callable[[Arrays, int], Arrays]]] = {
    "pybmc": ("pybmc", lambda t, s: _pybmc(t, s, "unconstrained", "homoscedastic")),
    "pybmc-simplex": ("pybmc", lambda t, s: _pybmc(t, s, "simplex", "homoscedastic")),
    "pybmc-heteroscedastic": (
        "pybmc",
        lambda t, s: _pybmc(t, s, "unconstrained", "hetero_combined_linear"),
    ),
    "arviz-stacking": ("arviz", _arviz_stacking),
    "bayesblend-mle": ("bayesblend", lambda t, s: _bayesblend(t, s, "MleStacking")),
    "bayesblend-pseudo-bma": ("bayesblend", lambda t, s: _bayesblend(t, s, "PseudoBma")),
    "taweret-trees": ("taweret", _taweret_trees),
    "taweret-pair": ("taweret", _taweret_pair),
    "sklearn-stacking": ("scikit-learn", _sklearn_stacking),
    "sklearn-gp": ("scikit-learn", _sklearn_gp),
    "mapie": ("mapie", _mapie),
}


def main() -> None:
    """Fit one peer to one table."""
    name, source, target, seed = sys.argv[1:]
    package, predict = PEERS[name]
    with np.load(source) as file:
        table = {key: file[key] for key in file.files}
    begun = time.perf_counter()
    found = predict(table, int(seed))
    np.savez(
        target,
        allow_pickle=False,
        **found,
        seconds=time.perf_counter() - begun,
        version=np.array(f"{package} {importlib.metadata.version(package)}"),
    )


if __name__ == "__main__":
    main()
