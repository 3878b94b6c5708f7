"""The methods by name: the one list that the command line, studies, tests and docs read."""

import importlib
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dirimix.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from dirimix.estimators.base import AbstractMixture

CORRECTED = "+gp"  # a method's name with this suffix mixes corrected models
# groups of methods, which figures tell apart by colour
SINGLE, SIMPLE, AVERAGING, GLOBAL, LOCAL = (
    "single models", "simple weights", "model averaging", "global mixtures", "local mixtures",
)  # fmt: skip
GROUPS = (SINGLE, SIMPLE, AVERAGING, GLOBAL, LOCAL)
_MODULES = {".baselines": SIMPLE, ".averaging": AVERAGING}  # whose methods are of one group
PARTS = ("+delta", "+contrast")  # one with these has a discrepancy inferred with the weights
# parameters of `LatentMixture` that serve one of its parts alone, with their defaults
_OF_PARTS: Mapping[str, object] = MappingProxyType(
    {"delta_scale": 1.0, "contrast_scale": 0.3, "alpha_scale": 1.0, "components": None}
)
LABEL = "@"  # what follows it tells two runs of one method apart
# parameters of an estimator that are not a study's options: set here, or no plain values
_NOT_OPTIONS = (
    *("self", "coords", "models", "geo", "periodic", "repeats", "model", "random_state"),
    "progress",
)


@dataclass(frozen=True)
class Method:
    """A method without its options.

    Attributes:
        words: What it does, in a few words.
        estimator: Module and class, imported when first needed; one that begins with a dot is in
            `dirimix.estimators`.
        fixed: Parameters of the estimator that the name of the method sets.
        each_model: Whether one estimator is fitted to each model and nothing is mixed.
        local: Whether the weights depend on the coordinates.
        form: The weights of `LatentMixture` that a method of another class has.
    """

    words: str
    estimator: str
    fixed: Mapping[str, object] = field(default_factory=dict)
    each_model: bool = False
    local: bool = False
    form: str = ""

    @property
    def weights(self) -> str:
        """Those of `LatentMixture`, where the method can be made of its parts."""
        return str(self.fixed.get("weights", self.form))

    @property
    def is_latent(self) -> bool:
        """Whether it is a `LatentMixture`, and no method that only may be fitted as one."""
        return self.estimator == _LATENT

    @property
    def is_stack(self) -> bool:
        """Whether it mixes, or chooses from, other methods."""
        return self.estimator == _STACKED

    @property
    def group(self) -> str:
        """Which of `GROUPS` it belongs to."""
        if self.each_model or self.local:
            return SINGLE if self.each_model else LOCAL
        return _MODULES.get(self.estimator.rpartition(".")[0], GLOBAL)

    @property
    def kind(self) -> type["AbstractMixture"]:
        """The class of the estimator."""
        module, _, name = self.estimator.rpartition(".")
        return getattr(importlib.import_module(module, "dirimix.estimators"), name)

    def with_discrepancy(self, kind: str) -> "Method":
        """The method with a discrepancy inferred together with its weights."""
        words = {
            "delta": "with a discrepancy inferred together with them",
            "contrast": "with small signed departures",
        }
        # parameters of parts that it has not are no options of it
        unused = dict(_OF_PARTS)
        del unused[f"{kind}_scale"]
        if self.weights == "dirichlet":
            del unused["alpha_scale"]
        if self.weights.startswith("free"):
            del unused["components"]
        fixed = unused | {**self.fixed, "weights": self.weights, "discrepancy": kind}
        return replace(self, words=f"{self.words}, {words[kind]}", estimator=_LATENT, fixed=fixed)

    def options(self) -> dict[str, object]:
        """The options that a study may set, with their defaults."""
        known = inspect.signature(self.kind.__init__).parameters
        return {n: p.default for n, p in known.items() if n not in (*_NOT_OPTIONS, *self.fixed)}

    def types(self) -> dict[str, Any]:
        """What each option may be: its parameter's annotation, else the type of its default."""
        known = inspect.signature(self.kind.__init__).parameters
        return {
            name: type(default)
            if known[name].annotation is inspect.Parameter.empty
            else known[name].annotation
            for name, default in self.options().items()
        }

    def build(
        self,
        coords: tuple[str, ...],
        models: tuple[str, ...],
        options: Mapping[str, object],
        seed: int,
        places: Mapping[str, object] | None = None,
    ) -> dict[str, "AbstractMixture"]:
        """Unfitted estimators by the model that each uses, '' for a mixture of all.

        Args:
            coords: Columns of the coordinates.
            models: Columns of the models.
            options: Options of the estimator, some of those that `options` names.
            seed: Its random_state.
            places: Its `geo` and `periodic`, what coordinates are.
        """
        kind: Any = self.kind  # each takes options of its own
        given = {**self.fixed, **(places or {}), **options, "random_state": seed}
        transformed = str(options.get("y_transform") or "none") != "none"
        if transformed and self.options().get("tails") == "student":
            given = {"tails": "normal", **given}  # of the other y would have no mean
        if self.each_model:
            return {m: kind(coords=coords, models=(m,), **given) for m in models}
        return {"": kind(coords=coords, models=models, **given)}


