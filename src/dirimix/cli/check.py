"""Say in a moment how a study is understood and what of it would be refused."""

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dirimix.cli import options
from dirimix.errors import InputError, counted

if TYPE_CHECKING:
    from dirimix.study.check.study import Checked
    from dirimix.table.split import SplitTable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`check STUDY.toml`."""
    options.add_study(parser)
    options.add_data_dir(parser)
    options.add_common(parser)
    parser.set_defaults(act=_check)


def _check(arguments: argparse.Namespace) -> bool:
    study = options.read_study(arguments)
    from dirimix.study.check.study import look_at

    found = look_at(study, options.study_folder(arguments), arguments.data_dir)
    if not arguments.quiet:
        sys.stdout.write("".join(f"{line}\n" for line in _lines(found)))
    for first in found.refused[:1]:
        more = f" (and {len(found.refused) - 1} more)" if len(found.refused) > 1 else ""
        raise InputError(f"the study would be refused: {first}{more}")
    if not arguments.quiet:
        sys.stdout.write(f"nothing is refused; run it with: dirimix run {arguments.study}\n")
    return True


def _lines(found: "Checked") -> Iterator[str]:
    study, data = found.setup.study, found.setup.data
    rows = ", ".join(f"{len(part.frame)} {split}" for split, part in data.parts.items())
    yield f"{data.source}: {rows} rows"
    yield f"target: {data.target}" + (f", with errors {data.error}" if data.error else "")
    yield f"coordinates: {', '.join(_kinds(data)) or 'none'}"
    yield f"{counted(len(data.models), 'model')}: {', '.join(data.models)}"
    for other in found.setup.others.values():
        yield f"beside it: {other.source}, target {other.target}"
    for note in data.notes:
        yield f"note: {note}"
    yield f"{counted(len(study.run), 'method')}:"
    for choice in study.choices():
        given = ", ".join(f"{k} = {v}" for k, v in study.options_of(choice).items())
        yield f"  {choice.name}: {choice.words}{f'; {given}' if given else ''}"
    for scheme in study.validation:
        names = ", ".join(choice.name for choice in study.validated(scheme))
        yield f"validation {scheme.name}: {scheme.kind}, of {names}"
    if found.fits:
        yield f"{counted(found.fits, 'fit')} in all"
    yield from (f"warning: {line}" for line in found.warned if not line.endswith(data.notes))
    yield from (f"refused: {line}" for line in found.refused)


def _kinds(data: "SplitTable") -> Iterator[str]:
    """The coordinates, with what they are where they are no numbers on a line."""
    for name in data.coords:
        if name in (data.geo or ()):
            yield f"{name} (on the globe)"
        elif name in (data.periodic or {}):
            yield f"{name} (periodic)"
        else:
            labels = counted(len(data.levels.get(name, ())), "label")
            kinds = {"date": " (dates)", "category": f" ({labels})"}
            yield name + kinds.get(data.kinds.get(name, ""), "")
