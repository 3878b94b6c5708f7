"""The optional sections of a study: what is done beyond fitting and scoring.

[validation.blocks]          # a name of your own; scores come out under it
scheme = "blocks"            # or "edges", "k-fold", "split"
size = [18, 24]              # blocks: their size along each coordinate
along = "x"                  # edges: the coordinate whose two ends are left out
depth = 2                    # edges: how many sites at each end of each line
lines = [1, 1]               # edges: sites closer than this are of one line, by default equal ones
folds = 5                    # k-fold: how many
cluster = [18, 24]           # sites that are resampled together, in blocks of this size
methods = ["gbmm-d"]         # by default all
options = { draws = 500 }    # where the folds need others than the whole

[preselection]
scheme = "blocks"            # the folds that score a set of models
method = "simplex-ls"        # the fast method that is refitted to them
keep = 4                     # by default as few as cost nothing
confirm = ["lbmm-gpd"]       # methods refitted with the models that were kept

[threshold]
level = 0.0                  # P(y > level), and the last site of each line where y > level
methods = ["gbmm-d"]
draws = 1000                 # coherent over the sites
ended = "below"              # what the end of a model's table along a line means; else "unknown"
[threshold.along]            # the coordinate of the lines, by table; tables other than that of
"table.csv" = "x"            # [data] are fitted by the same methods, for this only
"other.csv" = "z"

[reversion]
tolerance = 0.05             # of a weight against its far-field value
share = 0.95                 # of the sites of a stretch that must be within it
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dirimix.assess.options import Reversion, Scheme, Threshold
from dirimix.errors import InputError, did_you_mean
from dirimix.methods import parse_method
from dirimix.study import toml_values

# what each scheme needs, and what it may have
SCHEMES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "blocks": (("size",), ()),
    "edges": (("along",), ("depth", "lines")),
    "k-fold": (("folds",), ()),
    "split": ((), ()),
}
RESERVED = ("train", "test", "landscape", "psis-loo")  # what scores call other rows


def schemes(raw: Mapping[str, Any], run: tuple[str, ...]) -> tuple[Scheme, ...]:
    """The validation schemes of a study that runs these methods."""
    return tuple(_scheme(name, toml_values.section(raw, name), run) for name in raw)


def _scheme(name: str, raw: Mapping[str, Any], run: tuple[str, ...]) -> Scheme:
    where = f"[validation.{name}]"
    if name in RESERVED:
        raise InputError(f"{where} bears a name that other rows have; choose another")
    kind = toml_values.text(raw.get("scheme"), f"{where} scheme")
    if kind not in SCHEMES:
        raise InputError(
            f"{where} scheme is one of {', '.join(SCHEMES)}, not {kind!r}"
            f"{did_you_mean(kind, SCHEMES)}"
        )
    needed, allowed = SCHEMES[kind]
    known = ("scheme", *needed, *allowed, "cluster", "methods", "options")
    toml_values.check_known(raw, known, where)
    for entry in needed:
        if entry not in raw:
            raise InputError(f"{where} needs {entry}; a scheme of {kind} is made by it")
    given: dict[str, Any] = {
        k: _VALUES[k](raw[k], f"{where} {k}") for k in known if k in raw and k in _VALUES
    }
    toml_values.among(given.get("methods", ()), run, f"{where} methods")
    options = toml_values.section(raw, "options")
    _check_options(options, given.get("methods") or run, where)
    return Scheme(name, kind, **given, options=dict(options))


_VALUES: dict[str, Callable[[object, str], Any]] = {
    "size": toml_values.numbers,
    "along": toml_values.text,
    "depth": lambda value, where: toml_values.whole(value, where, 1),
    "lines": toml_values.numbers,
    "folds": lambda value, where: toml_values.whole(value, where, 2),
    "cluster": toml_values.numbers,
    "methods": toml_values.strings,
}


def _check_options(options: Mapping[str, object], methods: tuple[str, ...], where: str) -> None:
    known = {name for method in methods for name in parse_method(method).method.options()}
    for name in options:
        if name not in known:
            raise InputError(
                f"none of the methods of {where} has the option {name!r}{did_you_mean(name, known)}"
            )


@dataclass(frozen=True)
class Preselection:
    """How models are left out one by one.

    Attributes:
        method: A fast global method, the criterion.
        scheme: Name of the validation scheme whose folds score it.
        keep: How many models to keep; None is as few as cost nothing.
        confirm: Methods that are refitted with the kept models.
    """

    method: str
    scheme: str
    keep: int | None = None
    confirm: tuple[str, ...] = ()


def preselection(
    raw: Mapping[str, Any], run: tuple[str, ...], tried: tuple[Scheme, ...]
) -> Preselection | None:
    """The section [preselection], None where it is empty."""
    if not raw:
        return None
    where = "[preselection]"
    toml_values.check_known(raw, ("method", "scheme", "keep", "confirm"), where)
    method = toml_values.text(raw.get("method", "simplex-ls"), f"{where} method")
    kind = parse_method(method).method
    if kind.each_model or kind.local:
        raise InputError(f"{where} method is a global mixture, not {method!r}; try 'simplex-ls'")
    scheme = toml_values.text(raw.get("scheme"), f"{where} scheme")
    usable = [s.name for s in tried if s.kind != "split"]
    if scheme not in usable:
        raise InputError(
            f"{where} scheme is one of the [validation] that leave rows out "
            f"({', '.join(usable) or 'there are none'}), not {scheme!r}"
        )
    keep = toml_values.whole(raw["keep"], f"{where} keep", 2) if "keep" in raw else None
    confirm = toml_values.strings(raw["confirm"], f"{where} confirm") if "confirm" in raw else ()
    toml_values.among(confirm, run, f"{where} confirm")
    return Preselection(method, scheme, keep, confirm)


def threshold(raw: Mapping[str, Any], run: tuple[str, ...], table: str) -> Threshold | None:
    """The section [threshold] of a study of a table, None where it is empty."""
    if not raw:
        return None
    where = "[threshold]"
    toml_values.check_known(raw, ("level", "methods", "along", "draws", "ended"), where)
    methods = toml_values.strings(raw.get("methods"), f"{where} methods")
    toml_values.among(methods, run, f"{where} methods")
    for name in methods:
        if parse_method(name).method.each_model:
            raise InputError(f"{where} methods are mixtures, and {name!r} mixes nothing")
    along = toml_values.section(raw, "along")
    if table not in along:
        raise InputError(f"[threshold.along] needs a line for {table!r}, the study's own table")
    ended = toml_values.text(raw.get("ended", "unknown"), f"{where} ended")
    if ended not in ("below", "unknown"):
        raise InputError(f"{where} ended is 'below' or 'unknown', not {ended!r}")
    return Threshold(
        toml_values.real(raw.get("level", 0.0), f"{where} level"),
        methods,
        {t: toml_values.text(c, f"[threshold.along] {t}") for t, c in along.items()},
        toml_values.whole(raw.get("draws", 1000), f"{where} draws", 100),
        ended == "below",
    )


def reversion(raw: Mapping[str, Any]) -> Reversion:
    """The section [reversion]."""
    toml_values.check_known(raw, ("tolerance", "share"), "[reversion]")
    found = {k: toml_values.positive(v, f"[reversion] {k}") for k, v in raw.items()}
    if any(v >= 1 for v in found.values()):
        raise InputError("[reversion] tolerance and share lie between 0 and 1")
    return Reversion(**found)
