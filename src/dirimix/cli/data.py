"""List the datasets, or fetch one."""

import argparse
import sys

from dirimix.cli.options import add_common


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`data list` and `data fetch`."""
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = verbs.add_parser("list", help="name the datasets")
    listing.set_defaults(act=_list)
    fetching = verbs.add_parser("fetch", help="download a dataset and check it")
    fetching.add_argument("name", metavar="NAME")
    fetching.add_argument("--dir", metavar="DIR", help="folder to put it in")
    fetching.set_defaults(act=_fetch)
    for verb in (listing, fetching):
        add_common(verb)


def _list(arguments: argparse.Namespace) -> bool:
    del arguments
    from dirimix import datasets

    sources = datasets.DATASETS.items()
    sys.stdout.write("".join(f"{name:14}{source.summary}\n" for name, source in sources))
    return True


def _fetch(arguments: argparse.Namespace) -> bool:
    from dirimix import datasets

    place = datasets.fetch(arguments.name, data_dir=arguments.dir)
    if not arguments.quiet:
        sys.stdout.write(f"{place}\n")
    return True
