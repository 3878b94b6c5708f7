"""Every entry of a study file, in one table, and the reading of a section by it.

docs/command-line.md says what the entries mean; a test compares it with `SECTIONS`. Defaults are
those of the records in `spec` and `assess.options`.
"""

# pyright: strict

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from dirimix.errors import InputError
from dirimix.laws.transform_names import TRANSFORMS
from dirimix.study import toml_values as values
from dirimix.study.spec import LongColumns

# kind of validation scheme -> its entries beyond those that every scheme has
SCHEMES: dict[str, tuple[str, ...]] = {
    "blocks": ("size",),
    "edges": ("along", "depth", "lines"),
    "k-fold": ("folds",),
    "split": (),
}
# kind of exhibit -> its entries beyond those that every exhibit has
KINDS: dict[str, tuple[str, ...]] = {
    "rms": (),
    "global-weights": (),
    "priors": (),
    "evidence-sets": (),
    "ranking": (),
    "variants": (),
    "dirichlet": ("concentrations",),
    "coverage": ("methods",),
    "coverage-by-size": ("methods",),
    "traces": ("methods", "parameters"),
    "sensitivity": ("methods",),
    "correlations": ("methods",),
    "preselection": (),
    "domains": (),
    "weight-maps": ("methods",),
    "effective-map": ("methods",),
    "part-maps": ("methods",),
    "reversion-map": ("methods",),
    "leave-one-out-map": ("methods",),
    "threshold-map": ("methods",),
    "limits": ("methods",),
}
# of these, those that show nothing unless sites have two coordinates
MAPS = frozenset({
    "domains", "weight-maps", "effective-map", "reversion-map", "leave-one-out-map",
    "threshold-map", "limits",
})  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """An entry of a section.

    Attributes:
        read: Checks a value and returns it as a record holds it.
        needed: What a section without the entry lacks, for the message; '' if it is optional.
        of_run: Whether it names methods that the study must run.
    """

    read: values.Reader
    needed: str = ""
    of_run: bool = False


_METHODS = Entry(values.names, of_run=True)
_ANY_NAMES = values.list_of(values.text, "must be a list of names, not", least=0, distinct=True)
_PAIR = values.list_of(values.text, "must have two methods, not", least=2, most=2, distinct=True)
_PAIRS = values.list_of(_PAIR, "must be a list of pairs of methods, not", least=0)
_TRIPLE = values.list_of(
    values.positive, "have three numbers each, a corner each, not", least=3, most=3
)
_TRIPLES = values.list_of(_TRIPLE, "must be a list of lists of three numbers, not")
_ENDED = values.reader(
    "is 'below' or 'unknown', not", lambda v: v in ("below", "unknown"), lambda v: v == "below"
)


_MAP_AXES = values.list_of(
    values.text, "names two coordinates, across and up the map, not", least=2, most=2, distinct=True
)
_PLACES = values.list_of(values.number, "must be a list of numbers, and it is")


def _read_lines(value: object, where: str) -> dict[str, tuple[float, ...]]:
    """A section of lists of numbers, by coordinate."""
    return {name: _PLACES(v, f"{where}.{name}") for name, v in values.table(value, where).items()}


def _read_long(value: object, where: str) -> LongColumns | None:
    """What `long` says: true, false or a table of names of columns."""
    if isinstance(value, bool):
        return LongColumns() if value else None
    columns = values.texts(value, where)
    values.check_known(columns, [f.name for f in fields(LongColumns)], where)
    return LongColumns(**columns)


