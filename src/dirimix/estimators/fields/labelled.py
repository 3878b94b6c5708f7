"""A line of log concentrations, and an effect of each label: categories partially pooled."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.stats import halfnorm, norm

from dirimix.estimators.fields.field import AbstractField, Params
from dirimix.estimators.fields.linear import LinearField
from dirimix.table.table import Table

_EFFECTS = 0x6C6162656C  # sets the streams of unseen labels apart from others of the seed


@dataclass(frozen=True)
class LabelledField(AbstractField):
    """log alpha_k(x) = line + sum_c u_kc[label of x in c], u_kc ~ Normal(0, tau_kc^2) a label.

    A label that the fit has not seen has a draw from the same normal law, by seed and label: all
    its sites share it.

    Attributes:
        x: Training sites: p straight coordinates, then one code a category, (n, p + c). A code
            is the place of the label among those of the fit, or below 0 and its own if the fit
            has not seen the label (`label_codes`).
        n_models: K.
        line: The field of the straight coordinates.
        categories: Labels of each of the c categories, by its name.
    """

    x: np.ndarray
    n_models: int
    line: LinearField
    categories: Mapping[str, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """What each effect is of, L of them, as 'state=Ohio'."""
        return tuple(f"{c}={label}" for c, own in self.categories.items() for label in own)

    @property
    def category_of(self) -> np.ndarray:
        """The category of each effect, (L,)."""
        return np.repeat(
            np.arange(len(self.categories)), [len(v) for v in self.categories.values()]
        )

    def shapes(self) -> dict[str, tuple[int, ...]]:
        k = self.n_models
        own = {"log_tau": (k, len(self.categories)), "effect": (k, len(self.names))}
        return {**self.line.shapes(), **own}

    def of_models(self) -> tuple[str, ...]:
        return (*self.line.of_models(), "log_tau", "effect")

    def log_prior(self, p: Params) -> Float[Array, ""]:
        # tau is half-normal, its logarithm is sampled; effects are in units of it
        tau = jnp.sum(p["log_tau"] - 0.5 * jnp.exp(2 * p["log_tau"]))
        return self.line.log_prior(p) + tau - 0.5 * jnp.sum(p["effect"] ** 2)

    def log_alpha(self, p: Params) -> Float[Array, "n K"]:
        u = jnp.exp(p["log_tau"])[:, self.category_of] * p["effect"]
        return self.line.log_alpha(p) + sum(u[:, place].T for place in self._places())

    def extend(self, p: Params, x_new: np.ndarray, seed: int) -> np.ndarray:
        straight = self.line.x.shape[1]
        found = self.line.extend(p, x_new[:, :straight], seed)
        tau, codes = np.exp(p["log_tau"]), x_new[:, straight:]
        for c, first in enumerate(self._firsts()):
            for code in np.unique(codes[:, c]):
                if code >= 0:
                    unit = p["effect"][:, :, first + int(code)]
                else:
                    rng = np.random.default_rng([seed, _EFFECTS, c, int(-code)])
                    unit = rng.standard_normal(p["effect"].shape[:2])
                found[:, codes[:, c] == code] += (tau[:, :, c] * unit)[:, None]
        return found

    def hyperparameters(self, p: Params) -> dict[str, np.ndarray]:
        tau = np.exp(p["log_tau"])
        u = tau[..., self.category_of] * p["effect"]
        return {**self.line.hyperparameters(p), "tau": tau, "u": u}

    def log_priors(self, p: Params) -> dict[str, np.ndarray]:
        tau = halfnorm.logpdf(np.exp(p["log_tau"])).sum(axis=(-2, -1))
        u = norm.logpdf(p["effect"]) - p["log_tau"][..., self.category_of]
        return {**self.line.log_priors(p), "tau": tau, "u": u.sum(axis=(-2, -1))}

    def deficit(self, p: Params) -> np.ndarray:
        return self.line.deficit(p)

    def priors(self) -> dict[str, str]:
        own = {
            "tau": "HalfNormal(1), one a model and category",
            "u": "Normal(0, tau^2), one a label",
        }
        return {**self.line.priors(), **own}

    def _firsts(self) -> np.ndarray:
        """Where the effects of each category begin, (c,)."""
        return np.cumsum([0, *(len(own) for own in self.categories.values())])[:-1]

    def _places(self) -> np.ndarray:
        """Which effect each training site has in each category, (c, n)."""
        codes = self.x[:, self.line.x.shape[1] :].astype(int)
        return codes.T + self._firsts()[:, None]


def label_codes(table: Table, known: Mapping[str, Sequence[str]]) -> np.ndarray:
    """The codes of a table's m sites in the categories of a fit, (m, c); see `LabelledField.x`.

    Args:
        table: Sites whose labels begin with those of the fit.
        known: The labels of the fit by category.
    """
    columns = []
    for name, labels in known.items():
        codes = table.x[:, table.coords.index(name)]
        of = np.array(
            [float(i) for i in range(len(labels))]
            + [-1.0 - _number(label) for label in table.levels[name][len(labels) :]]
        )
        columns.append(of[codes.astype(int)])
    return np.column_stack([np.empty((len(table.x), 0)), *columns])


def _number(label: str) -> int:
    """A whole number of 52 bits that a label has everywhere."""
    return int.from_bytes(hashlib.blake2b(label.encode(), digest_size=8).digest()) >> 12
