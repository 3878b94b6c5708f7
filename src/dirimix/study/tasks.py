"""What a job fits a method to, and which tables it leaves behind."""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field, replace

from dirimix.assess.folds import Fold
from dirimix.assess.loo import loo_tables
from dirimix.assess.method_tables import Tables, method_tables, of_method, point_table
from dirimix.assess.options import Reversion, Threshold
from dirimix.assess.threshold import threshold_tables
from dirimix.estimators.fitted import FittedMethod
from dirimix.laws.bands import Bootstrap
from dirimix.table.split import SplitTable

METHOD_FOLDER = "methods"
FOLD_FOLDER = "validation"
FEWER_FOLDER = "preselection"
ELSEWHERE_FOLDER = "threshold"
FOLDERS = (METHOD_FOLDER, FOLD_FOLDER, FEWER_FOLDER, ELSEWHERE_FOLDER)


class AbstractTask(ABC):
    """A table made from the study's, and what is measured on it."""

    keeps_posterior = False

    @property
    @abstractmethod
    def place(self) -> str:
        """The folder, inside that of the study, that holds one folder a method."""

    @abstractmethod
    def title(self, method: str) -> str:
        """The job in a few words."""

    @abstractmethod
    def content(self) -> object:
        """What of the task decides the result, beyond the data; plain values."""

    @abstractmethod
    def data(self, data: SplitTable) -> SplitTable:
        """The data to fit, made from the study's."""

    @abstractmethod
    def tables(self, fitted: FittedMethod, data: SplitTable, bootstrap: Bootstrap) -> Tables:
        """The tables by name."""


@dataclass(frozen=True)
class FullFit(AbstractTask):
    """The method on all training rows: everything that the output folder shows.

    Attributes:
        reversion: When a local weight has gone back to its far field.
        threshold: The level that its predictions are followed above, if any.
        along: The coordinate of the lines on which they are.
    """

    reversion: Reversion = field(default_factory=Reversion)
    threshold: Threshold | None = None
    along: str = ""
    keeps_posterior = True

    @property
    def place(self) -> str:
        return METHOD_FOLDER

    def title(self, method: str) -> str:
        return method

    def content(self) -> object:
        return ["whole", asdict(self.reversion), self.threshold and asdict(self.threshold)]

    def data(self, data: SplitTable) -> SplitTable:
        return data

    def tables(self, fitted: FittedMethod, data: SplitTable, bootstrap: Bootstrap) -> Tables:
        return method_tables(
            fitted,
            data,
            bootstrap,
            reversion=self.reversion,
            threshold=self.threshold,
            along=self.along,
        )


@dataclass(frozen=True)
class FoldFit(AbstractTask):
    """The method without the rows of a fold, which it then predicts.

    Attributes:
        fold: The rows.
    """

    fold: Fold

    @property
    def place(self) -> str:
        return f"{FOLD_FOLDER}/{self.fold.scheme}/{self.fold.label}"

    def title(self, method: str) -> str:
        return f"{method} without {self.fold.scheme} {self.fold.label}"

    def content(self) -> object:
        return [self.fold.scheme, self.fold.label, self.fold.held.tolist()]

    def data(self, data: SplitTable) -> SplitTable:
        return self.fold.data(data)

    def tables(self, fitted: FittedMethod, data: SplitTable, bootstrap: Bootstrap) -> Tables:
        del bootstrap  # the folds are scored together
        points = point_table(fitted, data, self.fold.scheme)
        rows = self.fold.held[points["row"].to_numpy()]
        return of_method(fitted, {"pointwise": points.assign(row=rows)})


@dataclass(frozen=True)
class ReducedFit(AbstractTask):
    """The method with some of the models: what it predicts, and its leave-one-out scores.

    Attributes:
        models: Those that it may use.
    """

    models: tuple[str, ...]

    @property
    def place(self) -> str:
        return FEWER_FOLDER

    def title(self, method: str) -> str:
        return f"{method} with {len(self.models)} models"

    def content(self) -> object:
        return ["fewer", *self.models]

    def data(self, data: SplitTable) -> SplitTable:
        return replace(data, models=self.models)

    def tables(self, fitted: FittedMethod, data: SplitTable, bootstrap: Bootstrap) -> Tables:
        del bootstrap  # it is compared with the fit to all models later
        tables = loo_tables(fitted, data)
        if "test" in data.parts:
            tables["pointwise"] = point_table(fitted, data, "test")
        return of_method(fitted, tables)


@dataclass(frozen=True)
class OtherTableFit(AbstractTask):
    """The method on another table of the same sites, only to see where that is above a level.

    Attributes:
        other: What the other table holds.
        threshold: The level.
        along: The coordinate of the lines there.
        digest: Says what the other table holds.
    """

    other: SplitTable
    threshold: Threshold
    along: str
    digest: str

    @property
    def place(self) -> str:
        return f"{ELSEWHERE_FOLDER}/{self.other.target}"

    def title(self, method: str) -> str:
        return f"{method} of {self.other.target}"

    def content(self) -> object:
        return ["elsewhere", asdict(self.threshold), self.digest]

    def data(self, data: SplitTable) -> SplitTable:
        del data
        return self.other

    def tables(self, fitted: FittedMethod, data: SplitTable, bootstrap: Bootstrap) -> Tables:
        del bootstrap  # the other table is scored in its own study
        return of_method(fitted, threshold_tables(fitted, data, self.threshold, self.along))
