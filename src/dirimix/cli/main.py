"""The command line: one module a verb, nothing heavy imported before it is needed."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from dirimix._version import __version__
from dirimix.cli import check, data, fit, init, predict, report, run
from dirimix.cli.endings import BAD_INPUT, complain, exit_code, leave
from dirimix.errors import InputError
from dirimix.sampling import compile_cache

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

    0 is success, 1 a failure of the machine, 2 bad input, 3 a result that has not converged, 128
    and more a signal (130 is Ctrl-C).
    """
    try:
        arguments = _parser().parse_args(argv)
    except InputError as error:
        complain(f"dirimix: {error}")
        return BAD_INPUT
    accepts, kept, quiet = arguments.allow_unconverged, arguments.kept, arguments.quiet
    alone = argv is None
    code = exit_code(lambda: _act(arguments), accepts, kept, quiet=quiet, alone=alone)
    return leave(code) if alone else code


def _act(arguments: argparse.Namespace) -> bool:
    """Run a command; False where a result has not converged."""
    if arguments.quiet:
        _silence_downloads()
    elif sys.stderr.isatty():
        _begin(arguments)
    os.environ.update(compile_cache.environment())
    return arguments.act(arguments)


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
        epilog="Exit codes: 0 success, 1 the machine failed, 2 bad input, 3 not converged "
        "(outputs are written).",
    )
    parser.add_argument("--version", action="version", version=f"dirimix {__version__}")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, module in VERBS.items():
        words = (module.__doc__ or "").splitlines()[0]
        verb = verbs.add_parser(name, help=words, description=words)
        verb.set_defaults(kept="nothing was written")
        module.add_arguments(verb)
        verb.set_defaults(doing=f"{name}, {words[0].lower()}{words[1:].rstrip('.')}")
    return parser
