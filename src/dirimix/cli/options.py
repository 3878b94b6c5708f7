"""Options that several commands share, and how their text becomes values."""

import argparse
import csv
import math
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dirimix.errors import InputError

if TYPE_CHECKING:
    from dirimix.study.spec import LongColumns, Study

LONG = {"model": "model names", "value": "values", "quantile": "the quantiles' levels"}


def add_common(parser: argparse.ArgumentParser) -> None:
    """Options of every command."""
    parser.add_argument("--seed", type=seed, help="same seed and input, same result (default 0)")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")
    parser.set_defaults(allow_unconverged=False)


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    """The option of every command that reads a table."""
    parser.add_argument(
        "--data-dir", metavar="DIR", help="folder of datasets (else DIRIMIX_DATA_DIR, else a cache)"
    )


def add_study(parser: argparse.ArgumentParser) -> None:
    """The study file and what of it is taken."""
    parser.add_argument("study", metavar="STUDY.toml")
    parser.add_argument("--out", metavar="DIR", help="folder of the run; default runs/STUDY")
    parser.add_argument("--only", metavar="METHOD,...", help="only these of its methods")


def read_study(arguments: argparse.Namespace) -> "Study":
    """The study that the options of `add_study` name.

    Raises:
        InputError: If it is not valid.
    """
    from dirimix.study import parse

    study = parse.read_study(Path(arguments.study))
    if arguments.seed is not None:
        study = replace(study, seed=arguments.seed)
    return study.only(names(arguments.only, "--only")) if arguments.only else study


def study_folder(arguments: argparse.Namespace) -> Path:
    """The output folder that the options of `add_study` name."""
    return Path(arguments.out or Path("runs", Path(arguments.study).stem))


def add_common_of_fits(parser: argparse.ArgumentParser) -> None:
    """Options of every command that reads a table and gives a result."""
    add_data_dir(parser)
    parser.add_argument(
        "--allow-unconverged", action="store_true", help="exit 0 even if a result has not converged"
    )
    add_common(parser)


def add_columns(parser: argparse.ArgumentParser) -> None:
    """Options that say which column of a table is what."""
    parser.add_argument("--target", metavar="COL", help="column of the observations")
    parser.add_argument("--coords", metavar="A,B", help="columns of the coordinates")
    parser.add_argument("--models", metavar="M1,M2,...", help="columns of the models")
    parser.add_argument("--error", metavar="COL", help="column of the measurement errors")
    parser.add_argument("--names", metavar="COL", help="column whose text names each row")


def columns(text: str | None, flag: str) -> tuple[str, ...] | None:
    """The names that such an option has, if it is given.

    Raises:
        InputError: If a name is empty.
    """
    return None if text is None else names(text, flag)


def add_long(parser: argparse.ArgumentParser) -> None:
    """Options of a long table."""
    parser.add_argument(
        "--long", action="store_true", help="the table has one row a model and site"
    )
    for name, what in LONG.items():
        parser.add_argument(
            f"--long-{name}", metavar="COL", help=f"its column of {what}; makes it --long"
        )


def add_observations(parser: argparse.ArgumentParser) -> None:
    """The option of observations in a file of their own."""
    parser.add_argument(
        "--observations", metavar="FILE", help="file with the observations that the table lacks"
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Options of how a table is read."""
    add_long(parser)
    parser.add_argument(
        "--missing", type=number, action="append", default=[], metavar="NUMBER",
        help="a number that marks a missing value, such as -9999; may be given again",
    )  # fmt: skip


def long_columns(arguments: argparse.Namespace) -> "LongColumns | None":
    """The columns of a long table, None where the table is wide."""
    from dirimix.study.spec import LongColumns

    given = {name: getattr(arguments, f"long_{name}") for name in LONG}
    return LongColumns(**given) if arguments.long or any(given.values()) else None


def whole(text: str) -> int:
    """A whole number from the text of an option."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r}") from None


def number(text: str) -> float:
    """A finite number from the text of an option."""
    try:
        found = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, not {text!r}") from None
    if not math.isfinite(found):
        raise argparse.ArgumentTypeError(f"must be a finite number, not {text!r}")
    return found


def seed(text: str) -> int:
    """A seed from the text of an option."""
    if (found := whole(text)) < 0:
        raise argparse.ArgumentTypeError(f"must be a whole number of 0 or more, not {text}")
    return found


def names(text: str, flag: str) -> tuple[str, ...]:
    """Names from a comma-separated list; one that holds a comma stands in double quotes.

    >>> names('x, "y, z"', "--coords")
    ('x', 'y, z')

    Raises:
        InputError: If a name is empty, or an end of line parts two.
    """
    try:
        rows = list(csv.reader([text], skipinitialspace=True))
    except csv.Error:  # a line that ends outside quotes
        rows = list[list[str]]()
    found = tuple(name.strip() for row in rows for name in row)
    if not found or not all(found):
        raise InputError(f"{flag} takes names separated by commas, not {text!r}")
    return found


def periods(text: str | None) -> dict[str, float] | None:
    """Coordinates that come round and their periods, from a comma-separated list.

    >>> periods("doy=365.25, hour=24")
    {'doy': 365.25, 'hour': 24.0}

    Raises:
        InputError: If it is no such list.
    """
    if text is None:
        return None
    try:
        pairs = [part.rpartition("=") for part in text.split(",")]
        return {name.strip(): float(period) for name, _, period in pairs}
    except ValueError as error:
        raise InputError(
            f"--periodic takes COORDINATE=PERIOD, separated by commas, not {text!r}"
        ) from error


def setting(text: str) -> tuple[str, object]:
    """A NAME=VALUE pair; the value is read as in a study file, else as text or names with commas.

    >>> setting("n_evidence=10"), setting("candidates=equal,ols")
    (('n_evidence', 10), ('candidates', ['equal', 'ols']))

    Raises:
        InputError: If there is no '='.
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError(f"--option takes NAME=VALUE, not {text!r}")
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, list(names(value, text)) if "," in value else value
