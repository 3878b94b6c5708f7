"""A study: one TOML file that says which methods are compared, on which table, and how.

title = "Two-column example"
seed = 1

[data]
table = "table.csv"          # or "data:NAME"; a path is relative to this file
target = "y"                 # target, coords, models, error and split are known for data:NAME
coords = ["x"]
models = ["a", "b"]
split = "part"               # a column of train / test / landscape, or test_fraction = 0.2
rows = "complete"            # or "all": also rows where some model has no value
n_train = 100                # at most so many training rows, drawn with the seed

[methods]
run = ["raw", "gbmm-d", "gbmm-d+gp"]

[options]                    # for every method that has the option
draws = 500
[options."gbmm-d"]           # for one
chains = 2

[scores]
n_boot = 2000

[compare]
pairs = [["gbmm-d+gp", "gbmm-d"], ["raw:a", "gbmm-d"]]

The optional sections stand in `sections` and `exhibit_choice`. A method may run a second time under
a name with a label, "gbmm-d@wide", with the options of the first and those of
[options."gbmm-d@wide"].
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from dirimix.errors import InputError, did_you_mean
from dirimix.methods import Choice, parse_method
from dirimix.study import sections, toml_values
from dirimix.study.data_choice import DataChoice, data_choice
from dirimix.study.exhibit_choice import ExhibitChoice, exhibits

_SECTIONS = (
    "title", "seed", "data", "methods", "options", "scores", "compare", "validation",
    "preselection", "threshold", "reversion", "exhibits",
)  # fmt: skip


@dataclass(frozen=True)
class Study:
    """What is to be run.

    Attributes:
        data: Which table.
        run: Names of the methods.
        tolerated: Those of them that do not decide the exit code if they do not converge.
        options: Options for every method that has them.
        overrides: Options by method.
        pairs: Methods to be compared, two by two.
        seed: The one seed.
        n_boot: Bootstrap resamples of a score's band.
        title: Title of the report.
        validation: How rows are left out and predicted.
        preselection: How models are left out, if at all.
        threshold: Above which level predictions are followed, if any.
        reversion: When a local weight has gone back to its far field.
        exhibits: Tables and figures that the report makes files of.
    """

    data: DataChoice
    run: tuple[str, ...]
    tolerated: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)
    overrides: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    pairs: tuple[tuple[str, str], ...] = ()
    seed: int = 0
    n_boot: int = 2000
    title: str = "dirimix study"
    validation: tuple[sections.Scheme, ...] = ()
    preselection: sections.Preselection | None = None
    threshold: sections.Threshold | None = None
    reversion: sections.Reversion = sections.Reversion()
    exhibits: tuple[ExhibitChoice, ...] = ()

    def choices(self) -> tuple[Choice, ...]:
        """The methods of this study."""
        return tuple(parse_method(name) for name in self.run)

    def options_of(self, choice: Choice) -> dict[str, object]:
        """The options that a method gets: the common ones that it has, then its own.

        A method with a label starts from the options of the one without.
        """
        known = choice.method.options()
        common = {k: v for k, v in self.options.items() if k in known}
        own = dict(self.overrides.get(choice.name, {}))
        return common | dict(self.overrides.get(choice.unlabelled, {})) | own

    def validated(self, scheme: sections.Scheme) -> tuple[Choice, ...]:
        """The methods that a validation scheme tries, of those that this study runs."""
        return tuple(c for c in self.choices() if c.name in (scheme.methods or self.run))

    def other_data(self) -> dict[str, DataChoice]:
        """The other tables of [threshold.along], read as that of the study is."""
        own = {} if self.threshold is None else self.threshold.along
        return {
            table: replace(self.data, table=table, **_of_dataset(table))
            for table in own
            if table != self.data.table
        }

    def only(self, names: Iterable[str]) -> "Study":
        """The same study with some of its methods."""
        names = tuple(names)
        for name in names:
            if name not in self.run:
                raise InputError(
                    f"the study does not run {name!r}{did_you_mean(name, self.run)}; it runs "
                    f"{', '.join(self.run)}"
                )
        run, tolerated = ([n for n in own if n in names] for own in (self.run, self.tolerated))
        return replace(self, run=tuple(run), tolerated=tuple(tolerated))


def _of_dataset(table: str) -> dict[str, None]:
    """What a data set knows better than the study of another."""
    known = ("target", "error", "label", "unit")
    return dict.fromkeys(known) if table.startswith("data:") else {}


def read_study(path: Path) -> Study:
    """Read and check a study file.

    Raises:
        InputError: If the file is missing, no TOML, or has an unknown or a bad entry.
    """
    if not path.is_file():
        raise InputError(f"there is no study file {str(path)!r}; check the path")
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"the study {str(path)!r} is not valid TOML: {error}") from error
    study = make_study(raw)
    here = partial(_beside, path)
    data = replace(study.data, table=here(study.data.table))
    if study.threshold is None:
        return replace(study, data=data)
    along = {here(table): coord for table, coord in study.threshold.along.items()}
    return replace(study, data=data, threshold=replace(study.threshold, along=along))


def _beside(path: Path, table: str) -> str:
    """A table as the study file at a path names it: a data set, or a file beside it."""
    return table if table.startswith("data:") else str(path.parent / table)


def make_study(raw: Mapping[str, Any]) -> Study:
    """A study from the content of its file.

    Raises:
        InputError: If an entry is unknown, missing or of the wrong kind.
    """
    toml_values.check_known(raw, _SECTIONS, "the study")
    parts = {
        name: toml_values.section(raw, name) for name in ("data", "methods", "options", "scores")
    }
    toml_values.check_known(parts["methods"], ("run", "tolerated"), "[methods]")
    toml_values.check_known(parts["scores"], ("n_boot",), "[scores]")
    run = toml_values.strings(parts["methods"].get("run"), "[methods] run")
    tolerated = parts["methods"].get("tolerated", [])
    tolerated = toml_values.strings(tolerated, "[methods] tolerated") if tolerated else ()
    toml_values.among(tolerated, run, "[methods] tolerated")
    options, overrides = _options(parts["options"], run)
    validation = sections.schemes(toml_values.section(raw, "validation"), run)
    data = data_choice(parts["data"])
    return Study(
        data=data,
        run=run,
        tolerated=tolerated,
        options=options,
        overrides=overrides,
        pairs=_pairs(toml_values.section(raw, "compare"), run),
        seed=toml_values.whole(raw.get("seed", 0), "seed", 0),
        n_boot=toml_values.whole(parts["scores"].get("n_boot", 2000), "[scores] n_boot", 2),
        title=toml_values.text(raw.get("title", "dirimix study"), "title"),
        validation=validation,
        preselection=sections.preselection(
            toml_values.section(raw, "preselection"), run, validation
        ),
        threshold=sections.threshold(toml_values.section(raw, "threshold"), run, data.table),
        reversion=sections.reversion(toml_values.section(raw, "reversion")),
        exhibits=exhibits(toml_values.section(raw, "exhibits"), run),
    )


def check_options(choice: Choice, options: Mapping[str, object]) -> None:
    """Raise an InputError if a method does not have one of the options, or of another kind."""
    known = choice.method.options()
    for name, value in options.items():
        if name not in known:
            raise InputError(
                f"{choice.name} has no option {name!r}{did_you_mean(name, known)}; it has "
                f"{', '.join(known) or 'none'}"
            )
        _check_kind(choice.name, name, value, known[name])


def _check_kind(method: str, name: str, value: object, default: object) -> None:
    """Numbers where the default is a number, text where it is text."""
    kind = type(default)
    fits = type(value) is kind or (kind is float and type(value) is int)
    if kind in _KINDS and not fits:
        raise InputError(f"option {name!r} of {method} is {_KINDS[kind]}, not {value!r}")


_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def _options(
    raw: Mapping[str, Any], run: tuple[str, ...]
) -> tuple[dict[str, object], dict[str, dict[str, object]]]:
    """Common options and those of single methods, each known to somebody."""
    common = {k: v for k, v in raw.items() if not isinstance(v, dict)}
    own = {k: v for k, v in raw.items() if isinstance(v, dict)}
    choices = tuple(map(parse_method, run))
    known = {name for choice in choices for name in choice.method.options()} if common else set()
    for name, value in common.items():
        if name not in known:
            raise InputError(
                f"no method of this study has the option {name!r} of [options]"
                f"{did_you_mean(name, known)}; known are {', '.join(sorted(known)) or 'none'}"
            )
        for choice in choices:
            if name in choice.method.options():
                check_options(choice, {name: value})
    for name, options in own.items():
        choice = parse_method(name)
        check_options(choice, options)
        if name not in run:
            raise InputError(
                f'[options."{name}"] is given, but [methods] run does not have {name!r}; add it '
                "there or leave it out"
            )
    return common, own


def _pairs(raw: Mapping[str, Any], run: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    toml_values.check_known(raw, ("pairs",), "[compare]")
    pairs = raw.get("pairs", [])
    if not isinstance(pairs, list):
        raise InputError(f"[compare] pairs is a list of pairs of methods, not {pairs!r}")
    for pair in pairs:
        names = toml_values.strings(pair, "a pair of [compare] pairs")
        if len(names) != 2:
            raise InputError(f"a pair of [compare] pairs has two methods, not {pair!r}")
        toml_values.among((name.partition(":")[0] for name in names), run, "[compare] pairs")
        for name in names:
            if parse_method(name.partition(":")[0]).method.each_model and ":" not in name:
                raise InputError(
                    f"[compare] pairs has {name!r}, which is many models; name one as "
                    f"'{name}:MODEL'"
                )
    return tuple((a, b) for a, b in pairs)
