"""LBMM+GPD by our sampler and in the textbook form, with the same priors.

The textbook form has a simplex a site and a dense Cholesky factor a gradient, sampled by the
library's own NUTS with its defaults. Each gives draws of the hyperparameters and of the field
weights at the training sites.
"""

import time
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from dirimix import LocalDirichletMixture
from dirimix.estimators.fields.length_scale import LengthScalePrior
from dirimix.table.selection import observed
from dirimix.table.space import Space
from dirimix.table.table import Table

CHAINS = 4


@dataclass(frozen=True)
class Drawn:
    """What a sampler gave, and at what cost.

    Attributes:
        hyper: (chains, draws, h).
        weights: (chains, draws, n * K).
        divergences: Draws whose trajectory diverged.
        gradients: Of the draws, warm-up apart.
        seconds: Wall time, warm-up and compilation included.
    """

    hyper: np.ndarray
    weights: np.ndarray
    divergences: int
    gradients: int
    seconds: float


def ours(table: Table, draws: int, warmup: int, seed: int) -> Drawn:
    """The product's defaults, but for the numbers of iterations."""
    mixture = LocalDirichletMixture(
        table.coords, table.models, chains=CHAINS, draws=draws, warmup=warmup, random_state=seed
    )
    frame = np.column_stack([table.x, table.f])
    begun = time.perf_counter()
    mixture.fit(_framed(frame, table), observed(table), table.y_err)
    seconds = time.perf_counter() - begun
    draws_of, stats = (mixture.posterior_[g].to_dataset() for g in ("posterior", "sample_stats"))
    hyper = [draws_of[n].to_numpy().reshape(CHAINS, draws, -1) for n in ("rho", "eta", "gamma")]
    hyper.append(draws_of["sigma"].to_numpy()[..., None])
    return Drawn(
        np.concatenate(hyper, axis=2),
        draws_of["field_weight"].to_numpy().reshape(CHAINS, draws, -1),
        int(stats["diverging"].sum()),
        int(stats["n_steps"].sum()),
        seconds,
    )


def _framed(values: np.ndarray, table: Table) -> pd.DataFrame:
    return pd.DataFrame(values, columns=pd.Index([*table.coords, *table.models]))


def textbook_numpyro(table: Table, draws: int, warmup: int, seed: int) -> Drawn:
    """The textbook form in NumPyro."""
    import numpyro
    from numpyro import distributions as dist
    from numpyro.infer import MCMC, NUTS

    numpyro.set_host_device_count(CHAINS)
    numpyro.enable_x64()
    prior = LengthScalePrior.of_sites(table.x, Space(table.coords))
    x, (n, count) = jnp.asarray(table.x), table.f.shape

    def model() -> None:
        length = numpyro.sample("length", dist.Normal(0, 1).expand([x.shape[1]]).to_event(1))
        eta = numpyro.sample("eta", dist.Gamma(2, 2).expand([count]).to_event(1))
        gamma = numpyro.sample("gamma", dist.Normal(0, 1).expand([count]).to_event(1))
        sigma = numpyro.sample("sigma", dist.Gamma(5, 10))
        rho = jnp.exp(prior.location + prior.spread * length)
        scaled = x / rho
        square = jnp.sum((scaled[:, None] - scaled[None]) ** 2, axis=-1)
        factor = jnp.linalg.cholesky(jnp.exp(-0.5 * square) + 1e-6 * jnp.eye(n))
        z = numpyro.sample("z", dist.Normal(0, 1).expand([n, count]).to_event(2))
        alpha = jnp.exp(gamma + eta * (factor @ z))
        numpyro.deterministic("field_weight", alpha / alpha.sum(axis=1, keepdims=True))
        w = numpyro.sample("w", dist.Dirichlet(alpha).to_event(1))
        noise = jnp.sqrt(sigma**2 + table.y_err**2)
        numpyro.sample("y", dist.Normal(jnp.sum(w * table.f, axis=1), noise), obs=table.y)

    sampler = MCMC(
        NUTS(model), num_warmup=warmup, num_samples=draws, num_chains=CHAINS, progress_bar=False
    )
    begun = time.perf_counter()
    sampler.run(jax.random.key(seed), extra_fields=("num_steps", "diverging"))
    found = {k: np.asarray(v) for k, v in sampler.get_samples(group_by_chain=True).items()}
    seconds = time.perf_counter() - begun
    extra = sampler.get_extra_fields()
    names = ("length", "eta", "gamma", "sigma")
    return Drawn(
        np.concatenate([found[k].reshape(CHAINS, draws, -1) for k in names], axis=2),
        found["field_weight"].reshape(CHAINS, draws, -1),
        int(np.sum(extra["diverging"])),
        int(np.sum(extra["num_steps"])),
        seconds,
    )


def textbook_pymc(table: Table, draws: int, warmup: int, seed: int) -> Drawn:
    """The same in PyMC."""
    import pymc as pm
    import pytensor.tensor as pt

    prior, (n, count) = LengthScalePrior.of_sites(table.x, Space(table.coords)), table.f.shape
    begun = time.perf_counter()
    with pm.Model():
        length = pm.Normal("length", 0, 1, shape=table.x.shape[1])
        eta = pm.Gamma("eta", 2, 2, shape=count)
        gamma = pm.Normal("gamma", 0, 1, shape=count)
        sigma = pm.Gamma("sigma", 5, 10)
        scaled = table.x / pt.exp(prior.location + prior.spread * length)
        square = pt.sum((scaled[:, None] - scaled[None]) ** 2, axis=-1)
        factor = pt.linalg.cholesky(pt.exp(-0.5 * square) + 1e-6 * np.eye(n))
        alpha = pt.exp(gamma + eta * (factor @ pm.Normal("z", 0, 1, shape=(n, count))))
        pm.Deterministic("field_weight", alpha / pt.sum(alpha, axis=1, keepdims=True))
        w = pm.Dirichlet("w", a=alpha, shape=(n, count))
        noise = pt.sqrt(sigma**2 + table.y_err**2)
        pm.Normal("y", pt.sum(w * table.f, axis=1), noise, observed=table.y)
        sampled = pm.sample(
            draws, tune=warmup, chains=CHAINS, cores=2, random_seed=seed, progressbar=False,
            compute_convergence_checks=False, mp_ctx="spawn",
        )  # fmt: skip
    seconds = time.perf_counter() - begun
    found, stats = sampled["posterior"], sampled["sample_stats"]
    names = ("length", "eta", "gamma", "sigma")
    return Drawn(
        np.concatenate([found[k].to_numpy().reshape(CHAINS, draws, -1) for k in names], axis=2),
        found["field_weight"].to_numpy().reshape(CHAINS, draws, -1),
        int(stats["diverging"].sum()),
        int(stats["n_steps"].sum()),
        seconds,
    )


SAMPLERS = {"ours": ours, "textbook NumPyro": textbook_numpyro, "textbook PyMC": textbook_pymc}