_LATENT = ".latent.mixture.LatentMixture"
_STACKED = ".stacking.stacked.StackedMixture"
METHODS: dict[str, Method] = {
    "raw": Method(
        "every model by itself, with its noise",
        ".single_model.SingleModel",
        each_model=True,
        form="single",
    ),
    "equal": Method("equal weights", ".baselines.EqualWeights"),
    "ols": Method("ordinary least squares, free weights", ".baselines.OrdinaryLeastSquares"),
    "simplex-ls": Method("least squares on the simplex", ".baselines.SimplexLeastSquares"),
    "ridge-stacking": Method("linear weights shrunk to equal ones", ".baselines.RidgeStacking"),
    "bma-closed-form": Method(
        "Bayesian model averaging, closed-form evidence",
        ".averaging.BayesianModelAveraging",
        {"evidence": "closed-form"},
    ),
    "bma-laplace": Method(
        "Bayesian model averaging, Laplace evidence",
        ".averaging.BayesianModelAveraging",
        {"evidence": "laplace"},
    ),
    "bma-monte-carlo": Method(
        "Bayesian model averaging, Monte Carlo evidence",
        ".averaging.BayesianModelAveraging",
        {"evidence": "monte-carlo"},
    ),
    "gbmm-l": Method(
        "global linear mixing, projected to the simplex", ".global_mixture.LinearMixture"
    ),
    "gbmm-d": Method(
        "global Dirichlet mixing", ".global_mixture.DirichletMixture", form="dirichlet"
    ),
    "lbmm-gld": Method(
        "local Dirichlet mixing, log-linear concentrations",
        ".local_mixture.LocalDirichletMixture",
        {"field": "linear", "form": "auto", "length_scale": None},
        local=True,
    ),
    "lbmm-gpd": Method(
        "local Dirichlet mixing, Gaussian-process concentrations",
        ".local_mixture.LocalDirichletMixture",
        {"field": "gp"},
        local=True,
    ),
    "lbmm-lgp": Method(
        "local mixing, smooth logistic-normal weights of Gaussian processes",
        _LATENT,
        {"weights": "simplex-gp", "discrepancy": "none", "alpha_scale": 1.0, "components": None},
        local=True,
    ),
    "signed-gp": Method(
        "signed weights of sum one, Gaussian processes",
        _LATENT,
        {"weights": "free-gp", "discrepancy": "none", "alpha_scale": 1.0},
        local=True,
    ),
    "stacked": Method(
        "a mixture of methods' predictive densities by held-out regions",
        _STACKED,
        {"choose": "stack"},
        local=True,
    ),
    "auto": Method(
        "the method that predicts held-out regions best, or the stack of all",
        _STACKED,
        {"choose": "best"},
        local=True,
    ),
}


@dataclass(frozen=True)
class Choice:
    """A method as a user names it.

    Attributes:
        name: The whole name, as in 'gbmm-d+gp@wide'.
        method: The method.
        corrected: Whether it is given GP-corrected models.
        label: What tells it from another run of the method, '' for none.
    """

    name: str
    method: Method
    corrected: bool
    label: str = ""

    @property
    def words(self) -> str:
        """What it does, in a few words."""
        words = self.method.words + (", on GP-corrected models" if self.corrected else "")
        return f"{words}, {self.label}" if self.label else words

    @property
    def unlabelled(self) -> str:
        """The name without its label."""
        return self.name.partition(LABEL)[0]


def parse_method(name: str) -> Choice:
    """The method that a name stands for.

    >>> parse_method("gbmm-d+gp").corrected, parse_method("gbmm-d@wide").label
    (True, 'wide')
    >>> parse_method("lbmm-lgp+delta").method.fixed["discrepancy"]
    'delta'

    Raises:
        InputError: If there is no such method, or the label is not a plain word.
    """
    plain, mark, label = name.partition(LABEL)
    base = plain.removesuffix(CORRECTED)
    corrected = plain != base
    part = next((p for p in PARTS if base.endswith(p)), "")
    base = base.removesuffix(part)
    if base not in METHODS:
        raise InputError(
            f"unknown method {name!r}{did_you_mean(base, METHODS)}; choose from "
            f"{', '.join(METHODS)}, each also with {CORRECTED}"
        )
    method = METHODS[base]
    if part:
        if not method.weights or (part == "+contrast" and method.each_model):
            able = ", ".join(n for n, m in METHODS.items() if m.weights)
            raise InputError(
                f"{base} cannot be fitted with {part}: +delta serves {able}, +contrast the "
                "mixtures of them"
            )
        method = method.with_discrepancy(part.removeprefix("+"))
    if mark and not re.fullmatch(r"[a-z0-9][a-z0-9-]*", label):
        raise InputError(
            f"the label of {name!r} is made of small letters, digits and hyphens, not {label!r}"
        )
    return Choice(name, method, corrected, label)
