"""Bring the methods' results together: the tables of an output folder."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import pandas as pd

from dirimix.assess.compared.every_pair import every_pair
from dirimix.assess.compared.regions import region_rows
from dirimix.assess.comparison import Row, pair_rows
from dirimix.assess.headline import LEAVE_ONE_OUT, headline_pair
from dirimix.assess.method_tables import Tables
from dirimix.assess.ranking import ranking, unlike_rows
from dirimix.assess.schema import TABLES, read_tables
from dirimix.assess.site_tables import site_tables
from dirimix.assess.threshold import joint
from dirimix.laws.bootstrap import Bootstrap
from dirimix.methods import parse_method
from dirimix.study.failures import Failure
from dirimix.study.folder import OTHER_TABLE_FOLDER
from dirimix.study.jobs import Job, ResolvedStudy
from dirimix.study.validation import confirmed, joined, validate
from dirimix.study.variants import variant_pairs, weight_changes
from dirimix.table.coordinates import NUMBER


@dataclass(frozen=True)
class Finished:
    """A study whose jobs are done, those that could be."""

    setup: ResolvedStudy
    jobs: Sequence[Job]
    failures: Sequence[Failure] = ()

    @property
    def whole(self) -> list[Job]:
        """The fits to all training rows, one a method."""
        return [job for job in self.jobs if job.is_whole]

    def unconverged(self, jobs: Iterable[Job]) -> dict[str, tuple[str, ...]]:
        """Why, by title, of those of the jobs that have not converged."""
        facts = (job.facts() for job in jobs)
        return {f["title"]: tuple(f["reasons"]) for f in facts if not f["converged"]}


@dataclass(frozen=True)
class Collated:
    """What the jobs of a study say together.

    Attributes:
        tables: Every table of the output folder, by name; those without rows have their columns.
        notes: What a reader of the tables must know, line by line.
    """

    tables: Tables
    notes: tuple[str, ...]


def collate(done: Finished) -> Collated:
    """Bring the results of all jobs together."""
    data, there = done.setup.data, {job.choice.name for job in done.whole}
    pairs = tuple(pair for pair in variant_pairs(done.setup.study) if there.issuperset(pair))
    found, notes = _compared(done, pairs)
    words = [c for c in data.coords if data.kinds.get(c, NUMBER) != NUMBER]
    words += [data.names] if data.names else []
    elsewhere = [job for job in done.jobs if job.task.place.startswith(OTHER_TABLE_FOLDER)]
    for source, jobs in {"fits": done.whole, "targets": [*done.whole, *elsewhere]}.items():
        for name in (name for name, table in TABLES.items() if table.source == source):
            parts = [*read_tables((job.home for job in jobs), name, words), found.get(name)]
            found[name] = _joined(name, parts, data.site_columns)
    if done.setup.others and len(found["threshold"]):
        found["joint"] = joint(found["threshold"], data.site_columns)
    found |= site_tables(data)
    found["variants"] = weight_changes(pairs, found["weights"], data.coords)
    shown = [name for name, table in TABLES.items() if table.source != "one fit"]
    tables = {name: found.get(name, _joined(name, [], data.site_columns)) for name in shown}
    return Collated(tables, (*_training_rows(done), *notes))


def _training_rows(done: Finished) -> Iterator[str]:
    """A sentence if the methods, or the models of one, are not all fitted to the same rows."""
    rows = {
        f"{facts['method']} {model}".strip(): n
        for facts in (job.facts() for job in done.whole)
        for model, n in facts["rows"].items()
    }
    if len(set(rows.values())) > 1:
        counts = ", ".join(
            f"{n} ({', '.join(name for name, own in rows.items() if own == n)})"
            for n in sorted(set(rows.values()), reverse=True)
        )
        yield (
            f"the methods are fitted to different numbers of training rows, as models lack values "
            f'at some: {counts}; rows = "complete" in [data] gives all of them the same'
        )


def _compared(done: Finished, variants: Sequence[Sequence[str]]) -> tuple[Tables, tuple[str, ...]]:
    """What looks at several jobs at once; of the scores, those of the validation schemes."""
    study, selection = done.setup.study, done.setup.selection
    bootstrap = Bootstrap(study.seed, study.n_boot)
    points, tables = validate(study, done.setup.data, done.jobs)
    unseen = _unseen(points)
    tables["ranking"] = ranking(unseen, bootstrap)
    tables["differences"] = every_pair(unseen, bootstrap)
    tables["regions"] = region_rows(points, done.setup.data, study.validation)
    first = headline_pair(cast(list[Row], tables["ranking"].to_dict("records")))
    # the other way round is the same comparison
    asked = [*study.pairs, *variants]
    more = [] if first is None or (first[1], first[0]) in asked else [first]
    pairs = tuple(dict.fromkeys((*asked, *more)))
    tables["pairs"] = pair_rows(pairs, points, bootstrap)
    tables["preselection_confirmed"] = confirmed(study, done.jobs, points)
    if selection is not None:
        tables["preselection"] = selection.path
    return tables, unlike_rows(unseen)


def _unseen(points: pd.DataFrame) -> pd.DataFrame:
    """Points that say how well rows are predicted that were not seen.

    Leave-one-out of a corrected method is not among them: its correction has seen every row.
    """
    names = set(map(str, cast(pd.Series, points["method"])))
    corrected = [name for name in names if parse_method(name).corrected]
    by_itself = pd.Series(points["method"].isin(corrected) & (points["split"] == LEAVE_ONE_OUT))
    return cast(pd.DataFrame, points.loc[~by_itself & (points["split"] != "train")])


def _joined(name: str, parts: Iterable[pd.DataFrame | None], sites: Sequence[str]) -> pd.DataFrame:
    """All rows of the parts of a table, under all of its columns."""
    columns, filled = TABLES[name].columns(sites), [part for part in parts if part is not None]
    assert all(set(part.columns) <= set(columns) for part in filled if len(part)), name
    return joined(filled, columns)
