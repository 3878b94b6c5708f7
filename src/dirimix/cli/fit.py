"""Fit one method to a table."""

import argparse
from pathlib import Path

from dirimix.cli import options
from dirimix.cli.console import ConsoleReporter
from dirimix.errors import InputError
from dirimix.laws.transform_names import TRANSFORMS
from dirimix.methods import METHODS, Choice, parse_method

# options with a flag of their own
_SAMPLING = ("chains", "draws", "warmup", "min_ess", "max_seconds", "kernel")
_NOISE = ("y_scale", "noise_prior")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`fit TABLE --target ... --out DIR`."""
    parser.add_argument("table", metavar="TABLE", help="CSV, Parquet or netCDF, or data:NAME")
    options.add_columns(parser)
    parser.add_argument("--geo", metavar="LON,LAT", help="which of them are places on the globe")
    parser.add_argument(
        "--periodic", metavar="A=PERIOD,...", help="which of them come round, such as doy=365.25"
    )
    parser.add_argument(
        "--repeats",
        choices=("keep", "pool"),
        default="keep",
        help="several rows at a site: as they are, or averaged by their errors",
    )
    methods = ", ".join(METHODS)
    parser.add_argument(
        "--method",
        default="auto",
        metavar="METHOD",
        help=f"one of {methods} (default: auto); with +gp, of corrected models, with +delta or "
        "+contrast with a discrepancy",
    )
    options.add_reading(parser)
    parser.add_argument("--rows", choices=("all", "complete"), default="all", help="rows to use")
    parser.add_argument(
        "--n-train",
        type=options.whole,
        metavar="N",
        help="at most so many training rows, drawn with the seed; the others are predicted",
    )
    parser.add_argument(
        "--transform", choices=TRANSFORMS, help="scale of the fit, of positive and skewed values"
    )
    options.add_observations(parser)
    parser.add_argument("--chains", type=options.whole, metavar="N", help="independent chains")
    parser.add_argument(
        "--draws", type=options.whole, metavar="N", help="draws kept from each chain"
    )
    parser.add_argument("--warmup", type=options.whole, metavar="N", help="iterations before them")
    parser.add_argument(
        "--min-ess",
        type=options.number,
        metavar="ESS",
        help="draw until every effective size is this",
    )
    parser.add_argument(
        "--max-seconds",
        type=options.number,
        metavar="S",
        help="break the warm-up off after this time, and begin no more draws",
    )
    parser.add_argument("--kernel", choices=("hmc", "nuts", "metropolis"), help="sampler")
    parser.add_argument(
        "--y-scale", type=options.number, metavar="S",
        help="scale of the noise, in the unit of the target (default: found from the data)",
    )  # fmt: skip
    parser.add_argument(
        "--noise-prior", choices=("weak", "paper"), help="prior of the noise (default: weak)"
    )
    parser.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="any other option"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write")
    parser.add_argument(
        "--resume", action="store_true", help="go on from the draws of an interrupted fit"
    )
    options.add_common_of_fits(parser)
    parser.set_defaults(
        act=_fit, kept="nothing was written; --resume goes on from the draws so far"
    )


def _fit(arguments: argparse.Namespace) -> bool:
    choice = parse_method(arguments.method)
    if arguments.n_train is not None and arguments.n_train < 2:
        raise InputError(f"--n-train must be at least 2, not {arguments.n_train}")
    reporter = ConsoleReporter(quiet=arguments.quiet, accepted=arguments.allow_unconverged)
    # light checks first: the rest imports much
    from dirimix.study.check.setup import check_setup, long_waits
    from dirimix.study.check.target import check_target
    from dirimix.study.jobs import ResolvedStudy
    from dirimix.study.load import load_split_table
    from dirimix.study.parse import check_options
    from dirimix.study.run import fit_one
    from dirimix.study.spec import DataChoice, Study
    from dirimix.study.work.said import collected_warnings

    own = dict(options.setting(text) for text in arguments.option)
    check_options(choice, own)
    wanted = DataChoice(
        arguments.table,
        target=arguments.target,
        coords=options.columns(arguments.coords, "--coords"),
        models=options.columns(arguments.models, "--models"),
        error=arguments.error,
        names=arguments.names,
        rows=arguments.rows,
        n_train=arguments.n_train,
        transform=arguments.transform,
        geo=options.columns(arguments.geo, "--geo"),
        periodic=options.periods(arguments.periodic),
        repeats=arguments.repeats,
        long=options.long_columns(arguments),
        observations=arguments.observations,
        missing=tuple(arguments.missing),
    )
    study = Study(
        wanted,
        (choice.name,),
        overrides={choice.name: _flags(arguments, choice, reporter) | own},
        seed=arguments.seed or 0,
        title=f"{choice.name} on {Path(arguments.table).name}",
    )
    check_target(Path(arguments.out), "fit")
    with collected_warnings(reporter.say, arguments.table):
        data = load_split_table(wanted, study.seed, arguments.data_dir).training_only()
    setup = ResolvedStudy(study, data)
    check_setup(setup)
    reporter.describe(data, long_waits(setup))
    outcome = fit_one(study, data, Path(arguments.out), reporter, resume=arguments.resume)
    reporter.finish(outcome, arguments.out)
    return not outcome.unconverged


def _flags(
    arguments: argparse.Namespace, choice: Choice, reporter: ConsoleReporter
) -> dict[str, object]:
    """Options given by flags, those that the method has; a line about the others."""
    flags = {n: getattr(arguments, n) for n in (*_SAMPLING, *_NOISE)}
    given = {name: value for name, value in flags.items() if value is not None}
    for name, value in given.items():
        alone = name == "min_ess" and value == 0  # the draws alone
        if not isinstance(value, str) and value <= 0 and not alone:
            raise InputError(f"--{name.replace('_', '-')} must be positive, not {value}")
    known = choice.method.options()
    for name in [n for n in given if n not in known]:
        reporter.say(f"{choice.name} has no {name}; --{name.replace('_', '-')} is not used")
    return {name: value for name, value in given.items() if name in known}
