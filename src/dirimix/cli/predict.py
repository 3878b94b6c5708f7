"""Predict the rows of a table with a fitted method."""

import argparse
from pathlib import Path

from dirimix.cli import options
from dirimix.cli.console import ConsoleReporter
from dirimix.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`predict DIR TABLE --out FILE`."""
    parser.add_argument("folder", metavar="DIR", help="folder that fit wrote")
    parser.add_argument("table", metavar="TABLE", help="CSV, Parquet or netCDF, or data:NAME")
    options.add_reading(parser)
    parser.add_argument("--out", required=True, metavar="FILE", help=".csv, .parquet or .nc")
    options.add_common_of_fits(parser)
    parser.set_defaults(act=_predict)


def _predict(arguments: argparse.Namespace) -> bool:
    from dirimix.assess.forecast import forecast
    from dirimix.study.load import read_table
    from dirimix.study.rows import as_meant
    from dirimix.study.run import collected_warnings, load_fitted
    from dirimix.study.spec import DataChoice
    from dirimix.table.files import file_kind, write_frame

    reporter = ConsoleReporter(quiet=arguments.quiet, accepted=arguments.allow_unconverged)
    file_kind(out := Path(arguments.out))
    if out.exists() and out.samefile(arguments.table):
        raise InputError(f"--out is the table itself, {arguments.out!r}; name another file")
    if not out.parent.is_dir():
        raise InputError(f"there is no folder {str(out.parent)!r} to write to; create it first")
    fitted = load_fitted(Path(arguments.folder))
    with collected_warnings(reporter.say, arguments.table):
        read = read_table(arguments.table, arguments.data_dir)
        choice = DataChoice(
            arguments.table,
            long=options.long_columns(arguments),
            missing=tuple(arguments.missing),
        )
        frame, notes = as_meant(read, choice, (*fitted.coords, *fitted.models))
        for note in notes:
            reporter.say(note)
        table = forecast(fitted, frame)
    write_frame(table, arguments.out)
    reasons = fitted.reasons()
    if reasons:
        reporter.complain({fitted.name: reasons}, arguments.out)
    return not reasons
