"""What the sampled mixtures share: how they are sampled, judged and kept."""

import time
import warnings
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.utils.validation import check_is_fitted

from dirimix._arguments import check_room
from dirimix._cores import check_process
from dirimix.errors import FitWarning
from dirimix.estimators.base import AbstractMixture
from dirimix.estimators.fit_report import FitReport, noise_words
from dirimix.estimators.latent.noise_kind import NoiseOptions, check_noise, check_places
from dirimix.estimators.pooling import PartDraws
from dirimix.estimators.transforms.scaled import from_scale
from dirimix.laws.noise_prior import NOISE_PRIORS, AbstractNoisePrior, PriorName, chosen_prior
from dirimix.laws.noise_scale import residual_spread
from dirimix.sampling import convergence, modes, posterior
from dirimix.sampling.posterior import Quantity
from dirimix.sampling.progress import Listener
from dirimix.sampling.target import Sample, Sampleable, Settings
from dirimix.table.selection import observed, refuse_answers
from dirimix.table.table import Table

Draws = Mapping[str, np.ndarray]
HEAVY = 1000  # sites times models, from where processes pay for fields
_DRAWS, _FIRST = 1000, 500  # of each chain where no number is given
_MOST_EFFECTIVE = 10  # effective draws of one draw, where draws avoid each other


class Posterior(Sampleable, Protocol):
    """A log joint density with start positions for its chains."""

    def start(self, chains: int, rng: np.random.Generator) -> tuple[Self, np.ndarray]:
        """Itself, with what a search for start positions has found, and these, (chains, d)."""
        ...


