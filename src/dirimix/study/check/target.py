"""Which folders may be written: new ones, empty ones, and what dirimix wrote by the same command.

A folder that is written again is emptied first. So nothing is taken for ours by its ending alone: a
file that dirimix never writes under that name is somebody's, and the folder is left as it is.
"""

# pyright: strict

import os
from collections.abc import Iterator
from pathlib import Path

from dirimix.assess.schema import TABLES
from dirimix.errors import InputError
from dirimix.methods import parse_method
from dirimix.study.disk.draw_files import is_of_draws
from dirimix.study.folder import (
    ARRAYS_FILE,
    FACTS_FILE,
    FIGURE_FOLDER,
    FIT_FILE,
    FIT_FOLDERS,
    MANIFEST_FILE,
    MARK,
    POSTERIOR_FILE,
    REPORT_FILE,
    SCORES_FILE,
    kind_of,
    posterior_file,
    read_json,
)

# command -> what it writes
_WRITERS = {"fit": "a fit", "run": "a study"}
_TABLE_ENDINGS = (".csv", ".parquet")
_FIGURE_ENDINGS = (".csv", ".md", ".png", ".svg")
_HEAD_FILES = (MARK, FIT_FILE, ARRAYS_FILE, SCORES_FILE, MANIFEST_FILE, REPORT_FILE)


def check_target(target: Path, kind: str) -> None:
    """Refuse a folder that `fit` or `run`, the kind, would not write anew without a loss.

    Raises:
        InputError: If it is a file, cannot be written to, or holds anything that the same command
            did not write there.
    """
    if target.exists() and not target.is_dir():
        raise InputError(f"the output {str(target)!r} is a file; name a folder")
    _check_writable(target)
    if kind == "fit":
        _check_exchangeable(target)
    found = kind_of(target)
    there = {path.name for path in target.iterdir()} if target.is_dir() else set[str]()
    # the mark is made first: an empty one, alone, is that of a command that could not go on
    if not there or (found == "" and there == {MARK}):
        return
    if found not in _WRITERS:
        raise InputError(
            f"the output folder {str(target)!r} is not empty and was not written by dirimix; "
            "name another, or empty it yourself"
        )
    if found != kind:
        raise InputError(
            f"the output folder {str(target)!r} holds {_WRITERS[found]}, which "
            f"{kind!r} does not replace; name another, or delete it yourself"
        )
    for name in _not_ours(target):
        raise InputError(
            f"the output folder {str(target)!r} holds {name!r}, which dirimix did not write; "
            "move it away, or name another folder"
        )


def _check_writable(target: Path) -> None:
    path = target.absolute()
    there = next(p for p in (path, *path.parents) if p.exists())
    if not there.is_dir():
        raise InputError(
            f"the output folder {str(target)!r} would lie in {str(there)!r}, which is a file; "
            "name another"
        )
    if not os.access(there, os.W_OK):
        raise InputError(f"the output folder {str(target)!r} cannot be written to; name another")


def _check_exchangeable(target: Path) -> None:
    """A fit writes a new folder beside the target and exchanges the two."""
    place = target.resolve()
    if place.is_mount() or place in (Path.cwd(), *Path.cwd().parents):
        why = "a file system of its own" if place.is_mount() else "where this command runs"
        raise InputError(
            f"the output folder {str(target)!r} is {why} and cannot be exchanged for a new one; "
            "name a folder in it"
        )
    _check_writable(place.parent)


def _not_ours(folder: Path) -> Iterator[str]:
    """What lies in an output folder under a name that dirimix does not give."""
    for path in sorted(folder.iterdir()):
        if path.name in FIT_FOLDERS and (path.is_dir() or path.is_symlink()):
            # a link in place of a fit is not followed, and taken away by the next run
            own = (Path(at, name) for at, _, files in os.walk(path) for name in sorted(files))
            own = (p for p in own if not path.is_symlink() and not _of_a_fit(p))
            yield from (str(p.relative_to(folder)) for p in own)
        elif path.name == FIGURE_FOLDER and path.is_dir():
            known = _figures(folder)
            yield from (f"{path.name}/{p.name}" for p in path.iterdir() if p.name not in known)
        elif path.is_dir() or not _at_the_head(path):
            yield path.name


def _at_the_head(path: Path) -> bool:
    return path.name in _HEAD_FILES or _is_table(path) or _is_posterior(path) or _is_part(path)


def _of_a_fit(path: Path) -> bool:
    known = path.name in (FACTS_FILE, POSTERIOR_FILE) or _is_table(path) or is_of_draws(path)
    return known or _is_part(path)


def _is_table(path: Path) -> bool:
    return path.suffix in _TABLE_ENDINGS and path.stem in TABLES


def _is_part(path: Path) -> bool:
    """Whether it is what an interrupted command left of a file."""
    return path.name.startswith(".") and path.name.endswith(".part")


def _is_posterior(path: Path) -> bool:
    before, after = posterior_file("\n").split("\n")
    method = path.name.removeprefix(before).removesuffix(after)
    try:
        return path.name == posterior_file(parse_method(method).name)
    except InputError:
        return False


def _figures(folder: Path) -> set[str]:
    """The files of the exhibits that the study of a folder chose."""
    try:
        chosen = read_json(folder / MANIFEST_FILE)["study"]["exhibits"]
        names = [f"{each['name']}{ending}" for each in chosen for ending in _FIGURE_ENDINGS]
    except (InputError, LookupError, TypeError):  # missing, damaged or of a run without any
        return set()
    return {*names, *(f".{name}.part" for name in names)}
