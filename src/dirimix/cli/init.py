"""Look at a table and write a study of it, to be edited."""

import argparse
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from dirimix.cli import options
from dirimix.cli.console import ConsoleReporter
from dirimix.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from dirimix.study.spec import LongColumns

# plain names of columns
_NAMES_MODELS = ("model", "models", "model_id", "source_id")
_COUNTS_MODELS = (*_NAMES_MODELS, "member", "ensemble", "realization", "realisation", "number")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`init TABLE [--out STUDY.toml]`."""
    parser.add_argument("table", metavar="TABLE", help="CSV, Parquet or netCDF")
    parser.add_argument("--out", metavar="STUDY.toml", help="default: TABLE with this ending")
    options.add_columns(parser)
    options.add_long(parser)
    options.add_observations(parser)
    options.add_common(parser)
    parser.set_defaults(act=_init)


def _init(arguments: argparse.Namespace) -> bool:
    table = Path(arguments.table)
    out = Path(arguments.out or table.with_suffix(".toml").name)
    if out.suffix != ".toml":
        raise InputError(f"--out takes a study file that ends in .toml, not {str(out)!r}")
    if out.exists():
        raise InputError(f"{str(out)!r} is there already; name another file with --out")
    if not out.parent.is_dir():
        raise InputError(f"there is no folder {str(out.parent)!r}; make it, or name another --out")
    from dirimix.cli.draft import rows_taken, study_text
    from dirimix.study.work.said import collected_warnings
    from dirimix.table.files import whole_file
    from dirimix.table.guessing.guess import guess

    with collected_warnings(ConsoleReporter(quiet=arguments.quiet).say, arguments.table):
        read = _as_read(arguments, out)
    found = guess(
        read.frame,
        target=read.target,
        coords=options.columns(arguments.coords, "--coords"),
        models=options.columns(arguments.models, "--models"),
        error=arguments.error,
        names=arguments.names,
    )
    with whole_file(out) as path:
        text = study_text(found, _place(table, out), read.lines, _said_of(found.target, read.frame))
        path.write_text(text, encoding="utf-8")
    if not arguments.quiet:
        for line in (*found.words(), *read.said):
            sys.stdout.write(line + "\n")
        if taken := rows_taken(found):
            sys.stdout.write(f"training rows: {taken}, drawn with the seed (n_train)\n")
        sys.stdout.write(f"written to {out}; correct it where it is wrong, then\n")
        sys.stdout.write(f"  dirimix check {out}\n  dirimix run {out}\n")
    return True


@dataclass(frozen=True)
class _Reading:
    """The table with a column a model and the observations.

    Attributes:
        frame: The table.
        lines: Those of [data] that say how it was made.
        target: Column of the observations, if it is known.
        said: What there is to say of that.
    """

    frame: "pd.DataFrame"
    lines: list[str]
    target: str | None
    said: list[str]


def _as_read(arguments: argparse.Namespace, out: Path) -> _Reading:
    from dirimix.cli.draft import quoted
    from dirimix.study.rows import joined_words
    from dirimix.table.files import read_frame
    from dirimix.table.frames import looks_long
    from dirimix.table.guessing.roles import find_error, find_target
    from dirimix.table.long import pivot_long, with_observations

    frame, lines, target = read_frame(arguments.table), list[str](), arguments.target
    said = list[str]()
    long = options.long_columns(arguments) or _long_by_names(frame, target)
    if long is not None or looks_long(list(map(str, frame.columns))):
        given = {} if long is None else {k: v for k, v in vars(long).items() if v is not None}
        frame = pivot_long(frame, **given)
        words = ", ".join(f"{name} = {quoted(column)}" for name, column in given.items())
        lines.append(f"long = {f'{{ {words} }}' if words else 'true'} # a row a model and site")
    if arguments.observations is not None:
        other = read_frame(arguments.observations)
        own = other.drop(columns=[c for c in other.columns if c in frame.columns])
        target = target or find_target(own, elsewhere=True)
        error = arguments.error or find_error(own, target)
        frame = with_observations(frame, other, target, error)
        said.append(joined_words(frame, other, target))
        lines.append(f"observations = {quoted(_place(Path(arguments.observations), out))}")
    return _Reading(frame, lines, target, said)


def _long_by_names(frame: "pd.DataFrame", target: str | None) -> "LongColumns | None":
    """Columns of a long table: one whose text names models, and the only one of their values."""
    from dirimix.study.spec import LongColumns
    from dirimix.table.guessing.roles import COORDS, find_error, find_target
    from dirimix.table.values import mostly_numbers, plain_name

    columns = list(map(str, frame.columns))
    numbers = [str(n) for n in frame.columns if mostly_numbers(cast(Any, frame[n])) is not None]
    names = [n for n in columns if plain_name(n) in _NAMES_MODELS and n not in numbers]
    names = names or [n for n in columns if plain_name(n) in _COUNTS_MODELS and _repeats(frame, n)]
    if len(names) != 1 or "value" in map(plain_name, numbers):
        return None
    with suppress(InputError):
        target = target or find_target(frame)
    taken = {target, find_error(frame, target) if target in numbers else None}
    known = (*taken, *names)
    values = [n for n in numbers if n not in known and plain_name(n) not in COORDS]
    return LongColumns(names[0], values[0]) if len(values) == 1 else None


def _repeats(frame: "pd.DataFrame", name: str) -> bool:
    """Whether all labels of a column, texts or whole numbers, stand in equally many rows."""
    from pandas.api.types import is_numeric_dtype

    column = cast(Any, frame[name])
    counts = column.value_counts()
    whole = not is_numeric_dtype(column.dtype) or bool((column == column.round()).all())
    return whole and 1 < len(counts) < len(column) and counts.nunique() == 1


def _said_of(target: str, frame: "pd.DataFrame") -> dict[str, str]:
    """Entries of [data] by what the table itself says of the target."""
    from dirimix.table.frames import LABELS, UNITS

    said = (("label", frame.attrs.get(LABELS, {})), ("unit", frame.attrs.get(UNITS, {})))
    return {entry: words[target] for entry, words in said if target in words}


def _place(file: Path, study: Path) -> str:
    """A file as a study names it, from its own folder."""
    return Path(os.path.relpath(file.resolve(), study.parent.resolve())).as_posix()
