"""Run a study: every method on one table, scored, compared and shown in a report."""

import argparse
import sys
from pathlib import Path

from dirimix.cli import options
from dirimix.cli.console import ConsoleReporter
from dirimix.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`run STUDY.toml [--out DIR] [--no-report]`."""
    options.add_study(parser)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--jobs", type=options.whole, default=1, metavar="N", help="fits at a time")
    where.add_argument("--dask", metavar="ADDRESS", help="run fits on a Dask scheduler")
    parser.add_argument(
        "--resume", action="store_true", help="keep the fits, and draws, that are already there"
    )
    parser.add_argument(
        "--no-report", action="store_true", help="write no report.html; `report` can do so later"
    )
    options.add_common_of_fits(parser)
    parser.set_defaults(act=_run, kept="what is finished is kept; --resume goes on from there")


def _run(arguments: argparse.Namespace) -> bool:
    if arguments.jobs < 1:
        raise InputError(f"--jobs must be at least 1, not {arguments.jobs}")
    study, folder = options.read_study(arguments), options.study_folder(arguments)
    # a study that is not valid is refused before the heavy imports
    from dirimix.study.check.setup import check_setup, long_waits
    from dirimix.study.check.study import resolve
    from dirimix.study.check.target import check_target
    from dirimix.study.failures import refuse
    from dirimix.study.load import file_sha256
    from dirimix.study.run import run_study
    from dirimix.study.work.said import collected_warnings

    alone = arguments.jobs == 1 and arguments.dask is None
    reporter = ConsoleReporter(
        quiet=arguments.quiet, redraw=alone, accepted=arguments.allow_unconverged
    )
    check_target(folder, "run")
    with collected_warnings(reporter.say, study.data.table):
        setup = resolve(study, arguments.data_dir)
    check_setup(setup)
    reporter.describe(setup.data, long_waits(setup))
    given = Path(arguments.study)
    inputs = {given.name if given.is_absolute() else str(given): file_sha256(given)}
    outcome = run_study(
        setup,
        folder,
        reporter,
        inputs,
        processes=arguments.jobs,
        dask=arguments.dask,
        resume=arguments.resume,
    )
    reporter.finish(outcome, str(folder))
    if not arguments.no_report:
        from dirimix.report.page import write_report

        path = write_report(folder)
        if not arguments.quiet:
            sys.stdout.write(f"report: {path}\n")
    refuse(outcome.failures, f"all else is in {folder}")
    return not outcome.unconverged
