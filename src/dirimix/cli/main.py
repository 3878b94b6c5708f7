"""The command line: one module a verb, nothing heavy imported before it is needed."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from dirimix._version import __version__
from dirimix.cli import check, data, fit, init, predict, report, run
from dirimix.errors import InputError, NotConverged
from dirimix.sampling import compile_cache

BAD_INPUT, NOT_CONVERGED, INTERRUPTED = 2, 3, 130
VERBS = {
    "init": init,
    "data": data,
    "fit": fit,
    "predict": predict,
    "check": check,
    "run": run,
    "report": report,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0 is success, 2 bad input, 3 a result that has not converged, 130 an interruption.
    """
    try:
        arguments = _parser().parse_args(argv)
    except InputError as error:
        sys.stderr.write(f"dirimix: {error}\n")
        return BAD_INPUT
    if arguments.quiet:
        _silence_downloads()
    elif sys.stderr.isatty():
        _begin(arguments)
    os.environ.update(compile_cache.environment())
    try:
        converged = arguments.act(arguments)
    except InputError as error:
        sys.stderr.write(f"dirimix: {error}\n")
        return BAD_INPUT
    except NotConverged as error:
        sys.stderr.write(f"dirimix: {error}\n")
        return NOT_CONVERGED
    except KeyboardInterrupt:
        sys.stderr.write(
            "\ndirimix: interrupted; finished methods of a run are kept for --resume\n"
        )
        return INTERRUPTED
    return 0 if converged or arguments.allow_unconverged else NOT_CONVERGED


def _begin(arguments: argparse.Namespace) -> None:
    """Say at once what was understood: what follows imports for a second or two."""
    sys.stderr.write(f"dirimix {__version__}: {arguments.doing}\n")
    sys.stderr.flush()


def _silence_downloads() -> None:
    """Keep the downloader's own lines off the terminal."""
    import pooch

    pooch.get_logger().setLevel("WARNING")


class Parser(argparse.ArgumentParser):
    """A parser that refuses in one sentence, as everything else does."""

    def error(self, message: str) -> NoReturn:
        said = message.removeprefix("argument ").replace(": must be", " must be")
        raise InputError(f"{said}; `{self.prog} --help` lists what there is")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="dirimix",
        description="Mix imperfect models: calibrated predictions and weight maps.",
        epilog="Exit codes: 0 success, 2 bad input, 3 not converged (outputs are written).",
    )
    parser.add_argument("--version", action="version", version=f"dirimix {__version__}")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, module in VERBS.items():
        words = (module.__doc__ or "").splitlines()[0]
        verb = verbs.add_parser(name, help=words, description=words)
        module.add_arguments(verb)
        verb.set_defaults(doing=f"{name}, {words[0].lower()}{words[1:].rstrip('.')}")
    return parser
