"""A study as records: which methods are compared, on which table, and how."""

# pyright: strict

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dirimix.assess.options import Reversion, Scheme, Threshold
from dirimix.errors import InputError, did_you_mean
from dirimix.methods import Choice, parse_method

MANY_ROWS = 2000  # of training, from which a Gaussian process may take hours
ENOUGH_ROWS = 1000  # of them, which take it minutes


@dataclass(frozen=True)
class LongColumns:
    """Columns of a long table, which has a row a model and site; None has its usual name.

    Attributes:
        model: The model's name.
        value: Its value.
        quantile: The level of a quantile, where rows are quantiles.
    """

    model: str | None = None
    value: str | None = None
    quantile: str | None = None


@dataclass(frozen=True)
class DataChoice:
    """Which table, which columns, which rows.

    Attributes:
        table: A path or 'data:NAME'.
        target: Column of the observations.
        coords: Columns of the coordinates.
        models: Columns of the models.
        error: Column of the measurement errors.
        names: Column whose text names each row.
        split: Column that says 'train', 'test' or 'landscape'.
        test_fraction: Share of the rows drawn for testing where there is no split column.
        rows: 'complete' (where every model has a value) or 'all'.
        label: What the target is, for the axes.
        unit: The unit of the target.
        transform: Scale in which the methods are fitted, a name of `laws.transforms`.
        n_train: Most training rows; the others are predicted as part of the landscape.
        geo: The longitude and the latitude among the coordinates.
        periodic: Coordinates that come round, and their periods.
        repeats: What becomes of several training rows at a site, 'keep' or 'pool'.
        long: The columns of a long table, one row a model and site; None for a wide one.
        observations: A file that holds the observations where the table does not.
        missing: Numbers that mark a missing value, such as -9999.
        map_axes: The coordinates that go across and up the maps of the report.
        lines: Values of coordinates at which the report draws a line for reference.
    """

    table: str
    target: str | None = None
    coords: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    error: str | None = None
    names: str | None = None
    split: str | None = None
    test_fraction: float | None = None
    rows: str = "all"
    label: str | None = None
    unit: str | None = None
    n_train: int | None = None
    transform: str | None = None
    geo: tuple[str, ...] | None = None
    periodic: Mapping[str, float] | None = None
    repeats: str = "keep"
    long: LongColumns | None = None
    observations: str | None = None
    missing: tuple[float, ...] = ()
    map_axes: tuple[str, ...] | None = None
    lines: Mapping[str, tuple[float, ...]] | None = None


@dataclass(frozen=True, kw_only=True)
class Preselection:
    """How models are left out one by one.

    Attributes:
        method: The global method whose score decides; it is refitted to every set of models.
        scheme: Name of the validation scheme whose folds score it.
        keep: How many models to keep; None is as few as cost nothing.
        confirm: Methods that are refitted with the kept models.
    """

    method: str = "simplex-ls"
    scheme: str
    keep: int | None = None
    confirm: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExhibitChoice:
    """One table or figure of the report that is also written to files.

    Attributes:
        name: Name of its files.
        kind: Which table or figure, a key of `dirimix.study.entries.KINDS`.
        title: Its heading in the report.
        options: Options of the kind.
    """

    name: str
    kind: str
    title: str
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Study:
    """What is to be run.

    Attributes:
        data: Which table.
        run: Names of the methods.
        tolerated: Those of them that do not decide the exit code if they do not converge.
        unasked: Methods of the study that are not run this time.
        options: Options for every method that has them.
        overrides: Options by method.
        pairs: Methods to be compared, two by two; one model of many as 'METHOD:MODEL'.
        seed: Seed of everything that is random.
        n_boot: Bootstrap resamples of a score's band.
        title: Title of the report.
        validation: How rows are left out and predicted.
        preselection: How models are left out, if at all.
        threshold: Above which level predictions are followed, if any.
        reversion: When a local weight has gone back to its far field.
        exhibits: Tables and figures that the report also writes to files.
    """

    data: DataChoice
    run: tuple[str, ...]
    tolerated: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    overrides: Mapping[str, Mapping[str, object]] = field(default_factory=dict[str, Any])
    pairs: tuple[tuple[str, str], ...] = ()
    seed: int = 0
    n_boot: int = 2000
    title: str = "dirimix study"
    validation: tuple[Scheme, ...] = ()
    preselection: Preselection | None = None
    threshold: Threshold | None = None
    reversion: Reversion = Reversion()
    exhibits: tuple[ExhibitChoice, ...] = ()

    def choices(self) -> tuple[Choice, ...]:
        return tuple(parse_method(name) for name in self.run)

    def options_of(self, choice: Choice) -> dict[str, object]:
        """The options that a method gets: the common ones that it has, then its own.

        A method with a label starts from the options of the one without.
        """
        known = choice.method.options()
        of_data = {} if self.data.transform is None else {"y_transform": self.data.transform}
        common = {k: v for k, v in (of_data | dict(self.options)).items() if k in known}
        own = dict(self.overrides.get(choice.name, {}))
        return common | dict(self.overrides.get(choice.unlabelled, {})) | own

    def validated(self, scheme: Scheme) -> tuple[Choice, ...]:
        """The methods that a validation scheme scores, of those that this study runs."""
        return tuple(c for c in self.choices() if c.name in (scheme.methods or self.run))

    def other_data(self) -> dict[str, DataChoice]:
        """The other tables of [threshold.along], by name, read as that of the study is."""
        along: Mapping[str, str] = {} if self.threshold is None else self.threshold.along
        # a data set has columns and words of its own
        own = dict.fromkeys(("target", "error", "label", "unit"))
        return {
            table: replace(self.data, table=table, **(own if table.startswith("data:") else {}))
            for table in along
            if table != self.data.table
        }

    def only(self, names: Iterable[str]) -> "Study":
        """The same study with some of its methods.

        Raises:
            InputError: If it does not run one of them.
        """
        names = tuple(names)
        for name in names:
            if name not in self.run:
                raise InputError(
                    f"the study does not run {name!r}{did_you_mean(name, self.run)}; it runs "
                    f"{', '.join(self.run)}"
                )
        run, tolerated = ([n for n in own if n in names] for own in (self.run, self.tolerated))
        unasked = tuple(n for n in self.run if n not in names)
        return replace(self, run=tuple(run), tolerated=tuple(tolerated), unasked=unasked)
