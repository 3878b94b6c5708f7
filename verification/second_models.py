"""The models of `second_sampler.py`, each written a second time in plain NumPyro.

A dense Cholesky factor, NUTS, and nothing of dirimix: the weights of two models integrated out by
the trapezoid rule (the textbook form, with a simplex at every site, does not converge even on eight
sites), smooth weights as a softmax, priors as the documentation states them.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import pandas as pd
from jax import Array
from jax.scipy.special import gammaln, logsumexp
from numpyro import distributions as dist
from numpyro.infer import MCMC, NUTS

CHAINS = 4
DEGREES = 4.0  # of Student's t
_JITTER = 1e-8
_NINETY_NINE = 2.3263478740408408  # point of a standard normal

numpyro.set_host_device_count(CHAINS)
numpyro.enable_x64()


def draw(model: Callable[[], None], names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Draws by name, (chains, draws, ...) each."""
    sampler = MCMC(
        NUTS(model, target_accept_prob=0.95),
        num_warmup=1000, num_samples=4000, num_chains=CHAINS, progress_bar=False,
    )  # fmt: skip
    sampler.run(jax.random.key(2))
    drawn = sampler.get_samples(group_by_chain=True)
    return {n: np.asarray(drawn[n]) for n in names}


def _length(name: str, low: float, high: float) -> Any:
    """A length scale with 98 % of its prior's mass between two."""
    middle, half = (np.log(low) + np.log(high)) / 2, (np.log(high) - np.log(low)) / 2
    return numpyro.sample(name, dist.LogNormal(middle, half / _NINETY_NINE).expand([1]))


def _processes(name: str, x: np.ndarray, rho: Any, count: int) -> Array:
    """Gaussian processes of unit variance, (n, count)."""
    kernel = jnp.exp(-0.5 * ((x[:, None] - x) / rho) ** 2) + _JITTER * jnp.eye(len(x))
    z = numpyro.sample(name, dist.Normal(0, 1).expand([len(x), count]))
    return jnp.linalg.cholesky(kernel) @ z


def local_dirichlet(
    data: pd.DataFrame, models: list[str], error: float, lengths: tuple[float, float]
) -> Callable[[], None]:
    """LBMM+GPD with two models, over the column `a`."""
    x, f, y = (data[c].to_numpy() for c in ("a", models, "y"))
    # the logit of the weight, dense at 0 and reaching far for small concentrations
    u = np.linspace(-9, 9, 601)
    logit, log_step = 2 * np.sinh(u), np.log(2 * np.cosh(u) * (u[1] - u[0]))
    log_w, log_rest = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
    mean = np.exp(log_w) * f[:, :1] + np.exp(log_rest) * f[:, 1:]

    def model() -> None:
        rho = _length("rho", *lengths)
        eta = numpyro.sample("eta", dist.Gamma(2, 2).expand([2]))
        gamma = numpyro.sample("gamma", dist.Normal(0, 1).expand([2]))
        sigma = numpyro.sample("sigma", dist.Gamma(5, 10))
        alpha = jnp.exp(gamma + eta * _processes("z", x, rho, 2))
        numpyro.deterministic("field_weight", alpha[:, 0] / alpha.sum(axis=1))
        log_beta = jnp.sum(gammaln(alpha), axis=1) - gammaln(alpha.sum(axis=1))
        log_prior = alpha[:, :1] * log_w + alpha[:, 1:] * log_rest - log_beta[:, None]
        log_normal = dist.Normal(mean, jnp.sqrt(sigma**2 + error**2)).log_prob(y[:, None])
        numpyro.factor("y", jnp.sum(logsumexp(log_prior + log_normal + log_step, axis=1)))

    return model


def smooth_weights(data: pd.DataFrame, models: list[str], error: float) -> Callable[[], None]:
    """Smooth weights with a discrepancy and local Student's t noise, over the column `a`."""
    x, f, y = (data[c].to_numpy() for c in ("a", models, "y"))
    count, extent = len(models), np.ptp(x)
    spacing = extent / len(x)
    short, long = min(2 * spacing, extent / 12), extent / 6
    spread = f.std(axis=1)
    covariate = np.log(np.hypot(spread / spread.mean(), 0.03))
    covariate -= covariate.mean()

    def model() -> None:
        eta = numpyro.sample("weights_eta", dist.Gamma(2, 2).expand([count]))
        level = numpyro.sample("level", dist.Normal(0, 1.5).expand([count]))
        unit = _processes("weights_z", x, _length("weights_rho", short, long), count)
        weight = jax.nn.softmax(level + eta * unit, axis=1)
        numpyro.deterministic("field_weight", weight[:, 0])
        delta_eta = numpyro.sample("delta_eta", dist.Exponential(1.0))
        delta_rho = _length("delta_rho", min(spacing, extent / 6), extent / 3)
        delta = delta_eta * _processes("delta_z", x, delta_rho, 1)[:, 0]
        numpyro.deterministic("discrepancy", delta)
        sigma = numpyro.sample("sigma", dist.Gamma(5, 10))
        slope = numpyro.sample("slope", dist.Normal(0, 0.5))
        field = 0.6 * _processes("noise_z", x, 2 * np.sqrt(short * long), 1)[:, 0]
        noise = sigma * jnp.exp(0.5 * (slope * covariate + field))
        numpyro.deterministic("noise", noise)
        mean = jnp.sum(weight * f, axis=1) + delta
        law = dist.StudentT(DEGREES, mean, jnp.sqrt(noise**2 + error**2))
        numpyro.factor("y", jnp.sum(law.log_prob(y)))

    return model
