"""Look at a table and write a study of it, to be edited."""

import argparse
import os
import sys
from pathlib import Path

from dirimix.cli import options
from dirimix.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`init TABLE [--out STUDY.toml]`."""
    parser.add_argument("table", metavar="TABLE", help="CSV, Parquet or netCDF")
    parser.add_argument("--out", metavar="STUDY.toml", help="default: TABLE with this ending")
    options.add_columns(parser)
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
    from dirimix.cli.draft import study_text
    from dirimix.table.files import read_frame, whole_file
    from dirimix.table.guess import guess

    found = guess(
        read_frame(table),
        target=arguments.target,
        coords=options.columns(arguments.coords, "--coords"),
        models=options.columns(arguments.models, "--models"),
        error=arguments.error,
    )
    # a study names its table from its own folder
    place = Path(os.path.relpath(table.resolve(), out.parent.resolve())).as_posix()
    with whole_file(out) as path:
        path.write_text(study_text(found, place), encoding="utf-8")
    if not arguments.quiet:
        for line in found.words():
            sys.stdout.write(line + "\n")
        sys.stdout.write(f"written to {out}; correct it where it is wrong, then\n")
        sys.stdout.write(f"  dirimix check {out}\n  dirimix run {out}\n")
    return True
