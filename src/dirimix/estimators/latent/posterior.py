"""The log joint of a mixture made of parts.

    y_i = w(x_i) . f(x_i) + sum_l c_il g_l(x_i) + s(x_i) e_i,   e_i normal or Student's t

w(x) comes from latent fields (`weights`), the sum is a discrepancy: one field with c = 1, or a
field a model along the models' contrasts. All fields are Gaussian given their hyperparameters.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dirimix.estimators.fields.exchange import exchanged
from dirimix.estimators.fields.field import Params
from dirimix.estimators.latent.group import Amplitude, FieldGroup
from dirimix.estimators.latent.noise import NoiseModel
from dirimix.estimators.latent.weights import AbstractWeights, Ensemble, SimplexWeights
from dirimix.sampling.posterior import Quantity
from dirimix.sampling.target import Target
from dirimix.table.selection import observed
from dirimix.table.table import Table

_LENGTH_SPEED = 2.0  # of length scales, which mix slowest
_EXCHANGES, _MOST = 3, 21  # tried a draw and pair of models, and at most a draw and model
_FUSED = 1000  # sites times models, from where fused loops pay for their compilation


class Data(NamedTuple):
    """What the likelihood sees of n sites; the priors know where they are, and nothing of this.

    Attributes:
        f: Values of the models, 0 where one is not known, (n, K).
        y: Observations, (n,).
        y_err: Standard deviations of their errors, (n,).
    """

    f: Any
    y: Any
    y_err: Any


@dataclass(frozen=True)
class LatentPosterior:
    """Data and parts of a mixture.

    Attributes:
        table: n training sites with y, in units of the residuals' scale.
        rule: How fields become weights; None for a single model, the table's only one.
        groups: The weights' fields, if any, then the discrepancy's, if any.
        noise: The noise.
        along: 'none', 'delta' or 'contrast': what the discrepancy is.
        sigma: Noise level of the best constant mixture.
    """

    table: Table
    rule: AbstractWeights | None
    groups: tuple[FieldGroup, ...]
    noise: NoiseModel
    along: str
    sigma: float

    @cached_property
    def ensemble(self) -> Ensemble:
        """The models at the training sites."""
        return Ensemble.of(self.table.f)

    @property
    def data(self) -> Data:
        """What its likelihood sees."""
        return Data(self.ensemble.f, observed(self.table), self.table.y_err)

    def given(self, data: Data) -> "LatentPosterior":
        """The same parts and priors with other data at the same sites, also inside a program."""
        found = replace(self, table=replace(self.table, y=data.y, y_err=data.y_err))
        # which models are known where is no part of the data
        vars(found)["ensemble"] = Ensemble(data.f, self.ensemble.known)
        return found

    @cached_property
    def factors(self) -> np.ndarray:
        """Factors c at the training sites, (n, L)."""
        return factors(self.along, self.ensemble)

    def hyper_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of the latents that the mean's fields do not hold."""
        own = [g.hyper_shapes() for g in self.groups]
        return {n: s for shapes in own for n, s in shapes.items()} | self.noise.shapes()

    def normal_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of the mean's standard normal latents."""
        return {n: s for g in self.groups for n, s in g.normal_shapes().items()}

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every latent."""
        return self.hyper_shapes() | self.normal_shapes()

    def log_prior_hyper(self, p: Params) -> Float[Array, ""]:
        """Log prior density of the first, up to a constant."""
        return sum((g.log_prior_hyper(p) for g in self.groups), self.noise.log_prior(p))

    def fields(self, p: Params, *, rough: bool = False) -> Float[Array, "n L"]:
        """All fields of the mean at the training sites, or for trajectories about those."""
        none = jnp.zeros((len(self.table.x), 0))
        return jnp.concatenate([none, *(g.values(p, rough=rough) for g in self.groups)], axis=1)

    def normal_fields(self, p: Params, z: Array) -> Float[Array, "n L"]:
        """All fields of the mean from its flat latents, hyperparameters given."""
        return self.fields(p | self.unravel(z, self.normal_shapes()))

    def adjoint(self, p: Params) -> Callable[[Float[Array, "n L"]], Array]:
        """The transpose of that: to the flat latents, from the fields."""
        size = sum(prod(s) for s in self.normal_shapes().values())
        back = jax.linear_transpose(lambda z: self.normal_fields(p, z), jnp.zeros(size))
        return lambda a: back(a)[0]

    @property
    def n_weights(self) -> int:
        """How many of the fields are the weights'."""
        return 0 if self.rule is None else self.groups[0].count

    def mean(self, u: Float[Array, "n L"]) -> Float[Array, " n"]:
        """The mean of y given the fields."""
        count = self.n_weights
        if self.rule is None:
            mixture = jnp.asarray(self.ensemble.f[:, 0])
        else:
            mixture = self.rule.mixture(u[:, :count], self.ensemble)
        return mixture + jnp.sum(self.factors * u[:, count:], axis=1)

    def slope(self, u: Float[Array, "n L"]) -> Float[Array, "n L"]:
        """Its derivative in each field."""
        parts = [jnp.asarray(self.factors)]
        if self.rule is not None:
            parts.insert(0, self.rule.slope(u[:, : self.n_weights], self.ensemble))
        return jnp.concatenate(parts, axis=1)

    def _sloped_mean(self, u: Float[Array, "n L"]) -> Float[Array, " n"]:
        """`mean` with `slope` for its derivative, a third of the price of what JAX finds."""
        mean = jax.custom_vjp(self.mean)
        mean.defvjp(lambda u: (self.mean(u), self.slope(u)), lambda slope, a: (slope * a[:, None],))
        return mean(u)

    def site_log_likelihood(self, p: Params, *, rough: bool = False) -> Float[Array, " n"]:
        """Log density of each observation."""
        mean = (self._sloped_mean if rough else self.mean)(self.fields(p, rough=rough))
        residual = jnp.asarray(observed(self.table)) - mean
        return self.noise.log_likelihood(residual, self.noise.variance(p, self.table.y_err))

    def log_posterior(self, q: Array) -> Float[Array, ""]:
        """Log density of all latents given the observations, up to a constant."""
        return self._joint(q, rough=False)

    def force(self, q: Array) -> Array:
        """Its gradient with the fields in single precision where they have a way: quicker."""
        return jax.grad(lambda q: self._joint(q, rough=True))(q)

    def _joint(self, q: Array, *, rough: bool) -> Float[Array, ""]:
        p = self.unravel(q)
        normal = -0.5 * sum(jnp.sum(p[n] ** 2) for n in self.normal_shapes())
        fit = jnp.sum(self.site_log_likelihood(p, rough=rough))
        return self.log_prior_hyper(p) + normal + fit

    def exchange(self, key: Array, q: Array) -> Array:
        """The latents after steps that exchange parts of two models' fields; see `exchanged`."""
        p, group = self.unravel(q), self.groups[0]
        others, y = self.fields(p)[:, group.count :], jnp.asarray(observed(self.table))
        variance = self.noise.variance(p, self.table.y_err)

        def fit(own: Array) -> Array:
            mean = self.mean(jnp.concatenate([own, others], axis=1))
            return jnp.sum(self.noise.log_likelihood(y - mean, variance))

        steps = min(_EXCHANGES * group.count * (group.count - 1) // 2, _MOST * group.count)
        z, levels, etas = exchanged(group.parts(p), fit, key, steps)
        places = {group.trends: levels, group.amplitudes: etas}
        moved = {n: z if n == group.z else p[n][places[n]] for n in group.of_models()}
        return self.ravel(p | moved)

    def mirror(self, key: Array, q: Array) -> tuple[Array, float]:
        """The latents of two smooth weights exchanged and turned round, every other time.

        Weights are a matter of the difference of the two fields, which either may bear: so there
        are two modes of the same weights, and no trajectory passes from one to the other. The
        second number is the log of how it stretches volumes.
        """
        p, fields = self.unravel(q), self.groups[0]
        turned = {n: -p[n][::-1] for n in fields.normal_shapes()}
        turned |= {n: p[n][::-1] for n in fields.of_models() if n not in turned}
        return jnp.where(jax.random.bernoulli(key), self.ravel(p | turned), q), 0.0

    def unravel(self, q: Array, shapes: dict[str, tuple[int, ...]] | None = None) -> Params:
        """Latents by name from one flat vector: all, or those of `shapes`."""
        parts, at = {}, 0
        for name, shape in (self.shapes() if shapes is None else shapes).items():
            parts[name] = q[..., at : at + prod(shape)].reshape((*q.shape[:-1], *shape))
            at += prod(shape)
        return parts

    def ravel(self, p: Params) -> Array:
        """One flat vector from all latents by name."""
        return jnp.concatenate([jnp.ravel(p[n]) for n in self.shapes()])

    def size(self) -> int:
        """Number of scalar latents."""
        return sum(prod(s) for s in self.shapes().values())

    def _of(self, names: set[str]) -> np.ndarray:
        """1 at the latents of these names, 0 elsewhere, (size,)."""
        return np.concatenate(
            [np.full(prod(s), float(n in names)) for n, s in self.shapes().items()]
        )

    def hyperparameters(self, p: Params) -> dict[str, np.ndarray]:
        """Named hyperparameters, from draws of the latents."""
        parts = [g.hyperparameters(p) for g in self.groups]
        return self.noise.hyperparameters(p) | {n: v for own in parts for n, v in own.items()}

    def labelled(self, name: str, values: np.ndarray, axes: tuple[str, ...]) -> Quantity:
        """Draws of one of them with its axes: coordinates of lengths, models of amplitudes."""
        if name.endswith("_rho"):
            return Quantity(values, ("coordinate",), (axes,))
        if name.endswith("_eta") and values.shape[-1] == len(self.table.models):
            return Quantity(values, ("model",), (self.table.models,))
        if name.endswith("_eta") and values.shape[-1] > 1:
            numbers = tuple(str(j + 1) for j in range(values.shape[-1]))
            return Quantity(values, ("component",), (numbers,))
        return Quantity(values[..., 0]) if name.endswith("_eta") else Quantity(values)

    def log_priors(self, p: Params) -> dict[str, np.ndarray]:
        """Log prior density of each of them, from draws."""
        parts = [g.log_priors(p) for g in self.groups]
        return self.noise.log_priors(p) | {n: v for own in parts for n, v in own.items()}

    def priors(self) -> dict[str, str]:
        """Every prior in words."""
        rule = {} if self.rule is None else {"weights": self.rule.words}
        parts = [g.priors() for g in self.groups]
        return rule | {n: v for own in parts for n, v in own.items()} | self.noise.priors()

    def target(self) -> Target:
        """What the sampler needs."""
        normal = {n for n in self.noise.shapes() if n != "log_sigma"} | set(self.normal_shapes())
        standard = self._of(normal) == 1
        lengths = {n for n in self.hyper_shapes() if n.endswith("_length")}
        pair = isinstance(self.rule, SimplexWeights) and self.n_weights == 2
        # fields that are no model's own cannot be exchanged
        several = self.n_weights == len(self.table.models) > 1
        return Target(
            log_density=self.log_posterior,
            force=self.force,
            collect=self._collect,
            scale=np.where(standard, 1.0, 0.3),
            adapt=~standard,
            gaussian=standard,
            monitor="hyper",
            speed=1 + (_LENGTH_SPEED - 1) * self._of(lengths),
            jumps=[self.mirror] if pair else [],
            updates=[self.exchange] if several else [],
            fused=self.table.f.size >= _FUSED,
        )

    def _collect(self, q: Array) -> dict[str, Array]:
        p = self.unravel(q)
        hyper = [jnp.ravel(p[n]) for n in self.hyper_shapes() if not n.endswith("_z")]
        return {
            **{f"latent_{n}": p[n] for n in self.shapes()},
            "hyper": jnp.concatenate(hyper),
            "fields": self.fields(p),
            "noise": jnp.sqrt(self.noise.variance(p, np.zeros(len(self.table.x)))),
            "log_likelihood": self.site_log_likelihood(p),
        }

    def start_hyper(self) -> np.ndarray:
        """Hyperparameters to begin with, flat."""
        parts = {n: np.zeros(s) for n, s in self.hyper_shapes().items()}
        for group in self.groups:
            if isinstance(group.amplitude, Amplitude) and group.process is not None:
                parts[f"{group.name}_amplitude"] += group.amplitude.start
        parts["log_sigma"] += np.log(self.sigma)
        return np.concatenate([np.ravel(parts[n]) for n in self.hyper_shapes()])

    def start(self, chains: int, rng: np.random.Generator) -> tuple[Self, np.ndarray]:
        """Itself and start positions, (chains, size), scattered around those."""
        q = 0.3 * rng.standard_normal((chains, self.size()))
        hyper = self.start_hyper()
        q[:, : len(hyper)] += hyper
        return self, q


def factors(along: str, ensemble: Ensemble) -> np.ndarray:
    """Factors c of each field of the discrepancy, (m, L)."""
    n = len(ensemble.f)
    by_name = {
        "none": lambda: np.zeros((n, 0)),
        "delta": lambda: np.ones((n, 1)),
        "contrast": lambda: ensemble.contrast,
    }
    return by_name[along]()
