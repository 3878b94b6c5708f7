"""Write the report of an output folder."""

import argparse
import sys
import webbrowser
from pathlib import Path

from dirimix.cli import options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`report DIR [--open]`."""
    parser.add_argument("folder", metavar="DIR", help="folder that run or fit wrote")
    parser.add_argument("--open", action="store_true", help="show it in the browser")
    options.add_common(parser)
    parser.set_defaults(act=_report)


def _report(arguments: argparse.Namespace) -> bool:
    from dirimix.report.page import write_report

    path = write_report(Path(arguments.folder))
    if not arguments.quiet:
        sys.stdout.write(f"report: {path}\n")
    if arguments.open and not webbrowser.open(path.resolve().as_uri()):
        sys.stderr.write(f"dirimix: no browser was found; open {path} with one\n")
    return True
