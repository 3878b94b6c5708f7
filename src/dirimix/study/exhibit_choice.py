"""The section [exhibits] of a study: tables and figures that the report makes files of.

[exhibits]
table-1 = "rms"                                              # name of the files = kind
figure-1 = { kind = "dirichlet", concentrations = [[0.3, 0.3, 0.3], [1.3, 1.3, 1.3]] }
figure-2 = { kind = "weight-maps", title = "Mean weights", methods = ["lbmm-gpd", "lbmm-gld"] }
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dirimix.errors import InputError, did_you_mean
from dirimix.study import toml_values

# kind -> the options it has, besides a title
KINDS: dict[str, tuple[str, ...]] = {
    "rms": (),
    "global-weights": (),
    "priors": (),
    "evidence-sets": (),
    "ranking": (),
    "variants": (),
    "dirichlet": ("concentrations",),
    "coverage": ("methods",),
    "traces": ("methods", "parameters"),
    "sensitivity": ("methods",),
    "correlations": ("methods",),
    "preselection": (),
    "domains": (),
    "weight-maps": ("methods",),
    "effective-map": ("methods",),
    "reversion-map": ("methods",),
    "leave-one-out-map": ("methods",),
    "threshold-map": ("methods",),
    "limits": ("methods",),
}


@dataclass(frozen=True)
class ExhibitChoice:
    """One table or figure.

    Attributes:
        name: Of its files.
        kind: A key of `KINDS`.
        title: What the report calls it.
        options: Of the kind.
    """

    name: str
    kind: str
    title: str
    options: Mapping[str, Any] = field(default_factory=dict)


def exhibits(raw: Mapping[str, Any], run: tuple[str, ...]) -> tuple[ExhibitChoice, ...]:
    """The exhibits of a study that runs these methods."""
    return tuple(_exhibit(name, value, run) for name, value in raw.items())


def _exhibit(name: str, value: object, run: tuple[str, ...]) -> ExhibitChoice:
    where = f"[exhibits] {name}"
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise InputError(f"{where}: a name is made of small letters, digits and hyphens")
    given: dict[str, Any] = dict(value) if isinstance(value, dict) else {"kind": value}
    kind = toml_values.text(given.pop("kind", None), f"{where} kind")
    if kind not in KINDS:
        raise InputError(
            f"{where} is of one of the kinds {', '.join(KINDS)}, not {kind!r}"
            f"{did_you_mean(kind, KINDS)}"
        )
    toml_values.check_known(given, ("title", *KINDS[kind]), where)
    title = toml_values.text(
        given.pop("title", name.replace("-", " ").capitalize()), f"{where} title"
    )
    for option in ("methods", "parameters"):
        if option in given:
            given[option] = toml_values.strings(given[option], f"{where} {option}")
    toml_values.among(given.get("methods", ()), run, f"{where} methods")
    if kind == "dirichlet":
        given["concentrations"] = _triples(given.get("concentrations"), where)
    return ExhibitChoice(name, kind, title, given)


def _triples(value: object, where: str) -> tuple[tuple[float, ...], ...]:
    if not isinstance(value, list) or not value:
        raise InputError(f"{where} needs concentrations, a list of lists of three numbers")
    found = tuple(toml_values.numbers(v, f"{where} concentrations") for v in value)
    if any(len(triple) != 3 for triple in found):
        raise InputError(f"{where} concentrations have three numbers each, a corner each")
    return found
