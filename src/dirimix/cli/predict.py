"""Predict the rows of a table with a fitted method."""

import argparse
from contextlib import nullcontext
from functools import partial
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
    parser.add_argument("--dask", metavar="ADDRESS", help="predict on a Dask scheduler")
    options.add_common_of_fits(parser)
    parser.set_defaults(act=_predict)


def _predict(arguments: argparse.Namespace) -> bool:
    from dirimix.study.batches import forecast_of_folder, open_rows, predict_rows
    from dirimix.study.folder import MANIFEST_FILE
    from dirimix.study.load import file_sha256
    from dirimix.study.run import load_fitted
    from dirimix.study.spec import DataChoice
    from dirimix.study.work.cluster import dask_cluster
    from dirimix.study.work.said import collected_warnings
    from dirimix.table.files import file_kind

    reporter = ConsoleReporter(quiet=arguments.quiet, accepted=arguments.allow_unconverged)
    file_kind(out := Path(arguments.out))
    if out.exists() and Path(arguments.table).exists() and out.samefile(arguments.table):
        raise InputError(f"--out is the table itself, {arguments.out!r}; name another file")
    if not out.parent.is_dir():
        raise InputError(f"there is no folder {str(out.parent)!r} to write to; create it first")
    folder = Path(arguments.folder).resolve()
    fitted = load_fitted(Path(arguments.folder))
    there = forecast_of_folder, str(folder), file_sha256(folder / MANIFEST_FILE)
    choice = DataChoice(
        arguments.table,
        long=options.long_columns(arguments),
        missing=tuple(arguments.missing),
    )
    with collected_warnings(reporter.say, arguments.table):
        rows, notes = open_rows(choice, fitted, arguments.data_dir)
        for note in notes:
            reporter.say(note)
        with dask_cluster(arguments.dask) if arguments.dask else nullcontext() as cluster:
            each = None if cluster is None else partial(cluster.in_order, partial(*there))
            predict_rows(fitted, rows, out, RowProgress(reporter), each)
    reasons = fitted.reasons()
    if reasons:
        reporter.complain({fitted.name: reasons}, arguments.out)
    return not reasons
