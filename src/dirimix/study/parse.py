"""A study file, read and checked: its entries by the table in `entries`, then what binds them."""

# pyright: strict

import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin

from dirimix.assess.options import Reversion, Scheme, Threshold
from dirimix.errors import InputError, did_you_mean
from dirimix.methods import Choice, parse_method
from dirimix.study import toml_values as values
from dirimix.study.entries import SECTIONS, read_entries
from dirimix.study.spec import DataChoice, ExhibitChoice, Preselection, Study

RESERVED = ("train", "test", "landscape", "psis-loo")  # what scores call other rows
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def read_study(path: Path) -> Study:
    """Read and check a study file; the tables that it names are relative to its folder.

    Raises:
        InputError: If the file is missing, is not TOML, or has an unknown or a bad entry.
    """
    if not path.is_file():
        raise InputError(f"there is no study file {str(path)!r}; check the path")
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"the study {str(path)!r} is not valid TOML: {error}") from error
    study = make_study(raw)
    data, threshold = replace(study.data, table=_beside(path, study.data.table)), study.threshold
    if data.observations is not None:
        data = replace(data, observations=_beside(path, data.observations))
    if threshold is not None:
        along = {_beside(path, table): coord for table, coord in threshold.along.items()}
        threshold = replace(threshold, along=along)
    return replace(study, data=data, threshold=threshold)


def make_study(raw: Mapping[str, Any]) -> Study:
    """Make a study from the content of its file.

    Raises:
        InputError: If an entry is unknown, missing or of the wrong kind.
    """
    names = tuple(name.partition(".")[0] for name in SECTIONS if name)
    values.check_known(raw, (*SECTIONS[""], *names), "the study")
    parts = {name: values.table(raw.get(name, {}), f"[{name}]") for name in names}
    methods = read_entries(parts["methods"], "methods")
    run = methods["run"]
    values.check_run(methods.get("tolerated", ()), run, "[methods] tolerated")
    options, overrides = _options(parts["options"], run)
    data = DataChoice(**read_entries(parts["data"], "data"))
    if data.split is not None and data.test_fraction is not None:
        raise InputError("[data] has both split and test_fraction; keep one of them")
    validation = tuple(_scheme(name, part, run) for name, part in parts["validation"].items())
    return Study(
        data,
        **methods,
        options=options,
        overrides=overrides,
        pairs=_pairs(parts["compare"], run),
        **read_entries({k: v for k, v in raw.items() if k not in names}, "", where=""),
        **read_entries(parts["scores"], "scores"),
        validation=validation,
        preselection=_preselection(parts["preselection"], run, validation)
        if "preselection" in raw
        else None,
        threshold=_threshold(parts["threshold"], run, data) if "threshold" in raw else None,
        reversion=Reversion(**read_entries(parts["reversion"], "reversion")),
        exhibits=tuple(_exhibit(name, part, run) for name, part in parts["exhibits"].items()),
    )


def _beside(path: Path, table: str) -> str:
    """A table as the study file at a path names it: a data set, or a file beside it."""
    return table if table.startswith("data:") else str(path.parent / table)


def check_options(choice: Choice, options: Mapping[str, object]) -> None:
    """Check options of a method against the parameters of its estimator.

    Raises:
        InputError: If the method does not have one of them, or has it of another kind.
    """
    known = choice.method.types()
    for name, value in options.items():
        if name not in known:
            raise InputError(
                f"{choice.name} has no option {name!r}{did_you_mean(name, known)}; it has "
                f"{', '.join(known) or 'none'}"
            )
        wanted = _wanted(known[name], value)
        if wanted:
            raise InputError(f"option {name!r} of {choice.name} is {wanted}, not {value!r}")


def _wanted(annotation: Any, value: object) -> str:
    """What an option must be, by the type of its parameter, '' if the value is that."""
    several = get_origin(annotation) in (Union, UnionType)
    parts = get_args(annotation) if several else (annotation,)
    words = [str(word) for p in parts if get_origin(p) is Literal for word in get_args(p)]
    if words:
        return "" if value in words else f"one of {', '.join(words)}"
    kinds: list[type] = [part for part in parts if part in _KINDS]
    if float in kinds and isinstance(value, float) and not math.isfinite(value):
        return "a finite number"
    fits = type(value) in kinds or (float in kinds and type(value) is int)
    return "" if fits or not kinds else " or ".join(_KINDS[kind] for kind in kinds)


