"""LBMM+GPD against a second sampler and a second, independently written model.

The second model is written in plain NumPyro and sampled by its NUTS: a dense Cholesky factor, and
the weights of two models integrated out by the trapezoid rule. (The textbook form, with a simplex
at every site, does not converge even on eight sites.) Means of all hyperparameters and field
weights must agree within 4.5 Monte Carlo standard errors; ours with another noise prior must not.

Writes `second-sampler.csv` to this folder.
"""

import sys
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from arviz_stats.base.array import array_stats
from jax.scipy.special import gammaln, logsumexp

FOLDER = Path(__file__).parent
N, MODELS, CHAINS = 12, ["p", "q"], 4
LENGTHS = (2.0, 8.0)  # 98 % of the prior mass of the length scale
ERROR, LIMIT = 0.2, 4.5


def table() -> pd.DataFrame:
    """Twelve sites on a line; one model is right on the left, the other on the right."""
    rng = np.random.default_rng(5)
    x = np.linspace(0, 10, N)
    y = np.sin(x / 2) + rng.normal(0, 0.4, N)
    return pd.DataFrame(
        {"a": x, "p": np.sin(x / 2) + 0.3 * (x - 2), "q": np.sin(x / 2) + 0.3 * (x - 8), "y": y}
    )


def ours(data: pd.DataFrame, y_scale: float) -> dict[str, np.ndarray]:
    """Draws by name, (chains, draws) each."""
    from dirimix import LocalDirichletMixture

    mixture = LocalDirichletMixture(
        ["a"], MODELS, length_scale=[LENGTHS], draws=4000, y_scale=y_scale, random_state=1
    ).fit(data, data["y"], np.full(N, ERROR))
    posterior = mixture.posterior_["posterior"].to_dataset()
    arrays = {n: posterior[n].to_numpy() for n in ("rho", "eta", "gamma", "sigma")}
    return _scalars(arrays | {"field weight": posterior["field_weight"].to_numpy()[..., 0]})


def second(data: pd.DataFrame) -> dict[str, np.ndarray]:
    """Draws by name, (chains, draws) each."""
    import numpyro
    from numpyro import distributions as dist
    from numpyro.infer import MCMC, NUTS

    numpyro.set_host_device_count(CHAINS)
    numpyro.enable_x64()
    x, f, y = (data[c].to_numpy() for c in ("a", MODELS, "y"))
    square = jnp.asarray((x[:, None] - x) ** 2)
    low, high = np.log(LENGTHS)
    spread = (high - low) / (2 * 2.3263478740408408)  # the 99 % point of a standard normal
    # the logit of the weight, dense at 0 and reaching far for small concentrations
    u = np.linspace(-9, 9, 601)
    logit, log_step = 2 * np.sinh(u), np.log(2 * np.cosh(u) * (u[1] - u[0]))
    log_w, log_rest = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
    mean = np.exp(log_w) * f[:, :1] + np.exp(log_rest) * f[:, 1:]

    def model() -> None:
        rho = numpyro.sample("rho", dist.LogNormal((low + high) / 2, spread).expand([1]))
        eta = numpyro.sample("eta", dist.Gamma(2, 2).expand([2]))
        gamma = numpyro.sample("gamma", dist.Normal(0, 1).expand([2]))
        sigma = numpyro.sample("sigma", dist.Gamma(5, 10))
        kernel = jnp.exp(-0.5 * square / rho**2) + 1e-8 * jnp.eye(N)
        z = numpyro.sample("z", dist.Normal(0, 1).expand([N, 2]))
        alpha = jnp.exp(gamma + eta * (jnp.linalg.cholesky(kernel) @ z))
        numpyro.deterministic("field weight", alpha[:, 0] / alpha.sum(axis=1))
        log_beta = jnp.sum(gammaln(alpha), axis=1) - gammaln(alpha.sum(axis=1))
        log_prior = alpha[:, :1] * log_w + alpha[:, 1:] * log_rest - log_beta[:, None]
        log_normal = dist.Normal(mean, jnp.sqrt(sigma**2 + ERROR**2)).log_prob(y[:, None])
        numpyro.factor("y", jnp.sum(logsumexp(log_prior + log_normal + log_step, axis=1)))

    sampler = MCMC(
        NUTS(model, target_accept_prob=0.95),
        num_warmup=1000, num_samples=4000, num_chains=CHAINS, progress_bar=False,
    )  # fmt: skip
    sampler.run(jax.random.key(2))
    drawn = {n: np.asarray(v) for n, v in sampler.get_samples(group_by_chain=True).items()}
    return _scalars({n: drawn[n] for n in ("rho", "eta", "gamma", "sigma", "field weight")})


def _scalars(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    found = {}
    for name, values in arrays.items():
        flat = values.reshape(*values.shape[:2], -1)
        for i in range(flat.shape[-1]):
            found[f"{name}[{i}]" if flat.shape[-1] > 1 else name] = flat[..., i]
    return found


def _mean(draws: np.ndarray) -> tuple[float, float, float]:
    """Mean, its Monte Carlo standard error, and R-hat."""
    size = float(np.asarray(array_stats.ess(draws, chain_axis=0, draw_axis=1, method="mean")))
    rhat = float(np.asarray(array_stats.rhat(draws, chain_axis=0, draw_axis=1, method="rank")))
    return float(draws.mean()), float(draws.std() / np.sqrt(size)), rhat


def compare(first: dict, other: dict) -> pd.DataFrame:
    """One row a quantity: both means with their errors, and the distance in those."""
    rows = []
    for name, draws in other.items():
        (mean, error, rhat), (its, its_error, its_rhat) = _mean(first[name]), _mean(draws)
        z = (mean - its) / np.hypot(error, its_error)
        rows.append((name, mean, error, rhat, its, its_error, its_rhat, z))
    columns = "quantity,ours,error,rhat,second,second_error,second_rhat,z".split(",")
    return pd.DataFrame(rows, columns=pd.Index(columns))


def main() -> int:
    """Compare; 1 if the two disagree or have not converged, or another prior goes unnoticed."""
    warnings.simplefilter("ignore")
    data = table()
    other = second(data)
    found = compare(ours(data, y_scale=1.0), other)
    found.to_csv(FOLDER / "second-sampler.csv", index=False, float_format="%.4g")
    control = compare(ours(data, y_scale=1.5), other)
    largest, of_control = (np.nanmax(np.abs(t["z"].to_numpy())) for t in (found, control))
    print(found.round(3).to_string(index=False))
    print(f"largest |z| {largest:.2f}; with another noise prior {of_control:.2f}")
    mixed = np.nanmax(found[["rhat", "second_rhat"]].to_numpy()) <= 1.01
    return int(largest > LIMIT or of_control < LIMIT or not mixed)


if __name__ == "__main__":
    sys.exit(main())
