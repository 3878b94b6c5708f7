"""What of a study would be refused, without a fit: options, names, folds, what methods need."""

# pyright: strict, reportMissingTypeStubs=false

import warnings
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from dirimix.assess.folds import clusters, make_folds
from dirimix.assess.options import Scheme
from dirimix.assess.threshold import refuse_level
from dirimix.errors import InputError, did_you_mean
from dirimix.estimators.fitted import check_method, check_parameters, transform_of
from dirimix.methods import Choice
from dirimix.study.entries import MAPS
from dirimix.study.jobs import ResolvedStudy
from dirimix.study.spec import ENOUGH_ROWS, MANY_ROWS, Study
from dirimix.table.split import SplitTable
from dirimix.table.table import make_table

Lines = dict[str, list[str]]


@dataclass
class Findings:
    """What was found: sentences, each with what it was said of ('' for the whole study).

    Attributes:
        refusals: What a run would refuse.
        warnings: What it would warn of.
    """

    refusals: Lines = field(default_factory=Lines)
    warnings: Lines = field(default_factory=Lines)

    @property
    def refused(self) -> tuple[str, ...]:
        """The refusals, a line each."""
        return _lines(self.refusals)

    @property
    def warned(self) -> tuple[str, ...]:
        """The warnings, a line each."""
        return _lines(self.warnings)

    @contextmanager
    def of(self, what: str = "", *, tolerated: bool = False) -> Generator[None]:
        """Collect the warnings of a block, and its refusal: a warning of what may fail."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                yield
            except InputError as error:
                found = self.warnings if tolerated else self.refusals
                found.setdefault(str(error), []).append(what)
        for sentence in dict.fromkeys(str(w.message) for w in caught):
            self.warnings.setdefault(sentence, []).append(what)


def _lines(found: Lines) -> tuple[str, ...]:
    named = ((", ".join(filter(None, whats)), sentence) for sentence, whats in found.items())
    return tuple(f"{names}: {sentence}" if names else sentence for names, sentence in named)


def check_setup(setup: ResolvedStudy) -> None:
    """Refuse a study that cannot be run as it stands.

    Raises:
        InputError: If anything would be refused; it says the first.
    """
    refused = look_over(setup).refused
    if refused:
        more = len(refused) - 1
        rest = f" (`dirimix check` lists {more} more)" if more else ""
        raise InputError(f"{refused[0]}{rest}")


def look_over(setup: ResolvedStudy) -> Findings:
    """All that a run of a study would refuse or warn of before its first fit."""
    found, study, data = Findings(), setup.study, setup.data
    with found.of():
        _check_pairs(study.pairs, data.models)
    with found.of():
        _check_preselection(setup)
    tables = {study.data.table: data, **setup.others}
    along: Mapping[str, str] = {} if study.threshold is None else study.threshold.along
    for table, coordinate in along.items():
        with found.of():
            _check_along(coordinate, tables[table])
    for choice in study.choices():
        _look_at_method(found, setup, choice, data)
    for sentence in (*long_waits(setup), *_empty_maps(setup)):
        found.warnings.setdefault(sentence, []).append("")
    for scheme in study.validation:
        _look_at_scheme(found, setup, scheme)
    followed = () if study.threshold is None else study.threshold.methods
    for table in tables.values():
        with found.of():
            _check_level(study, table)
    for other in setup.others.values():
        for choice in (c for c in study.choices() if c.name in followed):
            _look_at_method(found, setup, choice, other, f"{choice.name} of {other.target}")
    return found


def long_waits(setup: ResolvedStudy) -> tuple[str, ...]:
    """What of a study may take hours, if anything: a sentence to be read before it begins."""
    rows = len(setup.data.parts["train"].frame)
    fields = [c.name for c in setup.study.choices() if _has_process(c)]
    if rows <= MANY_ROWS or not fields:
        return ()
    return (
        f"{rows} training rows may take {' and '.join(fields)} hours: n_train = {ENOUGH_ROWS} in "
        f"[data], or --n-train {ENOUGH_ROWS} of dirimix fit, takes so many of them, drawn with the "
        "seed",
    )


def _empty_maps(setup: ResolvedStudy) -> Iterator[str]:
    """The exhibits that will show nothing, a sentence each."""
    coords = setup.data.coords
    for exhibit in setup.study.exhibits:
        if exhibit.kind in MAPS and len(coords) != 2:
            there = ", ".join(coords) or "no coordinate"
            yield (
                f"[exhibits] {exhibit.name} will show nothing: {exhibit.kind} is a map of two "
                f"coordinates, and the table has {there}"
            )


def _has_process(choice: Choice) -> bool:
    """Whether Gaussian processes are inferred together with the weights."""
    method = choice.method
    discrepancy = method.fixed.get("discrepancy", "none") != "none"
    return discrepancy or (method.local and method.fixed.get("field") != "linear")


def _look_at_method(
    found: Findings,
    setup: ResolvedStudy,
    choice: Choice,
    data: SplitTable,
    title: str = "",
    more: Mapping[str, object] | None = None,
) -> None:
    study = setup.study
    options, title = study.options_of(choice) | dict(more or {}), title or choice.name
    usable = False
    with found.of(title):
        check_parameters(choice, data, options, study.seed)
        usable = True
    if usable:
        with found.of(title, tolerated=choice.name in study.tolerated):
            check_method(choice, data, options, study.seed)


def _look_at_scheme(found: Findings, setup: ResolvedStudy, scheme: Scheme) -> None:
    """The folds of a scheme, each as a table, and the smallest training parts by every method."""
    study, data, parts = setup.study, setup.data, list[SplitTable]()
    with found.of():
        folds = make_folds(scheme, data, study.seed)
        clusters(scheme, data)
        for fold in folds:
            with found.of(f"[validation.{scheme.name}] without {fold.label}"):
                part = fold.data(data)
                _check_fit(part)
                parts.append(part)
    if not parts:
        return
    smallest = _smallest(parts)
    silent = Findings()  # what it warns of, the whole table does
    for choice in study.validated(scheme):
        known = choice.method.options()
        more = {k: v for k, v in scheme.options.items() if k in known}
        title = f"[validation.{scheme.name}] {choice.name}"
        for part in smallest:
            _look_at_method(silent, setup, choice, part, title, more)
    for sentence, names in silent.refusals.items():
        found.refusals.setdefault(sentence, []).extend(names)


def _smallest(parts: Sequence[SplitTable]) -> list[SplitTable]:
    """Those with the fewest training rows, and with the fewest where all models have a value."""
    frames = [cast(Any, part.parts["train"].frame)[list(part.models)] for part in parts]
    counts = [[len(f) for f in frames], [int(f.notna().all(axis=1).sum()) for f in frames]]
    return [parts[n] for n in dict.fromkeys(int(np.argmin(c)) for c in counts)]


def _check_fit(data: SplitTable) -> None:
    rows = data.parts["train"]
    make_table(rows.frame, data.coords, data.models, rows.y, rows.y_err, fitting=True)


def _check_pairs(pairs: Iterable[tuple[str, str]], models: tuple[str, ...]) -> None:
    for name in (name for pair in pairs for name in pair):
        method, colon, model = name.partition(":")
        if colon and model not in models:
            raise InputError(
                f"[compare] pairs has {name!r}, and {model!r} is none of the models"
                f"{did_you_mean(model, models)}; {method} has {', '.join(models)}"
            )


def _check_preselection(setup: ResolvedStudy) -> None:
    wanted, models = setup.study.preselection, setup.data.models
    if wanted is not None and wanted.keep is not None and wanted.keep > len(models):
        raise InputError(
            f"[preselection] keep is {wanted.keep}, and there are {len(models)} models; keep fewer"
        )


def _check_level(study: Study, data: SplitTable) -> None:
    wanted = study.threshold
    if wanted is None or not wanted.ended:
        return
    for choice in (c for c in study.choices() if c.name in wanted.methods):
        refuse_level(wanted.level, transform_of(data, study.options_of(choice)))


def _check_along(coordinate: str, data: SplitTable) -> None:
    if coordinate not in data.coords:
        raise InputError(
            f"[threshold.along] names {coordinate!r}, which is no coordinate of {data.source}"
            f"{did_you_mean(coordinate, data.coords)}; it has {', '.join(data.coords)}"
        )