def _options(
    raw: Mapping[str, Any], run: tuple[str, ...]
) -> tuple[dict[str, object], dict[str, dict[str, object]]]:
    """Options for all methods and those of single methods, by method."""
    common = {k: v for k, v in raw.items() if not isinstance(v, dict)}
    own: dict[str, dict[str, object]] = {k: v for k, v in raw.items() if isinstance(v, dict)}
    _check_common(common, run, "this study")
    for name, options in own.items():
        check_options(parse_method(name), options)
        if name not in run:
            raise InputError(
                f'[options."{name}"] is given, but [methods] run does not have {name!r}; add it '
                "there or leave it out"
            )
    return common, own


def _check_common(options: Mapping[str, object], methods: Iterable[str], whose: str) -> None:
    """Raise an InputError if no method has one of the options, or one has it of another kind."""
    choices = [parse_method(name) for name in methods]
    for name, value in options.items():
        owners = [choice for choice in choices if name in choice.method.options()]
        if not owners:
            known = sorted({option for choice in choices for option in choice.method.options()})
            raise InputError(
                f"no method of {whose} has the option {name!r}{did_you_mean(name, known)}; known "
                f"are {', '.join(known) or 'none'}"
            )
        for choice in owners:
            check_options(choice, {name: value})


def _pairs(raw: Mapping[str, Any], run: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    pairs = read_entries(raw, "compare").get("pairs", ())
    for name in (name for pair in pairs for name in pair):
        method, colon, _ = name.partition(":")
        values.check_run([method], run, "[compare] pairs")
        if parse_method(method).method.each_model and not colon:
            raise InputError(
                f"[compare] pairs has {name!r}, which is many models; name one as '{name}:MODEL'"
            )
        if colon and not parse_method(method).method.each_model:
            raise InputError(
                f"[compare] pairs has {name!r}, and {method!r} mixes all models; name it by itself"
            )
    return pairs


def _scheme(name: str, raw: object, run: tuple[str, ...]) -> Scheme:
    values.check_plain(name, "a scheme of [validation]")
    where = f"[validation.{name}]"
    if name in RESERVED:
        raise InputError(f"{where} bears a name that other rows have; choose another")
    found = read_entries(values.table(raw, where), "validation.NAME", run, where=where)
    _check_common(found.get("options", {}), found.get("methods", run), where)
    return Scheme(name, found.pop("scheme"), **found)


def _preselection(
    raw: Mapping[str, Any], run: tuple[str, ...], tried: tuple[Scheme, ...]
) -> Preselection:
    found = Preselection(**read_entries(raw, "preselection", run))
    kind = parse_method(found.method).method
    if kind.each_model or kind.local:
        raise InputError(
            f"[preselection] method is a global mixture, not {found.method!r}; try 'simplex-ls'"
        )
    usable = [scheme.name for scheme in tried if scheme.kind != "split"]
    if found.scheme not in usable:
        raise InputError(
            "[preselection] scheme is one of the [validation] that leave rows out "
            f"({', '.join(usable) or 'there are none'}), not {found.scheme!r}"
        )
    return found


def _threshold(raw: Mapping[str, Any], run: tuple[str, ...], data: DataChoice) -> Threshold:
    found = Threshold(**read_entries(raw, "threshold", run))
    for name in found.methods:
        if parse_method(name).method.each_model:
            raise InputError(f"[threshold] methods are mixtures, and {name!r} mixes nothing")
    if data.table not in found.along:
        raise InputError(
            f"[threshold.along] needs a line for {data.table!r}, the study's own table"
        )
    others = [t for t in found.along if t != data.table and not t.startswith("data:")]
    if others and data.target is not None:
        # the fits to another file are kept in a folder with the name of the target
        values.check_plain(data.target, "the target of [data]")
    return found


def _exhibit(name: str, raw: object, run: tuple[str, ...]) -> ExhibitChoice:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise InputError(
            f"an exhibit of [exhibits] is named in small letters, digits and hyphens, not {name!r}"
        )
    given = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {"kind": raw}
    options = read_entries(given, "exhibits.NAME", run, where=f"[exhibits] {name}")
    kind = options.pop("kind")
    title = options.pop("title", name.replace("-", " ").capitalize())
    return ExhibitChoice(name, kind, title, options)
