"""Predict the rows of a table with a fitted method."""

import argparse
from pathlib import Path

from dirimix.cli import options
from dirimix.cli.console import ConsoleReporter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`predict DIR TABLE --out FILE`."""
    parser.add_argument("folder", metavar="DIR", help="folder that fit wrote")
    parser.add_argument("table", metavar="TABLE", help="CSV, Parquet or netCDF, or data:NAME")
    parser.add_argument("--out", required=True, metavar="FILE", help=".csv, .parquet or .nc")
    options.add_common_of_fits(parser)
    parser.set_defaults(act=_predict)


def _predict(arguments: argparse.Namespace) -> bool:
    from dirimix.assess.forecast import forecast
    from dirimix.study.load import read_table
    from dirimix.study.run import collected_warnings, load_fitted
    from dirimix.table.files import file_kind, write_frame

    reporter = ConsoleReporter(quiet=arguments.quiet)
    file_kind(arguments.out)
    fitted = load_fitted(Path(arguments.folder))
    with collected_warnings(reporter.say, arguments.table):
        table = forecast(fitted, read_table(arguments.table, arguments.data_dir))
    write_frame(table, arguments.out)
    reasons = fitted.reasons()
    if reasons:
        reporter.complain({fitted.name: reasons}, arguments.out)
    return not reasons