@dataclass(eq=False, repr=False, kw_only=True)
class AbstractSampledMixture(NoiseOptions, AbstractMixture):
    """A mixture that is known by draws of its posterior.

    A subclass calls `_sample` in its `_fit` and says what the draws mean. The fitted state is
    that of every leaf: `posterior_`, `diagnostics_`, `sampling_`, `converged_`, `sigma_`.
    """

    chains: int = 4
    draws: int | None = 1000
    warmup: int = 1000
    kernel: str = "hmc"
    min_ess: float | None = None
    max_seconds: float | None = None
    noise_prior: AbstractNoisePrior | PriorName = "weak"
    progress: Listener | None = None
    trajectory: ClassVar[Any] = 4.0  # mean length in posterior standard deviations
    _accept: ClassVar[float]  # acceptance that the step size is tuned for

    @abstractmethod
    def _priors(self) -> dict[str, str]:
        """The prior of every parameter but sigma in words."""

    @abstractmethod
    def _points(self, table: Table) -> tuple[str, ...]:
        """A label for every training row."""

    @abstractmethod
    def _quantities(self, draws: Draws, table: Table) -> dict[str, Quantity]:
        """What the posterior keeps, by name."""

    @abstractmethod
    def _predictions(self, kept: Mapping[str, Quantity], table: Table) -> np.ndarray:
        """The mixture of the models' values at the training rows, (chains, draws, n)."""

    @abstractmethod
    def _log_priors(self, draws: Draws) -> dict[str, np.ndarray]:
        """Log prior density of each prior's parameters but sigma's, (chains, draws) each."""

    def fit_report(self) -> FitReport:
        return FitReport(
            priors=self.priors_,
            y_scale=self.scale_,
            sigma=self.sigma_,
            posterior=self.posterior_,
            diagnostics=self.diagnostics_,
            sampling=self.sampling_,
            reasons=self.reasons_,
            parts=self.predict_parts if self._has_parts() else None,
        )

    def predict_parts(self, X: pd.DataFrame) -> pd.DataFrame:
        """What predictions are made of, one row a site, the index of X.

        Columns: `mixture`, the models by their field weights, and `discrepancy`, which is added,
        and the scale of the `noise`, measurement errors apart: posterior means, each with its
        standard deviation (`_sd`). `correlation` is that of mixture and discrepancy: near -1 only
        their sum is known, and what the one takes the other gives. All are in the scale of the
        fit, the unit of y without a transform.

        Raises:
            InputError: If the table is not usable.
        """
        check_is_fitted(self)
        blocks = self._blocks(self._table_to_predict(X))
        found = [pd.DataFrame(self._part_draws(block).summary()) for block in blocks]
        table = pd.concat(found, ignore_index=True)
        return table.set_axis(X.index) if isinstance(X, pd.DataFrame) else table

    def _has_parts(self) -> bool:
        """Whether more than the weights follows the map."""
        return self.noise == "local"

    @abstractmethod
    def _part_draws(self, table: Table) -> PartDraws:
        """What predictions at a table's sites are made of."""

    def check_parameters(self) -> None:
        super().check_parameters()
        check_process()
        check_noise(self)
        self._noise()
        self._settings()

    def _check_table(self, table: Table) -> None:
        super()._check_table(table)
        check_places(self, self.space_)
        refuse_answers(table)
        self._check_room(table)

    @property
    def wanted_draws(self) -> int:
        """Draws of each chain, or of an approximation, a number given or not."""
        return _DRAWS if self.draws is None else self.draws

    def _settings(self) -> Settings:
        return Settings(
            self.chains,
            self.wanted_draws,
            self.warmup,
            self.kernel,
            self.trajectory,
            target_accept=self._accept,
            seed=self.random_state,
            min_ess=self.min_ess,
            max_seconds=self.max_seconds,
            device=self.device,
            first=_FIRST if self.draws is None and self.min_ess is None else None,
        )

    def _check_room(self, table: Table) -> None:
        """Refuse more draws than memory holds: weights, and two numbers a row, of each."""
        wanted = max(self.chains * self.wanted_draws, int((self.min_ess or 0) / _MOST_EFFECTIVE))
        check_room(
            wanted * (2 * len(table.f) + len(table.models)),
            f"{wanted} draws of {len(table.f)} rows; ask for fewer chains or draws, or for a "
            "smaller min_ess",
        )

    def _noise(self) -> AbstractNoisePrior:
        """The prior of sigma in units of `y_scale_`, which are those that the sampler works in."""
        return chosen_prior(self.noise_prior, NOISE_PRIORS)

    def _sigma(self, draws: Draws) -> np.ndarray:
        """Draws of sigma in the unit of y, (chains, draws)."""
        return draws["sigma"] * self.y_scale_

    def _begin(self, table: Table) -> None:
        """Refuse what has no posterior that can be kept, and note the priors."""
        refuse_answers(table)
        n, k = table.f.shape  # as many models as rows may come as near by chance
        exact = n > k and not table.y_err.any()
        if exact and residual_spread(table.f, observed(table)).is_exact:
            warnings.warn(
                "a constant mixture of the models is the observations to the last digits: no noise "
                "is seen, so that the noise level has no lower end and its draws need not "
                "converge; give y_err, or take simplex-ls, which finds the weights",
                FitWarning,
                stacklevel=4,
            )
        self._check_room(table)
        self.priors_ = {**self._priors(), **noise_words(self._noise(), self.scale_)}

    def _sample(
        self, model: Posterior, table: Table, *, options: str = "", heavy: bool = False
    ) -> Draws:
        """Draw, judge and keep; a warning, which names `options`, where the checks failed.

        `model` is of the table in units of `y_scale_`, as are its draws of sigma.
        """
        from dirimix.sampling import sampler  # with all of BlackJAX, which no check needs

        self._begin(table)
        begun, settings = time.perf_counter(), self._settings()
        model, start = model.start(self.chains, self._generator("start"))
        sample = sampler.sample(
            model,
            start,
            settings,
            lambda draws, rows: posterior.diagnose(self._checked(draws, table), rows),
            self.progress,
            heavy=heavy,
            begun=begun,
        )
        kept = self._quantities(sample.draws, table)
        apart = modes.apart(posterior.overview(kept))
        timed = sample.ended == "time"
        verdict = convergence.judge(sample.summary, sample.stats, apart, timed=timed)
        record = posterior.sampling_record(sample, settings, verdict)
        self._keep_sample(sample, kept, record, verdict, table)
        posterior.warn_unless(verdict, type(self).__name__ + options)
        return sample.draws

    def _keep_sample(
        self,
        sample: Sample,
        kept: Mapping[str, Quantity],
        record: dict[str, Any],
        verdict: convergence.Verdict,
        table: Table,
    ) -> None:
        self.diagnostics_, self.sampling_ = sample.summary, record
        self.converged_, self.reasons_ = verdict.converged, verdict.reasons
        self.posterior_ = self._data_tree(sample, kept, table)
        self.sigma_ = float(self.posterior_["posterior"]["sigma"].to_numpy().mean())

    def _checked(self, draws: Draws, table: Table) -> dict[str, Quantity]:
        """All that must converge: what is kept, and the predictions at the training rows."""
        kept, points = self._quantities(draws, table), (self._points(table),)
        return kept | {"prediction": Quantity(self._predictions(kept, table), ("point",), points)}

    def _data_tree(
        self, sample: Sample, quantities: Mapping[str, Quantity], table: Table
    ) -> xr.DataTree:
        points = self._points(table)
        prior = self._noise().scaled(self.y_scale_)
        shown = from_scale(table, self.transform_)
        y = observed(shown)
        # a density of y, whatever the scale and the unit it is taken in
        slope = self.transform_.log_jacobian(y) - np.log(self.y_scale_)
        return posterior.data_tree(
            quantities,
            sample.stats,
            {"y": Quantity(y, ("point",), (points,))},
            {
                "f": Quantity(shown.f, ("point", "model"), (points, table.models)),
                "x": Quantity(table.x, ("point", "coordinate"), (points, table.coords)),
                "y_err": Quantity(shown.y_err, ("point",), (points,)),
            },
            Quantity(sample.draws["log_likelihood"] + slope, ("point",), (points,)),
            {
                **self._log_priors(sample.draws),
                "sigma": prior.log_density(quantities["sigma"].values),
            },
        )


def flat(draws: np.ndarray) -> np.ndarray:
    """Draws with the chains one after the other, (s, ...), from (chains, draws, ...)."""
    return draws.reshape(-1, *draws.shape[2:])