SECTIONS: dict[str, dict[str, Entry]] = {
    "": {"title": Entry(values.text), "seed": Entry(values.whole(0))},
    "data": {
        "table": Entry(values.text, "a table, a path or 'data:NAME'; add table = ..."),
        "target": Entry(values.text),
        "coords": Entry(_ANY_NAMES),
        "models": Entry(values.names),
        "error": Entry(values.text),
        "names": Entry(values.text),
        "split": Entry(values.text),
        "test_fraction": Entry(values.share),
        "rows": Entry(values.one_of("complete", "all")),
        "n_train": Entry(values.whole(2)),
        "label": Entry(values.text),
        "unit": Entry(values.text),
        "transform": Entry(values.one_of(*TRANSFORMS)),
        "geo": Entry(values.names),
        "periodic": Entry(values.periods),
        "repeats": Entry(values.one_of("keep", "pool")),
        "long": Entry(_read_long),
        "observations": Entry(values.text),
        "missing": Entry(values.list_of(values.number, "must be a list of numbers, and it is")),
        "map_axes": Entry(_MAP_AXES),
        "lines": Entry(_read_lines),
    },
    "methods": {
        "run": Entry(values.names, "a list of methods; add run = [...]"),
        "tolerated": Entry(_ANY_NAMES),
    },
    "options": {},  # free: the options of the methods, and a table of them by METHOD
    "scores": {"n_boot": Entry(values.whole(2, 1_000_000))},
    "compare": {"pairs": Entry(_PAIRS)},
    "validation.NAME": {
        "scheme": Entry(values.one_of(*SCHEMES), "a scheme; add scheme = ..."),
        "size": Entry(values.sizes, "size; a scheme of blocks is made by it"),
        "along": Entry(values.text, "along; a scheme of edges is made by it"),
        "depth": Entry(values.whole(1)),
        "lines": Entry(values.sizes),
        "folds": Entry(values.whole(2), "folds; a scheme of k-fold is made by it"),
        "cluster": Entry(values.sizes),
        "methods": _METHODS,
        "options": Entry(values.table),
    },
    "preselection": {
        "scheme": Entry(values.text, "a scheme, the NAME of a [validation.NAME]; add scheme = ..."),
        "method": Entry(values.text),
        "keep": Entry(values.whole(2)),
        "confirm": _METHODS,
    },
    "threshold": {
        "level": Entry(values.number),
        "methods": Entry(values.names, "a list of mixtures; add methods = [...]", of_run=True),
        "along": Entry(values.texts, "a section [threshold.along]; add TABLE = COORDINATE to it"),
        "draws": Entry(values.whole(100)),
        "ended": Entry(_ENDED),
    },
    "reversion": {"tolerance": Entry(values.share), "share": Entry(values.share)},
    "exhibits.NAME": {
        "kind": Entry(values.one_of(*KINDS), "a kind; add kind = ..."),
        "title": Entry(values.text),
        "methods": _METHODS,
        "parameters": Entry(values.names),
        "concentrations": Entry(_TRIPLES, "concentrations, a list of lists of three numbers"),
    },
}
# sections in which one entry decides which others there are
_VARIANTS = {"validation.NAME": ("scheme", SCHEMES), "exhibits.NAME": ("kind", KINDS)}


def read_entries(
    raw: Mapping[str, Any], section: str, run: tuple[str, ...] = (), *, where: str | None = None
) -> dict[str, Any]:
    """The entries that are given in a section, a key of `SECTIONS`, as records hold them.

    `run` has the methods of the study; messages call the section `where`, or [section] without.

    Raises:
        InputError: If an entry is unknown, missing or of the wrong kind.
    """
    where = f"[{section}]" if where is None else where
    known = SECTIONS[section]
    if section in _VARIANTS:
        by, kinds = _VARIANTS[section]
        _check_needed(raw, {by: known[by]}, where)
        kind = known[by].read(raw[by], f"{where} {by}")
        special = {name for own in kinds.values() for name in own} - set(kinds[kind])
        known = {name: entry for name, entry in known.items() if name not in special}
    values.check_known(raw, known, where)
    _check_needed(raw, known, where)
    found: dict[str, Any] = {}
    for name, value in raw.items():
        place = f"{where} {name}".strip()
        found[name] = known[name].read(value, place)
        if known[name].of_run:
            values.check_run(found[name], run, place)
    return found


def _check_needed(raw: Mapping[str, Any], entries: Mapping[str, Entry], where: str) -> None:
    for name, entry in entries.items():
        if entry.needed and raw.get(name) in (None, []):
            raise InputError(f"{where} needs {entry.needed}")
