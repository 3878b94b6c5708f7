"""Predict the rows of a table with a fitted method."""

import argparse
from pathlib import Path

from dirimix.cli import options
from dirimix.cli.console import ConsoleReporter, RowProgress
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
    from dirimix.study.batches import open_rows, predict_rows
    from dirimix.study.run import load_fitted
    from dirimix.study.spec import DataChoice
    from dirimix.study.work.one_job import collected_warnings
    from dirimix.table.files import file_kind

    reporter = ConsoleReporter(quiet=arguments.quiet, accepted=arguments.allow_unconverged)
    file_kind(out := Path(arguments.out))
    if out.exists() and Path(arguments.table).exists() and out.samefile(arguments.table):
        raise InputError(f"--out is the table itself, {arguments.out!r}; name another file")
    if not out.parent.is_dir():
        raise InputError(f"there is no folder {str(out.parent)!r} to write to; create it first")
    fitted = load_fitted(Path(arguments.folder))
    choice = DataChoice(
        arguments.table,
        long=options.long_columns(arguments),
        missing=tuple(arguments.missing),
    )
    with collected_warnings(reporter.say, arguments.table):
        rows, notes = open_rows(choice, fitted, arguments.data_dir)
        for note in notes:
            reporter.say(note)
        predict_rows(fitted, rows, out, RowProgress(reporter))
    reasons = fitted.reasons()
    if reasons:
        reporter.complain({fitted.name: reasons}, arguments.out)
    return not reasons
